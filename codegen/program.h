/* program.h -- a model as a program: steps over buffers.
 *
 *     fused graph -lower-> steps, each an Element or a call -function-> their C -plan-> workspace -source-> NAME.c
 *
 * A group of the fused graph becomes one step. Tensors live in buffers; what only changes shape is a view of another
 * buffer. Sizes known only at run time are symbols that a step defines. */
#ifndef PROGRAM_H
#define PROGRAM_H
#include "../frontend/map.h"
#include "../frontend/ops/op.h"
#include "codegen.h"
#include "cost.h"
#include "formula.h"
#include "name.h"
#include "print.h"

typedef struct Program Program;
typedef struct Buffer Buffer;
typedef struct Step Step;

/* Where a tensor lives while the program runs. BUFFER_NONE: nowhere (yet): inside a nest, or never used. */
typedef enum {
    BUFFER_NONE,
    BUFFER_INPUT,
    BUFFER_OUTPUT,
    BUFFER_WEIGHT,
    BUFFER_WORKSPACE,
    BUFFER_VIEW /* `offset` elements into `base` */
} BufferKind;
struct Buffer {
    BufferKind kind;
    Value *value;
    const char *name;  /* C identifier in NAME_run; of a weight, of its symbol */
    Buffer *base;      /* BUFFER_VIEW; never a view itself */
    Dim *offset;       /* elements, not bytes */
    bool is_needed;    /* some step that stays, or an output, reads it */
    bool is_structure; /* a step of the structure writes it: see structure.c */
    bool is_strip;     /* it holds a strip of rows at a time: see strips.c */
    int first, last;   /* WORKSPACE, OUTPUT: the steps from the one that writes it to the last that reads it */
    int slot;          /* BUFFER_WORKSPACE: its place in the plan ... */
    Dim *begin;        /* ... and the bytes of the slot before it; ... */
    Buffer *within;    /* ... or it has no slot and lies in this output, which is written later; NULL: it has one */
    int number;        /* in order of making, as ... */
    Buffer *beside;    /* ... is the next one in the same slot */
    Buffer *next;      /* in order of making */
};

/* A tensor or a size that a trip of a loop leaves behind. */
typedef struct LoopState LoopState;
struct LoopState {
    Value *value; /* NULL: the size */
    Dim *symbol;
    LoopState *next;
};

/* A C function of a step and its call. */
typedef struct FunctionCall Call;
struct FunctionCall {
    Block block;
    const char *text;      /* the call, without a semicolon */
    bool may_fail;         /* it returns a status */
    const NestOutput *out; /* what it computes; none: a check */
    int nout;
    Dim *threads;  /* for CUDA: of its kernel ... */
    bool in_teams; /* ... or the points of its teams of threads */
    bool on_host;  /* ... or it is no kernel: the host calls a library */
    Call *next;
};

/* Steps that take turns over strips of rows. */
typedef struct {
    Step *first, *last;
    Dim *rows;                        /* of all strips */
    const char *begin, *count, *full; /* C names: the rows before the strip, how many it has, and how many a full one */
} Strip;

/* Blocks are steps between an opening one, IF or LOOP, and its END. */
typedef enum {
    STEP_LOOPS,
    STEP_ROUTINE,
    STEP_SIZE, /* a symbol gets its value */
    STEP_COPY, /* a tensor's bytes, as they are */
    STEP_IF,
    STEP_ELSE,
    STEP_LOOP,
    STEP_END
} StepKind;
enum { MAX_STEP_OUTPUTS = 32 }; /* what has more takes several steps */
struct Step {
    StepKind kind;
    const char *origin;                /* the name of the node it came from ... */
    const char *label;                 /* ... escaped for comments */
    const Node *whole;                 /* the composed operator of ONNX it is a part of; NULL: none */
    const Op *op;                      /* the operator it is; NULL: a group */
    Formula formula;                   /* what the graph says it computes */
    const char *name;                  /* STEP_LOOPS: of its C function; for CUDA, a routine's: of its kernel */
    Value *out[MAX_STEP_OUTPUTS];      /* what it writes */
    Element element[MAX_STEP_OUTPUTS]; /* STEP_LOOPS: for each of out, in terms of values that have buffers */
    int nout;
    bool is_one_nest; /* STEP_LOOPS: its outputs are computed together, and have bodies only */
    Routine *routine; /* STEP_ROUTINE */
    Buffer *scratch;  /* of its routine or library; NULL if it wants none */
    Dim *symbol;      /* STEP_SIZE: the symbol; STEP_LOOP: the number of trips begun */
    Dim *size;        /* STEP_SIZE: its value; STEP_LOOP: the number of trips to make; NULL: only a tensor tells */
    int64_t number;   /* STEP_SIZE without one: its place in out[0] */
    /* STEP_COPY: what is copied. STEP_IF, STEP_LOOP: the condition, a bool of one element, NULL where a loop has none;
     * then, where a loop has no size, the number of trips to make, an int64 of one element, NULL where the condition
     * ends it. */
    Value *in[2];
    const Node *node;      /* STEP_IF, STEP_LOOP */
    LoopState *state;      /* STEP_LOOP: what one trip leaves to the next, or to what follows the loop */
    Step *open;            /* STEP_ELSE, STEP_END: the step that opened the block */
    int depth;             /* the blocks around it */
    Requirements requires; /* what its nodes take for granted of sizes; in the end, what is compared before it runs */
    bool is_needed;
    bool is_structure; /* it reads nothing but the graph's structure: see structure.c */
    /* filled by function.c for the steps that are needed: */
    Requirements bounds; /* what its loads take for granted */
    Call *calls;         /* STEP_LOOPS: the functions it takes, in order */
    Uses uses;           /* the tensors it reads and writes, the sizes it speaks of */
    Cost cost;
    Cost *part;         /* what each output alone would cost, of several in one nest; NULL: there is one */
    int place;          /* number among the steps that are needed */
    const Strip *strip; /* NULL: it computes all at once */
    Step *prev, *next;
};

/* A slot of the workspace: buffers that are never live together, or lie side by side. */
typedef struct {
    Dim *bytes;
    Buffer *buffer;    /* the first that took it: names the slot */
    Buffer *buffers;   /* all that did */
    bool is_structure; /* of buffers that are */
} Slot;

/* A tensor that goes from one call to the next: see state.c. */
typedef struct {
    Value *input;
    int output;            /* the number of the output that it becomes; -1: it stays as the caller sets it */
    const Tensor *initial; /* NULL: zeros */
    Buffer *weight;        /* its initial values; NULL: zeros */
} State;

struct Program {
    Context *context;
    Model *model;
    Graph *graph;
    const BuildOptions *options;
    const RewriteLog *log;
    const char *prefix, *upper; /* "gcn_", "GCN_" */
    Names *file_names;          /* of the C file: functions and weights */
    Names *names;               /* of NAME_run: dimensions and buffers */
    int64_t most;               /* what no size given by the caller may exceed, so that no arithmetic overflows */
    Map *buffer_of;             /* Value -> Buffer */
    Map *symbol_name;           /* Dim of a symbol -> C name */
    Map *value_name;            /* Value -> C name */
    Map *packed;                /* Value of a weight -> the same in a kernel's layout */
    Buffer *buffers, *last_buffer;
    Step *first, *last;
    Dim **parameter; /* symbols the caller gives, in order */
    int nparameter;
    Map *units;         /* Graph -> its nodes in units, see unit.h */
    int depth;          /* of the block that is being filled */
    int nsymbol;        /* symbols that the following arrays have room for */
    bool *is_defined;   /* by symbol index: a parameter, or defined by a step in this block or around it */
    bool *is_known;     /* by symbol index: defined by some step */
    bool *is_variable;  /* by symbol index: gets its value inside of a block, or more than once */
    bool *is_used;      /* by symbol index: a step that is needed, or an output, speaks of it */
    bool *is_unbounded; /* by symbol index: the caller gives its maximum, NAME_max */
    Map *maximum_name;  /* Dim of such a symbol -> the maximum's C name */
    Slot *slot;
    int nslot;
    Text *functions; /* their C */
    Helpers *helpers;
    State *state;
    int nstate;
    int noutput; /* graph outputs have a buffer each, also when they are one value */
    Buffer **output;
    Requirements requires;     /* of the caller's sizes, compared before all else */
    const char **output_shape; /* of the argument that takes an output's dimensions; NULL: the caller can tell them */
    Buffer *sizes;      /* what the caller gave as sizes, beside the structure that was made with them; NULL: none */
    bool has_structure; /* some steps are of the graph's structure: those come first */
};

/* The steps of a model that has been through rewrite(); NULL after errors in the report. */
Program *program_new(Model *model, const BuildOptions *options, const RewriteLog *log);

/* Builds and prints the C function of each step that is needed for an output; drops the others. */
bool program_functions(Program *program);

/* Puts the steps that read nothing but the structure of graphs before all others. Called when it is known which steps
 * are needed, and before checks are printed, of which the later of two equal ones is left out. */
void find_structure(Program *program);
/* Whether a step of the structure, or one of the others, reads this input. */
bool is_read_by(const Program *program, const Buffer *input, bool structure);

/* The tensors a step reads, one after the other; NULL beyond the last. */
const Value *step_value(const Step *step, int i);

/* Lets steps that are needed take turns over strips of rows where then less is there at once; to be called when their
 * order is final. */
void find_strips(Program *program);
/* The argument of a step in a strip for a tensor: its place there, if the step reads or writes only the row at hand. */
const char *strip_argument(Program *program, const Step *step, const Value *value);
/* Builds the nests of a step again, whose elements have changed. */
void program_rebuild(Program *program, Step *step);

/* A name for a C function made of a model's text: "gcn_node_" and the text. All else that the file has of its own
 * begins with "gcn_" too, and with neither "gcn_node_" nor "gcn_weight_", so that a model's names can never meet it. */
const char *function_identifier(Program *program, const char *text);

/* Finds the inputs that are state, before any has a buffer; and puts their initial values among the weights. */
void find_state(Program *program);
void place_initial_state(Program *program);
/* The state that an input is, or that an output becomes; NULL: none. */
const State *state_of_input(const Program *program, const Value *input);
const State *state_of_output(const Program *program, int output);

/* Gives every workspace buffer a slot. */
void program_plan(Program *program);

/* The kernels of a planned program with what they cost. */
Kernels *program_kernels(const Program *program);

Buffer *buffer_of(const Program *program, const Value *value);
/* The same, made as a weight or a place in the workspace where there is none. */
Buffer *need_buffer(Program *program, Value *value);
/* Adds what must hold of sizes for the element's loads to stay inside their tensors, where ranges alone do not show it.
 */
void find_requirements(Context *context, const Element *element, int rank, Requirements *to);
/* Leaves of what steps take for granted of sizes what must be compared, and where; the rest follows. */
void program_requirements(Program *program);
/* Bytes of the tensor for the greatest sizes its symbols may have. */
Dim *buffer_bytes(const Program *program, const Value *value);
/* The same of what there is of it at once. */
Dim *buffer_room(const Program *program, const Buffer *buffer);
/* Rows of one strip, of so many in all. */
Dim *strip_rows(const Program *program, Dim *rows);
/* "float[N,16]", for comments. */
const char *type_comment(const Program *program, const Type *type);
/* C text of a dimension: with the sizes of this run, and with the maxima of sizes that are not known before. */
const char *dim_in_run(const Program *program, Dim *dim);
const char *dim_before_run(const Program *program, Dim *dim);
/* C text of an expression over sizes and inputs. */
const char *expression_in_run(const Program *program, const Expr *e);
/* As dim_in_run and dim_before_run, for readers. */
const char *dim_in_comment(const Program *program, Dim *dim);
const char *dim_before_comment(const Program *program, Dim *dim);

/* ---- the files, each written to `to` ---- */
void write_source(Program *program, FILE *to);
void write_header(Program *program, FILE *to);
#endif
