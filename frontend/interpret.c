/* interpret.c -- the elements of one definition on concrete inputs: loops around blocks of lanes. */
#include "cell.h"
#include "evaluate.h"
#include "ops/expr.h"
#include "ops/op.h"
#include <string.h>

static void exhausted(void *who)
{
    const Context *context = who;
    report_fatal(context->report, NULL, LIMIT_EXCEEDED, "memory for evaluation", "the machine");
}

/* ---- running over points ---- */
typedef void Visit(Machine *machine, void *who);

/* Visits all points of the loops from `level` on: `outer` are stepped one by one, then the block's loop in blocks. */
static bool visit_points(Machine *m, Loop **outer, int nouter, int level, Visit *visit, void *who)
{
    const Loop *const own = level < nouter ? outer[level] : m->block;
    int64_t lo = 0, hi = 1;
    if (own) {
        cell_evaluate(m, own->lo);
        cell_evaluate(m, own->hi);
        lo = cell_integer(own->lo, 0);
        hi = cell_integer(own->hi, 0);
    }
    if (level < nouter) {
        for (int64_t i = lo; i < hi && !m->problem && m->bad_lane < 0; i++) {
            loop_set(m, outer[level], i);
            visit_points(m, outer, nouter, level + 1, visit, who);
        }
        return !m->problem && m->bad_lane < 0;
    }
    for (int64_t i = lo; i < hi && !m->problem && m->bad_lane < 0; i += m->lanes) {
        if (m->block)
            loop_set_block(m, m->block, i, hi - i < m->lanes ? hi - i : m->lanes);
        visit(m, who);
    }
    return !m->problem && m->bad_lane < 0;
}

static bool note_bad(Machine *m, const Cell *cell)
{
    for (int64_t i = 0; cell->bad && i < m->n; i++)
        if (cell->bad[i]) {
            m->bad_lane = i;
            return true;
        }
    return false;
}

/* ---- bodies ---- */
typedef struct {
    Cell *body;
    Loop *loop[MAX_RANK];
    int64_t stride[MAX_RANK];
    int rank;
} Body;

static void store_body(Machine *m, void *who)
{
    const Body *body = who;
    cell_evaluate(m, body->body);
    if (note_bad(m, body->body))
        return;
    const Operand value = cell_lanes(m, body->body);
    const size_t size = dtype_info(m->into->dtype)->size, lane_size = lanes_size(body->body->e->dtype);
    int64_t offset = 0, step = 0;
    for (int k = 0; k < body->rank; k++) {
        offset += body->loop[k]->base * body->stride[k];
        if (body->loop[k] == m->block)
            step = body->stride[k];
    }
    char *memory = (char *)m->into->data + (size_t)offset * size;
    if (step == 1 && value.step) {
        lanes_store(m->n, memory, value.data, m->into->dtype);
        return;
    }
    lanes_store(1, memory, value.data, m->into->dtype);
    for (int64_t i = 1; i < m->n; i++)
        if (value.step)
            lanes_store(1, memory + (size_t)(i * step) * size, (const char *)value.data + (size_t)i * lane_size,
                        m->into->dtype);
        else
            memcpy(memory + (size_t)(i * step) * size, memory, size);
}

static Machine *machine_new(Definition *definition, int output, Tensor *into, int64_t lanes)
{
    Arena *arena = arena_new(SIZE_MAX, exhausted, definition->context);
    if (!arena)
        exhausted(definition->context);
    Machine *m = ARENA_NEW(arena, Machine);
    m->context = definition->context;
    m->arena = arena;
    m->output = definition->node->out[output];
    m->into = into;
    m->cell = map_new(arena);
    m->loop = map_new(arena);
    m->n = 1;
    m->lanes = lanes >= BLOCK ? BLOCK : ((int)lanes + LANE_CHUNK - 1) / LANE_CHUNK * LANE_CHUNK;
    if (m->lanes == 0)
        m->lanes = LANE_CHUNK;
    m->clock = 1;
    m->bad_lane = -1;
    return m;
}

static Loop *bound_loop(Machine *m, const Axis *axis)
{
    Loop *loop = machine_loop(m, axis);
    loop->lo = machine_cell(m, axis->lo);
    loop->hi = machine_cell(m, axis->hi);
    return loop;
}

/* Reports what went wrong, if anything, and frees the machine. */
static bool finish(Machine *m, const Node *node)
{
    Context *context = m->context;
    bool fine = true;
    if (m->problem)
        fine = report_add(context->report, node, NODE_FAILED, arena_strdup(context->arena, m->problem));
    else if (m->bad_lane >= 0)
        fine = report_add(context->report, node, NODE_FAILED,
                          arena_printf(context->arena, "index %lld is out of range for a dimension of %lld",
                                       (long long)m->bad_index, (long long)m->bad_extent));
    arena_free(m->arena);
    return fine;
}

static bool interpret_body(Definition *definition, int output, Tensor *into)
{
    const Element *element = &definition->element[output];
    int64_t longest = 1, stride = 1;
    for (int k = 0; k < into->rank; k++)
        longest = into->dim[k] > longest ? into->dim[k] : longest;
    Machine *m = machine_new(definition, output, into, longest);
    Body body = {.rank = into->rank};
    Loop *outer[MAX_RANK];
    int nouter = 0;
    for (int k = into->rank - 1; k >= 0; k--) {
        body.stride[k] = stride;
        stride *= into->dim[k];
    }
    for (int k = 0; k < into->rank; k++)
        body.loop[k] = bound_loop(m, element->axis[k]);
    body.body = machine_cell(m, element->body);
    const int lane_axis = m->problem ? -1 : machine_choose_lanes(m, body.loop, body.rank);
    for (int k = 0; k < into->rank; k++)
        if (k != lane_axis)
            outer[nouter++] = body.loop[k];
    if (!m->problem && into->count > 0)
        visit_points(m, outer, nouter, 0, store_body, &body);
    return finish(m, definition->node);
}

/* ---- updates ---- */
typedef struct {
    Cell *at[MAX_RANK], *guard, *value;
    int rank;
    Combine combine;
} Scatter;

static void combine_into(Machine *m, Combine combine, void *memory, const void *value, DType compute)
{
    _Alignas(16) char old[16], new[16];
    if (combine == COMBINE_SET) {
        lanes_store(1, memory, value, m->into->dtype);
        return;
    }
    lanes_load(1, old, memory, m->into->dtype);
    lanes_scalar(combine_scalar(combine), compute)(1, new, (Operand){old, 0}, (Operand){value, 0}, (Operand){NULL, 0});
    lanes_store(1, memory, new, m->into->dtype);
}

static void update_lane(Machine *m, const Scatter *s, int64_t lane)
{
    const DType compute = s->value->e->dtype;
    int64_t offset = 0;
    for (int k = 0; k < s->rank; k++) {
        const int64_t index = cell_integer(s->at[k], lane), extent = m->into->dim[k];
        if (cell_is_bad(s->at[k], lane) || index < 0 || index >= extent) {
            if (!cell_is_bad(s->at[k], lane)) {
                m->bad_index = index;
                m->bad_extent = extent;
            }
            m->bad_lane = lane;
            return;
        }
        offset = offset * extent + index;
    }
    if (cell_is_bad(s->value, lane)) {
        m->bad_lane = lane;
        return;
    }
    const Operand value = cell_lanes(m, s->value);
    combine_into(m, s->combine, (char *)m->into->data + (size_t)offset * dtype_info(m->into->dtype)->size,
                 (const char *)value.data + (size_t)(value.step ? lane : 0) * lanes_size(compute), compute);
}

static void store_update(Machine *m, void *who)
{
    const Scatter *s = who;
    if (s->guard)
        cell_evaluate(m, s->guard);
    if (s->guard && s->guard->form == UNIFORM && !s->guard->bad && !cell_integer(s->guard, 0))
        return;
    for (int k = 0; k < s->rank; k++)
        cell_evaluate(m, s->at[k]);
    cell_evaluate(m, s->value);
    for (int64_t i = 0; i < m->n && m->bad_lane < 0; i++) {
        if (s->guard && cell_is_bad(s->guard, i))
            m->bad_lane = i;
        else if (!s->guard || cell_integer(s->guard, i))
            update_lane(m, s, i);
    }
}

/* Whether every load of the output in e has the axis itself as index `place`. */
static bool loads_own_place(const Expr *e, const Value *output, const Axis *axis, int place)
{
    Expr *child;
    if (e->kind == E_LOAD && e->u.value == output &&
        (e->index[place]->kind != E_AXIS || e->index[place]->u.axis != axis))
        return false;
    for (int i = 0; (child = expr_child(e, i)); i++)
        if (!loads_own_place(child, output, axis, place))
            return false;
    return true;
}

/* The axis whose points are the lanes of an update, -1: none. The innermost, when the output is not read: the points
 * are still stored one after the other. An axis by which they are independent, when it is. */
static int update_lane_axis(Context *context, const Update *update, const Value *output, int rank)
{
    const bool reads = expr_reads_value(context, update->value, output) ||
                       (update->guard && expr_reads_value(context, update->guard, output));
    if (!reads)
        return update->nover - 1;
    for (int a = update->nover - 1; a >= 0; a--) {
        const Axis *axis = update->over[a];
        for (int k = 0; k < rank; k++)
            if (update->at[k]->kind == E_AXIS && update->at[k]->u.axis == axis &&
                loads_own_place(update->value, output, axis, k) &&
                (!update->guard || loads_own_place(update->guard, output, axis, k)))
                return a;
    }
    return -1;
}

static bool interpret_update(Definition *definition, int output, Tensor *into)
{
    const Update *update = definition->element[output].update;
    const int lane_axis = update_lane_axis(definition->context, update, definition->node->out[output], into->rank);
    Machine *m = machine_new(definition, output, into, lane_axis < 0 ? 1 : BLOCK);
    Scatter scatter = {.rank = into->rank, .combine = update->combine};
    Loop *outer[MAX_LOOPS];
    int nouter = 0;
    for (int i = 0; i < update->nover && !m->problem; i++) {
        Loop *loop = bound_loop(m, update->over[i]);
        if (i == lane_axis)
            m->block = loop;
        else
            outer[nouter++] = loop;
    }
    for (int k = 0; k < into->rank; k++)
        scatter.at[k] = machine_cell(m, update->at[k]);
    scatter.value = machine_cell(m, update->value);
    scatter.guard = update->guard ? machine_cell(m, update->guard) : NULL;
    if (!m->problem)
        visit_points(m, outer, nouter, 0, store_update, &scatter);
    return finish(m, definition->node);
}

bool interpret(Definition *definition, int output, Tensor *into)
{
    const Element *element = &definition->element[output];
    return (!element->body || interpret_body(definition, output, into)) &&
           (!element->update || interpret_update(definition, output, into));
}
