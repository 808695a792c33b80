/* unit.c -- the nodes that become one step each, see unit.h. */
#include "unit.h"
#include "program.h"
#include <string.h>

static bool is_group(const Node *node)
{
    return node->function && node->function->domain && strcmp(node->function->domain, "o2c") == 0;
}

/* What engines have a kernel for, unlike the operators of our own domains. */
static bool is_composed_onnx(const Node *node)
{
    return node->op && !node->function && node->op->form == FORM_COMPOSED &&
           !model_find_function(context_library(node->graph->context), node->op->domain, node->op->name, "");
}

/* The nodes of a call or a composed operator until only operators with elements, routines and control are left: those
 * from `*begin` to before `end`, the node that followed. */
static bool expand_node(Node *node, Node **begin, const Node *end)
{
    Node *const before = node->prev;
    Graph *const graph = node->graph;
    for (Node *at = node; at != end;) {
        const bool is_call = at->function || at->op->form == FORM_COMPOSED;
        const Graph *body = at->function ? at->function : is_call ? op_body(at) : NULL;
        if (is_call && !body)
            return false;
        if (!body) {
            at = at->next;
            continue;
        }
        Node *start = at->prev;
        node_inline(at, body);
        at = start ? start->next : graph->first;
    }
    *begin = before ? before->next : graph->first;
    return true;
}

/* The units of a node's subgraphs: of a decided If only those of the branch taken, the other need not even be valid. */
static bool find_inner_units(Map *units, const Node *node)
{
    const Graph *taken = if_taken(node);
    for (int i = 0; node_subgraph(node, i); i++)
        if ((!taken || node_subgraph(node, i) == taken) && !find_units(units, node_subgraph(node, i)))
            return false;
    return true;
}

/* Puts a group's own nodes in its place: the first of them, and what they say for a comment. */
static Node *open_group(Node *group, const Node *after, Formula *formula)
{
    Graph *const graph = group->graph;
    Node *const before = group->prev;
    node_inline(group, group->function);
    Node *first = before ? before->next : graph->first;
    *formula = formula_new(graph->context->arena, first, after);
    return first;
}

bool find_units(Map *units, Graph *graph)
{
    Arena *arena = graph->context->arena;
    Unit *first = NULL, **link = &first;
    for (Node *node = graph->first, *after; node; node = after) {
        const bool group = is_group(node);
        const Node *whole = is_composed_onnx(node) ? node : NULL;
        const char *name = node->name;
        Formula formula = {NULL, 0};
        after = node->next;
        Node *begin = group ? open_group(node, after, &formula) : node;
        if (begin != after && !expand_node(begin, &begin, after))
            return false;
        for (Node *at = begin; at != after; at = at->next)
            if (!find_inner_units(units, at))
                return false;
        for (Node *at = begin; at != after;) { /* nothing is left where all outputs were inputs */
            Node *last = !group ? at : after ? after->prev : graph->last;
            Unit *unit = ARENA_NEW(arena, Unit);
            *unit = (Unit){at,    last,
                           group, group || !*at->name ? name : at->name,
                           whole, group ? formula : formula_new(arena, at, at->next),
                           NULL};
            *link = unit;
            link = &unit->next;
            at = last->next;
        }
    }
    if (first)
        map_set(units, graph, first);
    return true;
}
