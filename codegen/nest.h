/* nest.h -- from an Element (axes and a scalar expression) to statements: one loop nest.
 *
 * Each reduction stands in the outermost loop in which all it reads is bound; a subexpression that is used twice, or
 * that does not change in an inner loop, is a local variable. Where reductions vary along the innermost output axis,
 * that axis (the lane) goes inside: the sums become an array over it, so that C compilers vectorise along it and what
 * belongs to a step of the reduction (an attention weight) is computed once for all lanes. Every element is computed by
 * the same operations in the same order whatever the number of threads. */
#ifndef NEST_H
#define NEST_H
#include "codegen.h"
#include "name.h"
#include "simplify.h"

typedef struct Stmt Stmt;
typedef struct {
    Stmt *first, *last;
} Block;

typedef enum {
    STMT_FOR,      /* for axis in [lo, hi) by step: body */
    STMT_LET,      /* a constant local: target = value */
    STMT_VAR,      /* a local that changes: target = value (NULL: not set); count: an array of so many, all of the value
                    */
    STMT_SET,      /* target[index...] = value, or combined with it */
    STMT_EACH,     /* the first `value` elements of target, an array, each become `function` of themselves */
    STMT_PREFETCH, /* `lanes` elements of target from `value` on will be read soon */
    STMT_ROWS,  /* a constant local: target = `function` (of runtime/rows.h) of the `hi` rows whose edges begin as the
                   tensor `table` says, and of the value (NULL: none) */
    STMT_AXIS,  /* axis is value: for threads, which have no loop of it */
    STMT_TEAMS, /* for axis in [0, hi), the points of teams of threads; value: the length of a point's row: body */
    STMT_TAKE,  /* a constant local: target = what the lane `value` of this warp has in the local `source` */
    STMT_JOIN,  /* target[index...] = what the team's threads that differ in more than `lanes` have there, combined */
    STMT_IF,    /* if value: body, else otherwise */
    STMT_FAIL,  /* the function returns its BAD_INDEX status */
    STMT_TILE,  /* target, an array of TILE_ROWS x TILE_COLUMNS sums, = the tile of a product (see call) */
    STMT_NONZEROS,     /* target, an array of lists, = where the rows of a product's left matrix are not 0 (see call) */
    STMT_ADD_NONZEROS, /* target, a tensor, has the listed elements of a times rows of b added (see call) */
    STMT_FINITE,       /* a local: target = whether all elements of b are finite (see call) */
    STMT_SGEMM         /* target, a tensor, = a product, or several, by the library (see call) */
} StmtKind;

/* How the operands of a tile stand in memory: a by rows and b packed, both by rows, the same two where rows of a are
 * nearly all zeros, a by columns and b by rows; of the latter without the zeros of a there are no tiles, but sums in
 * memory. */
typedef enum {
    TILE_OF_WEIGHTS,
    TILE_OF_ROWS,
    TILE_OF_NONZEROS,
    TILE_OF_NONZEROS_BY_ROWS,
    TILE_OF_COLUMNS,
    SUMS_OF_NONZEROS,
    TILE_FORMS
} TileForm;

/* The operands of a product by a kernel: INDEX expressions, offsets in elements. */
typedef struct {
    TileForm form; /* STMT_TILE */
    Expr *rows, *columns, *depth;
    Value *a, *b;
    Expr *a_offset, *a_stride, *b_offset, *b_stride, *out_offset;
    bool a_transposed, b_transposed;   /* STMT_SGEMM */
    Expr *batches, *a_batch, *b_batch; /* ... of so many products, and how far apart their operands are; NULL: of one */
    Value *nonzeros;                   /* the lists of all rows it has been made for; NULL: none */
    Expr *nonzeros_offset;
    int64_t most;   /* numbers in a list */
    Expr *may_skip; /* STMT_NONZEROS: whether zeros may be left out; NULL: they may */
} KernelCall;
struct Stmt {
    StmtKind kind;
    Axis *axis;
    const char *axis_name; /* C identifier */
    Expr *lo, *hi;
    Expr *step;      /* STMT_FOR: NULL: 1 */
    Expr *next_at;   /* STMT_FOR: where the next round is, instead of a step further */
    Expr *work;      /* STMT_FOR: operations in the loop, when it may run in parallel; else NULL */
    bool is_spatial; /* STMT_FOR: its rounds do not depend on each other */
    bool is_lane;    /* STMT_FOR: over the innermost output axis, inside of what finds totals for all of it */
    bool is_serial;  /* ... it may not after all: its rounds follow from each other */
    bool with_next;  /* ... together with the loop that is all its body */
    bool is_unrolled;
    Axis *lane; /* STMT_FOR over vectors: the axis whose values in [lane_base, lane_base + lanes) they hold (NULL: 0) */
    const char *lane_name;
    Expr *lane_base;
    int64_t lanes;
    int chunk;     /* ... and they differ in length: a thread takes so many at once; 0: all threads get as many */
    Value *table;  /* STMT_ROWS */
    Value *target; /* a tensor, or a local: a Value that has a name and rank 0 or 1 */
    Expr **index;
    int nindex;
    Expr *value;
    Combine combine; /* COMBINE_SET: plain assignment */
    Expr *count;
    bool is_vector;       /* STMT_VAR, STMT_SET: of vectors */
    bool is_sum;          /* STMT_SET: the value is the sum of a vector's lanes */
    const char *function; /* STMT_EACH, STMT_ROWS; STMT_TEAMS: what the team is called */
    const Value *source;  /* STMT_TAKE */
    KernelCall call;      /* STMT_TILE to STMT_SGEMM */
    Block body, otherwise;
    Stmt *next;
};

/* What a step's nests share: the expressions of all of them in normal form. */
typedef struct {
    Context *context;
    Simplifier *simplifier;
    Names *names;                                                     /* of the C function the statements stand in */
    const char *upper;                                                /* prefix of macros: "GCN_" */
    const char *(*name_of)(void *who, const Value *value);            /* the C name of a tensor */
    Value *(*packed)(void *who, Value *weight, const Tensor *tensor); /* the weight in another layout */
    void *who;
    Blas blas;
    bool exact;      /* operations are not reordered */
    bool threads;    /* threads share the rounds of outermost loops */
    bool one_by_one; /* no vectors and no kernels but a library's: threads compute an element each ... */
    bool in_teams;   /* ... or several of them all elements along the innermost axis */
    Dim *operations; /* of the element whose nest is built, see cost.h; NULL: none are known */
} NestScope;

/* A tensor and what it is. */
typedef struct {
    Value *value;
    const Element *element;
} NestOutput;
/* The statements that compute an output; or several without updates, whose outermost loops are one. Every index that
 * comes from data must have been checked (see below). */
Block nest_of_outputs(const NestScope *scope, const NestOutput *out, int count);

/* Whether a kernel computes the output (see kernels.def). */
bool nest_is_kernel(const NestScope *scope, const NestOutput *out);

/* For CUDA: an output's body as the host's calls of a library, and the loops, for threads, over what is to be done with
 * the sums then (empty: nothing). False: no library computes it. */
bool nest_of_library(const NestScope *scope, const NestOutput *out, Block *calls, Block *rest);

/* An index that comes from data and must lie in [0, extent), or [-extent, extent) when it may count from the end. */
typedef struct Check Check;
struct Check {
    Expr *index;
    Dim *extent;
    bool may_wrap;
    Expr *condition; /* checked where this holds; NULL: everywhere */
    Axis **axis;     /* those that index and condition may read, outermost first */
    int naxis;
    Check *next;
};
/* The checks an element needs, in the order in which they must be made: one may read through an index checked before.
 */
Check *nest_checks(const NestScope *scope, const Element *element, int rank);
/* The statements that make a check. */
Block nest_of_check(const NestScope *scope, const Check *check);

/* Whether a block holds no statement. */
static inline bool block_is_empty(const Block *block)
{
    return !block->first;
}

/* Appends the statements of another block. */
static inline void block_join(Block *block, Block more)
{
    if (!more.first)
        return;
    if (block->last)
        block->last->next = more.first;
    else
        block->first = more.first;
    block->last = more.last;
}

/* Whether a Value is a local variable of a nest: it has a name and a type and belongs to no graph. */
static inline bool is_local(const Value *value)
{
    return !value->graph;
}
#endif
