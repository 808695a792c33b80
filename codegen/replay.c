/* replay.c -- see replay.h. */
#include "replay.h"
#include "../frontend/map.h"
#include <math.h>

/* MAX_TRIED: values that are tried for one place where memory is greatest. LEAST_PART: what is smaller than this part
 * of it is not worth the trouble. */
enum { MAX_TRIED = 32, LEAST_PART = 1000 };

/* A tensor that a kernel writes. */
typedef struct {
    const Value *value;
    int64_t bytes; /* 0: an output of the model, which is there anyway */
    int task;      /* that writes it */
    bool can_go;   /* it can be computed again */
    bool is_again; /* it is */
} Stored;

typedef struct {
    int *in, nin; /* tensors ... */
    int *out, nout;
    int64_t flops, gathered; /* operations; bytes of rows that it finds through indices */
    int kernel;              /* its number */
    bool is_forward;
} Task;

/* A task in the order that is played. */
typedef struct {
    int task;
    bool is_copy; /* it computes again */
} Turn;

/* What a play took. */
typedef struct {
    int64_t peak;            /* the greatest memory */
    int64_t flops, gathered; /* of copies: operations; bytes of rows that they find through indices */
} Total;

typedef struct {
    Context *context;
    const int64_t *size;
    Map *number; /* Value -> its Stored */
    Stored *stored;
    Task *task;
    int nstored, ntask;
    double most; /* operations that may be spent for a byte; HUGE_VAL: any number */
    /* of the last play: */
    Turn *turn;
    int nturn;
    bool *is_copied;  /* by task */
    int *last[2];     /* by tensor: the last turn that reads it; [1]: of its copy */
    bool *is_operand; /* by tensor: kept for the value that is tried */
    int *stack;       /* tasks that wait for others */
    Total total;
    int place; /* the first turn at which memory is greatest */
} Play;

/* ---- the program ---- */
static int64_t evaluate(const Play *p, Dim *dim)
{
    int64_t value;
    return dim && dim_evaluate(dim, p->size, &value) ? value : -1;
}

static int number_of(const Play *p, const Value *value)
{
    const Stored *const stored = map_get(p->number, value);
    return stored ? (int)(stored - p->stored) : -1;
}

/* A tensor that a task writes. */
static void add_stored(Play *p, const Kernel *kernel, int i, int task)
{
    const Value *const value = kernel->out[i];
    const int64_t bytes = evaluate(p, kernel->room[i]);
    const bool is_kept = value->outputs > 0;
    if (number_of(p, value) >= 0) /* a part of it was written before */
        return;
    p->stored[p->nstored] = (Stored){.value = value, .bytes = is_kept || bytes < 0 ? 0 : bytes, .task = task};
    p->stored[p->nstored].can_go = !is_kept && bytes > 0 && kernel->cost.flops && dtype_is_float(value->type.dtype);
    map_set(p->number, value, &p->stored[p->nstored]);
    p->task[task].out[p->task[task].nout++] = p->nstored++;
}

/* A kernel, or one of several outputs of a nest, of this cost: so many outputs from the first on. */
static void add_task(Play *p, const Kernel *kernel, int number, const Cost *cost, int first, int nout)
{
    Arena *const arena = p->context->arena;
    Task *const task = &p->task[p->ntask];
    const int64_t flops = evaluate(p, cost->flops);
    int reads = 0;
    for (const Read *read = cost->read; read; read = read->next)
        reads++;
    *task = (Task){.in = ARENA_ARRAY(arena, reads + 1, int),
                   .out = ARENA_ARRAY(arena, nout + 1, int),
                   .flops = flops < 0 ? 0 : flops,
                   .kernel = number};
    for (const Read *read = cost->read; read; read = read->next) {
        const int64_t bytes = read->is_gathered ? evaluate(p, read->bytes) : 0;
        task->gathered += bytes > 0 && bytes < INT64_MAX / 2 - task->gathered ? bytes : 0;
        if (number_of(p, read->base) >= 0)
            task->in[task->nin++] = number_of(p, read->base);
    }
    for (int i = 0; i < nout; i++)
        add_stored(p, kernel, first + i, p->ntask);
    p->ntask++;
}

static void mark_needed(const Play *p)
{
    for (int i = p->ntask - 1; i >= 0; i--)
        for (int k = 0; p->task[i].is_forward && k < p->task[i].nin; k++)
            p->task[p->stored[p->task[i].in[k]].task].is_forward = true;
}

/* What is computed with a value of the forward part is one itself: nothing of the backward part comes before it. */
static void mark_early(const Play *p, int task, int other)
{
    if (p->task[task].is_forward || !p->task[other].is_forward || p->task[task].kernel != p->task[other].kernel)
        return;
    p->task[task].is_forward = true;
}

static void mark_forward(const Play *p, Value *const *forward, int nforward)
{
    for (int i = 0; i < nforward; i++)
        if (number_of(p, forward[i]) >= 0)
            p->task[p->stored[number_of(p, forward[i])].task].is_forward = true;
    mark_needed(p);
    for (int i = 1; i < p->ntask; i++)
        mark_early(p, i, i - 1);
    for (int i = p->ntask - 1; i > 0; i--)
        mark_early(p, i - 1, i);
    mark_needed(p);
}

static Play play_new(const Kernels *kernels, const int64_t *size)
{
    Arena *const arena = kernels->context->arena;
    Play p = {.context = kernels->context, .size = size, .number = map_new(arena)};
    int outputs = 0, number = 0;
    for (const Kernel *kernel = kernels->first; kernel; kernel = kernel->next)
        outputs += kernel->nout;
    const int tasks = kernels->count + outputs;
    p.stored = ARENA_ARRAY(arena, outputs + 1, Stored);
    p.task = ARENA_ARRAY(arena, tasks + 1, Task);
    p.turn = ARENA_ARRAY(arena, 2 * tasks + 1, Turn);
    p.stack = ARENA_ARRAY(arena, tasks + 1, int);
    p.is_operand = ARENA_ARRAY(arena, outputs + 1, bool);
    p.is_copied = ARENA_ARRAY(arena, tasks + 1, bool);
    p.last[0] = ARENA_ARRAY(arena, outputs + 1, int);
    p.last[1] = ARENA_ARRAY(arena, outputs + 1, int);
    for (const Kernel *kernel = kernels->first; kernel; kernel = kernel->next, number++) {
        if (!kernel->part)
            add_task(&p, kernel, number, &kernel->cost, 0, kernel->nout);
        for (int i = 0; kernel->part && i < kernel->nout; i++)
            add_task(&p, kernel, number, &kernel->part[i], i, 1);
    }
    return p;
}

/* ---- playing ---- */
/* Whether a copy of a task, or a task of the backward part, reads a copy of this tensor. */
static bool is_lost(const Play *p, const bool *is_kept, int stored, bool by_copy)
{
    const Stored *const s = &p->stored[stored];
    return p->task[s->task].is_forward && s->can_go && (s->is_again || (by_copy && !is_kept[stored]));
}

/* The task whose copy must come before; -1: none. */
static int missing(const Play *p, const bool *is_kept, int task, bool is_copy)
{
    for (int i = 0; i < p->task[task].nin; i++) {
        const int in = p->task[task].in[i];
        if (is_lost(p, is_kept, in, is_copy) && !p->is_copied[p->stored[in].task])
            return p->stored[in].task;
    }
    return -1;
}

static void take_turn(Play *p, int task, bool is_copy)
{
    p->turn[p->nturn++] = (Turn){task, is_copy};
    if (is_copy) {
        p->is_copied[task] = true;
        p->total.flops += p->task[task].flops;
        p->total.gathered += p->task[task].gathered;
    }
}

static void take_turns(Play *p, const bool *is_kept)
{
    p->nturn = 0;
    p->total = (Total){0};
    for (int i = 0; i < p->ntask; i++)
        p->is_copied[i] = false;
    for (int i = 0; i < p->ntask; i++) {
        int depth = 0;
        for (int before; !p->task[i].is_forward && (before = missing(p, is_kept, i, false)) >= 0;) {
            p->stack[depth++] = before;
            while (depth > 0) {
                before = missing(p, is_kept, p->stack[depth - 1], true);
                if (before >= 0)
                    p->stack[depth++] = before;
                else
                    take_turn(p, p->stack[--depth], true);
            }
        }
        take_turn(p, i, false);
    }
}

/* The tensor a turn reads, original or copy. */
static int *last_read(const Play *p, const bool *is_kept, Turn turn, int in)
{
    const bool is_backward = turn.is_copy || !p->task[turn.task].is_forward;
    return &p->last[is_backward && is_lost(p, is_kept, in, turn.is_copy)][in];
}

static void measure(Play *p, const bool *is_kept)
{
    for (int i = 0; i < p->nstored; i++)
        p->last[0][i] = p->last[1][i] = -1;
    for (int i = 0; i < p->nturn; i++) {
        const Task *const task = &p->task[p->turn[i].task];
        for (int k = 0; k < task->nin; k++)
            *last_read(p, is_kept, p->turn[i], task->in[k]) = i;
    }
    int64_t live = 0;
    p->place = 0;
    for (int i = 0; i < p->nturn; i++) {
        const Task *const task = &p->task[p->turn[i].task];
        int64_t unread = 0;
        for (int k = 0; k < task->nout; k++) {
            live += p->stored[task->out[k]].bytes;
            if (p->last[p->turn[i].is_copy][task->out[k]] < 0)
                unread += p->stored[task->out[k]].bytes;
        }
        if (live > p->total.peak) {
            p->total.peak = live;
            p->place = i;
        }
        live -= unread;
        for (int k = 0; k < task->nin; k++) {
            int *const last = last_read(p, is_kept, p->turn[i], task->in[k]);
            if (*last != i)
                continue;
            live -= p->stored[task->in[k]].bytes;
            *last = i - p->nturn - 1; /* once, however often the task reads it */
        }
    }
}

static void play(Play *p, const bool *is_kept)
{
    take_turns(p, is_kept);
    measure(p, is_kept);
}

/* ---- the ladder ---- */
/* What the backward part reads of the forward one. */
static void find_kept(const Play *p, bool *is_kept)
{
    for (int i = 0; i < p->ntask; i++)
        for (int k = 0; !p->task[i].is_forward && k < p->task[i].nin; k++)
            is_kept[p->task[i].in[k]] = p->task[p->stored[p->task[i].in[k]].task].is_forward;
}

/* Whether a tensor only waits at the greatest memory: it was written before, and is read after it. */
static bool waits(const Play *p, const bool *waiting, int stored)
{
    const Stored *const s = &p->stored[stored];
    return waiting[stored] && s->can_go && !s->is_again;
}

static void find_waiting(const Play *p, bool *waiting)
{
    for (int i = 0; i < p->nstored; i++)
        waiting[i] = false;
    for (int i = 0; i < p->place; i++)
        for (int k = 0; !p->turn[i].is_copy && k < p->task[p->turn[i].task].nout; k++)
            waiting[p->task[p->turn[i].task].out[k]] = true;
    bool *const later = ARENA_ARRAY(p->context->arena, p->nstored + 1, bool);
    for (int i = p->place + 1; i < p->nturn; i++)
        for (int k = 0; k < p->task[p->turn[i].task].nin; k++)
            later[p->task[p->turn[i].task].in[k]] = true;
    for (int k = 0; k < p->task[p->turn[p->place].task].nin; k++)
        waiting[p->task[p->turn[p->place].task].in[k]] = false;
    for (int i = 0; i < p->nstored; i++)
        waiting[i] &= later[i];
}

/* Keeps what a value is computed from, where only the forward part reads that, or no longer: how many bytes. */
static int64_t keep_operands(Play *p, bool *is_kept, int stored, bool keeps)
{
    const Task *const task = &p->task[p->stored[stored].task];
    int64_t bytes = 0;
    for (int i = 0; i < task->nin && keeps; i++)
        p->is_operand[task->in[i]] =
            !is_kept[task->in[i]] && is_lost(p, is_kept, task->in[i], true) && !p->stored[task->in[i]].is_again;
    for (int i = 0; i < task->nin; i++)
        if (p->is_operand[task->in[i]] && is_kept[task->in[i]] != keeps) {
            is_kept[task->in[i]] = keeps;
            bytes += p->stored[task->in[i]].bytes;
        }
    return bytes;
}

/* A value to give up. */
typedef struct {
    int stored;          /* -1: none */
    bool keeps_operands; /* what it is computed from is kept instead */
    double price;        /* operations for each byte */
} Rung;

/* Operations for each byte freed. Where they may only be so many, each byte that is gathered counts as that number, but
 * for two: who keeps a byte writes and reads it. */
static double price_of(const Play *p, Total before, int64_t freed)
{
    const double flops = (double)(p->total.flops - before.flops);
    const double more = (double)(p->total.gathered - before.gathered) - 2 * (double)freed;
    return (flops + (p->most < HUGE_VAL && more > 0 ? p->most * more : 0)) / (double)freed;
}

/* Gives a value up and plays: the price is infinite where that does not help. */
static Rung try_rung(Play *p, bool *is_kept, int stored, bool keeps_operands, Total before)
{
    int64_t freed = p->stored[stored].bytes;
    Rung rung = {stored, keeps_operands, HUGE_VAL};
    p->stored[stored].is_again = true;
    is_kept[stored] = false;
    const int64_t more = keeps_operands ? keep_operands(p, is_kept, stored, true) : 0;
    freed -= more;
    if (freed > 0 && (more > 0 || !keeps_operands)) {
        play(p, is_kept);
        if (p->total.peak <= before.peak)
            rung.price = price_of(p, before, freed);
    }
    if (keeps_operands)
        keep_operands(p, is_kept, stored, false);
    p->stored[stored].is_again = false;
    is_kept[stored] = true;
    return rung;
}

/* The next value to give up. */
static Rung next_rung(Play *p, bool *is_kept)
{
    bool *const waiting = ARENA_ARRAY(p->context->arena, p->nstored + 1, bool);
    play(p, is_kept);
    find_waiting(p, waiting);
    const Total before = p->total;
    Rung best = {-1, false, p->most};
    int tried = 0;
    for (int i = 0; i < p->nstored && tried < MAX_TRIED; i++) {
        if (!is_kept[i] || !waits(p, waiting, i) || p->stored[i].bytes < before.peak / LEAST_PART)
            continue;
        tried++;
        for (int keeps = 0; keeps < 2; keeps++) {
            const Rung rung = try_rung(p, is_kept, i, keeps, before);
            if (rung.price < HUGE_VAL && rung.price <= best.price && (best.stored < 0 || rung.price < best.price))
                best = rung;
        }
    }
    return best;
}

static void give_up(Play *p, bool *is_kept, Rung rung, Ladder *ladder)
{
    const Task *const task = &p->task[p->stored[rung.stored].task];
    p->stored[rung.stored].is_again = true;
    is_kept[rung.stored] = false;
    ladder->again[ladder->nagain++] = p->stored[rung.stored].value;
    if (!rung.keeps_operands)
        return;
    keep_operands(p, is_kept, rung.stored, true);
    for (int i = 0; i < task->nin; i++)
        if (p->is_operand[task->in[i]]) {
            p->is_operand[task->in[i]] = false; /* once, however often the task reads it */
            ladder->since[ladder->nkept] = ladder->nagain;
            ladder->kept[ladder->nkept++] = p->stored[task->in[i]].value;
        }
}

Ladder find_ladder(const Kernels *kernels, const int64_t *size, Value *const *forward, int nforward, double most)
{
    Arena *const arena = kernels->context->arena;
    Play p = play_new(kernels, size);
    p.most = most;
    Ladder ladder = {.again = ARENA_ARRAY(arena, p.nstored + 1, const Value *),
                     .kept = ARENA_ARRAY(arena, p.nstored + 1, const Value *),
                     .since = ARENA_ARRAY(arena, p.nstored + 1, int),
                     .stored = ARENA_ARRAY(arena, p.nstored + 1, const Value *),
                     .written = ARENA_ARRAY(arena, p.nstored + 1, const Value *)};
    bool *const is_kept = ARENA_ARRAY(arena, p.nstored + 1, bool);
    mark_forward(&p, forward, nforward);
    find_kept(&p, is_kept);
    for (int i = 0; i < p.nstored; i++) {
        if (is_kept[i])
            ladder.kept[ladder.nkept++] = p.stored[i].value;
        ladder.written[ladder.nwritten++] = p.stored[i].value;
        if (p.task[p.stored[i].task].is_forward)
            ladder.stored[ladder.nstored++] = p.stored[i].value;
    }
    for (Rung rung; (rung = next_rung(&p, is_kept)).stored >= 0;)
        give_up(&p, is_kept, rung, &ladder);
    return ladder;
}
