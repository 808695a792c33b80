/* call.c -- a call of a function of runtime/, made argument by argument. */
#include "call.h"

/* A list of so many elements with room for one more: it doubles when their number is a power of two. */
static void *with_room(Arena *arena, void *list, int count, size_t size)
{
    const bool is_full = (count & (count - 1)) == 0;
    return is_full ? arena_grow(arena, list, (size_t)count, count ? 2 * (size_t)count : 1, size) : list;
}

Routine *call(Definition *d, const char *name, const char *suffix, int nin, int nout)
{
    Routine *routine = ARENA_NEW(d->context->arena, Routine);
    *routine = (Routine){.name = name, .suffix = suffix, .nout = nout, .arena = d->context->arena};
    for (int i = 0; i < nin; i++)
        pass_input(routine, def_has(d, i) ? d->node->in[i] : NULL);
    return d->routine = routine;
}

void pass_input(Routine *routine, Value *value)
{
    routine->in = with_room(routine->arena, routine->in, routine->nin, sizeof *routine->in);
    routine->in[routine->nin++] = value;
}

void pass(Routine *routine, Dim *n)
{
    routine->n = with_room(routine->arena, routine->n, routine->nn, sizeof *routine->n);
    routine->n[routine->nn++] = n;
}

void pass_real(Routine *routine, double p)
{
    routine->p = with_room(routine->arena, routine->p, routine->np, sizeof *routine->p);
    routine->p[routine->np++] = p;
}

Dim *defined_size(Definition *d, Routine *routine, Dim *limit)
{
    return defined_size_of(d, routine, routine->nsize, limit);
}

Dim *defined_size_of(Definition *d, Routine *routine, int key, Dim *limit)
{
    routine->size = with_room(routine->arena, routine->size, routine->nsize, sizeof(Dim *));
    Dim *size = dim_fresh(d->context->dims, d->node, key, limit);
    routine->size[routine->nsize++] = size;
    return size;
}
