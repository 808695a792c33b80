/* cost.h -- what programs cost: arithmetic, bytes moved and memory, symbolic in the sizes.
 *
 * Everything is counted at the loop level, so that an operator needs no cost of its own. A kernel is what runs at once:
 * a loop nest, a routine, or all that one composed operator of ONNX is made of.
 *
 *   operations  scalar operations and the steps of reductions, each once for every point of the loops it depends on: a
 *               multiply-add is two. Copies, casts, selections and index arithmetic are none.
 *   bytes       what must come from memory and go there: of each tensor what is read of it, once, however often a nest
 *               returns to it; but a row that is found through an index vector (gathered) every time it is asked for;
 *               and each output once. What only changes shape is a view and moves nothing. */
#ifndef COST_H
#define COST_H
#include "codegen.h"
#include "nest.h"

/* Bytes of one tensor that a kernel reads. */
typedef struct Read Read;
struct Read {
    const Value *value;
    const Value *base; /* the tensor it is a view of; of a kernel that is no view, the value itself */
    Dim *bytes;
    bool is_gathered; /* found through indices that come from data */
    Read *next;
};

typedef struct {
    Dim *operations; /* NULL: not known */
    Dim *flops;      /* ... those on floating-point numbers */
    Dim *products;   /* ... those of products of matrices: MatMul, Gemm, Conv */
    Read *read;      /* the tensor that is written is not among them */
    Dim *edges;      /* the extent of an index vector through which rows are gathered or scattered; NULL: none are */
    Dim *vertices;   /* ... and of what it points into */
} Cost;

/* What the nest of these outputs takes (see nest_of_outputs). */
Cost nest_cost(const NestScope *scope, const NestOutput *out, int count);
/* Both, one after the other: in one kernel, which reads once what both read, or in two. */
Cost cost_add(Context *context, Cost a, Cost b, bool is_one_kernel);
Dim *cost_read(Context *context, const Cost *cost);     /* all bytes read, gathered ones among them */
Dim *cost_gathered(Context *context, const Cost *cost); /* the gathered ones */
Dim *cost_distinct(Context *context, const Cost *cost); /* all, if no row had to be read twice */

/* Bytes of a tensor of this type. */
Dim *type_bytes(Context *context, const Type *type);

typedef struct Kernel Kernel;
struct Kernel {
    const char *name;   /* of its C function or routine */
    const char *origin; /* the model's node it came from; "" where there is none */
    const char *op;     /* "Gemm"; NULL: a group of several */
    bool is_composed;   /* it is several nests and routines, which hand tensors to one another */
    Cost cost;          /* all in terms of sizes that are known before it runs: greatest ones */
    const Value **out;  /* the tensors it writes ... */
    Dim **room;         /* ... and the bytes of each that are there at once */
    int nout;
    Cost *part;   /* what each of them alone would cost, of several in one nest; NULL: there is one */
    Dim *written; /* their bytes */
    const Value
        *searched; /* its operations are only those on this tensor's non-zeros, where they are few; NULL: all are */
    Dim *live;     /* bytes in memory while it runs: inputs, weights, tensors still wanted, its outputs and scratch */
    struct Layer *layer; /* see layers.h; NULL until then */
    Kernel *next;
};

/* A program's kernels in the order in which they run. */
typedef struct {
    Context *context;
    Kernel *first;
    int count;
    Dim *allocated; /* inputs, weights, outputs and the workspace as it is planned */
    Dim **slot;     /* bytes of each slot of the workspace */
    int nslot;
} Kernels;

/* The kernels of a model after any pass; the model is used up, as by codegen_build. NULL after errors in the report. */
Kernels *codegen_kernels(Model *model, const BuildOptions *options);
#endif
