/* fold.h -- folding one node; see fold.c. */
#ifndef FOLD_H
#define FOLD_H
#include "pass.h"

/* Replaces the results of an inferred node by constants when they are known. Whether it did: the node is then removed.
 */
bool node_fold(Node *node);
/* Whether all elements of value are known to equal one number, ConstantOfShape and movement seen through. */
bool value_is_splat(const Value *value, double *number);
#endif
