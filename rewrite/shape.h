/* shape.h -- between dims and nodes: one spelling for shape arithmetic.
 *
 * Exporters compute shapes with a zoo of Shape, Gather, Unsqueeze, Concat ... Inference knows what they amount to, so
 * every integer operand whose elements are known as dims is computed anew in one way: a constant where it can be,
 * otherwise Shape <start, end> of a graph input (or, for sizes known only at run time, of the first value that has
 * them) and integer arithmetic on those. */
#ifndef SHAPE_H
#define SHAPE_H
#include "../frontend/ir.h"

/* The elements of an integer tensor of at most 64 elements, known as constants or dims; NULL when they are not. */
Dim **value_dims(const Value *value, int *count);

/* Whether nodes before `before` can compute these dims. */
bool dims_are_computable(const Node *before, Dim *const *dims, int count);

/* An int64 tensor of these dims, computed by nodes before `before`: a vector of `count`, or, when `scalar`, the one
 * element as a tensor of rank 0. NULL when it cannot be computed. */
Value *value_of_dims(Node *before, Dim *const *dims, int count, bool scalar);

/* The Reshape target that brings a tensor of type `from` to the shape `to`: 0 where an axis keeps its place, constants,
 * at most one -1; where these cannot say it, the dims themselves. Fills `target`, `rank` entries. False when there is
 * none: a 0 that no axis of `from` has. */
bool view_target(Context *context, const Type *from, Dim *const *to, int rank, Dim **target);

/* A tensor of the given rank (0 or 1) with one element, the number; NULL for a type without numbers. */
Tensor *tensor_of_number(Context *context, DType dtype, int rank, double number);

/* A new constant of the graph. */
Value *graph_constant(Graph *graph, const Tensor *tensor);
#endif
