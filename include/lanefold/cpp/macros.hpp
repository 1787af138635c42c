// The macros of the C++ headers.
//
// The inline namespace names the version of the headers, and whether exceptions are enabled.  Both decide what an inline
// function does: the version says how large a struct of the C interface is.  If functions that differ had the same
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
/// \endcond

#endif
