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

/* An output's loops, outermost first: of a product those around it, then its row and column. */
typedef struct {
    Value *output;
    Axis *loop[3 * MAX_RANK];
    int nloop;
    int nshared;           /* the first loops that are those of the nest's largest output too */
    Expr *index[MAX_RANK]; /* of the output, in the loops' axes */
    Expr *body;
} Spatial;

/* The loops of outputs with bodies, indices taken apart where a body does so, and shared as far as they are equally
 * long from the outermost on. The number of the output with the most, whose loops the others share. */
int nest_spatials(const NestScope *in, const NestOutput *out, int count, Spatial *spatial);

/* The points of the inner loops of a nest's only output as outputs of their own, if those loops are short and functions
 * are saved by that; how many there are, 1: the output stays as it is. */
int write_out_points(Nest *nest, Spatial **spatial);

/* Columns that stand together in packed weights. */
enum { PANEL = 16 };

/* Whether there is a kernel that takes the nest. */
bool kernel_matches(Nest *nest, const Spatial *spatial);
/* The nest as the first kernel that takes it; false: derived loops are to be built. Of a library for CUDA it is only
 * the products; what is to be done with the sums then are loops of their own, the rest (empty: nothing is). */
bool kernel_build(Nest *nest, const Spatial *spatial, Block *block, Block *rest);
#endif
