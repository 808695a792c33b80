/* fuse.c -- nodes become groups, one loop nest each; fuse.h says what a group guarantees.
 *
 * Groups are built in the order in which the graph's outputs need them, operands first, and so are the nodes inside:
 * two exports of one network that were rewritten to the same operators print the same text, whatever order they came
 * in. */
#include "fuse.h"
#include "../frontend/frontend.h"
#include "../frontend/map.h"
#include "pass.h"
#include <string.h>

/* Shapes, axes and their like are needed to define the nodes that read them; of numbers, only the smallest are
 * literals. */
enum { LITERAL_INTEGERS = 64, LITERAL_NUMBERS = 8 };

typedef struct {
    Graph *graph; /* whose nodes are being grouped */
    const Fusion *plan;
    int planned; /* nodes with an id below it are in the plan */
    int ngroup;
} Fusing;

/* ---- one group ---- */

/* A small constant is a node of the body: it prints as a literal. */
static Value *literal(Graph *body, const Value *value)
{
    Node *node = node_new(body, op_find("", "Constant"), "", NULL);
    attr_set_tensor(node, "value", value->constant);
    Value *output = node_add_output(node, value->name);
    output->type = value->type;
    output->constant = value->constant;
    return output;
}

static bool is_literal(const Value *value)
{
    if (!value->constant || value->is_overridable)
        return false;
    return value->constant->count <= (dtype_is_integer(value->type.dtype) ? LITERAL_INTEGERS : LITERAL_NUMBERS);
}

static Value *formal_input(Graph *body, Node *call, Value *value)
{
    Value *input = graph_add_input(body, value->name, value->type);
    input->element = value->element;
    input->bound = value->bound;
    node_add_input(call, value);
    return input;
}

static const Fusion *plan_of(const Fusing *f, const Node *node)
{
    return node && node->id < f->planned && node->graph == f->graph ? &f->plan[node->id] : NULL;
}

static bool is_inlined(const Fusing *f, const Node *node)
{
    return plan_of(f, node) && plan_of(f, node)->inlined;
}

/* The first of the roots that are computed together with this one: itself, where it is alone. */
static Node *nest_of(const Fusing *f, Node *root)
{
    return plan_of(f, root)->nest ? plan_of(f, root)->nest : root;
}

static Node *next_in_nest(const Fusing *f, const Node *root)
{
    return plan_of(f, root)->next_in_nest;
}

/* Whether the group of these roots computes the node itself. */
static bool is_computed(const Fusing *f, Node *node, const Node *first)
{
    return is_inlined(f, node) || (plan_of(f, node) && nest_of(f, node) == first);
}

static Node *copy_node(Graph *body, const Node *node, const Map *copies)
{
    Node *copy = node_new(body, node->op, node->name, NULL);
    for (int i = 0; i < node->nin; i++)
        node_add_input(copy, node->in[i] ? map_get(copies, node->in[i]) : NULL);
    for (const Attr *attr = node->attr; attr; attr = attr->next)
        attr_copy(copy, attr);
    Value *output = node_add_output(copy, node->out[0]->name);
    output->type = node->out[0]->type;
    output->element = node->out[0]->element;
    output->bound = node->out[0]->bound;
    return copy;
}

/* The next operand of node that the body has not got yet, taken in if it is a leaf. NULL: all are there. */
static Node *missing_producer(const Fusing *f, const Node *node, const Node *first, Graph *body, Node *call,
                              Map *copies)
{
    for (int i = 0; i < node->nin; i++) {
        Value *value = node->in[i];
        if (!value || map_get(copies, value))
            continue;
        if (is_computed(f, value->def, first))
            return value->def;
        map_set(copies, value, is_literal(value) ? literal(body, value) : formal_input(body, call, value));
    }
    return NULL;
}

/* Copies root and what it inlines into body, operands first. The stack is bounded by the group's size. */
static void fill_body(const Fusing *f, Node *root, const Node *first, Graph *body, Node *call, Map *copies)
{
    Arena *arena = f->graph->context->arena;
    int capacity = 16, depth = map_get(copies, root->out[0]) ? 0 : 1;
    Node **stack = ARENA_ARRAY(arena, capacity, Node *);
    stack[0] = root;
    while (depth > 0) {
        Node *node = stack[depth - 1];
        Node *producer = missing_producer(f, node, first, body, call, copies);
        if (producer) {
            if (depth == capacity) {
                stack = arena_grow(arena, stack, (size_t)depth, (size_t)depth * 2, sizeof *stack);
                capacity *= 2;
            }
            stack[depth++] = producer;
            continue;
        }
        map_set(copies, node->out[0], copy_node(body, node, copies)->out[0]);
        depth--;
    }
    graph_add_output(body, map_get(copies, root->out[0]));
}

static const char *group_name(Fusing *f)
{
    Model *model = f->graph->model;
    const char *name;
    do
        name = arena_printf(model->context->arena, "group_%d", ++f->ngroup);
    while (model_find_function(model, "o2c", name, ""));
    return name;
}

/* An output of the call instead of what root gave. */
static void replace_root(Node *call, Node *root)
{
    Value *output = node_add_output(call, "");
    output->type = root->out[0]->type;
    output->element = root->out[0]->element;
    output->bound = root->out[0]->bound;
    const char *name = root->out[0]->name;
    value_replace(root->out[0], output);
    node_remove(root);
    value_rename(output, name);
}

/* Puts a call of a new group in place of the roots from `first` on, where the last of them stands. */
static void group_new(Fusing *f, Node *first)
{
    Model *model = f->graph->model;
    Graph *body = graph_new(model, group_name(f));
    body->domain = "o2c";
    Op *named = ARENA_NEW(model->context->arena, Op);
    *named = (Op){.name = body->name, .domain = body->domain, .schema = "", .attributes = "", .form = FORM_COMPOSED};
    Node *last = first;
    while (next_in_nest(f, last))
        last = next_in_nest(f, last);
    Node *call = node_new(f->graph, named, last->name, last);
    call->function = body;
    Map *copies = map_new(model->context->arena);
    for (Node *root = first; root; root = next_in_nest(f, root))
        fill_body(f, root, first, body, call, copies);
    model_add_function(model, body);
    for (Node *root = first, *next; root; root = next) {
        next = next_in_nest(f, root);
        replace_root(call, root);
    }
}

static bool inlines_any(const Fusing *f, const Node *root)
{
    for (int i = 0; i < root->nin; i++)
        if (root->in[i] && is_inlined(f, root->in[i]->def))
            return true;
    return false;
}

static bool is_root(const Fusing *f, const Node *node)
{
    return node->id < f->planned && f->plan[node->id].element && !f->plan[node->id].inlined;
}

/* ---- the order in which outputs need nodes ---- */

static Value *operand(const Node *node, int i)
{
    return i < node->nin ? node->in[i] : NULL;
}

/* Moves nodes to the order of a walk from the outputs, operands first, left to right. Nodes with subgraphs, and what
 * they capture, come through the sort that follows. */
static bool order_by_need(Graph *graph, void *operands)
{
    Context *context = graph->context;
    int *next_operand = operands; /* by node id, one more than the operand that is next */
    Node **stack = ARENA_ARRAY(context->arena, graph->nnode + 1, Node *);
    Node **order = ARENA_ARRAY(context->arena, graph->nnode + 1, Node *);
    int norder = 0;
    for (int i = 0; i < graph->nout; i++) {
        int depth = 0;
        Node *start = graph->out[i]->def;
        if (!start || start->graph != graph || next_operand[start->id])
            continue;
        stack[depth++] = start;
        next_operand[start->id] = 1;
        while (depth > 0) {
            Node *node = stack[depth - 1];
            int k = next_operand[node->id] - 1;
            if (k >= node->nin) {
                order[norder++] = node;
                depth--;
                continue;
            }
            next_operand[node->id]++;
            Value *value = operand(node, k);
            Node *def = value ? value->def : NULL;
            if (def && def->graph == graph && !next_operand[def->id]) {
                next_operand[def->id] = 1;
                stack[depth++] = def;
            }
        }
    }
    for (int i = norder - 1; i >= 0; i--)
        node_move_before(order[i], i == norder - 1 ? NULL : order[i + 1]);
    return true;
}

/* Initialisers come in the order in which nodes read them. */
static bool order_initializers(Graph *graph, void *who)
{
    (void)who;
    Arena *arena = graph->context->arena;
    Map *placed = map_new(arena);
    Value **order = ARENA_ARRAY(arena, graph->ninitializer, Value *);
    int count = 0;
    for (int i = 0; i < graph->ninitializer; i++)
        map_set(placed, graph->initializer[i], &order[graph->ninitializer]); /* known, not placed yet */
    for (const Node *node = graph->first; node; node = node->next)
        for (int i = 0; i < node->nin; i++)
            if (node->in[i] && map_get(placed, node->in[i]) == &order[graph->ninitializer]) {
                order[count] = node->in[i];
                map_set(placed, node->in[i], &order[count++]);
            }
    for (int i = 0; i < graph->ninitializer; i++) /* read by subgraphs, or by the caller alone */
        if (map_get(placed, graph->initializer[i]) == &order[graph->ninitializer])
            order[count++] = graph->initializer[i];
    if (count > 0)
        memcpy(graph->initializer, order, sizeof *order * (size_t)count);
    return true;
}

static bool group_nodes(Graph *graph, void *fusing)
{
    Fusing *f = fusing;
    f->graph = graph;
    for (Node *node = graph->first, *next; node; node = next) {
        next = node->next;
        const bool is_last = is_root(f, node) && !next_in_nest(f, node);
        if (is_last && (inlines_any(f, node) || nest_of(f, node) != node))
            group_new(f, nest_of(f, node));
    }
    return true;
}

bool pass_fuse(Model *model, const PassOptions *options)
{
    Graph *graph = model->graph;
    Context *context = model->context;
    (void)options;
    graph_each(graph, order_by_need, ARENA_ARRAY(context->arena, context->node_count, int));
    if (!graph_sort(graph))
        return false;
    Fusing f = {.plan = fuse_plan(graph), .planned = context->node_count};
    graph_each(graph, group_nodes, &f);
    graph_sweep(graph);
    if (!graph_sort(graph)) /* what reads the first of several roots may stand before the last */
        return false;
    graph_each(graph, order_initializers, NULL);
    return model_infer(model);
}
