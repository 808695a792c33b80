/* schedule.c -- the order in which nodes run, so that less is live at once.
 *
 * Two orders are compared by the memory they need at once: the one that the outputs, as they are listed, ask for, which
 * two exports of one network share (see fuse.c); and one that finishes what is short first. There outputs that less
 * leads to come first, so that a gradient becomes a parameter's next value as soon as it is known; and of the operands
 * of a node the one that most leads to, so that what is quick to have is not there before it is wanted (Sethi and
 * Ullman, "The generation of optimal code for arithmetic expressions", J. ACM 17, 1970). */
#include "../frontend/map.h"
#include "../frontend/ops/op.h"
#include "pass.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    Graph *graph;
    int *depth;      /* by node id: nodes on the longest way to it, itself included; 0: not of this graph */
    int64_t *size;   /* by symbol index */
    Node **order;    /* nodes in the order that is being made ... */
    int count;       /* ... so far */
    bool *is_placed; /* by node id */
} Schedule;

/* ---- depth ---- */
static Node *producer(const Schedule *s, const Value *value)
{
    return value && value->def && value->def->graph == s->graph ? value->def : NULL;
}

static void find_depths(const Schedule *s)
{
    for (const Node *node = s->graph->first; node; node = node->next) {
        int most = 0;
        for (int i = 0; i < node->nin; i++) {
            const Node *const before = producer(s, node->in[i]);
            most = before && s->depth[before->id] > most ? s->depth[before->id] : most;
        }
        s->depth[node->id] = most + 1;
    }
}

/* ---- memory ---- */
static bool changes_shape_alone(const Node *node)
{
    return !node->function && node->op->is_movement && strcmp(node->op->name, "Transpose") != 0 &&
           strcmp(node->op->name, "Expand") != 0;
}

/* What lies in memory where the value does. */
static const Value *storage(const Value *value)
{
    while (value->def && changes_shape_alone(value->def))
        value = value->def->in[0];
    return value;
}

static int64_t bytes(const Schedule *s, const Value *value)
{
    int64_t count = 1;
    if (value->type.kind != TENSOR || value->type.rank < 0 || value->outputs > 0)
        return 0;
    for (int i = 0; i < value->type.rank; i++) {
        int64_t extent;
        if (!dim_evaluate(value->type.dim[i], s->size, &extent) || extent < 0 || extent > INT32_MAX ||
            count * extent > INT32_MAX * INT64_C(1024))
            return 0;
        count *= extent;
    }
    return count * (int64_t)dtype_info(value->type.dtype)->size;
}

/* The greatest sum of bytes that nodes leave for later ones, when they run in this order. */
static int64_t peak(const Schedule *s, Node *const *order, int count)
{
    Map *const last = map_new(s->graph->context->arena); /* Value that is stored -> the last node that reads it */
    for (int i = 0; i < count; i++)
        for (int k = 0; k < order[i]->nin; k++)
            if (order[i]->in[k])
                map_set(last, storage(order[i]->in[k]), order[i]);
    int64_t live = 0, most = 0;
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < order[i]->nout; k++)
            if (order[i]->out[k] && storage(order[i]->out[k]) == order[i]->out[k] && map_get(last, order[i]->out[k]))
                live += bytes(s, order[i]->out[k]);
        most = live > most ? live : most;
        for (int k = 0; k < order[i]->nin; k++) {
            const Value *const value = order[i]->in[k] ? storage(order[i]->in[k]) : NULL;
            if (!value || !producer(s, value) || map_get(last, value) != order[i])
                continue;
            live -= bytes(s, value);
            map_set(last, value, s); /* once, however often the node reads it */
        }
    }
    return most;
}

/* ---- the order ---- */
/* The operand to be there next: the deepest that is not placed; NULL: all are. */
static Node *next_operand(const Schedule *s, const Node *node)
{
    Node *next = NULL;
    for (int i = 0; i < node->nin; i++) {
        Node *const before = producer(s, node->in[i]);
        if (before && !s->is_placed[before->id] && (!next || s->depth[before->id] > s->depth[next->id]))
            next = before;
    }
    return next;
}

static void place(Schedule *s, Node *root)
{
    Node **const stack = ARENA_ARRAY(s->graph->context->arena, s->depth[root->id], Node *);
    int depth = 0;
    for (Node *node = root; node;) {
        Node *const before = next_operand(s, node);
        if (before) {
            stack[depth++] = node;
            node = before;
            continue;
        }
        s->is_placed[node->id] = true;
        s->order[s->count++] = node;
        node = depth > 0 ? stack[--depth] : NULL;
    }
}

/* What nothing reads within the graph: it computes outputs, or was left by subgraphs alone. */
typedef struct {
    Node *node;
    int depth, position;
} End;

static int compare_ends(const void *a, const void *b)
{
    const End *const p = a, *const q = b;
    return p->depth != q->depth ? (p->depth > q->depth) - (p->depth < q->depth)
                                : (p->position > q->position) - (p->position < q->position);
}

static void place_all(Schedule *s)
{
    End *const end = ARENA_ARRAY(s->graph->context->arena, s->graph->nnode, End);
    int count = 0, position = 0;
    for (Node *node = s->graph->first; node; node = node->next, position++)
        end[count++] = (End){node, s->depth[node->id], position};
    qsort(end, (size_t)count, sizeof *end, compare_ends);
    for (int i = 0; i < count; i++) {
        bool is_end = false;
        for (int k = 0; k < end[i].node->nout; k++)
            is_end |= end[i].node->out[k] && end[i].node->out[k]->outputs > 0;
        if (is_end && !s->is_placed[end[i].node->id])
            place(s, end[i].node);
    }
    for (Node *node = s->graph->first; node; node = node->next) /* read by subgraphs alone */
        if (!s->is_placed[node->id])
            place(s, node);
}

bool pass_schedule(Model *model, const PassOptions *options)
{
    (void)options;
    Graph *const graph = model->graph;
    Context *const context = graph->context;
    Schedule s = {.graph = graph,
                  .depth = ARENA_ARRAY(context->arena, context->node_count, int),
                  .size = ARENA_ARRAY(context->arena, dim_symbol_count(context->dims) + 1, int64_t),
                  .order = ARENA_ARRAY(context->arena, graph->nnode + 1, Node *),
                  .is_placed = ARENA_ARRAY(context->arena, context->node_count, bool)};
    Node **const before = ARENA_ARRAY(context->arena, graph->nnode + 1, Node *);
    int count = 0;
    for (Node *node = graph->first; node; node = node->next) {
        before[count++] = node;
        if (node_subgraph(node, 0)) /* what it captures is no operand */
            return true;
    }
    find_depths(&s);
    dim_usual(context->dims, s.size);
    place_all(&s);
    if (peak(&s, s.order, s.count) >= peak(&s, before, count))
        return true;
    for (int i = s.count - 1; i >= 0; i--)
        node_move_before(s.order[i], i == s.count - 1 ? NULL : s.order[i + 1]);
    return true;
}
