/* layers.c -- see layers.h. */
#include "layers.h"
#include "../frontend/map.h"
#include <ctype.h>
#include <string.h>

enum { MAX_PARTS = 16 };

/* A module's path: "net", "convs.0", "lin". */
typedef struct {
    const char *part[MAX_PARTS];
    int count;
} Path;

typedef struct LayerOfNode LayerOfNode;
struct LayerOfNode {
    const char *origin;
    Layer *layer;
    LayerOfNode *next;
};

/* ---- names ---- */
static void add_part(Path *path, Arena *arena, const char *text, size_t length)
{
    if (path->count < MAX_PARTS && length > 0)
        path->part[path->count++] = arena_strndup(arena, text, length);
}

/* The modules around a node: all of its name but the last part. */
static Path path_of_node(Arena *arena, const char *name)
{
    Path path = {0};
    for (const char *slash; *name == '/' && (slash = strchr(name + 1, '/')); name = slash)
        add_part(&path, arena, name + 1, (size_t)(slash - name - 1));
    return path;
}

static bool is_number(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!isdigit((unsigned char)text[i]))
            return false;
    return length > 0;
}

/* The modules around a weight; a number tells those of a list apart. */
static Path path_of_weight(Arena *arena, const char *name)
{
    Path path = {0};
    if (strpbrk(name, "/:"))
        return path;
    for (const char *dot; (dot = strchr(name, '.')); name = dot + 1) {
        const size_t length = (size_t)(dot - name);
        if (path.count > 0 && is_number(name, length))
            path.part[path.count - 1] = arena_printf(arena, "%s.%.*s", path.part[path.count - 1], (int)length, name);
        else
            add_part(&path, arena, name, length);
    }
    return path;
}

static Path path_of(Arena *arena, const Kernel *kernel)
{
    Path path = path_of_node(arena, kernel->origin);
    for (const Read *read = kernel->cost.read; read && path.count == 0; read = read->next)
        if (read->base->constant)
            path = path_of_weight(arena, read->base->name);
    return path;
}

/* Parts that all paths begin with say nothing. */
static int common_depth(const Path *path, int count)
{
    for (int depth = 0;; depth++) {
        const char *common = NULL;
        bool is_longer = false;
        for (int i = 0; i < count; i++) {
            if (path[i].count == 0)
                continue;
            if (path[i].count <= depth || (common && strcmp(common, path[i].part[depth]) != 0))
                return depth;
            common = path[i].part[depth];
            is_longer |= path[i].count > depth + 1;
        }
        if (!is_longer)
            return depth;
    }
}

/* ---- layers ---- */
Layers *layers_new(Context *context)
{
    Layers *layers = ARENA_NEW(context->arena, Layers);
    layers->context = context;
    return layers;
}

static Layer *layer_named(Layers *layers, const char *name)
{
    Layer **link = &layers->first;
    while (*link && strcmp((*link)->name, name) != 0)
        link = &(*link)->next;
    if (!*link) {
        *link = ARENA_NEW(layers->context->arena, Layer);
        **link = (Layer){name, layers->count++, NULL};
    }
    return *link;
}

static Layer *layer_known(const Layers *layers, const char *origin)
{
    for (const LayerOfNode *node = layers->node; *origin && node; node = node->next)
        if (strcmp(node->origin, origin) == 0)
            return node->layer;
    return NULL;
}

static void remember(Layers *layers, const Kernel *kernel)
{
    if (!*kernel->origin || layer_known(layers, kernel->origin))
        return;
    LayerOfNode *node = ARENA_NEW(layers->context->arena, LayerOfNode);
    *node = (LayerOfNode){kernel->origin, kernel->layer, layers->node};
    layers->node = node;
}

/* ---- what has no name ---- */
/* The latest of the layers the kernel reads from; NULL when none of them has one. */
static Layer *latest_operand(const Kernel *kernel, const Map *writer)
{
    Layer *latest = NULL;
    for (const Read *read = kernel->cost.read; read; read = read->next) {
        const Kernel *from = map_get(writer, read->base);
        if (from && from->layer && (!latest || from->layer->order > latest->order))
            latest = from->layer;
    }
    return latest;
}

/* Whether the kernel gives every edge a row of its own. */
static bool spreads_to_edges(Context *context, const Kernel *kernel)
{
    bool is_gathering = false;
    for (const Read *read = kernel->cost.read; read; read = read->next)
        is_gathering |= read->is_gathered;
    for (int i = 0; i < kernel->nout && is_gathering; i++) {
        Dim *bytes = dim_limit(context->dims, type_bytes(context, &kernel->out[i]->type));
        if (dim_divide_exactly(context->dims, bytes, kernel->cost.edges))
            return true;
    }
    return false;
}

/* What is made of gathered rows waits for the layer that reads it; anything else is of the latest layer it reads from.
 */
static void take_from_operands(Context *context, Kernel *kernel, const Map *writer, Map *waits)
{
    bool is_waiting = spreads_to_edges(context, kernel);
    for (const Read *read = kernel->cost.read; read; read = read->next) {
        const Kernel *from = map_get(writer, read->base);
        is_waiting |= from && map_get(waits, from);
    }
    if (is_waiting)
        map_set(waits, kernel, kernel);
    else
        kernel->layer = latest_operand(kernel, writer);
}

/* What the kernel reads and has no layer belongs to the kernel's, or to an earlier reader's. */
static void give_to_operands(const Kernel *kernel, const Map *writer, Map *wanted)
{
    Layer *layer = kernel->layer ? kernel->layer : map_get(wanted, kernel);
    for (const Read *read = kernel->cost.read; read && layer; read = read->next) {
        const Kernel *from = map_get(writer, read->base);
        const Layer *other = from ? map_get(wanted, from) : NULL;
        if (from && !from->layer && (!other || layer->order < other->order))
            map_set(wanted, from, layer);
    }
}

static void find_unnamed(Layers *layers, Kernel **kernel, int count, const Map *writer)
{
    Map *waits = map_new(layers->context->arena), *wanted = map_new(layers->context->arena);
    for (int i = 0; i < count; i++)
        if (!kernel[i]->layer)
            take_from_operands(layers->context, kernel[i], writer, waits);
    for (int i = count; i-- > 0;)
        give_to_operands(kernel[i], writer, wanted);
    for (int i = 0; i < count; i++) {
        if (!kernel[i]->layer)
            kernel[i]->layer = map_get(wanted, kernel[i]);
        if (!kernel[i]->layer)
            kernel[i]->layer = latest_operand(kernel[i], writer);
        if (!kernel[i]->layer)
            kernel[i]->layer = layer_named(layers, "");
    }
}

void layers_find(Layers *layers, Kernels *kernels)
{
    Arena *arena = layers->context->arena;
    Kernel **kernel = ARENA_ARRAY(arena, kernels->count + 1, Kernel *);
    Path *path = ARENA_ARRAY(arena, kernels->count + 1, Path);
    Map *writer = map_new(arena);
    int count = 0;
    for (Kernel *k = kernels->first; k; k = k->next) {
        path[count] = path_of(arena, k);
        kernel[count++] = k;
        for (int i = 0; i < k->nout; i++)
            map_set(writer, k->out[i], k);
    }
    const int depth = common_depth(path, count);
    for (int i = 0; i < count; i++) {
        kernel[i]->layer = layer_known(layers, kernel[i]->origin);
        if (!kernel[i]->layer && path[i].count > depth)
            kernel[i]->layer = layer_named(layers, path[i].part[depth]);
    }
    find_unnamed(layers, kernel, count, writer);
    for (int i = 0; i < count; i++)
        remember(layers, kernel[i]);
}
