/* nest_state.h -- what the files of the nest builder share: nest.c opens loops, place.c puts expressions into them. */
#ifndef NEST_STATE_H
#define NEST_STATE_H
#include "../frontend/map.h"
#include "nest.h"

/* Lanes at once; up to this many constant ones are all at once, more where they are computed in vectors. */
enum { LANE_BLOCK = 64, LANE_WHOLE = 256, VECTORS_WHOLE = 1024 };

/* A set of axes, by the order in which the nest met them. */
enum { MAX_AXES = 256 };
typedef struct {
    uint64_t bits[MAX_AXES / 64];
} AxisSet;

/* Where statements can stand: the body of a loop, or an arm of a selection. */
typedef struct Scope Scope;
struct Scope {
    Scope *outer;
    AxisSet bound;      /* axes whose loops are open, those of outer scopes too */
    bool is_arm;        /* runs only where a selection chose it: what may fault must not leave it */
    bool is_expression; /* an arm that is printed with ?: and can hold no statement */
    Block block;
    Map *placed; /* expression -> the expression that computes it from locals */
};

typedef struct {
    Context *context;
    Simplifier *simplifier;
    Names *names;
    Value *output; /* that is stored at the moment */
    const char *upper;
    const char *(*name_of)(void *who, const Value *value);
    Value *(*packed)(void *who, Value *weight, const Tensor *tensor);
    void *who;
    Blas blas;
    Map *axis_number; /* Axis -> its number + 1 */
    int naxis;
    Map *axis_name;
    Map *facts;       /* Expr -> Facts */
    Expr **reduction; /* all reductions below the roots */
    int nreduction, reduction_capacity;
    Axis *lane;                 /* NULL: none */
    Expr *lane_base, *lane_end; /* of the block of lanes that is open; NULL: all at once */
    int64_t lanes;
    Axis *outer_lane; /* a second one around it (heads around features), only where lanes are computed in vectors */
    int64_t outer_lanes;
    const char *vector_name; /* of the axes of loops over vectors */
    bool in_vectors;         /* all lanes are at once, and loops over them may be loops over vectors */
    bool exact;              /* operations are not reordered, functions are the C library's */
    bool has_prefetch;       /* a loop over edges asks for the rows of those to come */
    const Axis *edges;       /* of the vertices the outermost loop runs over; NULL: it runs over something else */
    Block before_rows;       /* what comes before that loop, for the windows of stage.c ... */
    Value *last_edge;        /* ... and the local that says where its edges end; NULL: there are no windows */
    const Axis *rows;        /* the edges whose vertices' rows threads share, see rows.h; NULL: none do */
    Expr *longest;           /* the most edges of a row that is not long */
    bool has_long_rows;      /* those have a nest of their own ... */
    bool in_long_rows;       /* ... which this is */
    bool in_piece;           /* of such a row */
} Nest;

/* What is known of an expression in its nest. */
typedef struct {
    AxisSet reads;   /* axes free in it */
    int uses;        /* expressions that read it */
    int cost;        /* operations, as a tree; saturates */
    bool may_fault;  /* loads: it may run only where its index is meant to be in range */
    bool is_pinned;  /* loads the output that is being computed, or divides by what may be 0: not to be moved */
    bool is_work;    /* more than index arithmetic: worth a local */
    bool reduces;    /* holds a reduction */
    bool is_certain; /* runs whenever the nest's point runs, not only in an arm of a selection */
} Facts;

static inline bool is_division(const Expr *e)
{
    return e->kind == E_INDEX && (e->u.op == I_DIV || e->u.op == I_MOD);
}

/* An empty nest; output may be NULL. */
Nest nest_new(const NestScope *in, Value *output);

/* Finds the facts of all expressions below the roots (NULL ones are skipped). */
void nest_study(Nest *nest, Expr *const *root, int count);
Facts *nest_facts(const Nest *nest, const Expr *e);

AxisSet axis_set_add(Nest *nest, AxisSet set, const Axis *axis);
bool axis_set_has(const Nest *nest, AxisSet set, const Axis *axis);
bool axis_set_covers(AxisSet all, AxisSet some);
AxisSet axis_set_without(const Nest *nest, AxisSet set, const Axis *axis);

const char *nest_axis_name(Nest *nest, const Axis *axis);

/* The same value from locals; appends to `scope` and the scopes around it the statements that takes. */
Expr *place(Nest *nest, Expr *e, Scope *scope);
/* The same as an INDEX, in a local if it takes any work. */
Expr *place_named(Nest *nest, Expr *e, Scope *scope);

Scope *scope_new(Nest *nest, Scope *outer, const Axis *axis);
Stmt *append(Nest *nest, Block *block, StmtKind kind);
/* Appends to the outer scope the loop whose body the scope holds. */
Stmt *close_loop(Nest *nest, Scope *scope, Axis *axis, Expr *lo, Expr *hi);
/* output[index...] = value, or combined with it */
void store(Nest *nest, Scope *scope, Expr *const *index, Combine combine, Expr *value);
Value *local_new(Nest *nest, const char *name, DType dtype, int rank);
/* A number that the C compiler knows by this name, which stands without the prefix. */
Expr *macro(Nest *nest, const char *name);
/* The axes that must be open where e is placed. */
AxisSet open_axes_of(Nest *nest, const Expr *e);
/* The outermost scope in which all that e reads is bound and in which it may run. */
Scope *target(Nest *nest, const Expr *e, Scope *scope);
/* What e was placed as, in the scope or around it; NULL: not yet. */
Expr *find_placed(const Scope *scope, const Expr *e);
/* A local for what `value` computes from locals; `e` tells its name and its range. */
Expr *let(Nest *nest, Scope *scope, const Expr *e, Expr *value);
/* The scope of an arm of a selection. */
Scope *arm_new(Nest *nest, Scope *outer, bool is_expression);

/* Whether a load is inside its tensor wherever its axes are, so that it may run where the nest would not ask for it. */
bool load_is_inside(const Nest *nest, const Expr *load);
/* How much further in memory one more of the axis leads, in elements; NULL: it varies. */
Dim *stride_along(Nest *nest, Expr *flat, Axis *axis);

/* ---- lanes (reduce.c) ---- */
enum { LANES_INNER = 1, LANES_OUTER = 2 };
/* The lanes e varies along and that are not bound at a scope; how many there are; the number of one of them. */
unsigned lanes_of(Nest *nest, const Expr *e, const Scope *at);
int64_t lane_count(const Nest *nest, unsigned lanes);
Expr *lane_index(Nest *nest, unsigned lanes);
/* The loops over lanes, inside scope; the innermost scope, which closes them. The bounds of the inner one. */
Scope *lane_open(Nest *nest, Scope *scope, unsigned lanes);
void lane_close(Nest *nest, Scope *scope, unsigned lanes);
Expr *lane_lo(Nest *nest);
Expr *lane_hi(Nest *nest);

/* ---- reductions (reduce.c) ---- */
enum { MAX_BATCH = 16, MAX_GATHERED = 4 };
/* One reduction while its loops are open. */
typedef struct {
    Expr *e;
    Value *total; /* rank 1: one for each lane */
    Value *best;  /* ARG_*: the value that stands at index `total` */
    unsigned lanes;
    Axis *vector; /* the lane along which it is found in vectors; NULL: one by one */
} Accumulator;
/* The loops of a reduction, or over points that are computed in stages, opened once or more. */
typedef struct {
    Axis *const *over;
    int nover;
    Expr *chunk_lo, *chunk_hi; /* instead of the outermost axis's bounds; NULL: all of it */
    Scope *scope[MAX_RANK + 1];
    Expr *lo[MAX_RANK], *hi[MAX_RANK];
} ReductionLoops;

/* Where the range of a reduction's axis ends; of a part, in a local. */
Expr *place_end(Nest *nest, const Axis *axis, Scope *scope);
/* What comes before a loop over the rows of edges that ends before row `end`. */
Block before_rows(Nest *nest, Expr *end);
Expr *place_reduction(Nest *nest, Expr *e, Scope *scope);
/* Declares a total and gives it its first value, unless that is done later. */
void open_accumulator(Nest *nest, Accumulator *accumulator, Scope *scope, bool is_set_later);
/* Finds the totals of a batch of reductions, which it opens: over all of their range, or a chunk of it. */
void reduce(Nest *nest, Accumulator *batch, int count, ReductionLoops loops, Scope *scope);
/* The value at index `at` becomes the total of an ARG_* if it is the better one. */
void take_better(Nest *nest, const Accumulator *accumulator, Scope *scope, Expr *value, Expr *at);
Scope *reduction_open(Nest *nest, ReductionLoops *loops, Scope *scope);
void reduction_close(Nest *nest, ReductionLoops *loops);
/* What a combination starts from. */
Expr *reduction_start(Nest *nest, Combine combine, DType dtype);
Expr *load_total(Nest *nest, Value *total, unsigned lanes);
Stmt *set_total(Nest *nest, Scope *scope, Value *total, unsigned lanes, Combine combine, Expr *value);
#endif
