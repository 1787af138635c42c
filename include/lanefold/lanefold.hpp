// The C interface for C++17: views, owners of layers and networks, and errors that are thrown or returned.
//
// Context throws errors, and NothrowContext returns them.  Both have a call for each C function, and that function's
// header has the contract: formula, aliasing, errors and thread-safety.  docs/guide/cpp.md begins with examples.
#ifndef LANEFOLD_LANEFOLD_HPP
#define LANEFOLD_LANEFOLD_HPP

#include <lanefold/lanefold.h>

#include <lanefold/cpp/call_base.hpp>
#include <lanefold/cpp/calls.hpp>
#include <lanefold/cpp/check.hpp>
#include <lanefold/cpp/context.hpp>
#include <lanefold/cpp/errors.hpp>
#include <lanefold/cpp/layers.hpp>
#include <lanefold/cpp/macros.hpp>
#include <lanefold/cpp/network_builder.hpp>
#include <lanefold/cpp/norm_calls.hpp>
#include <lanefold/cpp/operations.hpp>
#include <lanefold/cpp/views.hpp>

#endif
