/* self_loops.c -- AddSelfLoops: a graph's edges with one loop for each vertex.
 *
 *     in: edges int64 [2, edges], sources and then targets      out: int64 [2, count], count unless keep
 *     n: edges, vertices, keep
 *
 * Edges from a vertex to itself are left out unless keep, the others keep their order, and the loops 0, 1 ... follow.
 */
#include "runtime.h"

O2C_ROUTINE(o2c_self_loops)
{
    const int64_t edges = n[0], vertices = n[1], *source = (const int64_t *)in[0], *target = source + edges;
    int64_t *result = (int64_t *)out[0], count = vertices, place = 0;
    const int keep = n[2] != 0;
    (void)p;
    (void)scratch;

    for (int64_t e = 0; e < edges; e++)
        count += keep || source[e] != target[e];
    if (!keep)
        *(int64_t *)out[1] = count;
    for (int64_t e = 0; e < edges; e++) {
        if (!keep && source[e] == target[e])
            continue;
        result[place] = source[e];
        result[count + place] = target[e];
        place++;
    }
    for (int64_t v = 0; v < vertices; v++, place++)
        result[place] = result[count + place] = v;
    return O2C_OK;
}
