/* since.c -- the lowest opset that has what a graph says. */
#include "ops/op.h"
#include "print.h"
#include <stdlib.h>
#include <string.h>

enum { LOWEST_OPSET = 18 };

typedef enum { ALWAYS, IF_ATTR, IF_INPUT, IF_VALUE, IF_TYPE } Need;

static const struct {
    const char *op;
    int opset;
    Need need;
    const char *name;
} since[] = {
#define SINCE(op, opset, need, name) {#op, opset, need, name},
#define TYPE_SINCE(dtype, opset)
#include "since.def"
#undef SINCE
#undef TYPE_SINCE
};

static const int type_since[NUM_DTYPE] = {
#define SINCE(op, opset, need, name)
#define TYPE_SINCE(dtype, opset) [dtype] = opset,
#include "since.def"
#undef SINCE
#undef TYPE_SINCE
};

static DType dtype_of(const Value *value)
{
    const Type *type = &value->type;
    while (type->element)
        type = type->element;
    return type->dtype;
}

static bool touches(const Node *node, DType dtype)
{
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && dtype_of(node->in[i]) == dtype)
            return true;
    for (int i = 0; i < node->nout; i++)
        if (node->out[i] && dtype_of(node->out[i]) == dtype)
            return true;
    return false;
}

static bool has_value(const Node *node, const char *value)
{
    for (const Attr *attr = node->attr; attr; attr = attr->next)
        if (attr->kind == ATTR_STRING && strcmp(attr->s, value) == 0)
            return true;
    return false;
}

static bool needs(const Node *node, Need need, const char *name)
{
    switch (need) {
    case ALWAYS:
        return true;
    case IF_ATTR:
        return attr_find(node, name) != NULL;
    case IF_INPUT:
        return node->nin > atoi(name);
    case IF_VALUE:
        return has_value(node, name);
    default:
        return touches(node, dtype_parse(name, strlen(name)));
    }
}

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t values_opset(Value *const *value, int count)
{
    int64_t opset = LOWEST_OPSET;
    for (int i = 0; i < count; i++)
        if (value[i])
            opset = max(opset, type_since[dtype_of(value[i])]);
    return opset;
}

static int64_t node_opset(const Node *node)
{
    int64_t opset = max(values_opset(node->in, node->nin), values_opset(node->out, node->nout));
    if (node->op && !node->function && (!node->op->domain || !*node->op->domain))
        for (size_t i = 0; i < sizeof since / sizeof *since; i++)
            if (since[i].opset > opset && strcmp(since[i].op, node->op->name) == 0 &&
                needs(node, since[i].need, since[i].name))
                opset = since[i].opset;
    const Graph *subgraph;
    for (int i = 0; (subgraph = node_subgraph(node, i)); i++)
        opset = max(opset, graph_opset(subgraph));
    return opset;
}

int64_t graph_opset(const Graph *graph)
{
    int64_t opset = LOWEST_OPSET;
    for (const Node *node = graph->first; node; node = node->next)
        opset = max(opset, node_opset(node));
    return opset;
}

int64_t opset_ir_version(int64_t opset)
{
    static const signed char version[] = {[15] = 8,  [16] = 8,  [17] = 8,  [18] = 8,  [19] = 9,  [20] = 9,  [21] = 10,
                                          [22] = 10, [23] = 11, [24] = 12, [25] = 13, [26] = 13, [27] = 13, [28] = 14};
    int64_t newest = (int64_t)(sizeof version) - 1;
    return opset > newest ? version[newest] : opset < 15 ? 8 : version[opset];
}
