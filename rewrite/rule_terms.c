/* rule_terms.c -- what stands in guards, attributes and braces of a rule: sums, comparisons and the functions below.
 *
 * Integers are Dims: `rows(x) <= rows(y)` is asked of symbols and holds only when it holds for all their values. A term
 * that cannot be told has no value, and a guard without a value fails. */
#include "pattern.h"
#include "shape.h"
#include <math.h>
#include <string.h>

struct TermFunction {
    const char *name;
    int arity;
    Bound (*call)(const Binding *binding, const Bound *arg);
};

/* ---- constructors ---- */
static Bound none(void)
{
    return (Bound){0};
}
static Bound truth(bool holds)
{
    return (Bound){.kind = B_TRUTH, .truth = holds};
}
static Bound number(const Binding *binding, int64_t i)
{
    return (Bound){.kind = B_DIM, .dim = dim_const(binding->context->dims, i)};
}
static Bound sized(Dim *dim)
{
    return dim ? (Bound){.kind = B_DIM, .dim = dim} : none();
}
static Bound list_new(const Binding *binding, int count)
{
    return (Bound){.kind = B_DIMS, .count = count, .dims = ARENA_ARRAY(binding->context->arena, count, Dim *)};
}
static bool is_tensor(const Bound *b)
{
    return b->kind == B_VALUE && b->value->type.kind == TENSOR && b->value->type.rank >= 0;
}
static bool is_int(const Bound *b, int64_t *i)
{
    return b->kind == B_DIM && dim_is_const(b->dim, i);
}

/* ---- types and shapes ---- */
static Bound f_rank(const Binding *binding, const Bound *x)
{
    return is_tensor(x) ? number(binding, x->value->type.rank) : none();
}
/* dim(x, i): the extent of axis i; negative ones count from the end. */
static Bound f_dim(const Binding *binding, const Bound *x)
{
    int64_t i;
    (void)binding;
    if (!is_tensor(x) || !is_int(&x[1], &i))
        return none();
    i += i < 0 ? x->value->type.rank : 0;
    return i >= 0 && i < x->value->type.rank ? sized(x->value->type.dim[i]) : none();
}
static Bound f_rows(const Binding *binding, const Bound *x)
{
    (void)binding;
    return is_tensor(x) && x->value->type.rank > 0 ? sized(x->value->type.dim[0]) : none();
}
static Bound f_cols(const Binding *binding, const Bound *x)
{
    (void)binding;
    return is_tensor(x) && x->value->type.rank > 0 ? sized(x->value->type.dim[x->value->type.rank - 1]) : none();
}
static Bound f_shape(const Binding *binding, const Bound *x)
{
    if (!is_tensor(x))
        return none();
    Bound list = list_new(binding, x->value->type.rank);
    for (int i = 0; i < list.count; i++)
        list.dims[i] = x->value->type.dim[i];
    return list;
}
static Bound f_dtype(const Binding *binding, const Bound *x)
{
    (void)binding;
    return x->kind == B_VALUE ? (Bound){.kind = B_STRING, .s = dtype_info(x->value->type.dtype)->text} : none();
}
static Bound f_is_float(const Binding *binding, const Bound *x)
{
    (void)binding;
    return x->kind == B_VALUE ? truth(dtype_is_float(x->value->type.dtype)) : none();
}
static Bound f_same_shape(const Binding *binding, const Bound *x)
{
    (void)binding;
    if (!is_tensor(x) || !is_tensor(&x[1]))
        return none();
    const Type *const a = &x->value->type, *const b = &x[1].value->type;
    for (int i = 0; i < a->rank && a->rank == b->rank; i++)
        if (a->dim[i] != b->dim[i])
            return truth(false);
    return truth(a->rank == b->rank);
}
/* same_features(x, y): the extents after the first axis are the same. */
static Bound f_same_features(const Binding *binding, const Bound *x)
{
    (void)binding;
    if (!is_tensor(x) || !is_tensor(&x[1]))
        return none();
    const Type *const a = &x->value->type, *const b = &x[1].value->type;
    for (int i = 1; i < a->rank && a->rank == b->rank; i++)
        if (a->dim[i] != b->dim[i])
            return truth(false);
    return truth(a->rank == b->rank);
}
/* same_count(x, y): as many elements. */
static Bound f_same_count(const Binding *binding, const Bound *x)
{
    DimTable *const table = binding->context->dims;
    Dim *count[2] = {dim_const(table, 1), dim_const(table, 1)};
    for (int k = 0; k < 2; k++) {
        if (!is_tensor(&x[k]))
            return none();
        for (int i = 0; i < x[k].value->type.rank; i++)
            count[k] = dim_mul(table, count[k], x[k].value->type.dim[i]);
    }
    return truth(count[0] == count[1] && count[0] != dim_overflow(table));
}
static Bound f_same_type(const Binding *binding, const Bound *x)
{
    if (!is_tensor(x) || !is_tensor(&x[1]) || x->value->type.dtype != x[1].value->type.dtype)
        return truth(false);
    return f_same_shape(binding, x);
}
/* broadcasts_to(x, y): x's shape is y's, or 1 or missing in some axes. */
static Bound f_broadcasts_to(const Binding *binding, const Bound *x)
{
    (void)binding;
    if (!is_tensor(x) || !is_tensor(&x[1]))
        return none();
    const Type *const a = &x->value->type, *const b = &x[1].value->type;
    if (a->rank > b->rank)
        return truth(false);
    for (int i = 1; i <= a->rank; i++)
        if (!dim_equals(a->dim[a->rank - i], 1) && a->dim[a->rank - i] != b->dim[b->rank - i])
            return truth(false);
    return truth(true);
}
/* elements(x): an integer vector as dims. */
static Bound f_elements(const Binding *binding, const Bound *x)
{
    int count;
    Dim **const dims = x->kind == B_VALUE ? value_dims(x->value, &count) : NULL;
    (void)binding;
    return dims ? (Bound){.kind = B_DIMS, .dims = dims, .count = count} : none();
}
/* element(list, i) */
static Bound f_at(const Binding *binding, const Bound *x)
{
    int64_t i;
    (void)binding;
    if (x->kind != B_DIMS || !is_int(&x[1], &i))
        return none();
    i += i < 0 ? x->count : 0;
    return i >= 0 && i < x->count ? sized(x->dims[i]) : none();
}
static Bound f_length(const Binding *binding, const Bound *x)
{
    return x->kind == B_DIMS ? number(binding, x->count) : none();
}
/* axis(a, x): a made non-negative for x's rank; a is a number or a list of them. */
static Bound f_axis(const Binding *binding, const Bound *x)
{
    int64_t a;
    if (!is_tensor(&x[1]))
        return none();
    const int rank = x[1].value->type.rank;
    if (is_int(x, &a))
        return number(binding, a < 0 ? a + rank : a);
    if (x->kind != B_DIMS)
        return none();
    Bound list = list_new(binding, x->count);
    for (int i = 0; i < x->count; i++) {
        if (!dim_is_const(x->dims[i], &a))
            return none();
        list.dims[i] = dim_const(binding->context->dims, a < 0 ? a + rank : a);
    }
    return list;
}
/* view(x, y): the canonical Reshape target that brings x to y's shape. */
static Bound f_view(const Binding *binding, const Bound *x)
{
    if (!is_tensor(x) || !is_tensor(&x[1]))
        return none();
    Bound list = list_new(binding, x[1].value->type.rank);
    return view_target(binding->context, &x->value->type, x[1].value->type.dim, list.count, list.dims) ? list : none();
}
/* view_of(x, dims): the same for a list of dims. */
static Bound f_view_of(const Binding *binding, const Bound *x)
{
    if (!is_tensor(x) || x[1].kind != B_DIMS || x[1].count > MAX_RANK)
        return none();
    Bound list = list_new(binding, x[1].count);
    return view_target(binding->context, &x->value->type, x[1].dims, list.count, list.dims) ? list : none();
}
/* is_list(x, list): x is a constant or computed vector of these dims. */
static Bound f_is_list(const Binding *binding, const Bound *x)
{
    const Bound elements = f_elements(binding, x);
    return x[1].kind != B_DIMS ? none() : truth(elements.kind == B_DIMS && bound_equal(&elements, &x[1]));
}
/* some_below(list, n): an element is known to be less than n. */
static Bound f_some_below(const Binding *binding, const Bound *x)
{
    (void)binding;
    const double limit = bound_number(&x[1]);
    if (x->kind != B_DIMS)
        return none();
    for (int i = 0; i < x->count; i++) {
        const Bound element = {.kind = B_DIM, .dim = x->dims[i]};
        if (bound_number(&element) < limit)
            return truth(true);
    }
    return truth(false);
}
/* keeps_order(x, p): the permutation only moves axes of extent 1, so elements stay where they are. */
static Bound f_keeps_order(const Binding *binding, const Bound *x)
{
    int64_t axis, last = -1;
    (void)binding;
    if (!is_tensor(x) || x[1].kind != B_DIMS || x[1].count != x->value->type.rank)
        return none();
    for (int i = 0; i < x[1].count; i++) {
        if (!dim_is_const(x[1].dims[i], &axis) || axis < 0 || axis >= x->value->type.rank)
            return none();
        if (dim_equals(x->value->type.dim[axis], 1))
            continue;
        if (axis < last)
            return truth(false);
        last = axis;
    }
    return truth(true);
}
/* splits_last(x, y): y's shape is x's with the last axis cut into several, so a Reshape from x to y. */
static Bound f_splits_last(const Binding *binding, const Bound *x)
{
    if (!is_tensor(x) || !is_tensor(&x[1]))
        return none();
    const Type *const a = &x->value->type, *const b = &x[1].value->type;
    Dim *product = dim_const(binding->context->dims, 1);
    if (a->rank < 1 || b->rank <= a->rank)
        return truth(false);
    for (int i = 0; i < a->rank - 1; i++)
        if (a->dim[i] != b->dim[i])
            return truth(false);
    for (int i = a->rank - 1; i < b->rank; i++)
        product = dim_mul(binding->context->dims, product, b->dim[i]);
    return truth(product == a->dim[a->rank - 1]);
}
/* can_build(list): nodes can compute these dims. */
static Bound f_can_build(const Binding *binding, const Bound *x)
{
    return x->kind == B_DIMS ? truth(dims_are_computable(binding->matched[binding->rule->nleft - 1], x->dims, x->count))
                             : none();
}

/* ---- lists ---- */
/* join(a, b): two lists, or a list and a number. */
static Bound f_join(const Binding *binding, const Bound *x)
{
    int count[2];
    for (int k = 0; k < 2; k++) {
        if (x[k].kind != B_DIM && x[k].kind != B_DIMS)
            return none();
        count[k] = x[k].kind == B_DIM ? 1 : x[k].count;
    }
    Bound list = list_new(binding, count[0] + count[1]);
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
    if (!is_int(x, &n) || n < 0 || n > MAX_RANK)
        return none();
    Bound list = list_new(binding, (int)n);
    for (int i = 0; i < list.count; i++)
        list.dims[i] = dim_const(binding->context->dims, 1);
    return list;
}
/* part(list, from, to): elements from .. to-1; negative bounds count from the end. */
static Bound f_part(const Binding *binding, const Bound *x)
{
    int64_t from, to;
    if (x->kind != B_DIMS || !is_int(&x[1], &from) || !is_int(&x[2], &to))
        return none();
    from += from < 0 ? x->count : 0;
    to += to < 0 ? x->count : 0;
    if (from < 0 || to > x->count || from > to)
        return none();
    Bound list = list_new(binding, (int)(to - from));
    for (int i = 0; i < list.count; i++)
        list.dims[i] = x->dims[from + i];
    return list;
}
/* has(list, n) */
static Bound f_has(const Binding *binding, const Bound *x)
{
    (void)binding;
    if (x->kind != B_DIMS || x[1].kind != B_DIM)
        return none();
    for (int i = 0; i < x->count; i++)
        if (x->dims[i] == x[1].dim)
            return truth(true);
    return truth(false);
}
/* compose(p, q): the permutation "first p, then q" of two Transposes. */
static Bound f_compose(const Binding *binding, const Bound *x)
{
    int64_t i;
    if (x->kind != B_DIMS || x[1].kind != B_DIMS || x->count != x[1].count)
        return none();
    Bound list = list_new(binding, x->count);
    for (int k = 0; k < list.count; k++) {
        if (!dim_is_const(x[1].dims[k], &i) || i < 0 || i >= x->count)
            return none();
        list.dims[k] = x->dims[i];
    }
    return list;
}
/* is_identity(p): the permutation 0, 1, 2 ... */
static Bound f_is_identity(const Binding *binding, const Bound *x)
{
    (void)binding;
    if (x->kind != B_DIMS)
        return none();
    for (int i = 0; i < x->count; i++)
        if (!dim_equals(x->dims[i], i))
            return truth(false);
    return truth(true);
}
static Bound f_all_equal_dims(const Binding *binding, const Bound *x)
{
    (void)binding;
    if (x->kind != B_DIMS || x[1].kind != B_DIM)
        return none();
    for (int i = 0; i < x->count; i++)
        if (x->dims[i] != x[1].dim)
            return truth(false);
    return truth(true);
}
static Bound f_min(const Binding *binding, const Bound *x)
{
    return x->kind == B_DIM && x[1].kind == B_DIM ? sized(dim_min(binding->context->dims, x->dim, x[1].dim)) : none();
}
static Bound f_max(const Binding *binding, const Bound *x)
{
    return x->kind == B_DIM && x[1].kind == B_DIM ? sized(dim_max(binding->context->dims, x->dim, x[1].dim)) : none();
}

/* ---- values ---- */
static Bound f_constant(const Binding *binding, const Bound *x)
{
    (void)binding;
    return x->kind == B_VALUE ? truth(x->value->constant && !x->value->is_overridable) : none();
}
static Bound f_one_use(const Binding *binding, const Bound *x)
{
    (void)binding;
    return x->kind == B_VALUE ? truth(value_is_read_once(x->value)) : none();
}
static Bound f_is_zero(const Binding *binding, const Bound *x)
{
    double n;
    (void)binding;
    return x->kind == B_VALUE ? truth(value_is_splat(x->value, &n) && n == 0) : none();
}
static Bound f_all_equal(const Binding *binding, const Bound *x)
{
    double n;
    (void)binding;
    if (x->kind != B_VALUE)
        return none();
    return truth(value_is_splat(x->value, &n) && ((float)n == (float)bound_number(&x[1])));
}
/* number(x): the value all elements have. */
static Bound f_number(const Binding *binding, const Bound *x)
{
    double n;
    (void)binding;
    return x->kind == B_VALUE && value_is_splat(x->value, &n) ? (Bound){.kind = B_FLOAT, .f = n} : none();
}
static Bound f_is_splat(const Binding *binding, const Bound *x)
{
    double n;
    (void)binding;
    return x->kind == B_VALUE ? truth(value_is_splat(x->value, &n)) : none();
}
/* splat(x): a tensor of one element, the one x has everywhere; for ConstantOfShape's attribute. */
static Bound f_splat(const Binding *binding, const Bound *x)
{
    double n;
    if (x->kind != B_VALUE || !value_is_splat(x->value, &n))
        return none();
    Attr *const attr = ARENA_NEW(binding->context->arena, Attr);
    const Tensor *const tensor = tensor_of_number(binding->context, x->value->type.dtype, 1, n);
    if (!tensor)
        return none();
    *attr = (Attr){.name = "value", .kind = ATTR_TENSOR, .tensor = tensor};
    return (Bound){.kind = B_ATTR, .attr = attr};
}
/* same(x, y): one value, or equal constants. */
static Bound f_same(const Binding *binding, const Bound *x)
{
    (void)binding;
    if (x->kind != B_VALUE || x[1].kind != B_VALUE)
        return truth(bound_equal(x, &x[1]));
    const Tensor *const a = x->value->constant, *const b = x[1].value->constant;
    return truth(x->value == x[1].value || (a && b && tensor_equal(a, b)));
}
/* below(x, n): all elements are known to lie in [0, n). */
static Bound f_below(const Binding *binding, const Bound *x)
{
    if (x->kind != B_VALUE || x[1].kind != B_DIM)
        return none();
    return truth(x->value->bound && dim_le(binding->context->dims, x->value->bound, x[1].dim));
}
/* elementwise(f): the operator computes each output element from one of each operand. */
static Bound f_elementwise(const Binding *binding, const Bound *x)
{
    (void)binding;
    return x->kind == B_NODE ? truth(x->node->op->form == FORM_ELEMENTWISE) : none();
}
static Bound f_absent(const Binding *binding, const Bound *x)
{
    (void)binding;
    return truth(x->kind == B_NONE);
}
/* can_fold(x): small enough to be computed anew when the model is compiled. */
static Bound f_can_fold(const Binding *binding, const Bound *x)
{
    if (x->kind != B_VALUE || !x->value->constant)
        return truth(false);
    return truth((int64_t)tensor_bytes(x->value->constant) <= binding->context->fold_bytes);
}
/* is_per_edge(x): x has a row for each edge of a graph, or for each of another list that segment operators read. */
static Bound f_is_per_edge(const Binding *binding, const Bound *x)
{
    if (!is_tensor(x) || x->value->type.rank < 1)
        return none();
    const Graph *const graph = binding->matched[binding->rule->nleft - 1]->graph;
    for (const Node *node = graph->first; node; node = node->next)
        if (node->op && !strcmp(node->op->domain, "gnn") && !strncmp(node->op->name, "Segment", 7) &&
            node->in[1]->type.rank == 1 && node->in[1]->type.dim[0] == x->value->type.dim[0])
            return truth(true);
    return truth(false);
}
/* is_input(x): a graph input or a constant, so computed by no node. */
static Bound f_is_given(const Binding *binding, const Bound *x)
{
    (void)binding;
    return x->kind == B_VALUE ? truth(!x->value->def) : none();
}

static const TermFunction functions[] = {
    {"rank", 1, f_rank},
    {"dim", 2, f_dim},
    {"rows", 1, f_rows},
    {"cols", 1, f_cols},
    {"shape", 1, f_shape},
    {"dtype", 1, f_dtype},
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
    {"broadcasts_to", 2, f_broadcasts_to},
    {"elements", 1, f_elements},
    {"at", 2, f_at},
    {"length", 1, f_length},
    {"axis", 2, f_axis},
    {"view", 2, f_view},
    {"view_of", 2, f_view_of},
    {"splits_last", 2, f_splits_last},
    {"can_build", 1, f_can_build},
    {"join", 2, f_join},
    {"ones", 1, f_ones},
    {"part", 3, f_part},
    {"has", 2, f_has},
    {"compose", 2, f_compose},
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

/* ---- operators ---- */
static Bound arithmetic(DimTable *table, TermOperator op, const Bound *a, const Bound *b)
{
    if (a->kind == B_DIM && b->kind == B_DIM) {
        switch (op) {
        case O_ADD:
            return sized(dim_add(table, a->dim, b->dim));
        case O_SUB:
            return sized(dim_sub(table, a->dim, b->dim));
        case O_MUL:
            return sized(dim_mul(table, a->dim, b->dim));
        default:
            return dim_lower(b->dim) > 0 ? sized(dim_floor_div(table, a->dim, b->dim)) : none();
        }
    }
    const double x = bound_number(a), y = bound_number(b);
    if (x != x || y != y)
        return none();
    return (Bound){.kind = B_FLOAT, .f = op == O_ADD ? x + y : op == O_SUB ? x - y : op == O_MUL ? x * y : x / y};
}

static Bound comparison(DimTable *table, TermOperator op, const Bound *a, const Bound *b)
{
    if (a->kind == B_NONE || b->kind == B_NONE)
        return none();
    if (a->kind == B_DIM && b->kind == B_DIM) {
        Dim *const one = dim_const(table, 1);
        switch (op) {
        case O_LT:
            return truth(dim_le(table, dim_add(table, a->dim, one), b->dim));
        case O_LE:
            return truth(dim_le(table, a->dim, b->dim));
        case O_GT:
            return truth(dim_le(table, dim_add(table, b->dim, one), a->dim));
        case O_GE:
            return truth(dim_le(table, b->dim, a->dim));
        case O_NE: /* provably different */
            return truth(dim_le(table, dim_add(table, a->dim, one), b->dim) ||
                         dim_le(table, dim_add(table, b->dim, one), a->dim));
        default:
            return truth(a->dim == b->dim);
        }
    }
    const double x = bound_number(a), y = bound_number(b);
    switch (op) {
    case O_EQ:
        return truth(bound_equal(a, b));
    case O_NE:
        return truth(!bound_equal(a, b));
    case O_LT:
        return x != x || y != y ? none() : truth(x < y);
    case O_LE:
        return x != x || y != y ? none() : truth(x <= y);
    case O_GT:
        return x != x || y != y ? none() : truth(x > y);
    default:
        return x != x || y != y ? none() : truth(x >= y);
    }
}

static Bound operation(const Term *term, const Binding *binding)
{
    const Bound a = term_value(term->arg[0], binding);
    if (term->op == O_NOT)
        return a.kind == B_TRUTH ? truth(!a.truth) : none();
    if (term->op == O_AND && a.kind == B_TRUTH && !a.truth)
        return a;
    if (term->op == O_OR && a.kind == B_TRUTH && a.truth)
        return a;
    const Bound b = term_value(term->arg[1], binding);
    if (term->op == O_AND)
        return a.kind == B_TRUTH && b.kind == B_TRUTH ? b : none();
    if (term->op == O_OR)
        return b.kind == B_TRUTH && (b.truth || a.kind == B_TRUTH) ? b : none();
    if (term->op <= O_DIV)
        return arithmetic(binding->context->dims, term->op, &a, &b);
    return comparison(binding->context->dims, term->op, &a, &b);
}

Bound term_value(const Term *term, const Binding *binding)
{
    Bound arg[8];
    switch (term->kind) {
    case TERM_INT:
        return number(binding, term->i);
    case TERM_FLOAT:
        return (Bound){.kind = B_FLOAT, .f = term->f};
    case TERM_STRING:
        return (Bound){.kind = B_STRING, .s = term->s};
    case TERM_SLOT:
        return binding->bound[term->slot];
    case TERM_CALL:
        for (int i = 0; i < term->narg; i++)
            arg[i] = term_value(term->arg[i], binding);
        return term->function->call(binding, arg);
    case TERM_LIST: {
        Bound list = list_new(binding, 0);
        for (int i = 0; i < term->narg && list.kind == B_DIMS; i++) {
            const Bound both[2] = {list, term_value(term->arg[i], binding)};
            list = f_join(binding, both);
        }
        return list;
    }
    default:
        return operation(term, binding);
    }
}
