/* fuse_plan.c -- which values a nest computes on the way, and which are worth a buffer.
 *
 * Values are visited from the outputs up. A value is inlined into its readers when that repeats no work that counts
 * (see fuse.h); everything else is the root of a group and is stored. What a reader's loops do to a value is read off
 * the definitions, so the decision knows no operators. */
#include "../frontend/map.h"
#include "../frontend/ops/gnn.h"
#include "fuse_walk.h"

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

static void examine(Context *context, Node *node, Fusion *fusion)
{
    *fusion = (Fusion){.node = node, .work = WORK_APART, .root = node};
    if (node->function || (node->op->form != FORM_ELEMENTWISE && node->op->form != FORM_INDEX) || node->nout != 1 ||
        !node->out[0])
        return;
    Definition *definition = ARENA_NEW(context->arena, Definition);
    if (!op_define(node, definition))
        return;
    fusion->element = &definition->element[0];
}

/* Whether a node computes something again, from what o2c.Kept gives of it: from numbers of nothing else. */
static bool computes_again(const Fusion *plan, const Node *node)
{
    bool is_again = node_is(node, "o2c", "Kept") && attr_int(node, "late", 0);
    for (int i = 0; i < node->nin && !node_is(node, "o2c", "Kept"); i++) {
        const Value *const in = node->in[i];
        if (!in || !in->def || in->constant || dtype_is_integer(in->type.dtype))
            continue;
        if (in->def->graph != node->graph || !plan[in->def->id].is_again)
            return false;
        is_again = true;
    }
    return is_again;
}

typedef struct {
    Reading reading;
    const Value *target; /* the vector of targets through which rows are read */
    Node *root;          /* NULL: several */
    int readers;
    bool apart, contracted, updated, summed;
} Readers;

/* Whether a reader wants the value in memory. */
static bool is_wanted_stored(const Value *value)
{
    for (int i = 0; i < value->nreader; i++)
        if (value->reader[i]->op && value->reader[i]->op->ends_nests)
            return true;
    return false;
}

/* What the readers of node's output would do to it if it were inlined. */
static Readers readers_of(Walk *w, const Fusion *plan, const Node *node)
{
    const Value *value = node->out[0];
    Readers all = {.apart = value->outputs > 0 || value->nreader == 0 || names_edges(value) || is_wanted_stored(value)};
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
            const Value *target = reading == READ_TARGET ? target_vector(&w->found[k]) : NULL;
            if (target && all.target && all.target != target)
                reading = READ_AGAIN;
            if (target)
                all.target = target;
            if (reading > all.reading)
                all.reading = reading;
            all.summed |= is_summed(w->context, &w->found[k]);
        }
        all.summed |= reader->inlined && reader->summed;
        if (reader->inlined && reader->reading > all.reading)
            all.reading = reader->reading;
        all.contracted |= reader->work == WORK_CONTRACTION;
        all.updated |= reader->element->update != NULL;
        Node *root = reader->inlined ? reader->root : reader->node;
        all.root = all.readers++ == 0 || all.root == root ? root : NULL;
    }
    const Fusion *root = all.root ? &plan[all.root->id] : NULL;
    if (all.reading == READ_TARGET && /* a nest over all edges, or over those of sources, meets targets again */
        (!root || !root->csr || (all.target && all.target != root->csr->target)))
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

static bool may_join(const Fusion *root, const Fusion *fusion, const Csr *csr)
{
    if (root->nodes == MAX_GROUP)
        return false;
    if (fusion->work == WORK_SEGMENT && root->csr && !csr_equal(root->csr, csr))
        return false;
    if (fusion->work == WORK_SEGMENT || fusion->work == WORK_REDUCTION)
        return root->contractions == 0;
    return fusion->work != WORK_CONTRACTION || (root->contractions == 0 && root->reductions == 0);
}

/* A matrix that is copied for each edge, as that of its relation: products read each copy once, and may as well read
 * the original. */
static bool is_matrix_of_edge(const Map *edges, const Fusion *fusion, const Readers *readers)
{
    return fusion->work == WORK_NONE && readers->reading == READ_ONCE && is_of_edges(edges, fusion->node->out[0]);
}

static bool worth_inlining(const Map *edges, const Fusion *plan, const Fusion *fusion, const Readers *readers,
                           const Csr *csr)
{
    if (readers->apart || fusion->work == WORK_APART)
        return false;
    if (readers->contracted && !is_matrix_of_edge(edges, fusion, readers))
        return false;
    if (fusion->work == WORK_NONE)
        return !readers->root || plan[readers->root->id].nodes < MAX_GROUP;
    /* what rows were gathered for is worth its few bytes where several nests would gather them again */
    if ((fusion->work == WORK_SCALAR || (fusion->is_cheap && readers->root)) && readers->reading <= READ_FEW &&
        is_of_edges(edges, fusion->node->out[0]))
        return !readers->root || may_join(&plan[readers->root->id], fusion, csr);
    /* who computes again what could have been kept has no memory for it */
    if (!readers->root)
        return fusion->work == WORK_SCALAR && fusion->is_again && readers->reading <= READ_FEW;
    if (!may_join(&plan[readers->root->id], fusion, csr))
        return false;
    switch (fusion->work) {
    case WORK_SCALAR:
        return readers->reading <= READ_TARGET;
    case WORK_SEGMENT: /* edges are walked for rows at once, not for each of their elements that a sum asks for */
        if (readers->summed)
            return false;
        break;
    case WORK_CONTRACTION:
        return readers->reading == READ_ONCE && readers->readers == 1 && !readers->updated;
    default:
        break;
    }
    /* a reduction read more than once for each element must be hoistable for all readers */
    return readers->reading == READ_ONCE ? readers->readers == 1 : readers->reading <= READ_TARGET;
}

/* A projection of edges' rows that only a nest over edges reads: each row is projected there, where it is needed. */
static bool is_edge_product(const Map *edges, const Fusion *plan, const Fusion *fusion, const Readers *readers)
{
    return fusion->work == WORK_CONTRACTION && is_of_edges(edges, fusion->node->out[0]) && readers->root &&
           plan[readers->root->id].csr && readers->reading == READ_ONCE;
}

typedef struct {
    Walk *walk;
    Fusion *plan;
} Planner;

static bool examine_nodes(Graph *graph, void *planner)
{
    Planner *p = planner;
    for (Node *node = graph->first; node; node = node->next) {
        examine(graph->context, node, &p->plan[node->id]);
        p->plan[node->id].is_again = computes_again(p->plan, node);
    }
    return true;
}

static bool plan_nodes(Graph *graph, void *planner)
{
    Walk *w = ((Planner *)planner)->walk;
    Fusion *plan = ((Planner *)planner)->plan;
    const Map *edges = edge_values(w, graph, plan);
    for (Node *node = graph->last; node; node = node->prev) {
        Fusion *fusion = &plan[node->id];
        if (!fusion->element)
            continue;
        w->value = NULL;
        fusion->work = work_of(w, node, fusion->element);
        fusion->is_cheap = fusion->work == WORK_REDUCTION && w->terms <= CHEAP_TERMS;
        const Csr *csr = w->edges ? w->edges->csr : NULL;
        Readers readers = readers_of(w, plan, node);
        if (is_edge_product(edges, plan, fusion, &readers))
            fusion->work = WORK_REDUCTION;
        if (worth_inlining(edges, plan, fusion, &readers, csr)) {
            fusion->inlined = true;
            fusion->root = readers.root;
            fusion->reading = readers.reading;
            fusion->summed = readers.summed;
        }
        Fusion *root = fusion->root ? &plan[fusion->root->id] : NULL;
        if (root && fusion->work == WORK_SEGMENT)
            root->csr = csr;
        if (root) {
            root->contractions += fusion->work == WORK_CONTRACTION;
            root->reductions += fusion->work == WORK_SEGMENT || fusion->work == WORK_REDUCTION;
            root->nodes += fusion->inlined;
        }
    }
    fuse_join(graph, plan, edges);
    return true;
}

Fusion *fuse_plan(Graph *graph)
{
    Context *context = graph->context;
    Planner *planner = ARENA_NEW(context->arena, Planner);
    planner->plan = ARENA_ARRAY(context->arena, context->node_count, Fusion);
    graph_each(graph, examine_nodes, planner);
    planner->walk = walk_new(context);
    graph_each(graph, plan_nodes, planner);
    return planner->plan;
}
