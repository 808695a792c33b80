/* loop.h -- the loop level: what an operator means, as the value of one output element over index variables.
 *
 * A definition gives each output axes (one for each dimension) and a scalar expression, the body, in which the axes are
 * free. `y[p, j, s] = data[p, wrap(indices[j]), s]` is a body of one LOAD whose middle index is a WRAP of another LOAD.
 * From this one form follow evaluation, shape arithmetic at compile time, C, fusion by substitution, operation and byte
 * counts. An axis runs over [lo, hi) where both are expressions, so a dense extent and "the edges of v"
 * ([row[v], row[v+1])) are one thing.
 *
 * Expressions are immutable and may be shared (a DAG); every pass over them memoises. */
#ifndef LOOP_H
#define LOOP_H
#include "../ir.h"

typedef struct Expr Expr;
typedef struct Axis Axis;
typedef struct Definition Definition;

/* The scalar functions: rows of scalar.def, e.g. S_ADD, S_EXP, S_RELU. */
typedef enum {
#define SCALAR(name, arity, result, floating, signed_, unsigned_, boolean) S_##name,
#include "scalar.def"
#undef SCALAR
    NUM_SCALAR
} Scalar;

typedef enum {
    E_CONST,  /* a number of type dtype */
    E_DIM,    /* a dimension, as INDEX */
    E_AXIS,   /* the value of an axis, as INDEX */
    E_LOAD,   /* value[arg0, arg1 ...]: one INDEX for each dimension; gives the compute type of the value's elements */
    E_CALL,   /* scalar(arg0, arg1, arg2): all of one type */
    E_INDEX,  /* index arithmetic on INDEX operands: see IndexOp; never overflows for legal shapes, so plain C */
    E_CAST,   /* arg0 as dtype; float to integer saturates, NaN gives 0; to a converted type rounds to its values */
    E_SELECT, /* arg0 ? arg1 : arg2; only the chosen one is evaluated, so it may guard a LOAD */
    E_WRAP,   /* data as index: arg0 (an integer from data) in [0, dim), negative ones from the end; else an error */
    E_CHECK,  /* the same without wrapping: a negative one is an error too (vertex numbers) */
    E_REDUCE  /* combine over `axis` (a list) of arg0; an empty range gives arg1 (NULL: the neutral element) */
} ExprKind;

/* The type of axes, dims and index arithmetic: int64 known not to overflow. Not an ONNX type. */
#define INDEX I64 /* the same C type */

// clang-format off
typedef enum { I_ADD, I_SUB, I_MUL, I_DIV, I_MOD, I_MIN, I_MAX, I_LESS, I_LESS_EQUAL, I_EQUAL, I_AND, I_OR,
               I_NOT } IndexOp; /* DIV floors */

// clang-format on

/* How values are combined by reductions and updates: rows of combine.def, e.g. COMBINE_ADD. */
typedef enum {
#define COMBINE(name, scalar, neutral)                     COMBINE_##name,
#define COMBINE_INDEX(name, scalar, neutral, better, last) COMBINE_##name,
#include "combine.def"
#undef COMBINE
#undef COMBINE_INDEX
    NUM_COMBINE
} Combine;

/* Edges grouped by vertex, see gnn.Csr: `order`[e] is the number of edge e in the model's order, `target` the model's
 * index vector, and `from`[e] == source[order[e]] the edge's checked source (both NULL where there is none). */
typedef struct {
    Value *row, *order, *target, *source, *from;
} Csr;

struct Axis {
    const char *name; /* "i", "v", "k": a hint for printing */
    Expr *lo, *hi;    /* INDEX expressions over axes outside this one */
    int id;           /* unique in the context */
    bool is_bound;    /* by a reduction: a second one gets a copy, so that no two bind the same axis */
    /* An axis over the edges of vertex `of`: lo = row[of], hi = row[of + 1], and target[order[e]] == of for all e
     * between; both NULL otherwise. */
    Expr *of;
    const Csr *csr;
    /* An axis over one part of a longer range, `whole`: which part; both NULL otherwise. */
    Expr *part;
    const Axis *whole;
};
enum { MAX_OPERANDS = 3 };
struct Expr {
    ExprKind kind;
    DType dtype; /* of the result: a compute type, INDEX or BOOL */
    int narg;
    Expr *arg[MAX_OPERANDS]; /* the indices of a LOAD stand in `index` */
    union {
        double f;        /* E_CONST of a floating type */
        int64_t i;       /* E_CONST of any other (U64: its bits) */
        Dim *dim;        /* E_DIM; E_WRAP, E_CHECK: the extent */
        Axis *axis;      /* E_AXIS */
        Value *value;    /* E_LOAD */
        Scalar scalar;   /* E_CALL */
        IndexOp op;      /* E_INDEX */
        Combine combine; /* E_REDUCE */
    } u;
    Expr **index; /* E_LOAD: as many as the value's rank */
    Axis **over;  /* E_REDUCE: its axes, outermost first */
    int nover;
    DType storage; /* E_CAST: the type rounded to when it is a converted one (F16 ...), else dtype */
    int id;        /* unique in the context, for memo tables */
};

/* An update: for all points of `over` in order, outermost first, where `guard` holds (NULL: everywhere),
 * out[at...] = combine(out[at...], value). The value may load the output itself, which makes recurrences (CumSum). */
typedef struct {
    Axis **over;
    int nover;
    Expr **at; /* as many as the output's rank */
    Expr *guard, *value;
    Combine combine;
} Update;

/* What one output is: body over the axes, then the update if there is one. */
typedef struct {
    Axis *axis[MAX_RANK]; /* lo 0, hi the dimension */
    Expr *body;           /* of the output's compute type; NULL: uninitialised before the update */
    Update *update;
} Element;

/* ---- make: the builder. Small simplifications (x + 0, 2 * 3) happen here; constants fold. ---- */
Axis *axis_new(Context *context, const char *name, Expr *lo, Expr *hi);
Axis *axis_dim(Context *context, const char *name, Dim *extent); /* [0, extent) */
Expr *expr_float(Context *context, DType dtype, double value);
Expr *expr_int(Context *context, DType dtype, int64_t value);
Expr *expr_index(Context *context, int64_t value);
Expr *expr_dim(Context *context, Dim *dim);
Expr *expr_axis(Context *context, Axis *axis);
Expr *expr_load(Context *context, Value *value, Expr *const *index);
Expr *expr_call1(Context *context, Scalar scalar, Expr *a);
Expr *expr_call2(Context *context, Scalar scalar, Expr *a, Expr *b);
Expr *expr_call3(Context *context, Scalar scalar, Expr *a, Expr *b, Expr *c);
Expr *expr_arith(Context *context, IndexOp op, Expr *a, Expr *b); /* b NULL for I_NOT */
Expr *expr_cast(Context *context, Expr *a, DType to);             /* `to` may be a converted type: rounds */
Expr *expr_select(Context *context, Expr *condition, Expr *a, Expr *b);
Expr *expr_wrap(Context *context, Expr *a, Dim *extent);
Expr *expr_check(Context *context, Expr *a, Dim *extent);
Expr *expr_reduce(Context *context, Combine combine, Axis *const *over, int nover, Expr *body, Expr *empty);

/* ---- ask and change ---- */
/* Whether both, of which either may be NULL, are one grouping. */
bool csr_equal(const Csr *a, const Csr *b);
/* Whether e depends on the axis (free in it). */
bool expr_reads_axis(Context *context, const Expr *e, const Axis *axis);
bool expr_reads_value(Context *context, const Expr *e, const Value *value);
/* e with axes replaced by expressions and loads of values by what `load` gives (NULL from it: keep the load). Bound
 * axes of reductions are copied, so an expression may be substituted into itself. Memoised. */
typedef Expr *LoadRewrite(void *who, Value *value, Expr *const *index);
Expr *expr_substitute(Context *context, Expr *e, Axis *const *from, Expr *const *to, int count, LoadRewrite *load,
                      void *who);
/* The scalar row: arity, C text with operands a, b, c (see scalar.def), result type. */
typedef struct {
    const char *name;
    int arity;
    const char *text;
    bool gives_bool;
} ScalarInfo;
const ScalarInfo *scalar_info(Scalar scalar, DType operand); /* NULL: not defined for that type */
/* Symbolic evaluation of an integer expression with the axes at constants: the Dim it equals, or NULL. Loads read the
 * `element` of their value. This is how shape arithmetic is done at compile time. */
Dim *expr_as_dim(Context *context, const Expr *e, Axis *const *axis, const int64_t *at, int count);
/* The element of this row-major number of an integer or bool value: from its constant or its elements; NULL: not known.
 */
Dim *value_element(Context *context, const Value *value, int64_t number);
void expr_print(const Expr *e, FILE *to); /* for people: y[i] = ... */
#endif
