/* load.c -- loads over blocks of lanes: one element for all, elements in equal steps, or each lane at its own place. */
#include "cell.h"
#include <string.h>

static void gather(int64_t n, size_t size, char *out, const char *memory, const int64_t *offset)
{
    if (size == 4)
        for (int64_t i = 0; i < n; i++)
            memcpy(out + i * 4, memory + offset[i] * 4, 4);
    else if (size == 8)
        for (int64_t i = 0; i < n; i++)
            memcpy(out + i * 8, memory + offset[i] * 8, 8);
    else
        for (int64_t i = 0; i < n; i++)
            memcpy(out + (size_t)i * size, memory + (size_t)offset[i] * size, size);
}

/* Each lane at its own place. */
static void load_scattered(Machine *m, Cell *cell)
{
    const Tensor *tensor = cell->tensor;
    int64_t offset[BLOCK] = {0};
    for (int k = 0; k < tensor->rank; k++) {
        const Operand index = cell_lanes(m, cell->index[k]);
        const int64_t *at = index.data, stride = cell->stride[k], extent = tensor->dim[k];
        for (int64_t i = 0; i < m->n; i++, at += index.step != 0)
            if (is_inside(*at, extent))
                offset[i] += *at * stride;
            else
                mark_bad(m, cell, i, *at, extent);
    }
    for (int64_t i = 0; i < m->n && cell->bad; i++)
        if (cell->bad[i])
            offset[i] = 0;
    const DTypeInfo *info = dtype_info(tensor->dtype);
    if (tensor->count == 0)
        memset(cell->own, 0, (size_t)m->n * cell->size);
    else if (cell->converted) {
        uint16_t narrow[BLOCK];
        gather(m->n, info->size, (char *)narrow, cell->memory, offset);
        lanes_load(m->n, cell->own, narrow, tensor->dtype);
    } else
        gather(m->n, info->size, cell->own, cell->memory, offset);
    set_varying(cell);
}

static void load_strided(Machine *m, Cell *cell, int64_t offset, int64_t step)
{
    const Tensor *tensor = cell->tensor;
    const size_t size = dtype_info(tensor->dtype)->size;
    const char *memory = (const char *)cell->memory + (size_t)offset * size;
    const bool converted = cell->converted;
    if (step == 0) {
        if (converted)
            lanes_load(1, cell->own, memory, tensor->dtype);
        else
            memcpy(cell->own, memory, size);
        set_uniform(cell);
        return;
    }
    set_varying(cell);
    if (step == 1 && !converted && !cell->reads_output && offset + m->n + LANE_CHUNK <= tensor->count)
        cell->data = memory; /* lanes behind the last may be read */
    else if (step == 1)
        lanes_load(m->n, cell->own, memory, tensor->dtype);
    else if (!converted && size == 4)
        for (int64_t i = 0; i < m->n; i++)
            memcpy((char *)cell->own + i * 4, memory + i * step * 4, 4);
    else
        for (int64_t i = 0; i < m->n; i++)
            lanes_load(1, (char *)cell->own + (size_t)i * cell->size, memory + i * step * (int64_t)size, tensor->dtype);
}

void evaluate_load(Machine *m, Cell *cell)
{
    const Tensor *tensor = cell->tensor;
    int64_t offset = 0, step = 0;
    bool affine = true;
    if (!tensor) {
        memset(cell->own, 0, cell->size);
        set_uniform(cell);
        return;
    }
    for (int k = 0; k < tensor->rank; k++) {
        Cell *index = cell->index[k];
        cell_evaluate(m, index);
        inherit_bad(m, cell, index);
        if (affine && index->form != VARYING && is_inside(index->base, tensor->dim[k]) &&
            (index->form == UNIFORM || is_inside(cell_integer(index, m->n - 1), tensor->dim[k]))) {
            offset += index->base * cell->stride[k];
            step += step_of(index) * cell->stride[k];
        } else
            affine = false;
    }
    if (affine && tensor->count > 0)
        load_strided(m, cell, offset, step);
    else
        load_scattered(m, cell);
}
