/* strips.c -- steps that take turns over strips of rows, so that what one leaves to the next is never there as a whole.
 *
 * Steps that follow each other, and each compute rows of as many vertices, take turns where all that one reads of the
 * others is the row at hand: an aggregation and the product of its rows with a matrix, say. Then what they alone read
 * needs room for a strip, which the next finds in the cache. The steps' functions are called with the strip's number of
 * rows, and with the places in tensors where it begins; of a tensor whose rows are read through indices, too, the row
 * at hand is read by another name. Every row is computed as it would be without: sums of rows that threads share are
 * cut by what the strip holds, and so by the graph alone. */
#include "lower.h"
#include "simplify.h"
#include <string.h>

/* How a step reads a tensor, or that it writes it. */
typedef struct {
    Value *value;
    bool own;   /* the row at hand, or at a constant distance from it ... */
    bool near;  /* ... and not only that itself */
    bool other; /* rows found otherwise */
} Access;

enum { MAX_ACCESSES = 48 };

typedef struct {
    Program *program;
    Dim *rows; /* a symbol */
    const Axis *axis;
    Map *seen;
    Access access[MAX_ACCESSES];
    int count;
    bool of_edges; /* it walks over the edges of its rows */
    bool fails;
} Look;

static Access *access_of(Look *l, Value *value)
{
    for (int i = 0; i < l->count; i++)
        if (l->access[i].value == value)
            return &l->access[i];
    if (l->count == MAX_ACCESSES) {
        l->fails = true;
        return &l->access[0];
    }
    l->access[l->count] = (Access){.value = value};
    return &l->access[l->count++];
}

/* Whether a dimension speaks of the rows. */
static bool speaks_of_rows(const Look *l, Dim *dim)
{
    bool *const used = ARENA_ARRAY(l->program->context->arena, dim_symbol_count(l->program->context->dims) + 1, bool);
    dim_symbols_used(dim, used);
    return used[dim_symbol_index(l->rows)];
}

static bool is_axis(const Look *l, const Expr *e)
{
    return e->kind == E_AXIS && e->u.axis == l->axis;
}

/* The row at hand, or one at a constant distance. */
static bool is_own(const Look *l, const Expr *e)
{
    if (e->kind == E_INDEX && e->u.op == I_ADD)
        return (is_axis(l, e->arg[0]) && expr_is_int(e->arg[1], NULL)) ||
               (is_axis(l, e->arg[1]) && expr_is_int(e->arg[0], NULL));
    return is_axis(l, e);
}

static void look(Look *l, const Expr *e);

static void look_at_load(Look *l, const Expr *e)
{
    Access *const access = access_of(l, e->u.value);
    const int rank = e->u.value->type.rank;
    const bool own = rank > 0 && is_own(l, e->index[0]);
    access->own |= own;
    access->near |= own && !is_axis(l, e->index[0]);
    access->other |= !own;
    for (int i = own; i < rank; i++)
        look(l, e->index[i]);
}

static void look_at_edges(Look *l, const Axis *axis)
{
    l->fails |= axis->part != NULL || (axis->csr && !is_axis(l, axis->of));
    if (axis->csr)
        l->of_edges = access_of(l, axis->csr->row)->own = access_of(l, axis->csr->row)->near = true;
}

static void look(Look *l, const Expr *e)
{
    if (map_get(l->seen, e))
        return;
    map_set(l->seen, e, e);
    l->fails |= is_axis(l, e);
    if (e->kind == E_DIM || e->kind == E_WRAP || e->kind == E_CHECK)
        l->fails |= speaks_of_rows(l, e->u.dim);
    if (e->kind == E_LOAD) {
        look_at_load(l, e);
        return;
    }
    for (int i = 0; e->kind == E_REDUCE && i < e->nover; i++)
        look_at_edges(l, e->over[i]);
    const Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        look(l, child);
}

/* The rows of an output: its first extent, if that is a size by itself, which functions take as an argument. NULL:
 * none, as where the size is fixed, for then functions name it. */
static Dim *rows_of(const Value *value)
{
    return value->type.rank > 0 && dim_is_symbol(value->type.dim[0]) ? value->type.dim[0] : NULL;
}

static Expr *normal_body(Program *program, const Element *element)
{
    Simplifier *const simplifier = simplifier_new(program->context);
    simplifier_keep_sums(simplifier);
    return simplify(simplifier, element->body);
}

/* Looks at an output that the step computes. */
static void look_at_output(Look *l, const Step *step, int i)
{
    const Element *const element = &step->element[i];
    if (rows_of(step->out[i]) != l->rows || element->update || !element->body) {
        l->fails = true;
        return;
    }
    l->axis = element->axis[0];
    l->seen = map_new(l->program->context->arena);
    access_of(l, step->out[i])->own = true;
    look(l, normal_body(l->program, element));
}

/* Weights may come in a layout of their own, of which the expressions know nothing; all else they name. */
static bool knows_all(Look *l, const Step *step)
{
    for (int i = 0; i < step->uses.nvalue; i++) {
        Value *const value = step->uses.value[i];
        if (value->constant)
            continue;
        const int known = l->count;
        access_of(l, value);
        if (l->count > known)
            return false;
        for (int k = 1; k < value->type.rank; k++)
            if (speaks_of_rows(l, value->type.dim[k]))
                return false;
    }
    return true;
}

/* Whether a step computes rows, each for itself or by what is found through indices; how it reads. */
static bool computes_rows(Program *program, const Step *step, Look *l)
{
    if (step->kind != STEP_LOOPS || step->depth > 0 || step->is_structure || !step->calls || step->calls->next ||
        step->calls->may_fail)
        return false;
    *l = (Look){.program = program};
    for (int i = 0; i < step->nout && !l->fails; i++) {
        if (!buffer_of(program, step->out[i])->is_needed)
            continue;
        if (!l->rows)
            l->rows = rows_of(step->out[i]);
        if (!l->rows)
            return false;
        look_at_output(l, step, i);
    }
    return l->rows && !l->fails && knows_all(l, step);
}

/* ---- which steps ---- */
static Step *next_needed(Step *step)
{
    do
        step = step->next;
    while (step && !step->is_needed);
    return step;
}

static const Buffer *whole(const Program *program, const Value *value)
{
    const Buffer *const buffer = buffer_of(program, value);
    return buffer->kind == BUFFER_VIEW ? buffer->base : buffer;
}

static bool writes(const Program *program, const Step *step, const Buffer *buffer)
{
    for (int i = 0; i < step->nout; i++)
        if (step->out[i] && whole(program, step->out[i]) == buffer)
            return true;
    return false;
}

static bool is_written_in(const Program *program, const Strip *strip, const Buffer *buffer)
{
    for (const Step *step = strip->first;; step = step->next) {
        if (step->is_needed && writes(program, step, buffer))
            return true;
        if (step == strip->last)
            return false;
    }
}

/* Whether anything but the strip's steps reads the buffer. */
static bool is_read_elsewhere(const Program *program, const Strip *strip, const Buffer *buffer)
{
    bool inside = false;
    for (const Step *step = program->first; step; step = step->next) {
        inside |= step == strip->first;
        for (int i = 0; !inside && step->is_needed && step_value(step, i); i++)
            if (whole(program, step_value(step, i)) == buffer)
                return true;
        inside &= step != strip->last;
    }
    return false;
}

/* Whether a step may take turns with those of the strip: it reads some of their rows, and none but the row at hand. */
static bool may_follow(const Program *program, const Strip *strip, const Look *l)
{
    bool any = false;
    for (int i = 0; i < l->count; i++) {
        const Access *const access = &l->access[i];
        if (!is_written_in(program, strip, whole(program, access->value)))
            continue;
        if (access->other || access->near || buffer_of(program, access->value)->kind == BUFFER_VIEW)
            return false;
        any = true;
    }
    return any && l->rows == strip->rows;
}

/* Marks what the strip's steps alone read; whether there is anything. */
static bool mark_passing(Program *program, const Strip *strip)
{
    bool any = false;
    for (Step *step = strip->first;; step = step->next) {
        for (int i = 0; step->is_needed && i < step->nout; i++) {
            Buffer *const buffer = buffer_of(program, step->out[i]);
            if (!buffer->is_needed || buffer->kind != BUFFER_WORKSPACE || is_read_elsewhere(program, strip, buffer))
                continue;
            buffer->is_strip = any = true;
        }
        if (step == strip->last)
            return any;
    }
}

/* ---- other names ---- */
typedef struct {
    Look look;
    Map *name; /* Value -> the same, for the row at hand */
} Renaming;

static Value *other_name(Program *program, Value *value)
{
    const Buffer *const buffer = buffer_of(program, value);
    const char *const name = arena_printf(program->context->arena, "%s_row", buffer->name);
    Value *const own = hidden_value(program, name, value->type, NULL);
    Buffer *const view = buffer_of(program, own);
    const bool is_view = buffer->kind == BUFFER_VIEW;
    view->kind = BUFFER_VIEW;
    view->base = is_view ? buffer->base : (Buffer *)buffer;
    view->offset = is_view ? buffer->offset : dim_const(program->context->dims, 0);
    return own;
}

static Expr *rename_load(void *who, Value *value, Expr *const *index)
{
    const Renaming *const r = who;
    Value *const name = map_get(r->name, value);
    return name && is_own(&r->look, index[0]) ? expr_load(r->look.program->context, name, index) : NULL;
}

/* Reads the row at hand by another name where rows are found otherwise, too. */
static void rename_rows(Program *program, Step *step, const Look *l)
{
    Renaming r = {.look = *l, .name = map_new(program->context->arena)};
    bool any = false;
    for (int i = 0; i < l->count; i++)
        if (l->access[i].own && l->access[i].other) {
            map_set(r.name, l->access[i].value, other_name(program, l->access[i].value));
            any = true;
        }
    for (int i = 0; any && i < step->nout; i++) {
        if (!buffer_of(program, step->out[i])->is_needed)
            continue;
        r.look.axis = step->element[i].axis[0];
        step->element[i].body =
            expr_substitute(program->context, normal_body(program, &step->element[i]), NULL, NULL, 0, rename_load, &r);
    }
    if (any)
        program_rebuild(program, step);
}

/* ---- text ---- */
const char *strip_argument(Program *program, const Step *step, const Value *value)
{
    const char *const name = buffer_of(program, value)->name;
    Look l;
    if (value->constant || buffer_of(program, value)->is_strip || !computes_rows(program, step, &l) ||
        !access_of(&l, (Value *)value)->own)
        return name;
    DimTable *dims = program->context->dims;
    Dim *row = dim_const(dims, 1);
    for (int i = 1; i < value->type.rank; i++)
        row = dim_mul(dims, row, value->type.dim[i]);
    if (dim_equals(row, 1))
        return arena_printf(program->context->arena, "%s + %s", name, step->strip->begin);
    return arena_printf(program->context->arena, "%s + %s * %s", name, step->strip->begin,
                        dim_is_const(row, NULL) || dim_is_symbol(row)
                            ? dim_in_run(program, row)
                            : arena_printf(program->context->arena, "(%s)", dim_in_run(program, row)));
}

/* A sixteenth of the rows, but enough that threads find work between two barriers, and few enough for a cache. */
enum { LEAST_STRIP = 256, STRIPS = 16, GREATEST_STRIP = 8192 };

Dim *strip_rows(const Program *program, Dim *rows)
{
    DimTable *dims = program->context->dims;
    Dim *const part = dim_ceil_div(dims, rows, dim_const(dims, STRIPS));
    Dim *const enough = dim_max(dims, part, dim_const(dims, LEAST_STRIP));
    return dim_min(dims, rows, dim_min(dims, enough, dim_const(dims, GREATEST_STRIP)));
}

Dim *buffer_room(const Program *program, const Buffer *buffer)
{
    DimTable *dims = program->context->dims;
    Dim *const bytes = buffer_bytes(program, buffer->value);
    if (!buffer->is_strip)
        return bytes;
    Dim *room = dim_mul(dims, strip_rows(program, rows_of(buffer->value)),
                        dim_const(dims, (int64_t)dtype_info(buffer->value->type.dtype)->size));
    for (int i = 1; i < buffer->value->type.rank; i++)
        room = dim_mul(dims, room, buffer->value->type.dim[i]);
    return room;
}

/* ---- all of it ---- */
static void make_strip(Program *program, const Strip *found)
{
    Strip *const strip = ARENA_NEW(program->context->arena, Strip);
    *strip = *found;
    strip->begin = name_identifier(program->names, "", "strip");
    strip->count = name_identifier(program->names, "", "rows");
    strip->full = name_identifier(program->names, "", "full");
    for (Step *step = strip->first;; step = step->next) {
        Look l;
        if (step->is_needed && computes_rows(program, step, &l)) {
            rename_rows(program, step, &l);
            step->strip = strip;
        }
        if (step == strip->last)
            return;
    }
}

void find_strips(Program *program)
{
    Look l;
    for (const Step *step = program->first; step; step = step->next)
        if (step->is_needed && step->kind == STEP_END) /* blocks read what goes into them and out of them unseen */
            return;
    for (Step *step = program->first; step; step = step->next) {
        if (!step->is_needed || !computes_rows(program, step, &l))
            continue;
        Strip strip = {.first = step, .last = step, .rows = l.rows};
        bool of_edges = l.of_edges;
        for (Step *next; (next = next_needed(strip.last)); strip.last = next) {
            if (!computes_rows(program, next, &l) || !may_follow(program, &strip, &l))
                break;
            of_edges |= l.of_edges;
        }
        if (strip.first == strip.last || !of_edges || !mark_passing(program, &strip))
            continue;
        make_strip(program, &strip);
        step = strip.last;
    }
}
