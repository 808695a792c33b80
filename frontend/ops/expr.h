/* expr.h -- what the files of the loop level share about expressions. */
#ifndef EXPR_H
#define EXPR_H
#include "loop.h"

/* The least and the greatest value an integer expression takes, as Dims; NULL: not known. */
typedef struct {
    Dim *low, *high;
} Range;
Range expr_range(Context *context, const Expr *e);

/* Integer and bool values of at most this many elements have them known one by one. */
enum { MAX_ELEMENTS = 64 };
/* The number of elements of a tensor type whose shape is known, if it is at most MAX_ELEMENTS; -1 otherwise. */
int64_t small_count(const Type *type);

/* Whether e is a constant of a type that is not floating. value may be NULL. */
bool expr_is_int(const Expr *e, int64_t *value);

/* The Dim that e is, a dimension or an integer constant; NULL for other expressions. */
Dim *expr_dim_of(Context *context, const Expr *e);
/* The rounds of an axis that begins at 0; NULL: they are no Dim (edges). The same as a number; -1: not known before. */
Dim *axis_extent(Context *context, const Axis *axis);
int64_t constant_extent(const Axis *axis);
/* The terms of a sum so short that nests write it out instead of looping; 0: it is not such a sum. What is the same for
 * every term of an outer reduction then stands outside it, and compilers need not find out that four steps are few. */
int64_t short_sum(const Expr *reduce);
/* The place of an element in memory, in elements: (i0 * d1 + i1) * d2 + i2 ... */
Expr *flat_index(Context *context, const Value *value, Expr *const *index);

/* a op b on numbers. Results that leave int64 saturate, which no legal shape can reach. */
int64_t index_apply(IndexOp op, int64_t a, int64_t b);

/* e made again with other operands (as many as it has), which the builder simplifies where it can. A reduction keeps
 * its axes. */
Expr *expr_rebuild(Context *context, const Expr *e, Expr *const *arg, Expr *const *index);

/* The i-th expression that e is made of: its operands, the indices of a load, the bounds of a reduction's axes, those
 * that there are, in this order; NULL beyond the last. */
Expr *expr_child(const Expr *e, int i);

/* A walk over expressions that meets each of them once: after begin, enters(e) is true the first time. One walk at a
 * time. */
void expr_walk_begin(Context *context);
bool expr_walk_enters(Context *context, const Expr *e);

/* ---- combinations, see combine.def ---- */
/* Whether the combination gives an index instead of a value. */
bool combine_is_arg(Combine combine);
/* What joins two values, for all combinations but SET. */
Scalar combine_scalar(Combine combine);
/* The combination of no values; infinite: the least or greatest of the type. */
double combine_neutral(Combine combine, DType dtype);
/* Of those that give an index: whether a value is better than the best so far, and whether the last of equals is taken.
 */
Scalar combine_better(Combine combine);
bool combine_takes_last(Combine combine);
#endif
