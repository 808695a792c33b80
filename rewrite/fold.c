/* fold.c -- nodes whose results are known become constants.
 *
 * A result is known when all operands are constants (the evaluator computes it) or when inference knows every element
 * of an integer result. Nothing larger than the context's fold_bytes is made, and constants that are one number
 * everywhere, or count, stay the small nodes they are. */
#include "fold.h"
#include "../frontend/evaluate.h"
#include "../frontend/frontend.h"
#include "../frontend/ops/gnn.h"
#include "shape.h"
#include <string.h>

enum { SMALL = 64 };

/* ---- one number everywhere ---- */
static bool tensor_is_splat(const Tensor *tensor, double *number)
{
    const size_t size = dtype_info(tensor->dtype)->size, bytes = tensor_bytes(tensor);
    if (tensor->count == 0 || memcmp(tensor->data, (const char *)tensor->data + size, bytes - size) != 0)
        return false;
    *number = tensor_number(tensor, 0);
    return *number == *number;
}

bool value_is_splat(const Value *value, double *number)
{
    for (int depth = 0; value && depth < 16; depth++) {
        if (value->constant)
            return !value->is_overridable && tensor_is_splat(value->constant, number);
        const Node *const node = value->def;
        if (!node || !node->op)
            return false;
        if (node_is(node, "", "ConstantOfShape")) {
            const Attr *const attr = attr_find(node, "value");
            *number = 0;
            return attr == NULL || (attr->tensor && tensor_is_splat(attr->tensor, number));
        }
        if (!node->op->is_movement)
            return false;
        value = node->in[0];
    }
    return false;
}

/* ---- what is known ---- */

/* Whether evaluating the node now gives what it gives at every run. */
static bool is_evaluable(const Node *node)
{
    if (!node->op || node->function || node->op->form == FORM_CONTROL || node->op->is_random)
        return false;
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && (!node->in[i]->constant || node->in[i]->is_overridable))
            return false;
    return true;
}

/* The elements of a value of constant shape; -1 when they are too many or unknown. */
static int64_t result_count(const Value *value, int64_t limit)
{
    int64_t count = 1, extent;
    if (value->type.kind != TENSOR || value->type.rank < 0)
        return -1;
    for (int i = 0; i < value->type.rank; i++) {
        if (!dim_is_const(value->type.dim[i], &extent) || extent < 0)
            return -1;
        if (extent > 0 && count > limit / extent)
            return -1;
        count *= extent;
    }
    return count;
}

/* Rows gathered for edges: nests over edges read them where they are. */
static bool is_gather_for_edges(const Node *node)
{
    const Value *const index = node_is(node, "", "Gather") ? node->in[1] : NULL;
    for (int i = 0; index && i < index->nreader; i++) {
        const Node *const reader = index->reader[i];
        if (is_grouped_segment(reader) &&
            (reader->in[SEGMENT_TARGET] == index || node_input(reader, SEGMENT_SOURCE) == index))
            return true;
    }
    return false;
}

/* Whether folding would turn a small description of many elements into all of them: one number everywhere, the
 * numbers of the vertices, by which self loops are known, or the rows of edges. */
bool is_blown_up(const Node *node, int64_t count)
{
    double number;
    if (count <= SMALL)
        return false;
    if (node_is(node, "", "ConstantOfShape") || node_is(node, "", "Expand") || node_is(node, "", "Tile") ||
        node_is(node, "", "Range") || is_gather_for_edges(node))
        return true;
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && node->in[i]->constant->count > SMALL)
            return false;
    return node->nin > 0 && value_is_splat(node->out[0], &number);
}

/* A tensor of known elements; NULL when one is not a number yet. */
static const Tensor *tensor_of_elements(const Value *value)
{
    int count;
    int64_t shape[MAX_RANK];
    Dim **const dims = value->type.dtype == I64 ? value_dims(value, &count) : NULL;
    if (!dims)
        return NULL;
    for (int i = 0; i < count; i++)
        if (!dim_is_const(dims[i], NULL))
            return NULL;
    for (int i = 0; i < value->type.rank; i++)
        dim_is_const(value->type.dim[i], &shape[i]);
    Tensor *const tensor = tensor_new(value->graph->context, I64, value->type.rank, shape);
    for (int i = 0; i < count; i++)
        dim_is_const(dims[i], &((int64_t *)tensor->data)[i]);
    return tensor;
}

/* Whether inference knows all results. */
static bool knows_elements(const Node *node, const Tensor **result)
{
    bool known = node->nout > 0;
    for (int i = 0; i < node->nout && known; i++)
        known = !node->out[i] || (result[i] = tensor_of_elements(node->out[i])) != NULL;
    return known;
}

/* The tensor of a Constant, which is not copied, however large; NULL: the node is none. */
static const Tensor *tensor_of_constant(const Node *node)
{
    const Attr *const value = node_is(node, "", "Constant") ? attr_find(node, "value") : NULL;
    return value ? value->tensor : NULL;
}

bool node_compute(const Node *node, const Tensor **result)
{
    Report *const report = node->graph->context->report;
    if (knows_elements(node, result))
        return true;
    if (!is_evaluable(node))
        return false;
    if ((result[0] = tensor_of_constant(node)) != NULL)
        return true;
    const ReportMark mark = report_mark(report);
    const bool ok = evaluate_node(node, result);
    if (!ok) /* it fails at every run, if it is ever reached: not for folding to say */
        report_rewind(report, mark);
    return ok;
}

/* Whether the results are as small as constants are to be. gnn.Csr stays a node, for it may fail. */
static bool is_worth_folding(const Node *node)
{
    const int64_t limit = node->graph->context->fold_bytes;
    for (int i = 0; i < node->nout; i++) {
        if (!node->out[i])
            continue;
        const int64_t count = result_count(node->out[i], limit);
        const int64_t size = (int64_t)dtype_info(node->out[i]->type.dtype)->size;
        if (count < 0 || count > limit / (size ? size : 8) || is_blown_up(node, count))
            return false;
    }
    return !is_csr(node);
}

/* The results of a node that are to be constants; false when they are not known, or not to be. */
static bool compute(const Node *node, const Tensor **result)
{
    if (knows_elements(node, result))
        return true;
    return is_evaluable(node) && (tensor_of_constant(node) || is_worth_folding(node)) && node_compute(node, result);
}

bool node_fold(Node *node)
{
    Context *const context = node->graph->context;
    if (!node->op || node->function)
        return false;
    const Tensor **const result = ARENA_ARRAY(context->arena, node->nout, const Tensor *);
    if (!compute(node, result))
        return false;
    for (int i = 0; i < node->nout; i++) {
        if (!node->out[i] || (node->out[i]->nreader == 0 && node->out[i]->outputs == 0))
            continue;
        Value *const constant = graph_add_constant(node->graph, node->out[i]->name, result[i]);
        constant->element = node->out[i]->element;
        constant->bound = node->out[i]->bound;
        value_replace(node->out[i], constant);
    }
    for (int i = 0; i < node->nout; i++)
        if (node->out[i] && node->out[i]->def == node && (node->out[i]->nreader || node->out[i]->outputs))
            return true;
    node_remove(node);
    return true;
}

static bool fold_graph(Graph *graph, void *who)
{
    (void)who;
    for (Node *node = graph->first, *next; node; node = next) {
        next = node->next;
        node_fold(node);
    }
    return true;
}

bool pass_fold(Model *model, const PassOptions *options)
{
    (void)options;
    graph_each(model->graph, fold_graph, NULL);
    graph_sweep(model->graph);
    return true;
}
