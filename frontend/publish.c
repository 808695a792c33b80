/* publish.c -- collects what a model is published with; see publish.h. */
#include "publish.h"
#include "frontend.h"
#include "map.h"
#include "ops/op.h"
#include "symbol_table.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    Publication *publication;
    const Model *model;
    Context *context;
    Model *library;     /* our own operators as functions */
    Map *by_function;   /* Graph -> Defined */
    SymbolTable *taken; /* names of definitions */
    Defined **end;
    bool has_overloads;
} Collection;

/* ---- our own operators ---- */

bool is_own_domain(const char *domain)
{
    return domain && (strcmp(domain, "gnn") == 0 || strcmp(domain, "o2c") == 0);
}

/* ---- collecting ---- */

static void use_domain(Collection *c, const char *domain)
{
    for (int i = 0; i < c->publication->nopset; i++)
        if (strcmp(c->publication->opset[i].domain, domain) == 0)
            return;
    Opset opset = {domain, 1};
    for (int i = 0; i < c->model->nopset; i++)
        if (strcmp(c->model->opset[i].domain, domain) == 0)
            opset = c->model->opset[i];
    if (c->publication->nopset < MAX_OPSETS)
        c->publication->opset[c->publication->nopset++] = opset;
}

static const char *mangled_domain(Collection *c, const char *domain)
{
    char *part, *rest = arena_strdup(c->context->arena, domain), *text = "";
    while ((part = strsep(&rest, ".")))
        text = arena_printf(c->context->arena, "%s%s%s", text, *text ? "." : "", name_mangle(part, c->context->arena));
    return text;
}

/* Names a definition in characters that calls can be written in, different from all others. */
static void define_name(Collection *c, Defined *defined, const char *overload)
{
    Arena *arena = c->context->arena;
    const Graph *function = defined->function;
    const char *name = name_mangle(function->name, arena), *wanted = name;
    defined->name.domain = mangled_domain(c, *function->domain ? function->domain : "local");
    defined->name.overload = *overload ? name_mangle(overload, arena) : "";
    for (int i = 2; !symbol_table_define(
             c->taken, arena_printf(arena, "%s.%s:%s", defined->name.domain, name, defined->name.overload), defined);
         i++)
        name = arena_printf(arena, "%s_%d", wanted, i);
    defined->name.name = name;
    use_domain(c, defined->name.domain);
    c->has_overloads = c->has_overloads || *defined->name.overload;
}

static uint32_t outputs_wanted(const Node *node)
{
    uint32_t wanted = 0;
    for (int i = 0; i < node->nout && i < 32; i++)
        if (node->out[i])
            wanted |= 1u << i;
    return wanted;
}

/* The function without its last outputs that are not wanted and without what only they need. */
static const Graph *trim(Model *library, const Graph *function, uint32_t wanted)
{
    Graph *body = graph_clone(library, function);
    while (body->nout > 0 && !(wanted >> (body->nout - 1) & 1))
        body->out[--body->nout]->outputs--;
    graph_sweep(body);
    return body;
}

static Defined *define(Collection *c, const Graph *function, uint32_t wanted)
{
    Defined *other = map_get(c->by_function, function);
    for (Defined *defined = other; defined; defined = defined->same)
        if (defined->wanted == wanted)
            return defined;
    Defined *defined = ARENA_NEW(c->context->arena, Defined);
    *defined = (Defined){.function = function, .wanted = wanted, .same = other};
    bool is_library = function->model == c->library;
    const char *overload = function->overload;
    if (is_library && other)
        overload = arena_printf(c->context->arena, "outputs_%u", wanted);
    defined->body = is_library ? trim(c->library, function, wanted) : function;
    define_name(c, defined, overload);
    map_set(c->by_function, function, defined);
    *c->end = defined;
    c->end = &defined->next;
    return defined;
}

static void collect(Collection *c, const Graph *graph);

static void collect_node(Collection *c, const Node *node)
{
    const char *domain = node->op && node->op->domain ? node->op->domain : "";
    const Graph *ours = is_own_domain(domain) ? model_find_function(c->library, domain, node->op->name, "") : NULL;
    if (node->function)
        map_set(c->publication->calls, node, &define(c, node->function, 0)->name);
    else if (ours)
        map_set(c->publication->calls, node, &define(c, ours, outputs_wanted(node))->name);
    else if (*domain && strcmp(domain, "ai.onnx") != 0)
        use_domain(c, domain);
    const Graph *subgraph;
    for (int i = 0; (subgraph = node_subgraph(node, i)); i++)
        collect(c, subgraph);
}

static void collect(Collection *c, const Graph *graph)
{
    for (const Node *node = graph->first; node; node = node->next)
        collect_node(c, node);
}

/* ---- versions ---- */

static int64_t default_opset(const Opset *list, int count)
{
    for (int i = 0; i < count; i++)
        if (!*list[i].domain || strcmp(list[i].domain, "ai.onnx") == 0)
            return list[i].version;
    return 0;
}

/* A model that has not been upgraded stays at its versions: its nodes are in their forms. */
static bool is_newest(const Model *model)
{
    int64_t opset = default_opset(model->opset, model->nopset);
    return opset == 0 || opset == NEWEST_OPSET;
}

/* The lowest opset that has what the model and its functions say. */
static int64_t choose_opset(const Collection *c)
{
    if (!is_newest(c->model))
        return default_opset(c->model->opset, c->model->nopset);
    int64_t opset = graph_opset(c->model->graph);
    for (const Defined *defined = c->publication->first; defined; defined = defined->next) {
        int64_t needed = graph_opset(defined->body);
        opset = needed > opset ? needed : opset;
    }
    return opset;
}

/* Since version 4 initialisers need not be inputs, since 8 there are functions, since 10 their overloads. */
static int64_t choose_ir_version(const Collection *c, int64_t opset)
{
    int64_t needed = c->has_overloads ? 10 : c->publication->first ? 8 : 4;
    int64_t version = is_newest(c->model) ? opset_ir_version(opset) : c->model->ir_version;
    return version < needed ? needed : version;
}

/* Names that the sizes of inputs have. */
static SymbolTable *named_sizes(const Graph *graph)
{
    Context *context = graph->context;
    int count = dim_symbol_count(context->dims);
    bool *used = ARENA_ARRAY(context->arena, count, bool);
    for (int i = 0; i < graph->nin; i++)
        for (int axis = 0; axis < graph->in[i]->type.rank; axis++)
            dim_symbols_used(graph->in[i]->type.dim[axis], used);
    SymbolTable *names = symbol_table_new(context->arena, NULL);
    for (int i = 0; i < count; i++) {
        Dim *symbol = dim_symbol_at(context->dims, i);
        if (used[i] && !dim_is_fresh(symbol))
            symbol_table_define(names, dim_symbol_name(symbol), context);
    }
    return names;
}

const Publication *publish(const Model *model)
{
    Context *context = model->context;
    Publication *publication = ARENA_NEW(context->arena, Publication);
    Collection c = {.publication = publication, .model = model, .context = context};
    publication->model = model;
    publication->calls = map_new(context->arena);
    c.library = context_library(context);
    c.by_function = map_new(context->arena);
    c.taken = symbol_table_new(context->arena, NULL);
    c.end = &publication->first;
    collect(&c, model->graph);
    for (const Defined *defined = publication->first; defined; defined = defined->next)
        collect(&c, defined->body);
    publication->version = choose_opset(&c);
    publication->ir_version = choose_ir_version(&c, publication->version);
    publication->sizes = named_sizes(model->graph);
    for (Defined *defined = publication->first; defined; defined = defined->next) {
        const Graph *function = defined->function;
        int64_t own = default_opset(function->opset, function->nopset);
        defined->opset = own && own != NEWEST_OPSET && function->model != c.library ? own : publication->version;
    }
    return publication;
}

CallName called(const Map *calls, const Node *node)
{
    const CallName *call = calls ? map_get(calls, node) : NULL;
    if (call)
        return *call;
    if (node->function)
        return (CallName){node->function->domain, node->function->name, node->function->overload};
    if (node->op)
        return (CallName){node->op->domain ? node->op->domain : "", node->op->name, ""};
    return (CallName){.domain = "", .name = "?", .overload = ""};
}

static char *function_text(const Graph *function)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    Arena *arena = function->context->arena;
    if (!to)
        return "";
    ModelPrinter printer = {.to = to, .arena = arena};
    printer_function(&printer, function, &(CallName){.domain = "", .name = function->name, .overload = ""});
    fclose(to);
    char *copy = arena_strdup(arena, text);
    free(text);
    return copy;
}

bool is_own_function(const Graph *function)
{
    Model *library = context_library(function->context);
    const Graph *ours = model_find_function(library, function->domain, function->name, "");
    uint32_t wanted = function->nout < 32 ? (1u << function->nout) - 1 : UINT32_MAX;
    return ours && strcmp(function_text(function), function_text(trim(library, ours, wanted))) == 0;
}
