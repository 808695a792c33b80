/* rule_terms.c -- what stands in guards, attributes and braces of a rule: sums, comparisons and calls of the functions
 * in rule_functions.c.
 *
 * Integers are Dims: `rows(x) <= rows(y)` is asked of symbols and holds only when it holds for all their values. A term
 * that cannot be told has no value, and a guard without a value fails. */
#include "rule_terms.h"

/* ---- operators ---- */
static Bound arithmetic(DimTable *table, TermOperator op, const Bound *a, const Bound *b)
{
    if (a->kind == B_DIM && b->kind == B_DIM) {
        switch (op) {
        case O_ADD:
            return bound_size(dim_add(table, a->dim, b->dim));
        case O_SUB:
            return bound_size(dim_sub(table, a->dim, b->dim));
        case O_MUL:
            return bound_size(dim_mul(table, a->dim, b->dim));
        default:
            return dim_lower(b->dim) > 0 ? bound_size(dim_floor_div(table, a->dim, b->dim)) : bound_none();
        }
    }
    const double x = bound_number(a), y = bound_number(b);
    if (x != x || y != y)
        return bound_none();
    return (Bound){.kind = B_FLOAT, .f = op == O_ADD ? x + y : op == O_SUB ? x - y : op == O_MUL ? x * y : x / y};
}

/* Sums and differences of lists of equal length, element by element. */
static Bound list_arithmetic(const Binding *binding, TermOperator op, const Bound *a, const Bound *b)
{
    Bound list = bound_list(binding, a->count);
    for (int i = 0; i < a->count; i++) {
        const Bound x = bound_size(a->dims[i]), y = bound_size(b->dims[i]);
        const Bound element = arithmetic(binding->context->dims, op, &x, &y);
        if (element.kind != B_DIM)
            return bound_none();
        list.dims[i] = element.dim;
    }
    return list;
}

static Bound comparison(DimTable *table, TermOperator op, const Bound *a, const Bound *b)
{
    if (a->kind == B_NONE || b->kind == B_NONE)
        return bound_none();
    if (a->kind == B_DIM && b->kind == B_DIM) {
        Dim *const one = dim_const(table, 1);
        switch (op) {
        case O_LT:
            return bound_truth(dim_le(table, dim_add(table, a->dim, one), b->dim));
        case O_LE:
            return bound_truth(dim_le(table, a->dim, b->dim));
        case O_GT:
            return bound_truth(dim_le(table, dim_add(table, b->dim, one), a->dim));
        case O_GE:
            return bound_truth(dim_le(table, b->dim, a->dim));
        case O_NE: /* provably different */
            return bound_truth(dim_le(table, dim_add(table, a->dim, one), b->dim) ||
                               dim_le(table, dim_add(table, b->dim, one), a->dim));
        default:
            return bound_truth(a->dim == b->dim);
        }
    }
    const double x = bound_number(a), y = bound_number(b);
    switch (op) {
    case O_EQ:
        return bound_truth(bound_equal(a, b));
    case O_NE:
        return bound_truth(!bound_equal(a, b));
    case O_LT:
        return x != x || y != y ? bound_none() : bound_truth(x < y);
    case O_LE:
        return x != x || y != y ? bound_none() : bound_truth(x <= y);
    case O_GT:
        return x != x || y != y ? bound_none() : bound_truth(x > y);
    default:
        return x != x || y != y ? bound_none() : bound_truth(x >= y);
    }
}

static Bound operation(const Term *term, const Binding *binding)
{
    const Bound a = term_value(term->arg[0], binding);
    if (term->op == O_NOT)
        return a.kind == B_TRUTH ? bound_truth(!a.truth) : bound_none();
    if (term->op == O_AND && a.kind == B_TRUTH && !a.truth)
        return a;
    if (term->op == O_OR && a.kind == B_TRUTH && a.truth)
        return a;
    const Bound b = term_value(term->arg[1], binding);
    if (term->op == O_AND)
        return a.kind == B_TRUTH && b.kind == B_TRUTH ? b : bound_none();
    if (term->op == O_OR)
        return b.kind == B_TRUTH && (b.truth || a.kind == B_TRUTH) ? b : bound_none();
    if (term->op <= O_DIV && a.kind == B_DIMS && b.kind == B_DIMS && a.count == b.count)
        return list_arithmetic(binding, term->op, &a, &b);
    if (term->op <= O_DIV)
        return arithmetic(binding->context->dims, term->op, &a, &b);
    return comparison(binding->context->dims, term->op, &a, &b);
}

Bound term_value(const Term *term, const Binding *binding)
{
    Bound arg[8];
    switch (term->kind) {
    case TERM_INT:
        return bound_integer(binding, term->i);
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
        Bound list = bound_list(binding, 0);
        for (int i = 0; i < term->narg && list.kind == B_DIMS; i++) {
            const Bound both[2] = {list, term_value(term->arg[i], binding)};
            list = bounds_join(binding, both);
        }
        return list;
    }
    default:
        return operation(term, binding);
    }
}
