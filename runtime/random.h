/* random.h -- RandomUniform and RandomNormal.
 *
 *     out: y      n: elements, seed, normal      p: low and high, or mean and standard deviation */
#include "generator.h"

O2C_ROUTINE(O2C_NAME(o2c_random))
{
    O2C_REAL *y = (O2C_REAL *)out[0];
    const uint64_t seed = (uint64_t)n[1];
    (void)in;
    (void)scratch;

    for (int64_t i = 0; i < n[0]; i++) {
        double x = o2c_uniform(seed, 2 * (uint64_t)i);
        if (n[2]) /* Box and Muller; 1 - x is never 0 */
            x = sqrt(-2 * log(1 - x)) * cos(6.283185307179586476925286766559 * o2c_uniform(seed, 2 * (uint64_t)i + 1));
        y[i] = (O2C_REAL)(n[2] ? p[0] + p[1] * x : p[0] + (p[1] - p[0]) * x);
        if (!n[2] && y[i] >= (O2C_REAL)p[1] && p[1] > p[0]) /* rounding must not reach the open end */
            y[i] = (O2C_REAL)p[0];
    }
    return O2C_OK;
}
