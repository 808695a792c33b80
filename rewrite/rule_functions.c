/* rule_functions.c -- the functions that guards, attributes and braces of a rule may call.
 *
 * Each takes the values of its arguments and gives one, or none where it cannot be told. A new one is a function and a
 * row of the table at the end. */
#include "rule_terms.h"
#include "shape.h"
#include <math.h>
#include <string.h>

/* ---- types and shapes ---- */
static Bound f_rank(const Binding *binding, const Bound *x)
{
    return bound_is_tensor(x) ? bound_integer(binding, x->value->type.rank) : bound_none();
}
/* dim(x, i): the extent of axis i; negative ones count from the end. */
static Bound f_dim(const Binding *binding, const Bound *x)
{
    int64_t i;
    (void)binding;
    if (!bound_is_tensor(x) || !bound_is_integer(&x[1], &i))
        return bound_none();
    i += i < 0 ? x->value->type.rank : 0;
    return i >= 0 && i < x->value->type.rank ? bound_size(x->value->type.dim[i]) : bound_none();
}
static Bound f_rows(const Binding *binding, const Bound *x)
{
    (void)binding;
    return bound_is_tensor(x) && x->value->type.rank > 0 ? bound_size(x->value->type.dim[0]) : bound_none();
}
static Bound f_cols(const Binding *binding, const Bound *x)
{
    (void)binding;
    return bound_is_tensor(x) && x->value->type.rank > 0 ? bound_size(x->value->type.dim[x->value->type.rank - 1])
                                                         : bound_none();
}
static Bound f_shape(const Binding *binding, const Bound *x)
{
    if (!bound_is_tensor(x))
        return bound_none();
    Bound list = bound_list(binding, x->value->type.rank);
    for (int i = 0; i < list.count; i++)
        list.dims[i] = x->value->type.dim[i];
    return list;
}
static Bound f_dtype(const Binding *binding, const Bound *x)
{
    (void)binding;
    return x->kind == B_VALUE ? (Bound){.kind = B_STRING, .s = dtype_info(x->value->type.dtype)->text} : bound_none();
}
/* type_number(x): the number of the element type, as Cast's attribute has it. */
static Bound f_type_number(const Binding *binding, const Bound *x)
{
    return x->kind == B_VALUE ? bound_integer(binding, (int64_t)x->value->type.dtype) : bound_none();
}
static Bound f_is_float(const Binding *binding, const Bound *x)
{
    (void)binding;
    return x->kind == B_VALUE ? bound_truth(dtype_is_float(x->value->type.dtype)) : bound_none();
}
static Bound f_same_shape(const Binding *binding, const Bound *x)
{
    (void)binding;
    if (!bound_is_tensor(x) || !bound_is_tensor(&x[1]))
        return bound_none();
    const Type *const a = &x->value->type, *const b = &x[1].value->type;
    for (int i = 0; i < a->rank && a->rank == b->rank; i++)
        if (a->dim[i] != b->dim[i])
            return bound_truth(false);
    return bound_truth(a->rank == b->rank);
}
/* same_features(x, y): the extents after the first axis are the same. */
static Bound f_same_features(const Binding *binding, const Bound *x)
{
    (void)binding;
    if (!bound_is_tensor(x) || !bound_is_tensor(&x[1]))
        return bound_none();
    const Type *const a = &x->value->type, *const b = &x[1].value->type;
    for (int i = 1; i < a->rank && a->rank == b->rank; i++)
        if (a->dim[i] != b->dim[i])
            return bound_truth(false);
    return bound_truth(a->rank == b->rank);
}
/* same_count(x, y): as many elements. */
static Bound f_same_count(const Binding *binding, const Bound *x)
{
    DimTable *const table = binding->context->dims;
    Dim *count[2] = {dim_const(table, 1), dim_const(table, 1)};
    for (int k = 0; k < 2; k++) {
        if (!bound_is_tensor(&x[k]))
            return bound_none();
        for (int i = 0; i < x[k].value->type.rank; i++)
            count[k] = dim_mul(table, count[k], x[k].value->type.dim[i]);
    }
    return bound_truth(count[0] == count[1] && count[0] != dim_overflow(table));
}
static Bound f_same_type(const Binding *binding, const Bound *x)
{
    if (!bound_is_tensor(x) || !bound_is_tensor(&x[1]) || x->value->type.dtype != x[1].value->type.dtype)
        return bound_truth(false);
    return f_same_shape(binding, x);
}
/* broadcasts_to(x, y): x's shape is y's, or 1 or missing in some axes. */
static Bound f_broadcasts_to(const Binding *binding, const Bound *x)
{
    (void)binding;
    if (!bound_is_tensor(x) || !bound_is_tensor(&x[1]))
        return bound_none();
    const Type *const a = &x->value->type, *const b = &x[1].value->type;
    if (a->rank > b->rank)
        return bound_truth(false);
    for (int i = 1; i <= a->rank; i++)
        if (!dim_equals(a->dim[a->rank - i], 1) && a->dim[a->rank - i] != b->dim[b->rank - i])
            return bound_truth(false);
    return bound_truth(true);
}
/* elements(x): an integer vector as dims. */
static Bound f_elements(const Binding *binding, const Bound *x)
{
    int count;
    Dim **const dims = x->kind == B_VALUE ? value_dims(x->value, &count) : NULL;
    (void)binding;
    return dims ? (Bound){.kind = B_DIMS, .dims = dims, .count = count} : bound_none();
}
/* element(list, i) */
static Bound f_at(const Binding *binding, const Bound *x)
{
    int64_t i;
    (void)binding;
    if (x->kind != B_DIMS || !bound_is_integer(&x[1], &i))
        return bound_none();
    i += i < 0 ? x->count : 0;
    return i >= 0 && i < x->count ? bound_size(x->dims[i]) : bound_none();
}
static Bound f_length(const Binding *binding, const Bound *x)
{
    return x->kind == B_DIMS ? bound_integer(binding, x->count) : bound_none();
}
/* axis(a, x): a made non-negative for x's rank; a is a number or a list of them. */
static Bound f_axis(const Binding *binding, const Bound *x)
{
    int64_t a;
    if (!bound_is_tensor(&x[1]))
        return bound_none();
    const int rank = x[1].value->type.rank;
    if (bound_is_integer(x, &a))
        return bound_integer(binding, a < 0 ? a + rank : a);
    if (x->kind != B_DIMS)
        return bound_none();
    Bound list = bound_list(binding, x->count);
    for (int i = 0; i < x->count; i++) {
        if (!dim_is_const(x->dims[i], &a))
            return bound_none();
        list.dims[i] = dim_const(binding->context->dims, a < 0 ? a + rank : a);
    }
    return list;
}
/* view(x, y): the canonical Reshape target that brings x to y's shape. */
static Bound f_view(const Binding *binding, const Bound *x)
{
    if (!bound_is_tensor(x) || !bound_is_tensor(&x[1]))
        return bound_none();
    Bound list = bound_list(binding, x[1].value->type.rank);
    return view_target(binding->context, &x->value->type, x[1].value->type.dim, list.count, list.dims) ? list
                                                                                                       : bound_none();
}
/* view_of(x, dims): the same for a list of dims. */
static Bound f_view_of(const Binding *binding, const Bound *x)
{
    if (!bound_is_tensor(x) || x[1].kind != B_DIMS || x[1].count > MAX_RANK)
        return bound_none();
    Bound list = bound_list(binding, x[1].count);
    return view_target(binding->context, &x->value->type, x[1].dims, list.count, list.dims) ? list : bound_none();
}
/* is_list(x, list): x is a constant or computed vector of these dims. */
static Bound f_is_list(const Binding *binding, const Bound *x)
{
    const Bound elements = f_elements(binding, x);
    return x[1].kind != B_DIMS ? bound_none() : bound_truth(elements.kind == B_DIMS && bound_equal(&elements, &x[1]));
}
/* some_below(list, n): an element is known to be less than n. */
static Bound f_some_below(const Binding *binding, const Bound *x)
{
    (void)binding;
    const double limit = bound_number(&x[1]);
    if (x->kind != B_DIMS)
        return bound_none();
    for (int i = 0; i < x->count; i++) {
        const Bound element = {.kind = B_DIM, .dim = x->dims[i]};
        if (bound_number(&element) < limit)
            return bound_truth(true);
    }
    return bound_truth(false);
}
/* keeps_order(x, p): the permutation only moves axes of extent 1, so elements stay where they are. */
static Bound f_keeps_order(const Binding *binding, const Bound *x)
{
    int64_t axis, last = -1;
    (void)binding;
    if (!bound_is_tensor(x) || x[1].kind != B_DIMS || x[1].count != x->value->type.rank)
        return bound_none();
    for (int i = 0; i < x[1].count; i++) {
        if (!dim_is_const(x[1].dims[i], &axis) || axis < 0 || axis >= x->value->type.rank)
            return bound_none();
        if (dim_equals(x->value->type.dim[axis], 1))
            continue;
        if (axis < last)
            return bound_truth(false);
        last = axis;
    }
    return bound_truth(true);
}
/* splits_last(x, y): y's shape is x's with the last axis cut into several, so a Reshape from x to y. */
static Bound f_splits_last(const Binding *binding, const Bound *x)
{
    if (!bound_is_tensor(x) || !bound_is_tensor(&x[1]))
        return bound_none();
    const Type *const a = &x->value->type, *const b = &x[1].value->type;
    Dim *product = dim_const(binding->context->dims, 1);
    if (a->rank < 1 || b->rank <= a->rank)
        return bound_truth(false);
    for (int i = 0; i < a->rank - 1; i++)
        if (a->dim[i] != b->dim[i])
            return bound_truth(false);
    for (int i = a->rank - 1; i < b->rank; i++)
        product = dim_mul(binding->context->dims, product, b->dim[i]);
    return bound_truth(product == a->dim[a->rank - 1]);
}
/* can_build(list): nodes can compute these dims. */
static Bound f_can_build(const Binding *binding, const Bound *x)
{
    return x->kind == B_DIMS
               ? bound_truth(dims_are_computable(binding->matched[binding->rule->nleft - 1], x->dims, x->count))
               : bound_none();
}

/* ---- lists ---- */
/* join(a, b): two lists, or a list and a number. */
Bound bounds_join(const Binding *binding, const Bound *x)
{
    int count[2];
    for (int k = 0; k < 2; k++) {
        if (x[k].kind != B_DIM && x[k].kind != B_DIMS)
            return bound_none();
        count[k] = x[k].kind == B_DIM ? 1 : x[k].count;
    }
    Bound list = bound_list(binding, count[0] + count[1]);
    for (int i = 0; i < list.count; i++) {
        const Bound *const part = &x[i >= count[0]];
        list.dims[i] = part->kind == B_DIM ? part->dim : part->dims[i < count[0] ? i : i - count[0]];
    }
    return list;
}
/* ones(n): a list of n ones. */
static Bound f_ones(const Binding *binding, const Bound *x)
{
    int64_t n;
    if (!bound_is_integer(x, &n) || n < 0 || n > MAX_RANK)
        return bound_none();
    Bound list = bound_list(binding, (int)n);
    for (int i = 0; i < list.count; i++)
        list.dims[i] = dim_const(binding->context->dims, 1);
    return list;
}
/* part(list, from, to): elements from .. to-1; negative bounds count from the end. */
static Bound f_part(const Binding *binding, const Bound *x)
{
    int64_t from, to;
    if (x->kind != B_DIMS || !bound_is_integer(&x[1], &from) || !bound_is_integer(&x[2], &to))
        return bound_none();
    from += from < 0 ? x->count : 0;
    to += to < 0 ? x->count : 0;
    if (from < 0 || to > x->count || from > to)
        return bound_none();
    Bound list = bound_list(binding, (int)(to - from));
    for (int i = 0; i < list.count; i++)
        list.dims[i] = x->dims[from + i];
    return list;
}
/* has(list, n) */
static Bound f_has(const Binding *binding, const Bound *x)
{
    (void)binding;
    if (x->kind != B_DIMS || x[1].kind != B_DIM)
        return bound_none();
    for (int i = 0; i < x->count; i++)
        if (x->dims[i] == x[1].dim)
            return bound_truth(true);
    return bound_truth(false);
}
/* The place in a list that a number stands for; negative ones count from the end. False when it is none. */
static bool place_of(const Bound *list, Dim *number, int64_t *place)
{
    if (!dim_is_const(number, place))
        return false;
    *place += *place < 0 ? list->count : 0;
    return *place >= 0 && *place < list->count;
}
/* pick(p, q): the elements of p at the places q; negative ones count from the end. Of two Transposes, the permutation
 * "first p, then q". */
static Bound f_pick(const Binding *binding, const Bound *x)
{
    int64_t i;
    if (x->kind != B_DIMS || x[1].kind != B_DIMS)
        return bound_none();
    Bound list = bound_list(binding, x[1].count);
    for (int k = 0; k < list.count; k++) {
        if (!place_of(x, x[1].dims[k], &i))
            return bound_none();
        list.dims[k] = x->dims[i];
    }
    return list;
}
/* put(p, q, n): p with n at the places q. */
static Bound f_put(const Binding *binding, const Bound *x)
{
    int64_t i;
    if (x->kind != B_DIMS || x[1].kind != B_DIMS || x[2].kind != B_DIM)
        return bound_none();
    Bound list = bound_list(binding, x->count);
    for (int k = 0; k < list.count; k++)
        list.dims[k] = x->dims[k];
    for (int k = 0; k < x[1].count; k++) {
        if (!place_of(x, x[1].dims[k], &i))
            return bound_none();
        list.dims[i] = x[2].dim;
    }
    return list;
}
/* range(a, b): a, a + 1 ... b - 1. */
static Bound f_range(const Binding *binding, const Bound *x)
{
    int64_t a, b;
    if (!bound_is_integer(x, &a) || !bound_is_integer(&x[1], &b) || b - a > 2 * MAX_RANK)
        return bound_none();
    Bound list = bound_list(binding, b > a ? (int)(b - a) : 0);
    for (int i = 0; i < list.count; i++)
        list.dims[i] = dim_const(binding->context->dims, a + i);
    return list;
}
/* otherwise(a, b): a, or b where it is absent. */
static Bound f_otherwise(const Binding *binding, const Bound *x)
{
    (void)binding;
    return x->kind != B_NONE ? *x : x[1];
}
/* copies(x, n): a list of n times the number x. */
static Bound f_copies(const Binding *binding, const Bound *x)
{
    int64_t n;
    if (x->kind != B_DIM || !bound_is_integer(&x[1], &n) || n < 0 || n > 2 * MAX_RANK)
        return bound_none();
    Bound list = bound_list(binding, (int)n);
    for (int i = 0; i < list.count; i++)
        list.dims[i] = x->dim;
    return list;
}
/* product(list) */
static Bound f_product(const Binding *binding, const Bound *x)
{
    Dim *product = dim_const(binding->context->dims, 1);
    if (x->kind != B_DIMS)
        return bound_none();
    for (int i = 0; i < x->count; i++)
        product = dim_mul(binding->context->dims, product, x->dims[i]);
    return bound_size(product);
}
/* inverse(p): the permutation that undoes p. */
static Bound f_inverse(const Binding *binding, const Bound *x)
{
    int64_t i;
    if (x->kind != B_DIMS)
        return bound_none();
    Bound list = bound_list(binding, x->count);
    for (int k = 0; k < x->count; k++) {
        if (!place_of(x, x->dims[k], &i))
            return bound_none();
        list.dims[i] = dim_const(binding->context->dims, k);
    }
    return list;
}
/* extents(xs, axis): the extents of the values that xs... stands for, along an axis. */
static Bound f_extents(const Binding *binding, const Bound *x)
{
    if (x->kind != B_VALUES)
        return bound_none();
    Bound list = bound_list(binding, x->count);
    for (int i = 0; i < x->count; i++) {
        const Bound one[2] = {{.kind = B_VALUE, .value = x->values[i]}, x[1]};
        const Bound extent = one->value ? f_dim(binding, one) : bound_none();
        if (extent.kind != B_DIM)
            return bound_none();
        list.dims[i] = extent.dim;
    }
    return list;
}
/* offsets(x, starts, axes): where a Slice of x begins along these axes. */
static Bound f_offsets(const Binding *binding, const Bound *x)
{
    int64_t start;
    if (!bound_is_tensor(x) || x[1].kind != B_DIMS || x[2].kind != B_DIMS || x[1].count != x[2].count)
        return bound_none();
    Bound list = bound_list(binding, x[1].count);
    for (int i = 0; i < list.count; i++) {
        const Bound axis[2] = {*x, {.kind = B_DIM, .dim = x[2].dims[i]}}, extent = f_dim(binding, axis);
        if (extent.kind != B_DIM)
            return bound_none();
        list.dims[i] = x[1].dims[i];
        if (dim_is_const(list.dims[i], &start) && start < 0)
            list.dims[i] = dim_add(binding->context->dims, list.dims[i], extent.dim);
        if (dim_lower(list.dims[i]) < 0 || !dim_le(binding->context->dims, list.dims[i], extent.dim))
            return bound_none();
    }
    return list;
}
/* without(p, q): the permutation p of the axes that are left when those at the places q are taken out. */
static Bound f_without(const Binding *binding, const Bound *x)
{
    int64_t axis, other;
    bool goes[MAX_RANK] = {false};
    if (x->kind != B_DIMS || x[1].kind != B_DIMS || x->count > MAX_RANK)
        return bound_none();
    for (int i = 0; i < x[1].count; i++) {
        if (!dim_is_const(x[1].dims[i], &axis) || axis < 0 || axis >= x->count || goes[axis])
            return bound_none();
        goes[axis] = true;
    }
    Bound list = bound_list(binding, x->count - x[1].count);
    for (int i = 0, kept = 0; i < x->count; i++) {
        int64_t place = 0; /* how many of those that are left come before it */
        if (goes[i] || !dim_is_const(x->dims[i], &axis))
            continue;
        for (int k = 0; k < x->count; k++)
            place += !goes[k] && dim_is_const(x->dims[k], &other) && other < axis;
        list.dims[kept++] = dim_const(binding->context->dims, place);
    }
    return list;
}
/* is_identity(p): the permutation 0, 1, 2 ... */
static Bound f_is_identity(const Binding *binding, const Bound *x)
{
    (void)binding;
    if (x->kind != B_DIMS)
        return bound_none();
    for (int i = 0; i < x->count; i++)
        if (!dim_equals(x->dims[i], i))
            return bound_truth(false);
    return bound_truth(true);
}
static Bound f_all_equal_dims(const Binding *binding, const Bound *x)
{
    (void)binding;
    if (x->kind != B_DIMS || x[1].kind != B_DIM)
        return bound_none();
    for (int i = 0; i < x->count; i++)
        if (x->dims[i] != x[1].dim)
            return bound_truth(false);
    return bound_truth(true);
}
static Bound f_min(const Binding *binding, const Bound *x)
{
    return x->kind == B_DIM && x[1].kind == B_DIM ? bound_size(dim_min(binding->context->dims, x->dim, x[1].dim))
                                                  : bound_none();
}
static Bound f_max(const Binding *binding, const Bound *x)
{
    return x->kind == B_DIM && x[1].kind == B_DIM ? bound_size(dim_max(binding->context->dims, x->dim, x[1].dim))
                                                  : bound_none();
}

/* ---- values ---- */
static Bound f_constant(const Binding *binding, const Bound *x)
{
    (void)binding;
    return x->kind == B_VALUE ? bound_truth(x->value->constant && !x->value->is_overridable) : bound_none();
}
static Bound f_one_use(const Binding *binding, const Bound *x)
{
    (void)binding;
    return x->kind == B_VALUE ? bound_truth(value_is_read_once(x->value)) : bound_none();
}
static Bound f_is_zero(const Binding *binding, const Bound *x)
{
    double n;
    (void)binding;
    return x->kind == B_VALUE ? bound_truth(value_is_splat(x->value, &n) && n == 0) : bound_none();
}
static Bound f_all_equal(const Binding *binding, const Bound *x)
{
    double n;
    (void)binding;
    if (x->kind != B_VALUE)
        return bound_none();
    return bound_truth(value_is_splat(x->value, &n) && ((float)n == (float)bound_number(&x[1])));
}
/* bound_integer(x): the value all elements have. */
static Bound f_number(const Binding *binding, const Bound *x)
{
    double n;
    (void)binding;
    return x->kind == B_VALUE && value_is_splat(x->value, &n) ? (Bound){.kind = B_FLOAT, .f = n} : bound_none();
}
static Bound f_is_splat(const Binding *binding, const Bound *x)
{
    double n;
    (void)binding;
    return x->kind == B_VALUE ? bound_truth(value_is_splat(x->value, &n)) : bound_none();
}
/* splat(x): a tensor of one element, the one x has everywhere; for ConstantOfShape's attribute. */
static Bound f_splat(const Binding *binding, const Bound *x)
{
    double n;
    if (x->kind != B_VALUE || !value_is_splat(x->value, &n))
        return bound_none();
    Attr *const attr = ARENA_NEW(binding->context->arena, Attr);
    const Tensor *const tensor = tensor_of_number(binding->context, x->value->type.dtype, 1, n);
    if (!tensor)
        return bound_none();
    *attr = (Attr){.name = "value", .kind = ATTR_TENSOR, .tensor = tensor};
    return (Bound){.kind = B_ATTR, .attr = attr};
}
/* least(x): the smallest element of a constant. */
static Bound f_least(const Binding *binding, const Bound *x)
{
    (void)binding;
    const Tensor *const t = x->kind == B_VALUE && !x->value->is_overridable ? x->value->constant : NULL;
    if (!t || (t->dtype != F32 && t->dtype != F64) || t->count < 1)
        return bound_none();
    double least = INFINITY;
    for (int64_t i = 0; i < t->count; i++) {
        const void *const at = tensor_at(t, i);
        const double element = t->dtype == F32 ? *(const float *)at : *(const double *)at;
        if (isnan(element))
            return bound_none();
        least = fmin(least, element);
    }
    return (Bound){.kind = B_FLOAT, .f = least};
}
/* same(x, y): one value, or equal constants. */
static Bound f_same(const Binding *binding, const Bound *x)
{
    (void)binding;
    if (x->kind != B_VALUE || x[1].kind != B_VALUE)
        return bound_truth(bound_equal(x, &x[1]));
    const Tensor *const a = x->value->constant, *const b = x[1].value->constant;
    return bound_truth(x->value == x[1].value || (a && b && tensor_equal(a, b)));
}
/* below(x, n): all elements are known to lie in [0, n). */
static Bound f_below(const Binding *binding, const Bound *x)
{
    if (x->kind != B_VALUE || x[1].kind != B_DIM)
        return bound_none();
    return bound_truth(x->value->bound && dim_le(binding->context->dims, x->value->bound, x[1].dim));
}
/* elementwise(f): the operator computes each output element from one of each operand. */
static Bound f_elementwise(const Binding *binding, const Bound *x)
{
    (void)binding;
    return x->kind == B_NODE ? bound_truth(x->node->op->form == FORM_ELEMENTWISE) : bound_none();
}
static Bound f_absent(const Binding *binding, const Bound *x)
{
    (void)binding;
    return bound_truth(x->kind == B_NONE);
}
/* can_fold(x): small enough to be computed anew when the model is compiled. */
static Bound f_can_fold(const Binding *binding, const Bound *x)
{
    if (x->kind != B_VALUE || !x->value->constant)
        return bound_truth(false);
    return bound_truth((int64_t)tensor_bytes(x->value->constant) <= binding->context->fold_bytes);
}
/* is_per_edge(x): x has a row for each edge of a graph, or for each of another list that segment operators read. */
static Bound f_is_per_edge(const Binding *binding, const Bound *x)
{
    if (!bound_is_tensor(x) || x->value->type.rank < 1)
        return bound_none();
    const Graph *const graph = binding->matched[binding->rule->nleft - 1]->graph;
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op && !strcmp(node->op->domain, "gnn") && !strncmp(node->op->name, "Segment", 7) &&
            node->in[1]->type.rank == 1 && node->in[1]->type.dim[0] == x->value->type.dim[0])
            return bound_truth(true);
    return bound_truth(false);
}
/* repeats(x, i): a Gather of rows of x by i has at least as many rows as x. Where sizes cannot tell, a graph is taken
 * to have no fewer edges than vertices. */
static Bound f_repeats(const Binding *binding, const Bound *x)
{
    DimTable *const table = binding->context->dims;
    if (!bound_is_tensor(x) || !bound_is_tensor(&x[1]) || x->value->type.rank < 1)
        return bound_none();
    Dim *const rows = x->value->type.dim[0], *count = dim_const(table, 1);
    for (int i = 0; i < x[1].value->type.rank; i++)
        count = dim_mul(table, count, x[1].value->type.dim[i]);
    if (dim_le(table, rows, count))
        return bound_truth(true);
    if (dim_le(table, dim_add(table, count, dim_const(table, 1)), rows) || x[1].value->type.rank != 1)
        return bound_truth(false);
    return f_is_per_edge(binding, &x[1]);
}
/* is_projection(m): m computes x W, or x W + bias, for a matrix W that it does not transpose. */
static Bound f_is_projection(const Binding *binding, const Bound *x)
{
    (void)binding;
    if (x->kind != B_NODE || *x->node->op->domain || x->node->nin < 2 || x->node->in[1]->type.rank != 2)
        return bound_truth(false);
    if (!strcmp(x->node->op->name, "MatMul"))
        return bound_truth(x->node->in[0]->type.rank >= 2);
    return bound_truth(!strcmp(x->node->op->name, "Gemm") && attr_int(x->node, "transA", 0) == 0 &&
                       attr_int(x->node, "transB", 0) == 0 && attr_float(x->node, "alpha", 1) == 1 &&
                       attr_float(x->node, "beta", 1) == 1);
}
/* is_pointwise(c): a convolution whose kernel is one element, at every place of x. */
static Bound f_is_pointwise(const Binding *binding, const Bound *x)
{
    static const char *const list[] = {"kernel_shape", "strides", "pads"};
    (void)binding;
    if (x->kind != B_NODE || strcmp(x->node->op->name, "Conv") != 0 || x->node->in[1]->type.rank < 3)
        return bound_truth(false);
    const Type *const W = &x->node->in[1]->type;
    for (int i = 2; i < W->rank; i++)
        if (!dim_equals(W->dim[i], 1))
            return bound_truth(false);
    for (int k = 0; k < 3; k++) {
        size_t count;
        const int64_t *const of = attr_ints(x->node, list[k], &count);
        for (size_t i = 0; i < count; i++)
            if (of[i] != (k < 2))
                return bound_truth(false);
    }
    return bound_truth(attr_int(x->node, "group", 1) == 1);
}
/* is_input(x): a graph input or a constant, so computed by no node. */
static Bound f_is_given(const Binding *binding, const Bound *x)
{
    (void)binding;
    return x->kind == B_VALUE ? bound_truth(!x->value->def) : bound_none();
}

static const TermFunction functions[] = {
    {"rank", 1, f_rank},
    {"dim", 2, f_dim},
    {"rows", 1, f_rows},
    {"cols", 1, f_cols},
    {"shape", 1, f_shape},
    {"dtype", 1, f_dtype},
    {"type_number", 1, f_type_number},
    {"is_float", 1, f_is_float},
    {"same_shape", 2, f_same_shape},
    {"same_type", 2, f_same_type},
    {"same_features", 2, f_same_features},
    {"same_count", 2, f_same_count},
    {"is_list", 2, f_is_list},
    {"some_below", 2, f_some_below},
    {"keeps_order", 2, f_keeps_order},
    {"can_fold", 1, f_can_fold},
    {"is_per_edge", 1, f_is_per_edge},
    {"repeats", 2, f_repeats},
    {"is_projection", 1, f_is_projection},
    {"is_better_before", 4, placement_before},
    {"is_better_after", 4, placement_after},
    {"is_pointwise", 1, f_is_pointwise},
    {"broadcasts_to", 2, f_broadcasts_to},
    {"elements", 1, f_elements},
    {"at", 2, f_at},
    {"length", 1, f_length},
    {"axis", 2, f_axis},
    {"view", 2, f_view},
    {"view_of", 2, f_view_of},
    {"splits_last", 2, f_splits_last},
    {"can_build", 1, f_can_build},
    {"join", 2, bounds_join},
    {"ones", 1, f_ones},
    {"part", 3, f_part},
    {"has", 2, f_has},
    {"pick", 2, f_pick},
    {"put", 3, f_put},
    {"range", 2, f_range},
    {"product", 1, f_product},
    {"otherwise", 2, f_otherwise},
    {"copies", 2, f_copies},
    {"inverse", 1, f_inverse},
    {"extents", 2, f_extents},
    {"offsets", 3, f_offsets},
    {"without", 2, f_without},
    {"is_identity", 1, f_is_identity},
    {"all_are", 2, f_all_equal_dims},
    {"min", 2, f_min},
    {"max", 2, f_max},
    {"constant", 1, f_constant},
    {"one_use", 1, f_one_use},
    {"is_zero", 1, f_is_zero},
    {"all_equal", 2, f_all_equal},
    {"number", 1, f_number},
    {"is_splat", 1, f_is_splat},
    {"splat", 1, f_splat},
    {"least", 1, f_least},
    {"same", 2, f_same},
    {"below", 2, f_below},
    {"elementwise", 1, f_elementwise},
    {"absent", 1, f_absent},
    {"is_given", 1, f_is_given},
};

const TermFunction *term_function(const char *name, int *arity)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (!strcmp(functions[i].name, name)) {
            *arity = functions[i].arity;
            return &functions[i];
        }
    return NULL;
}
