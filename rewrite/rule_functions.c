/* rule_functions.c -- the functions that guards, attributes and braces of a rule may call.
 *
 * Each takes the values of its arguments and gives one, or none where it cannot be told. A new one is a function and a
 * row of the table at the end, which says what it gives. */
#include "../frontend/ops/gnn.h"
#include "rule_terms.h"
#include "shape.h"
#include <math.h>
#include <string.h>

/* ---- types and shapes ---- */
static Bound f_rank(const Binding *binding, const Bound *x)
{
    return bound_is_tensor(x) ? bound_integer(binding, x->value->type.rank) : bound_none();
}
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
static Bound f_elements(const Binding *binding, const Bound *x)
{
    int count;
    Dim **const dims = x->kind == B_VALUE ? value_dims(x->value, &count) : NULL;
    (void)binding;
    return dims ? (Bound){.kind = B_DIMS, .dims = dims, .count = count} : bound_none();
}
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
static Bound f_view(const Binding *binding, const Bound *x)
{
    if (!bound_is_tensor(x) || !bound_is_tensor(&x[1]))
        return bound_none();
    Bound list = bound_list(binding, x[1].value->type.rank);
    return view_target(binding->context, &x->value->type, x[1].value->type.dim, list.count, list.dims) ? list
                                                                                                       : bound_none();
}
static Bound f_view_of(const Binding *binding, const Bound *x)
{
    if (!bound_is_tensor(x) || x[1].kind != B_DIMS || x[1].count > MAX_RANK)
        return bound_none();
    Bound list = bound_list(binding, x[1].count);
    return view_target(binding->context, &x->value->type, x[1].dims, list.count, list.dims) ? list : bound_none();
}
static Bound f_is_list(const Binding *binding, const Bound *x)
{
    const Bound elements = f_elements(binding, x);
    return x[1].kind != B_DIMS ? bound_none() : bound_truth(elements.kind == B_DIMS && bound_equal(&elements, &x[1]));
}
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
static Bound f_can_build(const Binding *binding, const Bound *x)
{
    return x->kind == B_DIMS
               ? bound_truth(dims_are_computable(binding->matched[binding->rule->nleft - 1], x->dims, x->count))
               : bound_none();
}

/* ---- lists ---- */
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
/* The place in a list that a number stands for; negative ones count from the end. False when it is none. */
static bool place_of(const Bound *list, Dim *number, int64_t *place)
{
    if (!dim_is_const(number, place))
        return false;
    *place += *place < 0 ? list->count : 0;
    return *place >= 0 && *place < list->count;
}
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
static Bound f_product(const Binding *binding, const Bound *x)
{
    Dim *product = dim_const(binding->context->dims, 1);
    if (x->kind != B_DIMS)
        return bound_none();
    for (int i = 0; i < x->count; i++)
        product = dim_mul(binding->context->dims, product, x->dims[i]);
    return bound_size(product);
}
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
static Bound f_place(const Binding *binding, const Bound *x)
{
    if (x->kind != B_DIMS || x[1].kind != B_DIM)
        return bound_none();
    for (int i = 0; i < x->count; i++)
        if (x->dims[i] == x[1].dim)
            return bound_integer(binding, i);
    return bound_none();
}
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
static Bound f_least(const Binding *binding, const Bound *x)
{
    (void)binding;
    const Tensor *const t = x->kind == B_VALUE && !x->value->is_overridable ? x->value->constant : NULL;
    if (!t || !dtype_is_float(t->dtype) || t->count < 1)
        return bound_none();
    double least = INFINITY;
    for (int64_t i = 0; i < t->count; i++) {
        const double element = tensor_number(t, i);
        if (isnan(element))
            return bound_none();
        least = fmin(least, element);
    }
    return (Bound){.kind = B_FLOAT, .f = least};
}
static Bound f_absent(const Binding *binding, const Bound *x)
{
    (void)binding;
    return bound_truth(x->kind == B_NONE);
}
static Bound f_can_fold(const Binding *binding, const Bound *x)
{
    if (x->kind != B_VALUE || !x->value->constant)
        return bound_truth(false);
    return bound_truth((int64_t)tensor_bytes(x->value->constant) <= binding->context->fold_bytes);
}
static Bound f_is_per_edge(const Binding *binding, const Bound *x)
{
    if (!bound_is_tensor(x) || x->value->type.rank < 1)
        return bound_none();
    const Graph *const graph = binding->matched[binding->rule->nleft - 1]->graph;
    for (const Node *node = graph->first; node; node = node->next)
        if (is_segment(node) && node->in[SEGMENT_TARGET]->type.rank == 1 &&
            node->in[SEGMENT_TARGET]->type.dim[0] == x->value->type.dim[0])
            return bound_truth(true);
    return bound_truth(false);
}
static Bound f_repeats(const Binding *binding, const Bound *x)
{
    DimTable *const table = binding->context->dims;
    int64_t axis;
    if (!bound_is_tensor(x) || !bound_is_tensor(&x[1]) || !bound_is_integer(&x[2], &axis) || axis < 0 ||
        axis >= x->value->type.rank)
        return bound_none();
    Dim *const rows = x->value->type.dim[axis], *count = dim_const(table, 1);
    for (int i = 0; i < x[1].value->type.rank; i++)
        count = dim_mul(table, count, x[1].value->type.dim[i]);
    if (dim_le(table, rows, count))
        return bound_truth(true);
    if (dim_le(table, dim_add(table, count, dim_const(table, 1)), rows) || x[1].value->type.rank != 1)
        return bound_truth(false);
    return f_is_per_edge(binding, &x[1]);
}
static Bound f_is_projection(const Binding *binding, const Bound *x)
{
    (void)binding;
    if (x->kind != B_NODE || x->node->nin < 2 || x->node->in[1]->type.rank != 2)
        return bound_truth(false);
    if (node_is(x->node, "", "MatMul"))
        return bound_truth(x->node->in[0]->type.rank >= 2);
    return bound_truth(node_is(x->node, "", "Gemm") && attr_int(x->node, "transA", 0) == 0 &&
                       attr_int(x->node, "transB", 0) == 0 && attr_float(x->node, "alpha", 1) == 1 &&
                       attr_float(x->node, "beta", 1) == 1);
}
static Bound f_is_pointwise(const Binding *binding, const Bound *x)
{
    static const char *const list[] = {"kernel_shape", "strides", "pads"};
    (void)binding;
    if (x->kind != B_NODE || !node_is(x->node, "", "Conv") || x->node->in[1]->type.rank < 3)
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

static const TermFunction functions[] = {
    {"rank(x)", "how many axes x has", f_rank},
    {"dim(x, i)", "the extent of axis i; negative ones count from the end", f_dim},
    {"rows(x)", "the extent of the first axis", f_rows},
    {"cols(x)", "the extent of the last axis", f_cols},
    {"shape(x)", "the extents of all axes", f_shape},
    {"dtype(x)", "the name of the element type: float, int64", f_dtype},
    {"type_number(x)", "the number of the element type, as Cast's attribute has it", f_type_number},
    {"is_float(x)", "the elements are floating numbers", f_is_float},
    {"same_shape(x, y)", "the extents are the same", f_same_shape},
    {"same_type(x, y)", "element type and extents are the same", f_same_type},
    {"same_features(x, y)", "the extents after the first axis are the same", f_same_features},
    {"same_count(x, y)", "there are as many elements", f_same_count},
    {"is_list(x, list)", "x is a constant or computed vector of these sizes", f_is_list},
    {"some_below(list, n)", "an element is known to be less than n", f_some_below},
    {"keeps_order(x, p)", "the permutation p only moves axes of extent 1, so elements stay where they are",
     f_keeps_order},
    {"can_fold(x)", "x is a constant, small enough to be computed anew when the model is compiled", f_can_fold},
    {"is_per_edge(x)", "x has a row for each edge of a graph, or for each of another list that segment operators read",
     f_is_per_edge},
    {"repeats(x, i, axis)",
     "a Gather along an axis of x by i has at least as much there as x; a graph is taken to have no fewer edges than "
     "vertices",
     f_repeats},
    {"is_projection(m)", "m computes x W, or x W + bias, for a matrix W that it does not transpose", f_is_projection},
    {"is_better_before(x, W, src, n)", "x W should be computed before the rows of x at src are summed for n vertices",
     placement_before},
    {"is_better_after(x, W, src, n)", "x W should be computed after the rows of x at src are summed for n vertices",
     placement_after},
    {"is_pointwise(c)", "c is a convolution whose kernel is one element, at every place of x", f_is_pointwise},
    {"broadcasts_to(x, y)", "x's shape is y's, or 1 or missing in some axes", f_broadcasts_to},
    {"elements(x)", "an integer vector as a list", f_elements},
    {"at(list, i)", "the i-th element; negative ones count from the end", f_at},
    {"length(list)", "how many elements there are", f_length},
    {"axis(a, x)", "a made non-negative for x's rank; a is a number or a list", f_axis},
    {"view(x, y)", "what Reshape is to bring x to, so that it has y's shape", f_view},
    {"view_of(x, list)", "the same for a shape that is given as a list", f_view_of},
    {"splits_last(x, y)", "y's shape is x's with the last axis cut into several", f_splits_last},
    {"can_build(list)", "nodes can compute these sizes", f_can_build},
    {"join(a, b)", "two lists, or a list and a number, one behind the other", bounds_join},
    {"ones(n)", "a list of n ones", f_ones},
    {"part(list, from, to)", "the elements from .. to - 1; negative bounds count from the end", f_part},
    {"pick(p, q)", "the elements of p at the places q; of two Transposes, the permutation \"first p, then q\"", f_pick},
    {"put(p, q, n)", "p with n at the places q", f_put},
    {"range(a, b)", "the list a, a + 1 ... b - 1", f_range},
    {"product(list)", "the product of the elements", f_product},
    {"copies(x, n)", "a list of n times the number x", f_copies},
    {"inverse(p)", "the permutation that undoes p", f_inverse},
    {"extents(xs, axis)", "the extents of the values that xs... stands for, along an axis", f_extents},
    {"offsets(x, starts, axes)", "where a Slice of x begins along these axes", f_offsets},
    {"without(p, q)", "the permutation p of the axes that are left when those at the places q are taken out",
     f_without},
    {"place(p, n)", "where n stands in a list", f_place},
    {"is_identity(p)", "the permutation is 0, 1, 2 ...", f_is_identity},
    {"all_are(list, n)", "all elements are n", f_all_equal_dims},
    {"constant(x)", "x is known when the model is compiled", f_constant},
    {"one_use(x)", "one operand of one node reads x", f_one_use},
    {"is_zero(x)", "all elements are 0", f_is_zero},
    {"all_equal(x, n)", "all elements are n", f_all_equal},
    {"number(x)", "the number that all elements of x are", f_number},
    {"is_splat(x)", "all elements are one number", f_is_splat},
    {"splat(x)", "a tensor of one element, the one x has everywhere; for ConstantOfShape's attribute", f_splat},
    {"least(x)", "the smallest element of a constant", f_least},
    {"absent(x)", "an optional operand or attribute is not given", f_absent},
};

enum { NUM_FUNCTION = sizeof functions / sizeof *functions };

const TermFunction *term_function(const char *name, int *arity)
{
    const size_t length = strlen(name);
    for (int i = 0; i < NUM_FUNCTION; i++)
        if (!strncmp(functions[i].signature, name, length) && functions[i].signature[length] == '(') {
            *arity = 1;
            for (const char *c = functions[i].signature; *c; c++)
                *arity += *c == ',';
            return &functions[i];
        }
    return NULL;
}

bool rule_function(int i, const char **signature, const char **what)
{
    if (i >= NUM_FUNCTION)
        return false;
    *signature = functions[i].signature;
    *what = functions[i].what;
    return true;
}
