/* graph.c -- building and changing graphs: values and their names, nodes, readers, removal, order. */
#include "hash.h"
#include "ops/op.h"
#include <string.h>

/* ---- lists: one of n pointers has room for fewer than the next power of two; it may shrink by its count alone ---- */

static void list_append(Arena *arena, void ***list, int *count, void *item)
{
    if ((*count & (*count - 1)) == 0)
        *list = arena_grow(arena, *list, (size_t)*count, *count ? (size_t)*count * 2 : 1, sizeof **list);
    (*list)[(*count)++] = item;
}

static void append_value(Arena *arena, Value ***list, int *count, Value *value)
{
    void **items = (void **)*list;
    list_append(arena, &items, count, value);
    *list = (Value **)items;
}

static void append_function(Arena *arena, Graph ***list, int *count, Graph *function)
{
    void **items = (void **)*list;
    list_append(arena, &items, count, function);
    *list = (Graph **)items;
}

/* ---- names: a hash table of values for each outermost graph ---- */

struct NameTable {
    Value **bucket;
    size_t nbucket, count;
    int next; /* number of the next fresh name */
};

static Value **name_bucket(const struct NameTable *names, const char *name)
{
    return &names->bucket[hash_text(name) & (names->nbucket - 1)];
}

static Value *name_find(const struct NameTable *names, const char *name)
{
    if (!names->nbucket)
        return NULL;
    Value *value = *name_bucket(names, name);
    while (value && strcmp(value->name, name) != 0)
        value = value->same_bucket;
    return value;
}

static void name_table_grow(Arena *arena, struct NameTable *names)
{
    struct NameTable old = *names;
    names->nbucket = old.nbucket ? old.nbucket * 2 : 16;
    names->bucket = ARENA_ARRAY(arena, names->nbucket, Value *);
    for (size_t i = 0; i < old.nbucket; i++)
        for (Value *value = old.bucket[i], *next; value; value = next) {
            next = value->same_bucket;
            Value **bucket = name_bucket(names, value->name);
            value->same_bucket = *bucket;
            *bucket = value;
        }
}

static void name_unbind(Value *value)
{
    struct NameTable *names = value->graph->names;
    if (!names->nbucket)
        return;
    for (Value **link = name_bucket(names, value->name); *link; link = &(*link)->same_bucket)
        if (*link == value) {
            *link = value->same_bucket;
            names->count--;
            return;
        }
}

static void name_enter(Value *value, const char *name)
{
    struct NameTable *names = value->graph->names;
    Arena *arena = value->graph->context->arena;
    if (names->count == names->nbucket)
        name_table_grow(arena, names);
    value->name = arena_strdup(arena, name);
    Value **bucket = name_bucket(names, name);
    value->same_bucket = *bucket;
    *bucket = value;
    names->count++;
}

static const char *name_fresh(const Graph *graph, const char *wanted)
{
    const char *name;
    do {
        int number = ++graph->names->next;
        name = *wanted ? arena_printf(graph->context->arena, "%s_%d", wanted, number)
                       : arena_printf(graph->context->arena, "v%d", number);
    } while (name_find(graph->names, name));
    return name;
}

/* Names a value that has no name in its table. One in a subgraph gives way to one in the outermost graph, whose names
 * are the interface of a model. */
static void name_bind(Value *value, const char *wanted)
{
    Value *holder = *wanted ? name_find(value->graph->names, wanted) : NULL;
    if (*wanted && !holder) {
        name_enter(value, wanted);
    } else if (holder && !value->graph->owner && holder->graph->owner) {
        name_unbind(holder);
        name_enter(value, wanted);
        name_enter(holder, name_fresh(holder->graph, wanted));
    } else {
        name_enter(value, name_fresh(value->graph, wanted));
    }
}

void value_rename(Value *value, const char *name)
{
    if (strcmp(value->name, name) == 0)
        return;
    name_unbind(value);
    name_bind(value, name);
}

void value_swap_names(Value *a, Value *b)
{
    const char *name_a = a->name, *name_b = b->name;
    name_unbind(a);
    name_unbind(b);
    name_bind(a, name_b);
    name_bind(b, name_a);
}

Value *graph_find_value(const Graph *graph, const char *name)
{
    Value *value = name_find(graph->names, name);
    return value && value->graph == graph ? value : NULL;
}

/* ---- build ---- */

Model *model_new(Context *context)
{
    Model *model = ARENA_NEW(context->arena, Model);
    model->context = context;
    model->producer = "";
    return model;
}

void model_add_property(Model *model, const char *key, const char *value)
{
    Arena *arena = model->context->arena;
    if (model->nproperty % 16 == 0)
        model->property = arena_grow(arena, model->property, (size_t)model->nproperty, (size_t)model->nproperty + 16,
                                     sizeof *model->property);
    model->property[model->nproperty++] = (Property){arena_strdup(arena, key), arena_strdup(arena, value)};
}

void model_add_function(Model *model, Graph *function)
{
    append_function(model->context->arena, &model->function, &model->nfunction, function);
}

Graph *model_find_function(const Model *model, const char *domain, const char *name, const char *overload)
{
    for (int i = 0; i < model->nfunction; i++) {
        Graph *function = model->function[i];
        if (strcmp(function->name, name) == 0 && strcmp(function->domain, domain) == 0 &&
            strcmp(function->overload, overload) == 0)
            return function;
    }
    return NULL;
}

Graph *graph_new(Model *model, const char *name)
{
    Arena *arena = model->context->arena;
    Graph *graph = ARENA_NEW(arena, Graph);
    graph->context = model->context;
    graph->model = model;
    graph->name = arena_strdup(arena, name);
    graph->domain = graph->overload = "";
    graph->names = ARENA_NEW(arena, struct NameTable);
    return graph;
}

Value *value_new(Graph *graph, const char *name, Type type)
{
    Value *value = ARENA_NEW(graph->context->arena, Value);
    value->graph = graph;
    value->type = type;
    name_bind(value, name);
    return value;
}

Value *graph_add_input(Graph *graph, const char *name, Type type)
{
    Value *value = value_new(graph, name, type);
    append_value(graph->context->arena, &graph->in, &graph->nin, value);
    return value;
}

void graph_add_output(Graph *graph, Value *value)
{
    append_value(graph->context->arena, &graph->out, &graph->nout, value);
    value->outputs++;
}

void graph_add_default(Graph *graph, Value *input, const Tensor *tensor)
{
    input->constant = tensor;
    input->is_overridable = true;
    append_value(graph->context->arena, &graph->initializer, &graph->ninitializer, input);
}

void graph_open_initializer(Graph *graph, Value *value)
{
    value->is_overridable = true;
    append_value(graph->context->arena, &graph->in, &graph->nin, value);
}

void graph_close_input(Graph *graph, Value *value)
{
    int kept = 0;
    value->is_overridable = false;
    for (int i = 0; i < graph->nin; i++)
        if (graph->in[i] != value)
            graph->in[kept++] = graph->in[i];
    graph->nin = kept;
}

void graph_fix_input(Graph *graph, Value *input, const Tensor *tensor)
{
    if (!input->constant)
        graph_add_default(graph, input, tensor);
    input->constant = tensor;
    input->type = type_of_tensor(graph->context, tensor);
    graph_close_input(graph, input);
}

void graph_drop_default(Graph *graph, Value *input)
{
    int kept = 0;
    for (int i = 0; i < graph->ninitializer; i++)
        if (graph->initializer[i] != input)
            graph->initializer[kept++] = graph->initializer[i];
    graph->ninitializer = kept;
    input->constant = NULL;
    input->is_overridable = false;
}

Value *graph_add_constant(Graph *graph, const char *name, const Tensor *tensor)
{
    Value *value = value_new(graph, name, type_of_tensor(graph->context, tensor));
    value->constant = tensor;
    append_value(graph->context->arena, &graph->initializer, &graph->ninitializer, value);
    return value;
}

/* Links a node into its graph before `before` (NULL: at the end). */
static void node_link(Node *node, Node *before)
{
    Graph *graph = node->graph;
    node->next = before;
    node->prev = before ? before->prev : graph->last;
    *(node->prev ? &node->prev->next : &graph->first) = node;
    *(before ? &before->prev : &graph->last) = node;
    graph->nnode++;
}

static void node_unlink(Node *node)
{
    Graph *graph = node->graph;
    *(node->prev ? &node->prev->next : &graph->first) = node->next;
    *(node->next ? &node->next->prev : &graph->last) = node->prev;
    node->prev = node->next = NULL;
    graph->nnode--;
}

Node *node_new(Graph *graph, const Op *op, const char *name, Node *before)
{
    Context *context = graph->context;
    if (context->node_count >= context->max_nodes)
        report_fatal(context->report, NULL, LIMIT_EXCEEDED, "the number of nodes",
                     arena_printf(context->arena, "%lld", (long long)context->max_nodes));
    Node *node = ARENA_NEW(context->arena, Node);
    node->op = op;
    node->name = arena_strdup(context->arena, name);
    node->graph = graph;
    node->id = context->node_count++;
    node_link(node, before);
    return node;
}

static void add_reader(Value *value, Node *node)
{
    Arena *arena = value->graph->context->arena;
    if (value->nreader == value->reader_capacity) {
        int capacity = value->reader_capacity ? value->reader_capacity * 2 : 2;
        value->reader = arena_grow(arena, value->reader, (size_t)value->nreader, (size_t)capacity, sizeof(Node *));
        value->reader_capacity = capacity;
    }
    value->reader[value->nreader++] = node;
}

/* Readers have no order, and those that came last tend to go first. */
static void drop_reader(Value *value, const Node *node)
{
    for (int i = value->nreader - 1; i >= 0; i--)
        if (value->reader[i] == node) {
            value->reader[i] = value->reader[--value->nreader];
            return;
        }
}

void node_add_input(Node *node, Value *value)
{
    append_value(node->graph->context->arena, &node->in, &node->nin, value);
    if (value)
        add_reader(value, node);
}

Value *node_add_output(Node *node, const char *name)
{
    Value *value = value_new(node->graph, name, (Type){.rank = -1});
    value->def = node;
    append_value(node->graph->context->arena, &node->out, &node->nout, value);
    return value;
}

void node_add_absent_output(Node *node)
{
    append_value(node->graph->context->arena, &node->out, &node->nout, NULL);
}

/* ---- subgraphs ---- */

Graph *node_subgraph(const Node *node, int i)
{
    for (const Attr *attr = node->attr; attr; attr = attr->next) {
        if (attr->kind == ATTR_GRAPH && i-- == 0)
            return attr->graph;
        if (attr->kind == ATTR_GRAPHS) {
            if ((size_t)i < attr->count)
                return attr->graphs[i];
            i -= (int)attr->count;
        }
    }
    return NULL;
}

bool graph_each(Graph *graph, GraphVisit *visit, void *who)
{
    Graph *subgraph;
    if (!visit(graph, who))
        return false;
    for (const Node *node = graph->first; node; node = node->next)
        for (int i = 0; (subgraph = node_subgraph(node, i)); i++)
            if (!graph_each(subgraph, visit, who))
                return false;
    return true;
}

static void value_move_names(Value *value, struct NameTable *names)
{
    value->graph->names = names;
    name_bind(value, value->name);
}

/* Enters all values of graph and its subgraphs into another name table. */
static void graph_move_names(Graph *graph, struct NameTable *names)
{
    if (graph->names == names)
        return;
    graph->names = names;
    for (int i = 0; i < graph->nin; i++)
        value_move_names(graph->in[i], names);
    for (int i = 0; i < graph->ninitializer; i++)
        if (!graph->initializer[i]->is_overridable) /* those are inputs */
            value_move_names(graph->initializer[i], names);
    for (Node *node = graph->first; node; node = node->next) {
        for (int i = 0; i < node->nout; i++)
            if (node->out[i])
                value_move_names(node->out[i], names);
        Graph *subgraph;
        for (int i = 0; (subgraph = node_subgraph(node, i)); i++)
            graph_move_names(subgraph, names);
    }
}

void graph_set_owner(Graph *graph, Node *owner)
{
    graph->owner = owner;
    graph_move_names(graph, owner->graph->names);
}

/* ---- change ---- */

void node_set_input(Node *node, int slot, Value *value)
{
    if (node->in[slot])
        drop_reader(node->in[slot], node);
    node->in[slot] = value;
    if (value)
        add_reader(value, node);
}

/* Nodes that read `from` read `to`. */
static void replace_in_nodes(Value *from, Value *to)
{
    for (int i = 0; i < from->nreader; i++) {
        Node *reader = from->reader[i];
        if (i && reader == from->reader[i - 1])
            continue; /* all its slots are done; its entries are neighbours unless inputs were set one by one */
        for (int slot = 0; slot < reader->nin; slot++)
            if (reader->in[slot] == from) {
                reader->in[slot] = to;
                add_reader(to, reader);
            }
    }
    from->nreader = 0;
}

static bool is_input(const Value *value)
{
    const Graph *graph = value->graph;
    if (value->def || (value->constant && !value->is_overridable))
        return false;
    for (int i = 0; i < graph->nin; i++)
        if (graph->in[i] == value)
            return true;
    return false;
}

/* Whether `to` may become the graph outputs that `from` is, name and all. */
static bool can_be_output_for(const Value *to, const Value *from)
{
    return to->graph == from->graph && to->outputs == 0 && !is_input(to);
}

static void replace_as_output(Value *from, Value *to)
{
    Graph *graph = from->graph;
    for (int i = 0; i < graph->nout; i++)
        if (graph->out[i] == from)
            graph->out[i] = to;
    to->outputs = from->outputs;
    from->outputs = 0;
    value_swap_names(from, to);
}

/* Makes `from`, a graph output, the result of an Identity of `to` at the end of its graph. */
static void redefine_by_identity(Value *from, Value *to)
{
    Node *def = from->def, *identity = node_new(from->graph, op_find("", "Identity"), def ? def->name : "", NULL);
    for (int i = 0; def && i < def->nout; i++)
        if (def->out[i] == from) {
            def->out[i] = value_new(from->graph, "", from->type);
            def->out[i]->def = def;
        }
    for (int i = 0; i < from->graph->ninitializer; i++)
        if (from->graph->initializer[i] == from) {
            memmove(&from->graph->initializer[i], &from->graph->initializer[i + 1],
                    (size_t)(from->graph->ninitializer - i - 1) * sizeof(Value *));
            from->graph->ninitializer--;
        }
    from->constant = NULL;
    from->def = identity;
    append_value(from->graph->context->arena, &identity->out, &identity->nout, from);
    node_add_input(identity, to);
}

bool value_replace(Value *from, Value *to)
{
    if (from == to)
        return false;
    if (from->outputs == 0) {
        replace_in_nodes(from, to);
        return true;
    }
    if (can_be_output_for(to, from)) {
        replace_in_nodes(from, to);
        replace_as_output(from, to);
        return true;
    }
    const Node *def = from->def;
    bool is_identity = def && def->op == op_find("", "Identity") && def->in[0] == to;
    bool changed = from->nreader > 0 || !is_identity;
    replace_in_nodes(from, to);
    if (!is_identity && !is_input(from))
        redefine_by_identity(from, to);
    return changed;
}

/* Takes back all that a node and the nodes of its subgraphs read. */
static void drop_reads(Node *node)
{
    for (int i = 0; i < node->nin; i++)
        if (node->in[i])
            drop_reader(node->in[i], node);
    Graph *subgraph;
    for (int i = 0; (subgraph = node_subgraph(node, i)); i++)
        for (Node *inner = subgraph->last; inner; inner = inner->prev)
            drop_reads(inner);
}

void node_remove(Node *node)
{
    for (int i = 0; i < node->nout; i++) {
        Value *value = node->out[i];
        if (value && (value->nreader || value->outputs))
            report_fatal(node->graph->context->report, node, INTERNAL, "a node is removed whose output is read");
        if (value)
            name_unbind(value);
    }
    drop_reads(node);
    node_unlink(node);
}

void node_move_before(Node *node, Node *before)
{
    if (node == before)
        return;
    node_unlink(node);
    node_link(node, before);
}

bool value_is_read_once(const Value *value)
{
    return value->nreader + value->outputs == 1;
}

/* ---- sweep ---- */

static bool is_read(const Value *value)
{
    return value && (value->nreader || value->outputs);
}

static bool node_is_read(const Node *node)
{
    for (int i = 0; i < node->nout; i++)
        if (is_read(node->out[i]))
            return true;
    return false;
}

static int sweep_initializers(Graph *graph)
{
    int kept = 0;
    for (int i = 0; i < graph->ninitializer; i++) {
        Value *value = graph->initializer[i];
        if (is_read(value) || value->is_overridable)
            graph->initializer[kept++] = value;
        else
            name_unbind(value);
    }
    int dropped = graph->ninitializer - kept;
    graph->ninitializer = kept;
    return dropped;
}

int graph_sweep(Graph *graph)
{
    int dropped = 0;
    for (Node *node = graph->last, *prev; node; node = prev) {
        prev = node->prev;
        if (!node_is_read(node)) {
            node_remove(node);
            dropped++;
            continue;
        }
        Graph *subgraph;
        for (int i = 0; (subgraph = node_subgraph(node, i)); i++)
            dropped += graph_sweep(subgraph);
    }
    return dropped + sweep_initializers(graph);
}
