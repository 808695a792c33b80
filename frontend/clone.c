/* clone.c -- copies of graphs: whole, or in place of the node that stands for them. */
#include "ir.h"
#include <string.h>

/* One copying: which node's attributes the copied nodes' attribute references take, and how names begin. */
typedef struct {
    Model *model;
    const Node *call;      /* NULL: references are kept */
    const Graph *function; /* has the defaults */
    const char *prefix;    /* "" keeps names */
} Cloning;

static Value absent; /* Value.copy of a formal input that is not given */

/* What stands for a value in the copy: itself when it belongs to a graph around the one being copied. */
static Value *copy_of(Value *value)
{
    if (!value || value->copy == &absent)
        return NULL;
    return value->copy ? value->copy : value;
}

static const char *copied_name(const Cloning *cloning, Context *context, const char *name)
{
    if (!*cloning->prefix)
        return name;
    return *name ? arena_printf(context->arena, "%s/%s", cloning->prefix, name) : cloning->prefix;
}

static void copy_facts(Value *to, const Value *from)
{
    to->type = from->type;
    to->constant = from->constant;
    to->element = from->element;
    to->bound = from->bound;
}

static void clone_contents(const Cloning *cloning, const Graph *from, Graph *to, Node *before);

static Graph *clone_graph(const Cloning *cloning, const Graph *from)
{
    Graph *to = graph_new(cloning->model, from->name);
    for (int i = 0; i < from->nin; i++) {
        Value *input = graph_add_input(to, from->in[i]->name, from->in[i]->type);
        copy_facts(input, from->in[i]);
        input->constant = NULL; /* a default comes with the initialisers */
        from->in[i]->copy = input;
    }
    clone_contents(cloning, from, to, NULL);
    for (int i = 0; i < from->nout; i++)
        graph_add_output(to, copy_of(from->out[i]));
    return to;
}

static void clone_graphs(const Cloning *cloning, const Attr *attr, Node *to)
{
    Attr copy = *attr;
    Graph **graphs = ARENA_ARRAY(to->graph->context->arena, attr->count, Graph *);
    for (size_t i = 0; i < attr->count; i++)
        graphs[i] = clone_graph(cloning, attr->graphs[i]);
    copy.graphs = graphs;
    attr_move(to, &copy);
}

/* The attribute that a reference in a function's body stands for; NULL: none was given and there is no default. */
static const Attr *resolve(const Cloning *cloning, const Attr *reference)
{
    const Attr *given = attr_find(cloning->call, reference->s);
    if (given)
        return given;
    for (const Attr *attr = cloning->function->attribute_default; attr; attr = attr->next)
        if (strcmp(attr->name, reference->s) == 0)
            return attr;
    return NULL;
}

static void clone_attribute(const Cloning *cloning, const Attr *attr, Node *to)
{
    if (attr->kind == ATTR_GRAPH) {
        attr_set_graph(to, attr->name, clone_graph(cloning, attr->graph));
    } else if (attr->kind == ATTR_GRAPHS) {
        clone_graphs(cloning, attr, to);
    } else if (attr->kind == ATTR_REFERENCE && cloning->call) {
        const Attr *meant = resolve(cloning, attr);
        if (meant) {
            Attr renamed = *meant;
            renamed.name = attr->name;
            attr_copy(to, &renamed);
        }
    } else {
        attr_copy(to, attr);
    }
}

static void clone_node(const Cloning *cloning, const Node *from, Graph *graph, Node *before)
{
    Node *to = node_new(graph, from->op, copied_name(cloning, graph->context, from->name), before);
    to->function = from->function;
    for (int i = 0; i < from->nin; i++)
        node_add_input(to, copy_of(from->in[i]));
    for (const Attr *attr = from->attr; attr; attr = attr->next)
        clone_attribute(cloning, attr, to);
    for (int i = 0; i < from->nout; i++) {
        if (!from->out[i]) {
            node_add_absent_output(to);
            continue;
        }
        Value *output = node_add_output(to, copied_name(cloning, graph->context, from->out[i]->name));
        copy_facts(output, from->out[i]);
        from->out[i]->copy = output;
    }
}

/* Copies initialisers and nodes; the copies of the inputs are known. */
static void clone_contents(const Cloning *cloning, const Graph *from, Graph *to, Node *before)
{
    for (int i = 0; i < from->ninitializer; i++) {
        Value *value = from->initializer[i];
        if (value->is_overridable) {
            if (value->copy->graph == to && !value->copy->constant)
                graph_add_default(to, value->copy, value->constant);
            continue;
        }
        value->copy = graph_add_constant(to, copied_name(cloning, to->context, value->name), value->constant);
        copy_facts(value->copy, value);
    }
    for (const Node *node = from->first; node; node = node->next)
        clone_node(cloning, node, to, before);
}

static void forget_copies(const Graph *graph)
{
    for (int i = 0; i < graph->nin; i++)
        graph->in[i]->copy = NULL;
    for (int i = 0; i < graph->ninitializer; i++)
        graph->initializer[i]->copy = NULL;
    for (const Node *node = graph->first; node; node = node->next) {
        for (int i = 0; i < node->nout; i++)
            if (node->out[i])
                node->out[i]->copy = NULL;
        const Graph *subgraph;
        for (int i = 0; (subgraph = node_subgraph(node, i)); i++)
            forget_copies(subgraph);
    }
}

static void copy_signature(Graph *to, const Graph *from)
{
    to->domain = from->domain;
    to->overload = from->overload;
    to->attribute = from->attribute;
    to->nattribute = from->nattribute;
    to->attribute_default = from->attribute_default;
    to->opset = from->opset;
    to->nopset = from->nopset;
}

Graph *graph_clone(Model *model, const Graph *graph)
{
    const Cloning cloning = {.model = model, .prefix = ""};
    Graph *copy = clone_graph(&cloning, graph);
    copy_signature(copy, graph);
    forget_copies(graph);
    return copy;
}

void node_inline(Node *node, const Graph *body)
{
    Context *context = node->graph->context;
    const Cloning cloning = {.model = node->graph->model,
                             .call = node,
                             .function = body,
                             .prefix = *node->name                  ? node->name
                                       : node->nout && node->out[0] ? node->out[0]->name
                                                                    : "inline"};
    if ((!body->owner && node->nin > body->nin) || node->nout > body->nout)
        report_fatal(context->report, node, NODE_ARITY, "more inputs or outputs than the function has");
    for (int i = 0; i < body->nin; i++)
        body->in[i]->copy = i < node->nin && node->in[i] ? node->in[i] : &absent;
    int first_copy = context->node_count;
    clone_contents(&cloning, body, node->graph, node);
    for (int i = 0; i < node->nout; i++) {
        Value *outer = node->out[i], *inner = copy_of(body->out[i]);
        if (!outer)
            continue;
        if (!inner)
            report_fatal(context->report, node, GRAPH_INVALID,
                         "an output of the function is an input that is not given");
        bool is_interface = outer->outputs > 0;
        value_replace(outer, inner);
        if (!is_interface && inner->def && inner->def->id >= first_copy)
            value_swap_names(outer, inner);
    }
    forget_copies(body);
    node_remove(node);
}
