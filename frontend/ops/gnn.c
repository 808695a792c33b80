/* gnn.c -- message passing: what the edges of each vertex carry, combined.
 *
 * x [E, s..] holds a row for each edge, index [E] the vertex each edge belongs to, n the number of vertices. With the
 * edges grouped (row, order: see gnn.Csr) a vertex's edges are an axis, [row[v], row[v + 1]), and an operator here is a
 * reduction over it; without, a sum is an update and the others look at every edge for every vertex. gnn.onnxtxt says
 * the same as ONNX functions. */
#include "gnn.h"
#include "call.h"
#include "composed.h"
#include "expr.h"
#include <math.h>
#include <string.h>

/* The number of vertices; NULL after an error. */
static Dim *vertex_count(Definition *d, int input)
{
    int count;
    Dim **n = def_sizes(d, input, &count, NULL);
    if (d->failed || !def_require(d, count == 1, "input %d has %d elements, wants one", input, count) ||
        !def_require(d, dim_upper(n[0]) >= 0, "there are %s vertices", size_text(d, n[0])))
        return NULL;
    return n[0];
}

static bool segment_inputs(Definition *d)
{
    return def_require(d, def_rank(d, SEGMENT_X) >= 1 && def_rank(d, SEGMENT_TARGET) == 1,
                       "a row and an index are wanted for each edge") &&
           def_require(d, size_same(d, def_dim(d, SEGMENT_X, 0), def_dim(d, SEGMENT_TARGET, 0)),
                       "%s rows have %s indices", size_text(d, def_dim(d, SEGMENT_X, 0)),
                       size_text(d, def_dim(d, SEGMENT_TARGET, 0))) &&
           def_require(d, def_has(d, SEGMENT_ROW) == def_has(d, SEGMENT_ORDER),
                       "inputs row and order are given together") &&
           def_require(d,
                       !def_has(d, SEGMENT_ROW) || (def_rank(d, SEGMENT_ROW) == 1 && def_rank(d, SEGMENT_ORDER) == 1),
                       "inputs row and order want one dimension");
}

/* The edges of one vertex. */
typedef struct {
    Axis *axis;
    Expr *edge;  /* the edge's number in the model's order */
    Expr *mine;  /* whether it belongs to the vertex; NULL: all of the axis do */
    Expr *count; /* how many do */
} Edges;

static Edges edges_of(Definition *d, Expr *vertex, Dim *n)
{
    Context *context = d->context;
    Edges edges = {0};
    if (!def_has(d, SEGMENT_ROW)) {
        edges.axis = loop_axis(d, "e", def_dim(d, SEGMENT_TARGET, 0));
        edges.edge = axis_value(d, edges.axis);
        edges.mine = index_equal(d, expr_check(context, def_load(d, SEGMENT_TARGET, &edges.edge), n), vertex);
        Expr *one = expr_select(context, edges.mine, index_const(d, 1), index_const(d, 0));
        edges.count = reduce(d, COMBINE_ADD, &edges.axis, 1, one);
        return edges;
    }
    Expr *next = index_add(d, vertex, index_const(d, 1));
    edges.axis = axis_new(context, "e", cast(d, def_load(d, SEGMENT_ROW, &vertex), INDEX),
                          cast(d, def_load(d, SEGMENT_ROW, &next), INDEX));
    Csr *csr = ARENA_NEW(context->arena, Csr);
    *csr = (Csr){.row = d->node->in[SEGMENT_ROW],
                 .order = d->node->in[SEGMENT_ORDER],
                 .target = d->node->in[SEGMENT_TARGET],
                 .source = node_input(d->node, SEGMENT_SOURCE),
                 .from = node_input(d->node, SEGMENT_FROM)};
    edges.axis->of = vertex;
    edges.axis->csr = csr;
    Expr *place = axis_value(d, edges.axis);
    edges.edge = cast(d, def_load(d, SEGMENT_ORDER, &place), INDEX);
    edges.count = index_sub(d, edges.axis->hi, edges.axis->lo);
    return edges;
}

/* x combined over the edges; `empty` where there are none. */
static Expr *over_edges(Definition *d, const Edges *edges, Combine combine, Expr *x, Expr *empty)
{
    if (edges->mine == NULL)
        return expr_reduce(d->context, combine, &edges->axis, 1, x, empty);
    Expr *neutral = expr_float(d->context, x->dtype, combine_neutral(combine, x->dtype));
    Expr *all = reduce(d, combine, &edges->axis, 1, guarded(d, edges->mine, x, neutral));
    return expr_select(d->context, index_less(d, index_const(d, 0), edges->count), all, empty);
}

/* Makes output 0, [n, s..]; gives the load of x at the edges' rows and what those edges are. */
static Expr *segment_of(Definition *d, DType dtype, Dim *n, Edges *edges)
{
    const int rank = def_rank(d, SEGMENT_X);
    Dim *dim[MAX_RANK];
    Expr *i[MAX_RANK];
    memcpy(dim, def_shape(d, SEGMENT_X), sizeof *dim * (size_t)rank);
    dim[0] = n;
    def_output(d, 0, dtype, rank, dim);
    def_index(d, 0, i);
    if (def_has(d, SEGMENT_ROW))
        def_require(d, size_same(d, def_dim(d, SEGMENT_ROW, 0), size_add(d, n, size_const(d, 1))),
                    "input row has %s elements for %s vertices", size_text(d, def_dim(d, SEGMENT_ROW, 0)),
                    size_text(d, n));
    *edges = edges_of(d, i[0], n);
    i[0] = edges->edge;
    return def_load(d, SEGMENT_X, i);
}

static Expr *segment(Definition *d, Dim *n, Edges *edges)
{
    return segment_of(d, def_dtype(d, SEGMENT_X), n, edges);
}

/* y[index[e], s..] += x[e, s..] for every edge in turn */
static void scatter_sum(Definition *d, Dim *n)
{
    const int rank = def_rank(d, SEGMENT_X);
    Dim *dim[MAX_RANK];
    memcpy(dim, def_shape(d, SEGMENT_X), sizeof *dim * (size_t)rank);
    dim[0] = n;
    def_output(d, 0, def_dtype(d, SEGMENT_X), rank, dim);
    def_body(d, 0, number(d, def_dtype(d, SEGMENT_X), 0));
    Expr *u[MAX_RANK];
    Update *update = def_update(d, COMBINE_ADD, SEGMENT_X, u);
    update->over[0]->name = "e";
    update->at[0] = expr_check(d->context, def_load(d, SEGMENT_TARGET, u), n);
}

static void define_segment_sum(Definition *d)
{
    Dim *n = segment_inputs(d) ? vertex_count(d, SEGMENT_COUNT) : NULL;
    Edges edges;
    if (n == NULL)
        return;
    if (!def_has(d, SEGMENT_ROW)) {
        scatter_sum(d, n);
        return;
    }
    Expr *x = segment(d, n, &edges);
    def_body(d, 0, over_edges(d, &edges, COMBINE_ADD, x, NULL));
}

/* the sum / max(number of edges, 1) */
static void define_segment_mean(Definition *d)
{
    Dim *n = segment_inputs(d) ? vertex_count(d, SEGMENT_COUNT) : NULL;
    Edges edges;
    if (n == NULL)
        return;
    Expr *x = segment(d, n, &edges);
    Expr *count = cast(d, index_max(d, edges.count, index_const(d, 1)), x->dtype);
    def_body(d, 0,
             call2(d, S_DIV, over_edges(d, &edges, COMBINE_ADD, x, number(d, def_dtype(d, SEGMENT_X), 0)), count));
}

static void define_segment_extreme(Definition *d, Combine combine)
{
    Dim *n = segment_inputs(d) ? vertex_count(d, SEGMENT_COUNT) : NULL;
    Edges edges;
    if (n == NULL)
        return;
    Expr *x = segment(d, n, &edges);
    def_body(d, 0,
             over_edges(d, &edges, combine, x, number(d, def_dtype(d, SEGMENT_X), attr_float(d->node, "empty", 0))));
}
static void define_segment_max(Definition *d)
{
    define_segment_extreme(d, COMBINE_MAX);
}
static void define_segment_min(Definition *d)
{
    define_segment_extreme(d, COMBINE_MIN);
}

/* the number of the first edge whose x is the greatest of its vertex, which then is SegmentMax's; -1: there is none */
static void define_segment_arg_max(Definition *d)
{
    Dim *n = segment_inputs(d) ? vertex_count(d, SEGMENT_COUNT) : NULL;
    Edges edges;
    if (n == NULL)
        return;
    Expr *x = segment_of(d, I32, n, &edges);
    if (edges.mine)
        x = guarded(d, edges.mine, x, expr_float(d->context, x->dtype, -INFINITY));
    Expr *place = reduce(d, COMBINE_ARG_MAX, &edges.axis, 1, x), *none = index_const(d, -1);
    if (!edges.mine) {
        place = index_add(d, edges.axis->lo, place);
        place = cast(d, def_load(d, SEGMENT_ORDER, &place), INDEX);
    }
    Expr *found = expr_select(d->context, index_less(d, index_const(d, 0), edges.count), place, none);
    def_body(d, 0, cast(d, found, I32));
}

/* row [n + 1], order [E], from [E]: runtime/csr.h. With loops, E is not the number of edges given. */
static void define_csr(Definition *d)
{
    Dim *n = vertex_count(d, CSR_COUNT), *sources = vertex_count(d, CSR_ROWS);
    if (n == NULL || sources == NULL || !def_require(d, def_rank(d, CSR_TARGET) == 1, "input 0 wants one dimension") ||
        !def_same_shape(d, CSR_TARGET, CSR_SOURCE))
        return;
    const int64_t loops = attr_int(d->node, "loops", 0); /* 1: in place of those there are, 2: with them */
    if (!def_require(d, loops >= 0 && loops <= 2, "attribute 'loops' is %lld, wants 0, 1 or 2", (long long)loops))
        return;
    Dim *edges = def_dim(d, CSR_TARGET, 0);
    Routine *routine = call(d, "csr", def_dtype(d, CSR_TARGET) == I64 ? "i64" : "i32", 0, 3);
    pass_input(routine, d->node->in[CSR_TARGET]);
    pass_input(routine, d->node->in[CSR_SOURCE]);
    pass(routine, edges);
    pass(routine, n);
    pass(routine, sources);
    pass(routine, size_const(d, loops));
    routine->spare = 1u << CSR_ORDER;
    routine->operations = size_const(d, 0);
    if (loops)
        edges = loops == 2 ? size_add(d, edges, n) : defined_size(d, routine, size_add(d, edges, n));
    def_output(d, CSR_ROW, I32, 1, (Dim *[]){size_add(d, n, size_const(d, 1))});
    def_output(d, CSR_ORDER, I32, 1, &edges);
    def_output(d, CSR_FROM, I32, 1, &edges);
    d->node->out[CSR_ORDER]->bound = edges;
    d->node->out[CSR_FROM]->bound = sources;
}

/* [2, kept + n]: the edges, those that are no loops unless `keep`, then a loop for each vertex: runtime/self_loops.c */
static void define_add_self_loops(Definition *d)
{
    enum { EDGES, COUNT };
    Dim *n = vertex_count(d, COUNT);
    if (n == NULL || !def_require(d, def_rank(d, EDGES) == 2, "input 0 wants two dimensions") ||
        !def_require(d, dim_equals(def_dim(d, EDGES, 0), 2), "input 0 wants a row of sources and one of targets"))
        return;
    Dim *edges = def_dim(d, EDGES, 1);
    Routine *routine = call(d, "self_loops", "", 0, 1);
    pass_input(routine, d->node->in[EDGES]);
    pass(routine, edges);
    pass(routine, n);
    const bool keep = attr_int(d->node, "keep", 0) != 0;
    pass(routine, size_const(d, keep));
    routine->operations = size_const(d, 0);
    Dim *most = size_add(d, edges, n), *dim[] = {size_const(d, 2), keep ? most : defined_size(d, routine, most)};
    def_output(d, 0, I64, 2, dim);
}

/* index, distance [batches.., queries, k] of points y [batches.., points, channels] for x: runtime/knn.h */
static void define_knn(Definition *d)
{
    enum { X, Y, K };
    const int rank = def_rank(d, X);
    int count;
    if (!def_require(d, rank >= 2 && def_rank(d, Y) == rank, "a row of channels is wanted for each query and point"))
        return;
    for (int i = 0; i < rank; i++)
        if (i != rank - 2 && !def_require(d, size_same(d, def_dim(d, X, i), def_dim(d, Y, i)),
                                          "queries and points differ in dimension %d", i))
            return;
    Dim *points = def_dim(d, Y, rank - 2), *queries = def_dim(d, X, rank - 2), *channels = def_dim(d, X, rank - 1);
    Dim **k = def_sizes(d, K, &count, points);
    if (!k || d->failed || !def_require(d, count == 1, "k has %d elements, wants 1", count) ||
        !def_require(d, size_at_most(d, k[0], points), "k is %s of %s points", size_text(d, k[0]),
                     size_text(d, points)))
        return;
    Routine *routine = call(d, "knn", real_suffix(def_dtype(d, X)), 2, 2);
    pass(routine, extent(d, X, 0, rank - 2));
    pass(routine, queries);
    pass(routine, points);
    pass(routine, channels);
    pass(routine, k[0]);
    routine->spare = 1u << 1; /* distance */
    routine->scratch =
        size_times(d, size_mul(d, extent(d, X, 0, rank - 1), k[0]), (int64_t)dtype_info(def_dtype(d, X))->size);
    routine->operations = size_times(d, size_mul(d, extent(d, X, 0, rank), points), 3);
    Dim *dim[MAX_RANK];
    memcpy(dim, def_shape(d, X), sizeof *dim * (size_t)rank);
    dim[rank - 1] = k[0];
    def_output(d, 0, I64, rank, dim);
    d->node->out[0]->bound = points;
    if (def_wants(d, 1))
        def_output(d, 1, def_dtype(d, X), rank, dim);
}

#define SEGMENT(op_name, x, y, op_attributes, ...)                                                                     \
    {                                                                                                                  \
        .name = op_name, .domain = "gnn", .attributes = op_attributes, .is_segment = true,                             \
        .schema = "x:T index:I n:int64 row:int32? order:int32? source:I? from:int32? -> y:" y " | I=int32,int64 T=" x, \
        __VA_ARGS__                                                                                                    \
    }
#define SEGMENT_OF_EDGES(op_name, x, y, op_attributes, function)                                                       \
    SEGMENT(op_name, x, y, op_attributes, .form = FORM_INDEX, .define = function)

const Op ops_gnn[] = {
    SEGMENT_OF_EDGES("SegmentSum", "number", "T", "", define_segment_sum),
    SEGMENT_OF_EDGES("SegmentMean", "float", "T", "", define_segment_mean),
    SEGMENT_OF_EDGES("SegmentMax", "float", "T", "empty:float=0", define_segment_max),
    SEGMENT_OF_EDGES("SegmentMin", "float", "T", "empty:float=0", define_segment_min),
    SEGMENT_OF_EDGES("SegmentArgMax", "float", "int32", "", define_segment_arg_max),
    SEGMENT("SegmentSoftmax", "float", "T", "", .form = FORM_COMPOSED, .compose = library_body),
    {.name = "Csr",
     .domain = "gnn",
     .schema = "target:I n:int64 source:I m:int64 -> row:int32 order:int32 from:int32 | I=int32,int64",
     .attributes = "loops:int=0",
     .form = FORM_ROUTINE,
     .define = define_csr},
    {.name = "Knn",
     .domain = "gnn",
     .schema = "x:T y:T k:int64 -> index:int64 distance:T? | T=float32,double",
     .attributes = "",
     .form = FORM_ROUTINE,
     .define = define_knn},
    {.name = "AddSelfLoops",
     .domain = "gnn",
     .schema = "edges:int64 n:int64 -> y:int64",
     .attributes = "keep:int=0",
     .form = FORM_ROUTINE,
     .define = define_add_self_loops},
    {.name = NULL},
};
