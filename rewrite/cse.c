/* cse.c -- equal nodes become one: same operator, same operands, same attributes; and equal constants become one.
 *
 * Nodes are hash-consed in execution order, so operands are already merged when their readers are looked at. A subgraph
 * sees what the graphs around it computed before its node. Random operators are never equal, each being a fresh draw.
 */
#include "../frontend/hash.h"
#include "../frontend/ops/op.h"
#include "pass.h"
#include <string.h>

typedef struct Entry Entry;
struct Entry {
    uint64_t hash;
    Node *node;      /* or ... */
    Value *constant; /* ... a constant */
    Entry *next;
};
typedef struct Table Table;
struct Table {
    Entry **bucket;
    unsigned mask;
    const Table *outer; /* of the graph around */
};

static uint64_t hash_tensor(const Tensor *tensor)
{
    enum { SAMPLE = 4096 }; /* the rest is compared, not hashed */
    const size_t bytes = tensor->dtype == STRING ? 0 : tensor_bytes(tensor);
    uint64_t hash = hash_word((uint64_t)tensor->dtype, (uint64_t)tensor->rank);
    for (int i = 0; i < tensor->rank; i++)
        hash = hash_word(hash, (uint64_t)tensor->dim[i]);
    return hash_word(hash, hash_bytes(tensor->data, bytes < SAMPLE ? bytes : SAMPLE));
}

static uint64_t hash_node(const Node *node)
{
    uint64_t hash = hash_pointer(hash_pointer(0, node->op), node->function);
    for (int i = 0; i < node->nin; i++)
        hash = hash_pointer(hash, node->in[i]);
    for (const Attr *attr = node->attr; attr; attr = attr->next) {
        hash = hash_word(hash_word(hash, attr->kind), hash_text(attr->name));
        if (attr->kind == ATTR_INT)
            hash = hash_word(hash, (uint64_t)attr->i);
        else if (attr->kind == ATTR_INTS)
            hash = hash_word(hash, hash_bytes(attr->ints, attr->count * sizeof *attr->ints));
        else if (attr->kind == ATTR_TENSOR)
            hash = hash_word(hash, hash_tensor(attr->tensor));
    }
    return hash;
}

static bool nodes_equal(const Node *a, const Node *b)
{
    if (a->op != b->op || a->function != b->function || a->nin != b->nin || a->nout != b->nout)
        return false;
    for (int i = 0; i < a->nin; i++)
        if (a->in[i] != b->in[i])
            return false;
    for (int i = 0; i < a->nout; i++)
        if (!a->out[i] != !b->out[i])
            return false;
    const Attr *p = a->attr, *q = b->attr;
    for (; p && q; p = p->next, q = q->next)
        if (!attr_equal(p, q))
            return false;
    return p == q;
}

/* Nodes that must stay apart: random draws, and those with subgraphs. */
static bool is_single(const Node *node)
{
    return node_subgraph(node, 0) || node->function || !node->op || node->op->is_random;
}

static Table table_new(const Graph *graph, const Table *outer)
{
    unsigned size = 64;
    while (size < 2u * (unsigned)(graph->nnode + graph->ninitializer))
        size *= 2;
    return (Table){ARENA_ARRAY(graph->context->arena, size, Entry *), size - 1, outer};
}

/* The equal node or constant that was there before; NULL (and the new one entered) when there is none. */
static const Entry *find_or_add(Arena *arena, Table *table, uint64_t hash, Node *node, Value *constant)
{
    for (const Table *t = table; t; t = t->outer)
        for (const Entry *e = t->bucket[hash & t->mask]; e; e = e->next)
            if (e->hash == hash && (node ? e->node && nodes_equal(e->node, node)
                                         : e->constant && tensor_equal(e->constant->constant, constant->constant)))
                return e;
    Entry *const entry = ARENA_NEW(arena, Entry);
    *entry = (Entry){hash, node, constant, table->bucket[hash & table->mask]};
    table->bucket[hash & table->mask] = entry;
    return NULL;
}

static void merge_graph(Graph *graph, const Table *outer)
{
    Arena *const arena = graph->context->arena;
    Table table = table_new(graph, outer);
    for (int i = 0; i < graph->ninitializer; i++) {
        Value *const value = graph->initializer[i];
        if (!value->constant || value->is_overridable || value->outputs)
            continue;
        const Entry *const same = find_or_add(arena, &table, hash_tensor(value->constant), NULL, value);
        if (same)
            value_replace(value, same->constant);
    }
    for (Node *node = graph->first, *next; node; node = next) {
        next = node->next;
        for (int i = 0; node_subgraph(node, i); i++)
            merge_graph(node_subgraph(node, i), &table);
        if (is_single(node))
            continue;
        const Entry *const same = find_or_add(arena, &table, hash_node(node), node, NULL);
        for (int i = 0; same && i < node->nout; i++)
            if (node->out[i])
                value_replace(node->out[i], same->node->out[i]);
    }
}

bool pass_cse(Model *model, const PassOptions *options)
{
    (void)options;
    merge_graph(model->graph, NULL);
    graph_sweep(model->graph);
    return true;
}
