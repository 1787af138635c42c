/** @file
 * The status that a call returns, and the version of the library.
 *
 * A call that fails also leaves a message, which names the argument at fault (context.h).
 */
#ifndef LANEFOLD_STATUS_H
#define LANEFOLD_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
/** Marks what the library exports. */
#define LF_API __attribute__((visibility("default")))
#else
#define LF_API
#endif

/** @name Version
 *
 * The version of these headers.  lf_version() returns that of the library that runs.
 * @{
 */
#define LF_VERSION_MAJOR 0 /**< The major version. */
#define LF_VERSION_MINOR 1 /**< The minor version. */
#define LF_VERSION_PATCH 0 /**< The patch level. */
/** @} */

/** What a call returns: LF_OK, or the reason why it fails. */
typedef int32_t lf_status;

/** @name Status codes
 * @{
 */
#define LF_OK 0 /**< The call has done its work. */
#define LF_INVALID_ARGUMENT                                                                                            \
  1                        /**< An argument is NULL, out of range or inconsistent, or an output overlaps an operand. */
#define LF_UNSUPPORTED 2   /**< A flag, code or field is unknown to this library or to its plugins. */
#define LF_OUT_OF_MEMORY 3 /**< The system had no memory left. */
#define LF_NOT_FOUND 4     /**< No plugin has this name, or a folder of plugin_path does not exist. */
#define LF_UNUSABLE 5      /**< The plugin exists, but is refused, or this CPU or operating system cannot run it. */
#define LF_INTERNAL 6      /**< Lanefold has a defect. */
/** @} */

/**
 * Returns the name of a status, such as "LF_OK", or "unknown status".  The string is constant; it is never NULL.
 * [thread-safe]
 */
LF_API const char *lf_status_name(lf_status status);

/** Returns the version of the library that runs, as major * 10000 + minor * 100 + patch.  [thread-safe] */
LF_API int32_t lf_version(void);

#ifdef __cplusplus
}
#endif

#endif
