/* print_model.c -- whole models in ONNX text: at which opset, and with which functions.
 *
 * To everyone but us a node of the domains gnn and o2c is a call of a function, so the function goes with the model.
 * One whose last outputs are not wanted is printed without what computes them, since that may read inputs that are not
 * given; different forms of one operator are overloads. */
#include "embedded.h"
#include "frontend.h"
#include "map.h"
#include "ops/op.h"
#include "print.h"
#include "symbol_table.h"
#include <stdlib.h>
#include <string.h>

/* A function that the printed model defines. */
typedef struct Defined Defined;
struct Defined {
    const Graph *function; /* of the model, or of the library */
    uint32_t wanted;       /* bit i: output i is */
    CallName name;
    const Graph *body;    /* the function, or a copy without what is not wanted */
    Defined *same, *next; /* of the same function; in order of first use */
};

typedef struct {
    const Model *model;
    Context *context;
    Model *library;     /* our own operators as functions */
    Map *calls;         /* Node -> CallName */
    Map *by_function;   /* Graph -> Defined */
    SymbolTable *taken; /* names of definitions */
    Defined *first, **end;
    bool has_overloads;
    Opset opset[MAX_OPSETS]; /* domains used, with their versions */
    int nopset;
} Collection;

/* ---- our own operators ---- */

bool is_own_domain(const char *domain)
{
    return domain && (strcmp(domain, "gnn") == 0 || strcmp(domain, "o2c") == 0);
}

/* ---- collecting ---- */

static void use_domain(Collection *c, const char *domain)
{
    for (int i = 0; i < c->nopset; i++)
        if (strcmp(c->opset[i].domain, domain) == 0)
            return;
    Opset opset = {domain, 1};
    for (int i = 0; i < c->model->nopset; i++)
        if (strcmp(c->model->opset[i].domain, domain) == 0)
            opset = c->model->opset[i];
    if (c->nopset < MAX_OPSETS)
        c->opset[c->nopset++] = opset;
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
        map_set(c->calls, node, &define(c, node->function, 0)->name);
    else if (ours)
        map_set(c->calls, node, &define(c, ours, outputs_wanted(node))->name);
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
    for (const Defined *defined = c->first; defined; defined = defined->next) {
        int64_t needed = graph_opset(defined->body);
        opset = needed > opset ? needed : opset;
    }
    return opset;
}

/* Since version 4 initialisers need not be inputs, since 8 there are functions, since 10 their overloads. */
static int64_t choose_ir_version(const Collection *c, int64_t opset)
{
    int64_t needed = c->has_overloads ? 10 : c->first ? 8 : 4;
    int64_t version = is_newest(c->model) ? opset_ir_version(opset) : c->model->ir_version;
    return version < needed ? needed : version;
}

/* ---- printing ---- */

static void opsets_print(const Collection *c, int64_t opset, FILE *to)
{
    fprintf(to, "opset_import: [\"\" : %lld", (long long)opset);
    for (int i = 0; i < c->nopset; i++) {
        fputs(", ", to);
        string_print(c->opset[i].domain, to);
        fprintf(to, " : %lld", (long long)c->opset[i].version);
    }
    putc(']', to);
}

static void function_print(const Collection *c, Printer *printer, const Defined *defined, int64_t opset)
{
    const Graph *function = defined->function;
    int64_t own = default_opset(function->opset, function->nopset);
    fprintf(printer->to, "\n<domain: ");
    string_print(defined->name.domain, printer->to);
    if (*defined->name.overload) {
        fprintf(printer->to, ", overload: ");
        string_print(defined->name.overload, printer->to);
    }
    fputs(", ", printer->to);
    opsets_print(c, own && own != NEWEST_OPSET && function->model != c->library ? own : opset, printer->to);
    fprintf(printer->to, ">\n");
    printer_function(printer, defined->body, &defined->name);
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

void model_print(const Model *model, FILE *to, const PrintOptions *options)
{
    Context *context = model->context;
    Collection c = {.model = model, .context = context, .library = context_library(context)};
    c.calls = map_new(context->arena);
    c.by_function = map_new(context->arena);
    c.taken = symbol_table_new(context->arena, NULL);
    c.end = &c.first;
    collect(&c, model->graph);
    for (const Defined *defined = c.first; defined; defined = defined->next)
        collect(&c, defined->body);
    int64_t opset = choose_opset(&c);
    Printer printer = {.to = to, .arena = context->arena, .calls = c.calls};
    printer.size_name = map_new(context->arena);
    printer.sizes = named_sizes(model->graph);
    printer.labels = symbol_table_new(context->arena, NULL);
    if (options)
        printer.options = *options;
    fprintf(to, "<ir_version: %lld, ", (long long)choose_ir_version(&c, opset));
    opsets_print(&c, opset, to);
    fputs(">\n", to);
    printer_graph(&printer, model->graph, 0);
    putc('\n', to);
    for (const Defined *defined = c.first; defined; defined = defined->next)
        function_print(&c, &printer, defined, opset);
}

static char *function_text(const Graph *function)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    Arena *arena = function->context->arena;
    if (!to)
        return "";
    Printer printer = {.to = to, .arena = arena};
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
