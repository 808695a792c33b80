/* tensor.h -- numbers and strings that are known: initialisers, attributes, folded results, inputs of the evaluator. */
#ifndef TENSOR_H
#define TENSOR_H
#include "context.h"
#include "dtype.h"

enum { MAX_RANK = 16 };

typedef struct Tensor Tensor;

/* Elements in row-major order. The bytes are borrowed: from a file (file_bytes.h), or from the arena. */
struct Tensor {
    DType dtype;
    int rank;
    int64_t dim[MAX_RANK];
    int64_t count; /* elements: the product of dim */
    void *data;    /* count elements of dtype's storage type (STRING: count pointers to char) */
    bool splat;    /* all elements equal, data holds only the first */
};

Tensor *tensor_new(Context *context, DType dtype, int rank, const int64_t *dim); /* zeroed; fatal beyond the limits */
size_t tensor_bytes(const Tensor *tensor);                                       /* that data holds */
const void *tensor_at(const Tensor *tensor, int64_t i);                          /* its i-th element, splat or not */
int64_t tensor_int(const Tensor *tensor, int64_t i); /* of an integer or bool tensor; uint64 by its bits */
/* The i-th element as a number, whatever its type; integers beyond 2^53 are rounded. NaN of strings and complex
 * numbers. */
double tensor_number(const Tensor *tensor, int64_t i);
/* Sets an element of a tensor that is no splat to a number, rounded and saturated as Cast does it; false of strings and
 * complex numbers. */
bool tensor_set_number(Tensor *tensor, int64_t i, double number);
bool tensor_equal(const Tensor *a, const Tensor *b); /* bit for bit, type and shape included */
#endif
