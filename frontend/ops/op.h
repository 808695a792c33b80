/* op.h -- the operator registry: a row for each operator, and what a row's definition is written with.
 *
 * Rows stand beside their definitions in the files of this folder. An operator's meaning takes one of five forms:
 *   elementwise  `scalar` names a row of scalar.def; broadcasting, types and shapes follow
 *   index        `define` builds each output's Element with loop.h
 *   composed     `compose` gives the body for a node, an ONNX function made from the text of composed.onnxtxt
 *   routine      `define` gives types and a Routine: a C function in runtime/ that programs carry
 *   control      If, Loop, Scan ...: `define` gives types; evaluator and codegen know the form
 * Only the newest version of an operator is defined; upgrade.c brings older nodes there. */
#ifndef OP_H
#define OP_H
#include "loop.h"

typedef enum { FORM_ELEMENTWISE, FORM_INDEX, FORM_COMPOSED, FORM_ROUTINE, FORM_CONTROL } OpForm;

/* A call of a function of runtime/: int o2c_NAME(const void *const in[], void *const out[], const int64_t n[],
 * const double p[], void *scratch); see runtime/runtime.h. */
typedef struct {
    const char *name;   /* "topk"; its file is runtime/topk.c */
    const char *suffix; /* "f32": the function is o2c_topk_f32; "" where there is one for all types */
    Value **in;         /* NULL passes NULL */
    int nin, nout;      /* outputs are the node's, in order; then one int64 for each entry of `size` */
    unsigned spare;     /* outputs, by bit, that are NULL where nobody reads them */
    Dim **n;            /* sizes and integer parameters */
    int nn;
    double *p;
    int np;
    Dim *scratch;    /* bytes */
    Dim *operations; /* comparisons, additions ... on numbers; NULL: not counted */
    Dim **size;      /* fresh symbols the call defines: written as int64 after the node's outputs */
    int nsize;
    Arena *arena; /* where the lists grow; call.h appends to them */
} Routine;

/* The routine's function, linked into the evaluator (routine.c); NULL when there is none of that name and suffix. */
typedef int RoutineFunction(const void *const in[], void *const out[], const int64_t n[], const double p[],
                            void *scratch);
RoutineFunction *routine_function(const Routine *routine);

/* What a node means, filled by `define`. */
struct Definition {
    Node *node;
    Context *context;
    Element *element;      /* by output; for elementwise and index forms */
    Routine *routine;      /* for routines; of others, what gives sizes that their elements speak of: it runs first */
    Requirements requires; /* what the definition takes for granted of sizes that are not known: see size_same */
    bool failed;
};

// clang-format off
struct Op {
    const char *name, *domain;
    /* "data:T indices:I axes:int64? rest:T* -> output:T extra:T?  |  T=any I=int32,int64"
     * ? optional, * variadic (last; at least one unless *?). A type is a variable bound after the bar or, in place, a list of
     * ONNX element type names (int64, float16, ...; float32 for float) and classes:
     *   float    float16 bfloat16 float32 double          integer  signed and unsigned of 8 to 64 bits
     *   number   float and integer                        signed, unsigned   their integers
     *   float8   the five 8-bit floats                    narrow   int4 uint4 int2 uint2 float4e2m1 and the float6
     *   any      every tensor, strings and bool included  complex  complex64 complex128
     *   sequence, optional, map   values of that kind     value    anything
     * Inputs that share a variable have one element type; outputs may share it too, or be given by define. */
    const char *schema;
    /* "axis:int=0 keepdims:int=1 mode:string=constant perm:ints? body:graph": kinds int float string tensor graph type ints
     * floats strings; = a default, ? optional, neither: required. */
    const char *attributes;
    OpForm form;
    Scalar scalar;                           /* FORM_ELEMENTWISE: its operands are the inputs, then the attributes in
                                                the row's order as constants */
    void (*define)(Definition *definition);  /* FORM_INDEX, FORM_ROUTINE, FORM_CONTROL */
    Graph *(*compose)(Node *node);           /* FORM_COMPOSED: a body for this node; NULL after errors in the report */
    int since;                               /* opset the row describes; 0 for our own domains */
    bool is_random;                          /* may give other results for the same inputs */
    bool is_commutative;                     /* of two inputs, either may come first */
    bool is_movement;                        /* its output's elements are all of input 0's, each once or more often */
    bool is_segment;                         /* combines rows of edges for each vertex, see gnn.h */
    bool ends_nests;                         /* what it reads is stored: no loop nest computes it on the way */
};
// clang-format on

/* The row of an operator, NULL when it is not known. Domain "" and "ai.onnx" are one. */
const Op *op_find(const char *domain, const char *name);
/* Whether a node's operator is this one; "" is ONNX's own domain. Calls of a model's functions are none. */
bool node_is(const Node *node, const char *domain, const char *name);
/* All rows, in order of domain and name; *count of them. */
const Op *const *op_all(int *count);

/* Checks a node against its row: arity, attribute names and kinds, input types. False after errors in the report. */
bool op_check(const Node *node);
/* Fills definition and sets the types, elements and bounds of the node's outputs. Composed operators are inferred
 * through their body. False after errors in the report. */
bool op_define(Node *node, Definition *definition);
/* The body of a composed operator's node as a function graph: attributes bound by node_inline. */
Graph *op_body(Node *node);
/* The branch of an If whose condition is known; NULL where it is not, and for other operators. */
Graph *if_taken(const Node *node);
/* Whether a Loop's condition may end it: one is given and not known to stay true. */
bool loop_may_stop(const Node *node);
/* The number of trips after which a Loop ends at the latest; NULL where it is not known before it runs, or too great to
 * be the size of anything. */
Dim *loop_limit(const Node *node);
/* A graph of its own with the body of a composed operator or function call in place: its inputs stand for the node's,
 * with their types, constants, elements and bounds, its outputs for the node's. NULL after errors in the report. */
Graph *node_expand(Node *node);

/* ---- for definitions. Errors are reported against the node, set `failed` and give something harmless back. ---- */
int def_rank(Definition *d, int input);
DType def_dtype(Definition *d, int input);
Dim *def_dim(Definition *d, int input, int axis);
bool def_has(Definition *d, int input); /* the optional input is given */
bool def_wants(Definition *d, int output);
/* An axis attribute or value made non-negative; an error when it is outside [-rank, rank). */
int def_axis(Definition *d, int64_t axis, int rank);
/* The elements of an input that must be known: constants as int64 (any integer type), or Dims where symbols will do. */
const int64_t *def_ints(Definition *d, int input, int *count);
Dim **def_dims(Definition *d, int input, int *count);
/* The same, NULL for those that are not known, nor used as a size elsewhere. */
Dim **def_elements(Definition *d, int input, int *count);
double def_scalar(Definition *d, int input); /* a constant of one element */
/* Element `number` of an integer value that is used as a size: what is known of it, or else a fresh symbol that is at
 * most limit (may be NULL). The symbol belongs to the value where the size was computed, however it was moved since. */
Dim *value_size(Context *context, Value *value, int64_t number, Dim *limit);
/* Reports a shape error with printf's arguments; returns false. */
bool def_error(Definition *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool def_require(Definition *d, bool condition, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Sets an output's type and makes its axes; afterwards definition->element[output].axis is usable. */
void def_output(Definition *d, int output, DType dtype, int rank, Dim *const *dim);
/* The same with the shape that all given inputs broadcast to. */
void def_output_broadcast(Definition *d, int output, DType dtype);
/* The axes of an output as expressions: i[0] .. i[rank-1]. */
void def_index(Definition *d, int output, Expr **i);
void def_body(Definition *d, int output, Expr *body);
Expr *def_load(Definition *d, int input, Expr *const *index);
/* The dimension two dims broadcast to; an error when they cannot. A size that is not known is not taken to be 1: two
 * that are not known to differ must turn out to be equal. */
Dim *def_broadcast(Definition *d, Dim *a, Dim *b);
/* Whether an input broadcasts to these dimensions, without changing them; an error when it does not. */
bool def_broadcasts_to(Definition *d, int input, int rank, Dim *const *dim);
/* Load of an input broadcast against an output of the given rank. */
Expr *def_load_broadcast(Definition *d, int input, Expr *const *index, int rank);
/* An update of output 0, whose type is set, over all elements of an input: out[u...] = combine(out[u...], input[u...])
 * until the caller sets `at` and `value` otherwise. `u` receives the indices. */
Update *def_update(Definition *d, Combine combine, int input, Expr **u);
#endif
