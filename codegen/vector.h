/* vector.h -- what is computed in vectors (vectorize.c), or for chunks of points at once (stage.c). */
#ifndef CODEGEN_VECTOR_H
#define CODEGEN_VECTOR_H
#include "nest_state.h"

enum { LEAST_VECTOR = 8 }; /* lanes: no vector has more */

/* How a scalar function is written over vectors: an operator, or what comes behind "vector_"; NULL: not at all. */
const char *vector_function(Scalar scalar);
/* The same for functions that are approximated: what comes behind "scalar_" too. */
const char *approximated_function(Scalar scalar);
/* The same for comparisons, which give masks: of the operands, or of the operands swapped. */
const char *vector_comparison(Scalar scalar, bool *is_swapped);
/* Whether there is a form that takes an array. */
bool has_each_form(const Nest *nest, Scalar scalar);

/* Whether e can be computed for several values of the axis at once. */
bool can_vectorize(Nest *nest, const Expr *e, Axis *axis);
/* Whether e is worth vectors by itself: it calls a function that C compilers do not vectorize. */
bool wants_vectors(Nest *nest, const Expr *e, Axis *axis);
/* The lane along which a reduction's total can be found in vectors; NULL: none. */
Axis *vector_lane(Nest *nest, const Accumulator *accumulator);

/* A loop over vectors of `count` values of the lane, from base on (NULL: from 0). */
typedef struct {
    Axis *lane, *vector;
    Expr *base;
    int64_t count;
    Scope *scope; /* its body */
} VectorLoop;
VectorLoop vectors_open(Nest *nest, Scope *scope, Axis *lane, Expr *base, int64_t count);
void vectors_close(Nest *nest, const VectorLoop *loop);

/* Finds the totals of reductions over the same lanes, which stay in registers while the loops run. With chunks, they go
 * on from the totals there are. */
void reduce_vectors(Nest *nest, const Accumulator *const *batch, int count, ReductionLoops loops, Scope *scope);

/* Whether a reduction is a sum along memory, best done with vectors along its own axis; the total of one. */
bool is_dot(Nest *nest, const Expr *e, const Scope *scope);
Expr *place_dot(Nest *nest, Expr *e, Scope *scope);

/* Begins the body of the nest's first loop over edges with asking for the rows that edges some way ahead will read. */
void prefetch_ahead(Nest *nest, Scope *scope, const Axis *edges);

/* ---- stages ---- */
typedef struct Stages Stages;
/* What of these expressions is worth computing for a chunk of the axis's points at once; NULL: nothing. */
Stages *find_stages(Nest *nest, Axis *over, Expr *const *root, int count, Scope *scope);
/* Opens the loop over chunks and computes the stages of one. The scope for the loop over the chunk's points. */
Scope *open_stages(Nest *nest, Stages *stages, ReductionLoops *loops, Scope *scope);
void close_stages(Nest *nest, const Stages *stages);
#endif
