/* control.c -- the types of operators that run subgraphs or hold sequences and optionals; control.c of the frontend
 * runs them.
 *
 * A shape that differs between branches or from one iteration to the next becomes a fresh symbol; where even the rank
 * differs it is unknown. The elements of an empty sequence have rank EMPTY: any shape joins with it. */
#include "../frontend.h"
#include "op.h"
#include <string.h>

enum { UNKNOWN_RANK = -1, EMPTY = -2, MAX_JOINS = 64 };

/* ---- types ---- */
static bool set_output(Definition *d, int output, Type type)
{
    if (def_wants(d, output))
        d->node->out[output]->type = type;
    return true;
}

static Type scalar_type(DType dtype)
{
    return type_tensor(dtype, 0, NULL);
}

static Type wrapped(Definition *d, TypeKind kind, Type element)
{
    Type *copy = ARENA_NEW(d->context->arena, Type);
    *copy = element;
    return (Type){.kind = kind, .dtype = element.dtype, .rank = UNKNOWN_RANK, .element = copy};
}

/* Why types meet: a value has one of both, or it has the first in a loop's first trip and the second in the next, which
 * may depend on the first. */
typedef enum { EITHER, NEXT } Meeting;

static Type join(Definition *d, const Type *a, const Type *b, const void *key, Meeting meeting);

static Type join_tensors(Definition *d, const Type *a, const Type *b, const void *key, Meeting meeting)
{
    DimTable *dims = d->context->dims;
    if (!def_require(d, a->dtype == b->dtype, "element types %s and %s meet in one value", dtype_info(a->dtype)->text,
                     dtype_info(b->dtype)->text) ||
        b->rank == EMPTY)
        return *a;
    if (a->rank == EMPTY)
        return *b;
    Type type = *a;
    if (a->rank != b->rank)
        type.rank = UNKNOWN_RANK;
    for (int i = 0; i < type.rank; i++)
        if (a->dim[i] != b->dim[i])
            type.dim[i] = dim_fresh(dims, key, i, meeting == EITHER ? dim_max(dims, a->dim[i], b->dim[i]) : NULL);
    return type;
}

/* The least general type that holds both; fresh dimensions belong to `key`. A value and an optional of it make an
 * optional: the operators that read optionals take the value itself too. */
static Type join(Definition *d, const Type *a, const Type *b, const void *key, Meeting meeting)
{
    if (a->kind == OPTIONAL && b->kind != OPTIONAL && a->element)
        return wrapped(d, OPTIONAL, join(d, a->element, b, key, meeting));
    if (b->kind == OPTIONAL && a->kind != OPTIONAL && b->element)
        return wrapped(d, OPTIONAL, join(d, a, b->element, key, meeting));
    if (!def_require(d, a->kind == b->kind, "%s and %s meet in one value", type_text(a, d->context->arena),
                     type_text(b, d->context->arena)))
        return *a;
    if (a->kind == TENSOR)
        return join_tensors(d, a, b, key, meeting);
    return a->element && b->element ? wrapped(d, a->kind, join(d, a->element, b->element, key, meeting)) : *a;
}

/* The type of input `input`'s elements: a sequence or optional is needed. */
static Type element_type(Definition *d, int input)
{
    const Type *type = &d->node->in[input]->type;
    if (!def_require(d, type->element, "input %d has no element type", input))
        return scalar_type(F32);
    return *type->element;
}

/* A tensor type with a dimension put in before `axis`, or one taken out. */
static Type with_axis(Type type, int axis, Dim *dim)
{
    for (int i = type.rank++; i > axis; i--)
        type.dim[i] = type.dim[i - 1];
    type.dim[axis] = dim;
    return type;
}

static Type without_axis(Type type, int axis)
{
    type.rank--;
    for (int i = axis; i < type.rank; i++)
        type.dim[i] = type.dim[i + 1];
    return type;
}

/* ---- subgraphs ---- */
static Graph *subgraph(Definition *d, const char *name, int nin, int least_out)
{
    Graph *graph = attr_find(d->node, name)->graph;
    if (!def_require(d, graph->nin == nin, "its subgraph '%s' has %d inputs, wants %d", name, graph->nin, nin) ||
        !def_require(d, graph->nout >= least_out, "its subgraph '%s' has %d outputs, wants at least %d", name,
                     graph->nout, least_out))
        return NULL;
    return graph;
}

static bool infer(Definition *d, Graph *graph)
{
    if (!graph_infer(graph))
        d->failed = true;
    return !d->failed;
}

/* Infers a loop's body until its `states`, inputs from `in` on and outputs from `out` on, keep their types. */
static bool infer_loop(Definition *d, Graph *body, int states, int in, int out)
{
    for (int round = 0; round < MAX_JOINS; round++) {
        bool same = true;
        if (!infer(d, body))
            return false;
        for (int i = 0; i < states && !d->failed; i++) {
            Type *before = &body->in[in + i]->type;
            const Type joined = join(d, before, &body->out[out + i]->type, before, NEXT);
            same = same && type_equal(before, &joined);
            *before = joined;
        }
        if (same || d->failed)
            return !d->failed;
    }
    return def_error(d, "the shapes of its states change in every iteration");
}

/* An integer that the node can rely on whatever the caller gives; NULL where there is none. */
static Dim *known_integer(const Node *node, int input)
{
    const Value *value = input < node->nin ? node->in[input] : NULL;
    return value && !value->is_overridable ? value_element(node->graph->context, value, 0) : NULL;
}

Graph *if_taken(const Node *node)
{
    if (node->op != op_find("", "If"))
        return NULL;
    Dim *condition = known_integer(node, 0);
    if (!condition || !dim_is_const(condition, NULL))
        return NULL;
    return attr_find(node, dim_equals(condition, 0) ? "else_branch" : "then_branch")->graph;
}

Dim *loop_limit(const Node *node)
{
    int64_t number;
    Dim *most = known_integer(node, 0);
    return most && dim_is_const(most, &number) && number > INT32_MAX ? NULL : most; /* INT64_MAX stands for none */
}

bool loop_may_stop(const Node *node)
{
    Dim *begins = known_integer(node, 1);
    Dim *goes_on = value_element(node->graph->context, attr_find(node, "body")->graph->out[0], 0);
    const bool has_condition = node->nin > 1 && node->in[1];
    return has_condition && !(begins && dim_equals(begins, 1) && goes_on && dim_equals(goes_on, 1));
}

static void define_if(Definition *d)
{
    Graph *then_graph = subgraph(d, "then_branch", 0, d->node->nout);
    Graph *else_graph = subgraph(d, "else_branch", 0, d->node->nout);
    if (!then_graph || !else_graph)
        return;
    Graph *taken = if_taken(d->node);
    if (taken) { /* the other branch need not even be valid */
        if (!infer(d, taken))
            return;
        for (int i = 0; i < d->node->nout; i++) {
            set_output(d, i, taken->out[i]->type);
            if (!d->node->out[i])
                continue;
            d->node->out[i]->element = taken->out[i]->element;
            d->node->out[i]->bound = taken->out[i]->bound;
        }
        return;
    }
    if (!infer(d, then_graph) || !infer(d, else_graph))
        return;
    for (int i = 0; i < d->node->nout; i++) {
        const Type *then_type = &then_graph->out[i]->type, *else_type = &else_graph->out[i]->type;
        set_output(d, i, join(d, then_type, else_type, then_type, EITHER));
    }
}

/* A state that was optional at first holds a value after the loop when its body always gives one. */
static Type state_type(const Type *type)
{
    return type->kind == OPTIONAL && type->element ? *type->element : *type;
}

static void define_loop(Definition *d)
{
    const int states = d->node->nin - 2;
    DimTable *dims = d->context->dims;
    Graph *body = subgraph(d, "body", states + 2, states + 1);
    if (!body ||
        !def_require(d, d->node->nout < body->nout, "its body has %d outputs, wants %d", body->nout, d->node->nout + 1))
        return;
    const bool keeps_rank = body->in[0]->type.rank == 1; /* some exporters count in a vector of one */
    Dim *most = loop_limit(d->node), *one = dim_const(dims, 1);
    body->in[0]->type = type_tensor(I64, keeps_rank, &one);
    body->in[0]->bound = most;
    body->in[1]->type = def_has(d, 1) ? d->node->in[1]->type : scalar_type(BOOL);
    if (def_has(d, 1)) { /* where a trip is made, this is true */
        body->in[1]->element = ARENA_ARRAY(d->context->arena, 1, Dim *);
        body->in[1]->element[0] = one;
    }
    for (int i = 0; i < states; i++)
        body->in[2 + i]->type = d->node->in[2 + i]->type;
    if (!infer_loop(d, body, states, 2, 1))
        return;

    Dim *trips =
        most && !loop_may_stop(d->node) ? dim_max(dims, most, dim_const(dims, 0)) : dim_fresh(dims, body, 0, most);
    for (int i = 0; i < d->node->nout; i++) {
        const Type type = body->out[1 + i]->type;
        if (i < states)
            set_output(d, i, type.kind == OPTIONAL ? type : state_type(&body->in[2 + i]->type));
        else if (def_require(d, type.kind == TENSOR && type.rank >= 0 && type.rank < MAX_RANK,
                             "scan output %d is not a tensor of known rank", i))
            set_output(d, i, with_axis(type, 0, trips));
    }
}

/* The i-th int of a list attribute, 0 where it is absent. */
static int64_t list_int(Definition *d, const char *name, int i)
{
    size_t count;
    const int64_t *list = attr_ints(d->node, name, &count);
    return list && (size_t)i < count ? list[i] : 0;
}

static void define_scan(Definition *d)
{
    const int64_t scanned_attribute = attr_int(d->node, "num_scan_inputs", 0);
    if (!def_require(d, scanned_attribute > 0 && scanned_attribute <= d->node->nin,
                     "num_scan_inputs is %lld of %d inputs", (long long)scanned_attribute, d->node->nin))
        return;
    const int scanned = (int)scanned_attribute, states = d->node->nin - scanned;
    Graph *body = subgraph(d, "body", d->node->nin, states);
    Dim *length = NULL;
    if (!body ||
        !def_require(d, d->node->nout <= body->nout, "its body has %d outputs, wants %d", body->nout, d->node->nout))
        return;
    for (int i = 0; i < d->node->nin; i++) {
        Type type = d->node->in[i]->type;
        if (i >= states) {
            const int axis = def_axis(d, list_int(d, "scan_input_axes", i - states), def_rank(d, i));
            if (!def_require(d, type.rank > 0, "scan input %d is a scalar", i))
                return;
            length = type.dim[axis];
            type = without_axis(type, axis);
        }
        body->in[i]->type = type;
    }
    if (d->failed || !infer_loop(d, body, states, 0, 0))
        return;
    for (int i = 0; i < d->node->nout; i++) {
        const Type type = body->out[i]->type;
        if (i < states)
            set_output(d, i, body->in[i]->type);
        else if (def_require(d, type.kind == TENSOR && type.rank >= 0 && type.rank < MAX_RANK,
                             "scan output %d is not a tensor of known rank", i))
            set_output(
                d, i, with_axis(type, def_axis(d, list_int(d, "scan_output_axes", i - states), type.rank + 1), length));
    }
}

static void define_sequence_map(Definition *d)
{
    Graph *body = subgraph(d, "body", d->node->nin, d->node->nout);
    if (!body)
        return;
    for (int i = 0; i < d->node->nin; i++)
        body->in[i]->type = d->node->in[i]->type.kind == SEQUENCE ? element_type(d, i) : d->node->in[i]->type;
    if (d->failed || !infer(d, body))
        return;
    for (int i = 0; i < d->node->nout; i++)
        set_output(d, i, wrapped(d, SEQUENCE, body->out[i]->type));
}

/* ---- sequences ---- */
static void define_sequence_construct(Definition *d)
{
    Type element = d->node->in[0]->type;
    for (int i = 1; i < d->node->nin; i++)
        element = join(d, &element, &d->node->in[i]->type, d->node, EITHER);
    set_output(d, 0, wrapped(d, SEQUENCE, element));
}

static void define_sequence_empty(Definition *d)
{
    const DType dtype = dtype_from_number(attr_int(d->node, "dtype", 1));
    set_output(d, 0, wrapped(d, SEQUENCE, (Type){.kind = TENSOR, .dtype = dtype, .rank = EMPTY}));
}

static void define_sequence_insert(Definition *d)
{
    const Type element = element_type(d, 0);
    set_output(d, 0, wrapped(d, SEQUENCE, join(d, &element, &d->node->in[1]->type, d->node, EITHER)));
}

static void define_sequence_erase(Definition *d)
{
    set_output(d, 0, d->node->in[0]->type);
}

/* A size that differs from element to element is known only when one of them is taken. */
static void define_sequence_at(Definition *d)
{
    set_output(d, 0, element_type(d, 0));
}

static void define_sequence_length(Definition *d)
{
    set_output(d, 0, scalar_type(I64));
}

static void define_split_to_sequence(Definition *d)
{
    const int rank = def_rank(d, 0), axis = def_axis(d, attr_int(d->node, "axis", 0), rank);
    Type element = d->node->in[0]->type;
    if (d->failed)
        return;
    if (def_has(d, 1))
        element.dim[axis] = dim_fresh(d->context->dims, d->node, 0, def_dim(d, 0, axis));
    else if (attr_int(d->node, "keepdims", 1))
        element.dim[axis] = dim_const(d->context->dims, 1);
    else
        element = without_axis(element, axis);
    set_output(d, 0, wrapped(d, SEQUENCE, element));
}

static void define_concat_from_sequence(Definition *d)
{
    Type type = element_type(d, 0);
    const bool adds_axis = attr_int(d->node, "new_axis", 0) != 0;
    Dim *size = dim_fresh(d->context->dims, d->node, 0, NULL);
    if (!def_require(d, type.kind == TENSOR && type.rank >= 0 && type.rank < MAX_RANK,
                     "the rank of the sequence's elements is not known"))
        return;
    const int axis = def_axis(d, attr_int(d->node, "axis", 0), type.rank + adds_axis);
    if (d->failed)
        return;
    if (adds_axis)
        type = with_axis(type, axis, size);
    else
        type.dim[axis] = size;
    set_output(d, 0, type);
}

/* ---- optionals ---- */
static void define_optional(Definition *d)
{
    const Attr *type = attr_find(d->node, "type");
    if (def_require(d, def_has(d, 0) || type, "it has neither an input nor a type"))
        set_output(d, 0, wrapped(d, OPTIONAL, def_has(d, 0) ? d->node->in[0]->type : type->type));
}

static void define_optional_has_element(Definition *d)
{
    set_output(d, 0, scalar_type(BOOL));
}

static void define_optional_get_element(Definition *d)
{
    set_output(d, 0, d->node->in[0]->type.kind == OPTIONAL ? element_type(d, 0) : d->node->in[0]->type);
}

#define CONTROL(op_name, opset, define_function, op_schema, op_attributes)                                             \
    {                                                                                                                  \
        .name = op_name, .schema = op_schema, .attributes = op_attributes, .form = FORM_CONTROL,                       \
        .define = define_function, .since = opset                                                                      \
    }

/* clang-format off */
const Op ops_control[] = {
    CONTROL("If", 25, define_if, "cond:bool -> outputs:value*", "else_branch:graph then_branch:graph"),
    CONTROL("Loop", 25, define_loop, "M:int64? cond:bool? v_initial:value*? -> v_final_and_scan_outputs:value*", "body:graph"),
    CONTROL("Scan", 25, define_scan, "initial_state_and_scan_inputs:value* -> final_state_and_scan_outputs:value*",
            "body:graph num_scan_inputs:int scan_input_axes:ints? scan_input_directions:ints? scan_output_axes:ints? "
            "scan_output_directions:ints?"),
    CONTROL("SequenceMap", 17, define_sequence_map, "input_sequence:sequence additional_inputs:value*? -> out_sequence:value*",
            "body:graph"),
    CONTROL("SequenceConstruct", 11, define_sequence_construct, "inputs:T* -> output_sequence:value | T=any", ""),
    CONTROL("SequenceEmpty", 11, define_sequence_empty, "-> output:value", "dtype:int?"),
    CONTROL("SequenceInsert", 11, define_sequence_insert,
            "input_sequence:sequence tensor:any position:I? -> output_sequence:value | I=int32,int64", ""),
    CONTROL("SequenceErase", 11, define_sequence_erase,
            "input_sequence:sequence position:I? -> output_sequence:value | I=int32,int64", ""),
    CONTROL("SequenceAt", 11, define_sequence_at, "input_sequence:sequence position:I -> tensor:value | I=int32,int64", ""),
    CONTROL("SequenceLength", 11, define_sequence_length, "input_sequence:sequence -> length:int64", ""),
    CONTROL("SplitToSequence", 24, define_split_to_sequence,
            "input:any split:I? -> output_sequence:value | I=int32,int64", "axis:int=0 keepdims:int=1"),
    CONTROL("ConcatFromSequence", 11, define_concat_from_sequence, "input_sequence:sequence -> concat_result:value",
            "axis:int new_axis:int=0"),
    CONTROL("Optional", 28, define_optional, "input:value? -> output:value", "type:type?"),
    CONTROL("OptionalHasElement", 28, define_optional_has_element, "input:value? -> output:bool", ""),
    CONTROL("OptionalGetElement", 28, define_optional_get_element, "input:value -> output:value", ""),
    {.name = NULL},
};
