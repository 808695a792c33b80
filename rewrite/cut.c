/* cut.c -- see cut.h. The maximum flow by shortest ways: Edmonds, Karp, "Theoretical improvements in algorithmic
 * efficiency for network flow problems", J. ACM 19, 1972. */
#include "cut.h"
#include "../frontend/map.h"
#include "../frontend/ops/op.h"
#include "keep.h"
#include "manner.h"
#include "pass.h"
#include <string.h>

static const int64_t ANY = INT64_MAX / 4; /* more than all values weigh */

/* From one place to another; its number with the last bit turned is that of the way back. */
typedef struct {
    int to, next; /* next: of those that leave the same place; -1: none */
    int64_t rest; /* bytes that may still flow */
} Way;

/* Each value has two places, before it and behind it. */
typedef struct {
    const Graph *graph;
    const bool *is_forward, *is_summed; /* by node id */
    Map *stored;                        /* Value -> itself */
    Map *place;                         /* Value -> its number in value[], as an address in there */
    Value **value;
    int nvalue;
    int source, sink;
    Way *way;
    int nway, capacity;
    int *first; /* by place: of the ways that leave it */
    int *by;    /* by place: the way it was reached by; -1: it was not */
    int *queue;
} Flow;

/* ---- values ---- */
static bool may_be_kept(const Value *value)
{
    return value && value->type.kind == TENSOR && value->def && !value->constant &&
           (dtype_is_float(value->type.dtype) || value->type.dtype == BOOL);
}

/* The number of a forward value; -1: it is there in any case, or is no such value. */
static int number_of(const Flow *f, const Value *value)
{
    Value **const at = map_get(f->place, value);
    return at ? (int)(at - f->value) : -1;
}

/* Whether nests compute the value on the way: it takes operations on elements alone, or they do so as it is. */
static bool is_on_the_way(const Flow *f, const Value *value)
{
    Node *const node = value->def;
    const bool is_stored = map_get(f->stored, value);
    if (node->function || node->op->is_random || node->op->form == FORM_CONTROL || node_subgraph(node, 0))
        return false;
    if (node->op->form == FORM_COMPOSED)
        return !is_stored && strcmp(node->op->domain, "gnn") == 0;
    if (node_is_elementwise(node))
        return !is_stored || !f->is_summed[node->id];
    return !is_stored && !node_sums_in_order(node);
}

static int64_t bytes_of(const Value *value, const int64_t *size)
{
    int64_t bytes = (int64_t)dtype_info(value->type.dtype)->size, extent;
    if (value->outputs > 0)
        return 0;
    for (int i = 0; i < value->type.rank; i++) {
        if (!dim_evaluate(value->type.dim[i], size, &extent) || extent < 0 ||
            (extent > 0 && bytes > INT32_MAX * INT64_C(1024) / extent))
            return INT32_MAX * INT64_C(1024);
        bytes *= extent;
    }
    return bytes;
}

/* ---- the network ---- */
static int before(int value)
{
    return 2 * value;
}
static int behind(int value)
{
    return 2 * value + 1;
}

static void add_way(Flow *f, int from, int to, int64_t bytes)
{
    if (f->nway + 2 > f->capacity) {
        f->capacity = 2 * f->capacity + 256;
        f->way = arena_grow(f->graph->context->arena, f->way, (size_t)f->nway, (size_t)f->capacity, sizeof *f->way);
    }
    f->way[f->nway] = (Way){to, f->first[from], bytes};
    f->first[from] = f->nway++;
    f->way[f->nway] = (Way){from, f->first[to], 0};
    f->first[to] = f->nway++;
}

static bool is_read_backwards(const Flow *f, const Value *value)
{
    for (int i = 0; i < value->nreader; i++)
        if (value->reader[i]->graph == f->graph && !f->is_forward[value->reader[i]->id])
            return true;
    return false;
}

static void add_value(Flow *f, int number, const int64_t *size)
{
    const Value *const value = f->value[number];
    add_way(f, before(number), behind(number), bytes_of(value, size));
    if (is_read_backwards(f, value))
        add_way(f, behind(number), f->sink, ANY);
    if (!is_on_the_way(f, value)) {
        add_way(f, f->source, before(number), ANY);
        return;
    }
    for (int i = 0; i < value->def->nin; i++) {
        const int in = value->def->in[i] ? number_of(f, value->def->in[i]) : -1;
        if (in >= 0)
            add_way(f, behind(in), before(number), ANY);
    }
}

static Flow flow_new(const Graph *graph, const int64_t *size, const bool *is_forward, const char *const *written,
                     int nwritten)
{
    Arena *const arena = graph->context->arena;
    Flow f = {.graph = graph, .is_forward = is_forward, .stored = map_new(arena), .place = map_new(arena)};
    for (int i = 0; i < nwritten; i++) {
        const Value *const value = graph_find_value(graph, written[i]);
        if (value)
            map_set(f.stored, value, value);
    }
    f.is_summed = find_summed(graph, SUMS_BUT_PRODUCTS, f.stored);
    int count = 0;
    for (const Node *node = graph->first; node; node = node->next)
        count += node->nout;
    f.value = ARENA_ARRAY(arena, count + 1, Value *);
    for (const Node *node = graph->first; node; node = node->next)
        for (int i = 0; f.is_forward[node->id] && i < node->nout; i++)
            if (may_be_kept(node->out[i])) {
                map_set(f.place, node->out[i], &f.value[f.nvalue]);
                f.value[f.nvalue++] = node->out[i];
            }
    f.source = 2 * f.nvalue;
    f.sink = f.source + 1;
    f.first = ARENA_ARRAY(arena, f.sink + 1, int);
    f.by = ARENA_ARRAY(arena, f.sink + 1, int);
    f.queue = ARENA_ARRAY(arena, f.sink + 1, int);
    memset(f.first, -1, (size_t)(f.sink + 1) * sizeof *f.first);
    for (int i = 0; i < f.nvalue; i++)
        add_value(&f, i, size);
    return f;
}

/* ---- the flow ---- */
/* Reaches all places that it can from this one, along ways with something left, or, backwards, against them. */
static void reach(Flow *f, int from, bool backwards)
{
    int count = 0;
    memset(f->by, -1, (size_t)(f->sink + 1) * sizeof *f->by);
    f->queue[count++] = from;
    for (int i = 0; i < count; i++)
        for (int way = f->first[f->queue[i]]; way >= 0; way = f->way[way].next) {
            const int to = f->way[way].to;
            if (to == from || f->by[to] >= 0 || f->way[backwards ? way ^ 1 : way].rest == 0)
                continue;
            f->by[to] = way;
            f->queue[count++] = to;
        }
}

static void fill(Flow *f)
{
    for (;;) {
        reach(f, f->source, false);
        if (f->by[f->sink] < 0)
            return;
        int64_t least = ANY;
        for (int at = f->sink; at != f->source; at = f->way[f->by[at] ^ 1].to)
            least = f->way[f->by[at]].rest < least ? f->way[f->by[at]].rest : least;
        for (int at = f->sink; at != f->source; at = f->way[f->by[at] ^ 1].to) {
            f->way[f->by[at]].rest -= least;
            f->way[f->by[at] ^ 1].rest += least;
        }
    }
}

Cut find_cut(const Graph *graph, const int64_t *size, const bool *is_forward, const char *const *written, int nwritten)
{
    Flow f = flow_new(graph, size, is_forward, written, nwritten);
    Cut cut = {.kept = ARENA_ARRAY(graph->context->arena, f.nvalue + 1, Value *),
               .again = ARENA_ARRAY(graph->context->arena, f.nvalue + 1, Value *)};
    fill(&f);
    reach(&f, f.sink, true);
    for (int i = 0; i < f.nvalue; i++) {
        if (f.by[behind(i)] < 0)
            continue;
        if (f.by[before(i)] < 0)
            cut.kept[cut.nkept++] = f.value[i];
        else if (map_get(f.stored, f.value[i]) && f.value[i]->outputs == 0)
            cut.again[cut.nagain++] = f.value[i];
    }
    return cut;
}

/* ---- composed operators ---- */
/* One of the forward part that may be taken apart; NULL: there is none. */
static Node *find_composed(Graph *graph, int nforward)
{
    const bool *const is_forward = nodes_needed(graph, nforward, NULL, 0);
    for (Node *node = graph->first; node; node = node->next)
        if (is_forward[node->id] && !node->function && node->op->form == FORM_COMPOSED &&
            strcmp(node->op->domain, "gnn") != 0 && !node_is(node, "o2c", "Dropout"))
            return node;
    return NULL;
}

bool open_forward(Graph *graph, int nforward)
{
    bool any = false;
    for (Node *composed; (composed = find_composed(graph, nforward)); any = true)
        if (!take_apart(composed))
            return false;
    return !any || share_parts(graph);
}
