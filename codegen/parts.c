/* parts.c -- long sums in parts, which threads share.
 *
 *     y[j] = sum over k < n of f(k, j)   ->   part[p, j] = sum over the k of part p of f(k, j), p < 64
 *                                             y[j] = sum over p of part[p, j]
 *
 * There are as many parts whatever the number of threads, so that the result is the same; and rounding grows with the
 * length of a part instead of the whole. */
#include "lower.h"
#include "simplify.h"

enum {
    PARTS = 64,
    LEAST_LENGTH = 4096, /* of a sum that is long, where its length is known */
    MOST_SUMS = 1024     /* side by side; with more of them threads have enough to share */
};

typedef struct {
    Program *program;
    Context *context;
    const Step *step;
    const Value *out; /* the output that is looked at ... */
    const Element *element;
    int rank;
    Step *parts; /* what computes the parts; NULL: there are none so far */
    Map *memo;   /* Expr -> the same with long sums in parts */
} Splitting;

/* ---- which sums ---- */
static bool is_long(Context *context, const Axis *axis)
{
    Dim *length = axis_extent(context, axis);
    return length && !axis->of && !axis->part && dim_upper(length) >= LEAST_LENGTH;
}

/* The element's axes that the sum varies along, which are those of its parts; -1: it has too many values, or varies
 * along others. */
static int find_axes(const Splitting *s, const Expr *sum, int *axis)
{
    int count = 0;
    int64_t values = 1;
    for (int i = 0; i < s->rank; i++)
        if (expr_reads_axis(s->context, sum, s->element->axis[i])) {
            const int64_t extent = constant_extent(s->element->axis[i]);
            if (extent < 0 || extent > MOST_SUMS / values || count == MAX_RANK - 1)
                return -1;
            values *= extent;
            axis[count++] = i;
        }
    return count;
}

static bool can_split(Context *context, const Expr *e)
{
    const Combine combine = e->u.combine;
    return (combine == COMBINE_ADD || combine == COMBINE_MUL || combine == COMBINE_MAX || combine == COMBINE_MIN) &&
           dtype_is_float(e->dtype) && e->dtype == dtype_compute(e->dtype) && !e->arg[1] &&
           is_long(context, e->over[0]);
}

/* ---- parts ---- */
static Step *parts_step(Splitting *s)
{
    Program *program = s->program;
    Step *step = ARENA_NEW(s->context->arena, Step);
    *step = (Step){.kind = STEP_LOOPS,
                   .origin = s->step->origin,
                   .label = s->step->label,
                   .whole = s->step->whole,
                   .op = s->step->op,
                   .formula = s->step->formula,
                   .name = function_identifier(program, arena_printf(s->context->arena, "%s_parts",
                                                                     name_short(s->context->arena, s->step->origin))),
                   .is_one_nest = true,
                   .depth = s->step->depth};
    dim_require_all(s->context->dims, &step->requires, &s->step->requires);
    return step;
}

/* The range of part `number` of the axis: equal lengths, but the last may be shorter, or none at all. */
static Axis *axis_of_part(Context *context, const Axis *whole, Expr *number)
{
    Expr *length = expr_dim(
        context, dim_ceil_div(context->dims, expr_dim_of(context, whole->hi), dim_const(context->dims, PARTS)));
    Expr *lo = expr_arith(context, I_MUL, number, length);
    Axis *axis = axis_new(context, whole->name, lo,
                          expr_arith(context, I_MIN, expr_arith(context, I_ADD, lo, length), whole->hi));
    axis->part = number;
    axis->whole = whole;
    return axis;
}

/* Adds the parts of a sum to what is computed before: part[p, the axes it varies along]. */
static Value *add_parts(Splitting *s, const Expr *sum, const int *axis, int count)
{
    Context *context = s->context;
    Element element = {{NULL}, NULL, NULL};
    Dim *dim[MAX_RANK] = {dim_const(context->dims, PARTS)};
    Axis *from[MAX_RANK];
    Expr *to[MAX_RANK];
    element.axis[0] = axis_dim(context, "p", dim[0]);
    for (int i = 0; i < count; i++) {
        from[i] = s->element->axis[axis[i]];
        dim[i + 1] = axis_extent(context, from[i]);
        element.axis[i + 1] = axis_dim(context, from[i]->name, dim[i + 1]);
        to[i] = expr_axis(context, element.axis[i + 1]);
    }
    Axis *over[MAX_RANK];
    for (int i = 0; i < sum->nover; i++)
        over[i] = sum->over[i];
    over[0] = axis_of_part(context, sum->over[0], expr_axis(context, element.axis[0]));
    Expr *k = expr_axis(context, over[0]);
    Expr *term = expr_substitute(context, sum->arg[0], &sum->over[0], &k, 1, NULL, NULL);
    Expr *body = expr_reduce(context, sum->u.combine, over, sum->nover, term, NULL);
    element.body = expr_substitute(context, body, from, to, count, NULL, NULL);
    if (!s->parts)
        s->parts = parts_step(s);
    const char *name = arena_printf(context->arena, "%s_parts", value_label(context->arena, s->out));
    Value *value = hidden_value(s->program, name, type_tensor(sum->dtype, count + 1, dim), NULL);
    loops_step_add(s->program, s->parts, value, &element);
    return value;
}

static Expr *in_parts(Splitting *s, Expr *sum)
{
    Context *context = s->context;
    int axis[MAX_RANK];
    const int count = find_axes(s, sum, axis);
    if (count < 0 || (s->parts && s->parts->nout == MAX_STEP_OUTPUTS))
        return sum;
    Value *part = add_parts(s, sum, axis, count);
    Axis *over = axis_dim(context, "p", part->type.dim[0]);
    Expr *index[MAX_RANK] = {expr_axis(context, over)};
    for (int i = 0; i < count; i++)
        index[i + 1] = expr_axis(context, s->element->axis[axis[i]]);
    return expr_reduce(context, sum->u.combine, &over, 1, expr_load(context, part, index), NULL);
}

/* The same with its long sums in parts; those in arms of selections, which may not run, and in other sums stay. */
static Expr *split(Splitting *s, Expr *e);
static Expr *split_new(Splitting *s, Expr *e)
{
    if (e->kind == E_REDUCE)
        return can_split(s->context, e) ? in_parts(s, e) : e;
    if (e->kind != E_CALL && e->kind != E_CAST)
        return e;
    Expr *arg[MAX_OPERANDS] = {NULL};
    bool changed = false;
    for (int i = 0; i < e->narg; i++) {
        arg[i] = split(s, e->arg[i]);
        changed |= arg[i] != e->arg[i];
    }
    return changed ? expr_rebuild(s->context, e, arg, NULL) : e;
}

static Expr *split(Splitting *s, Expr *e)
{
    Expr *known = map_get(s->memo, e);
    if (!known) {
        known = split_new(s, e);
        map_set(s->memo, e, known);
    }
    return known;
}

static void link_before(Program *program, Step *step, Step *before)
{
    step->prev = before->prev;
    step->next = before;
    *(step->prev ? &step->prev->next : &program->first) = step;
    before->prev = step;
}

void split_long_sums(Program *program, Step *step, const NestScope *scope)
{
    Splitting s = {.program = program, .context = program->context, .step = step};
    for (int i = 0; i < step->nout; i++) {
        Element *element = &step->element[i];
        const NestOutput out = {step->out[i], element};
        if (!buffer_of(program, step->out[i])->is_needed || !element->body || element->update ||
            nest_is_kernel(scope, &out))
            continue;
        s.out = step->out[i];
        s.element = element;
        s.rank = step->out[i]->type.rank;
        s.memo = map_new(program->context->arena);
        Simplifier *simplifier = simplifier_new(program->context);
        Expr *body = factor_sums(simplifier, program->context, simplify(simplifier, element->body));
        element->body = split(&s, body) == body ? element->body : split(&s, body);
    }
    if (s.parts)
        link_before(program, s.parts, step);
}
