/* placement.c -- on which side of a sum over neighbours a projection stands.
 *
 * A (x W) and (A x) W are the same real function. With R rows of x, V vertices and E edges, the first projects R rows
 * and gathers E rows of F_out numbers, the second projects V rows and gathers E rows of F_in numbers:
 *
 *     before   2 R F_in F_out + b E F_out          after   2 V F_in F_out + b E F_in
 *
 * b operations could be done while one number is gathered. Sizes are symbols: one side wins where that holds for all
 * values they may take; where it depends on them, both orders are compiled and a run takes the cheaper one (choice.c).
 */
#include "rule_terms.h"
#include "shape.h"

/* Four bytes from beyond the caches, at sixteen operations for a byte. */
enum { OPERATIONS_PER_NUMBER = 64 };

typedef struct {
    Dim *before, *after; /* NULL: cannot be told */
} Costs;

static Dim *product(DimTable *table, int64_t factor, Dim *a, Dim *b, Dim *c)
{
    return dim_mul(table, dim_const(table, factor), dim_mul(table, a, dim_mul(table, b, c)));
}

static Costs costs(const Binding *binding, const Bound *x)
{
    enum { X, W, SRC, N };
    DimTable *const table = binding->context->dims;
    int count;
    Dim **const n = x[N].kind == B_VALUE ? value_dims(x[N].value, &count) : NULL;
    for (int i = 0; i < 3; i++)
        if (!bound_is_tensor(&x[i]) || x[i].value->type.rank != (i == SRC ? 1 : 2))
            return (Costs){0};
    if (!n || count != 1)
        return (Costs){0};
    Dim *const rows = x[X].value->type.dim[0], *const edges = x[SRC].value->type.dim[0];
    Dim *const in = x[W].value->type.dim[0], *const out = x[W].value->type.dim[1], *const one = dim_const(table, 1);
    return (Costs){.before = dim_add(table, product(table, 2, rows, in, out),
                                     product(table, OPERATIONS_PER_NUMBER, edges, out, one)),
                   .after = dim_add(table, product(table, 2, n[0], in, out),
                                    product(table, OPERATIONS_PER_NUMBER, edges, in, one))};
}

/* Whether a is less than b: for all sizes, or, where some have it so and others not, for those of a run. */
static Bound is_less(const Binding *binding, Dim *a, Dim *b)
{
    DimTable *table = binding->context->dims;
    if (dim_le(table, b, a))
        return bound_truth(false);
    if (dim_le(table, a, b))
        return bound_truth(true);
    Bound choice = bound_list(binding, 2);
    choice.kind = B_CHOICE;
    choice.dims[0] = a;
    choice.dims[1] = b;
    return choice;
}

Bound placement_before(const Binding *binding, const Bound *x_W_src_n)
{
    const Costs c = costs(binding, x_W_src_n);
    return c.before ? is_less(binding, c.before, c.after) : bound_none();
}

Bound placement_after(const Binding *binding, const Bound *x_W_src_n)
{
    const Costs c = costs(binding, x_W_src_n);
    return c.before ? is_less(binding, c.after, c.before) : bound_none();
}
