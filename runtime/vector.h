/* vector.h -- several floats at once: GNU vectors where the compiler has them, one float where it has not, so that the
 * same text is plain C99 too.
 *
 * A vector is O2C_LANES floats, a wide one O2C_WIDE, as many as a register takes. Both can be added, subtracted,
 * multiplied and divided, by each other and by floats. In memory they need no alignment. Functions of the elementary
 * kind are within 3 units in the last place of the true value, where that is a normal number; what is less is 0. */
#ifndef O2C_VECTOR_H
#define O2C_VECTOR_H
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__GNUC__) && !defined(O2C_PLAIN) /* which asks for plain C */
#define O2C_HAS_VECTORS
#endif
#if defined(O2C_HAS_VECTORS) && defined(__AVX512F__)
#define O2C_LANES 8
#define O2C_WIDE  16
#elif defined(O2C_HAS_VECTORS) && defined(__AVX__)
#define O2C_LANES 8
#define O2C_WIDE  8
#elif defined(O2C_HAS_VECTORS)
#define O2C_LANES 4
#define O2C_WIDE  4
#else
#define O2C_LANES 1
#define O2C_WIDE  1
#endif
#if defined(O2C_HAS_VECTORS) && defined(__AVX__)
#include <immintrin.h>
#elif defined(O2C_HAS_VECTORS) && defined(__SSE__)
#include <xmmintrin.h>
#endif

/* Loops over vectors are few rounds: unrolled, what they work on stays in registers. */
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
#define O2C_UNROLL _Pragma("GCC unroll 16")
#else
#define O2C_UNROLL
#endif

/* Vectors that hold n floats, n being at least O2C_LANES, and the first float of vector v: the last one ends where the
 * floats do, so it may repeat some of those before. */
#define O2C_VECTORS(n) (((n) + O2C_LANES - 1) / O2C_LANES)
#define O2C_LANE(v, n) ((v)*O2C_LANES < (n)-O2C_LANES ? (v)*O2C_LANES : (n)-O2C_LANES)

#ifdef O2C_HAS_VECTORS
#define O2C_INLINE static inline __attribute__((always_inline, unused))
typedef float o2c_vector __attribute__((vector_size(4 * O2C_LANES)));
typedef float o2c_wide __attribute__((vector_size(4 * O2C_WIDE)));
typedef float o2c_vector_in_memory __attribute__((vector_size(4 * O2C_LANES), aligned(4), may_alias));
typedef float o2c_wide_in_memory __attribute__((vector_size(4 * O2C_WIDE), aligned(4), may_alias));
typedef uint32_t o2c_bits __attribute__((vector_size(4 * O2C_LANES)));
#else
#define O2C_INLINE static inline
typedef float o2c_vector, o2c_wide, o2c_vector_in_memory, o2c_wide_in_memory;
typedef uint32_t o2c_bits;
#endif

/* ---- memory ---- */
O2C_INLINE o2c_vector o2c_load(const float *from)
{
    return *(const o2c_vector_in_memory *)(const void *)from;
}
O2C_INLINE void o2c_store(float *to, o2c_vector value)
{
    *(o2c_vector_in_memory *)(void *)to = value;
}
O2C_INLINE o2c_wide o2c_wide_load(const float *from)
{
    return *(const o2c_wide_in_memory *)(const void *)from;
}
/* The first n floats, at least 1, and zeros. */
O2C_INLINE o2c_wide o2c_wide_load_first(const float *from, int n)
{
#if defined(O2C_HAS_VECTORS) && O2C_WIDE == 16
    return _mm512_maskz_loadu_ps((__mmask16)(0xffffu >> (O2C_WIDE - n)), from);
#elif O2C_WIDE == 8
    static const int32_t wanted[2 * O2C_WIDE] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_maskload_ps(from, _mm256_loadu_si256((const __m256i *)(const void *)(wanted + O2C_WIDE - n)));
#elif O2C_WIDE > 1
    o2c_wide value = {0};
    if (n == O2C_WIDE)
        return o2c_wide_load(from);
    memcpy(&value, from, (size_t)n * sizeof *from);
    return value;
#else
    (void)n;
    return *from;
#endif
}
O2C_INLINE void o2c_wide_store(float *to, o2c_wide value)
{
    *(o2c_wide_in_memory *)(void *)to = value;
}
/* Asks for the cache lines of n floats, which will be read soon. */
O2C_INLINE void o2c_prefetch(const float *from, int n)
{
#ifdef O2C_HAS_VECTORS
    O2C_UNROLL
    for (int i = 0; i < n; i += 16)
        __builtin_prefetch(from + i);
#else
    (void)from;
    (void)n;
#endif
}

/* Asks for the line in which the float stands so far behind, which need not be there. */
O2C_INLINE void o2c_prefetch_behind(const float *from, int64_t floats)
{
#ifdef O2C_HAS_VECTORS
    __builtin_prefetch((const void *)((uintptr_t)from + (uintptr_t)floats * sizeof *from));
#else
    (void)from;
    (void)floats;
#endif
}

/* ---- bits ---- */
/* Bit i tells whether from[i], of 64 floats, is not 0. */
O2C_INLINE uint64_t o2c_nonzero_bits(const float *from)
{
    uint64_t bits = 0;
#if defined(O2C_HAS_VECTORS) && defined(__AVX512F__)
    for (int i = 0; i < 64; i += 16)
        bits |= (uint64_t)_mm512_cmp_ps_mask(_mm512_loadu_ps(from + i), _mm512_setzero_ps(), _CMP_NEQ_UQ) << i;
#elif defined(O2C_HAS_VECTORS) && defined(__AVX__)
    for (int i = 0; i < 64; i += 8)
        bits |= (uint64_t)_mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(from + i), _mm256_setzero_ps(), _CMP_NEQ_UQ))
                << i;
#elif defined(O2C_HAS_VECTORS) && defined(__SSE__)
    for (int i = 0; i < 64; i += 4)
        bits |= (uint64_t)_mm_movemask_ps(_mm_cmpneq_ps(_mm_loadu_ps(from + i), _mm_setzero_ps())) << i;
#else
    for (int i = 0; i < 64; i++)
        bits |= (uint64_t)(from[i] != 0) << i;
#endif
    return bits;
}
/* The number of the lowest bit that is set; one must be. */
O2C_INLINE int o2c_lowest_bit(uint64_t bits)
{
#ifdef O2C_HAS_VECTORS
    return __builtin_ctzll(bits);
#else
    int number = 0;
    for (; !(bits & 1); bits >>= 1)
        number++;
    return number;
#endif
}

/* Whether none of these floats is infinite or NaN: 0 times each is 0. */
O2C_INLINE int o2c_all_finite(int64_t rows, int64_t columns, const float *from, int64_t stride)
{
    const int64_t whole = columns - columns % O2C_WIDE;
    o2c_wide wide = {0};
    float lane[O2C_WIDE], rest = 0;
    for (int64_t i = 0; i < rows; i++) {
        const float *row = from + i * stride;
        for (int64_t j = 0; j < whole; j += O2C_WIDE)
            wide += 0.0f * o2c_wide_load(row + j);
        for (int64_t j = whole; j < columns; j++)
            rest += 0.0f * row[j];
    }
    o2c_wide_store(lane, wide);
    for (int i = 0; i < O2C_WIDE; i++)
        rest += lane[i];
    return rest == 0;
}

/* A vector's first lane. */
O2C_INLINE float o2c_first(o2c_vector a)
{
    float first;
    memcpy(&first, &a, sizeof first);
    return first;
}

/* ---- arithmetic ---- */
O2C_INLINE o2c_vector o2c_splat(float value)
{
    const o2c_vector zero = {0};
    return zero + value;
}
/* a * b + c, rounded once where the machine does that. */
O2C_INLINE o2c_wide o2c_wide_fma(float a, o2c_wide b, o2c_wide c)
{
#if defined(O2C_HAS_VECTORS) && defined(__FMA__) && O2C_WIDE == 16
    return _mm512_fmadd_ps(_mm512_set1_ps(a), b, c);
#elif defined(O2C_HAS_VECTORS) && defined(__FMA__) && O2C_WIDE == 8
    return _mm256_fmadd_ps(_mm256_set1_ps(a), b, c);
#else
    return a * b + c;
#endif
}
O2C_INLINE o2c_vector o2c_fma(o2c_vector a, o2c_vector b, o2c_vector c)
{
#if defined(O2C_HAS_VECTORS) && defined(__FMA__)
    return _mm256_fmadd_ps(a, b, c);
#else
    return a * b + c;
#endif
}
/* The sum of the lanes, in halves. */
O2C_INLINE float o2c_sum(o2c_vector a)
{
#if defined(O2C_HAS_VECTORS) && defined(__AVX__)
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
#else
    float lane[O2C_LANES];
    o2c_store(lane, a);
    for (int half = O2C_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
#endif
}

/* ---- choices ---- a mask's lanes are all ones or all zeros */
O2C_INLINE o2c_bits o2c_bits_of(o2c_vector a)
{
    o2c_bits bits;
    memcpy(&bits, &a, sizeof bits);
    return bits;
}
O2C_INLINE o2c_vector o2c_of_bits(o2c_bits a)
{
    o2c_vector value;
    memcpy(&value, &a, sizeof value);
    return value;
}
O2C_INLINE o2c_bits o2c_less(o2c_vector a, o2c_vector b)
{
#if O2C_LANES > 1
    return (o2c_bits)(a < b);
#else
    return (uint32_t) - (a < b);
#endif
}
O2C_INLINE o2c_bits o2c_less_equal(o2c_vector a, o2c_vector b)
{
#if O2C_LANES > 1
    return (o2c_bits)(a <= b);
#else
    return (uint32_t) - (a <= b);
#endif
}
O2C_INLINE o2c_bits o2c_is_nan(o2c_vector a)
{
#if O2C_LANES > 1
    return (o2c_bits)(a != a);
#else
    return (uint32_t) - (a != a);
#endif
}
O2C_INLINE o2c_vector o2c_choose(o2c_bits mask, o2c_vector a, o2c_vector b)
{
#if defined(O2C_HAS_VECTORS) && defined(__AVX__)
    return _mm256_blendv_ps(b, a, o2c_of_bits(mask));
#else
    return o2c_of_bits((mask & o2c_bits_of(a)) | (~mask & o2c_bits_of(b)));
#endif
}

/* ---- the scalar functions of these names: a NaN among the operands is the result ---- */
O2C_INLINE o2c_vector o2c_vector_max(o2c_vector a, o2c_vector b)
{
#if defined(O2C_HAS_VECTORS) && defined(__AVX__)
    const o2c_vector greater = _mm256_max_ps(a, b); /* b where one of them is NaN */
#else
    const o2c_vector greater = o2c_choose(o2c_less(b, a), a, b);
#endif
    return o2c_choose(o2c_is_nan(a), a, greater);
}
O2C_INLINE o2c_vector o2c_vector_min(o2c_vector a, o2c_vector b)
{
#if defined(O2C_HAS_VECTORS) && defined(__AVX__)
    const o2c_vector less = _mm256_min_ps(a, b);
#else
    const o2c_vector less = o2c_choose(o2c_less(a, b), a, b);
#endif
    return o2c_choose(o2c_is_nan(a), a, less);
}
O2C_INLINE o2c_vector o2c_vector_relu(o2c_vector a)
{
    return o2c_vector_max(a, o2c_splat(0));
}
O2C_INLINE o2c_vector o2c_vector_leaky_relu(o2c_vector a, o2c_vector slope)
{
    return o2c_choose(o2c_less(a, o2c_splat(0)), slope * a, a);
}

/* exp(a) as 2^n * (1 + rest), n an integer: rest, and the bits that make n the exponent. */
O2C_INLINE o2c_vector o2c_exp_rest(o2c_vector a, o2c_bits *exponent)
{
    const o2c_vector shift = o2c_splat(12582912.0f); /* 1.5 * 2^23: its last bit counts ones */
    const o2c_vector rounded = o2c_fma(a, o2c_splat(1.44269504f), shift), n = rounded - shift;
    const o2c_vector f = o2c_fma(n, o2c_splat(2.12194440e-4f), o2c_fma(n, o2c_splat(-0.693359375f), a));
    o2c_vector y = o2c_fma(f, o2c_splat(1.9875691500e-4f), o2c_splat(1.3981999507e-3f));
    y = o2c_fma(y, f, o2c_splat(8.3334519073e-3f));
    y = o2c_fma(y, f, o2c_splat(4.1665795894e-2f));
    y = o2c_fma(y, f, o2c_splat(1.6666665459e-1f));
    y = o2c_fma(y, f, o2c_splat(5.0000001201e-1f));
    *exponent = o2c_bits_of(rounded) << 23;
    return o2c_fma(y, f * f, f);
}
O2C_INLINE o2c_vector o2c_vector_exp(o2c_vector a)
{
    o2c_bits exponent;
    const o2c_vector y = o2c_exp_rest(a, &exponent) + 1.0f;
    o2c_vector power = o2c_of_bits(o2c_bits_of(y) + exponent);
    power = o2c_choose(o2c_less(a, o2c_splat(-87.3365402f)), o2c_splat(0), power);
    power = o2c_choose(o2c_less(o2c_splat(88.7228394f), a), o2c_splat(INFINITY), power);
    return o2c_choose(o2c_is_nan(a), a, power);
}
/* alpha * (exp(a) - 1) where a is negative */
O2C_INLINE o2c_vector o2c_vector_elu(o2c_vector a, o2c_vector alpha)
{
    o2c_bits exponent;
    const o2c_vector least = o2c_splat(-80.0f), b = o2c_choose(o2c_less(a, least), least, a);
    const o2c_vector rest = o2c_exp_rest(b, &exponent);
    const o2c_vector power = o2c_of_bits(o2c_bits_of(o2c_splat(1.0f)) + exponent);
    return o2c_choose(o2c_less(a, o2c_splat(0)), alpha * o2c_fma(rest, power, power - 1.0f), a);
}
O2C_INLINE o2c_vector o2c_vector_sigmoid(o2c_vector a)
{
    return 1.0f / (o2c_vector_exp(-a) + 1.0f);
}
O2C_INLINE o2c_vector o2c_vector_swish(o2c_vector a, o2c_vector slope)
{
    return a / (o2c_vector_exp(-slope * a) + 1.0f);
}
/* a polynomial near 0, where 1 - 2 / (exp(2 |a|) + 1) would cancel */
O2C_INLINE o2c_vector o2c_vector_tanh(o2c_vector a)
{
    const o2c_vector magnitude = o2c_choose(o2c_less(a, o2c_splat(0)), -a, a), square = a * a;
    const o2c_vector far = 1.0f - 2.0f / (o2c_vector_exp(magnitude + magnitude) + 1.0f);
    o2c_vector y = o2c_fma(square, o2c_splat(-5.70498872745e-3f), o2c_splat(2.06390887954e-2f));
    y = o2c_fma(y, square, o2c_splat(-5.37397155531e-2f));
    y = o2c_fma(y, square, o2c_splat(1.33314422036e-1f));
    y = o2c_fma(y, square, o2c_splat(-3.33332819422e-1f));
    const o2c_vector near = o2c_fma(y * square, a, a);
    const o2c_vector signed_far = o2c_choose(o2c_less(a, o2c_splat(0)), -far, far);
    return o2c_choose(o2c_less(magnitude, o2c_splat(0.625f)), near, signed_far);
}

/* ---- the same for one float ---- */
#define O2C_SCALAR(function)                                                                                           \
    O2C_INLINE float o2c_scalar_##function(float a)                                                                    \
    {                                                                                                                  \
        return o2c_first(o2c_vector_##function(o2c_splat(a)));                                                         \
    }
#define O2C_SCALAR_OF_TWO(function)                                                                                    \
    O2C_INLINE float o2c_scalar_##function(float a, float b)                                                           \
    {                                                                                                                  \
        return o2c_first(o2c_vector_##function(o2c_splat(a), o2c_splat(b)));                                           \
    }
O2C_SCALAR(exp)
O2C_SCALAR(sigmoid)
O2C_SCALAR(tanh)
O2C_SCALAR_OF_TWO(elu)
O2C_SCALAR_OF_TWO(swish)

/* ---- the same for all of n floats, in place; there is room for a multiple of O2C_LANES ---- */
#define O2C_EACH(function)                                                                                             \
    O2C_INLINE void o2c_each_##function(int64_t n, float *x)                                                           \
    {                                                                                                                  \
        for (int64_t i = n; i % O2C_LANES != 0; i++)                                                                   \
            x[i] = 0;                                                                                                  \
        for (int64_t i = 0; i < n; i += O2C_LANES)                                                                     \
            o2c_store(x + i, o2c_vector_##function(o2c_load(x + i)));                                                  \
    }
O2C_EACH(exp)
O2C_EACH(sigmoid)
O2C_EACH(tanh)
#endif
