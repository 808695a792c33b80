/* vector.h -- several floats at once: GNU vectors where the compiler has them, one float where it has not, so that the
 * same text is plain C99 too.
 *
 * A vector is O2C_LANES floats, a wide one O2C_WIDE, as many as a register takes. Both can be added, subtracted,
 * multiplied and divided, by each other and by floats. In memory they need no alignment. */
#ifndef O2C_VECTOR_H
#define O2C_VECTOR_H
#if defined(__GNUC__) && defined(__AVX512F__)
#define O2C_LANES 8
#define O2C_WIDE  16
#elif defined(__GNUC__) && defined(__AVX__)
#define O2C_LANES 8
#define O2C_WIDE  8
#elif defined(__GNUC__)
#define O2C_LANES 4
#define O2C_WIDE  4
#else
#define O2C_LANES 1
#define O2C_WIDE  1
#endif
#if defined(__GNUC__) && defined(__FMA__)
#include <immintrin.h>
#endif

/* Loops over vectors are few rounds: unrolled, what they work on stays in registers. */
#if defined(__GNUC__) && !defined(__clang__)
#define O2C_UNROLL _Pragma("GCC unroll 16")
#else
#define O2C_UNROLL
#endif

#ifdef __GNUC__
#define O2C_INLINE static inline __attribute__((always_inline, unused))
typedef float o2c_vector __attribute__((vector_size(4 * O2C_LANES)));
typedef float o2c_wide __attribute__((vector_size(4 * O2C_WIDE)));
typedef float o2c_vector_in_memory __attribute__((vector_size(4 * O2C_LANES), aligned(4), may_alias));
typedef float o2c_wide_in_memory __attribute__((vector_size(4 * O2C_WIDE), aligned(4), may_alias));
#else
#define O2C_INLINE static inline
typedef float o2c_vector, o2c_wide, o2c_vector_in_memory, o2c_wide_in_memory;
#endif

O2C_INLINE o2c_wide o2c_wide_load(const float *from)
{
    return *(const o2c_wide_in_memory *)(const void *)from;
}
O2C_INLINE void o2c_wide_store(float *to, o2c_wide value)
{
    *(o2c_wide_in_memory *)(void *)to = value;
}

/* a * b + c, rounded once where the machine does that. */
O2C_INLINE o2c_wide o2c_wide_fma(float a, o2c_wide b, o2c_wide c)
{
#if defined(__GNUC__) && defined(__FMA__) && O2C_WIDE == 16
    return _mm512_fmadd_ps(_mm512_set1_ps(a), b, c);
#elif defined(__GNUC__) && defined(__FMA__) && O2C_WIDE == 8
    return _mm256_fmadd_ps(_mm256_set1_ps(a), b, c);
#else
    return a * b + c;
#endif
}
#endif
