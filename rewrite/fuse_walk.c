/* fuse_walk.c -- see fuse_walk.h. */
#include "fuse_walk.h"
#include "../frontend/ops/expr.h"
#include "../frontend/ops/gnn.h"
#include <string.h>

enum { FEW_TIMES = 8 };

Walk *walk_new(Context *context)
{
    Walk *w = ARENA_NEW(context->arena, Walk);
    w->context = context;
    w->seen = ARENA_ARRAY(context->arena, context->expr_count, int);
    return w;
}

/* The tensor a factor is read from, through casts and the guards of padding. */
static const Value *factor(const Expr *e)
{
    while (e->kind == E_CAST || e->kind == E_SELECT)
        e = e->arg[e->kind == E_SELECT];
    return e->kind == E_LOAD ? e->u.value : NULL;
}

bool expr_is_contraction(const Expr *reduce)
{
    const Expr *body = reduce->arg[0];
    while (body->kind == E_CAST)
        body = body->arg[0];
    if (reduce->u.combine != COMBINE_ADD || body->kind != E_CALL || body->u.scalar != S_MUL)
        return false;
    const Value *a = factor(body->arg[0]), *b = factor(body->arg[1]);
    return a && b && a != b;
}

static void walk(Walk *w, const Expr *e, Axis **loop, int nloop, int nspatial);

static void walk_reduction(Walk *w, const Expr *e, Axis **loop, int nloop, int nspatial)
{
    for (int i = 0; i < e->nover; i++) {
        if (e->over[i]->of)
            w->edges = e->over[i];
        walk(w, e->over[i]->lo, loop, nloop, nspatial);
        walk(w, e->over[i]->hi, loop, nloop, nspatial);
    }
    int64_t terms = 1;
    for (int i = 0; i < e->nover && terms < INT64_MAX; i++) {
        const int64_t extent = constant_extent(e->over[i]);
        terms = extent < 0 || extent > CHEAP_TERMS ? INT64_MAX : terms > CHEAP_TERMS ? terms : terms * extent;
    }
    w->terms = terms > w->terms ? terms : w->terms;
    w->has_reduction |= !short_sum(e);
    w->has_contraction |= !w->edges && !short_sum(e) && expr_is_contraction(e);
    if (nloop + e->nover > 3 * MAX_RANK) {
        w->overflowed = true;
        return;
    }
    memcpy(loop + nloop, e->over, sizeof *loop * (size_t)e->nover);
    walk(w, e->arg[0], loop, nloop + e->nover, nspatial);
    if (e->narg > 1 && e->arg[1])
        walk(w, e->arg[1], loop, nloop, nspatial);
}

/* Definitions are shallow: depth is bounded by the operator, not by the model. */
static void walk(Walk *w, const Expr *e, Axis **loop, int nloop, int nspatial)
{
    if (w->seen[e->id] == w->visit)
        return;
    w->seen[e->id] = w->visit;
    w->has_calls |= e->kind == E_CALL || e->kind == E_SELECT;
    if (e->kind == E_REDUCE) {
        walk_reduction(w, e, loop, nloop, nspatial);
        return;
    }
    if (e->kind == E_LOAD) {
        if (!w->value || e->u.value == w->value) {
            if (w->nfound == MAX_LOADS) {
                w->overflowed = true;
                return;
            }
            Load *found = &w->found[w->nfound++];
            *found = (Load){.load = e, .nloop = nloop, .nspatial = nspatial};
            memcpy(found->loop, loop, sizeof *loop * (size_t)nloop);
        }
    }
    const Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        walk(w, child, loop, nloop, nspatial);
}

void walk_element(Walk *w, const Element *element, int rank)
{
    Axis *loop[3 * MAX_RANK];
    w->visit++;
    w->nfound = 0;
    w->terms = 0;
    w->overflowed = w->has_calls = w->has_reduction = w->has_contraction = false;
    w->edges = NULL;
    memcpy(loop, element->axis, sizeof *loop * (size_t)rank);
    if (element->body)
        walk(w, element->body, loop, rank, rank);
    const Update *update = element->update;
    if (!update)
        return;
    if (update->nover > 3 * MAX_RANK) {
        w->overflowed = true;
        return;
    }
    memcpy(loop, update->over, sizeof *loop * (size_t)update->nover);
    walk(w, update->value, loop, update->nover, update->nover);
    if (update->guard)
        walk(w, update->guard, loop, update->nover, update->nover);
    for (int i = 0; i < rank; i++)
        walk(w, update->at[i], loop, update->nover, update->nover);
}

/* ---- how loops meet a value ---- */

/* Points of loops [from, to): all edges of all vertices count once together. NULL when an extent is not a Dim. */
static Dim *points(Context *context, Axis *const *loop, int from, int to)
{
    const Axis *vertex = NULL;
    for (int i = from; i < to; i++)
        if (loop[i]->of && loop[i]->of->kind == E_AXIS)
            vertex = loop[i]->of->u.axis;
    Dim *all = dim_const(context->dims, 1);
    for (int i = from; i < to; i++) {
        if (loop[i] == vertex)
            continue;
        Dim *extent = loop[i]->of ? loop[i]->csr->target->type.dim[0] : axis_extent(context, loop[i]);
        if (!extent)
            return NULL;
        all = dim_mul(context->dims, all, extent);
    }
    return all;
}

static Dim *elements(Context *context, const Value *value)
{
    Dim *all = dim_const(context->dims, 1);
    for (int i = 0; i < value->type.rank; i++)
        all = dim_mul(context->dims, all, value->type.dim[i]);
    return all;
}

static bool reads_any(Context *context, const Expr *load, Axis *const *loop, int from, int to)
{
    for (int k = from; k < to; k++)
        for (int i = 0; i < load->u.value->type.rank; i++)
            if (expr_reads_axis(context, load->index[i], loop[k]))
                return true;
    return false;
}

bool is_summed(Context *context, const Load *read)
{
    for (int k = read->nspatial; k < read->nloop; k++)
        if (!read->loop[k]->of && reads_any(context, read->load, read->loop, k, k + 1))
            return true;
    return false;
}

const Value *index_vector(const Expr *index, const Load *read)
{
    while (index->kind == E_CAST || index->kind == E_WRAP || index->kind == E_CHECK)
        index = index->arg[0];
    if (index->kind != E_LOAD)
        return NULL;
    for (int i = 0; i < read->nloop; i++)
        if (read->loop[i]->csr && read->loop[i]->csr->order == index->u.value)
            return NULL;
    return index->u.value;
}

static bool is_target(const Value *value)
{
    for (int i = 0; i < value->nreader; i++)
        if (is_grouped_segment(value->reader[i]) && value->reader[i]->in[SEGMENT_TARGET] == value)
            return true;
    return false;
}

const Value *target_vector(const Load *read)
{
    const Value *vector = read->load->u.value->type.rank > 0 ? index_vector(read->load->index[0], read) : NULL;
    return vector && is_target(vector) ? vector : NULL;
}

Reading reading_of(Context *context, const Load *read)
{
    const Value *value = read->load->u.value;
    for (int i = 0; i < value->type.rank; i++) {
        const Value *vector = index_vector(read->load->index[i], read);
        if (vector)
            return i == 0 && target_vector(read) ? READ_TARGET : READ_AGAIN;
    }
    Dim *count = elements(context, value);
    if (points(context, read->loop, 0, read->nloop) == count)
        return READ_ONCE;
    for (int k = 0; k < read->nspatial; k++)
        if (points(context, read->loop, 0, k) == count)
            return reads_any(context, read->load, read->loop, k, read->nloop) ? READ_AGAIN : READ_OUTSIDE;
    /* the innermost spatial loop is vectorised and stands inside the reductions */
    int last = read->nspatial - 1;
    if (last >= 0 && !reads_any(context, read->load, read->loop, last, last + 1)) {
        Axis *others[3 * MAX_RANK];
        memcpy(others, read->loop, sizeof *others * (size_t)last);
        memcpy(others + last, read->loop + last + 1, sizeof *others * (size_t)(read->nloop - last - 1));
        if (points(context, others, 0, read->nloop - 1) == count)
            return READ_OUTSIDE;
    }
    Dim *all = points(context, read->loop, 0, read->nloop);
    Dim *times = all ? dim_divide_exactly(context->dims, all, count) : NULL;
    int64_t known;
    return times && dim_is_const(times, &known) && known <= FEW_TIMES ? READ_FEW : READ_AGAIN;
}
