/* scalar.h -- what the texts of scalar.def call beyond C99's math library. */
#ifndef O2C_SCALAR_H
#define O2C_SCALAR_H
#include <math.h>
#include <stdint.h>

/* base to the exponent, modulo 2^64. */
static inline uint64_t o2c_power(uint64_t base, uint64_t exponent)
{
    uint64_t power = 1;
    for (; exponent; exponent >>= 1, base *= base)
        if (exponent & 1)
            power *= base;
    return power;
}

/* The power of two next to a positive finite x: above it, below it, the nearest (a tie goes up). Zero, infinities and
 * NaN stay as they are. */
static inline double o2c_power2_down(double x)
{
    int exponent;
    if (!(x > 0) || x > 1.7976931348623157e308)
        return x;
    (void)frexp(x, &exponent);
    return ldexp(1.0, exponent - 1);
}
static inline double o2c_power2_up(double x)
{
    const double down = o2c_power2_down(x);
    return down < x ? 2 * down : down;
}
static inline double o2c_power2_nearest(double x)
{
    const double down = o2c_power2_down(x);
    return x > 0 && x - down >= down / 2 ? 2 * down : down;
}
static inline float o2c_power2_downf(float x)
{
    return (float)o2c_power2_down(x);
}
static inline float o2c_power2_upf(float x)
{
    return (float)o2c_power2_up(x);
}
static inline float o2c_power2_nearestf(float x)
{
    return (float)o2c_power2_nearest(x);
}
#endif
