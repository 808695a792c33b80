/* lint.c -- warnings about models that are legal ONNX but not what their authors meant: defects of exporters of graph
 * networks that stay silent until somebody compares numbers. Reported upstream as pyg-team/pytorch_geometric issues
 * 1283 and 5921 (duplicates) and found by comparing exports with PyTorch (maximum). */
#include "frontend.h"
#include "ops/op.h"
#include <string.h>

/* Whether there is a node, and it is ONNX's operator of this name. */
static bool is_op(const Node *node, const char *name)
{
    return node && node_is(node, "", name);
}

/* Where a value comes from, through Identity nodes and the else branches of If: exporters guard each scatter with an If
 * on its rank, whose then branch is for scalars. */
static Value *origin(Value *value)
{
    for (;;) {
        const Node *node = value->def;
        if (is_op(node, "Identity")) {
            value = node->in[0];
        } else if (is_op(node, "If")) {
            int slot = 0;
            while (node->out[slot] != value)
                slot++;
            const Attr *branch = attr_find(node, "else_branch");
            if (!branch || !branch->graph || slot >= branch->graph->nout)
                return value;
            value = branch->graph->out[slot];
        } else {
            return value;
        }
    }
}

/* Whether all elements of a value are known to be zero. */
static bool is_zero(Value *value)
{
    const Node *node = origin(value)->def;
    const Tensor *tensor = origin(value)->constant;
    if (is_op(node, "ConstantOfShape")) {
        const Attr *fill = attr_find(node, "value");
        tensor = fill ? fill->tensor : NULL;
        if (!tensor)
            return true; /* its default */
    }
    if (!tensor || tensor->dtype == STRING)
        return false;
    const unsigned char *bytes = tensor->data;
    for (size_t i = 0; i < tensor_bytes(tensor); i++)
        if (bytes[i])
            return false;
    return true;
}

static bool scatters(const Node *node, const char *reduction)
{
    return is_op(node, "ScatterElements") && strcmp(attr_string(node, "reduction", "none"), reduction) == 0;
}

/* ---- W-GNN-1 ---- */

/* Whether a value is one extreme, spread over a shape: the fill of the exporter's scatter-max is the minimum. */
static bool is_spread(Value *value, const char *reduction)
{
    const Node *node = origin(value)->def;
    if (!is_op(node, "Expand"))
        return false;
    node = origin(node->in[0])->def;
    for (int i = 0; is_op(node, "Add") && i < 2; i++)
        if (is_op(origin(node->in[i])->def, reduction))
            return true;
    return is_op(node, reduction);
}

/* Whether every use of a value, however it is moved, is to be subtracted from something before Exp: the maximum in a
 * softmax, where any other number serves as well. */
static bool only_stabilises_softmax(Value *value)
{
    static const char *const moves[] = {"Identity", "Gather", "GatherND", "Reshape", "Unsqueeze", "Squeeze", "Expand"};
    enum { LIMIT = 64 };
    Value *pending[LIMIT] = {value};
    int count = 1;
    for (int i = 0; i < count; i++) {
        value = pending[i];
        const Graph *graph = value->graph;
        if (value->outputs > 0 && !graph->owner)
            return false;
        Value *next[LIMIT];
        int nnext = 0;
        for (int k = 0; value->outputs > 0 && k < graph->nout; k++)
            if (graph->out[k] == value && k < graph->owner->nout && graph->owner->out[k])
                next[nnext++ % LIMIT] = graph->owner->out[k];
        for (int r = 0; r < value->nreader; r++) {
            const Node *node = value->reader[r];
            bool moved = false;
            for (size_t m = 0; m < sizeof moves / sizeof *moves; m++)
                moved |= is_op(node, moves[m]) && node->in[0] == value;
            bool subtracted = is_op(node, "Sub") && node->in[1] == value;
            for (int k = 0; subtracted && k < node->out[0]->nreader; k++)
                subtracted = is_op(node->out[0]->reader[k], "Exp");
            if (moved)
                next[nnext++ % LIMIT] = node->out[0];
            else if (!subtracted && !is_op(node, "Shape"))
                return false;
        }
        if (nnext > LIMIT - count)
            return false;
        for (int k = 0; k < nnext; k++)
            pending[count++] = next[k];
    }
    return true;
}

static void lint_extreme(const Node *node, const char *extreme, const char *opposite)
{
    if (!scatters(node, extreme))
        return;
    const Node *fill = origin(node->in[0])->def;
    if (scatters(fill, extreme) && is_zero(fill->in[0]) && is_spread(fill->in[2], opposite) &&
        !only_stabilises_softmax(node->out[0]))
        report_add(node->graph->context->report, node, WARN_GNN_MAX, extreme, extreme, extreme);
}

/* ---- W-GNN-2 ---- */

/* Whether a value is a graph input, or parts of one put in another shape: nothing says that its elements differ. */
static bool is_caller_data(Value *value)
{
    static const char *const moves[] = {"Gather", "Slice", "Reshape", "Expand",  "Unsqueeze", "Squeeze",
                                        "Cast",   "Split", "Concat",  "Flatten", "Transpose"};
    for (;;) {
        value = origin(value);
        const Node *node = value->def;
        bool moved = false;
        for (size_t m = 0; m < sizeof moves / sizeof *moves; m++)
            moved |= is_op(node, moves[m]);
        if (!moved)
            return !node && !value->constant && !value->graph->owner;
        value = node->in[0];
    }
}

static void lint_duplicates(const Node *node)
{
    const bool is_nd = is_op(node, "ScatterND");
    if (strcmp(attr_string(node, "reduction", "none"), "none") != 0 || (!is_nd && !is_op(node, "ScatterElements")) ||
        node->in[1]->type.rank <= 0)
        return;
    const Type *type = &node->in[1]->type;
    int64_t axis = is_nd ? 0 : attr_int(node, "axis", 0);
    axis += axis < 0 ? type->rank : 0;
    if (axis >= type->rank || axis < 0 || dim_equals(type->dim[axis], 1))
        return; /* one update per line: none can meet */
    if (is_zero(node->in[0]) && !origin(node->in[2])->constant && is_caller_data(node->in[1]))
        report_add(node->graph->context->report, node, WARN_GNN_DUPLICATES, node->op->name);
}

static void lint_graph(const Graph *graph)
{
    for (const Node *node = graph->first; node; node = node->next) {
        lint_extreme(node, "max", "ReduceMin");
        lint_extreme(node, "min", "ReduceMax");
        lint_duplicates(node);
        for (int i = 0; node_subgraph(node, i); i++)
            lint_graph(node_subgraph(node, i));
    }
}

void model_lint(const Model *model)
{
    lint_graph(model->graph);
}
