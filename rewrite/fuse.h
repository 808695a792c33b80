/* fuse.h -- what the two halves of fusion share: fuse_plan.c decides, fuse.c builds the groups.
 *
 * What a group guarantees. A group is a model-local function of the domain o2c and a call node in place of the nodes it
 * took. It can be lowered to one loop nest over the axes of its outputs by substituting every inner value's Element
 * into its readers, because
 *   - its nodes are elementwise or index operators with one output each (composed ones were expanded before), and only
 *     the last may have an Update;
 *   - of several outputs all are of one kind of vertices: reductions over the edges of one gnn.Csr that read the same
 * rows, or one that reads another's elements where it has computed them (fuse_join.c);
 *   - an inner value that needs more than a few operations is read once for every element it has, or depends only on
 * loops that stand outside those of its reader, so the nest computes it once there (loop.h: a reduction is placed in
 * the outermost loop in which all it reads is bound);
 *   - its segment reductions all run over the edges of one gnn.Csr, and values of the edges are recomputed, never
 * stored: a projection of edges' rows is computed row by row where the nest wants one;
 *   - it holds at most one contraction (MatMul, Gemm, Conv ...), and none beside other reductions, whose operands
 * come from outside the group: a kernel can take it, the rest being its epilogue;
 *   - constants of few elements are Constant nodes of its body, so that they print as literals. */
#ifndef FUSE_H
#define FUSE_H
#include "../frontend/map.h"
#include "../frontend/ops/op.h"

/* How a reader's loops meet the elements of a value, from harmless to hopeless. Along a chain the worst counts. */
typedef enum {
    READ_ONCE,    /* each element once */
    READ_OUTSIDE, /* its indices are those of outer loops: computed once there */
    READ_TARGET,  /* per edge at the edge's target: computed once per vertex */
    READ_FEW,     /* each element a constant few times */
    READ_AGAIN    /* elements are read again and again, in any order */
} Reading;

typedef enum {
    WORK_NONE,        /* moves elements: Reshape, Gather, Expand ... */
    WORK_SCALAR,      /* a few operations on each element, very short sums among them */
    WORK_REDUCTION,   /* a reduction */
    WORK_SEGMENT,     /* a reduction over the edges of a vertex */
    WORK_CONTRACTION, /* a sum of products: MatMul, Gemm, Conv ... */
    WORK_APART        /* not to be fused: an Update, a routine, control flow, several outputs */
} Work;

typedef struct {
    Node *node;
    Work work;
    const Element *element; /* of its output; NULL when work is WORK_APART and there is none */
    bool is_cheap;          /* work is WORK_REDUCTION, of a few terms */
    bool is_again;          /* it is computed from nothing but what was kept for that (o2c.Kept, late) */
    bool inlined;           /* its readers recompute it: it is no root */
    Node *root;             /* the root of the one group it is in; NULL: it is in several */
    Reading reading;        /* how the nests it is in read it ... */
    bool summed;            /* ... and that a reduction along its rows does */
    const Csr *csr;         /* roots: the edges that the group's segment reductions run over; NULL: it has none */
    int contractions;       /* roots: in the group ... */
    int reductions;         /* ... and other reductions, over edges among them */
    int nodes;              /* roots: in the group, without the root */
    Node *nest;             /* roots: the first of those that are computed together; NULL: it is alone */
    Node *next_in_nest;     /* ... and the next of them */
} Fusion;

/* The most nodes that are inlined into a group: bounds the depth of a nest's expressions, whatever the length of the
 * model's chains. */
enum { MAX_GROUP = 100 };

/* Whether a reduction is a sum of products of two tensors' elements. */
bool expr_is_contraction(const Expr *reduce);

/* Decides for every node of the graph and of those inside of it; by node id (graph->context->node_count of them). */
Fusion *fuse_plan(Graph *graph);
/* Decides which roots are computed together. `edges` has the values that have a row for each edge as keys. */
void fuse_join(Graph *graph, Fusion *plan, const Map *edges);
#endif
