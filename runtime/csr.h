/* csr.h -- Csr: edges grouped by target, a stable counting sort in O(N + E). Included by csr_i32.c and csr_i64.c, which
 * set O2C_INDEX and O2C_NAME.
 *
 *     in: target [edges], source [edges]
 *     out: row int32 [vertices + 1], order int32 [grouped], from int32 [grouped], grouped; order may be NULL
 *     n: edges, vertices, sources, loops
 *
 * The edges of v stand at row[v] to before row[v + 1], in the order they came; order is their number and from their
 * source. With loops 1 or 2, one edge from each vertex to itself follows all others, and with 1 those there are already
 * are left out; numbers and `grouped` count what is left. Without, loops is 0, grouped is edges. Every target must lie
 * in [0, vertices) and every source in [0, sources): O2C_BAD_INDEX otherwise. O2C_BAD_SIZE where int32 cannot count the
 * edges or number the vertices. */
#include "runtime.h"

O2C_ROUTINE(O2C_NAME)
{
    const O2C_INDEX *target = (const O2C_INDEX *)in[0], *source = (const O2C_INDEX *)in[1];
    int32_t *row = (int32_t *)out[0], *order = (int32_t *)out[1], *from = (int32_t *)out[2], number = 0;
    const int drops_loops = n[3] == 1;
    const int64_t edges = n[0], vertices = n[1], sources = n[2], loops = n[3] ? vertices : 0;
    (void)p;
    (void)scratch;

    if (edges < 0 || vertices < 0 || vertices >= INT32_MAX || edges > INT32_MAX - loops || sources > INT32_MAX)
        return O2C_BAD_SIZE;
    if (loops > sources)
        return O2C_BAD_INDEX;
    for (int64_t v = 0; v <= vertices; v++)
        row[v] = 0;
    for (int64_t e = 0; e < edges; e++) {
        if (target[e] < 0 || target[e] >= vertices || source[e] < 0 || source[e] >= sources)
            return O2C_BAD_INDEX;
        if (!drops_loops || target[e] != source[e])
            row[target[e] + 1]++;
    }
    for (int64_t v = 0; v < vertices; v++)
        row[v + 1] += row[v] + (v < loops);
    if (drops_loops)
        *(int64_t *)out[3] = row[vertices];
    for (int64_t e = 0; e < edges; e++) { /* row[v] moves from the begin of v to its end, the begin of v + 1 */
        if (drops_loops && target[e] == source[e])
            continue;
        const int32_t at = row[target[e]]++;
        from[at] = (int32_t)source[e];
        if (order)
            order[at] = number;
        number++;
    }
    for (int64_t v = 0; v < loops; v++) {
        const int32_t at = row[v]++;
        from[at] = (int32_t)v;
        if (order)
            order[at] = number;
        number++;
    }
    for (int64_t v = vertices; v > 0; v--)
        row[v] = row[v - 1];
    row[0] = 0;
    return O2C_OK;
}
