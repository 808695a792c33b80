/* float.c -- see float.h. */
#include "float.h"
#include <math.h>
#include <string.h>

/* A format with sign, exponent and mantissa bits. Exponent 0 holds the subnormal numbers. */
struct format {
    int exponent, mantissa; /* bits */
    int bias;
    float greatest;    /* finite */
    uint8_t infinity;  /* its bits; 0: there is none */
    uint8_t nan;       /* its bits; 0: there is none */
    int unsigned_zero; /* there is no -0: its bits are NaN */
};

static const struct format e4m3fn = {4, 3, 7, 448.0f, 0, 0x7F, 0}, e4m3fnuz = {4, 3, 8, 240.0f, 0, 0x80, 1},
                           e5m2 = {5, 2, 15, 57344.0f, 0x7C, 0x7E, 0}, e5m2fnuz = {5, 2, 16, 57344.0f, 0, 0x80, 1},
                           e2m3 = {2, 3, 1, 7.5f, 0, 0, 0}, e3m2 = {3, 2, 3, 28.0f, 0, 0, 0},
                           e2m1 = {2, 1, 1, 6.0f, 0, 0, 0};

static float decode(const struct format *f, unsigned bits)
{
    const unsigned mask = (1u << f->mantissa) - 1, sign = bits >> (f->exponent + f->mantissa) & 1;
    const unsigned magnitude = bits & ((1u << (f->exponent + f->mantissa)) - 1);
    const int exponent = (int)(magnitude >> f->mantissa);
    const unsigned mantissa = magnitude & mask;
    float x;
    if (f->unsigned_zero ? bits == f->nan : f->nan != 0 && magnitude >= (f->infinity ? f->infinity + 1u : f->nan))
        return NAN;
    if (f->infinity && magnitude == f->infinity)
        x = INFINITY;
    else if (exponent == 0)
        x = ldexpf((float)mantissa, 1 - f->bias - f->mantissa);
    else
        x = ldexpf((float)(mantissa + mask + 1), exponent - f->bias - f->mantissa);
    return sign ? -x : x;
}

static uint8_t encode(const struct format *f, float x, int saturate)
{
    const uint8_t sign = (uint8_t)(signbit(x) ? 1u << (f->exponent + f->mantissa) : 0);
    uint8_t magnitude;
    float y = fabsf(x);
    int exponent;
    if (isnan(x) && f->nan)
        return f->unsigned_zero ? f->nan : (uint8_t)(sign | f->nan);
    if (isnan(x))
        return (uint8_t)(1u << (f->exponent + f->mantissa)); /* -0 */
    if (y > 4 * f->greatest)
        y = 4 * f->greatest;
    /* to a multiple of the last place */
    (void)frexpf(y, &exponent);
    if (exponent - 1 < 1 - f->bias)
        exponent = 2 - f->bias;
    y = ldexpf(rintf(ldexpf(y, f->mantissa + 1 - exponent)), exponent - 1 - f->mantissa);
    if (y > f->greatest) {
        if (!saturate && f->infinity)
            return (uint8_t)(sign | f->infinity);
        if (!saturate && f->nan)
            return f->unsigned_zero ? f->nan : (uint8_t)(sign | f->nan);
        y = f->greatest;
    }
    (void)frexpf(y, &exponent); /* rounding may have carried */
    if (y == 0 || exponent - 1 < 1 - f->bias)
        magnitude = (uint8_t)ldexpf(y, f->bias - 1 + f->mantissa);
    else
        magnitude = (uint8_t)(((unsigned)(exponent - 1 + f->bias) << f->mantissa) +
                              ((unsigned)ldexpf(y, f->mantissa + 1 - exponent) - (1u << f->mantissa)));
    return magnitude == 0 && f->unsigned_zero ? 0 : (uint8_t)(sign | magnitude);
}

#define FORMAT(type, format)                                                                                           \
    float o2c_##type##_to_float(uint8_t bits)                                                                          \
    {                                                                                                                  \
        return decode(&format, bits);                                                                                  \
    }                                                                                                                  \
    uint8_t o2c_##type##_from_float(float x)                                                                           \
    {                                                                                                                  \
        return encode(&format, x, 0);                                                                                  \
    }                                                                                                                  \
    uint8_t o2c_##type##_saturate(float x)                                                                             \
    {                                                                                                                  \
        return encode(&format, x, 1);                                                                                  \
    }
FORMAT(float8e4m3fn, e4m3fn)
FORMAT(float8e4m3fnuz, e4m3fnuz)
FORMAT(float8e5m2, e5m2)
FORMAT(float8e5m2fnuz, e5m2fnuz)
FORMAT(float6e2m3, e2m3)
FORMAT(float6e3m2, e3m2)
FORMAT(float4e2m1, e2m1)

/* ---- 16 bits ---- */
static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

float o2c_float16_to_float(uint16_t bits)
{
    const uint32_t sign = (uint32_t)(bits & 0x8000u) << 16, exponent = bits >> 10 & 0x1Fu, mantissa = bits & 0x3FFu;
    if (exponent == 0) {
        const float x = (float)mantissa * 5.9604644775390625e-8f; /* 2^-24 */
        return sign ? -x : x;
    }
    if (exponent == 0x1F)
        return of_bits(sign | 0x7F800000u | mantissa << 13);
    return of_bits(sign | (exponent + 112) << 23 | mantissa << 13);
}

uint16_t o2c_float16_from_float(float x)
{
    const uint32_t bits = bits_of(x), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u)
        return (uint16_t)(sign | 0x7E00u | (magnitude >> 13 & 0x3FFu));
    if (magnitude >= 0x477FF000u) /* 65520, halfway to 2^16 */
        return (uint16_t)(sign | 0x7C00u);
    if (magnitude < 0x38800000u) /* below 2^-14: multiples of 2^-24 */
        return (uint16_t)(sign | (uint32_t)rintf(of_bits(magnitude) * 16777216.0f));
    return (uint16_t)(sign | (magnitude + 0xFFFu + (magnitude >> 13 & 1u) - 0x38000000u) >> 13);
}

float o2c_bfloat16_to_float(uint16_t bits)
{
    return of_bits((uint32_t)bits << 16);
}

uint16_t o2c_bfloat16_from_float(float x)
{
    const uint32_t bits = bits_of(x);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

/* ---- powers of two: 2^(bits - 127), 255 is NaN ---- */
float o2c_float8e8m0_to_float(uint8_t bits)
{
    return bits == 0xFF ? NAN : ldexpf(1.0f, (int)bits - 127);
}

uint8_t o2c_float8e8m0_from_float(float x)
{
    int exponent;
    const float mantissa = frexpf(x, &exponent); /* in [1/2, 1) */
    if (!(x > 0) || x > 3.402823466e38f)
        return 0xFF;
    exponent += 126 + (mantissa >= 0.75f);
    return exponent < 0 || exponent > 254 ? 0xFF : (uint8_t)exponent;
}

uint8_t o2c_float8e8m0_saturate(float x)
{
    int exponent;
    const float mantissa = frexpf(x, &exponent);
    if (isnan(x))
        return 0xFF;
    if (!(x > 0))
        return 0;
    if (x > 3.402823466e38f)
        return 254;
    exponent += 126 + (mantissa > 0.5f);
    return exponent < 0 ? 0 : exponent > 254 ? 254 : (uint8_t)exponent;
}

float o2c_float_odd(double x)
{
    const float nearest = (float)x;
    uint32_t bits = bits_of(nearest);
    if ((double)nearest == x || isnan(x))
        return nearest;
    if (isinf(nearest) && !isinf(x)) /* beyond the greatest float */
        return of_bits(bits - 1);
    if (fabs((double)nearest) > fabs(x)) /* toward zero, then the last bit */
        bits--;
    return of_bits(bits | 1u);
}
