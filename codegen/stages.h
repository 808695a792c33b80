/* stages.h -- a model at the stages of its way to a program, and what it costs at each: what `inspect --gnn` shows.
 *
 * As exported and reorganised, the graph is run operator by operator: a kernel for every operator, which reads its
 * inputs from memory and writes its outputs there; memory is the greatest sum of the tensors that are live at once.
 * Fused, it is the generated program with its planned workspace. */
#ifndef STAGES_H
#define STAGES_H
#include "command.h"
#include "layers.h"
#include "sizes.h"

typedef enum { STAGE_EXPORTED, STAGE_REORGANISED, STAGE_FUSED, STAGE_RECOMPUTED, NUM_STAGE } StageKind;
typedef enum {
    MEASURE_FLOPS,
    MEASURE_PRODUCTS, /* of the FLOPs, those in products of matrices: what the paper calls neural operators */
    MEASURE_BYTES,
    MEASURE_GATHERED, /* of the bytes, those found through an index vector */
    MEASURE_DISTINCT, /* the bytes if caches kept gathered tensors: no row is read twice */
    MEASURE_MEMORY,
    NUM_MEASURE
} Measure;

typedef struct {
    Context *context;
    Kernels *kernels[NUM_STAGE]; /* NULL: the stage does not apply to the model */
    Layers *layers;
    Sizes sizes;
} Stages;

/* The name of a stage: "exported" ... */
const char *stage_name(StageKind stage);

/* A measure in JSON, "flops" ..., and for people. */
const char *measure_key(Measure measure);
const char *measure_title(Measure measure);

/* Brings the model of the options through all stages. False after errors in the report. */
bool stages_run(Context *context, const Options *options, Stages *stages);

/* A size or count as a formula and, where the sizes in it are given, as a number. */
typedef struct {
    Dim *formula;
    int64_t value; /* -1: not known */
} Quantity;
Quantity quantity_of(const Stages *stages, Dim *formula);
/* For people: 1234567 is "1.23 M". */
const char *quantity_text(Arena *arena, int64_t value);

/* What one kernel costs. */
Dim *kernel_measure(const Kernels *kernels, const Kernel *kernel, Measure measure);
/* What a stage costs, in one layer or (NULL) in all: a sum, or of memory the greatest. */
Quantity stage_measure(const Stages *stages, StageKind stage, Measure measure, const Layer *layer);
/* The last stage that applies. */
StageKind stages_last(const Stages *stages);
#endif
