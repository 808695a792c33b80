/* plan.c -- the workspace: which buffers are live when, and which share a place.
 *
 * Buffers take the first slot that is free and whose size can be compared with theirs, whatever the symbols' values;
 * the slot grows to the larger of the two. */
#include "interface.h"
#include "lower.h"
#include <limits.h>

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
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        if (buffer->slot == slot && buffer->first <= wanted->last && wanted->first <= buffer->last)
            return false;
    return true;
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

static int find_slot(Program *program, const Buffer *buffer, Dim *bytes)
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
    if (best < 0) {
        best = program->nslot++;
        program->slot[best] = (Slot){bytes, (Buffer *)buffer, buffer->is_structure};
    }
    if (dim_le(dims, program->slot[best].bytes, bytes))
        program->slot[best].bytes = bytes;
    return best;
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
    find_live_ranges(program);
    if (program->has_structure && nsizes(program) > 0)
        keep_sizes(program);
    int count = 0;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        count++;
    program->slot = ARENA_ARRAY(program->context->arena, count, Slot);
    for (int place = 0;; place++) {
        bool later = false;
        for (Buffer *buffer = program->buffers; buffer; buffer = buffer->next) {
            later |= buffer->first > place;
            if (buffer->kind == BUFFER_WORKSPACE && buffer->first == place)
                buffer->slot = find_slot(program, buffer, buffer_bytes(program, buffer->value));
        }
        if (!later)
            break;
    }
}
