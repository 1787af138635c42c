/* What a call answers: a status, and a message that names the argument at fault. */
#ifndef LANEFOLD_STATUS_H
#define LANEFOLD_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LF_API __attribute__((visibility("default")))
#else
#define LF_API
#endif

#define LF_VERSION_MAJOR 0
#define LF_VERSION_MINOR 1
#define LF_VERSION_PATCH 0

typedef int32_t lf_status;

#define LF_OK 0               /* done */
#define LF_INVALID_ARGUMENT 1 /* an argument is null, negative, inconsistent, out of range or overlaps an output */
#define LF_UNSUPPORTED 2      /* an unknown flag, code or field: newer than this library or this plugin */
#define LF_OUT_OF_MEMORY 3    /* scratch memory could not be had */
#define LF_NOT_FOUND 4        /* no plugin of that name */
#define LF_UNUSABLE 5         /* the plugin is there, but cannot run here; the message says why */
#define LF_INTERNAL 6         /* a defect of Lanefold */

/* "LF_OK" and so on; "unknown status" for any other number.  Never NULL.  [thread-safe] */
LF_API const char *lf_status_name(lf_status status);

/* Version of the library that runs, as major * 10000 + minor * 100 + patch.  [thread-safe] */
LF_API int32_t lf_version(void);

#ifdef __cplusplus
}
#endif

#endif
