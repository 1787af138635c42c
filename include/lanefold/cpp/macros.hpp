// The macros of the C++ headers.
//
// The inline namespace names the version of the headers, and whether exceptions are enabled.  Both decide what inline
// functions do: the version says how large a struct of the C interface is.  If functions that differ had the same
// symbol, the linker would keep one of them for the whole program.  So programs may link sources that are compiled
// differently, but such sources can only hand each other the types of the C interface.
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

// What is made from the argument, or from *this, refers to it.  Clang then warns if it outlives a temporary.
#if defined(__clang__)
#define LANEFOLD_LIFETIMEBOUND [[clang::lifetimebound]]
#else
#define LANEFOLD_LIFETIMEBOUND
#endif
/// \endcond

#endif
