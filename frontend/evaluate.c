/* evaluate.c -- the reference evaluator: each node in turn, straight from its definition.
 *
 * A node runs as a shadow of itself whose inputs have the concrete types and the data at hand: its definition is made
 * for those, and interpreted. */
#include "evaluate.h"
#include "../runtime/runtime.h"
#include "frontend.h"
#include "map.h"
#include "ops/op.h"
#include <string.h>

struct Environment {
    Context *context;
    Map *datum; /* of values */
    const Environment *outer;
};

/* ---- data ---- */
Datum *datum_of_tensor(Context *context, const Tensor *tensor)
{
    Datum *datum = ARENA_NEW(context->arena, Datum);
    datum->kind = TENSOR;
    datum->tensor = tensor;
    datum->dtype = tensor->dtype;
    return datum;
}

/* The datum of a value in this environment or those around it. NULL: not there. */
static Datum *environment_get(const Environment *environment, const Value *value)
{
    for (; environment; environment = environment->outer) {
        Datum *datum = map_get(environment->datum, value);
        if (datum)
            return datum;
    }
    return value->constant ? datum_of_tensor(value->graph->context, value->constant) : NULL;
}

/* The tensor with all its elements in memory. */
static const void *dense_data(Context *context, const Tensor *tensor)
{
    const size_t size = dtype_info(tensor->dtype)->size;
    if (!tensor->splat)
        return tensor->data;
    Tensor *dense = tensor_new(context, tensor->dtype, tensor->rank, tensor->dim);
    for (int64_t i = 0; i < tensor->count; i++)
        memcpy((char *)dense->data + (size_t)i * size, tensor->data, size);
    return dense->data;
}

/* ---- shadows ---- */
static Value *shadow_value(const Node *node, const Value *value, const Datum *datum)
{
    Value *shadow = ARENA_NEW(node->graph->context->arena, Value);
    shadow->name = value->name;
    shadow->graph = node->graph;
    shadow->type = value->type;
    if (datum && datum->kind == TENSOR) {
        shadow->type = type_of_tensor(node->graph->context, datum->tensor);
        shadow->constant = datum->tensor;
    }
    return shadow;
}

static Node *shadow_node(const Node *node, Datum *const *input)
{
    Arena *arena = node->graph->context->arena;
    Node *shadow = ARENA_NEW(arena, Node);
    *shadow = *node;
    shadow->in = ARENA_ARRAY(arena, node->nin, Value *);
    shadow->out = ARENA_ARRAY(arena, node->nout, Value *);
    for (int i = 0; i < node->nin; i++)
        if (node->in[i])
            shadow->in[i] = shadow_value(node, node->in[i], input[i]);
    for (int i = 0; i < node->nout; i++)
        if (node->out[i]) {
            shadow->out[i] = shadow_value(node, node->out[i], NULL);
            shadow->out[i]->def = shadow;
        }
    return shadow;
}

/* ---- routines ---- */
static int64_t const_dim(Dim *dim)
{
    int64_t value = 0;
    dim_is_const(dim, &value);
    return value;
}

/* A tensor for an output, as large as it may become. */
static Tensor *room_for(Context *context, const Type *type)
{
    int64_t dim[MAX_RANK];
    for (int i = 0; i < type->rank; i++)
        dim[i] = const_dim(dim_limit(context->dims, type->dim[i]));
    return tensor_new(context, type->dtype, type->rank, dim);
}

/* The part of a tensor that the call filled: its type's dimensions with the sizes that the call gave. */
static Tensor *filled_part(Context *context, const Routine *routine, const int64_t *size, const Type *type,
                           const Tensor *room)
{
    const int nsymbol = dim_symbol_count(context->dims);
    int64_t *symbol = ARENA_ARRAY(context->arena, nsymbol, int64_t);
    Tensor *part = ARENA_NEW(context->arena, Tensor);
    *part = *room;
    part->count = 1;
    for (int i = 0; i < routine->nsize; i++)
        symbol[dim_symbol_index(routine->size[i])] = size[i];
    for (int i = 0; i < type->rank; i++) {
        if (!dim_evaluate(type->dim[i], symbol, &part->dim[i]) || part->dim[i] < 0 || part->dim[i] > room->dim[i])
            part->dim[i] = room->dim[i];
        part->count *= part->dim[i];
    }
    return part;
}

static bool run_routine(Node *node, const Routine *routine, const Tensor **result)
{
    Context *context = node->graph->context;
    const void **in = ARENA_ARRAY(context->arena, routine->nin, const void *);
    void **out = ARENA_ARRAY(context->arena, routine->nout + routine->nsize, void *);
    int64_t *n = ARENA_ARRAY(context->arena, routine->nn, int64_t);
    int64_t *size = ARENA_ARRAY(context->arena, routine->nsize, int64_t);
    Tensor **room = ARENA_ARRAY(context->arena, routine->nout, Tensor *);
    RoutineFunction *function = routine_function(routine);
    if (!function)
        return report_add(context->report, node, OP_UNSUPPORTED, node->op->name, "its routine is missing");
    for (int i = 0; i < routine->nin; i++)
        in[i] = routine->in[i] ? dense_data(context, routine->in[i]->constant) : NULL;
    for (int i = 0; i < routine->nout && i < node->nout; i++)
        if (node->out[i]) {
            room[i] = room_for(context, &node->out[i]->type);
            out[i] = room[i]->data;
        }
    for (int i = 0; i < routine->nsize; i++)
        out[routine->nout + i] = &size[i];
    for (int i = 0; i < routine->nn; i++)
        n[i] = const_dim(dim_limit(context->dims, routine->n[i]));
    const int64_t scratch = routine->scratch ? const_dim(dim_limit(context->dims, routine->scratch)) : 0;
    const int status = function(in, out, n, routine->p, arena_alloc(context->arena, (size_t)scratch));
    if (status != O2C_OK)
        return report_add(context->report, node, NODE_FAILED, status_text(status));
    for (int i = 0; i < routine->nout && i < node->nout; i++)
        if (room[i])
            result[i] = filled_part(context, routine, size, &node->out[i]->type, room[i]);
    return true;
}

/* ---- nodes ---- */
static bool run_elements(Node *node, Definition *definition, const Tensor **result)
{
    Context *context = node->graph->context;
    for (int i = 0; i < node->nout; i++) {
        Value *value = node->out[i];
        int64_t dim[MAX_RANK];
        if (!value)
            continue;
        if (!value->constant) {
            for (int k = 0; k < value->type.rank; k++)
                if (!dim_is_const(value->type.dim[k], &dim[k]))
                    return report_add(context->report, node, NODE_FAILED, "its output shape is not known");
            Tensor *into = tensor_new(context, value->type.dtype, value->type.rank, dim);
            if (!interpret(definition, i, into))
                return false;
            value->constant = into; /* later outputs may load this one */
        }
        result[i] = value->constant;
    }
    return true;
}

/* A composed operator or a call of a function, by its body. */
static bool run_body(Node *shadow, Datum *const *input, Datum **output)
{
    Graph *body = node_expand(shadow);
    if (!body)
        return false;
    Datum **given = ARENA_ARRAY(body->context->arena, body->nin, Datum *);
    int ngiven = 0;
    for (int i = 0; i < shadow->nin; i++)
        if (shadow->in[i])
            given[ngiven++] = input[i];
    return evaluate_subgraph(NULL, body, given, output);
}

static bool run_node(Environment *environment, const Node *node, Datum *const *input, Datum **output)
{
    Context *context = node->graph->context;
    Definition definition;
    if (!node->function && node->op->form == FORM_CONTROL)
        return evaluate_control(environment, node, input, output);
    if (!node->function && strcmp(node->op->name, "Identity") == 0 && input[0]->kind != TENSOR) {
        output[0] = input[0];
        return true;
    }
    Node *shadow = shadow_node(node, input);
    if (node->function || node->op->form == FORM_COMPOSED)
        return run_body(shadow, input, output);
    const Tensor **result = ARENA_ARRAY(context->arena, node->nout, const Tensor *);
    if (!op_define(shadow, &definition))
        return false;
    if (!(definition.routine ? run_routine(shadow, definition.routine, result)
                             : run_elements(shadow, &definition, result)))
        return false;
    for (int i = 0; i < node->nout; i++)
        output[i] = result[i] ? datum_of_tensor(context, result[i]) : NULL;
    return true;
}

bool evaluate_node(const Node *node, const Tensor **output)
{
    Context *context = node->graph->context;
    Environment environment = {context, map_new(context->arena), NULL};
    Datum **input = ARENA_ARRAY(context->arena, node->nin, Datum *);
    Datum **result = ARENA_ARRAY(context->arena, node->nout, Datum *);
    for (int i = 0; i < node->nin; i++)
        if (node->in[i])
            input[i] = datum_of_tensor(context, node->in[i]->constant);
    if (!run_node(&environment, node, input, result))
        return false;
    for (int i = 0; i < node->nout; i++)
        output[i] = result[i] ? result[i]->tensor : NULL;
    return true;
}

/* ---- graphs ---- */
static bool run_in(Environment *environment, const Node *node)
{
    Context *context = environment->context;
    Datum **input = ARENA_ARRAY(context->arena, node->nin, Datum *);
    Datum **output = ARENA_ARRAY(context->arena, node->nout, Datum *);
    for (int i = 0; i < node->nin; i++) {
        if (!node->in[i])
            continue;
        input[i] = environment_get(environment, node->in[i]);
        if (!input[i])
            return report_add(context->report, node, NODE_FAILED,
                              arena_printf(context->arena, "input %d '%s' has no data", i, node->in[i]->name));
    }
    if (!run_node(environment, node, input, output))
        return false;
    for (int i = 0; i < node->nout; i++)
        if (node->out[i] && output[i])
            map_set(environment->datum, node->out[i], output[i]);
    return true;
}

bool evaluate_subgraph(Environment *outer, const Graph *graph, Datum *const *input, Datum **output)
{
    Context *context = graph->context;
    Environment environment = {context, map_new(context->arena), outer};
    for (int i = 0; i < graph->ninitializer; i++)
        map_set(environment.datum, graph->initializer[i], datum_of_tensor(context, graph->initializer[i]->constant));
    for (int i = 0; i < graph->nin; i++)
        if (input[i])
            map_set(environment.datum, graph->in[i], input[i]);
    for (const Node *node = graph->first; node; node = node->next)
        if (!run_in(&environment, node))
            return false;
    for (int i = 0; i < graph->nout; i++) {
        output[i] = environment_get(&environment, graph->out[i]);
        if (!output[i])
            return report_add(context->report, NULL, NODE_FAILED,
                              arena_printf(context->arena, "output '%s' has no data", graph->out[i]->name));
    }
    return true;
}

/* ---- models ---- */
/* A symbol is the size of the first dimension that is this symbol alone; -1 while there was none. */
static void read_symbols(const Value *value, const Datum *datum, int64_t *symbol)
{
    const Type *type = &value->type;
    for (int i = 0; datum->kind == TENSOR && datum->tensor->rank == type->rank && i < type->rank; i++)
        if (dim_is_symbol(type->dim[i]) && symbol[dim_symbol_index(type->dim[i])] < 0)
            symbol[dim_symbol_index(type->dim[i])] = datum->tensor->dim[i];
}

/* Whether a dimension may have this size: its symbols have theirs, or it has one that no input shows. */
static bool fits(Context *context, Dim *dim, const int64_t *symbol, int64_t size)
{
    const int count = dim_symbol_count(context->dims);
    bool *used = ARENA_ARRAY(context->arena, count + 1, bool);
    int64_t wanted;
    dim_symbols_used(dim, used);
    for (int i = 0; i < count; i++)
        if (used[i] && symbol[i] < 0)
            return true;
    return dim_evaluate(dim, symbol, &wanted) && wanted == size;
}

/* Whether an input is of its type: symbols stand for one size each. */
static bool check_input(const Value *value, const Datum *datum, const int64_t *symbol)
{
    Context *context = value->graph->context;
    if (value->type.kind != TENSOR || datum->kind != TENSOR)
        return true;
    const Tensor *tensor = datum->tensor;
    bool fine = tensor->dtype == value->type.dtype && (value->type.rank < 0 || tensor->rank == value->type.rank);
    for (int i = 0; fine && i < value->type.rank; i++)
        fine = fits(context, value->type.dim[i], symbol, tensor->dim[i]);
    const Type type = type_of_tensor(context, tensor);
    return fine || report_add(context->report, NULL, NODE_FAILED,
                              arena_printf(context->arena, "input '%s' is %s, wants %s", value->name,
                                           type_text(&type, context->arena), type_text(&value->type, context->arena)));
}

bool evaluate(const Graph *graph, Datum *const *input, Datum **output)
{
    Context *context = graph->context;
    const int nsymbol = dim_symbol_count(context->dims);
    int64_t *symbol = ARENA_ARRAY(context->arena, nsymbol, int64_t);
    for (int i = 0; i < nsymbol; i++)
        symbol[i] = -1;
    for (int i = 0; i < graph->nin; i++)
        if (input[i])
            read_symbols(graph->in[i], input[i], symbol);
    for (int i = 0; i < graph->nin; i++) {
        if (input[i] && !check_input(graph->in[i], input[i], symbol))
            return false;
        if (!input[i] && !graph->in[i]->constant)
            return report_add(context->report, NULL, NODE_FAILED,
                              arena_printf(context->arena, "input '%s' is not given", graph->in[i]->name));
    }
    return evaluate_subgraph(NULL, graph, input, output);
}
