/* plan.c -- the workspace: which buffers are live when, and which share a place.
 *
 * There are two plans, of which the smaller is taken. In the order in which they are written, buffers take a slot that
 * is free and whose size can be compared with theirs, whatever the symbols' values; the slot grows to the larger of the
 * two. Or the largest buffers come first, and the others go into slots that are there, side by side where that is known
 * to fit. */
#include "interface.h"
#include "lower.h"
#include <limits.h>
#include <stdlib.h>

/* The size that the caller's sizes decide and this one must be equal to, as NAME_run compares; else itself. A tensor
 * that has been given a shape by the data has as many elements as before. */
static Dim *decided_size(const Program *program, Dim *size)
{
    for (const Requirement *r = dim_has_fresh(size) ? program->graph->requires.first : NULL; r; r = r->next)
        for (int i = 0; r->is_equal && i < 2; i++)
            if ((i ? r->high : r->low) == size && !dim_has_fresh(i ? r->low : r->high))
                return i ? r->low : r->high;
    return size;
}

Dim *buffer_bytes(const Program *program, const Value *value)
{
    DimTable *dims = program->context->dims;
    Dim *elements = dim_const(dims, 1), *element = dim_const(dims, (int64_t)dtype_info(value->type.dtype)->size);
    for (int i = 0; i < value->type.rank; i++)
        elements = dim_mul(dims, elements, value->type.dim[i]);
    return dim_limit(dims, dim_mul(dims, element, decided_size(program, elements)));
}

/* The loops around a step, the innermost first. */
typedef struct Around Around;
struct Around {
    int begin, end; /* their places */
    const Around *outer;
};

/* What was there before a loop began is there in every trip. */
static void live(Buffer *buffer, int place, const Around *loop)
{
    if (buffer->kind == BUFFER_VIEW)
        buffer = buffer->base;
    if (buffer->kind != BUFFER_WORKSPACE && buffer->kind != BUFFER_OUTPUT)
        return;
    if (buffer->first < 0)
        buffer->first = place;
    for (; loop && buffer->first <= loop->begin; loop = loop->outer)
        place = loop->end;
    if (buffer->last < place)
        buffer->last = place;
}

/* The place of the step that closes a block. */
static int end_of(const Step *open)
{
    const Step *step = open;
    while (step->kind != STEP_END || step->open != open)
        step = step->next;
    return step->place;
}

static void live_step(Program *program, const Step *step, const Around *loop)
{
    for (int i = 0; i < step->uses.nvalue; i++)
        live(buffer_of(program, step->uses.value[i]), step->place, loop);
    for (int i = 0; i < 2; i++)
        if (step->in[i])
            live(buffer_of(program, step->in[i]), step->place, loop);
    for (int i = 0; i < step->nout; i++)
        if (step->out[i] && buffer_of(program, step->out[i])->is_needed)
            live(buffer_of(program, step->out[i]), step->place, loop);
    for (int i = 0; step->routine && i < step->routine->nin; i++)
        if (step->routine->in[i])
            live(buffer_of(program, step->routine->in[i]), step->place, loop);
    if (step->scratch)
        live(step->scratch, step->place, loop);
}

/* What a loop gives is there from before its first trip, so that no trip uses its place for something else; what it
 * asks before every trip is there to its end. */
static void live_loop(Program *program, const Step *open, const Around *around)
{
    for (const LoopState *state = open->state; state; state = state->next)
        if (state->value) {
            live(buffer_of(program, state->value), open->place, around->outer);
            live(buffer_of(program, state->value), around->end, around->outer);
        }
    for (int i = 0; i < 2; i++)
        if (open->in[i])
            live(buffer_of(program, open->in[i]), around->end, around->outer);
    for (int i = 0; i < open->node->nout; i++)
        if (open->node->out[i] && buffer_of(program, open->node->out[i])->is_needed)
            live(buffer_of(program, open->node->out[i]), open->place, around->outer);
}

static void find_live_ranges(Program *program)
{
    const Around *loop = NULL;
    for (Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        buffer->first = buffer->last = -1;
    for (Step *step = program->first; step; step = step->next) {
        if (!step->is_needed)
            continue;
        live_step(program, step, loop);
        if (step->kind == STEP_LOOP) {
            Around *around = ARENA_NEW(program->context->arena, Around);
            *around = (Around){step->place, end_of(step), loop};
            live_loop(program, step, around);
            loop = around;
        } else if (step->kind == STEP_END && step->open->kind == STEP_LOOP) {
            loop = loop->outer;
        }
    }
    for (const Step *step = program->first; step && step->is_structure; step = step->next)
        if (step->kind == STEP_SIZE) /* read again where the rest begins */
            live(buffer_of(program, step->out[0]), INT_MAX, NULL);
}

static bool is_free(const Program *program, int slot, const Buffer *wanted)
{
    for (const Buffer *buffer = program->slot[slot].buffers; buffer; buffer = buffer->beside)
        if (buffer->first <= wanted->last && wanted->first <= buffer->last)
            return false;
    return true;
}

/* Gives a buffer its place in a slot. */
static void put_in_slot(Program *program, Buffer *buffer, int slot, Dim *begin)
{
    Buffer **link = &program->slot[slot].buffers;
    while (*link && (*link)->number < buffer->number)
        link = &(*link)->beside;
    buffer->slot = slot;
    buffer->begin = begin;
    buffer->beside = *link;
    *link = buffer;
}

/* Whether slot `a` is the better one for so many bytes: the smallest that holds them, or else the largest of those that
 * have to grow. */
static bool is_better(DimTable *dims, Dim *bytes, Dim *a, Dim *b)
{
    const bool a_fits = dim_le(dims, bytes, a), b_fits = dim_le(dims, bytes, b);
    if (a_fits != b_fits)
        return a_fits;
    return a != b && (a_fits ? dim_le(dims, a, b) : dim_le(dims, b, a));
}

static int add_slot(Program *program, Buffer *buffer, Dim *bytes)
{
    program->slot[program->nslot] = (Slot){bytes, buffer, NULL, buffer->is_structure};
    return program->nslot++;
}

static int find_slot(Program *program, Buffer *buffer, Dim *bytes)
{
    DimTable *dims = program->context->dims;
    int best = -1;
    for (int i = 0; i < program->nslot; i++) {
        Dim *size = program->slot[i].bytes;
        const bool can_hold = dim_le(dims, bytes, size) || dim_le(dims, size, bytes);
        if (can_hold && program->slot[i].is_structure == buffer->is_structure && is_free(program, i, buffer) &&
            (best < 0 || is_better(dims, bytes, size, program->slot[best].bytes)))
            best = i;
    }
    if (best < 0)
        best = add_slot(program, buffer, bytes);
    if (dim_le(dims, program->slot[best].bytes, bytes))
        program->slot[best].bytes = bytes;
    return best;
}

static void forget_slots(Program *program)
{
    int number = 0;
    program->nslot = 0;
    for (Buffer *buffer = program->buffers; buffer; buffer = buffer->next) {
        buffer->number = number++;
        buffer->slot = -1;
        buffer->begin = dim_const(program->context->dims, 0);
    }
}

static void plan_in_order(Program *program)
{
    forget_slots(program);
    for (int place = 0;; place++) {
        bool later = false;
        for (Buffer *buffer = program->buffers; buffer; buffer = buffer->next) {
            later |= buffer->first > place;
            if (buffer->kind == BUFFER_WORKSPACE && buffer->first == place)
                put_in_slot(program, buffer, find_slot(program, buffer, buffer_bytes(program, buffer->value)),
                            buffer->begin);
        }
        if (!later)
            break;
    }
}

/* ---- the largest first ---- */
enum { LINE = 64 }; /* bytes of a cache line, in which every buffer begins */

/* Whether no buffer of the slot that is live together with this one meets these bytes of it. */
static bool is_free_between(const Program *program, int slot, const Buffer *wanted, Dim *begin, Dim *end)
{
    DimTable *dims = program->context->dims;
    for (const Buffer *buffer = program->slot[slot].buffers; buffer; buffer = buffer->beside)
        if (buffer->first <= wanted->last && wanted->first <= buffer->last && !dim_le(dims, end, buffer->begin) &&
            !dim_le(dims, dim_add(dims, buffer->begin, buffer_bytes(program, buffer->value)), begin))
            return false;
    return true;
}

/* Where in a slot so many bytes are free for the buffer: at its beginning, or behind another one. NULL: nowhere. */
static Dim *find_begin(const Program *program, int slot, const Buffer *wanted, Dim *bytes)
{
    DimTable *dims = program->context->dims;
    Dim *begin = dim_const(dims, 0), *line = dim_const(dims, LINE);
    if (!dim_le(dims, bytes, program->slot[slot].bytes))
        return NULL;
    if (is_free_between(program, slot, wanted, begin, bytes))
        return begin;
    for (const Buffer *buffer = program->slot[slot].buffers; buffer; buffer = buffer->beside) {
        Dim *size = buffer_bytes(program, buffer->value);
        begin = dim_add(dims, buffer->begin, size);
        Dim *end = dim_add(dims, begin, bytes);
        if (dim_divide_exactly(dims, size, line) && dim_le(dims, end, program->slot[slot].bytes) &&
            is_free_between(program, slot, wanted, begin, end))
            return begin;
    }
    return NULL;
}

/* Puts a buffer into the smallest slot that has room for it, or a new one. */
static void find_room(Program *program, Buffer *buffer)
{
    DimTable *dims = program->context->dims;
    Dim *bytes = buffer_bytes(program, buffer->value), *begin = dim_const(dims, 0);
    int best = -1;
    for (int i = 0; i < program->nslot; i++) {
        const bool is_smaller = best < 0 || dim_le(dims, program->slot[i].bytes, program->slot[best].bytes);
        Dim *free = program->slot[i].is_structure == buffer->is_structure && is_smaller
                        ? find_begin(program, i, buffer, bytes)
                        : NULL;
        if (free) {
            best = i;
            begin = free;
        }
    }
    put_in_slot(program, buffer, best < 0 ? add_slot(program, buffer, bytes) : best, begin);
}

typedef struct {
    Buffer *buffer;
    int64_t bytes; /* for usual sizes */
    int number;
} Sized;

static int compare_sizes(const void *a, const void *b)
{
    const Sized *const p = a, *const q = b;
    return p->bytes != q->bytes ? (p->bytes < q->bytes) - (p->bytes > q->bytes)
                                : (p->number > q->number) - (p->number < q->number);
}

static void plan_by_size(Program *program, const int64_t *usual, int count)
{
    Sized *const sized = ARENA_ARRAY(program->context->arena, count + 1, Sized);
    int number = 0;
    forget_slots(program);
    for (Buffer *buffer = program->buffers; buffer; buffer = buffer->next) {
        if (buffer->kind != BUFFER_WORKSPACE || buffer->first < 0)
            continue;
        sized[number] = (Sized){buffer, 0, number};
        if (!dim_evaluate(buffer_bytes(program, buffer->value), usual, &sized[number].bytes))
            sized[number].bytes = INT64_MAX;
        number++;
    }
    qsort(sized, (size_t)number, sizeof *sized, compare_sizes);
    for (int i = 0; i < number; i++)
        find_room(program, sized[i].buffer);
}

/* Bytes of all slots for usual sizes. */
static int64_t planned_bytes(const Program *program, const int64_t *usual)
{
    int64_t sum = 0, bytes;
    for (int i = 0; i < program->nslot; i++)
        if (!dim_evaluate(program->slot[i].bytes, usual, &bytes) || bytes > INT64_MAX - sum)
            return INT64_MAX;
        else
            sum += bytes;
    return sum;
}

/* The sizes a graph was made with go with it, so that others are noticed. */
static void keep_sizes(Program *program)
{
    Dim *count = dim_const(program->context->dims, nsizes(program));
    Buffer *buffer = buffer_of(program, hidden_value(program, "sizes", type_tensor(I64, 1, &count), NULL));
    buffer->is_structure = buffer->is_needed = true;
    buffer->first = 0;
    buffer->last = INT_MAX;
    program->sizes = buffer;
}

void program_plan(Program *program)
{
    DimTable *dims = program->context->dims;
    int64_t *const usual = ARENA_ARRAY(program->context->arena, dim_symbol_count(dims) + 1, int64_t);
    find_live_ranges(program);
    if (program->has_structure && nsizes(program) > 0)
        keep_sizes(program);
    int count = 0;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        count++;
    program->slot = ARENA_ARRAY(program->context->arena, count, Slot);
    dim_usual(dims, usual);
    plan_by_size(program, usual, count);
    const int64_t by_size = planned_bytes(program, usual);
    plan_in_order(program);
    if (by_size < planned_bytes(program, usual))
        plan_by_size(program, usual, count);
}
