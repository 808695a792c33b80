/* rule_terms.h -- what rule_terms.c and rule_functions.c share: the values of terms. */
#ifndef RULE_TERMS_H
#define RULE_TERMS_H
#include "pattern.h"

struct TermFunction {
    const char *signature, *what; /* "dim(x, i)", and what it gives */
    Bound (*call)(const Binding *binding, const Bound *arg);
};

/* placement.c: whether x W should be computed before, or after, the rows of x at `src` are summed for n vertices. */
Bound placement_before(const Binding *binding, const Bound *x_W_src_n);
Bound placement_after(const Binding *binding, const Bound *x_W_src_n);

/* The list of the elements of two lists, either of which may be a single size; none when one is neither. */
Bound bounds_join(const Binding *binding, const Bound *x);

static inline Bound bound_none(void)
{
    return (Bound){0};
}
static inline Bound bound_truth(bool holds)
{
    return (Bound){.kind = B_TRUTH, .truth = holds};
}
static inline Bound bound_integer(const Binding *binding, int64_t i)
{
    return (Bound){.kind = B_DIM, .dim = dim_const(binding->context->dims, i)};
}
static inline Bound bound_size(Dim *dim)
{
    return dim ? (Bound){.kind = B_DIM, .dim = dim} : bound_none();
}
static inline Bound bound_list(const Binding *binding, int count)
{
    return (Bound){.kind = B_DIMS, .count = count, .dims = ARENA_ARRAY(binding->context->arena, count, Dim *)};
}
static inline bool bound_is_tensor(const Bound *b)
{
    return b->kind == B_VALUE && b->value->type.kind == TENSOR && b->value->type.rank >= 0;
}
static inline bool bound_is_integer(const Bound *b, int64_t *i)
{
    return b->kind == B_DIM && dim_is_const(b->dim, i);
}
#endif
