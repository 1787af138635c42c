/** @file
 * All headers for programs that call Lanefold.  Programs that implement kernels also include plugin.h.
 */
#ifndef LANEFOLD_LANEFOLD_H
#define LANEFOLD_LANEFOLD_H

#include <lanefold/activation.h>
#include <lanefold/batch.h>
#include <lanefold/context.h>
#include <lanefold/dense.h>
#include <lanefold/flags.h>
#include <lanefold/gemm.h>
#include <lanefold/loss.h>
#include <lanefold/network.h>
#include <lanefold/norm.h>
#include <lanefold/optimizer.h>
#include <lanefold/parts.h>
#include <lanefold/status.h>

#endif
