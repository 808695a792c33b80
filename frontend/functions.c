/* functions.c -- model-local functions must not call themselves, and must not grow without end when they are inlined.
 */
#include "frontend.h"
#include "map.h"

enum { MAX_DEPTH = 100 }; /* of calls: bodies are gone through recursively */

/* A graph and the functions it calls, once for each call. */
typedef struct {
    const Graph *graph;
    const Graph **callee;
    int ncallee, capacity;
    int64_t size; /* nodes, those of inlined callees included once next has passed them */
    int depth;    /* of the calls below it, as far as next has come */
    bool active;  /* on the stack */
    int next;     /* callee to look at next */
} Caller;

/* Counts the graph's nodes into caller->size and lists its calls, subgraphs included. */
static void collect(Context *context, Caller *caller, const Graph *graph)
{
    for (const Node *node = graph->first; node; node = node->next) {
        caller->size++;
        if (node->function) {
            if (caller->ncallee == caller->capacity) {
                int capacity = caller->capacity ? caller->capacity * 2 : 8;
                caller->callee = arena_grow(context->arena, caller->callee, (size_t)caller->ncallee, (size_t)capacity,
                                            sizeof *caller->callee);
                caller->capacity = capacity;
            }
            caller->callee[caller->ncallee++] = node->function;
        }
        const Graph *subgraph;
        for (int i = 0; (subgraph = node_subgraph(node, i)); i++)
            collect(context, caller, subgraph);
    }
}

/* Adds up the sizes of what `first` calls, depth first. */
static bool measure(Context *context, const Map *callers, Caller *first, Caller **stack)
{
    int depth = 0;
    stack[depth++] = first;
    first->active = true;
    while (depth > 0) {
        Caller *top = stack[depth - 1];
        if (top->next == top->ncallee) {
            top->active = false;
            depth--;
            continue;
        }
        Caller *callee = map_get(callers, top->callee[top->next]);
        if (callee->active)
            return report_add(context->report, NULL, GRAPH_INVALID,
                              arena_printf(context->arena, "function '%s' of domain '%s' calls itself",
                                           callee->graph->name, callee->graph->domain));
        if (callee->next < callee->ncallee) {
            callee->active = true;
            stack[depth++] = callee;
            continue;
        }
        top->next++;
        top->size += callee->size;
        if (top->depth <= callee->depth)
            top->depth = callee->depth + 1;
        if (top->depth > MAX_DEPTH)
            return report_add(context->report, NULL, LIMIT_EXCEEDED, "functions that call functions", "100 levels");
        if (top->size > context->max_nodes)
            return report_add(context->report, NULL, LIMIT_EXCEEDED, "the number of nodes after inlining functions",
                              arena_printf(context->arena, "%lld", (long long)context->max_nodes));
    }
    return true;
}

bool functions_check(const Model *model)
{
    Context *context = model->context;
    Caller *caller = ARENA_ARRAY(context->arena, model->nfunction + 1, Caller);
    Caller **stack = ARENA_ARRAY(context->arena, model->nfunction + 1, Caller *);
    Map *callers = map_new(context->arena);
    for (int i = 0; i <= model->nfunction; i++) {
        caller[i].graph = i < model->nfunction ? model->function[i] : model->graph;
        collect(context, &caller[i], caller[i].graph);
        map_set(callers, caller[i].graph, &caller[i]);
    }
    for (int i = 0; i <= model->nfunction; i++)
        if (caller[i].next < caller[i].ncallee && !measure(context, callers, &caller[i], stack))
            return false;
    return true;
}
