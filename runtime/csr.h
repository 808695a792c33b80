/* csr.h -- Csr: edges grouped by target, a stable counting sort in O(N + E). Included by csr_i32.c and csr_i64.c, which
 * set O2C_INDEX and O2C_NAME.
 *
 *     in: target [edges], source [edges]
 *     out: row int32 [vertices + 1], order int32 [edges], from int32 [edges]
 *     n: edges, vertices, sources
 *
 * The edges of v are order[row[v]] to before order[row[v + 1]], in the order they came; from[e] = source[order[e]].
 * Every target must lie in [0, vertices) and every source in [0, sources): O2C_BAD_INDEX otherwise. O2C_BAD_SIZE where
 * int32 cannot count the edges or number the vertices. */
#include "runtime.h"

O2C_ROUTINE(O2C_NAME)
{
    const O2C_INDEX *target = (const O2C_INDEX *)in[0], *source = (const O2C_INDEX *)in[1];
    int32_t *row = (int32_t *)out[0], *order = (int32_t *)out[1], *from = (int32_t *)out[2];
    const int64_t edges = n[0], vertices = n[1], sources = n[2];
    (void)p;
    (void)scratch;

    if (edges < 0 || edges > INT32_MAX || vertices < 0 || vertices >= INT32_MAX || sources > INT32_MAX)
        return O2C_BAD_SIZE;
    for (int64_t v = 0; v <= vertices; v++)
        row[v] = 0;
    for (int64_t e = 0; e < edges; e++) {
        if (target[e] < 0 || target[e] >= vertices || source[e] < 0 || source[e] >= sources)
            return O2C_BAD_INDEX;
        row[target[e] + 1]++;
    }
    for (int64_t v = 0; v < vertices; v++)
        row[v + 1] += row[v];
    for (int64_t e = 0; e < edges; e++) /* row[v] moves from the begin of v to its end, the begin of v + 1 */
        order[row[target[e]]++] = (int32_t)e;
    for (int64_t v = vertices; v > 0; v--)
        row[v] = row[v - 1];
    row[0] = 0;
    for (int64_t e = 0; e < edges; e++)
        from[e] = (int32_t)source[order[e]];
    return O2C_OK;
}
