/* nest_state.h -- what the files of the nest builder share: nest.c opens loops, place.c puts expressions into them. */
#ifndef NEST_STATE_H
#define NEST_STATE_H
#include "../frontend/map.h"
#include "nest.h"

enum { LANE_BLOCK = 64, LANE_WHOLE = 256 }; /* lanes at once; up to this many constant ones are all at once */

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
    Value *output;
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

/* An empty nest; output may be NULL. */
Nest nest_new(const NestScope *in, Value *output);

/* Finds the facts of all expressions below the roots (NULL ones are skipped). */
void nest_study(Nest *nest, Expr *const *root, int count);
Facts *nest_facts(const Nest *nest, const Expr *e);

AxisSet axis_set_add(Nest *nest, AxisSet set, const Axis *axis);
bool axis_set_has(const Nest *nest, AxisSet set, const Axis *axis);
bool axis_set_covers(AxisSet all, AxisSet some);
AxisSet axis_set_without(const Nest *nest, AxisSet set, const Axis *axis);

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
/* Opens, inside scope, the loop over the lanes; its bounds. */
Expr *lane_lo(Nest *nest);
Expr *lane_hi(Nest *nest);
#endif
