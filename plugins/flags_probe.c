/* Does not compile if the flags of the environment change results (LANEFOLD_PROBE_MATH), or let the compiler use
 * instructions that not every CPU of this architecture has (LANEFOLD_PROBE_CPU). */
#ifdef LANEFOLD_PROBE_MATH
#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) ||                         \
    defined(__NO_SIGNED_ZEROS__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) ||                         \
    __FLT_EVAL_METHOD__ != 0
#error "fast mathematics"
#endif
#endif

#ifdef LANEFOLD_PROBE_CPU
#if defined(__SSE3__) || defined(__ARM_FEATURE_ATOMICS) || defined(__ARM_FEATURE_SVE)
#error "a certain CPU"
#endif
#endif

int main(void) { return 0; }
