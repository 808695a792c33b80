/* simplify.c -- see simplify.h. */
#include "simplify.h"
#include "../frontend/hash.h"
#include "../frontend/map.h"
#include <string.h>

enum { BUCKETS = 1024 };

typedef struct Interned Interned;
struct Interned {
    Expr *e;
    Interned *next;
};
/* The axis that stands for all reductions over one range at one nesting depth. */
typedef struct RangeAxis RangeAxis;
struct RangeAxis {
    Axis *axis;
    int depth, place; /* reductions inside that read it; place in the list of axes */
    RangeAxis *next;
};
struct Simplifier {
    Context *context;
    Interned *bucket[BUCKETS];
    RangeAxis *ranges;
    Map *memo;
    Map *replacement; /* Axis -> Expr */
    bool keeps_sums;
};

Simplifier *simplifier_new(Context *context)
{
    Simplifier *s = ARENA_NEW(context->arena, Simplifier);
    s->context = context;
    s->memo = map_new(context->arena);
    s->replacement = map_new(context->arena);
    return s;
}

void simplifier_keep_sums(Simplifier *s)
{
    s->keeps_sums = true;
}

void simplifier_replace_axis(Simplifier *s, const Axis *axis, Expr *by)
{
    map_set(s->replacement, axis, by);
    s->memo = map_new(s->context->arena);
}

/* ---- equal expressions become one ---- */
static uint64_t payload(const Expr *e)
{
    uint64_t bits = 0;
    switch (e->kind) {
    case E_CONST:
        memcpy(&bits, dtype_is_float(e->dtype) ? (const void *)&e->u.f : (const void *)&e->u.i, sizeof bits);
        return bits;
    case E_DIM:
    case E_WRAP:
    case E_CHECK:
        return (uint64_t)(uintptr_t)e->u.dim;
    case E_AXIS:
        return (uint64_t)(uintptr_t)e->u.axis;
    case E_LOAD:
        return (uint64_t)(uintptr_t)e->u.value;
    case E_CALL:
        return (uint64_t)e->u.scalar;
    case E_INDEX:
        return (uint64_t)e->u.op;
    case E_REDUCE:
        return (uint64_t)e->u.combine;
    default:
        return 0;
    }
}

static int index_count(const Expr *e)
{
    return e->kind == E_LOAD && e->u.value->type.rank > 0 ? e->u.value->type.rank : 0;
}

static bool same(const Expr *a, const Expr *b)
{
    if (a->kind != b->kind || a->dtype != b->dtype || a->storage != b->storage || a->narg != b->narg ||
        payload(a) != payload(b) || a->nover != b->nover)
        return false;
    for (int i = 0; i < a->narg; i++)
        if (a->arg[i] != b->arg[i])
            return false;
    for (int i = 0; i < index_count(a); i++)
        if (a->index[i] != b->index[i])
            return false;
    for (int i = 0; i < a->nover; i++)
        if (a->over[i] != b->over[i])
            return false;
    return true;
}

static Expr *intern(Simplifier *s, Expr *e)
{
    uint64_t hash = hash_word(hash_word((uint64_t)e->kind, (uint64_t)e->dtype), payload(e));
    for (int i = 0; i < e->narg; i++)
        hash = hash_pointer(hash, e->arg[i]);
    for (int i = 0; i < index_count(e); i++)
        hash = hash_pointer(hash, e->index[i]);
    Interned **bucket = &s->bucket[(hash >> 20) % BUCKETS];
    for (Interned *entry = *bucket; entry; entry = entry->next)
        if (same(entry->e, e))
            return entry->e;
    Interned *entry = ARENA_NEW(s->context->arena, Interned);
    *entry = (Interned){e, *bucket};
    *bucket = entry;
    return e;
}

/* ---- sums of multiples: c0 * atom0 + c1 * atom1 + ... + constant ---- */
enum { MAX_TERMS = 24 };
typedef struct {
    Expr *atom[MAX_TERMS];
    Dim *coefficient[MAX_TERMS];
    int count;
    Dim *constant;
    bool failed;
} Linear;

static void linear_term(Context *context, Linear *sum, Expr *atom, Dim *by)
{
    for (int i = 0; i < sum->count; i++)
        if (sum->atom[i] == atom) {
            sum->coefficient[i] = dim_add(context->dims, sum->coefficient[i], by);
            return;
        }
    if (sum->count == MAX_TERMS) {
        sum->failed = true;
        return;
    }
    sum->atom[sum->count] = atom;
    sum->coefficient[sum->count++] = by;
}

/* sum += by * e. Sums of index definitions are a few terms deep. */
static void linear_add(Context *context, Linear *sum, Expr *e, Dim *by)
{
    DimTable *dims = context->dims;
    Dim *value = expr_dim_of(context, e);
    if (value) {
        sum->constant = dim_add(dims, sum->constant, dim_mul(dims, by, value));
    } else if (e->kind == E_INDEX && e->u.op == I_ADD) {
        linear_add(context, sum, e->arg[0], by);
        linear_add(context, sum, e->arg[1], by);
    } else if (e->kind == E_INDEX && e->u.op == I_SUB) {
        linear_add(context, sum, e->arg[0], by);
        linear_add(context, sum, e->arg[1], dim_sub(dims, dim_const(dims, 0), by));
    } else if (e->kind == E_INDEX && e->u.op == I_MUL && expr_dim_of(context, e->arg[1])) {
        linear_add(context, sum, e->arg[0], dim_mul(dims, by, expr_dim_of(context, e->arg[1])));
    } else if (e->kind == E_INDEX && e->u.op == I_MUL && expr_dim_of(context, e->arg[0])) {
        linear_add(context, sum, e->arg[1], dim_mul(dims, by, expr_dim_of(context, e->arg[0])));
    } else {
        linear_term(context, sum, e, by);
    }
}

static Linear linear_of(Context *context, Expr *e)
{
    Linear sum = {.constant = dim_const(context->dims, 0)};
    linear_add(context, &sum, e, dim_const(context->dims, 1));
    return sum;
}

static Expr *quotient(Simplifier *s, IndexOp op, Expr *a, Dim *by);

/* x / d * d * c + x % d * c -> x * c. Where it holds for a pair of terms, they are replaced. */
static bool join_quotients(Simplifier *s, Linear *sum)
{
    Context *context = s->context;
    for (int i = 0; i < sum->count; i++) {
        const Expr *rest = sum->atom[i];
        if (rest->kind != E_INDEX || rest->u.op != I_MOD || !expr_dim_of(context, rest->arg[1]))
            continue;
        Dim *by = expr_dim_of(context, rest->arg[1]), *c = sum->coefficient[i], *want = dim_mul(context->dims, c, by);
        const Expr *whole = quotient(s, I_DIV, rest->arg[0], by);
        for (int k = 0; k < sum->count; k++)
            if (sum->atom[k] == whole && sum->coefficient[k] == want) {
                Linear joined = {.constant = sum->constant};
                for (int j = 0; j < sum->count; j++)
                    if (j != i && j != k)
                        linear_term(context, &joined, sum->atom[j], sum->coefficient[j]);
                linear_add(context, &joined, rest->arg[0], c);
                *sum = joined;
                return true;
            }
    }
    return false;
}

/* Larger strides first, symbolic ones before constants, then in order of making. */
static bool stands_before(const Linear *sum, int a, int b)
{
    int64_t x = INT64_MAX, y = INT64_MAX;
    dim_is_const(sum->coefficient[a], &x);
    dim_is_const(sum->coefficient[b], &y);
    return x != y ? x > y : sum->atom[a]->id < sum->atom[b]->id;
}

static Expr *linear_expr(Simplifier *s, Linear *sum)
{
    Context *context = s->context;
    while (join_quotients(s, sum))
        continue;
    int order[MAX_TERMS];
    for (int i = 0; i < sum->count; i++) {
        int at = i;
        for (; at > 0 && stands_before(sum, i, order[at - 1]); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    Expr *total = NULL;
    for (int i = 0; i < sum->count; i++) {
        if (dim_equals(sum->coefficient[order[i]], 0))
            continue;
        Expr *factor = intern(s, expr_dim(context, sum->coefficient[order[i]]));
        Expr *term = intern(s, expr_arith(context, I_MUL, sum->atom[order[i]], factor));
        total = total ? intern(s, expr_arith(context, I_ADD, total, term)) : term;
    }
    Expr *constant = intern(s, expr_dim(context, sum->constant));
    return total ? intern(s, expr_arith(context, I_ADD, total, constant)) : constant;
}

/* Whether 0 <= e < bound for all values its axes take. */
static bool is_below(Context *context, const Expr *e, Dim *bound)
{
    const Range range = expr_range(context, e);
    return range.low && range.high && dim_lower(range.low) >= 0 &&
           dim_le(context->dims, dim_add(context->dims, range.high, dim_const(context->dims, 1)), bound);
}

/* a / by or a % by: multiples of `by` come out, what is below it vanishes. */
static Expr *quotient(Simplifier *s, IndexOp op, Expr *a, Dim *by)
{
    Context *context = s->context;
    DimTable *dims = context->dims;
    Expr *divisor = intern(s, expr_dim(context, by));
    if (op == I_DIV && a->kind == E_INDEX && a->u.op == I_DIV && expr_dim_of(context, a->arg[1]))
        return quotient(s, I_DIV, a->arg[0], dim_mul(dims, by, expr_dim_of(context, a->arg[1])));
    const Linear sum = linear_of(context, a);
    Linear whole = {.constant = dim_const(dims, 0)}, rest = whole;
    if (sum.failed || dim_lower(by) < 1)
        return intern(s, expr_arith(context, op, a, divisor));
    for (int i = 0; i < sum.count; i++) {
        Dim *multiple = dim_divide_exactly(dims, sum.coefficient[i], by);
        linear_term(context, multiple ? &whole : &rest, sum.atom[i], multiple ? multiple : sum.coefficient[i]);
    }
    Dim *multiple = dim_divide_exactly(dims, sum.constant, by);
    *(multiple ? &whole.constant : &rest.constant) = multiple ? multiple : sum.constant;
    Expr *remainder = linear_expr(s, &rest);
    if (is_below(context, remainder, by))
        return op == I_DIV ? linear_expr(s, &whole) : remainder;
    remainder = intern(s, expr_arith(context, op, remainder, divisor));
    if (op == I_MOD)
        return remainder;
    linear_add(context, &whole, remainder, dim_const(dims, 1));
    return linear_expr(s, &whole);
}

/* ---- loads of edge data ---- */
/* The edge axis e when `index` is order[e], else NULL. */
static const Axis *permuted_axis(const Expr *index)
{
    while (index->kind == E_CAST)
        index = index->arg[0];
    if (index->kind != E_LOAD || index_count(index) != 1 || index->index[0]->kind != E_AXIS)
        return NULL;
    const Axis *axis = index->index[0]->u.axis;
    return axis->csr && axis->csr->order == index->u.value ? axis : NULL;
}

/* What target[order[e]] and source[order[e]] are; NULL for other loads. Both are known to be in range: gnn.Csr checked.
 */
static Expr *edge_load(Simplifier *s, const Expr *e)
{
    if (index_count(e) != 1)
        return NULL;
    const Axis *axis = permuted_axis(e->index[0]);
    if (!axis)
        return NULL;
    const Csr *csr = axis->csr;
    if (csr->target == e->u.value)
        return expr_cast(s->context, simplify(s, axis->of), e->dtype);
    if (csr->source == e->u.value && csr->from)
        return expr_cast(s->context,
                         expr_load(s->context, csr->from, (Expr *[]){intern(s, expr_axis(s->context, (Axis *)axis))}),
                         e->dtype);
    return NULL;
}

/* A load of a constant whose elements are all equal. */
static Expr *splat_load(Simplifier *s, const Expr *e)
{
    const Tensor *tensor = e->u.value->constant;
    if (!tensor || tensor->count == 0 || (!tensor->splat && tensor->count > 1) || tensor->dtype == STRING ||
        dtype_info(tensor->dtype)->class == COMPLEX || e->u.value->is_overridable)
        return NULL;
    if (dtype_is_float(tensor->dtype))
        return expr_float(s->context, e->dtype, tensor_number(tensor, 0));
    return expr_int(s->context, e->dtype, tensor_int(tensor, 0));
}

/* ---- reductions ---- */
/* How many reductions inside e, one in the other, read the axis. */
static int depth_of(Context *context, const Expr *e, const Axis *axis, Map *memo)
{
    if (e->kind == E_CONST || e->kind == E_DIM || e->kind == E_AXIS)
        return 0;
    const intptr_t known = (intptr_t)map_get(memo, e);
    if (known)
        return (int)known - 1;
    int depth = 0;
    const Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++) {
        const int below = depth_of(context, child, axis, memo);
        depth = below > depth ? below : depth;
    }
    if (e->kind == E_REDUCE && expr_reads_axis(context, e, axis))
        depth++;
    map_set(memo, e, (const void *)(intptr_t)(depth + 1));
    return depth;
}

/* The axis of all ranges like this one, whose bounds (and so `part`, which they tell) are in normal form. */
static Axis *range_axis(Simplifier *s, const Axis *axis, Expr *lo, Expr *hi, Expr *of, int depth, int place)
{
    for (RangeAxis *range = s->ranges; range; range = range->next) {
        const Axis *known = range->axis;
        if (known->lo == lo && known->hi == hi && known->of == of && csr_equal(known->csr, axis->csr) &&
            range->depth == depth && range->place == place)
            return range->axis;
    }
    RangeAxis *range = ARENA_NEW(s->context->arena, RangeAxis);
    Axis *made = axis_new(s->context, axis->name, lo, hi);
    made->of = of;
    made->csr = axis->csr;
    made->part = axis->part ? simplify(s, axis->part) : NULL;
    made->whole = axis->whole;
    *range = (RangeAxis){made, depth, place, s->ranges};
    s->ranges = range;
    return made;
}

static bool is_range_axis(const Simplifier *s, const Axis *axis)
{
    for (const RangeAxis *range = s->ranges; range; range = range->next)
        if (range->axis == axis)
            return true;
    return false;
}

/* A reduction whose operands are simplified but whose axes are still its own. */
static Expr *rename_axes(Simplifier *s, Expr *e)
{
    Context *context = s->context;
    Axis **over = ARENA_ARRAY(context->arena, e->nover, Axis *);
    Expr **to = ARENA_ARRAY(context->arena, e->nover, Expr *);
    bool renamed = false;
    for (int i = 0; i < e->nover; i++) {
        over[i] = e->over[i];
        to[i] = expr_axis(context, over[i]);
        Expr *lo = simplify(s, over[i]->lo), *hi = simplify(s, over[i]->hi);
        Expr *of = over[i]->of ? simplify(s, over[i]->of) : NULL;
        if (is_range_axis(s, over[i]) && lo == over[i]->lo && hi == over[i]->hi && of == over[i]->of)
            continue;
        if (i > 0 && renamed) { /* bounds may read the axes before them */
            lo = simplify(s, expr_substitute(context, lo, e->over, to, i, NULL, NULL));
            hi = simplify(s, expr_substitute(context, hi, e->over, to, i, NULL, NULL));
        }
        over[i] = range_axis(s, over[i], lo, hi, of, depth_of(context, e->arg[0], over[i], map_new(context->arena)), i);
        to[i] = intern(s, expr_axis(context, over[i]));
        renamed = true;
    }
    if (!renamed)
        return e;
    Expr *body = expr_substitute(context, e->arg[0], e->over, to, e->nover, NULL, NULL);
    Expr *made = expr_rebuild(context, e, (Expr *[]){simplify(s, body), e->arg[1]}, NULL);
    made->over = over;
    return intern(s, made);
}

/* ---- short sums ---- */

static Expr *written_out(Simplifier *s, const Expr *e, int64_t extent)
{
    Expr *sum = NULL;
    for (int64_t i = 0; i < extent; i++) {
        Expr *at = expr_index(s->context, i);
        Expr *term = simplify(s, expr_substitute(s->context, e->arg[0], e->over, &at, 1, NULL, NULL));
        sum = sum ? intern(s, expr_call2(s->context, S_ADD, sum, term)) : term;
    }
    return sum;
}

/* ---- the pass ---- */
static Expr *simplify_index(Simplifier *s, Expr *e)
{
    Context *context = s->context;
    if (e->kind != E_INDEX || e->u.op > I_MOD)
        return e;
    if (e->u.op == I_DIV || e->u.op == I_MOD) {
        Dim *by = expr_dim_of(context, e->arg[1]);
        return by ? quotient(s, e->u.op, e->arg[0], by) : e;
    }
    Linear sum = linear_of(context, e);
    return sum.failed ? e : linear_expr(s, &sum);
}

static Expr *simplify_new(Simplifier *s, Expr *e)
{
    Context *context = s->context;
    if (e->kind == E_AXIS) {
        Expr *by = map_get(s->replacement, e->u.axis);
        return by ? by : e;
    }
    Expr *arg[MAX_OPERANDS] = {NULL}, *index[MAX_RANK];
    for (int i = 0; i < e->narg; i++)
        arg[i] = e->arg[i] ? simplify(s, e->arg[i]) : NULL;
    for (int i = 0; i < index_count(e); i++)
        index[i] = simplify(s, e->index[i]);
    Expr *made = expr_rebuild(context, e, arg, index);
    if (made->kind == E_REDUCE)
        return !s->keeps_sums && short_sum(made) ? written_out(s, made, short_sum(made)) : rename_axes(s, made);
    if (made->kind == E_LOAD) {
        Expr *known = edge_load(s, made);
        if (!known)
            known = splat_load(s, made);
        return known ? known : made;
    }
    return simplify_index(s, made);
}

Expr *simplify(Simplifier *s, Expr *e)
{
    Expr *known = map_get(s->memo, e);
    if (known)
        return known;
    known = intern(s, simplify_new(s, e));
    map_set(s->memo, e, known);
    map_set(s->memo, known, known);
    return known;
}
