/* cell.c -- see cell.h. */
#include "cell.h"
#include "ops/expr.h"
#include <string.h>

/* ---- making cells ---- */
Loop *machine_loop(Machine *m, const Axis *axis)
{
    Loop *loop = map_get(m->loop, axis);
    if (loop)
        return loop;
    loop = ARENA_NEW(m->arena, Loop);
    loop->axis = axis;
    loop->number = m->nloop < MAX_LOOPS ? m->nloop : 0;
    if (m->nloop == MAX_LOOPS)
        m->problem = "it has too many axes";
    else
        m->all[m->nloop++] = loop;
    map_set(m->loop, axis, loop);
    return loop;
}

static void depend_on(Cell *cell, const Cell *on)
{
    cell->depends |= on->depends;
    cell->reads_output |= on->reads_output;
}

static void make_load(Machine *m, Cell *cell)
{
    const Value *value = cell->e->u.value;
    cell->tensor = value == m->output ? m->into : value->constant;
    cell->reads_output = value == m->output;
    if (!cell->tensor) {
        m->problem = arena_printf(m->context->arena, "it loads '%s', which has no data", value->name);
        return;
    }
    const int rank = value->type.rank > 0 ? value->type.rank : 0;
    cell->memory = cell->tensor->data;
    cell->converted = dtype_is_converted(cell->tensor->dtype);
    if (rank != cell->tensor->rank) {
        m->problem = arena_printf(m->context->arena, "it loads '%s' with %d indices", value->name, rank);
        cell->tensor = NULL;
        return;
    }
    cell->index = ARENA_ARRAY(m->arena, rank, Cell *);
    int64_t stride = cell->tensor->splat ? 0 : 1;
    for (int i = rank - 1; i >= 0; i--) {
        cell->index[i] = machine_cell(m, cell->e->index[i]);
        depend_on(cell, cell->index[i]);
        cell->stride[i] = stride;
        stride *= cell->tensor->dim[i];
    }
}

static void make_reduction(Machine *m, Cell *cell)
{
    const Expr *e = cell->e;
    uint64_t own = 0;
    cell->over = ARENA_ARRAY(m->arena, e->nover, Loop *);
    for (int i = 0; i < e->nover; i++) {
        Loop *loop = cell->over[i] = machine_loop(m, e->over[i]);
        loop->lo = machine_cell(m, e->over[i]->lo);
        loop->hi = machine_cell(m, e->over[i]->hi);
        depend_on(cell, loop->lo);
        depend_on(cell, loop->hi);
        own |= UINT64_C(1) << loop->number;
    }
    for (int i = 0; i < 2; i++)
        if (e->arg[i])
            depend_on(cell, cell->arg[i] = machine_cell(m, e->arg[i]));
    cell->depends &= ~own;
    cell->lanes = lanes_scalar(combine_scalar(e->u.combine), e->arg[0]->dtype);
    if (!cell->lanes)
        m->problem = "it reduces a type that has no such combination";
}

Cell *machine_cell(Machine *m, const Expr *e)
{
    Cell *cell = map_get(m->cell, e);
    if (cell)
        return cell;
    cell = ARENA_NEW(m->arena, Cell);
    cell->e = e;
    cell->size = lanes_size(e->dtype);
    map_set(m->cell, e, cell);
    if (e->kind == E_LOAD)
        make_load(m, cell);
    else if (e->kind == E_REDUCE)
        make_reduction(m, cell);
    else if (e->kind == E_AXIS) {
        cell->over = ARENA_NEW(m->arena, Loop *);
        if (!map_get(m->loop, e->u.axis))
            m->problem = "an axis is not bound";
        cell->over[0] = machine_loop(m, e->u.axis);
        cell->depends = UINT64_C(1) << cell->over[0]->number;
    } else
        for (int i = 0; i < e->narg; i++)
            depend_on(cell, cell->arg[i] = machine_cell(m, e->arg[i]));
    if (e->kind == E_CALL)
        cell->lanes = lanes_scalar(e->u.scalar, e->arg[0]->dtype);
    const size_t room = (size_t)m->lanes * (cell->size < 8 ? 8 : cell->size);
    cell->own = arena_alloc(m->arena, room);
    if (e->kind == E_REDUCE) {
        cell->other = arena_alloc(m->arena, room);
        cell->third = arena_alloc(m->arena, room);
    }
    cell->next = m->cells;
    m->cells = cell;
    return cell;
}

/* ---- results ---- */
static void copy_first_lane(void *lanes, size_t size)
{
    if (size == 4)
        for (int i = 1; i < LANE_CHUNK; i++)
            ((uint32_t *)lanes)[i] = *(uint32_t *)lanes;
    else
        for (int i = 1; i < LANE_CHUNK; i++)
            memcpy((char *)lanes + (size_t)i * size, lanes, size);
}

/* The cell's one lane stands at own[0]. */
void set_uniform(Cell *cell)
{
    const DType dtype = cell->e->dtype;
    cell->form = UNIFORM;
    cell->data = cell->own;
    cell->has_lanes = true;
    if (dtype == I64)
        cell->base = *(int64_t *)cell->own;
    else if (dtype == BOOL)
        cell->base = *(uint8_t *)cell->own;
    copy_first_lane(cell->own, cell->size);
}

void set_varying(Cell *cell)
{
    cell->form = VARYING;
    cell->data = cell->own;
    cell->has_lanes = true;
}

/* An INDEX or BOOL that is base + lane * step. */
static void set_affine(Cell *cell, int64_t base, int64_t step)
{
    cell->form = step ? AFFINE : UNIFORM;
    cell->base = base;
    cell->step = step;
    cell->has_lanes = false;
}

Operand cell_lanes(Machine *m, Cell *cell)
{
    if (!cell->has_lanes) {
        const int64_t n = cell->form == UNIFORM ? LANE_CHUNK : m->n;
        if (cell->e->dtype == BOOL)
            memset(cell->own, (int)cell->base, (size_t)n);
        else
            for (int64_t i = 0; i < n; i++)
                ((int64_t *)cell->own)[i] =
                    (int64_t)((uint64_t)cell->base + (uint64_t)i * (uint64_t)cell->step * (cell->form == AFFINE));
        cell->data = cell->own;
        cell->has_lanes = true;
    }
    return (Operand){cell->data, cell->form == UNIFORM ? 0 : LANE_CHUNK};
}

static int64_t integer_of_lane(const void *data, int64_t lane, DType dtype)
{
    switch (dtype) {
    case I8:
    case I4:
    case I2:
        return ((const int8_t *)data)[lane];
    case I16:
        return ((const int16_t *)data)[lane];
    case I32:
        return ((const int32_t *)data)[lane];
    case U16:
        return ((const uint16_t *)data)[lane];
    case U32:
        return ((const uint32_t *)data)[lane];
    case I64:
    case U64:
        return ((const int64_t *)data)[lane];
    default:
        return ((const uint8_t *)data)[lane];
    }
}

int64_t cell_integer_lane(const Cell *cell, int64_t lane)
{
    return integer_of_lane(cell->data, cell->form == UNIFORM ? 0 : lane, cell->e->dtype);
}

bool cell_is_bad(const Cell *cell, int64_t lane)
{
    return cell->bad && cell->bad[lane];
}

/* ---- bad lanes ---- */
uint8_t *bad_lanes(Machine *m, Cell *cell)
{
    if (!cell->bad) {
        if (!cell->own_bad)
            cell->own_bad = arena_alloc(m->arena, (size_t)m->lanes);
        memset(cell->own_bad, 0, (size_t)m->lanes);
        cell->bad = cell->own_bad;
    }
    return cell->bad;
}

void inherit_bad(Machine *m, Cell *cell, const Cell *from)
{
    if (!from->bad)
        return;
    uint8_t *bad = bad_lanes(m, cell);
    for (int i = 0; i < m->lanes; i++)
        bad[i] |= from->bad[i];
}

void mark_bad(Machine *m, Cell *cell, int64_t lane, int64_t index, int64_t extent)
{
    uint8_t *bad = bad_lanes(m, cell);
    m->bad_index = index;
    m->bad_extent = extent;
    if (lane >= 0)
        bad[lane] = 1;
    else
        memset(bad, 1, (size_t)m->lanes);
}

/* ---- loops ---- */
void loop_set(Machine *m, Loop *loop, int64_t value)
{
    loop->form = UNIFORM;
    loop->base = value;
    loop->changed = ++m->clock;
}

void loop_set_block(Machine *m, Loop *loop, int64_t first, int64_t n)
{
    m->n = n;
    loop->form = n > 1 ? AFFINE : UNIFORM;
    loop->base = first;
    loop->step = 1;
    loop->changed = ++m->clock;
}

static void evaluate_axis(Cell *cell)
{
    const Loop *loop = cell->over[0];
    if (loop->form == VARYING) {
        cell->form = VARYING;
        cell->data = loop->lane;
        cell->has_lanes = true;
    } else
        set_affine(cell, loop->base, loop->form == AFFINE ? loop->step : 0);
}

/* ---- leaves ---- */
static void evaluate_const(Machine *m, Cell *cell)
{
    const Expr *e = cell->e;
    int64_t size;
    if (e->kind == E_DIM) {
        if (!dim_is_const(e->u.dim, &size)) {
            m->problem = "a size is not known";
            size = 0;
        }
        set_affine(cell, size, 0);
    } else if (e->dtype == I64 || e->dtype == BOOL)
        set_affine(cell, e->u.i, 0);
    else {
        if (dtype_is_float(e->dtype))
            lanes_cast(1, cell->own, e->dtype, &e->u.f, F64);
        else if (lanes_size(e->dtype) <= 8 && e->dtype != STRING)
            lanes_cast(1, cell->own, e->dtype, &e->u.i, I64);
        else
            memset(cell->own, 0, lanes_size(e->dtype));
        set_uniform(cell);
    }
}

/* ---- index arithmetic ---- */
static bool is_affine(const Cell *cell)
{
    return cell->form != VARYING && (cell->e->dtype == I64 || cell->e->dtype == BOOL);
}

/* A comparison that both ends of the lanes agree on holds for all of them, since the difference is affine. */
static bool compare_affine(const Machine *m, Cell *cell, const Cell *a, const Cell *b)
{
    const IndexOp op = cell->e->u.op;
    const int64_t last = m->n - 1, first_a = cell_integer(a, 0), first_b = cell_integer(b, 0),
                  last_a = cell_integer(a, last), last_b = cell_integer(b, last);
    const bool truth = index_apply(op, first_a, first_b);
    if (op == I_EQUAL ? truth || (first_a < first_b) != (last_a < last_b) || last_a == last_b
                      : truth != index_apply(op, last_a, last_b))
        return false;
    set_affine(cell, truth, 0);
    return true;
}

static bool arith_affine(const Machine *m, Cell *cell, const Cell *a, const Cell *b)
{
    const uint64_t x = (uint64_t)a->base, y = (uint64_t)b->base, s = (uint64_t)step_of(a), t = (uint64_t)step_of(b);
    switch (cell->e->u.op) {
    case I_ADD:
        set_affine(cell, (int64_t)(x + y), (int64_t)(s + t));
        return true;
    case I_SUB:
        set_affine(cell, (int64_t)(x - y), (int64_t)(s - t));
        return true;
    case I_MUL:
        if (s && t)
            return false;
        set_affine(cell, (int64_t)(x * y), (int64_t)(s * y + t * x));
        return true;
    case I_LESS:
    case I_LESS_EQUAL:
    case I_EQUAL:
        return compare_affine(m, cell, a, b);
    default:
        return false;
    }
}

#define INDEX_LOOP(TO, FROM, EXPRESSION)                                                                               \
    {                                                                                                                  \
        TO *restrict y = cell->own;                                                                                    \
        const FROM *first = p.data, *second = q.data;                                                                  \
        for (int64_t i = 0; i < n; i += LANE_CHUNK, first += p.step, second += q.step, y += LANE_CHUNK)                \
            for (int j = 0; j < LANE_CHUNK; j++) {                                                                     \
                const FROM a = first[j], b = second[j];                                                                \
                (void)b;                                                                                               \
                y[j] = (TO)(EXPRESSION);                                                                               \
            }                                                                                                          \
    }                                                                                                                  \
    break;

static void arith_lanes(Machine *m, Cell *cell)
{
    const Operand p = cell_lanes(m, cell->arg[0]), q = cell->arg[1] ? cell_lanes(m, cell->arg[1]) : p;
    const int64_t n = m->n;
    switch (cell->e->u.op) {
    case I_ADD:
        INDEX_LOOP(int64_t, int64_t, (uint64_t)a + (uint64_t)b)
    case I_SUB:
        INDEX_LOOP(int64_t, int64_t, (uint64_t)a - (uint64_t)b)
    case I_MUL:
        INDEX_LOOP(int64_t, int64_t, (uint64_t)a * (uint64_t)b)
    case I_DIV:
        INDEX_LOOP(int64_t, int64_t, index_apply(I_DIV, a, b))
    case I_MOD:
        INDEX_LOOP(int64_t, int64_t, index_apply(I_MOD, a, b))
    case I_MIN:
        INDEX_LOOP(int64_t, int64_t, a < b ? a : b)
    case I_MAX:
        INDEX_LOOP(int64_t, int64_t, a > b ? a : b)
    case I_LESS:
        INDEX_LOOP(uint8_t, int64_t, a < b)
    case I_LESS_EQUAL:
        INDEX_LOOP(uint8_t, int64_t, a <= b)
    case I_EQUAL:
        INDEX_LOOP(uint8_t, int64_t, a == b)
    case I_AND:
        INDEX_LOOP(uint8_t, uint8_t, a & b)
    case I_OR:
        INDEX_LOOP(uint8_t, uint8_t, a | b)
    case I_NOT:
        INDEX_LOOP(uint8_t, uint8_t, !a)
    }
    set_varying(cell);
}

static void evaluate_arith(Machine *m, Cell *cell)
{
    Cell *a = cell->arg[0], *b = cell->arg[1] ? cell->arg[1] : a;
    cell_evaluate(m, a);
    if ((cell->e->u.op == I_AND || cell->e->u.op == I_OR) && a->form == UNIFORM && !a->bad &&
        (a->base != 0) == (cell->e->u.op == I_OR)) { /* the first operand decides */
        set_affine(cell, a->base != 0, 0);
        return;
    }
    cell_evaluate(m, b);
    inherit_bad(m, cell, a);
    inherit_bad(m, cell, b);
    if (a->form == UNIFORM && b->form == UNIFORM)
        set_affine(cell, index_apply(cell->e->u.op, a->base, b->base), 0);
    else if (!is_affine(a) || !is_affine(b) || !arith_affine(m, cell, a, b))
        arith_lanes(m, cell);
}

/* ---- scalar functions and casts ---- */
static void evaluate_call(Machine *m, Cell *cell)
{
    Operand operand[3] = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    bool varying = false;
    for (int i = 0; i < cell->e->narg; i++) {
        cell_evaluate(m, cell->arg[i]);
        inherit_bad(m, cell, cell->arg[i]);
    }
    for (int i = 0; i < cell->e->narg; i++) {
        operand[i] = cell_lanes(m, cell->arg[i]);
        varying |= cell->arg[i]->form != UNIFORM;
    }
    cell->lanes(varying ? m->n : 1, cell->own, operand[0], operand[1], operand[2]);
    if (varying)
        set_varying(cell);
    else
        set_uniform(cell);
}

static void evaluate_cast(Machine *m, Cell *cell)
{
    Cell *a = cell->arg[0];
    cell_evaluate(m, a);
    inherit_bad(m, cell, a);
    const Operand operand = cell_lanes(m, a);
    lanes_cast(a->form == UNIFORM ? 1 : m->n, cell->own, cell->e->storage, operand.data, a->e->dtype);
    if (a->form == UNIFORM)
        set_uniform(cell);
    else
        set_varying(cell);
}

/* ---- choices ---- */
static void share(Cell *cell, const Cell *from)
{
    cell->form = from->form;
    cell->base = from->base;
    cell->step = from->step;
    cell->has_lanes = from->has_lanes;
    cell->data = from->data;
    cell->bad = from->bad;
}

static void choose_lanes(int64_t n, size_t size, char *out, const uint8_t *truth, Operand a, Operand b)
{
    const char *first = a.data, *second = b.data;
#define CHOOSE(type)                                                                                                   \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
        const int64_t at = a.step ? i : 0, bt = b.step ? i : 0;                                                        \
        ((type *)(void *)out)[i] =                                                                                     \
            truth[i] ? ((const type *)(const void *)first)[at] : ((const type *)(const void *)second)[bt];             \
    }
    if (size == 4) {
        CHOOSE(uint32_t)
    } else if (size == 8) {
        CHOOSE(uint64_t)
    } else
        for (int64_t i = 0; i < n; i++)
            memcpy(out + (size_t)i * size,
                   truth[i] ? first + (size_t)(a.step ? i : 0) * size : second + (size_t)(b.step ? i : 0) * size, size);
}

static void evaluate_select(Machine *m, Cell *cell)
{
    Cell *condition = cell->arg[0];
    cell_evaluate(m, condition);
    int64_t chosen = 0;
    if (condition->form == UNIFORM)
        chosen = cell_integer(condition, 0) ? m->n : 0;
    else
        for (int64_t i = 0; i < m->n; i++)
            chosen += ((const uint8_t *)condition->data)[i] != 0;
    if (chosen == 0 || chosen == m->n) {
        Cell *one = cell->arg[chosen == 0 ? 2 : 1];
        cell_evaluate(m, one);
        share(cell, one);
        if (condition->bad) {
            cell->bad = NULL;
            inherit_bad(m, cell, one);
            inherit_bad(m, cell, condition);
        }
        return;
    }
    Cell *a = cell->arg[1], *b = cell->arg[2];
    cell_evaluate(m, a);
    cell_evaluate(m, b);
    const uint8_t *truth = condition->data;
    choose_lanes(m->n, cell->size, cell->own, truth, cell_lanes(m, a), cell_lanes(m, b));
    set_varying(cell);
    if (a->bad || b->bad || condition->bad)
        for (int64_t i = 0; i < m->n; i++)
            if (cell_is_bad(condition, i) || cell_is_bad(truth[i] ? a : b, i))
                bad_lanes(m, cell)[i] = 1;
}

/* ---- indices ---- */
static void evaluate_wrap(Machine *m, Cell *cell)
{
    Cell *a = cell->arg[0];
    int64_t extent = 0;
    cell_evaluate(m, a);
    inherit_bad(m, cell, a);
    if (!dim_is_const(cell->e->u.dim, &extent))
        m->problem = "a size is not known";
    if (is_affine(a) && is_inside(cell_integer(a, 0), extent) && is_inside(cell_integer(a, m->n - 1), extent)) {
        set_affine(cell, a->base, step_of(a));
        return;
    }
    const int64_t n = a->form == UNIFORM ? 1 : m->n;
    int64_t *out = cell->own;
    for (int64_t i = 0; i < n; i++) {
        const int64_t index = cell_integer(a, i);
        out[i] = index < 0 && cell->e->kind == E_WRAP && index >= -extent ? index + extent : index;
        if (!is_inside(out[i], extent)) {
            mark_bad(m, cell, a->form == UNIFORM ? -1 : i, index, extent);
            out[i] = 0;
        }
    }
    if (a->form == UNIFORM)
        set_affine(cell, out[0], 0);
    else
        set_varying(cell);
}

void cell_compute(Machine *m, Cell *cell)
{
    cell->bad = NULL;
    switch (cell->e->kind) {
    case E_CONST:
    case E_DIM:
        evaluate_const(m, cell);
        break;
    case E_AXIS:
        evaluate_axis(cell);
        break;
    case E_LOAD:
        evaluate_load(m, cell);
        break;
    case E_CALL:
        evaluate_call(m, cell);
        break;
    case E_INDEX:
        evaluate_arith(m, cell);
        break;
    case E_CAST:
        evaluate_cast(m, cell);
        break;
    case E_SELECT:
        evaluate_select(m, cell);
        break;
    case E_WRAP:
    case E_CHECK:
        evaluate_wrap(m, cell);
        break;
    case E_REDUCE:
        evaluate_reduction(m, cell);
        break;
    }
    cell->when = m->clock;
}
