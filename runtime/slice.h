/* slice.h -- the sizes of a Slice whose points or steps are data. Included by slice_i32.c and slice_i64.c, which set
 * O2C_INDEX and O2C_NAME.
 *
 *     in: starts, ends, steps (NULL: all 1)
 *     out: for each axis that is asked for its start if wanted, its length, its step forwards and backwards if wanted
 *     n: for each such axis its place in the lists, its extent, whether start and step are wanted; then -1
 *
 * Points count from the end where they are negative and stop at the ends of the axis. A step is in one of two sizes,
 * the other is 0, and no greater than the extent, which takes it past all elements but the first. O2C_BAD_VALUE: it is
 * 0. */
#include "runtime.h"

/* A point brought into [low, extent + high]. */
static int64_t o2c_slice_point(int64_t point, int64_t extent, int64_t low, int64_t high)
{
    if (point < 0)
        point = point < -extent ? -1 : point + extent;
    point = point < low ? low : point;
    return point > extent + high ? extent + high : point;
}

O2C_ROUTINE(O2C_NAME)
{
    const O2C_INDEX *starts = (const O2C_INDEX *)in[0], *ends = (const O2C_INDEX *)in[1],
                    *steps = (const O2C_INDEX *)in[2];
    int place = 0;
    (void)p;
    (void)scratch;

    for (; n[0] >= 0; n += 4) {
        const int64_t k = n[0], extent = n[1], wanted = steps ? steps[k] : 1, high = wanted > 0 ? 0 : -1;
        const int64_t most = extent > 1 ? extent : 1;
        const int64_t step = wanted > most ? most : wanted < -most ? -most : wanted, width = step > 0 ? step : -step;
        const int64_t start = o2c_slice_point(starts[k], extent, 0, high),
                      end = o2c_slice_point(ends[k], extent, high, high), span = step > 0 ? end - start : start - end;
        if (step == 0)
            return O2C_BAD_VALUE;
        if (n[2])
            *(int64_t *)out[place++] = span > 0 ? start : 0;
        *(int64_t *)out[place++] = span > 0 ? (span + width - 1) / width : 0;
        if (n[3]) {
            *(int64_t *)out[place++] = step > 0 || span <= 0 ? width : 0;
            *(int64_t *)out[place++] = step < 0 && span > 0 ? width : 0;
        }
    }
    return O2C_OK;
}
