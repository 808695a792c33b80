/* plan.c -- the workspace: which buffers are live when, and which share a place.
 *
 * Until an output is first written its memory is free: what is dead by then may lie there.
 *
 * Of the others there are three plans, of which the smallest is taken. In the order in which they are written, buffers
 * take a slot that is free and whose size can be compared with theirs, whatever the symbols' values; the slot grows to
 * the larger of the two. Or the largest buffers come first, and the others go into slots that are there, side by side
 * where that is known to fit. Or each of them, the largest first, goes to the lowest place of a slot where nothing is
 * that lives at the same time, and the slot grows as it has to (Pisarchyk and Lee, "Efficient memory management for
 * deep neural net inference", 2020). */
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

/* What a step reads and writes is there while it runs, and through all strips of those that it takes turns with. */
static void live_step(Program *program, const Step *step, int place, const Around *loop)
{
    for (int i = 0; i < step->uses.nvalue; i++)
        live(buffer_of(program, step->uses.value[i]), place, loop);
    for (int i = 0; i < 2; i++)
        if (step->in[i])
            live(buffer_of(program, step->in[i]), place, loop);
    for (int i = 0; i < step->nout; i++)
        if (step->out[i] && buffer_of(program, step->out[i])->is_needed)
            live(buffer_of(program, step->out[i]), place, loop);
    for (int i = 0; step->routine && i < step->routine->nin; i++)
        if (step->routine->in[i])
            live(buffer_of(program, step->routine->in[i]), place, loop);
    if (step->scratch)
        live(step->scratch, place, loop);
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
        live_step(program, step, step->strip ? step->strip->first->place : step->place, loop);
        live_step(program, step, step->strip ? step->strip->last->place : step->place, loop);
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

/* Whether a buffer is to get a place in a slot. */
static bool wants_slot(const Buffer *buffer)
{
    return buffer->kind == BUFFER_WORKSPACE && buffer->first >= 0 && !buffer->within;
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
        if (!buffer->within)
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
            if (wants_slot(buffer) && buffer->first == place)
                put_in_slot(program, buffer, find_slot(program, buffer, buffer_room(program, buffer)), buffer->begin);
        }
        if (!later)
            break;
    }
}

/* ---- the largest first ---- */
enum { LINE = 64 }; /* bytes of a cache line, in which every slot begins */

/* Whether no buffer of the slot that is live together with this one meets these bytes of it. */
static bool is_free_between(const Program *program, int slot, const Buffer *wanted, Dim *begin, Dim *end)
{
    DimTable *dims = program->context->dims;
    for (const Buffer *buffer = program->slot[slot].buffers; buffer; buffer = buffer->beside)
        if (buffer->first <= wanted->last && wanted->first <= buffer->last && !dim_le(dims, end, buffer->begin) &&
            !dim_le(dims, dim_add(dims, buffer->begin, buffer_room(program, buffer)), begin))
            return false;
    return true;
}

/* Whether a buffer may begin there: in a line, or where its own rows begin in lines anyway. Scratch memory is bytes of
 * which nothing is known. */
static bool is_aligned(const Program *program, const Buffer *buffer, Dim *bytes, Dim *begin)
{
    DimTable *dims = program->context->dims;
    int64_t line = LINE;
    while (line > 1 && buffer->value->type.dtype != U8 && !dim_divide_exactly(dims, bytes, dim_const(dims, line)))
        line /= 2;
    return dim_equals(begin, 0) || dim_divide_exactly(dims, begin, dim_const(dims, line));
}

/* The greater of two sizes; NULL where only a run can tell. */
static Dim *greater(DimTable *dims, Dim *a, Dim *b)
{
    return dim_le(dims, a, b) ? b : dim_le(dims, b, a) ? a : NULL;
}

/* Where in a slot, which may have to grow, so many bytes are free for the buffer: at its beginning, or behind another
 * one; the lowest of these places for usual sizes. NULL: nowhere. */
static Dim *find_begin(const Program *program, int slot, const Buffer *wanted, const int64_t *usual, bool grows)
{
    DimTable *dims = program->context->dims;
    Dim *const bytes = buffer_room(program, wanted), *const size = program->slot[slot].bytes, *best = NULL;
    int64_t at, lowest = INT64_MAX;
    const Buffer *behind = NULL;
    do {
        Dim *const begin = behind ? dim_add(dims, behind->begin, buffer_room(program, behind)) : dim_const(dims, 0);
        Dim *const end = dim_add(dims, begin, bytes);
        if ((grows ? greater(dims, end, size) != NULL : dim_le(dims, end, size)) &&
            is_aligned(program, wanted, bytes, begin) && is_free_between(program, slot, wanted, begin, end) &&
            dim_evaluate(begin, usual, &at) && at < lowest) {
            lowest = at;
            best = begin;
        }
        behind = behind ? behind->beside : program->slot[slot].buffers;
    } while (behind);
    return best;
}

/* Puts a buffer into the smallest slot that has room for it, or a new one. */
static void find_room(Program *program, Buffer *buffer, const int64_t *usual, bool grows)
{
    DimTable *dims = program->context->dims;
    Dim *const bytes = buffer_room(program, buffer), *begin = dim_const(dims, 0);
    int best = -1;
    for (int i = 0; i < program->nslot; i++) {
        const bool is_smaller = best < 0 || dim_le(dims, program->slot[i].bytes, program->slot[best].bytes);
        Dim *free = program->slot[i].is_structure == buffer->is_structure && is_smaller
                        ? find_begin(program, i, buffer, usual, grows)
                        : NULL;
        if (free) {
            best = i;
            begin = free;
        }
    }
    if (best < 0)
        best = add_slot(program, buffer, bytes);
    put_in_slot(program, buffer, best, begin);
    program->slot[best].bytes = greater(dims, program->slot[best].bytes, dim_add(dims, begin, bytes));
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

/* The buffers without a place, the largest first. */
static Sized *sort_by_size(const Program *program, const int64_t *usual, int count, int *number)
{
    Sized *const sized = ARENA_ARRAY(program->context->arena, count + 1, Sized);
    *number = 0;
    for (Buffer *buffer = program->buffers; buffer; buffer = buffer->next) {
        if (!wants_slot(buffer))
            continue;
        sized[*number] = (Sized){buffer, 0, *number};
        if (!dim_evaluate(buffer_room(program, buffer), usual, &sized[*number].bytes))
            sized[*number].bytes = INT64_MAX;
        ++*number;
    }
    qsort(sized, (size_t)*number, sizeof *sized, compare_sizes);
    return sized;
}

static void plan_by_size(Program *program, const int64_t *usual, int count, bool grows)
{
    int number;
    Sized *const sized = sort_by_size(program, usual, count, &number);
    forget_slots(program);
    for (int i = 0; i < number; i++)
        find_room(program, sized[i].buffer, usual, grows);
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

/* ---- outputs ---- */
/* An output whose memory is free until it is first written: of a size that the caller knows, not a state, which the
 * caller may want as it was. */
static bool is_room(const Program *program, int output)
{
    const Buffer *const buffer = program->output[output];
    return buffer->kind == BUFFER_OUTPUT && buffer->first > 0 && !program->output_shape[output] &&
           !state_of_output(program, output);
}

/* Whether the buffer may lie at this place of the output: of its type, since it is the caller's object. */
static bool fits_within(const Program *program, const Buffer *buffer, const Buffer *output, Dim *begin)
{
    DimTable *dims = program->context->dims;
    Dim *const end = dim_add(dims, begin, buffer_room(program, buffer));
    if (buffer->last >= output->first || buffer->is_structure ||
        buffer->value->type.dtype != output->value->type.dtype || !dim_le(dims, end, buffer_room(program, output)))
        return false;
    for (const Buffer *other = program->buffers; other; other = other->next)
        if (other->within == output && other->first <= buffer->last && buffer->first <= other->last &&
            !dim_le(dims, end, other->begin) &&
            !dim_le(dims, dim_add(dims, other->begin, buffer_room(program, other)), begin))
            return false;
    return true;
}

/* The lowest place that is free for the buffer, behind others; NULL: there is none. */
static Dim *find_begin_within(const Program *program, const Buffer *buffer, const Buffer *output)
{
    DimTable *dims = program->context->dims;
    Dim *begin = dim_const(dims, 0);
    if (fits_within(program, buffer, output, begin))
        return begin;
    for (const Buffer *other = program->buffers; other; other = other->next) {
        if (other->within != output)
            continue;
        begin = dim_add(dims, other->begin, buffer_room(program, other));
        if (fits_within(program, buffer, output, begin))
            return begin;
    }
    return NULL;
}

/* In loops what comes later may come before. */
static bool has_loop(const Program *program)
{
    for (const Step *step = program->first; step; step = step->next)
        if (step->is_needed && step->kind == STEP_LOOP)
            return true;
    return false;
}

/* Gives buffers, the largest first, places in outputs. */
static void plan_outputs(Program *program, const int64_t *usual, int count)
{
    int number;
    for (Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        buffer->within = NULL;
    if (has_loop(program))
        return;
    Sized *const sized = sort_by_size(program, usual, count, &number);
    for (int i = 0; i < number; i++)
        for (int k = 0; k < program->noutput && !sized[i].buffer->within; k++) {
            Dim *const begin =
                is_room(program, k) ? find_begin_within(program, sized[i].buffer, program->output[k]) : NULL;
            if (!begin)
                continue;
            sized[i].buffer->within = program->output[k];
            sized[i].buffer->begin = begin;
        }
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

/* The sizes by which plans are compared: where there are strips of rows, many of them. */
static void find_usual(const Program *program, int64_t *usual)
{
    enum { STRIPS = 64 };
    DimTable *dims = program->context->dims;
    bool any = false;
    dim_usual(dims, usual);
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        any |= buffer->is_strip;
    for (int i = 0; any && i < dim_symbol_count(dims); i++) {
        const int64_t high = dim_upper(dim_symbol_at(dims, i));
        usual[i] = usual[i] > high / STRIPS ? high : usual[i] * STRIPS;
    }
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
    find_usual(program, usual);
    plan_outputs(program, usual, count);
    plan_in_order(program);
    int64_t least = planned_bytes(program, usual);
    int best = -1;
    for (int grows = 0; grows < 2; grows++) {
        plan_by_size(program, usual, count, grows);
        if (planned_bytes(program, usual) < least) {
            least = planned_bytes(program, usual);
            best = grows;
        }
    }
    if (best < 0)
        plan_in_order(program);
    else if (best == 0)
        plan_by_size(program, usual, count, false);
}
