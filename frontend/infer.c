/* infer.c -- types, symbolic shapes, elements and bounds of all values, from the inputs and the operators' definitions.
 *
 * What a file says about inner values is not looked at; what it says about outputs is compared with what was inferred.
 */
#include "evaluate.h"
#include "frontend.h"
#include "ops/op.h"
#include <string.h>

enum { SMALL_RESULT = 64 }; /* elements of results that are computed here */

static bool all_inputs_known(const Node *node)
{
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && (!node->in[i]->constant || node->in[i]->is_overridable))
            return false;
    return node->nin > 0;
}

static bool is_small(const Type *type)
{
    int64_t count = 1, size;
    if (type->kind != TENSOR || type->rank < 0)
        return false;
    for (int i = 0; i < type->rank; i++) {
        if (!dim_is_const(type->dim[i], &size) || size > SMALL_RESULT)
            return false;
        count *= size;
        if (count > SMALL_RESULT)
            return false;
    }
    return true;
}

/* The tensor of a value whose elements are all known numbers; NULL otherwise. */
static const Tensor *tensor_of_elements(Context *context, const Value *value)
{
    int64_t dim[MAX_RANK], element;
    if (!value->element || !is_small(&value->type))
        return NULL;
    for (int i = 0; i < value->type.rank; i++)
        dim_is_const(value->type.dim[i], &dim[i]);
    Tensor *tensor = tensor_new(context, value->type.dtype, value->type.rank, dim);
    for (int64_t i = 0; i < tensor->count; i++) {
        if (!value->element[i] || !dim_is_const(value->element[i], &element))
            return NULL;
        switch (dtype_info(tensor->dtype)->size) {
        case 1:
            ((uint8_t *)tensor->data)[i] = (uint8_t)element;
            break;
        case 2:
            ((uint16_t *)tensor->data)[i] = (uint16_t)element;
            break;
        case 4:
            ((uint32_t *)tensor->data)[i] = (uint32_t)element;
            break;
        default:
            ((int64_t *)tensor->data)[i] = element;
        }
    }
    return tensor;
}

/* Small results of known inputs are computed now: scales and paddings that were computed in floating point decide
 * shapes. False after errors in the report. */
static bool know_small_results(Node *node)
{
    Context *context = node->graph->context;
    const Tensor *result[64] = {NULL};
    if (node->nout > (int)(sizeof result / sizeof *result))
        return true;
    for (int i = 0; i < node->nout; i++)
        if (node->out[i] && !node->out[i]->constant)
            node->out[i]->constant = tensor_of_elements(context, node->out[i]);
    const bool is_element = node->op && (node->op->form == FORM_INDEX || node->op->form == FORM_ELEMENTWISE);
    if (node->function || !is_element || !all_inputs_known(node))
        return true;
    for (int i = 0; i < node->nout; i++)
        if (node->out[i] && (node->out[i]->constant || !is_small(&node->out[i]->type)))
            return true;
    if (!evaluate_node(node, result))
        return false;
    for (int i = 0; i < node->nout; i++)
        if (node->out[i])
            node->out[i]->constant = result[i];
    return true;
}

static bool infer(Node *node, Definition *definition)
{
    return op_define(node, definition) && know_small_results(node);
}

bool node_infer(Node *node)
{
    Definition definition;
    return infer(node, &definition);
}

/* Whether a node that was in error left an input without a type: what else is wrong here is said when that is mended.
 */
static bool has_unknown_input(const Node *node)
{
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && node->in[i]->def && node->in[i]->type.kind == TENSOR && node->in[i]->type.dtype == UNDEFINED)
            return true;
    return false;
}

static void forget_outputs(Node *node)
{
    for (int i = 0; i < node->nout; i++)
        if (node->out[i])
            node->out[i]->type = (Type){.kind = TENSOR, .dtype = UNDEFINED, .rank = -1};
}

bool graph_infer(Graph *graph)
{
    bool fine = true;
    for (int i = 0; i < graph->ninitializer; i++)
        if (!graph->initializer[i]->is_overridable)
            graph->initializer[i]->type = type_of_tensor(graph->context, graph->initializer[i]->constant);
    for (Node *node = graph->first; node; node = node->next) {
        Definition definition = {.node = node};
        if (has_unknown_input(node) || !infer(node, &definition)) {
            fine = false;
            forget_outputs(node);
        }
        dim_require_all(graph->context->dims, &graph->requires, &definition.requires);
    }
    return fine;
}

/* ---- declared outputs ---- */
static bool dims_agree(Dim *declared, Dim *inferred)
{
    int64_t a, b;
    return !dim_is_const(declared, &a) || !dim_is_const(inferred, &b) || a == b;
}

static bool types_agree(const Type *declared, const Type *inferred)
{
    if (declared->kind != inferred->kind)
        return false;
    if (declared->kind != TENSOR && declared->kind != SPARSE_TENSOR)
        return !declared->element || !inferred->element || types_agree(declared->element, inferred->element);
    if (declared->dtype != UNDEFINED && declared->dtype != inferred->dtype)
        return false;
    if (declared->rank != inferred->rank) /* a warning at most */
        return true;
    for (int i = 0; i < declared->rank; i++)
        if (!dims_agree(declared->dim[i], inferred->dim[i]))
            return false;
    return true;
}

/* What the model says about one of its outputs, against what was inferred. */
static bool check_declared(const Value *output, const Type *declared)
{
    Context *context = output->graph->context;
    const char *said = type_text(declared, context->arena), *is = type_text(&output->type, context->arena);
    if (!types_agree(declared, &output->type))
        return report_add(
            context->report, output->def, NODE_SHAPE,
            arena_printf(context->arena, "output '%s' is declared as %s but is %s", output->name, said, is));
    if (declared->kind == TENSOR && declared->rank >= 0 && declared->rank != output->type.rank)
        report_add(context->report, output->def, WARN_OUTPUT_RANK, output->name, said, is);
    return true;
}

bool model_infer(Model *model)
{
    Graph *graph = model->graph;
    Context *context = model->context;
    Type *declared = ARENA_ARRAY(context->arena, graph->nout, Type);
    for (int i = 0; i < graph->nout; i++)
        declared[i] = graph->out[i]->type;
    /* A size may get its name from a reader behind it: then what was computed from it before is inferred once more. */
    for (int symbols = -1, round = 0; round < 3 && symbols != dim_symbol_count(context->dims); round++) {
        symbols = dim_symbol_count(context->dims);
        if (!model->is_inferred) /* passes add to what the model as it was given requires */
        graph->requires = (Requirements){NULL, NULL, NULL};
        if (!graph_infer(graph))
            return false;
    }
    bool fine = true;
    for (int i = 0; i < graph->nout; i++)
        fine &= check_declared(graph->out[i], &declared[i]);
    model->is_inferred = fine;
    return fine;
}
