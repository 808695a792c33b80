/* attr.c -- a node's attributes: a list sorted by name. */
#include "ir.h"
#include <string.h>

Attr *attr_find(const Node *node, const char *name)
{
    for (Attr *attr = node->attr; attr; attr = attr->next)
        if (strcmp(attr->name, name) == 0)
            return attr;
    return NULL;
}

int64_t attr_int(const Node *node, const char *name, int64_t otherwise)
{
    const Attr *attr = attr_find(node, name);
    return attr && attr->kind == ATTR_INT ? attr->i : otherwise;
}

double attr_float(const Node *node, const char *name, double otherwise)
{
    const Attr *attr = attr_find(node, name);
    return attr && attr->kind == ATTR_FLOAT ? attr->f : otherwise;
}

const char *attr_string(const Node *node, const char *name, const char *otherwise)
{
    const Attr *attr = attr_find(node, name);
    return attr && attr->kind == ATTR_STRING ? attr->s : otherwise;
}

const int64_t *attr_ints(const Node *node, const char *name, size_t *count)
{
    const Attr *attr = attr_find(node, name);
    bool found = attr && attr->kind == ATTR_INTS;
    *count = found ? attr->count : 0;
    return found ? attr->ints : NULL;
}

void attr_remove(Node *node, const char *name)
{
    for (Attr **link = &node->attr; *link; link = &(*link)->next)
        if (strcmp((*link)->name, name) == 0) {
            *link = (*link)->next;
            return;
        }
}

Attr *attr_add(Node *node, const char *name, AttrKind kind)
{
    attr_remove(node, name);
    Attr **link = &node->attr;
    while (*link && strcmp((*link)->name, name) < 0)
        link = &(*link)->next;
    Attr *attr = ARENA_NEW(node->graph->context->arena, Attr);
    attr->name = arena_strdup(node->graph->context->arena, name);
    attr->kind = kind;
    attr->next = *link;
    *link = attr;
    return attr;
}

Attr *attr_set_int(Node *node, const char *name, int64_t value)
{
    Attr *attr = attr_add(node, name, ATTR_INT);
    attr->i = value;
    return attr;
}

Attr *attr_set_float(Node *node, const char *name, double value)
{
    Attr *attr = attr_add(node, name, ATTR_FLOAT);
    attr->f = (float)value; /* as files hold it */
    return attr;
}

Attr *attr_set_string(Node *node, const char *name, const char *value)
{
    Attr *attr = attr_add(node, name, ATTR_STRING);
    attr->count = strlen(value);
    attr->s = arena_strdup(node->graph->context->arena, value);
    return attr;
}

Attr *attr_set_ints(Node *node, const char *name, const int64_t *value, size_t count)
{
    int64_t *copy = ARENA_ARRAY(node->graph->context->arena, count, int64_t);
    if (count)
        memcpy(copy, value, count * sizeof *value);
    Attr *attr = attr_add(node, name, ATTR_INTS);
    attr->count = count;
    attr->ints = copy;
    return attr;
}

Attr *attr_set_tensor(Node *node, const char *name, const Tensor *tensor)
{
    Attr *attr = attr_add(node, name, ATTR_TENSOR);
    attr->tensor = tensor;
    return attr;
}

Attr *attr_set_graph(Node *node, const char *name, Graph *graph)
{
    Attr *attr = attr_add(node, name, ATTR_GRAPH);
    attr->graph = graph;
    graph_set_owner(graph, node);
    return attr;
}

static void set_owners(const Attr *attr, Node *owner)
{
    if (attr->kind == ATTR_GRAPH)
        graph_set_owner(attr->graph, owner);
    for (size_t i = 0; attr->kind == ATTR_GRAPHS && i < attr->count; i++)
        graph_set_owner(attr->graphs[i], owner);
}

void attr_move(Node *to, const Attr *from)
{
    Attr *attr = attr_add(to, from->name, from->kind), *next = attr->next;
    const char *name = attr->name;
    *attr = *from;
    attr->name = name;
    attr->next = next;
    set_owners(attr, to);
}

void attr_copy(Node *to, const Attr *from)
{
    Attr copy = *from;
    if (from->kind == ATTR_GRAPH)
        copy.graph = graph_clone(to->graph->model, from->graph);
    if (from->kind == ATTR_GRAPHS) {
        Graph **graphs = ARENA_ARRAY(to->graph->context->arena, from->count, Graph *);
        for (size_t i = 0; i < from->count; i++)
            graphs[i] = graph_clone(to->graph->model, from->graphs[i]);
        copy.graphs = graphs;
    }
    attr_move(to, &copy);
}

/* Bit for bit, so that NaN equals itself and 0 does not equal -0. */
static bool same_float(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static bool equal_elements(const Attr *a, const Attr *b, size_t i)
{
    switch (a->kind) {
    case ATTR_INTS:
        return a->ints[i] == b->ints[i];
    case ATTR_FLOATS:
        return same_float(a->floats[i], b->floats[i]);
    case ATTR_STRINGS:
        return strcmp(a->strings[i], b->strings[i]) == 0;
    case ATTR_TENSORS:
        return tensor_equal(a->tensors[i], b->tensors[i]);
    default:
        return a->graphs[i] == b->graphs[i];
    }
}

static bool equal_lists(const Attr *a, const Attr *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!equal_elements(a, b, i))
            return false;
    return true;
}

bool attr_equal(const Attr *a, const Attr *b)
{
    if (a->kind != b->kind || strcmp(a->name, b->name) != 0)
        return false;
    switch (a->kind) {
    case ATTR_INT:
        return a->i == b->i;
    case ATTR_FLOAT:
        return same_float(a->f, b->f);
    case ATTR_STRING:
        return a->count == b->count && memcmp(a->s, b->s, a->count) == 0;
    case ATTR_REFERENCE:
        return a->reference == b->reference && strcmp(a->s, b->s) == 0;
    case ATTR_TENSOR:
        return tensor_equal(a->tensor, b->tensor);
    case ATTR_GRAPH:
        return a->graph == b->graph;
    case ATTR_TYPE:
        return type_equal(&a->type, &b->type);
    default:
        return equal_lists(a, b);
    }
}

bool function_declares(const Graph *function, const char *name)
{
    for (int i = 0; i < function->nattribute; i++)
        if (strcmp(function->attribute[i], name) == 0)
            return true;
    for (const Attr *attr = function->attribute_default; attr; attr = attr->next)
        if (strcmp(attr->name, name) == 0)
            return true;
    return false;
}
