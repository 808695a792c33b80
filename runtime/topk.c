/* topk.c -- TopK: the k greatest (or least) elements along an axis, and where they were.
 *
 *     in: x [before, extent, after]      out: values, indices int64, both [before, k, after]
 *     n: type, before, extent, after, k, largest      scratch: k entries
 *
 * One pass over a row keeps the best k in a heap whose root is the worst of them; of equal elements the earlier one is
 * better. Results come best first. NaN counts as the greatest value. */
#include "element.h"

struct entry {
    int64_t key, index;
};

static int worse(struct entry a, struct entry b)
{
    return a.key < b.key || (a.key == b.key && a.index > b.index);
}

/* Lets the entry at the root sink to its place: no entry is worse than the one above it. */
static void sink(struct entry *heap, int64_t count)
{
    int64_t i = 0;
    for (int64_t child = 1; child < count; child = 2 * i + 1) {
        if (child + 1 < count && worse(heap[child + 1], heap[child]))
            child++;
        if (!worse(heap[child], heap[i]))
            return;
        const struct entry swap = heap[i];
        heap[i] = heap[child];
        heap[child] = swap;
        i = child;
    }
}

static void rise(struct entry *heap, int64_t i)
{
    while (i > 0 && worse(heap[i], heap[(i - 1) / 2])) {
        const struct entry swap = heap[i];
        heap[i] = heap[(i - 1) / 2];
        heap[(i - 1) / 2] = swap;
        i = (i - 1) / 2;
    }
}

O2C_ROUTINE(o2c_topk)
{
    const int64_t type = n[0], before = n[1], extent = n[2], after = n[3], k = n[4], largest = n[5];
    const size_t size = o2c_element_size(type);
    struct entry *heap = (struct entry *)scratch;
    int64_t *indices = (int64_t *)out[1];
    (void)p;

    if (k < 0 || k > extent)
        return O2C_BAD_VALUE;
    for (int64_t row = 0; k > 0 && row < before * after; row++) {
        const int64_t source = row / after * extent * after + row % after;
        const int64_t target = row / after * k * after + row % after;
        for (int64_t i = 0; i < extent; i++) {
            struct entry e;
            e.key = o2c_order_key(in[0], source + i * after, type);
            e.key = largest ? e.key : -(e.key + 1);
            e.index = i;
            if (i < k) {
                heap[i] = e;
                rise(heap, i);
            } else if (worse(heap[0], e)) {
                heap[0] = e;
                sink(heap, k);
            }
        }
        for (int64_t rank = k - 1; rank >= 0; rank--) { /* the worst is at the root: take it off, last place first */
            const struct entry e = heap[0];
            heap[0] = heap[rank];
            sink(heap, rank);
            if (out[0])
                o2c_copy_element(out[0], target + rank * after, in[0], source + e.index * after, size);
            if (indices)
                indices[target + rank * after] = e.index;
        }
    }
    return O2C_OK;
}
