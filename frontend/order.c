/* order.c -- topological order. */
#include "ir.h"
#include <string.h>

/* The nodes of `graph` that a node must follow: those whose outputs it or its subgraphs read. */
typedef struct {
    Node **node;
    int count, capacity;
    Arena *arena;
} NodeList;

static void list_add(NodeList *list, Node *node)
{
    if (list->count == list->capacity) {
        int capacity = list->capacity ? list->capacity * 2 : 64;
        list->node = arena_grow(list->arena, list->node, (size_t)list->count, (size_t)capacity, sizeof(Node *));
        list->capacity = capacity;
    }
    list->node[list->count++] = node;
}

static void add_defs(NodeList *list, const Node *reader, const Graph *graph)
{
    for (int i = reader->nin - 1; i >= 0; i--)
        if (reader->in[i] && reader->in[i]->def && reader->in[i]->graph == graph)
            list_add(list, reader->in[i]->def);
    const Graph *subgraph;
    for (int k = 0; (subgraph = node_subgraph(reader, k)); k++) {
        for (int i = 0; i < subgraph->nout; i++)
            if (subgraph->out[i]->def && subgraph->out[i]->graph == graph)
                list_add(list, subgraph->out[i]->def);
        for (const Node *inner = subgraph->first; inner; inner = inner->next)
            add_defs(list, inner, graph);
    }
}

enum { UNSEEN, OPEN, PLACED };

/* Depth first over what each node needs; a node stays on the stack, OPEN, until all that is placed. False on a cycle.
 */
static bool place(NodeList *stack, Node *root, Node ***end)
{
    const Graph *graph = root->graph;
    list_add(stack, root);
    while (stack->count) {
        Node *node = stack->node[stack->count - 1];
        if (node->mark == UNSEEN) {
            node->mark = OPEN;
            int before = stack->count;
            add_defs(stack, node, graph);
            int kept = before;
            for (int i = before; i < stack->count; i++) {
                if (stack->node[i]->mark == OPEN)
                    return false;
                if (stack->node[i]->mark == UNSEEN)
                    stack->node[kept++] = stack->node[i];
            }
            stack->count = kept;
            continue;
        }
        if (node->mark == OPEN) {
            node->mark = PLACED;
            *(*end)++ = node;
        }
        stack->count--;
    }
    return true;
}

static void relink(Graph *graph, Node **order)
{
    graph->first = graph->last = NULL;
    for (int i = 0; i < graph->nnode; i++) {
        Node *node = order[i];
        node->prev = graph->last;
        node->next = NULL;
        *(graph->last ? &graph->last->next : &graph->first) = node;
        graph->last = node;
    }
}

bool graph_sort(Graph *graph)
{
    Arena *arena = graph->context->arena;
    Node **order = ARENA_ARRAY(arena, graph->nnode, Node *), **end = order;
    NodeList stack = {.arena = arena};
    bool acyclic = true;
    for (Node *node = graph->first; node && acyclic; node = node->next)
        if (node->mark == UNSEEN)
            acyclic = place(&stack, node, &end);
    for (Node *node = graph->first; node; node = node->next)
        node->mark = UNSEEN;
    if (!acyclic)
        return false;
    relink(graph, order);
    for (Node *node = graph->first; node; node = node->next) {
        Graph *subgraph;
        for (int i = 0; (subgraph = node_subgraph(node, i)); i++)
            if (!graph_sort(subgraph))
                return false;
    }
    return true;
}
