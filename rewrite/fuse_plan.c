/* fuse_plan.c -- which values a nest computes on the way, and which are worth a buffer.
 *
 * Values are visited from the outputs up. A value is inlined into its readers when that repeats no work that counts
 * (see fuse.h); everything else is the root of a group and is stored. What a reader's loops do to a value is read off
 * the definitions, so the decision knows no operators. */
#include "../frontend/map.h"
#include "../frontend/ops/expr.h"
#include "../frontend/ops/gnn.h"
#include "fuse.h"
#include <string.h>

/* MAX_GROUP bounds the depth of a nest's expressions, whatever the length of the model's chains. */
enum { MAX_LOADS = 64, MAX_GROUP = 100, FEW_TIMES = 8 };

/* A reduction of at most so many terms for an edge costs less than writing its result and reading it again. */
enum { CHEAP_TERMS = 16 };

/* One read of a value in a reader's nest: the loops around it, outermost first. */
typedef struct {
    const Expr *load;
    Axis *loop[3 * MAX_RANK];
    int nloop, nspatial;
} Load;

typedef struct {
    Context *context;
    const Value *value; /* whose reads are looked for; NULL: all */
    Load found[MAX_LOADS];
    int nfound;
    bool overflowed, has_calls, has_reduction, has_contraction;
    int64_t terms;     /* the most that a reduction has; those of unknown extents have INT64_MAX */
    const Axis *edges; /* an axis over the edges of a vertex */
    int *seen;         /* by expression id, the visit that saw it */
    int visit;
} Walk;

/* ---- reading definitions ---- */

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
        for (int i = 0; i < e->u.value->type.rank; i++)
            walk(w, e->index[i], loop, nloop, nspatial);
    }
    for (int i = 0; i < e->narg; i++)
        if (e->arg[i])
            walk(w, e->arg[i], loop, nloop, nspatial);
}

/* Walks all of an element: its body over its axes, its update over the update's. */
static void walk_element(Walk *w, const Element *element, int rank)
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
        Dim *extent = loop[i]->of ? loop[i]->target->type.dim[0] : axis_extent(context, loop[i]);
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

/* An index that is itself read from a tensor; the permutation of an edge axis does not count. */
static const Value *index_vector(const Expr *index, const Load *read)
{
    while (index->kind == E_CAST || index->kind == E_WRAP || index->kind == E_CHECK)
        index = index->arg[0];
    if (index->kind != E_LOAD)
        return NULL;
    for (int i = 0; i < read->nloop; i++)
        if (read->loop[i]->of && read->loop[i]->order == index->u.value)
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

/* Whether a segment operator names its edges by this vector: nests know its elements, as long as it stays a vector. */
static bool names_edges(const Value *value)
{
    for (int i = 0; i < value->nreader; i++) {
        const Node *reader = value->reader[i];
        if (is_grouped_segment(reader) &&
            (reader->in[SEGMENT_TARGET] == value || node_input(reader, SEGMENT_SOURCE) == value))
            return true;
    }
    return false;
}

static Reading reading_of(Context *context, const Load *read)
{
    const Value *value = read->load->u.value;
    for (int i = 0; i < value->type.rank; i++) {
        const Value *vector = index_vector(read->load->index[i], read);
        if (vector)
            return i == 0 && is_target(vector) ? READ_TARGET : READ_AGAIN;
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

/* ---- the plan ---- */

static Work work_of(Walk *w, Node *node, const Element *element)
{
    walk_element(w, element, node->out[0]->type.rank);
    if (w->overflowed || element->update || !element->body)
        return WORK_APART;
    if (w->edges)
        return WORK_SEGMENT;
    if (w->has_contraction)
        return WORK_CONTRACTION;
    return w->has_reduction ? WORK_REDUCTION : w->has_calls ? WORK_SCALAR : WORK_NONE;
}

static void examine(Walk *w, Node *node, Fusion *fusion)
{
    *fusion = (Fusion){.node = node, .work = WORK_APART, .root = node};
    if (node->function || (node->op->form != FORM_ELEMENTWISE && node->op->form != FORM_INDEX) || node->nout != 1 ||
        !node->out[0])
        return;
    Definition *definition = ARENA_NEW(w->context->arena, Definition);
    if (!op_define(node, definition))
        return;
    fusion->element = &definition->element[0];
}

typedef struct {
    Reading reading;
    Node *root; /* NULL: several */
    int readers;
    bool apart, contracted, updated;
} Readers;

/* What the readers of node's output would do to it if it were inlined. */
static Readers readers_of(Walk *w, const Fusion *plan, const Node *node)
{
    const Value *value = node->out[0];
    Readers all = {.apart = value->outputs > 0 || value->nreader == 0 || names_edges(value)};
    for (int i = 0; i < value->nreader && !all.apart; i++) {
        const Fusion *reader = &plan[value->reader[i]->id];
        if (value->reader[i]->graph != node->graph || !reader->element) {
            all.apart = true;
            break;
        }
        w->value = value;
        walk_element(w, reader->element, reader->node->out[0]->type.rank);
        all.apart = w->overflowed;
        for (int k = 0; k < w->nfound; k++) {
            Reading reading = reading_of(w->context, &w->found[k]);
            if (reading > all.reading)
                all.reading = reading;
        }
        if (reader->inlined && reader->reading > all.reading)
            all.reading = reader->reading;
        all.contracted |= reader->work == WORK_CONTRACTION;
        all.updated |= reader->element->update != NULL;
        Node *root = reader->inlined ? reader->root : reader->node;
        all.root = all.readers++ == 0 || all.root == root ? root : NULL;
    }
    if (all.reading == READ_TARGET &&
        (!all.root || !plan[all.root->id].row)) /* a nest over edges meets targets again */
        all.reading = READ_AGAIN;
    return all;
}

/* Values of as many rows, of which one is computed from the other row by row: both are of edges, or neither is. */
typedef struct {
    const Value *out, *in;
} Aligned;
typedef struct {
    Aligned *pair;
    size_t count, capacity;
} Alignment;

static void add_aligned(Walk *w, Alignment *all, const Node *node, const Element *element)
{
    const Value *out = node->out[0];
    if (out->type.rank < 1)
        return;
    w->value = NULL;
    walk_element(w, element, out->type.rank);
    for (int k = 0; k < w->nfound; k++) {
        const Expr *load = w->found[k].load;
        const Value *in = load->u.value;
        if (in->type.rank < 1 || in->type.dim[0] != out->type.dim[0] || index_vector(load->index[0], &w->found[k]) ||
            !expr_reads_axis(w->context, load->index[0], element->axis[0]))
            continue;
        if (all->count == all->capacity) {
            all->capacity = 2 * all->capacity + 64;
            all->pair = arena_grow(w->context->arena, all->pair, all->count, all->capacity, sizeof *all->pair);
        }
        all->pair[all->count++] = (Aligned){out, in};
    }
}

/* The values that have a row for each edge, as keys: those that segment operators read, and those aligned with them.
 * Their number of rows alone would not tell: anything else may have as many. */
static Map *edge_values(Walk *w, const Graph *graph, const Fusion *plan)
{
    Map *edges = map_new(graph->context->arena);
    Alignment all = {NULL, 0, 0};
    for (const Node *node = graph->first; node; node = node->next) {
        static const int of_edges[] = {SEGMENT_X, SEGMENT_TARGET, SEGMENT_SOURCE};
        const bool is_grouped = is_grouped_segment(node);
        for (int i = 0; is_grouped && i < 3; i++)
            if (node_input(node, of_edges[i]))
                map_set(edges, node_input(node, of_edges[i]), node);
        if (!is_grouped && plan[node->id].element)
            add_aligned(w, &all, node, plan[node->id].element);
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < 2 * all.count; i++) { /* down and up again: chains take one round */
            const Aligned *both = &all.pair[i < all.count ? i : 2 * all.count - 1 - i];
            const bool of_out = map_get(edges, both->out), of_in = map_get(edges, both->in);
            if (of_out == of_in)
                continue;
            map_set(edges, of_out ? both->in : both->out, w);
            changed = true;
        }
    }
    return edges;
}

/* Values of edges are never stored. */
static bool is_of_edges(const Map *edges, const Value *value)
{
    return map_get(edges, value) != NULL;
}

static bool may_join(const Fusion *root, const Fusion *fusion, const Value *row)
{
    if (root->nodes == MAX_GROUP)
        return false;
    if (fusion->work == WORK_SEGMENT && root->row && root->row != row)
        return false;
    if (fusion->work == WORK_SEGMENT || fusion->work == WORK_REDUCTION)
        return root->contractions == 0;
    return fusion->work != WORK_CONTRACTION || (root->contractions == 0 && root->reductions == 0);
}

static bool worth_inlining(const Map *edges, const Fusion *plan, const Fusion *fusion, const Readers *readers,
                           const Value *row)
{
    if (readers->apart || readers->contracted || fusion->work == WORK_APART)
        return false;
    if (fusion->work == WORK_NONE)
        return !readers->root || plan[readers->root->id].nodes < MAX_GROUP;
    if ((fusion->work == WORK_SCALAR || fusion->is_cheap) && readers->reading <= READ_FEW &&
        is_of_edges(edges, fusion->node->out[0]))
        return !readers->root || may_join(&plan[readers->root->id], fusion, row);
    if (!readers->root)
        return false;
    if (!may_join(&plan[readers->root->id], fusion, row))
        return false;
    switch (fusion->work) {
    case WORK_SCALAR:
        return readers->reading <= READ_TARGET;
    case WORK_CONTRACTION:
        return readers->reading == READ_ONCE && readers->readers == 1 && !readers->updated;
    default: /* a reduction read more than once for each element must be hoistable for all readers */
        return readers->reading == READ_ONCE ? readers->readers == 1 : readers->reading <= READ_TARGET;
    }
}

/* A projection of edges' rows that only a nest over edges reads: each row is projected there, where it is needed. */
static bool is_edge_product(const Map *edges, const Fusion *plan, const Fusion *fusion, const Readers *readers)
{
    return fusion->work == WORK_CONTRACTION && is_of_edges(edges, fusion->node->out[0]) && readers->root &&
           plan[readers->root->id].row && readers->reading == READ_ONCE;
}

typedef struct {
    Walk walk;
    Fusion *plan;
} Planner;

static bool examine_nodes(Graph *graph, void *planner)
{
    Planner *p = planner;
    for (Node *node = graph->first; node; node = node->next)
        examine(&p->walk, node, &p->plan[node->id]);
    return true;
}

static bool plan_nodes(Graph *graph, void *planner)
{
    Walk *w = &((Planner *)planner)->walk;
    Fusion *plan = ((Planner *)planner)->plan;
    const Map *edges = edge_values(w, graph, plan);
    for (Node *node = graph->last; node; node = node->prev) {
        Fusion *fusion = &plan[node->id];
        if (!fusion->element)
            continue;
        w->value = NULL;
        fusion->work = work_of(w, node, fusion->element);
        fusion->is_cheap = fusion->work == WORK_REDUCTION && w->terms <= CHEAP_TERMS;
        const Value *row = w->edges ? w->edges->row : NULL;
        Readers readers = readers_of(w, plan, node);
        if (is_edge_product(edges, plan, fusion, &readers))
            fusion->work = WORK_REDUCTION;
        if (worth_inlining(edges, plan, fusion, &readers, row)) {
            fusion->inlined = true;
            fusion->root = readers.root;
            fusion->reading = readers.reading;
        }
        Fusion *root = fusion->root ? &plan[fusion->root->id] : NULL;
        if (root && fusion->work == WORK_SEGMENT)
            root->row = row;
        if (root) {
            root->contractions += fusion->work == WORK_CONTRACTION;
            root->reductions += fusion->work == WORK_SEGMENT || fusion->work == WORK_REDUCTION;
            root->nodes += fusion->inlined;
        }
    }
    return true;
}

Fusion *fuse_plan(Graph *graph)
{
    Context *context = graph->context;
    Planner *planner = ARENA_NEW(context->arena, Planner);
    planner->plan = ARENA_ARRAY(context->arena, context->node_count, Fusion);
    planner->walk.context = context;
    graph_each(graph, examine_nodes, planner);
    planner->walk.seen = ARENA_ARRAY(context->arena, context->expr_count, int);
    graph_each(graph, plan_nodes, planner);
    return planner->plan;
}
