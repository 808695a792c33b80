/* sample.h -- values between the points of a grid. */
#ifndef SAMPLE_H
#define SAMPLE_H
#include "shorthand.h"

typedef enum { NEAREST, LINEAR, CUBIC } Interpolation;

/* The weight of a point at this distance (a floating expression); `a` is the parameter of the cubic. */
Expr *interpolation_weight(Definition *d, Interpolation interpolation, Expr *distance, double a);
/* The integer below or at x, as an index. */
Expr *floor_index(Definition *d, Expr *x);
/* i brought into [0, extent). */
Expr *index_clamp(Definition *d, Expr *i, Dim *extent);
static inline Expr *literal(Definition *d, const Expr *like, double value)
{
    return expr_float(d->context, like->dtype, value);
}
#endif
