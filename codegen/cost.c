/* cost.c -- see cost.h: the cost of one nest. */
#include "cost.h"
#include "../frontend/ops/expr.h"
#include "../rewrite/fuse.h"
#include "kernels.h"

/* A nest while it is counted. */
typedef struct {
    Nest nest;
    const Value *output;
    Axis *axis[MAX_AXES]; /* of all its loops */
    int naxis;
    Map *seen; /* expressions that have been counted */
    Cost cost;
} Count;

Dim *type_bytes(Context *context, const Type *type)
{
    Dim *bytes = dim_const(context->dims, (int64_t)dtype_info(type->dtype)->size);
    for (int i = 0; i < type->rank; i++)
        bytes = dim_mul(context->dims, bytes, type->dim[i]);
    return bytes;
}

/* ---- loops ---- */
/* Reductions over one range share their axis: it counts once. */
static void add_axis(Count *count, Axis *axis)
{
    for (int i = 0; i < count->naxis; i++)
        if (count->axis[i] == axis)
            return;
    if (count->naxis == MAX_AXES)
        report_fatal(count->nest.context->report, NULL, LIMIT_EXCEEDED, "the number of loops in one nest", "256");
    count->axis[count->naxis++] = axis;
}

/* How often a loop runs, where its bounds vary at most; NULL: not known. All edges of all vertices count together. */
static Dim *extent_of(Context *context, const Axis *axis)
{
    if (axis->of)
        return axis->csr->order->type.dim[0];
    Dim *lo = expr_range(context, axis->lo).low, *hi = expr_range(context, axis->hi).high;
    return lo && hi ? dim_sub(context->dims, hi, lo) : NULL;
}

/* Whether one of the axes runs over the edges of vertex `axis`, or over part `axis` of a range: together they run over
 * all edges, or all of the range. */
static bool is_counted_inside(const Count *count, AxisSet set, const Axis *axis)
{
    for (int i = 0; i < count->naxis; i++) {
        const Axis *inner = count->axis[i];
        const Expr *of = inner->of ? inner->of : inner->part;
        if (of && of->kind == E_AXIS && of->u.axis == axis && axis_set_has(&count->nest, set, inner))
            return true;
    }
    return false;
}

/* Points of the loops over a set of axes. */
static Dim *points(const Count *count, AxisSet set)
{
    Context *context = count->nest.context;
    Dim *all = dim_const(context->dims, 1);
    for (int i = 0; i < count->naxis; i++) {
        if (!axis_set_has(&count->nest, set, count->axis[i]) || is_counted_inside(count, set, count->axis[i]))
            continue;
        Dim *extent = extent_of(context, count->axis[i]);
        if (extent)
            all = dim_mul(context->dims, all, extent);
    }
    return all;
}

static AxisSet reads_of(const Count *count, const Expr *e)
{
    return nest_facts(&count->nest, e)->reads;
}

/* ---- arithmetic ---- */
static void add_operations(Count *count, Dim *times, DType operand, bool is_product)
{
    DimTable *dims = count->nest.context->dims;
    Cost *cost = &count->cost;
    cost->operations = dim_add(dims, cost->operations, times);
    if (dtype_is_float(operand))
        cost->flops = dim_add(dims, cost->flops, times);
    if (dtype_is_float(operand) && is_product) /* the multiplication is counted with the sum */
        cost->products = dim_add(dims, cost->products, dim_add(dims, times, times));
}

/* The axes an expression reads: with an edge, its vertex. */
static AxisSet reads_with_vertices(Count *count, const Expr *e)
{
    AxisSet reads = reads_of(count, e);
    for (int i = 0; i < count->naxis; i++) {
        const Expr *of = count->axis[i]->of;
        if (of && of->kind == E_AXIS && axis_set_has(&count->nest, reads, count->axis[i]))
            reads = axis_set_add(&count->nest, reads, of->u.axis);
    }
    return reads;
}

/* Whether a sum of products is one of matrices: each element of either is used again along an axis of the other alone.
 */
static bool is_product(Count *count, const Expr *e)
{
    if (!expr_is_contraction(e))
        return false;
    const Expr *body = e->arg[0];
    while (body->kind == E_CAST)
        body = body->arg[0];
    const AxisSet a = reads_with_vertices(count, body->arg[0]), b = reads_with_vertices(count, body->arg[1]);
    return !axis_set_covers(a, b) && !axis_set_covers(b, a);
}

static void count_reduction(Count *count, const Expr *e)
{
    AxisSet reads = reads_of(count, e->arg[0]);
    bool over_edges = false;
    for (int i = 0; i < e->nover; i++) {
        reads = axis_set_add(&count->nest, reads, e->over[i]);
        over_edges |= e->over[i]->of != NULL;
    }
    add_operations(count, points(count, reads), e->dtype, !over_edges && is_product(count, e));
}

/* ---- loads ---- */
/* Remembers what rows are gathered or scattered by, when an index comes from data: the loops that only that index reads
 * are over edges, and it points to vertices. */
static bool find_edges(Count *count, const Value *value, Expr *const *index)
{
    bool found = false;
    for (int i = 0; i < value->type.rank; i++) {
        if (!nest_facts(&count->nest, index[i])->may_fault) /* it reads no tensor */
            continue;
        AxisSet own = reads_of(count, index[i]);
        for (int k = 0; k < value->type.rank; k++)
            for (int axis = 0; k != i && axis < count->naxis; axis++)
                if (axis_set_has(&count->nest, reads_of(count, index[k]), count->axis[axis]))
                    own = axis_set_without(&count->nest, own, count->axis[axis]);
        if (!count->cost.edges) {
            count->cost.edges = points(count, own);
            count->cost.vertices = value->type.dim[i];
        }
        found = true;
    }
    return found;
}

static void add_read(Context *context, Read **list, const Value *value, Dim *bytes, bool is_gathered)
{
    DimTable *dims = context->dims;
    Dim *whole = dim_limit(dims, type_bytes(context, &value->type));
    while (*list && ((*list)->value != value || (*list)->is_gathered != is_gathered))
        list = &(*list)->next;
    if (!*list) {
        *list = ARENA_NEW(context->arena, Read);
        **list = (Read){value, value, dim_const(dims, 0), is_gathered, NULL};
    }
    Dim *sum = dim_add(dims, (*list)->bytes, bytes);
    (*list)->bytes = is_gathered || dim_le(dims, sum, whole) ? sum : whole;
}

static void count_load(Count *count, const Expr *e)
{
    Context *context = count->nest.context;
    const Value *value = e->u.value;
    if (value == count->output)
        return;
    const bool is_gathered = find_edges(count, value, e->index);
    Dim *size = dim_const(context->dims, (int64_t)dtype_info(value->type.dtype)->size);
    Dim *bytes = dim_mul(context->dims, points(count, reads_of(count, e)), size);
    add_read(context, &count->cost.read, value, bytes, is_gathered);
}

/* ---- the nest ---- */
static void count_all(Count *count, const Expr *e)
{
    if (map_get(count->seen, e))
        return;
    map_set(count->seen, e, e);
    if (e->kind == E_CALL)
        add_operations(count, points(count, reads_of(count, e)), e->arg[0]->dtype, false);
    if (e->kind == E_REDUCE)
        count_reduction(count, e);
    if (e->kind == E_LOAD)
        count_load(count, e);
    Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        count_all(count, child);
}

/* The step that combines an update's value with what is there. */
static void count_update(Count *count, const Update *update, Expr *const *at, int rank, DType dtype)
{
    AxisSet all = {0};
    for (int i = 0; i < update->nover; i++)
        all = axis_set_add(&count->nest, all, update->over[i]);
    if (update->combine != COMBINE_SET)
        add_operations(count, points(count, all), dtype, false);
    if (rank > 0)
        find_edges(count, count->output, at);
}

/* What an update is made of in normal form, its indices among it (`at`); its loops are added. */
static int find_update_roots(Count *count, const NestScope *scope, const Update *update, int rank, Expr **root,
                             Expr **at)
{
    int nroot = 0;
    for (int i = 0; i < update->nover; i++)
        add_axis(count, update->over[i]);
    for (int i = 0; i < rank; i++)
        root[nroot++] = at[i] = simplify(scope->simplifier, update->at[i]);
    root[nroot++] = simplify(scope->simplifier, update->value);
    if (update->guard)
        root[nroot++] = simplify(scope->simplifier, update->guard);
    return nroot;
}

/* The bodies of outputs in normal form; their loops are added. */
static int find_bodies(Count *count, const NestScope *scope, const NestOutput *out, int nout, Expr **root)
{
    Spatial *spatial = ARENA_ARRAY(scope->context->arena, nout, Spatial);
    if (!out->element->body)
        return 0;
    nest_spatials(scope, out, nout, spatial);
    for (int k = 0; k < nout; k++) {
        for (int i = 0; i < spatial[k].nloop; i++)
            add_axis(count, spatial[k].loop[i]);
        root[k] = spatial[k].body;
    }
    return nout;
}

Cost nest_cost(const NestScope *in, const NestOutput *out, int nout)
{
    NestScope scope = *in;
    scope.simplifier = simplifier_new(in->context);
    simplifier_keep_sums(scope.simplifier);
    Dim *zero = dim_const(in->context->dims, 0);
    Count count = {.nest = nest_new(&scope, NULL),
                   .output = out->value,
                   .seen = map_new(in->context->arena),
                   .cost = {.operations = zero, .flops = zero, .products = zero}};
    const Update *update = out->element->update;
    const int rank = out->value->type.rank;
    Expr **root = ARENA_ARRAY(in->context->arena, nout + MAX_RANK + 2, Expr *), *at[MAX_RANK];
    int nroot = find_bodies(&count, &scope, out, nout, root);
    if (update)
        nroot += find_update_roots(&count, &scope, update, rank, root + nroot, at);
    nest_study(&count.nest, root, nroot);
    for (int i = 0; i < count.nest.nreduction; i++)
        for (int k = 0; k < count.nest.reduction[i]->nover; k++)
            add_axis(&count, count.nest.reduction[i]->over[k]);
    for (int i = 0; i < nroot; i++)
        count_all(&count, root[i]);
    if (update)
        count_update(&count, update, at, rank, out->value->type.dtype);
    return count.cost;
}

/* ---- sums ---- */
static Dim *add(DimTable *dims, Dim *a, Dim *b)
{
    return a && b ? dim_add(dims, a, b) : NULL;
}

Cost cost_add(Context *context, Cost a, Cost b, bool is_one_kernel)
{
    DimTable *dims = context->dims;
    Cost sum = {.operations = add(dims, a.operations, b.operations),
                .flops = add(dims, a.flops, b.flops),
                .products = add(dims, a.products, b.products),
                .edges = a.edges ? a.edges : b.edges,
                .vertices = a.edges ? a.vertices : b.vertices};
    Read **end = &sum.read;
    for (int k = 0; k < 2; k++)
        for (const Read *read = k ? b.read : a.read; read; read = read->next) {
            if (is_one_kernel) {
                add_read(context, &sum.read, read->value, read->bytes, read->is_gathered);
                continue;
            }
            *end = ARENA_NEW(context->arena, Read);
            **end = (Read){read->value, read->value, read->bytes, read->is_gathered, NULL};
            end = &(*end)->next;
        }
    return sum;
}

static Dim *sum_of_reads(Context *context, const Cost *cost, bool gathered_only)
{
    Dim *bytes = dim_const(context->dims, 0);
    for (const Read *read = cost->read; read; read = read->next)
        if (read->is_gathered || !gathered_only)
            bytes = dim_add(context->dims, bytes, read->bytes);
    return bytes;
}

Dim *cost_read(Context *context, const Cost *cost)
{
    return sum_of_reads(context, cost, false);
}

Dim *cost_distinct(Context *context, const Cost *cost)
{
    DimTable *dims = context->dims;
    Dim *bytes = dim_const(dims, 0);
    for (const Read *read = cost->read; read; read = read->next) {
        Dim *whole = dim_limit(dims, type_bytes(context, &read->value->type));
        bytes = dim_add(dims, bytes, dim_le(dims, read->bytes, whole) ? read->bytes : whole);
    }
    return bytes;
}

Dim *cost_gathered(Context *context, const Cost *cost)
{
    return sum_of_reads(context, cost, true);
}
