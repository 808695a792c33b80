/* structure.c -- the part of a program that depends on nothing but the structure of its graphs.
 *
 * What groups edges by their target (gnn.Csr) says which inputs are structure: those it is computed from. All steps
 * that read nothing else, degrees and norms among them, come first; the caller may have them done once for a graph, by
 * NAME_graph, and run the rest as often as he likes. What is grouped anew in every step of a training, because it is
 * computed from what the program keeps, is no structure. */
#include "cuda.h"
#include <string.h>

typedef struct {
    Program *program;
    Map *structure; /* Buffer: an input that is structure */
    Map *seen;      /* Buffer: what it is computed from has been marked, for one grouping */
    bool *is_known; /* by symbol index: the caller gives it, or a step of the structure */
} Search;

static Buffer *whole(const Program *program, const Value *value)
{
    Buffer *buffer = buffer_of(program, value);
    return buffer->kind == BUFFER_VIEW ? buffer->base : buffer;
}

const Value *step_value(const Step *step, int i)
{
    int number = 0;
    for (int k = 0; k < step->uses.nvalue; k++)
        if (!step->uses.is_written[k] && number++ == i)
            return step->uses.value[k];
    for (int k = 0; step->routine && k < step->routine->nin; k++)
        if (step->routine->in[k] && number++ == i)
            return step->routine->in[k];
    for (int k = 0; k < 2; k++)
        if (step->in[k] && number++ == i)
            return step->in[k];
    return step->kind == STEP_SIZE && !step->size && number == i ? step->out[0] : NULL;
}

/* Whatever the buffer is computed from and the caller gives is structure. Steps are visited backwards. */
static void mark_inputs(Search *s, const Step *before, const Buffer *buffer)
{
    if (map_get(s->seen, buffer))
        return;
    map_set(s->seen, buffer, s);
    if (buffer->kind == BUFFER_INPUT)
        map_set(s->structure, buffer, s);
    for (const Step *step = before->prev; step; step = step->prev)
        for (int i = 0; step->is_needed && step->kind != STEP_SIZE && i < step->nout; i++)
            if (step->out[i] && whole(s->program, step->out[i]) == buffer)
                for (int k = 0; step_value(step, k); k++)
                    mark_inputs(s, step, whole(s->program, step_value(step, k)));
}

/* What a grouping is computed from is structure, unless something there changes from run to run. */
static void mark_grouping(Search *s, const Step *csr)
{
    Arena *arena = s->program->context->arena;
    const Model *model = s->program->model;
    Search own = {.program = s->program, .structure = map_new(arena), .seen = map_new(arena)};
    for (int k = 0; step_value(csr, k); k++)
        mark_inputs(&own, csr, whole(s->program, step_value(csr, k)));
    for (int i = 0; i < model->nkept; i++)
        if (map_get(own.structure, whole(s->program, model->kept[i].in)))
            return;
    for (Buffer *buffer = s->program->buffers; buffer; buffer = buffer->next)
        if (map_get(own.structure, buffer))
            map_set(s->structure, buffer, s);
}

static void mark_shape(const Type *type, bool *used)
{
    for (int i = 0; i < type->rank; i++)
        dim_symbols_used(type->dim[i], used);
}

/* Whether the sizes a step speaks of are known when nothing but structure is. */
static bool knows_sizes(const Search *s, const Step *step)
{
    const int count = dim_symbol_count(s->program->context->dims);
    bool *used = ARENA_ARRAY(s->program->context->arena, count + 1, bool);
    for (int i = 0; i < count && step->uses.symbol; i++)
        used[i] = step->uses.symbol[i];
    for (const Requirement *r = step->bounds.first; r; r = r->next) {
        dim_symbols_used(r->low, used);
        dim_symbols_used(r->high, used);
    }
    for (int i = 0; step_value(step, i); i++) {
        const Buffer *buffer = buffer_of(s->program, step_value(step, i));
        mark_shape(&step_value(step, i)->type, used);
        if (buffer->kind == BUFFER_VIEW)
            dim_symbols_used(buffer->offset, used);
    }
    for (int i = 0; i < step->nout; i++)
        if (step->out[i])
            mark_shape(&step->out[i]->type, used);
    for (int i = 0; step->routine && i < step->routine->nn; i++)
        dim_symbols_used(step->routine->n[i], used);
    for (int i = 0; i < count; i++)
        if (used[i] && !s->is_known[i])
            return false;
    return true;
}

/* Whether a library is called by the step, or by others for what it writes: libraries do not see that a graph, made
 * with other sizes, must not be read. */
static bool is_for_library(const Program *program, const Step *writes)
{
    if (calls_library(writes))
        return true;
    for (const Step *step = program->first; step; step = step->next)
        for (int i = 0; calls_library(step) && step_value(step, i); i++)
            for (int k = 0; k < writes->nout; k++)
                if (writes->out[k] && whole(program, writes->out[k]) == whole(program, step_value(step, i)))
                    return true;
    return false;
}

static bool is_structure_step(const Search *s, const Step *step)
{
    const bool can_be = step->kind == STEP_LOOPS || step->kind == STEP_SIZE ||
                        (step->kind == STEP_ROUTINE && step->routine->nsize == 0);
    bool any = false;
    if (!can_be || step->depth > 0 || step->size || is_for_library(s->program, step))
        return false;
    for (int i = 0; step_value(step, i); i++) {
        const Buffer *buffer = whole(s->program, step_value(step, i));
        const bool is_structure = map_get(s->structure, buffer) || buffer->is_structure;
        if (!is_structure && buffer->kind != BUFFER_WEIGHT)
            return false;
        any |= is_structure;
    }
    for (int i = 0; step->kind != STEP_SIZE && i < step->nout; i++)
        if (step->out[i] && whole(s->program, step->out[i])->kind == BUFFER_OUTPUT)
            return false;
    return any && knows_sizes(s, step);
}

static void unlink_step(Program *program, Step *step)
{
    *(step->prev ? &step->prev->next : &program->first) = step->next;
    *(step->next ? &step->next->prev : &program->last) = step->prev;
}

static void link_step_before(Program *program, Step *step, Step *before)
{
    step->next = before;
    step->prev = before ? before->prev : program->last;
    *(step->prev ? &step->prev->next : &program->first) = step;
    *(before ? &before->prev : &program->last) = step;
}

void find_structure(Program *program)
{
    Arena *arena = program->context->arena;
    Search s = {program, map_new(arena), NULL, ARENA_ARRAY(arena, dim_symbol_count(program->context->dims) + 1, bool)};
    for (int i = 0; i < program->nparameter; i++)
        s.is_known[dim_symbol_index(program->parameter[i])] = true;
    for (const Step *step = program->last; step; step = step->prev)
        if (step->is_needed && step->depth == 0 && step->routine && strcmp(step->routine->name, "csr") == 0)
            mark_grouping(&s, step);
    Step *rest = program->first;
    for (Step *step = program->first, *next; step; step = next) {
        next = step->next;
        if (!step->is_needed || !is_structure_step(&s, step))
            continue;
        step->is_structure = program->has_structure = true;
        if (step->kind == STEP_SIZE)
            s.is_known[dim_symbol_index(step->symbol)] = true;
        for (int i = 0; step->kind != STEP_SIZE && i < step->nout; i++)
            if (step->out[i])
                whole(program, step->out[i])->is_structure = true;
        if (step->scratch)
            step->scratch->is_structure = true;
        if (step == rest) {
            rest = next;
        } else {
            unlink_step(program, step);
            link_step_before(program, step, rest);
        }
    }
}

bool is_read_by(const Program *program, const Buffer *input, bool structure)
{
    for (const Step *step = program->first; step; step = step->next)
        for (int i = 0; step->is_needed && step->is_structure == structure && step_value(step, i); i++)
            if (whole(program, step_value(step, i)) == input)
                return true;
    return false;
}
