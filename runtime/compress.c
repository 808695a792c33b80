/* compress.c -- Compress: the slices along an axis whose condition is true.
 *
 *     in: x [before, extent, after], condition bool[conditions]      out: y [before, count, after], count
 *     n: bytes of an element, before, extent, after, conditions */
#include "runtime.h"

O2C_ROUTINE(o2c_compress)
{
    const int64_t before = n[1], extent = n[2], conditions = n[4];
    const size_t slice = (size_t)n[3] * (size_t)n[0];
    const uint8_t *condition = (const uint8_t *)in[1];
    const char *x = (const char *)in[0];
    char *y = (char *)out[0];
    int64_t count = 0;
    (void)p;
    (void)scratch;

    for (int64_t i = 0; i < conditions; i++) {
        if (condition[i] && i >= extent)
            return O2C_BAD_INDEX;
        count += condition[i] != 0;
    }
    *(int64_t *)out[1] = count;
    for (int64_t b = 0; b < before; b++)
        for (int64_t i = 0; i < conditions; i++)
            if (condition[i]) {
                memcpy(y, x + (size_t)(b * extent + i) * slice, slice);
                y += slice;
            }
    return O2C_OK;
}
