// The macros of the C++ headers.
//
// The inline namespace names the version of the headers, and whether exceptions are enabled.  Both decide what inline
// functions do: the version, for example, decides how large the structs of the C interface are.  If different functions
// had the same symbol, the linker would keep one of them for the whole program.  With the namespace, a program may link
// sources that are compiled differently.  Such sources can pass each other only the types of the C interface.
#ifndef LANEFOLD_CPP_MACROS_HPP
#define LANEFOLD_CPP_MACROS_HPP

#include <lanefold/status.h>

/// \cond
#define LANEFOLD_JOIN(major, minor, patch, errors) v##major##_##minor##_##patch##_##errors
#define LANEFOLD_NAME(major, minor, patch, errors) LANEFOLD_JOIN(major, minor, patch, errors)
#if defined(__cpp_exceptions)
#define LANEFOLD_NAMESPACE LANEFOLD_NAME(LF_VERSION_MAJOR, LF_VERSION_MINOR, LF_VERSION_PATCH, throwing)
#else
#define LANEFOLD_NAMESPACE LANEFOLD_NAME(LF_VERSION_MAJOR, LF_VERSION_MINOR, LF_VERSION_PATCH, returning)
#endif

// The result of the function refers to this argument, or to *this.  Clang warns if the result outlives it.
#if defined(__clang__)
#define LANEFOLD_LIFETIMEBOUND [[clang::lifetimebound]]
#else
#define LANEFOLD_LIFETIMEBOUND
#endif
/// \endcond

#endif
