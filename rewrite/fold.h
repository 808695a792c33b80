/* fold.h -- folding one node; see fold.c. */
#ifndef FOLD_H
#define FOLD_H
#include "pass.h"

/* Replaces the results of an inferred node by constants when they are known. Whether it did: the node is then removed.
 */
bool node_fold(Node *node);
/* The results of an inferred node whose operands have constants, one tensor for each output (NULL: not wanted); false
 * where they are not known before a run. */
bool node_compute(const Node *node, const Tensor **result);
/* Whether such a result is better left to the node, which says the same with less. */
bool is_blown_up(const Node *node, int64_t count);
/* Whether all elements of value are known to equal one number, ConstantOfShape and movement seen through. */
bool value_is_splat(const Value *value, double *number);
#endif
