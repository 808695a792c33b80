/* drawing.h -- a directed graph drawn in layers: boxes in rows, arrows downwards.
 *
 * Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures", 1981: rows by the
 * longest path, order in a row by the mean place of neighbours, places by least squares over neighbours. All arrows
 * that leave one box share the bends they take through the rows between. */
#ifndef DRAWING_H
#define DRAWING_H
#include "../frontend/arena.h"

typedef struct {
    double x, y;
} Point;

typedef struct {
    double width, height; /* given */
    Point centre;         /* found */
} Box;

typedef struct {
    int from, to; /* boxes; given. No cycles */
    Point *point; /* found: where it leaves, its bends, where it arrives */
    int npoint;
    int port, nport; /* found: which of how many arrows that arrive there, from the left */
} Arrow;

typedef struct {
    Box *box;
    int nbox;
    Arrow *arrow;
    int narrow;
    double width, height; /* found: everything lies in [0, width] x [0, height] */
} Drawing;

/* Finds places for the boxes and ways for the arrows. */
void drawing_find(Arena *arena, Drawing *drawing);
#endif
