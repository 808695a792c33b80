/* quantize.h -- scales and zero points, as quantized operators share them. */
#ifndef QUANTIZE_H
#define QUANTIZE_H
#include "shorthand.h"

/* The scale or zero point (an input) that belongs to the element at `index` of a tensor of this rank: one for all, one
 * for each index along `axis`, one for each block of `block` along it, or any shape that broadcasts (block 0). */
Expr *def_load_parameter(Definition *d, int input, Expr *const *index, int rank, int axis, int64_t block);
/* x - zero point in `type`; the zero point (an input that may be absent) as above. */
Expr *subtract_zero_point(Definition *d, Expr *x, int input, DType type, Expr *const *index, int rank, int axis,
                          int64_t block);
/* round half to even (x), plus a zero point (NULL: none), saturated to the integer or narrow float type. */
Expr *quantized(Definition *d, Expr *x, Expr *zero_point, DType to);
#endif
