/* manner.h -- what nodes do with the elements that they read, as far as it decides which values may be stored, or not,
 * without another bit in any result. */
#ifndef MANNER_H
#define MANNER_H
#include "../frontend/map.h"
#include "../frontend/ops/expr.h"

/* What a node's output is computed by; NULL: not by one expression for each element. */
const Expr *node_body(Node *node);
/* Whether elements of the node's output are those of its inputs, as casts and selections leave them. */
bool node_only_moves(Node *node);
/* Whether each element takes operations on others alone: none of them is a sum, however short. */
bool node_is_elementwise(Node *node);
/* Whether it is a sum along rows, or a product of matrices, a convolution among them. */
bool node_sums_in_order(Node *node);
bool node_is_product(const Node *node);
/* Which sums find_summed looks for: those along rows, whose order depends on whether they find their operands in memory
 * (codegen/vectorize.c, is_dot), or all but products of matrices, which find them there in any case. */
typedef enum { SUMS_OF_ROWS, SUMS_BUT_PRODUCTS } Sums;
/* By node id: such a sum reads what the node gives, as it is or by way of others that are not among the keys of
 * `stored` (NULL: by way of any). */
bool *find_summed(const Graph *graph, Sums sums, const Map *stored);
#endif
