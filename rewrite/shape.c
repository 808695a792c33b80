/* shape.c -- between dims and nodes; see shape.h. */
#include "shape.h"
#include "../frontend/frontend.h"
#include "../frontend/hash.h"
#include "../frontend/ops/expr.h"
#include "../frontend/ops/op.h"
#include "pass.h"
#include <string.h>

/* ---- ask ---- */
Dim **value_dims(const Value *value, int *count)
{
    Context *const context = value->graph->context;
    int64_t n = 1, extent;
    if (value->type.kind != TENSOR || !dtype_is_integer(value->type.dtype) || value->type.rank < 0)
        return NULL;
    for (int i = 0; i < value->type.rank; i++) {
        if (!dim_is_const(value->type.dim[i], &extent) || extent < 0 || extent > MAX_ELEMENTS ||
            n * extent > MAX_ELEMENTS)
            return NULL;
        n *= extent;
    }
    *count = (int)n;
    if (value->constant && !value->is_overridable) {
        Dim **const dims = ARENA_ARRAY(context->arena, n, Dim *);
        for (int64_t i = 0; i < n; i++)
            dims[i] = dim_const(context->dims, tensor_int(value->constant, i));
        return dims;
    }
    for (int64_t i = 0; value->element && i < n; i++)
        if (!value->element[i])
            return NULL;
    return value->element;
}

static const Graph *outermost(const Graph *graph)
{
    while (graph->owner)
        graph = graph->owner->graph;
    return graph;
}

/* A value available before `before` with an axis of exactly this extent: graph inputs first, then results in order. */
static Value *find_source(const Node *before, Dim *dim, int *axis)
{
    const Graph *const graph = outermost(before->graph);
    for (int i = 0; i < graph->nin; i++)
        for (*axis = 0; *axis < graph->in[i]->type.rank; ++*axis)
            if (graph->in[i]->type.kind == TENSOR && graph->in[i]->type.dim[*axis] == dim)
                return graph->in[i];
    if (!dim_is_symbol(dim) || !dim_is_fresh(dim))
        return NULL;
    const Node *stop = before;
    while (stop->graph->owner)
        stop = stop->graph->owner;
    for (const Node *node = graph->first; node && node != stop; node = node->next)
        for (int i = 0; i < node->nout; i++)
            for (*axis = 0; node->out[i] && *axis < node->out[i]->type.rank; ++*axis)
                if (node->out[i]->type.kind == TENSOR && node->out[i]->type.dim[*axis] == dim)
                    return node->out[i];
    return NULL;
}

/* The depth of recursion is bounded by that of Dims. */
static bool is_computable(const Node *before, Dim *dim)
{
    int axis;
    const DimKind kind = dim_kind(dim);
    if (kind == DIM_CONST || (kind != DIM_OVERFLOW && find_source(before, dim, &axis)))
        return true;
    if (kind == DIM_OVERFLOW || kind == DIM_SYMBOL ||
        (kind == DIM_FLOOR_DIV && dim_lower(dim_part(dim, 0)) < 0)) /* Div truncates */
        return false;
    Dim *part;
    for (int i = 0; (part = dim_part(dim, i)); i++)
        if (!is_computable(before, part))
            return false;
    return true;
}

bool dims_are_computable(const Node *before, Dim *const *dims, int count)
{
    for (int i = 0; i < count; i++)
        if (!is_computable(before, dims[i]))
            return false;
    return true;
}

/* Whether dimension `axis` of `to` is what a -1 there gives. A size that the caller gives is, even if by another name:
 * the model says that there are as many elements before as after, and that is compared. What only the data tells would
 * be lost. */
static bool is_rest(Context *context, const Type *from, Dim *const *to, int rank, int axis)
{
    Dim *whole = dim_const(context->dims, 1), *others = whole;
    for (int i = 0; i < from->rank; i++)
        whole = dim_mul(context->dims, whole, from->dim[i]);
    for (int i = 0; i < rank; i++)
        others = i == axis ? others : dim_mul(context->dims, others, to[i]);
    return dim_times_in(context->dims, whole, others) == to[axis] ||
           (dim_lower(others) > 0 && !dim_has_fresh(to[axis]));
}

bool view_target(Context *context, const Type *from, Dim *const *to, int rank, Dim **target)
{
    bool inferred = false;
    for (int i = 0; i < rank; i++) {
        const bool kept = i < from->rank && from->dim[i] == to[i];
        if (dim_equals(to[i], 0) && !kept)
            return false;
        if (dim_is_const(to[i], NULL))
            target[i] = to[i];
        else if (kept)
            target[i] = dim_const(context->dims, 0);
        else
            target[i] = !inferred && is_rest(context, from, to, rank, i) ? dim_const(context->dims, -1) : to[i];
        inferred |= dim_equals(target[i], -1);
    }
    return true;
}

/* ---- build ---- */
Tensor *tensor_of_number(Context *context, DType dtype, int rank, double number)
{
    const int64_t one[1] = {1};
    Tensor *const tensor = tensor_new(context, dtype, rank, one);
    return tensor_set_number(tensor, 0, number) ? tensor : NULL;
}

Value *graph_constant(Graph *graph, const Tensor *tensor)
{
    return graph_add_constant(graph, "", tensor);
}

static Value *vector_constant(Graph *graph, Dim *const *dims, int64_t count)
{
    Tensor *const tensor = tensor_new(graph->context, I64, 1, &count);
    for (int i = 0; i < count; i++)
        dim_is_const(dims[i], &((int64_t *)tensor->data)[i]);
    return graph_constant(graph, tensor);
}

static Value *build(Node *before, const char *op, Value *a, Value *b)
{
    Node *const node = node_new(before->graph, op_find("", op), "", before);
    node_add_input(node, a);
    if (b)
        node_add_input(node, b);
    Value *const out = node_add_output(node, "");
    return node_infer(node) ? out : NULL;
}

static Value *build_source(Node *before, Dim *dim)
{
    int axis;
    Value *const source = find_source(before, dim, &axis);
    if (!source)
        return NULL;
    Node *const node = node_new(before->graph, op_find("", "Shape"), "", before);
    node_add_input(node, source);
    attr_set_int(node, "start", axis);
    attr_set_int(node, "end", axis + 1);
    Value *const out = node_add_output(node, "");
    return node_infer(node) ? out : NULL;
}

/* A dim that is computable as an int64 vector of one element; NULL when it is not. */
static Value *build_dim(Node *before, Dim *dim)
{
    static const char *const op[] = {
        [DIM_SUM] = "Add", [DIM_PRODUCT] = "Mul", [DIM_FLOOR_DIV] = "Div", [DIM_MIN] = "Min", [DIM_MAX] = "Max"};
    const DimKind kind = dim_kind(dim);
    if (kind == DIM_CONST)
        return vector_constant(before->graph, &dim, 1);
    Value *const source = build_source(before, dim);
    if (source || kind == DIM_SYMBOL || kind == DIM_OVERFLOW)
        return source;
    Value *result = build_dim(before, dim_part(dim, 0));
    Dim *part;
    for (int i = 1; result && (part = dim_part(dim, i)); i++) {
        Value *const operand = build_dim(before, part);
        result = operand ? build(before, op[kind], result, operand) : NULL;
    }
    return result;
}

Value *value_of_dims(Node *before, Dim *const *dims, int count, bool scalar)
{
    Graph *const graph = before->graph;
    Context *const context = graph->context;
    int64_t number;
    if (!dims_are_computable(before, dims, count))
        return NULL;
    if (scalar) {
        if (dim_is_const(dims[0], &number)) {
            Tensor *const tensor = tensor_new(context, I64, 0, NULL);
            *(int64_t *)tensor->data = number;
            return graph_constant(graph, tensor);
        }
        Value *const vector = build_dim(before, dims[0]);
        return vector ? build(before, "Squeeze", vector, NULL) : NULL;
    }
    /* Runs of constants are one operand of the Concat. */
    Value *part[MAX_ELEMENTS];
    int nparts = 0;
    for (int i = 0, run; i < count && count <= MAX_ELEMENTS; i += run) {
        for (run = 0; i + run < count && dim_is_const(dims[i + run], NULL); run++)
            ;
        part[nparts] = run ? vector_constant(graph, dims + i, run) : build_dim(before, dims[i]);
        if (!part[nparts++])
            return NULL;
        run += run == 0;
    }
    if (nparts == 0)
        return vector_constant(graph, dims, 0);
    if (nparts == 1)
        return part[0];
    Node *const node = node_new(graph, op_find("", "Concat"), "", before);
    attr_set_int(node, "axis", 0);
    for (int i = 0; i < nparts; i++)
        node_add_input(node, part[i]);
    Value *const out = node_add_output(node, "");
    return node_infer(node) ? out : NULL;
}

/* ---- the pass ---- */
/* What was computed anew, by the old value's dims: later operands of the same dims read it too. */
typedef struct Spelled Spelled;
struct Spelled {
    Value *value;
    Dim **dims;
    int count;
    bool scalar;
    Spelled *next;
};
enum { BUCKETS = 1024 };
typedef struct {
    Spelled *bucket[BUCKETS];
} Spelling;

static Spelled *spelled_find(Spelling *spelling, Dim *const *dims, int count, bool scalar, unsigned *bucket)
{
    uint64_t hash = (uint64_t)count * 2 + scalar;
    for (int i = 0; i < count; i++)
        hash = hash_pointer(hash, dims[i]);
    *bucket = hash % BUCKETS;
    for (Spelled *s = spelling->bucket[*bucket]; s; s = s->next)
        if (s->count == count && s->scalar == scalar &&
            (count == 0 || !memcmp(s->dims, dims, sizeof *dims * (size_t)count)))
            return s;
    return NULL;
}

/* The value of these dims, spelled anew or as before. */
static Value *respell(Spelling *spelling, Node *node, Dim **dims, int count, bool scalar)
{
    unsigned bucket = 0;
    Arena *const arena = node->graph->context->arena;
    Spelled *s = node->graph->owner ? NULL : spelled_find(spelling, dims, count, scalar, &bucket);
    if (s)
        return s->value;
    Value *const value = value_of_dims(node, dims, count, scalar);
    if (!value || node->graph->owner)
        return value;
    s = ARENA_NEW(arena, Spelled);
    *s = (Spelled){.value = value, .dims = dims, .count = count, .scalar = scalar, .next = spelling->bucket[bucket]};
    spelling->bucket[bucket] = s;
    return value;
}

/* Whether a node is shape arithmetic itself: its consumers are what counts. */
static bool is_arithmetic(const Node *node)
{
    int count;
    for (int i = 0; i < node->nout; i++)
        if (node->out[i] && (node->out[i]->outputs || !value_dims(node->out[i], &count)))
            return false;
    return true;
}

static bool respell_graph(Graph *graph, void *spelling)
{
    int count;
    for (Node *node = graph->first; node; node = node->next) {
        if (is_arithmetic(node))
            continue;
        for (int i = 0; i < node->nin; i++) {
            Value *const in = node->in[i];
            if (!in || !in->def || in->constant || in->type.dtype != I64 || in->type.rank > 1)
                continue;
            Dim **const dims = value_dims(in, &count);
            Value *const out = dims ? respell(spelling, node, dims, count, in->type.rank == 0) : NULL;
            if (out && out != in)
                node_set_input(node, i, out);
        }
    }
    return true;
}

bool pass_shape(Model *model, const PassOptions *options)
{
    (void)options;
    Spelling *const spelling = ARENA_NEW(model->context->arena, Spelling);
    graph_each(model->graph, respell_graph, spelling);
    graph_sweep(model->graph);
    return report_errors(model->context->report) == 0;
}
