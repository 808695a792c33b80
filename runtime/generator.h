/* generator.h -- random numbers that are a function of a seed and a counter: any of them can be computed alone, in any
 * order and on any machine, and the same seed gives the same numbers.
 *
 * The mixing is SplitMix64's: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. */
#ifndef O2C_GENERATOR_H
#define O2C_GENERATOR_H
#include "runtime.h"

static inline uint64_t o2c_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Number `counter` of the stream `seed`, uniform in [0, 1): a multiple of 2^-53. */
static inline double o2c_uniform(uint64_t seed, uint64_t counter)
{
    const uint64_t bits = o2c_mix(o2c_mix(seed) + (counter + 1) * 0x9e3779b97f4a7c15u);
    return (double)(bits >> 11) * (1.0 / 9007199254740992.0);
}
#endif
