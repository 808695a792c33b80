/* stages.c -- see stages.h. */
#include "stages.h"
#include "../frontend/frontend.h"
#include "../frontend/ops/op.h"
#include "recompute.h"
#include <string.h>

/* Where each stage stops. Constants are folded and decided branches taken in all: engines do so when they load a model.
 */
static const struct {
    const char *name, *last_pass;
} stage_table[NUM_STAGE] = {
    [STAGE_EXPORTED] = {"exported", "fold"},
    [STAGE_REORGANISED] = {"reorganised", "csr"},
    [STAGE_FUSED] = {"fused", "schedule"},
    [STAGE_RECOMPUTED] = {"recomputed", "schedule"},
};

const char *stage_name(StageKind stage)
{
    return stage_table[stage].name;
}

static const struct {
    const char *key, *title;
} measure_table[NUM_MEASURE] = {
    [MEASURE_FLOPS] = {"flops", "FLOPs"},
    [MEASURE_PRODUCTS] = {"products", "FLOPs in products of matrices"},
    [MEASURE_BYTES] = {"bytes", "bytes moved"},
    [MEASURE_GATHERED] = {"gathered", "bytes moved, gathered rows alone"},
    [MEASURE_DISTINCT] = {"distinct", "bytes, gathered rows cached"},
    [MEASURE_MEMORY] = {"memory", "peak memory, bytes"},
};

const char *measure_key(Measure measure)
{
    return measure_table[measure].key;
}

const char *measure_title(Measure measure)
{
    return measure_table[measure].title;
}

/* ---- sizes ---- */
/* Whether all sizes that a program needs are given; reports those that are not. */
static bool check_sizes(const Stages *stages)
{
    Context *context = stages->context;
    const int count = dim_symbol_count(context->dims);
    bool *used = ARENA_ARRAY(context->arena, count + 1, bool), ok = true;
    for (int stage = 0; stage < NUM_STAGE; stage++)
        for (const Kernel *kernel = stages->kernels[stage] ? stages->kernels[stage]->first : NULL; kernel;
             kernel = kernel->next)
            for (int measure = 0; measure < NUM_MEASURE; measure++)
                dim_symbols_used(kernel_measure(stages->kernels[stage], kernel, (Measure)measure), used);
    for (int i = 0; i < count && stages->sizes.given; i++)
        if (used[i] && stages->sizes.value[i] < 0)
            ok = report_add(context->report, NULL, OPTION_INVALID, "--at",
                            dim_symbol_name(dim_symbol_at(context->dims, i)), "its size is wanted too");
    return ok;
}

/* Whether all that is counted fits its numbers at the given sizes. Nothing in a sum is more than the sum. */
static bool check_sums(const Stages *stages, const Options *options)
{
    for (int stage = 0; stage < NUM_STAGE; stage++)
        for (int measure = 0; stages->kernels[stage] && measure < NUM_MEASURE; measure++)
            if (stage_measure(stages, (StageKind)stage, (Measure)measure, NULL).value < 0)
                return sizes_too_great(stages->context, &options->at);
    return true;
}

/* ---- stages ---- */
/* The ONNX function an operator of our own is defined by; NULL: it is none of ours. */
static const Graph *own_definition(const Node *node)
{
    Model *library = context_library(node->graph->context);
    return node->op ? model_find_function(library, node->op->domain, node->op->name, "") : NULL;
}

/* Operators of our own become what engines run that do not know them: the ONNX functions they are defined by. */
static bool run_as_defined(Model *model, const PassOptions *passes)
{
    bool changed = false;
    for (Node *node = model->graph->first; node;) {
        const Graph *body = own_definition(node);
        Node *before = node->prev, *after = node->next;
        const char *name = node->name;
        if (!body) {
            node = after;
            continue;
        }
        node_inline(node, body);
        changed = true;
        node = before ? before->next : model->graph->first;
        for (Node *copy = node; copy != after; copy = copy->next)
            copy->name = name;
    }
    return !changed || (model_infer(model) && pass_fold(model, passes));
}

static bool is_training(const Options *options)
{
    return options->loss || options->by.count > 0;
}

/* The model of the options, or the model that trains it. As exported that is derived before dense work moves to
 * vertices, as frameworks do; but with the operators of graphs recognised, whose gradients are known. NULL after errors
 * in the report. */
static Model *load_for_stage(Context *context, const Options *options, StageKind stage)
{
    TrainOptions train;
    if (!is_training(options))
        return load_model(context, options);
    if (!train_options(context, options, &train))
        return NULL;
    if (stage == STAGE_EXPORTED)
        train.last_pass = "gnn";
    Recomputed recomputed;
    if (stage == STAGE_RECOMPUTED && !recompute_choose(context, options, &train, &recomputed))
        return NULL;
    Model *model = read_model(context, options->operand.word[0], options);
    return model && train_derive(model, &train) ? model : NULL;
}

static bool run_stage(Context *context, const Options *options, StageKind stage, Stages *stages)
{
    PassOptions passes;
    BuildOptions build;
    if (!pass_options(context, options, &passes) || !build_options(context, options, &build))
        return false;
    build.folder = "";
    build.name = "model";
    build.in_order = stage < STAGE_FUSED;
    passes.stop_after = stage_table[stage].last_pass;
    const ReportMark mark = report_mark(context->report);
    Model *model = load_for_stage(context, options, stage);
    if (!model)
        return false;
    progress("counting, %s", stage_table[stage].name);
    if (!rewrite(model, &passes, NULL))
        return false;
    if (stage == STAGE_EXPORTED && !run_as_defined(model, &passes))
        return false;
    stages->kernels[stage] = codegen_kernels(model, &build);
    if (!stages->kernels[stage])
        return false;
    layers_find(stages->layers, stages->kernels[stage]);
    if (stage != STAGE_EXPORTED)
        report_rewind(context->report, mark); /* the same warnings again */
    return true;
}

bool stages_run(Context *context, const Options *options, Stages *stages)
{
    *stages = (Stages){.context = context, .layers = layers_new(context)};
    for (int stage = 0; stage < NUM_STAGE; stage++)
        if ((stage != STAGE_RECOMPUTED || (is_training(options) && options->recompute)) &&
            !run_stage(context, options, (StageKind)stage, stages))
            return false;
    progress_end();
    return sizes_read(context, &options->at, &stages->sizes) && check_sizes(stages) &&
           (!stages->sizes.given || check_sums(stages, options));
}

StageKind stages_last(const Stages *stages)
{
    int stage = NUM_STAGE - 1;
    while (!stages->kernels[stage])
        stage--;
    return (StageKind)stage;
}

/* ---- measures ---- */
Quantity quantity_of(const Stages *stages, Dim *formula)
{
    return (Quantity){formula, sizes_evaluate(stages->context, &stages->sizes, formula)};
}

const char *quantity_text(Arena *arena, int64_t value)
{
    static const char *const unit[] = {"", " k", " M", " G", " T", " P", " E"};
    double number = (double)value;
    int power = 0;
    while (number >= 999.5 && power < 6) {
        number /= 1000;
        power++;
    }
    const int decimals = power == 0 || number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
    return arena_printf(arena, "%.*f%s", decimals, number, unit[power]);
}

Dim *kernel_measure(const Kernels *kernels, const Kernel *kernel, Measure measure)
{
    Context *context = kernels->context;
    Dim *zero = dim_const(context->dims, 0);
    const Cost *cost = &kernel->cost;
    switch (measure) {
    case MEASURE_FLOPS:
        return cost->flops ? cost->flops : zero;
    case MEASURE_PRODUCTS:
        return cost->products ? cost->products : zero;
    case MEASURE_BYTES:
        return dim_add(context->dims, cost_read(context, cost), kernel->written);
    case MEASURE_GATHERED:
        return cost_gathered(context, cost);
    case MEASURE_DISTINCT:
        return dim_add(context->dims, cost_distinct(context, cost), kernel->written);
    default:
        return kernel->live;
    }
}

/* The greatest of what is live in the kernels of a layer: by numbers where they are known, else the formulas of which
 * none is known to be less than another. */
static Quantity greatest_live(const Stages *stages, const Kernels *kernels, const Layer *layer)
{
    DimTable *dims = stages->context->dims;
    Dim **candidate = ARENA_ARRAY(stages->context->arena, kernels->count + 1, Dim *);
    Quantity greatest = quantity_of(stages, dim_const(dims, 0));
    int count = 0;
    for (const Kernel *kernel = kernels->first; kernel; kernel = kernel->next) {
        if (layer && kernel->layer != layer)
            continue;
        const Quantity live = quantity_of(stages, kernel->live);
        if (live.value > greatest.value)
            greatest = live;
        bool is_less = live.value >= 0;
        int kept = 0;
        for (int i = 0; i < count; i++) {
            is_less |= dim_le(dims, live.formula, candidate[i]);
            if (is_less || !dim_le(dims, candidate[i], live.formula))
                candidate[kept++] = candidate[i];
        }
        count = kept;
        if (!is_less)
            candidate[count++] = live.formula;
    }
    if (count == 0)
        return greatest;
    Dim *all = candidate[0];
    for (int i = 1; i < count; i++)
        all = dim_max(dims, all, candidate[i]);
    return quantity_of(stages, all);
}

Quantity stage_measure(const Stages *stages, StageKind stage, Measure measure, const Layer *layer)
{
    const Kernels *kernels = stages->kernels[stage];
    if (measure == MEASURE_MEMORY)
        return layer || stage < STAGE_FUSED ? greatest_live(stages, kernels, layer)
                                            : quantity_of(stages, kernels->allocated);
    Dim *sum = dim_const(stages->context->dims, 0);
    for (const Kernel *kernel = kernels->first; kernel; kernel = kernel->next)
        if (!layer || kernel->layer == layer)
            sum = dim_add(stages->context->dims, sum, kernel_measure(kernels, kernel, measure));
    return quantity_of(stages, sum);
}
