/* sort.h -- a stable sort of element numbers. */
#ifndef O2C_SORT_H
#define O2C_SORT_H
#include "runtime.h"

/* Whether element a comes strictly before element b; `who` is the caller's. */
typedef int o2c_before(const void *who, int64_t a, int64_t b);

/* Sorts item[0 .. count) by merging runs of doubling length; elements that tie keep their order. spare: as long as
 * item. */
static inline void o2c_sort(int64_t *item, int64_t *spare, int64_t count, o2c_before *before, const void *who)
{
    for (int64_t run = 1; run < count; run *= 2) {
        for (int64_t start = 0; start < count; start += 2 * run) {
            const int64_t middle = start + run < count ? start + run : count;
            const int64_t end = middle + run < count ? middle + run : count;
            int64_t left = start, right = middle;
            for (int64_t i = start; i < end; i++) {
                const int take_right = right < end && (left >= middle || before(who, item[right], item[left]));
                spare[i] = take_right ? item[right++] : item[left++];
            }
        }
        memcpy(item, spare, (size_t)count * sizeof *item);
    }
}
#endif
