/* requirement.c -- which comparisons of sizes a program makes, and where.
 *
 * Definitions say what they take for granted of sizes (x [N] + y [M]: N and M are equal), and size_check.c finds what
 * loads rely on. A program compares what the caller's sizes decide before anything else, and the rest before the step
 * that says so; nothing that follows from an earlier comparison is compared again. Nothing is computed only to be
 * compared: where a rewrite has done away with what a size counts, it has kept what the size stood for. */
#include "program.h"
#include <string.h>

/* What is known to hold in a block, beyond what holds around it. */
typedef struct Facts Facts;
struct Facts {
    Requirements list;
    Dim **equal; /* by symbol index: the size that this one has been found equal to; NULL: none */
    Facts *outer;
};

typedef struct {
    Program *program;
    DimTable *dims;
    int nsymbol;
    /* by symbol index: given by the caller; the program has it anyway; it has it where the search has come to */
    bool *is_parameter, *is_there, *is_known;
    bool *used;           /* scratch */
    Requirements pending; /* the graph's that wait for sizes */
    Facts *facts;
} Search;

/* ---- which sizes there are ---- */
/* Whether all symbols of a size are among these. */
static bool is_made_of(const Search *s, Dim *dim, const bool *among)
{
    memset(s->used, 0, (size_t)s->nsymbol * sizeof *s->used);
    dim_symbols_used(dim, s->used);
    for (int i = 0; i < s->nsymbol; i++)
        if (s->used[i] && !among[i])
            return false;
    return true;
}

static bool is_over(const Search *s, const Requirement *r, const bool *among)
{
    return is_made_of(s, r->low, among) && is_made_of(s, r->high, among);
}

static bool is_there(const Program *program, const Value *value)
{
    const Buffer *buffer = buffer_of(program, value);
    return buffer->is_needed || buffer->kind == BUFFER_INPUT || buffer->kind == BUFFER_WEIGHT;
}

/* Whether a step that nothing needs gives sizes from tensors that are there, of sizes that are, and the caller need not
 * say how great they may be. */
static bool can_give_sizes(const Search *s, const Step *step)
{
    if (step->is_needed || step->depth > 0)
        return false;
    if (step->kind == STEP_SIZE)
        return !step->size && is_there(s->program, step->out[0]) && dim_limit(s->dims, step->symbol) != step->symbol;
    if (step->kind != STEP_ROUTINE || step->routine->nout > 0)
        return false;
    for (int i = 0; i < step->routine->nin; i++)
        if (step->routine->in[i] && !is_there(s->program, step->routine->in[i]))
            return false;
    for (int i = 0; i < step->routine->nn; i++)
        if (!is_made_of(s, step->routine->n[i], s->is_there))
            return false;
    return true;
}

/* The sizes that a step gives: marks them. */
static void mark_sizes(const Step *step, bool *sizes)
{
    if (step->kind == STEP_SIZE)
        sizes[dim_symbol_index(step->symbol)] = true;
    for (int i = 0; step->routine && i < step->routine->nsize; i++)
        sizes[dim_symbol_index(step->routine->size[i])] = true;
}

/* Steps are needed for sizes that are compared, and so is what they read. */
static void need_steps(const Search *s)
{
    Program *program = s->program;
    for (Step *step = program->last; step; step = step->prev) {
        bool *sizes = ARENA_ARRAY(program->context->arena, s->nsymbol + 1, bool);
        if (!can_give_sizes(s, step))
            continue;
        mark_sizes(step, sizes);
        for (int i = 0; i < s->nsymbol; i++)
            step->is_needed |= sizes[i] && program->is_used[i];
        if (!step->is_needed)
            continue;
        if (step->kind == STEP_SIZE)
            buffer_of(program, step->out[0])->is_needed = true;
        for (int i = 0; step->routine && i < step->routine->nin; i++)
            if (step->routine->in[i])
                buffer_of(program, step->routine->in[i])->is_needed = true;
        for (int i = 0; step->routine && i < step->routine->nn; i++)
            dim_symbols_used(step->routine->n[i], program->is_used);
    }
}

static void find_sizes(Search *s)
{
    const Program *program = s->program;
    for (int i = 0; i < program->nparameter; i++)
        s->is_parameter[dim_symbol_index(program->parameter[i])] = true;
    memcpy(s->is_there, s->is_parameter, (size_t)s->nsymbol * sizeof *s->is_there);
    for (const Step *step = program->first; step; step = step->next)
        if (step->is_needed || can_give_sizes(s, step))
            mark_sizes(step, s->is_there);
}

/* ---- what follows from what ---- */
static Facts *facts_new(const Search *s, Facts *outer)
{
    Facts *facts = ARENA_NEW(s->program->context->arena, Facts);
    facts->outer = outer;
    facts->equal = arena_grow(s->program->context->arena, outer ? outer->equal : NULL, outer ? (size_t)s->nsymbol : 0,
                              (size_t)s->nsymbol + 1, sizeof *facts->equal);
    return facts;
}

/* The size with symbols replaced by what they are equal to. */
static Dim *settled(const Search *s, Dim *dim)
{
    for (;;) {
        Dim *next = dim_substitute(s->dims, dim, s->facts->equal);
        if (next == dim || next == dim_overflow(s->dims))
            return dim;
        dim = next;
    }
}

/* Takes `symbol` to be `size` from now on where that says something and stays so: sizes of blocks change. */
static bool set_equal(const Search *s, Dim *symbol, Dim *size)
{
    if (!dim_is_symbol(symbol) || s->program->is_variable[dim_symbol_index(symbol)])
        return false;
    memset(s->used, 0, (size_t)s->nsymbol * sizeof *s->used);
    dim_symbols_used(size, s->used);
    for (int i = 0; i < s->nsymbol; i++)
        if (s->used[i] && (s->program->is_variable[i] || i == dim_symbol_index(symbol)))
            return false;
    s->facts->equal[dim_symbol_index(symbol)] = size;
    return true;
}

/* Whether one of these requirements says as much as low <= high: 20 <= N says 1 <= N. Of many only the first are looked
 * at. */
static bool says_as_much(const Search *s, const Requirements *list, Dim *low, Dim *high)
{
    int left = 64;
    Dim *difference = dim_sub(s->dims, high, low);
    for (const Requirement *r = list->first; r && left-- > 0; r = r->next)
        if (!r->is_equal && dim_le(s->dims, dim_sub(s->dims, r->high, r->low), difference))
            return true;
    return false;
}

/* Whether the requirement says something new, which is then known. */
static bool learn(const Search *s, const Requirement *r)
{
    Dim *low = settled(s, r->low), *high = settled(s, r->high);
    for (const Facts *facts = s->facts; facts; facts = facts->outer)
        if (dim_is_required(s->dims, &facts->list, low, high, r->is_equal) ||
            (!r->is_equal && says_as_much(s, &facts->list, low, high)))
            return false;
    if (!r->is_equal || (!set_equal(s, high, low) && !set_equal(s, low, high)))
        dim_require(s->dims, &s->facts->list, low, high, r->is_equal);
    return true;
}

/* ---- what is compared where ---- */
static void add(Requirements *list, const Requirement *r, Arena *arena)
{
    Requirement *copy = ARENA_NEW(arena, Requirement);
    *copy = (Requirement){r->low, r->high, r->is_equal, NULL};
    *(list->last ? &list->last->next : &list->first) = copy;
    list->last = copy;
}

/* Adds those of `from` that are new and made of these sizes: equal ones, or the others. */
static void choose(const Search *s, Requirements *to, const Requirements *from, const bool *among, bool equal)
{
    for (const Requirement *r = from->first; r; r = r->next)
        if (r->is_equal == equal && is_over(s, r, among) && learn(s, r))
            add(to, r, s->program->context->arena);
}

/* Leaves out what another one says as well: 1 <= N beside 20 <= N. */
static void drop_weaker(const Search *s, Requirements *list)
{
    Requirements rest = *list;
    for (Requirement **link = &list->first; *link;) {
        Requirement *r = *link;
        *link = r->next; /* not beside itself */
        rest.first = list->first;
        if (!r->is_equal && says_as_much(s, &rest, r->low, r->high))
            continue;
        *link = r;
        link = &r->next;
    }
}

/* What the caller's sizes decide, whatever the data. A block's must wait: its steps may not be taken. */
static void choose_early(Search *s)
{
    Program *program = s->program;
    for (int equal = 1; equal >= 0; equal--) {
        choose(s, &program->requires, &program->graph->requires, s->is_parameter, equal);
        for (Step *step = program->first; step; step = step->next)
            if (step->is_needed && step->depth == 0) {
                choose(s, &program->requires, &step->requires, s->is_parameter, equal);
                choose(s, &program->requires, &step->bounds, s->is_parameter, equal);
            }
    }
    drop_weaker(s, &program->requires);
    for (const Requirement *r = program->context->granted.first; r; r = r->next) /* all proofs take it to hold */
        add(&program->requires, r, program->context->arena);
    for (const Requirement *r = program->graph->requires.first; r; r = r->next)
        if (is_over(s, r, s->is_there) && !is_over(s, r, s->is_parameter))
            add(&s->pending, r, program->context->arena);
}

/* What blocks find out does not hold behind them. */
static void enter_or_leave(Search *s, const Step *step)
{
    if (step->kind == STEP_ELSE || step->kind == STEP_END)
        s->facts = s->facts->outer;
    if (step->kind == STEP_ELSE || step->kind == STEP_IF || step->kind == STEP_LOOP)
        s->facts = facts_new(s, s->facts);
}

static void choose_late(Search *s, Step *step)
{
    Requirements chosen = {NULL, NULL, NULL};
    for (const Requirement *r = step->requires.first; r && step->depth == 0; r = r->next)
        if (!is_over(s, r, s->is_known) &&
            is_over(s, r, s->is_there)) /* the step has been moved before what gives the size */
            add(&s->pending, r, s->program->context->arena);
    for (int equal = 1; equal >= 0; equal--) {
        if (step->depth == 0)
            choose(s, &chosen, &s->pending, s->is_known, equal);
        choose(s, &chosen, &step->requires, s->is_known, equal);
        choose(s, &chosen, &step->bounds, s->is_known, equal);
    }
    step->requires = chosen;
    for (const Requirement *r = chosen.first; r; r = r->next) {
        dim_symbols_used(r->low, s->program->is_used);
        dim_symbols_used(r->high, s->program->is_used);
    }
}

void program_requirements(Program *program)
{
    Arena *arena = program->context->arena;
    const int count = dim_symbol_count(program->context->dims);
    Search s = {.program = program, .dims = program->context->dims, .nsymbol = count};
    s.is_parameter = ARENA_ARRAY(arena, count + 1, bool);
    s.is_there = ARENA_ARRAY(arena, count + 1, bool);
    s.is_known = ARENA_ARRAY(arena, count + 1, bool);
    s.used = ARENA_ARRAY(arena, count + 1, bool);
    s.facts = facts_new(&s, NULL);
    find_sizes(&s);
    choose_early(&s);
    memcpy(s.is_known, s.is_parameter, (size_t)count * sizeof *s.is_known);
    for (Step *step = program->first; step; step = step->next) {
        if (step->is_needed) {
            choose_late(&s, step);
            enter_or_leave(&s, step);
        }
        if (step->is_needed || can_give_sizes(&s, step))
            mark_sizes(step, s.is_known);
    }
    need_steps(&s);
}
