/* verify.c -- the invariants of ir.h. Importer and parser refuse models that break them, so an error here is ours.
 *
 *   values     each is defined once: as an input, as an initialiser, or by one node, in its graph
 *              its name is not empty, no other value's within its outermost graph, and finds it
 *              its type has at most MAX_RANK sizes, none missing; after inference it has an element type, but in
 *              a subgraph, which may be a branch that is never taken and makes no sense
 *              a constant has the value's type; an initialiser has a constant; one that is an input is overridable
 *              `reader` lists each node that reads it, once for every slot; `outputs` counts the graph's outputs it is
 *   nodes      stand in their graph's list, forward and backward, as many as nnode says
 *              have an operator or a function of the model
 *              read values that were defined before, in their graph or in those around it
 *              have attributes sorted by name; references are to attributes of the function they stand in
 *   subgraphs  know the node that owns them, share its name table, nest at most MAX_NESTING deep
 *   outputs    of a graph are defined in that graph */
#include "ops/op.h"
#include <string.h>

enum { MAX_NESTING = 32 };

typedef struct {
    Context *context;
    const Graph *root; /* the outermost graph */
    bool typed;        /* types have been inferred */
    bool good;
} Verifier;

static void broken(Verifier *v, const Node *node, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void broken(Verifier *v, const Node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report_add(v->context->report, node, INTERNAL, arena_vprintf(v->context->arena, format, args));
    va_end(args);
    v->good = false;
}

/* ---- values ---- */

static bool type_is_whole(const Type *type)
{
    while (type->element)
        type = type->element;
    if (type->rank > MAX_RANK)
        return false;
    for (int i = 0; i < type->rank; i++)
        if (!type->dim[i])
            return false;
    return true;
}

static bool is_typed(const Type *type)
{
    return type->kind != TENSOR || type->dtype != UNDEFINED;
}

static bool constant_fits(const Value *value)
{
    const Tensor *tensor = value->constant;
    int64_t count = 1, size;
    for (int i = 0; i < tensor->rank; i++)
        count *= tensor->dim[i];
    if (count != tensor->count || (count && !tensor->data))
        return false;
    if (!is_typed(&value->type))
        return true;
    if (value->type.kind != TENSOR || value->type.dtype != tensor->dtype)
        return false;
    if (value->type.rank >= 0 && value->type.rank != tensor->rank)
        return false;
    for (int i = 0; i < value->type.rank; i++)
        if (dim_is_const(value->type.dim[i], &size) && size != tensor->dim[i])
            return false;
    return true;
}

static void define(Verifier *v, const Graph *graph, Value *value, const Node *def)
{
    if (value->seen.defined) {
        broken(v, def, "value '%s' is defined twice", value->name);
        return;
    }
    value->seen.defined = true;
    if (value->graph != graph || value->def != def)
        broken(v, def, "value '%s' does not know where it is defined", value->name);
    if (!value->name || !*value->name || graph_find_value(graph, value->name) != value)
        broken(v, def, "two values are named '%s', or one has no name", value->name);
    if (!type_is_whole(&value->type))
        broken(v, def, "the type of '%s' has a size missing", value->name);
    else if (v->typed && def && !graph->owner && !is_typed(&value->type))
        broken(v, def, "value '%s' has no type", value->name);
    if (value->constant && !constant_fits(value))
        broken(v, def, "the elements of '%s' are not of its type", value->name);
}

static bool is_around(const Graph *outer, const Graph *graph)
{
    for (int depth = 0; graph && depth <= MAX_NESTING; depth++) {
        if (graph == outer)
            return true;
        graph = graph->owner ? graph->owner->graph : NULL;
    }
    return false;
}

/* ---- nodes ---- */

static void verify_inputs(Verifier *v, const Node *node)
{
    for (int i = 0; i < node->nin; i++) {
        Value *value = node->in[i];
        if (!value)
            continue;
        if (!value->seen.defined || !is_around(value->graph, node->graph))
            broken(v, node, "input %d, '%s', is not defined before it is read", i, value->name);
        else
            value->seen.reads++;
    }
}

static void verify_graph(Verifier *v, const Graph *graph, int depth);

static void verify_attributes(Verifier *v, const Node *node, int depth)
{
    for (const Attr *attr = node->attr; attr; attr = attr->next) {
        if (attr->next && strcmp(attr->name, attr->next->name) >= 0)
            broken(v, node, "attributes '%s' and '%s' are not in order", attr->name, attr->next->name);
        if (attr->kind == ATTR_REFERENCE && !function_declares(v->root, attr->s))
            broken(v, node, "attribute '%s' refers to '%s', which the function does not have", attr->name, attr->s);
        if (attr->kind == ATTR_TENSOR && !attr->tensor)
            broken(v, node, "attribute '%s' has no tensor", attr->name);
    }
    const Graph *subgraph;
    for (int i = 0; (subgraph = node_subgraph(node, i)); i++) {
        if (subgraph->owner != node || subgraph->names != node->graph->names)
            broken(v, node, "subgraph %d does not know its owner", i);
        if (depth == MAX_NESTING)
            broken(v, node, "subgraphs are nested deeper than %d levels", MAX_NESTING);
        else
            verify_graph(v, subgraph, depth + 1);
    }
}

static bool is_function_of(const Model *model, const Graph *function)
{
    for (int i = 0; i < model->nfunction; i++)
        if (model->function[i] == function)
            return true;
    return false;
}

static void verify_node(Verifier *v, const Graph *graph, const Node *node, int depth)
{
    if (node->graph != graph || (node->next ? node->next->prev != node : graph->last != node))
        broken(v, node, "the list of nodes is broken");
    if (!node->op && !node->function)
        broken(v, node, "a node has no operator");
    if (node->function && !is_function_of(graph->model, node->function))
        broken(v, node, "a node calls function '%s', which the model does not have", node->function->name);
    verify_inputs(v, node);
    verify_attributes(v, node, depth);
    for (int i = 0; i < node->nout; i++)
        if (node->out[i])
            define(v, graph, node->out[i], node);
}

/* ---- graphs ---- */

static void verify_uses(Verifier *v, Value *value, const Node *def)
{
    if (value->outputs != value->seen.outputs)
        broken(v, def, "value '%s' is %d graph outputs and says %d", value->name, value->seen.outputs, value->outputs);
    if (value->nreader != value->seen.reads)
        broken(v, def, "value '%s' is read %d times and lists %d", value->name, value->seen.reads, value->nreader);
    for (int i = 0; i < value->nreader; i++) {
        const Node *reader = value->reader[i];
        bool reads = i > 0 && reader == value->reader[i - 1];
        for (int slot = 0; slot < reader->nin && !reads; slot++)
            reads = reader->in[slot] == value;
        if (!reads)
            broken(v, def, "value '%s' lists a reader that does not read it", value->name);
    }
}

static void define_inputs(Verifier *v, const Graph *graph)
{
    for (int i = 0; i < graph->nin; i++)
        define(v, graph, graph->in[i], NULL);
    for (int i = 0; i < graph->ninitializer; i++) {
        Value *value = graph->initializer[i];
        if (!value->constant)
            broken(v, NULL, "initialiser '%s' has no elements", value->name);
        if (!value->is_overridable)
            define(v, graph, value, NULL);
        else if (!value->seen.defined)
            broken(v, NULL, "initialiser '%s' says it is an input and is none", value->name);
    }
}

static void verify_graph(Verifier *v, const Graph *graph, int depth)
{
    int count = 0;
    define_inputs(v, graph);
    for (const Node *node = graph->first; node; node = node->next, count++)
        verify_node(v, graph, node, depth);
    if (count != graph->nnode)
        broken(v, NULL, "graph '%s' has %d nodes and says %d", graph->name, count, graph->nnode);
    for (int i = 0; i < graph->nout; i++) {
        Value *value = graph->out[i];
        if (!value->seen.defined || value->graph != graph)
            broken(v, NULL, "output '%s' is not defined in graph '%s'", value->name, graph->name);
        else
            value->seen.outputs++;
    }
}

/* After all is counted, since subgraphs read what is defined around them: visit is verify_uses or forget. */
typedef void Visit(Verifier *v, Value *value, const Node *def);

static void for_all_values(Verifier *v, const Graph *graph, int depth, Visit *visit)
{
    for (int i = 0; i < graph->nin; i++)
        visit(v, graph->in[i], NULL);
    for (int i = 0; i < graph->ninitializer; i++)
        if (!graph->initializer[i]->is_overridable)
            visit(v, graph->initializer[i], NULL);
    for (const Node *node = graph->first; node; node = node->next) {
        for (int i = 0; i < node->nout; i++)
            if (node->out[i])
                visit(v, node->out[i], node);
        const Graph *subgraph;
        for (int i = 0; depth < MAX_NESTING && (subgraph = node_subgraph(node, i)); i++)
            for_all_values(v, subgraph, depth + 1, visit);
    }
}

static void forget(Verifier *v, Value *value, const Node *def)
{
    (void)v;
    (void)def;
    memset(&value->seen, 0, sizeof value->seen);
}

static bool verify_root(const Graph *graph, bool typed)
{
    Verifier v = {.context = graph->context, .root = graph, .typed = typed, .good = true};
    verify_graph(&v, graph, 0);
    if (v.good)
        for_all_values(&v, graph, 0, verify_uses);
    for_all_values(&v, graph, 0, forget);
    return v.good;
}

bool model_verify(const Model *model)
{
    bool good = !model->graph || verify_root(model->graph, model->is_inferred); /* a library is functions alone */
    for (int i = 0; i < model->nfunction; i++)
        good &= verify_root(model->function[i], false);
    return good;
}
