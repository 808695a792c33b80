/* shorthand.c -- what many definitions share: guards, the index arithmetic of Reshape, sizes that come from inputs. */
#include "shorthand.h"
#include "expr.h"

enum { MAX_SIZES = 64 };

/* ---- index arithmetic ---- */
Expr *index_both(Definition *d, Expr *a, Expr *b)
{
    if (a == NULL || b == NULL)
        return a == NULL ? b : a;
    return index_and(d, a, b);
}

Expr *index_between(Definition *d, Expr *i, Expr *lo, Expr *hi)
{
    return index_both(d, lo == NULL ? NULL : index_less_equal(d, lo, i), hi == NULL ? NULL : index_less(d, i, hi));
}

Expr *guarded(Definition *d, Expr *guard, Expr *then, Expr *otherwise)
{
    return guard == NULL ? then : expr_select(d->context, guard, then, otherwise);
}

/* One group of dimensions with equal product on both sides: linear index, then quotients and remainders. */
static void reshape_group(Definition *d, int from_rank, Dim *const *from_dim, Expr *const *from, int to_rank,
                          Dim *const *to_dim, Expr **to)
{
    Expr *linear = index_const(d, 0);
    for (int k = 0; k < from_rank; k++)
        linear = index_add(d, index_mul(d, linear, index_dim(d, from_dim[k])), from[k]);
    int first = 0;
    while (first < to_rank && dim_equals(to_dim[first], 1))
        first++;
    for (int k = to_rank - 1; k >= 0; k--) {
        if (dim_equals(to_dim[k], 1)) {
            to[k] = index_const(d, 0);
        } else if (k == first) {
            to[k] = linear;
        } else {
            to[k] = index_mod(d, linear, index_dim(d, to_dim[k]));
            linear = index_div(d, linear, index_dim(d, to_dim[k]));
        }
    }
}

void index_reshape(Definition *d, int from_rank, Dim *const *from_dim, Expr *const *from, int to_rank,
                   Dim *const *to_dim, Expr **to)
{
    int i = 0, j = 0;
    /* what both shapes end in keeps its indices */
    for (;;) {
        if (from_rank > 0 && dim_equals(from_dim[from_rank - 1], 1)) {
            from_rank--;
        } else if (to_rank > 0 && dim_equals(to_dim[to_rank - 1], 1)) {
            to[--to_rank] = index_const(d, 0);
        } else if (from_rank > 0 && to_rank > 0 && from_dim[from_rank - 1] == to_dim[to_rank - 1]) {
            to[--to_rank] = from[--from_rank];
        } else {
            break;
        }
    }
    while (i < from_rank && j < to_rank) {
        Dim *p = from_dim[i], *q = to_dim[j];
        int from_end = i + 1, to_end = j + 1;
        while (p != q) {
            if (to_end < to_rank && dim_divide_exactly(d->context->dims, p, q) != NULL) {
                q = size_mul(d, q, to_dim[to_end++]);
            } else if (from_end < from_rank && dim_divide_exactly(d->context->dims, q, p) != NULL) {
                p = size_mul(d, p, from_dim[from_end++]);
            } else {
                from_end = from_rank;
                to_end = to_rank;
                break;
            }
        }
        reshape_group(d, from_end - i, from_dim + i, from + i, to_end - j, to_dim + j, to + j);
        i = from_end;
        j = to_end;
    }
    for (; j < to_rank; j++) /* only dimensions that must turn out to be 1 are left */
        to[j] = index_const(d, 0);
}

/* ---- sizes ---- */
Dim *size_product(Definition *d, int rank, Dim *const *dim)
{
    Dim *product = size_const(d, 1);
    for (int k = 0; k < rank; k++)
        product = size_mul(d, product, dim[k]);
    return product;
}

Dim *size_divided(Definition *d, Dim *size, Dim *divisor)
{
    Dim *quotient = dim_times_in(d->context->dims, size, divisor);
    def_require(d, size_same(d, size_mul(d, quotient, divisor), size), "%s is no multiple of %s", size_text(d, size),
                size_text(d, divisor));
    return quotient;
}

Dim *size_is_negative(Definition *d, Dim *a)
{
    return size_min(d, size_const(d, 1), size_max(d, size_const(d, 0), size_sub(d, size_const(d, 0), a)));
}

bool size_same(Definition *d, Dim *a, Dim *b)
{
    Dim *difference = size_sub(d, a, b), *overflow = dim_overflow(d->context->dims);
    if (a == overflow || b == overflow || dim_lower(difference) > 0 || dim_upper(difference) < 0)
        return false;
    dim_require(d->context->dims, &d->requires, a, b, true);
    return true;
}

bool size_at_most(Definition *d, Dim *a, Dim *b)
{
    Dim *overflow = dim_overflow(d->context->dims);
    if (a == overflow || b == overflow || dim_upper(size_sub(d, b, a)) < 0)
        return false;
    dim_require(d->context->dims, &d->requires, a, b, false);
    return true;
}

char *size_text(Definition *d, Dim *dim)
{
    return dim_text(dim, d->context->arena, NULL, NULL);
}

/* ---- inputs and attributes ---- */
Value *def_constant(Definition *d, const Tensor *tensor)
{
    Value *value = ARENA_NEW(d->context->arena, Value);
    value->name = "constant";
    value->type = type_of_tensor(d->context, tensor);
    value->constant = tensor;
    value->graph = d->node->graph;
    return value;
}

bool def_same_shape(Definition *d, int a, int b)
{
    if (!def_require(d, def_rank(d, a) == def_rank(d, b), "inputs %d and %d have ranks %d and %d, which must be equal",
                     a, b, def_rank(d, a), def_rank(d, b)))
        return false;
    for (int k = 0; k < def_rank(d, a); k++) {
        Dim *first = def_dim(d, a, k), *second = def_dim(d, b, k);
        if (!def_require(d, size_same(d, first, second), "inputs %d and %d differ in dimension %d: %s and %s", a, b, k,
                         size_text(d, first), size_text(d, second)))
            return false;
    }
    return true;
}

bool def_along_axis(Definition *d, int *axis)
{
    const int rank = def_rank(d, 0);
    *axis = def_axis(d, attr_int(d->node, "axis", 0), rank);
    if (d->failed || !def_require(d, rank > 0 && def_rank(d, 1) == rank, "data has rank %d, indices have rank %d", rank,
                                  def_rank(d, 1)))
        return false;
    for (int k = 0; k < rank; k++)
        if (!def_require(d, k == *axis || size_at_most(d, def_dim(d, 1, k), def_dim(d, 0, k)),
                         "indices have %s elements in dimension %d, the data %s", size_text(d, def_dim(d, 1, k)), k,
                         size_text(d, def_dim(d, 0, k))))
            return false;
    return true;
}

Dim **def_sizes(Definition *d, int input, int *count, Dim *limit)
{
    Value *value = d->node->in[input];
    const int64_t known = value->constant != NULL ? 0 : small_count(&value->type);
    for (int64_t k = 0; k < known; k++) /* symbols are made here, with the limit; def_dims finds them */
        value_size(d->context, value, k, limit);
    Dim **size = def_dims(d, input, count);
    def_require(d, *count <= MAX_SIZES, "input %d gives %d sizes", input, *count);
    return d->failed ? NULL : size;
}

bool def_mark_axes(Definition *d, int input, int rank, bool *mark)
{
    if (!def_has(d, input)) {
        for (int k = 0; k < rank; k++)
            mark[k] = true;
        return true;
    }
    int count;
    const int64_t *axis = def_ints(d, input, &count);
    for (int k = 0; k < count && !d->failed; k++) {
        const int a = def_axis(d, axis[k], rank);
        if (!d->failed)
            mark[a] = true;
    }
    return !d->failed;
}

const int64_t *def_attr_ints(Definition *d, const char *name, int count, int64_t otherwise, int64_t least)
{
    size_t given;
    const int64_t *value = attr_ints(d->node, name, &given);
    if (value == NULL) {
        int64_t *all = ARENA_ARRAY(d->context->arena, count, int64_t);
        for (int k = 0; k < count; k++)
            all[k] = otherwise;
        return all;
    }
    if (!def_require(d, given == (size_t)count, "attribute '%s' has %zu elements, wants %d", name, given, count))
        return NULL;
    for (int k = 0; k < count; k++)
        if (!def_require(d, value[k] >= least, "attribute '%s' has the element %lld, wants at least %lld", name,
                         (long long)value[k], (long long)least))
            return NULL;
    return value;
}

Expr *number(Definition *d, DType type, double value)
{
    def_require(d, type != STRING, "strings have no default here");
    type = dtype_compute(type);
    return dtype_is_float(type) ? expr_float(d->context, type, value) : expr_int(d->context, type, (int64_t)value);
}
