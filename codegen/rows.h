/* rows.h -- nests over the edges of vertices: rows shared among threads, long ones cut in pieces (rows.c). */
#ifndef CODEGEN_ROWS_H
#define CODEGEN_ROWS_H
#include "nest_state.h"

/* The edges by whose vertices the outermost loop of a nest runs; NULL: it runs over something else. */
const Axis *find_rows(const Nest *nest, const Axis *outermost);
/* Whether the edges of a long row are so much work that several threads should share it. */
bool is_worth_cutting(Nest *nest, const Scope *scope);
/* Closes the loop over a nest's rows, in shares: those that are not long, where the others have a nest of their own
 * with the same nest->longest; or over the long ones. */
void close_shares(Nest *nest, const Scope *scope);
void close_long_rows(Nest *nest, const Scope *scope);

/* Whether a reduction is one over the edges of a long row. */
bool is_cut(const Nest *nest, const Expr *e, const Scope *scope);
/* Opens the totals of reductions over the same edges and finds them in pieces. */
void reduce_in_pieces(Nest *nest, Accumulator *batch, int count, Scope *scope);
#endif
