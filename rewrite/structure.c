/* structure.c -- what depends on a given graph alone is computed now.
 *
 * Edges that are known when the model is compiled (--graph) stay an input until here, so that message passing is
 * recognised and grouped as ever. Then all that is computed from them is: the grouping (gnn.Csr), loops, degrees,
 * norms, sums over features that are weights. What the others read of that become constants; what they read of rows
 * gathered for edges, or of one number everywhere, is left to the nests. */
#include "../frontend/frontend.h"
#include "../frontend/map.h"
#include "../frontend/ops/gnn.h"
#include "fold.h"
#include "pass.h"
#include "shape.h"

typedef struct {
    Graph *graph;
    Map *given;    /* Value that is computed from a given graph -> that Given */
    Map *computed; /* Value that got its constant here -> its node */
} Search;

/* ---- computing ---- the constants of values that nodes write are taken off again in the end */

/* The first given graph among what a node reads; NULL: it reads none. */
static const Given *given_of(const Search *s, const Node *node)
{
    const Given *given = NULL;
    for (int i = 0; i < node->nin && !given; i++)
        given = node->in[i] ? map_get(s->given, node->in[i]) : NULL;
    return given;
}

static void set_results(Search *s, const Node *node, const Tensor *const *result)
{
    const Given *given = given_of(s, node);
    for (int i = 0; i < node->nout; i++)
        if (node->out[i] && result[i] && !node->out[i]->constant) {
            node->out[i]->constant = result[i];
            map_set(s->computed, node->out[i], node);
            if (given)
                map_set(s->given, node->out[i], given);
        }
}

static bool lost_edge(const Search *s, const Node *csr, int64_t e, bool is_source, int64_t count)
{
    const Given *const given = map_get(s->given, csr->in[is_source ? CSR_SOURCE : CSR_TARGET]);
    return report_add(s->graph->context->report, csr, GIVEN_EDGE, given ? given->from : given_of(s, csr)->from,
                      (long long)e, (long long)tensor_int(csr->in[CSR_SOURCE]->constant, e),
                      (long long)tensor_int(csr->in[CSR_TARGET]->constant, e), (long long)count);
}

/* The vertices that targets or sources are numbers of; -1 after an error, for nobody has counted them. */
static int64_t count_of(const Search *s, const Node *csr, int slot)
{
    int count;
    const Value *const value = csr->in[slot];
    Dim **const size = value_dims(value, &count);
    if (value->constant)
        return tensor_int(value->constant, 0);
    report_add(s->graph->context->report, csr, GIVEN_VERTICES, given_of(s, csr)->from,
               size && count == 1 ? dim_text(size[0], s->graph->context->arena, NULL, NULL) : value->name);
    return -1;
}

/* An edge that leads nowhere is an error, with its place. */
static bool check_edges(const Search *s, const Node *csr)
{
    const Tensor *const target = csr->in[CSR_TARGET]->constant, *const source = csr->in[CSR_SOURCE]->constant;
    if (!given_of(s, csr) || !target || !source)
        return true;
    const int64_t targets = count_of(s, csr, CSR_COUNT), sources = targets < 0 ? -1 : count_of(s, csr, CSR_ROWS);
    if (sources < 0)
        return false;
    for (int64_t e = 0; e < target->count; e++) {
        const int64_t to = tensor_int(target, e), from = tensor_int(source, e);
        if (to < 0 || to >= targets)
            return lost_edge(s, csr, e, false, targets);
        if (from < 0 || from >= sources)
            return lost_edge(s, csr, e, true, sources);
    }
    return true;
}

static bool compute_nodes(Search *s)
{
    for (const Node *node = s->graph->first; node; node = node->next) {
        const Tensor **const result = ARENA_ARRAY(s->graph->context->arena, node->nout, const Tensor *);
        if (is_csr(node) && !check_edges(s, node))
            return false;
        if (node_compute(node, result))
            set_results(s, node, result);
    }
    return true;
}

/* ---- replacing ---- */
static bool stays(const Search *s, const Node *node, const Value *value)
{
    const int64_t limit = s->graph->context->fold_bytes;
    return !is_csr(node) &&
           (is_blown_up(node, value->constant->count) || (int64_t)tensor_bytes(value->constant) > limit);
}

/* One more than the greatest element of integers that are not negative; NULL otherwise. */
static Dim *bound_of(Context *context, const Tensor *tensor)
{
    int64_t most = -1;
    if (!dtype_is_integer(tensor->dtype))
        return NULL;
    for (int64_t i = 0; i < tensor->count; i++) {
        const int64_t element = tensor_int(tensor, i);
        if (element < 0 || element == INT64_MAX)
            return NULL;
        most = element > most ? element : most;
    }
    return most < 0 ? NULL : dim_const(context->dims, most + 1);
}

static void replace(Graph *graph, Value *value)
{
    Value *const constant = graph_add_constant(graph, value->name, value->constant);
    constant->element = value->element;
    constant->bound = bound_of(graph->context, value->constant);
    value_replace(value, constant);
}

static void replace_values(const Search *s)
{
    for (Node *node = s->graph->first; node; node = node->next)
        for (int i = 0; i < node->nout; i++)
            if (node->out[i] && map_get(s->computed, node->out[i]) && !stays(s, node, node->out[i]))
                replace(s->graph, node->out[i]);
    for (Node *node = s->graph->first; node; node = node->next)
        for (int i = 0; i < node->nout; i++)
            if (node->out[i] && map_get(s->computed, node->out[i]))
                node->out[i]->constant = NULL;
}

static bool knows_a_graph(const Model *model)
{
    bool known = model->ngiven > 0;
    for (const Node *node = model->graph->first; node && !known; node = node->next)
        known = is_csr(node) && node->in[CSR_TARGET]->constant && !node->in[CSR_TARGET]->is_overridable;
    return known;
}

bool pass_structure(Model *model, const PassOptions *options)
{
    Graph *const graph = model->graph;
    Search s = {graph, map_new(graph->context->arena), map_new(graph->context->arena)};
    (void)options;
    if (!knows_a_graph(model))
        return true;
    for (int i = 0; i < model->ngiven; i++) {
        graph_fix_input(graph, model->given[i].in, model->given[i].tensor);
        map_set(s.given, model->given[i].in, &model->given[i]);
    }
    if (!compute_nodes(&s))
        return false;
    replace_values(&s);
    graph_sweep(graph);
    return model_infer(model);
}
