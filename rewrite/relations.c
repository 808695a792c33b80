/* relations.c -- layers with a weight for each kind of edge: all kinds are aggregated at once.
 *
 * Exporters unroll such a layer. For each kind r the edges with kind == r are picked, gathered and averaged:
 *
 *     kept_r = NonZero (kind == r)      m_r [N, F] = SegmentMean (x[source[kept_r]], target[kept_r], N)
 *
 * which takes a list of edges and a grouping for each r. Here the edges are grouped once, by target and kind:
 *
 *     m [N * R + 1, F] = SegmentMean (x[source], target * R + kind, N * R + 1)
 *
 * Row v * R + r is m_r's row v; edges of other kinds go to the last row, which nobody reads. A vertex's rows stand side
 * by side, so that products with the kinds' weights, summed, are one product (postpone.rules). */
#include "../frontend/frontend.h"
#include "../frontend/ops/gnn.h"
#include "pass.h"
#include "shape.h"
#include <string.h>

/* A segment operator over the edges of one kind. */
typedef struct {
    Node *segment;
    Value *x, *edges, *kind;
    int64_t relation, target, source; /* rows of edges */
} Selection;

/* ---- what a selection looks like ---- */
static const Node *made_by(const Value *value, const char *operator)
{
    const Node *node = value ? value->def : NULL;
    return node && node_is(node, "", operator) ? node : NULL;
}

static bool is_integer(const Value *value, int64_t *number)
{
    int count;
    Dim **dims = value ? value_dims(value, &count) : NULL;
    return dims && count == 1 && dims[0] && dim_is_const(dims[0], number);
}

/* A row of a matrix of edges: the matrix. */
static Value *row_of(const Value *row, int64_t *number)
{
    const Node *gather = made_by(row, "Gather");
    return gather && attr_int(gather, "axis", 0) == 0 && row->type.rank == 1 && is_integer(gather->in[1], number)
               ? gather->in[0]
               : NULL;
}

/* The edges that are kept where a vector of kinds equals a number. */
static bool find_kind(const Value *kept, Selection *s)
{
    const Node *view = made_by(kept, "Reshape");
    const Node *places = made_by(view ? view->in[0] : kept, "NonZero");
    const Node *equal = places ? made_by(places->in[0], "Equal") : NULL;
    for (int i = 0; equal && i < 2; i++)
        if (is_integer(equal->in[i], &s->relation) && equal->in[i]->type.rank <= 1) {
            s->kind = equal->in[1 - i];
            return s->kind->type.rank == 1 && kept->type.rank == 1 && places->in[0]->type.rank == 1;
        }
    return false;
}

static bool find_selection(Node *node, Selection *s)
{
    if ((!node_is(node, "gnn", "SegmentSum") && !node_is(node, "gnn", "SegmentMean")) || node->nin > SEGMENT_ROW)
        return false;
    const Node *rows = made_by(node->in[SEGMENT_X], "Gather");
    if (!rows || attr_int(rows, "axis", 0) != 0 || rows->in[0]->type.rank != 2)
        return false;
    Value *const picked = row_of(node->in[SEGMENT_TARGET], &s->target);
    if (!picked || row_of(rows->in[1], &s->source) != picked)
        return false;
    const Node *pick = made_by(picked, "Gather");
    if (!pick || attr_int(pick, "axis", 0) != 1 || pick->in[0]->type.rank != 2 || !find_kind(pick->in[1], s))
        return false;
    s->segment = node;
    s->x = rows->in[0];
    s->edges = pick->in[0];
    return s->kind->type.dim[0] == s->edges->type.dim[1] && s->kind->type.dtype == I64 && s->edges->type.dtype == I64;
}

/* Whether two numbers of vertices are equal, constants of their own or one value. */
static bool is_same_count(const Value *a, const Value *b)
{
    int count_a, count_b;
    Dim **dims_a = value_dims(a, &count_a), **dims_b = value_dims(b, &count_b);
    return a == b || (dims_a && dims_b && count_a == 1 && count_b == 1 && dims_a[0] == dims_b[0]);
}

static bool is_same_layer(const Selection *a, const Selection *b)
{
    return a->segment->op == b->segment->op && a->x == b->x && a->edges == b->edges && a->kind == b->kind &&
           a->target == b->target && a->source == b->source && is_same_count(a->segment->in[2], b->segment->in[2]) &&
           type_equal(&a->segment->out[0]->type, &b->segment->out[0]->type);
}

/* ---- building ---- all before the layer's first segment operator */
typedef struct {
    Node *before;
    bool ok;
} Builder;

static Value *build(Builder *b, const char *domain, const char *operator, Value * const * operand, int count)
{
    Node *node = node_new(b->before->graph, op_find(domain, operator), b->before->name, b->before);
    for (int i = 0; i < count; i++)
        node_add_input(node, operand[i]);
    Value *output = node_add_output(node, "");
    b->ok = b->ok && node_infer(node);
    return output;
}

static Value *build2(Builder *b, const char *operator, Value * x, Value *y)
{
    return build(b, "", operator,(Value *[]){x, y}, 2);
}

static Value *build3(Builder *b, const char *operator, Value * x, Value *y, Value *z)
{
    return build(b, "", operator,(Value *[]){x, y, z}, 3);
}

static Value *size(Builder *b, Dim *dim, bool scalar)
{
    Value *value = value_of_dims(b->before, &dim, 1, scalar);
    b->ok = b->ok && value;
    return value;
}

static Value *number(Builder *b, int64_t i, bool scalar)
{
    return size(b, dim_const(b->before->graph->context->dims, i), scalar);
}

static Value *slice(Builder *b, Value *x, Value *from, Value *to, int axis)
{
    return build(b, "", "Slice", (Value *[]){x, from, to, number(b, axis, false)}, 4);
}

/* target * R + kind; N * R where the kind is none of 0 .. R - 1, one more where the target is no vertex, which segment
 * operators refuse. */
static Value *group_of_edge(Builder *b, const Selection *s, int64_t relations, Dim *vertices)
{
    DimTable *const table = b->before->graph->context->dims;
    Dim *const groups = dim_mul(table, vertices, dim_const(table, relations));
    Value *const target = build2(b, "Gather", s->edges, number(b, s->target, true)), *const zero = number(b, 0, true);
    Value *const of_kind = build2(b, "And", build2(b, "GreaterOrEqual", s->kind, zero),
                                  build2(b, "Less", s->kind, number(b, relations, true)));
    Value *const group = build2(b, "Add", build2(b, "Mul", target, number(b, relations, true)), s->kind);
    Value *const is_vertex =
        build2(b, "And", build2(b, "GreaterOrEqual", target, zero), build2(b, "Less", target, size(b, vertices, true)));
    Value *const refused = size(b, dim_add(table, groups, dim_const(table, 1)), true);
    return build3(b, "Where", of_kind, build3(b, "Where", is_vertex, group, refused), size(b, groups, true));
}

/* The rows of all kinds, side by side: [N, R * F]. */
static Value *all_kinds(Builder *b, const Selection *s, int64_t relations, Dim *vertices)
{
    DimTable *const table = b->before->graph->context->dims;
    Dim *const groups = dim_mul(table, vertices, dim_const(table, relations)), *const features = s->x->type.dim[1];
    Value *const group = group_of_edge(b, s, relations, vertices);
    Value *const source = build2(b, "Gather", s->edges, number(b, s->source, true));
    Value *const rows = build2(b, "Gather", s->x, source);
    Value *const with_others =
        build(b, "gnn", s->segment->op->name,
              (Value *[]){rows, group, size(b, dim_add(table, groups, dim_const(table, 1)), false)}, 3);
    Value *const mine = slice(b, with_others, number(b, 0, false), size(b, groups, false), 0);
    Dim *shape[] = {vertices, dim_mul(table, features, dim_const(table, relations))};
    Value *const target = value_of_dims(b->before, shape, 2, false);
    b->ok = b->ok && target;
    return build2(b, "Reshape", mine, target);
}

/* ---- layers ---- */
/* The selections of the layer that the first one belongs to; how many kinds, or 0 when they are not 0 .. R - 1, once
 * each. */
static int64_t collect(Node *first, Selection *found, int64_t most)
{
    int64_t count = 0;
    Selection s;
    for (Node *node = first; node; node = node->next) {
        if (!find_selection(node, &s) || (count > 0 && !is_same_layer(&found[0], &s)))
            continue;
        if (count == most)
            return 0;
        found[count++] = s;
    }
    bool *const seen = ARENA_ARRAY(first->graph->context->arena, count, bool);
    for (int64_t i = 0; i < count; i++) {
        if (found[i].relation < 0 || found[i].relation >= count || seen[found[i].relation])
            return 0;
        seen[found[i].relation] = true;
    }
    return count;
}

static bool join(const Selection *found, int64_t relations)
{
    int count;
    Dim **const n = value_dims(found[0].segment->in[2], &count), *const features = found[0].x->type.dim[1];
    DimTable *const table = found[0].x->graph->context->dims;
    if (!n || count != 1 || !dim_is_const(features, NULL))
        return true;
    Builder b = {found[0].segment, true};
    Value *const all = all_kinds(&b, &found[0], relations, n[0]);
    for (int64_t i = 0; i < relations && b.ok; i++) {
        Dim *const from = dim_mul(table, features, dim_const(table, found[i].relation));
        Value *const part = slice(&b, all, size(&b, from, false), size(&b, dim_add(table, from, features), false), 1);
        value_replace(found[i].segment->out[0], part);
    }
    return b.ok;
}

enum { MOST_RELATIONS = 1024 };

static bool join_relations(Graph *graph, void *found)
{
    for (Node *node = graph->first; node; node = node->next) {
        Selection s;
        const int64_t relations = find_selection(node, &s) ? collect(node, found, MOST_RELATIONS) : 0;
        if (relations > 1 && !join(found, relations))
            return false;
    }
    return true;
}

bool pass_relations(Model *model, const PassOptions *options)
{
    (void)options;
    if (!graph_each(model->graph, join_relations, ARENA_ARRAY(model->context->arena, MOST_RELATIONS, Selection)))
        return false;
    graph_sweep(model->graph);
    return true;
}
