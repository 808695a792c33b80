/* simplify.h -- expressions in normal form: equal ones become one pointer, index arithmetic is simplified over ranges,
 * and loads through the edge permutation of a vertex become the vertex.
 *
 *     (h * 8 + f) / 8 -> h      target[order[e]] -> v      source[order[e]] -> from[e]
 *
 * Reductions over the same range share one axis, unless one stands inside the other, so that a subexpression of two
 * loops over the edges of v is one expression. */
#ifndef SIMPLIFY_H
#define SIMPLIFY_H
#include "../frontend/ops/expr.h"

typedef struct Simplifier Simplifier;
Simplifier *simplifier_new(Context *context);

/* e in normal form. Memoised: calls share what they have in common. */
Expr *simplify(Simplifier *simplifier, Expr *e);

/* Short sums are not written out: for those who count them. To be called first. */
void simplifier_keep_sums(Simplifier *simplifier);

/* From now on `axis` is this expression (in normal form) wherever it stands. Earlier results keep it. */
void simplifier_replace_axis(Simplifier *simplifier, const Axis *axis, Expr *by);

/* e, in normal form, with factors that do not change in a sum taken out of it (factor.c). */
Expr *factor_sums(Simplifier *simplifier, Context *context, Expr *e);
#endif
