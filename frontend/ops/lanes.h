/* lanes.h -- the scalar functions over blocks of values ("lanes"), as the interpreter runs them. */
#ifndef LANES_H
#define LANES_H
#include "loop.h"

/* Blocks are processed in chunks of this many lanes: buffers are a multiple of it long, and lanes behind the block's
 * end may be computed too. */
enum { LANE_CHUNK = 16 };

/* out[i] = scalar(a[i], b[i], c[i]) for i below n. An operand's step is LANE_CHUNK where it varies, 0 where all lanes
 * are equal (its first LANE_CHUNK elements are then the same). n is 1, or anything for which the buffers reach the next
 * multiple of LANE_CHUNK. */
typedef struct {
    const void *data;
    int64_t step;
} Operand;
typedef void Lanes(int64_t n, void *out, Operand a, Operand b, Operand c);

/* The function over operands of this compute type; NULL where the scalar is not defined for it. */
Lanes *lanes_scalar(Scalar scalar, DType operand);

/* Conversion as E_CAST has it: n lanes of compute type `from` to the compute type of `to`, rounded to `to`'s values. */
void lanes_cast(int64_t n, void *out, DType to, const void *in, DType from);

/* Elements as they are in memory to lanes of the compute type, and back. Values are representable: nothing is rounded.
 */
void lanes_load(int64_t n, void *out, const void *memory, DType type);
void lanes_store(int64_t n, void *memory, const void *in, DType type);

/* Bytes of one lane of a compute type. */
size_t lanes_size(DType type);
#endif
