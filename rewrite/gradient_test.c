/* gradient_test.c -- a gradient rule against finite differences; see rule_test.h.
 *
 * What is differentiated is the sum of all outputs that the rule speaks of, each element weighted by a drawn number. */
#include "../frontend/frontend.h"
#include "gradient.h"
#include "rule_test.h"
#include "shape.h"
#include <math.h>

static const double step = 1e-4, relative = 1e-6, absolute = 1e-9;

typedef struct {
    Drawing *drawing;
    Side side;
    Binding binding;
    Value *out[MAX_OPERAND], *weight[MAX_OPERAND]; /* floating outputs */
    int nout;
    Value *by[MAX_SLOT], *gradient[MAX_SLOT];
    int slot[MAX_SLOT]; /* input of the graph that by[] is */
    int nby;
} Case;

/* ---- the graph ---- */
static void add_output(Case *c, Value *value)
{
    Context *const context = c->drawing->context;
    int64_t shape[MAX_RANK];
    if (!value || !dtype_is_float(value->type.dtype) || c->nout == MAX_OPERAND)
        return;
    for (int i = 0; i < value->type.rank; i++)
        if (!dim_is_const(value->type.dim[i], &shape[i]))
            return;
    Tensor *const weight = tensor_new(context, value->type.dtype, value->type.rank, shape);
    for (int64_t i = 0; i < weight->count && weight->dtype == F64; i++)
        ((double *)weight->data)[i] = 2 * draw_number(c->drawing) - 1;
    c->out[c->nout] = value;
    c->weight[c->nout++] = graph_constant(c->side.model->graph, weight);
}

static void list_outputs(Case *c)
{
    const Rule *const rule = c->drawing->rule;
    const Statement *const root = &rule->left[0];
    for (int i = 0; i < root->nout; i++)
        if (rule->nright == 0 || rule_reads(rule, rule->gradient[root->out[i]]))
            add_output(c, c->binding.bound[root->out[i]].value);
    const bool has_rest = root->rest_out >= 0 && rule_reads(rule, rule->gradient[root->rest_out]);
    const Bound *const rest = has_rest ? &c->binding.bound[root->rest_out] : NULL;
    for (int i = 0; rest && i < rest->count; i++)
        add_output(c, rest->values[i]);
}

static void list_inputs(Case *c)
{
    const Graph *const graph = c->side.model->graph;
    for (int i = 0; i < graph->nin; i++) {
        if (!dtype_is_float(graph->in[i]->type.dtype))
            continue;
        c->slot[c->nby] = i;
        c->by[c->nby++] = graph->in[i];
    }
}

/* Adds a sum for every output, then the gradients, as outputs of the graph. */
static bool add_derivatives(Case *c)
{
    Graph *const graph = c->side.model->graph;
    const RuleSet rules = {.context = c->drawing->context, .rule = &(const Rule *){c->drawing->rule}, .count = 1};
    const Derivation derivation = {c->out, c->weight, c->nout, c->by, c->gradient, c->nby};
    Value *sum[MAX_OPERAND];
    for (int i = 0; i < c->nout; i++) {
        Node *const weighted = node_new(graph, op_find("", "Mul"), "", NULL);
        node_add_input(weighted, c->out[i]);
        node_add_input(weighted, c->weight[i]);
        Node *const total = node_new(graph, op_find("", "ReduceSum"), "", NULL);
        node_add_input(total, node_add_output(weighted, ""));
        attr_set_int(total, "keepdims", 0);
        sum[i] = node_add_output(total, "");
        if (!node_infer(weighted) || !node_infer(total))
            return false;
    }
    if (!gradient_derive(graph, &rules, &derivation))
        return false;
    for (int i = 0; i < c->nout; i++)
        graph_add_output(graph, sum[i]);
    for (int i = 0; i < c->nby; i++)
        if (c->gradient[i])
            graph_add_output(graph, c->gradient[i]);
    return true;
}

/* ---- differences ---- */
/* The weighted sum of all outputs; NaN when they cannot be evaluated. */
static double evaluate_sum(Case *c, const Graph *graph)
{
    Datum **const output = ARENA_ARRAY(c->drawing->context->arena, graph->nout, Datum *);
    double sum = 0;
    if (!evaluate(graph, c->side.input, output))
        return NAN;
    for (int i = 0; i < c->nout; i++)
        sum += *(const double *)output[i]->tensor->data;
    return sum;
}

static double difference(Case *c, const Graph *graph, double *x)
{
    static const double weight[] = {1, -8, 8, -1}, place[] = {-2, -1, 1, 2};
    const double at = *x;
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        *x = at + place[i] * step;
        sum += weight[i] * evaluate_sum(c, graph);
    }
    *x = at;
    return sum / (12 * step);
}

/* Compares the gradient by one input; `tensor` is NULL where there is none. */
static bool compare(Case *c, const Graph *graph, int which, const Tensor *tensor)
{
    Context *const context = c->drawing->context;
    const Tensor *const x = c->side.input[c->slot[which]]->tensor;
    if (x->dtype != F64)
        return test_fails(c->drawing, "its test line must draw doubles");
    for (int64_t i = 0; i < x->count; i++) {
        const double wanted = difference(c, graph, (double *)x->data + i);
        const double got = tensor ? *(const double *)tensor_at(tensor, i) : 0;
        if (!(fabs(got - wanted) <= relative * fabs(wanted) + absolute))
            return test_fails(c->drawing, arena_printf(context->arena, "d%s[%lld] is %.9g, finite differences say %.9g",
                                                       c->by[which]->name, (long long)i, got, wanted));
    }
    return true;
}

bool gradient_test(Drawing *drawing)
{
    Context *const context = drawing->context;
    Case *const c = ARENA_NEW(context->arena, Case);
    c->drawing = drawing;
    if (!draw_left(drawing, &c->side, &c->binding))
        return test_fails(drawing, "the left side is not valid");
    c->side.model->graph->nout = 0; /* rules that ask for segment operators get some, which are not read */
    list_outputs(c);
    list_inputs(c);
    if (c->nout == 0 || c->nby == 0)
        return test_fails(drawing, "its test line gives nothing to differentiate");
    if (!add_derivatives(c))
        return test_fails(drawing, "the gradient cannot be built on its own test");
    Graph *const graph = c->side.model->graph;
    Datum **const output = ARENA_ARRAY(context->arena, graph->nout, Datum *);
    if (!evaluate(graph, c->side.input, output))
        return test_fails(drawing, "the gradient cannot be evaluated");
    const int ngradient = graph->nout;
    graph->nout = c->nout; /* the gradients need not be evaluated again for every difference */
    bool ok = true;
    for (int i = 0, k = c->nout; i < c->nby && ok; i++)
        ok = compare(c, graph, i, c->gradient[i] ? output[k++]->tensor : NULL);
    graph->nout = ngradient;
    return ok;
}
