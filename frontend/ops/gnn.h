/* gnn.h -- the operators of domain gnn as passes and codegen see them: which they are, and what their inputs hold.
 *
 * A segment operator (a row with is_segment) combines what the edges of each vertex carry. Its edges are grouped where
 * they come with the vectors that gnn.Csr makes. gnn.c defines them, gnn.onnxtxt says the same as ONNX functions. */
#ifndef GNN_H
#define GNN_H
#include "op.h"

/* Inputs of every segment operator: a row for each edge, the vertex of each edge, the number of vertices; behind them,
 * where the edges are grouped, gnn.Csr's row and order, and the vector that its `from` was made of with that. */
enum { SEGMENT_X, SEGMENT_TARGET, SEGMENT_COUNT, SEGMENT_ROW, SEGMENT_ORDER, SEGMENT_SOURCE, SEGMENT_FROM };

/* Inputs and outputs of gnn.Csr; CSR_ROWS: of how many rows the sources are numbers. */
enum { CSR_TARGET, CSR_COUNT, CSR_SOURCE, CSR_ROWS };
enum { CSR_ROW, CSR_ORDER, CSR_FROM };

/* An input, NULL where it is not given. */
static inline Value *node_input(const Node *node, int slot)
{
    return slot < node->nin ? node->in[slot] : NULL;
}

static inline bool is_segment(const Node *node)
{
    return node->op && node->op->is_segment;
}

static inline bool is_grouped_segment(const Node *node)
{
    return is_segment(node) && node_input(node, SEGMENT_ROW);
}

static inline bool is_csr(const Node *node)
{
    return node_is(node, "gnn", "Csr");
}
#endif
