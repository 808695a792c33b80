/* ir.h -- the whole intermediate representation: a graph of nodes in execution order over typed values.
 *
 * Everything lives in the arena of its Context. Subgraphs (If, Loop, Scan) and model-local functions are Graphs too;
 * the nodes of a subgraph may read values of the graphs around it. Names are for people: values are compared by
 * pointer. */
#ifndef IR_H
#define IR_H
#include "context.h"
#include "tensor.h"
#include <stdio.h>

enum { MAX_OPSETS = 32 };

typedef struct Graph Graph;
typedef struct Node Node;
typedef struct Value Value;
typedef struct Attr Attr;
typedef struct Op Op; /* a row of the operator registry, see ops/op.h */
// clang-format off
typedef struct { const char *domain; int64_t version; } Opset;
typedef struct { const char *key, *value; } Property;
/* An input that a program keeps from run to run. */
typedef struct { Value *in; int out; /* its next value: that output; -1: it stays */
                 const Tensor *initial; /* NULL: 0 */ } Kept;
// clang-format on

/* An input whose elements are known, but which stays an input until the pass `structure`. */
typedef struct {
    Value *in;
    const Tensor *tensor;
    const char *from; /* the file, for messages */
} Given;

/* ---- types ---- */
typedef enum { TENSOR, SPARSE_TENSOR, SEQUENCE, OPTIONAL, MAP } TypeKind;
typedef struct Type Type;
struct Type {
    TypeKind kind;
    DType dtype;         /* of a tensor's elements, or a map's keys */
    int rank;            /* < 0: unknown */
    Dim *dim[MAX_RANK];  /* never NULL below rank */
    const Type *element; /* of a sequence, an optional, a map's values */
};

/* ---- values, nodes, graphs ---- */
struct Value {
    const char *name; /* as in the model: "/conv1/Add_output_0"; unique in its outermost graph and the subgraphs */
    Type type;
    Node *def;              /* the node that writes it; NULL: graph input, initialiser or function parameter */
    const Tensor *constant; /* its elements when they are known: an initialiser or a folded result */
    Dim **element; /* integer and bool tensors of few elements: each as an expression over dims, NULL where that
                      element is not known; NULL: none is known. Read it with value_element (ops/loop.h) */
    Dim *bound;    /* integer tensors: every element is known to lie in [0, bound); NULL: not known */
    Graph *graph;  /* where it is defined */
    Node **reader; /* nodes that read it, once for every input slot, subgraphs included */
    int nreader, reader_capacity;
    int outputs;         /* how many graph outputs it is */
    bool is_overridable; /* an initialiser the caller may override: a graph input with a default (IR version 3 and 4) */
    Value *same_bucket;  /* the next value in the name table's bucket */
    Value *copy;         /* scratch of cloning; NULL outside it */
    struct {
        bool defined;
        int reads, outputs;
    } seen; /* scratch of model_verify; zero outside it */
};
struct Node {
    const Op *op;
    Graph *function;   /* op is a call of this model-local function; NULL otherwise */
    const char *name;  /* where it came from, for messages and generated comments; may be "" */
    Value **in, **out; /* NULL: optional input or output not given */
    int nin, nout;
    Attr *attr; /* list, sorted by name */
    Graph *graph;
    Node *prev, *next; /* execution order */
    int id;            /* unique in the context; stable */
    int mark;          /* scratch of graph_sort; 0 outside it */
};
// clang-format off
typedef enum { ATTR_INT, ATTR_FLOAT, ATTR_STRING, ATTR_TENSOR, ATTR_GRAPH, ATTR_TYPE, ATTR_INTS, ATTR_FLOATS,
               ATTR_STRINGS, ATTR_TENSORS, ATTR_GRAPHS, ATTR_REFERENCE } AttrKind;
// clang-format on
struct Attr {
    const char *name;
    AttrKind kind;
    int64_t i;
    double f;           /* float32 in the file */
    const char *s;      /* ATTR_STRING, NUL-terminated; ATTR_REFERENCE: the name of the function's attribute */
    AttrKind reference; /* ATTR_REFERENCE: the kind it must have */
    const Tensor *tensor;
    Graph *graph;
    Type type;
    size_t count; /* of the lists below; bytes of s for ATTR_STRING */
    const int64_t *ints;
    const double *floats;
    const char *const *strings;
    const Tensor *const *tensors;
    Graph *const *graphs;
    Attr *next;
};
struct Graph {
    Context *context;
    Model *model;
    const char *name;
    Node *owner; /* the node this is a subgraph of; NULL: the main graph or a function */
    Value **in, **out;
    int nin, nout;
    Value **initializer; /* values with a constant and no def, in file order; graph inputs with a default among them */
    int ninitializer;
    Node *first, *last;
    int nnode;
    Requirements requires;   /* of sizes: what the definitions of its nodes took for granted whenever it was inferred */
    struct NameTable *names; /* shared by an outermost graph and its subgraphs */
    /* functions only */
    const char *domain, *overload;
    const char **attribute; /* names of attribute parameters ... */
    int nattribute;
    Attr *attribute_default; /* ... and those that have defaults */
    Opset *opset;            /* what the body's operators mean: a function need not share the model's opsets */
    int nopset;
};
struct Model {
    Context *context;
    Graph *graph;
    Graph **function;
    int nfunction;
    int64_t ir_version;
    Opset opset[MAX_OPSETS];
    int nopset;
    bool is_inferred; /* model_infer has given every value a type, and passes keep it so */
    const char *producer;
    Property *property; /* metadata_props of the file */
    int nproperty;
    Kept *kept; /* see model_open_kept */
    int nkept;
    Given *given;
    int ngiven;
    char hash[65]; /* SHA-256 of the file, hex */
};

/* ---- build ---- names are copied; "" asks for a fresh one. A value whose name is taken gets another one: the
 * outermost graph's own values keep theirs. The lists of nodes and graphs grow only by these functions. */
Model *model_new(Context *context);
Graph *graph_new(Model *model, const char *name);
Value *value_new(Graph *graph, const char *name, Type type);
Value *graph_add_input(Graph *graph, const char *name, Type type);
void graph_add_output(Graph *graph, Value *value);
Value *graph_add_constant(Graph *graph, const char *name, const Tensor *tensor);
void graph_add_default(Graph *graph, Value *input, const Tensor *tensor); /* an initialiser that is also an input */
void graph_open_initializer(Graph *graph, Value *value); /* makes an initialiser an input with it as its default ... */
void graph_close_input(Graph *graph, Value *value);      /* ... and such an input an initialiser alone */
void graph_drop_default(Graph *graph, Value *input);     /* ... an input alone again */
void graph_fix_input(Graph *graph, Value *input,
                     const Tensor *tensor); /* ... any input an initialiser of these elements */
/* A node without inputs and outputs, before `before` (NULL: at the end). */
Node *node_new(Graph *graph, const Op *op, const char *name, Node *before);
void node_add_input(Node *node, Value *value); /* NULL: not given */
Value *node_add_output(Node *node, const char *name);
void node_add_absent_output(Node *node);
void model_add_function(Model *model, Graph *function);
void model_add_property(Model *model, const char *key, const char *value);
/* The function of this name, NULL when there is none; "" is the usual overload. */
Graph *model_find_function(const Model *model, const char *domain, const char *name, const char *overload);
/* A value defined in this very graph (subgraphs and outer graphs excluded); NULL when there is none of that name. */
Value *graph_find_value(const Graph *graph, const char *name);

/* ---- types ---- their tensors: tensor.h */
bool type_equal(const Type *a, const Type *b);
Type type_tensor(DType dtype, int rank, Dim *const *dim);
Type type_of_tensor(Context *context, const Tensor *tensor);

/* ---- attributes ---- getters return the default when the attribute is absent */
Attr *attr_find(const Node *node, const char *name);
int64_t attr_int(const Node *node, const char *name, int64_t otherwise);
double attr_float(const Node *node, const char *name, double otherwise);
const char *attr_string(const Node *node, const char *name, const char *otherwise);
const int64_t *attr_ints(const Node *node, const char *name, size_t *count); /* NULL and 0 when absent */
Attr *attr_set_int(Node *node, const char *name, int64_t value);
Attr *attr_set_float(Node *node, const char *name, double value);
Attr *attr_set_string(Node *node, const char *name, const char *value);
Attr *attr_set_ints(Node *node, const char *name, const int64_t *value, size_t count);
Attr *attr_set_tensor(Node *node, const char *name, const Tensor *tensor);
Attr *attr_set_graph(Node *node, const char *name, Graph *graph);
/* A new attribute, zeroed but for name and kind, in its place in the list instead of any of the same name. */
Attr *attr_add(Node *node, const char *name, AttrKind kind);
void attr_move(Node *to, const Attr *attr); /* replaces one of the same name; graphs become subgraphs of `to` */
void attr_copy(Node *to, const Attr *attr); /* replaces one of the same name; graphs are cloned */
void attr_remove(Node *node, const char *name);
bool attr_equal(const Attr *a, const Attr *b);
/* Whether a function has an attribute parameter of this name. */
bool function_declares(const Graph *function, const char *name);

/* ---- change ---- */
void node_set_input(Node *node, int slot, Value *value);
/* Every reader of `from`, graph outputs included, now reads `to`. A graph output's name stays: `to` takes it over, or,
 * where it cannot (it is an input, of another graph, an output already), an Identity node is put between. False when
 * nothing changed, because `from` already is such an Identity. */
bool value_replace(Value *from, Value *to);
void value_rename(Value *value, const char *name);
void value_swap_names(Value *a, Value *b);
void node_remove(Node *node); /* no output may have readers */
void node_move_before(Node *node, Node *before);
int graph_sweep(Graph *graph); /* drops nodes and initialisers nobody reads, subgraphs included; how many */
bool value_is_read_once(const Value *value);
/* Copies a function's body (or any graph) in place of `node`, which is removed; attribute references take the node's
 * attributes or the function's defaults. */
void node_inline(Node *node, const Graph *body);
Graph *graph_clone(Model *model, const Graph *graph); /* not yet among the model's functions */
/* Makes graph a subgraph of owner (attr_set_graph does): names of its values that are taken there change. */
void graph_set_owner(Graph *graph, Node *owner);
/* The i-th subgraph of a node, over all its attributes in order; NULL beyond the last. */
Graph *node_subgraph(const Node *node, int i);
/* Visits a graph, then those inside of its nodes, as the visit left them, in order; false as soon as a visit gives
 * that. */
typedef bool GraphVisit(Graph *graph, void *who);
bool graph_each(Graph *graph, GraphVisit *visit, void *who);
/* Stable topological order, also of subgraphs; false when there is a cycle. */
bool graph_sort(Graph *graph);

/* ---- text ---- ONNX's own syntax (onnx.parser); types of inner values go in comments. print writes, parse reads back.
 * Constants above `inline_limit` elements go to the stream `data` as ONNX external data named `data_name` (NULL: all
 * inline). */
typedef struct {
    int64_t inline_limit;
    FILE *data;
    const char *data_name;
    bool types;
} PrintOptions;
void model_print(const Model *model, FILE *to, const PrintOptions *options);
char *type_text(const Type *type, Arena *arena);
/* Parses a model. NULL after errors in the context's report. */
Model *model_parse(Context *context, const char *text);
/* Parses function definitions (several, one after the other) and adds them to the model. */
bool functions_parse(Model *model, const char *text);

/* ---- check ---- every invariant above, of all graphs of a model; false after errors in the report. Called between
 * passes. */
bool model_verify(const Model *model);
#endif
