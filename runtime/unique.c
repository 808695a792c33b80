/* unique.c -- Unique: the distinct slices along an axis, where each was first, and how often.
 *
 *     in: x [before, extent, after]
 *     out: y [before, count, after], first int64[count], inverse int64[extent], occurrences int64[count], count
 *     n: type, before, extent, after, sorted      scratch: 3 * extent int64
 *
 * Slices compare lexicographically; unsorted results stand in the order of first occurrence. NaNs are equal. */
#include "element.h"
#include "sort.h"

struct slices {
    const void *data;
    int64_t type, before, extent, after;
};

/* -1, 0, 1: slice a comes before b, equals it, comes after it. */
static int compare(const struct slices *x, int64_t a, int64_t b)
{
    for (int64_t i = 0; i < x->before; i++)
        for (int64_t j = 0; j < x->after; j++) {
            const int64_t key_a = o2c_order_key(x->data, (i * x->extent + a) * x->after + j, x->type);
            const int64_t key_b = o2c_order_key(x->data, (i * x->extent + b) * x->after + j, x->type);
            if (key_a != key_b)
                return key_a < key_b ? -1 : 1;
        }
    return 0;
}

static int slice_before(const void *who, int64_t a, int64_t b)
{
    return compare((const struct slices *)who, a, b) < 0;
}

O2C_ROUTINE(o2c_unique)
{
    const int64_t extent = n[2], sorted = n[4];
    const size_t size = o2c_element_size(n[0]);
    int64_t *order = (int64_t *)scratch, *leader = order + extent, *number = leader + extent, count = 0;
    int64_t *first = (int64_t *)out[1], *inverse = (int64_t *)out[2], *occurrences = (int64_t *)out[3];
    struct slices x;
    (void)p;

    x.data = in[0];
    x.type = n[0];
    x.before = n[1];
    x.extent = extent;
    x.after = n[3];
    for (int64_t i = 0; i < extent; i++)
        order[i] = i;
    o2c_sort(order, leader, extent, slice_before, &x);

    /* leader[i]: the first slice equal to slice i; the sort is stable, so a run of equals begins with it */
    for (int64_t i = 0, start = 0; i < extent; i++) {
        if (compare(&x, order[start], order[i]) != 0)
            start = i;
        leader[order[i]] = order[start];
    }
    /* number[i]: the place in y of the leader i */
    for (int64_t i = 0; i < extent; i++) {
        const int64_t candidate = sorted ? order[i] : i;
        if (leader[candidate] == candidate) {
            number[candidate] = count;
            if (first)
                first[count] = candidate;
            if (occurrences)
                occurrences[count] = 0;
            count++;
        }
    }
    for (int64_t i = 0; i < extent; i++) {
        const int64_t place = number[leader[i]];
        if (inverse)
            inverse[i] = place;
        if (occurrences)
            occurrences[place]++;
        for (int64_t b = 0; out[0] && leader[i] == i && b < x.before; b++)
            for (int64_t a = 0; a < x.after; a++)
                o2c_copy_element(out[0], (b * count + place) * x.after + a, in[0], (b * extent + i) * x.after + a,
                                 size);
    }
    *(int64_t *)out[4] = count;
    return O2C_OK;
}
