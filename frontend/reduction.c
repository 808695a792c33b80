/* reduction.c -- reductions over blocks of lanes: an accumulator for each lane, the reduction's axes one point at a
 * time. */
#include "cell.h"
#include <math.h>
#include <string.h>

/* Points that are added up one by one; a long sum is the sum of such parts, so that its rounding stays small. */
enum { PART = 256 };

typedef struct {
    Machine *machine;
    Cell *cell;
    DType dtype;   /* of the accumulator */
    int64_t width; /* lanes of the accumulator: 1 or the machine's */
    void *sum, *next;
    void *parts; /* the sum of the parts that have ended */
    bool has_parts;
    int points;       /* of the part that is being added up; -1: it has no end */
    uint8_t *touched; /* lanes that had a point */
    Combine combine;
} Reduction;

static void set_neutral(Combine combine, DType dtype, void *lane)
{
    const double value = combine_neutral(combine, dtype);
    lanes_cast(1, lane, dtype, &value, F64); /* saturates to the least and greatest integer */
}

static void keep_inactive(Reduction *r, const uint8_t *active)
{
    const size_t size = lanes_size(r->dtype);
    for (int64_t i = 0; i < r->width; i++)
        if (!active[i])
            memcpy((char *)r->next + (size_t)i * size, (char *)r->sum + (size_t)i * size, size);
}

static void swap(void **a, void **b)
{
    void *other = *a;
    *a = *b;
    *b = other;
}

static void end_part(Reduction *r)
{
    const Operand parts = {r->parts, LANE_CHUNK}, sum = {r->sum, LANE_CHUNK};
    if (r->has_parts) {
        r->cell->lanes(r->width, r->next, parts, sum, (Operand){NULL, 0});
        swap(&r->parts, &r->next);
    } else {
        swap(&r->parts, &r->sum);
    }
    r->has_parts = true;
    memset(r->sum, 0, (size_t)r->width * lanes_size(r->dtype));
    r->points = 0;
}

static void add_value(Reduction *r, Operand value, const uint8_t *active)
{
    r->cell->lanes(r->width, r->next, (Operand){r->sum, LANE_CHUNK}, value, (Operand){NULL, 0});
    if (active)
        keep_inactive(r, active);
    swap(&r->sum, &r->next);
    if (r->points >= 0 && ++r->points == PART)
        end_part(r);
}

/* Whether b replaces a as the greatest (least): NaN does, and the first of equals stays unless the last is wanted. */
static void add_index(Reduction *r, Operand value, const uint8_t *active)
{
    const bool last = combine_takes_last(r->combine);
    const Operand best = {r->sum, LANE_CHUNK}, none = {NULL, 0};
    const size_t size = lanes_size(r->dtype);
    uint8_t wins[BLOCK + LANE_CHUNK], is_nan[BLOCK + LANE_CHUNK] = {0}, was_nan[BLOCK + LANE_CHUNK] = {0};
    lanes_scalar(combine_better(r->combine), r->dtype)(r->width, wins, value, best, none);
    if (dtype_is_float(r->dtype)) {
        lanes_scalar(S_IS_NAN, r->dtype)(r->width, is_nan, value, none, none);
        lanes_scalar(S_IS_NAN, r->dtype)(r->width, was_nan, best, none, none);
    }
    const Loop *loop = r->cell->over[0];
    for (int64_t i = 0; i < r->width; i++) {
        const bool nan_wins = is_nan[i] && (last || !was_nan[i]);
        if ((active && !active[i]) || (r->touched[i] && !nan_wins && (!wins[i] || was_nan[i])))
            continue;
        memcpy((char *)r->sum + (size_t)i * size, (const char *)value.data + (size_t)(value.step ? i : 0) * size, size);
        ((int64_t *)r->next)[i] = (loop->form == VARYING ? loop->lane[i] : loop->base) - cell_integer(loop->lo, i);
    }
}

static void add_point(Reduction *r, const uint8_t *active)
{
    Machine *m = r->machine;
    Cell *body = r->cell->arg[0];
    cell_evaluate(m, body);
    const Operand value = cell_lanes(m, body);
    if (combine_is_arg(r->combine))
        add_index(r, value, active);
    else
        add_value(r, value, active);
    if (r->touched)
        for (int64_t i = 0; i < r->width; i++)
            r->touched[i] |= !active || active[i];
    if (body->bad)
        for (int64_t i = 0; i < m->n; i++)
            if (body->bad[i] && (!active || active[i]))
                bad_lanes(m, r->cell)[i] = 1;
}

static void add_points(Reduction *r, int level, const uint8_t *active);

/* The range depends on the lane: all lanes step together until the longest is done. */
static void add_ragged(Reduction *r, int level, const uint8_t *active)
{
    Machine *m = r->machine;
    Loop *loop = r->cell->over[level];
    int64_t longest = 0;
    if (!loop->lane) {
        loop->lane = arena_alloc(m->arena, (size_t)m->lanes * sizeof *loop->lane);
        loop->active = arena_alloc(m->arena, (size_t)m->lanes);
    }
    for (int64_t i = 0; i < m->n; i++) {
        const int64_t extent = cell_integer(loop->hi, i) - cell_integer(loop->lo, i);
        if ((!active || active[i]) && extent > longest)
            longest = extent;
    }
    for (int64_t t = 0; t < longest; t++) {
        for (int64_t i = 0; i < m->n; i++) {
            const int64_t lo = cell_integer(loop->lo, i), hi = cell_integer(loop->hi, i);
            loop->active[i] = lo + t < hi && (!active || active[i]);
            loop->lane[i] = loop->active[i] ? lo + t : lo;
        }
        loop->form = VARYING;
        loop->changed = ++m->clock;
        add_points(r, level + 1, loop->active);
    }
}

static void add_points(Reduction *r, int level, const uint8_t *active)
{
    Machine *m = r->machine;
    if (level == r->cell->e->nover) {
        add_point(r, active);
        return;
    }
    Loop *loop = r->cell->over[level];
    cell_evaluate(m, loop->lo);
    cell_evaluate(m, loop->hi);
    inherit_bad(m, r->cell, loop->lo);
    inherit_bad(m, r->cell, loop->hi);
    if (loop->lo->form != UNIFORM || loop->hi->form != UNIFORM) {
        add_ragged(r, level, active);
        return;
    }
    const int64_t lo = cell_integer(loop->lo, 0), hi = cell_integer(loop->hi, 0);
    for (int64_t i = lo; i < hi; i++) {
        loop_set(m, loop, i);
        add_points(r, level + 1, active);
    }
}

/* Lanes without a point take what the expression gives for empty ranges. */
static void fill_empty(Reduction *r)
{
    Machine *m = r->machine;
    Cell *empty = r->cell->arg[1];
    const size_t size = lanes_size(r->cell->e->dtype);
    bool any = false;
    for (int64_t i = 0; i < r->width; i++)
        any |= !r->touched[i];
    if (!any)
        return;
    cell_evaluate(m, empty);
    const Operand value = cell_lanes(m, empty);
    for (int64_t i = 0; i < r->width; i++)
        if (!r->touched[i])
            memcpy((char *)r->sum + (size_t)i * size, (const char *)value.data + (size_t)(value.step ? i : 0) * size,
                   size);
    inherit_bad(m, r->cell, empty);
}

static bool varies(const Machine *m, const Cell *cell)
{
    for (uint64_t rest = cell->depends; rest; rest &= rest - 1)
        if (m->all[__builtin_ctzll(rest)]->form != UNIFORM)
            return true;
    return false;
}

/* The accumulator before the first point; more lanes than are wanted, for whoever reads it in chunks. */
static void begin(Reduction *r)
{
    const size_t size = lanes_size(r->dtype);
    const int64_t lanes = (r->width + LANE_CHUNK - 1) / LANE_CHUNK * LANE_CHUNK;
    set_neutral(r->combine, r->dtype, r->sum);
    for (int64_t i = 1; i < lanes; i++)
        memcpy((char *)r->sum + (size_t)i * size, r->sum, size);
    if (combine_is_arg(r->combine))
        memset(r->next, 0, (size_t)r->width * sizeof(int64_t));
}

void evaluate_reduction(Machine *m, Cell *cell)
{
    const Expr *e = cell->e;
    const bool is_arg = combine_is_arg(e->u.combine), varying = varies(m, cell);
    const bool can_be_long = e->u.combine == COMBINE_ADD && dtype_is_float(e->dtype);
    uint8_t touched[BLOCK + LANE_CHUNK] = {0};
    Reduction r = {.machine = m,
                   .cell = cell,
                   .dtype = e->arg[0]->dtype,
                   .width = varying ? m->n : 1,
                   .sum = cell->own,
                   .next = cell->other,
                   .parts = cell->third,
                   .points = can_be_long ? 0 : -1,
                   .touched = is_arg || cell->arg[1] ? touched : NULL,
                   .combine = e->u.combine};
    begin(&r);
    add_points(&r, 0, NULL);
    if (r.has_parts) {
        end_part(&r);
        swap(&r.sum, &r.parts);
    }
    if (is_arg) /* the indices are the result */
        swap(&r.sum, &r.next);
    cell->own = r.sum;
    cell->other = r.next;
    cell->third = r.parts;
    if (cell->arg[1])
        fill_empty(&r);
    if (varying)
        set_varying(cell);
    else
        set_uniform(cell);
}
