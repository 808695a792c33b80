/* program.h -- from the fused graph to C: steps over buffers, and the loop nests in them.
 *
 *     graph of groups -lower-> steps -schedule-> loop nests -plan-> workspace -print-> C                          */
#ifndef PROGRAM_H
#define PROGRAM_H
#include "../frontend/ops/op.h"
#include "../rewrite/pass.h"

typedef struct Program Program;
typedef struct Buffer Buffer;
typedef struct Step Step;
typedef struct Stmt Stmt;

/* Where a tensor lives while the generated program runs. */
typedef enum { BUFFER_INPUT, BUFFER_OUTPUT, BUFFER_WEIGHT, BUFFER_WORKSPACE } BufferKind;
struct Buffer {
    BufferKind kind;
    Value *value;
    const char *name; /* C identifier, unique in the program */
    Dim *bytes;       /* from dim_limit of its shape; 64-byte rounding is the plan's affair */
    Buffer *view_of;  /* shares another buffer's memory (Reshape); NULL: its own */
    int first, last;  /* steps in which it is live */
    int slot;         /* BUFFER_WORKSPACE: the plan's slot */
};

/* A loop nest is statements; scalars and small arrays in them are local variables of the generated function. */
typedef enum { STMT_FOR, STMT_LET, STMT_ARRAY, STMT_ACCUMULATE, STMT_STORE, STMT_IF, STMT_BLOCK } StmtKind;

typedef enum { STEP_LOOPS, STEP_ROUTINE, STEP_KERNEL, STEP_SIZE, STEP_COPY, STEP_IF, STEP_LOOP } StepKind;
struct Step {
    StepKind kind;
    const Node *node;     /* the group or node it came from */
    const char *name;     /* C identifier of its function */
    const char *comment;  /* the mathematics and shapes */
    Value **in, **out;    /* buffers it reads and writes */
    int nin, nout;
    Stmt *body;           /* STEP_LOOPS */
    Routine *routine;     /* STEP_ROUTINE */
    const struct Kernel *kernel; /* STEP_KERNEL: the row of kernels.def */
    Program *then_program, *else_program; /* STEP_IF, STEP_LOOP */
    Dim *flops, *bytes;   /* counted from the definition */
    Step *next;
};
#endif
