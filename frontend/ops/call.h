/* call.h -- how definitions of FORM_ROUTINE state a call of a function of runtime/. */
#ifndef CALL_H
#define CALL_H
#include "shorthand.h"

static inline Dim *size_times(Definition *d, Dim *a, int64_t b)
{
    return size_mul(d, a, size_const(d, b));
}

/* The product of an input's dimensions from axis `first` to before axis `end`. */
static inline Dim *extent(Definition *d, int input, int first, int end)
{
    Dim *product = size_const(d, 1);
    for (int axis = first; axis < end; axis++)
        product = size_mul(d, product, def_dim(d, input, axis));
    return product;
}

/* A call that reads the node's first inputs and writes its first outputs, in order; name and suffix as in Routine. */
Routine *call(Definition *d, const char *name, const char *suffix, int nin, int nout);
/* The next of its inputs, of the numbers in `n` and of those in `p`. */
void pass_input(Routine *routine, Value *value);
void pass(Routine *routine, Dim *n);
void pass_real(Routine *routine, double p);
/* An output size that the call defines, at most `limit`. The second form gives the same symbol for the same `key`
 * whenever the node is defined, whatever other sizes there are. */
Dim *defined_size(Definition *d, Routine *routine, Dim *limit);
Dim *defined_size_of(Definition *d, Routine *routine, int key, Dim *limit);

static inline const char *real_suffix(DType dtype)
{
    return dtype == F64 ? "f64" : "f32";
}
#endif
