/* lane_axis.c -- the axis of a body that the lanes run over: the one along which it is estimated to be computed
 * fastest. Tensors are copied to have their elements in the order of the lanes where that pays. */
#include "cell.h"
#include "ops/expr.h"
#include <string.h>

static double extent_of(const Loop *loop)
{
    enum { UNKNOWN = 8 }; /* of an axis whose bounds are data */
    int64_t lo, hi;
    if (!expr_is_int(loop->axis->lo, &lo) || !expr_is_int(loop->axis->hi, &hi))
        return UNKNOWN;
    return hi > lo ? (double)(hi - lo) : 1;
}

static bool depends_on(const Cell *cell, const Loop *loop)
{
    return cell->depends >> loop->number & 1;
}

/* How often a cell is computed for one point of the body (or block of them): once for each point of the reductions that
 * it depends on. Their loops come after the body's. */
static double times_computed(const Machine *m, const Cell *cell, int rank)
{
    double times = 1;
    for (uint64_t rest = cell->depends; rest; rest &= rest - 1) {
        const Loop *loop = m->all[__builtin_ctzll(rest)];
        if (loop->number >= rank)
            times *= extent_of(loop);
    }
    return times;
}

/* The dimension of a load along which the lanes step, if it is one alone and not the last; -1 otherwise. */
static int packable_dimension(const Cell *cell, const Loop *block)
{
    int dimension = -1;
    if (cell->e->kind != E_LOAD || !cell->tensor || cell->tensor->splat || cell->reads_output)
        return -1;
    for (int k = 0; k < cell->tensor->rank; k++)
        if (depends_on(cell->index[k], block)) {
            if (dimension >= 0)
                return -1;
            dimension = k;
        }
    return dimension < 0 || cell->stride[dimension] == 1 ? -1 : dimension;
}

/* Nanoseconds for a lane of a cell that varies along the loop. */
static double lane_cost(const Cell *cell, const Loop *loop)
{
    if (cell->e->kind != E_LOAD || !cell->tensor)
        return 0.3;
    int64_t step = 0;
    for (int k = 0; k < cell->tensor->rank; k++)
        if (depends_on(cell->index[k], loop))
            step += cell->stride[k];
    return step == 1 || packable_dimension(cell, loop) >= 0 ? 0.1 : 1.2;
}

/* Nanoseconds for the whole body when lanes run over one of its loops. */
static double cost_of(const Machine *m, Loop *const *loop, int rank, const Loop *block)
{
    const double points = extent_of(block), lanes = points < m->lanes ? points : m->lanes;
    double total = 0, outer = 1;
    for (int k = 0; k < rank; k++)
        outer *= loop[k] == block ? points / lanes : extent_of(loop[k]);
    for (const Cell *cell = m->cells; cell; cell = cell->next)
        total +=
            outer * times_computed(m, cell, rank) * (depends_on(cell, block) ? 20 + lanes * lane_cost(cell, block) : 8);
    return total;
}

/* Makes the load read a copy of its tensor in which dimension k is the last. */
static void pack(Machine *m, Cell *cell, int k)
{
    const Tensor *tensor = cell->tensor;
    const size_t size = dtype_info(tensor->dtype)->size;
    const int64_t extent = tensor->dim[k], after = cell->stride[k];
    char *packed = arena_alloc(m->arena, (size_t)tensor->count * size), *to = packed;
    for (int64_t first = 0; first < tensor->count; first += extent * after)
        for (int64_t rest = 0; rest < after; rest++)
            for (int64_t i = 0; i < extent; i++, to += size)
                memcpy(to, (const char *)cell->memory + (size_t)(first + rest + i * after) * size, size);
    for (int i = k + 1; i < tensor->rank; i++)
        cell->stride[i] *= extent;
    cell->stride[k] = 1;
    cell->memory = packed;
}

int machine_choose_lanes(Machine *m, Loop *const *loop, int rank)
{
    int best = -1;
    double least = 0;
    for (int k = 0; k < rank; k++) {
        const double cost = extent_of(loop[k]) > 1 ? cost_of(m, loop, rank, loop[k]) : 0;
        if (cost > 0 && (best < 0 || cost <= least)) {
            best = k;
            least = cost;
        }
    }
    if (best < 0)
        return -1;
    m->block = loop[best];
    double points = 1;
    for (int k = 0; k < rank; k++)
        points *= extent_of(loop[k]);
    for (Cell *cell = m->cells; cell; cell = cell->next) {
        const int k = packable_dimension(cell, m->block);
        if (k >= 0 && points * times_computed(m, cell, rank) > 8 * (double)cell->tensor->count)
            pack(m, cell, k);
    }
    return best;
}
