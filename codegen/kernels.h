/* kernels.h -- bindings of nests to kernels: the rows of kernels.def. */
#ifndef KERNELS_H
#define KERNELS_H
#include "nest_state.h"

/* sum over k of a[.., row, k] * b[.., k, column], the only reduction of a nest. Offsets are of the elements where row,
 * column and k are 0, as INDEX expressions over the outer loops. */
typedef struct {
    Expr *reduce;
    Value *a, *b;
    Expr *a_offset, *b_offset;
    Dim *a_stride,
        *b_stride; /* of a row of a, or, when a_transposed, of k; of k in b, or, when b_transposed, of a column */
    bool a_transposed, b_transposed;
    Axis *row, *column;
    Dim *rows, *columns, *depth;
} Product;

/* How far outer axes reach into the nest: the loops around the product, then its row and column. */
typedef struct {
    Axis *loop[3 * MAX_RANK];
    int nloop;
    Expr *index[MAX_RANK]; /* of the output, in the loops' axes */
    Expr *body;
} Spatial;

/* The loops of an element with a body, their indices taken apart where the body does so. */
Spatial nest_spatial(const NestScope *in, const Element *element, int rank);

/* Columns that stand together in packed weights. */
enum { PANEL = 16 };

/* The nest as the first kernel that takes it; false: derived loops are to be built. */
bool kernel_build(Nest *nest, const Spatial *spatial, Block *block);
#endif
