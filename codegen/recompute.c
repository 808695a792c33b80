/* recompute.c -- see recompute.h. */
#include "recompute.h"
#include "../frontend/frontend.h"
#include "cost.h"
#include "replay.h"
#include "sizes.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* MAX_RUNGS: rungs that are tried before those between two of them. MAX_PRICED: values that only the step which keeps
 * all has, and that are given up in order of what that costs. CHEAP: operations for each byte that `auto` computes
 * again rather than keeping the byte; about what a processor does while it moves one. LEAST_PART: a rung that saves
 * less than this part of the workspace is passed over. */
enum { MAX_RUNGS = 16, MAX_PRICED = 48, CHEAP = 16 };

/* A value that is kept, and that fusion would compute again. */
typedef struct {
    const char *name;
    int64_t bytes;
    int number;   /* in the order in which the graph computes them */
    double price; /* operations for each byte */
} KeptValue;

typedef struct {
    Context *context;
    const Options *options;
    const TrainOptions *train;
    Keep keep; /* what is stored in any case */
    KeptValue *kept;
    int nkept;
    Recompute *fused;     /* the step as fusion would have it */
    const char **passing; /* what nests compute on the way once nothing of the above is kept; see rewrite/cut.h */
    int npassing;
    const char **cut; /* ... and what from */
    int ncut;
    Ladder ladder;     /* of what is stored then ... */
    Ladder plain;      /* ... and otherwise */
    Recompute *plan;   /* of the step that was planned last ... */
    int64_t workspace; /* ... and what its program needs */
    int64_t flops;
} Choice;

/* ---- one step ---- */
/* Every size a value: that of --at, or one that is usual. NULL after errors in the report. */
static const int64_t *complete_sizes(Context *context, const void *of)
{
    const Options *const options = of;
    Sizes sizes;
    if (!sizes_read(context, &options->at, &sizes))
        return NULL;
    int64_t *const usual = ARENA_ARRAY(context->arena, dim_symbol_count(context->dims) + 1, int64_t);
    dim_usual(context->dims, usual);
    for (int i = 0; i < dim_symbol_count(context->dims); i++)
        sizes.value[i] = sizes.value[i] < 0 ? usual[i] : sizes.value[i];
    return sizes.value;
}

/* What NAME_workspace gives: each slot begins in a cache line of its own. */
static int64_t workspace_bytes(const Kernels *kernels, const int64_t *size)
{
    int64_t sum = 0, bytes;
    for (int i = 0; i < kernels->nslot; i++) {
        if (!dim_evaluate(kernels->slot[i], size, &bytes) || bytes > INT64_MAX / 2 - sum)
            return INT64_MAX;
        sum += (bytes + 63) / 64 * 64;
    }
    return sum;
}

static int64_t all_flops(const Kernels *kernels, const int64_t *size)
{
    int64_t sum = 0, flops;
    for (const Kernel *kernel = kernels->first; kernel; kernel = kernel->next)
        if (kernel->cost.flops && dim_evaluate(kernel->cost.flops, size, &flops) && flops < INT64_MAX / 2 - sum)
            sum += flops;
    return sum;
}

/* Computes again what fusion would, what is passing, and the first values of the ladder. */
static Recompute *plan_of_ladder(const Choice *c, int rungs)
{
    Arena *const arena = c->context->arena;
    Recompute *const plan = ARENA_NEW(arena, Recompute);
    plan->passing = c->passing;
    plan->npassing = c->npassing;
    plan->is_open = c->npassing > 0;
    plan->again = ARENA_ARRAY(arena, c->npassing + rungs + 1, const char *);
    for (int i = 0; i < c->npassing; i++)
        plan->again[plan->nagain++] = c->passing[i];
    plan->kept = ARENA_ARRAY(arena, c->ladder.nkept + 1, const char *);
    plan->stored = ARENA_ARRAY(arena, c->ladder.nstored + 1, const char *);
    for (int i = 0; i < c->ladder.nstored; i++)
        plan->stored[plan->nstored++] = c->ladder.stored[i]->name;
    for (int i = 0; i < rungs; i++)
        plan->again[plan->nagain++] = c->ladder.again[i]->name;
    for (int i = 0; i < c->ladder.nkept; i++)
        if (c->ladder.since[i] <= rungs)
            plan->kept[plan->nkept++] = c->ladder.kept[i]->name;
    return plan;
}

/* Computes again what fusion would, and what is passing, from the values that fusion would store otherwise and those of
 * the cut. */
static Recompute *plan_of_cut(const Choice *c)
{
    Recompute *const plan = plan_of_ladder(c, 0);
    const char **const kept = ARENA_ARRAY(c->context->arena, plan->nkept + c->ncut + 1, const char *);
    for (int i = 0; i < plan->nkept; i++)
        kept[i] = plan->kept[i];
    for (int i = 0; i < c->ncut; i++)
        kept[plan->nkept++] = c->cut[i];
    plan->kept = kept;
    return plan;
}

/* Keeps all that fusion would compute again but the values from `first` to before `end`. */
static Recompute *plan_of_kept(const Choice *c, int first, int end)
{
    Recompute *const plan = ARENA_NEW(c->context->arena, Recompute);
    plan->keeps = true;
    plan->keep = c->keep;
    plan->keep.again = ARENA_ARRAY(c->context->arena, end - first + 1, const char *);
    for (int i = first; i < end; i++)
        plan->keep.again[plan->keep.nagain++] = c->kept[i].name;
    return plan;
}

/* The rungs that there are: first what fusion would compute again is not kept, then what nests can compute on the way
 * is not stored, then what else is. */
static int count_rungs(const Choice *c)
{
    return c->nkept + (c->npassing > 0) + c->ladder.nagain;
}

static Recompute *plan_of(const Choice *c, int rungs)
{
    if (rungs < c->nkept)
        return plan_of_kept(c, 0, rungs);
    return rungs == c->nkept ? c->fused : plan_of_ladder(c, rungs - c->nkept - (c->npassing > 0));
}

/* Takes down what the step that keeps all found. */
static void list_kept(Choice *c, const int64_t *size)
{
    Arena *const arena = c->context->arena;
    const Keep *const keep = &c->plan->keep;
    c->kept = ARENA_ARRAY(arena, keep->nfound + 1, KeptValue);
    for (int i = 0; i < keep->nfound; i++) {
        const Value *const value = keep->found[i];
        KeptValue *const kept = &c->kept[c->nkept++];
        *kept = (KeptValue){.name = arena_strdup(arena, value->name), .number = i, .price = HUGE_VAL};
        if (!dim_evaluate(type_bytes(value->graph->context, &value->type), size, &kept->bytes))
            kept->bytes = 0;
    }
}

/* Takes down what the step that wanted to know it found. */
static void list_passing(Choice *c)
{
    Arena *const arena = c->context->arena;
    const Cut *const cut = &c->plan->cut;
    c->passing = ARENA_ARRAY(arena, cut->nagain + 1, const char *);
    c->cut = ARENA_ARRAY(arena, cut->nkept + 1, const char *);
    for (int i = 0; i < cut->nagain; i++)
        c->passing[c->npassing++] = arena_strdup(arena, cut->again[i]->name);
    for (int i = 0; i < cut->nkept; i++)
        c->cut[c->ncut++] = arena_strdup(arena, cut->kept[i]->name);
}

/* Derives the step, rewrites it and plans its program; *model is used up. NULL after errors in the report. */
static const Kernels *plan_step(Choice *c, Context *context, Model **model)
{
    TrainOptions train = *c->train;
    PassOptions passes;
    BuildOptions build;
    train.recompute = c->plan;
    if (!pass_options(context, c->options, &passes) || !build_options(context, c->options, &build))
        return NULL;
    build.folder = "";
    build.name = "model";
    *model = read_model(context, c->options->operand.word[0], c->options);
    if (!*model || !train_derive(*model, &train) || !model_open_kept(*model) || !rewrite(*model, &passes, NULL))
        return NULL;
    const Kernels *const kernels = codegen_kernels(*model, &build);
    const int64_t *const size = kernels ? complete_sizes(context, c->options) : NULL;
    if (!size)
        return NULL;
    if (c->plan->sizes)
        list_passing(c);
    c->workspace = workspace_bytes(kernels, size);
    c->flops = all_flops(kernels, size);
    if (c->plan->keeps && !c->kept)
        list_kept(c, size);
    return kernels;
}

/* The same in a context of its own, whose memory is free again afterwards. */
typedef struct {
    Choice *choice;
    Context *context;
    bool ok;
} Attempt;

static void run_attempt(void *who)
{
    Attempt *const attempt = who;
    Model *model;
    attempt->ok = plan_step(attempt->choice, attempt->context, &model);
}

static bool try_plan(Choice *c, Recompute *plan)
{
    Attempt attempt = {c, context_new(arena_left(c->context->arena), c->options->operand.word[0]), false};
    c->plan = plan;
    const bool finished = report_guard(attempt.context->report, run_attempt, &attempt);
    if (!finished || !attempt.ok)
        report_print(attempt.context->report, stderr);
    context_free(attempt.context);
    return finished && attempt.ok;
}

/* ---- the choice ---- */
static bool wants(const Options *options, const char *word)
{
    return strcmp(options->recompute, word) == 0;
}

/* Whether all sizes are given that the bytes of a budget depend on. */
static bool check_sizes(const Choice *c, const Kernels *kernels)
{
    Sizes sizes;
    if (!sizes_read(c->context, &c->options->at, &sizes))
        return false;
    for (int i = 0; i < kernels->nslot; i++) {
        Dim *const missing = sizes_missing(c->context, &sizes, kernels->slot[i]);
        if (missing)
            return report_add(c->context->report, NULL, OPTION_INVALID, "--at", dim_symbol_name(missing),
                              "its size is wanted for --recompute BYTES");
    }
    return true;
}

static void take(const Choice *c, const Recompute **best, Recomputed *result)
{
    *best = c->plan;
    result->workspace[1] = c->workspace;
    result->flops[1] = c->flops;
    result->values = c->plan->keeps ? c->plan->keep.nagain : c->nkept + c->plan->nagain;
}

/* Looks whether a rung between two that were tried meets the budget, too, and is no better than the upper one: then
 * whoever cannot have the upper one cannot have it either, and no budget gets more memory than a greater one. */
static bool climb_between(Choice *c, int lower, int upper, int64_t budget, const Recompute **best, Recomputed *result)
{
    for (int rung = lower + 1; rung < upper; rung++) {
        if (!try_plan(c, plan_of(c, rung)))
            return false;
        if (c->workspace > budget || c->workspace < result->workspace[1])
            continue;
        take(c, best, result);
        break;
    }
    return true;
}

/* Climbs from a rung until the workspace is no greater than the budget; without one, to where it is least. Leaves the
 * plan in *best and what it needs in the result. */
static bool climb(Choice *c, int from, int64_t budget, const Recompute **best, Recomputed *result)
{
    const int count = count_rungs(c) - from, steps = count < MAX_RUNGS ? count : MAX_RUNGS;
    for (int i = 1, lower = from; i <= steps && result->workspace[1] > budget; i++) {
        const int rung = from + (int)((int64_t)count * i / steps);
        progress("planning what is computed again, %d of %d", i, steps);
        if (!try_plan(c, plan_of(c, rung)))
            return false;
        if (c->workspace < result->workspace[1])
            take(c, best, result);
        if (c->workspace <= budget)
            return climb_between(c, lower, rung, budget, best, result);
        lower = rung;
    }
    return true;
}

static int compare_prices(const void *a, const void *b)
{
    const KeptValue *const p = a, *const q = b;
    return p->price != q->price ? (p->price > q->price) - (p->price < q->price)
                                : (p->number > q->number) - (p->number < q->number);
}

/* Orders what is kept by the operations that each byte of it saves, of which programs tell that do not keep it. */
static bool price_kept(Choice *c, int64_t flops)
{
    for (int i = 0; i < c->nkept && i < MAX_PRICED; i++) {
        progress("pricing what is kept, %d of %d", i + 1, c->nkept);
        if (!try_plan(c, plan_of_kept(c, i, i + 1)))
            return false;
        if (c->kept[i].bytes > 0)
            c->kept[i].price = (double)(c->flops - flops) / (double)c->kept[i].bytes;
    }
    qsort(c->kept, (size_t)c->nkept, sizeof *c->kept, compare_prices);
    return true;
}

/* The ladder of what a plan's program stores, where values may be given up at so many operations for a byte; and the
 * workspace it takes. False after errors in the report. */
static bool plan_ladder(Choice *c, Recompute *plan, Ladder *ladder, int64_t *workspace, bool has_budget)
{
    Model *model;
    const ReportMark mark = report_mark(c->context->report);
    c->plan = plan;
    const Kernels *const kernels = plan_step(c, c->context, &model);
    const int64_t *const size = kernels ? complete_sizes(c->context, c->options) : NULL;
    if (!size || (has_budget && !check_sizes(c, kernels)))
        return false;
    if (workspace_bytes(kernels, size) == INT64_MAX)
        return sizes_too_great(c->context, &c->options->at);
    report_rewind(c->context->report, mark); /* the same warnings come again */
    const double most = wants(c->options, "auto") ? CHEAP : HUGE_VAL;
    *ladder = find_ladder(kernels, size, model->graph->out, plan->nforward, most);
    *workspace = c->workspace;
    return true;
}

/* Plans the step as fusion would have it, which tells what is stored in any case. */
static bool plan_fused(Choice *c, bool has_budget, int64_t *workspace)
{
    if (!plan_ladder(c, plan_of_ladder(c, 0), &c->plain, workspace, has_budget))
        return false;
    c->ladder = c->plain;
    c->fused = plan_of_ladder(c, 0);
    c->keep.stored = c->fused->stored;
    c->keep.nstored = c->fused->nstored;
    return true;
}

/* Finds what nests can compute on the way, and the ladder of what is stored then; takes neither where that needs more
 * memory. */
static bool plan_passing(Choice *c, int64_t workspace)
{
    Recompute *const plan = plan_of_ladder(c, 0);
    Ladder ladder;
    int64_t passing;
    plan->is_open = true;
    plan->sizes = complete_sizes;
    plan->of = c->options;
    plan->written = ARENA_ARRAY(c->context->arena, c->ladder.nwritten + 1, const char *);
    for (int i = 0; i < c->ladder.nwritten; i++)
        plan->written[plan->nwritten++] = c->ladder.written[i]->name;
    /* an exponential counts as one operation: too little where time counts, too */
    if (wants(c->options, "auto"))
        return true;
    if (!try_plan(c, plan))
        return false;
    if (c->npassing == 0)
        return true;
    if (!plan_ladder(c, plan_of_cut(c), &ladder, &passing, false))
        return false;
    if (passing <= workspace)
        c->ladder = ladder;
    else
        c->npassing = 0;
    return true;
}

/* Who finds no rung looks for one of the ladder on which nothing is computed on the way. */
static bool climb_plain(Choice *c, int64_t budget, const Recompute **best, Recomputed *result)
{
    if (result->workspace[1] <= budget || c->npassing == 0)
        return true;
    c->npassing = 0;
    c->ladder = c->plain;
    return climb(c, c->nkept, budget, best, result);
}

/* Chooses the rung. *best begins with the step that keeps all. */
static bool choose_rung(Choice *c, int64_t budget, const Recompute **best, Recomputed *result)
{
    if (wants(c->options, "none"))
        return true;
    if (!price_kept(c, result->flops[0]))
        return false;
    if (!wants(c->options, "auto"))
        return climb(c, 0, budget, best, result) && climb_plain(c, budget, best, result);
    if (!try_plan(c, plan_of(c, c->nkept)))
        return false;
    take(c, best, result);
    return climb(c, c->nkept, budget, best, result);
}

static bool choose(Choice *c, int64_t budget, TrainOptions *train, Recomputed *result)
{
    int64_t fused;
    if (!plan_fused(c, budget > 0, &fused) || !plan_passing(c, fused) || !try_plan(c, plan_of_kept(c, 0, 0)))
        return false;
    result->workspace[0] = c->workspace;
    result->flops[0] = c->flops;
    const Recompute *best;
    take(c, &best, result);
    if (!choose_rung(c, budget, &best, result))
        return false;
    train->recompute = ARENA_NEW(c->context->arena, Recompute);
    *train->recompute = *best;
    return budget == 0 || result->workspace[1] <= budget ||
           report_add(c->context->report, NULL, OPTION_INVALID, "--recompute", c->options->recompute,
                      arena_printf(c->context->arena, "the workspace takes at least %lld bytes at these sizes",
                                   (long long)result->workspace[1]));
}

bool recompute_choose(Context *context, const Options *options, TrainOptions *train, Recomputed *result)
{
    *result = (Recomputed){.is_on = options->recompute != NULL};
    if (!result->is_on)
        return true;
    const bool is_word = wants(options, "none") || wants(options, "auto") || wants(options, "all");
    const size_t budget = is_word ? 0 : bytes_of_text(options->recompute);
    if (!is_word && (budget == 0 || budget > INT64_MAX))
        return report_add(context->report, NULL, OPTION_INVALID, "--recompute", options->recompute,
                          "it must be auto, none, all, or a number of bytes (K, M and G are understood)");
    Choice c = {.context = context, .options = options, .train = train};
    return choose(&c, (int64_t)budget, train, result);
}
