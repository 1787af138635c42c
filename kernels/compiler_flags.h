/* Refuses compiler flags that change results, and in code for every CPU (LANEFOLD_FOR_EVERY_CPU) flags for certain CPUs.
 * The build looks for them when it is configured; a project around this one may add them later. */
#ifndef LANEFOLD_COMPILER_FLAGS_H
#define LANEFOLD_COMPILER_FLAGS_H

#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) ||                         \
    defined(__NO_SIGNED_ZEROS__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) ||                         \
    __FLT_EVAL_METHOD__ != 0
#error "a flag of fast mathematics changes the results of Lanefold, which have the same bits everywhere"
#endif

/* A compiler may have such a CPU as its default. */
#if defined(LANEFOLD_FOR_EVERY_CPU) && !defined(LANEFOLD_DEFAULT_CPU)
#if defined(__SSE3__) || defined(__ARM_FEATURE_ATOMICS) || defined(__ARM_FEATURE_SVE)
#error "a flag for a certain CPU: Lanefold runs on every CPU, and its plugins bring the instruction sets"
#endif
#endif

#endif
