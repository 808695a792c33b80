/* multinomial.c -- Multinomial: classes drawn with the probabilities that unnormalised logarithms give.
 *
 *     in: x float[batch, classes]      out: y [batch, samples], int32 or int64
 *     n: batch, classes, samples, seed, bytes of an output element */
#include "generator.h"

O2C_ROUTINE(o2c_multinomial)
{
    const int64_t batch = n[0], classes = n[1], samples = n[2];
    (void)p;
    (void)scratch;

    if (classes <= 0)
        return O2C_BAD_SIZE;
    for (int64_t b = 0; b < batch; b++) {
        const float *x = (const float *)in[0] + b * classes;
        float greatest = x[0];
        double total = 0;
        for (int64_t c = 1; c < classes; c++)
            greatest = x[c] > greatest ? x[c] : greatest;
        for (int64_t c = 0; c < classes; c++)
            total += exp((double)(x[c] - greatest));
        for (int64_t s = 0; s < samples; s++) {
            double rest = total * o2c_uniform((uint64_t)n[3], (uint64_t)(b * samples + s));
            int64_t c = 0;
            for (; c < classes - 1; c++) {
                rest -= exp((double)(x[c] - greatest));
                if (rest < 0)
                    break;
            }
            if (n[4] == 4)
                ((int32_t *)out[0])[b * samples + s] = (int32_t)c;
            else
                ((int64_t *)out[0])[b * samples + s] = c;
        }
    }
    return O2C_OK;
}
