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

/* A call that reads the node's inputs and writes its outputs, in order. */
static inline Routine *call(Definition *d, const char *name, const char *suffix, int nin, int nout)
{
    Routine *routine = def_routine(d, name, suffix);
    for (int i = 0; i < nin; i++)
        routine->in[i] = def_has(d, i) ? d->node->in[i] : NULL;
    routine->nin = nin;
    routine->nout = nout;
    return routine;
}

/* The next number in `n`. */
static inline void pass(Routine *routine, Dim *n)
{
    routine->n[routine->nn++] = n;
}

/* An output size that the call defines, at most `limit`. */
static inline Dim *defined_size(Definition *d, Routine *routine, Dim *limit)
{
    Dim *size = dim_fresh(d->context->dims, d->node, routine->nsize, limit);
    routine->size[routine->nsize++] = size;
    return size;
}

static inline const char *real_suffix(DType dtype)
{
    return dtype == F64 ? "f64" : "f32";
}
#endif
