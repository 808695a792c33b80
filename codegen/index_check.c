/* index_check.c -- finds the indices that come from data and builds the loops that check them, before a nest uses them.
 *
 * Checking first keeps the nest itself free of branches and of ways to fail, and an index that several nests use is
 * checked once. An index that only an arm of a selection uses is checked where that arm is chosen. */
#include "../frontend/ops/expr.h"
#include "nest_state.h"
#include <string.h>

typedef struct {
    const NestScope *in;
    Nest nest;             /* for what its expressions read */
    Map *seen, *condition; /* Expr -> Expr; `always` for no condition */
    Expr **order;          /* operands before what reads them */
    int count, capacity;
    Axis **axis;
    int naxis, axis_capacity;
    Expr *always;
    Check *first, *last;
} Search;

static void add_axis(Search *s, Axis *axis)
{
    for (int i = 0; i < s->naxis; i++)
        if (s->axis[i] == axis)
            return;
    if (s->naxis == s->axis_capacity) {
        s->axis_capacity = 2 * s->axis_capacity + 16;
        s->axis =
            arena_grow(s->in->context->arena, s->axis, (size_t)s->naxis, (size_t)s->axis_capacity, sizeof *s->axis);
    }
    s->axis[s->naxis++] = axis;
}

/* Depth is bounded by the expression's, as in nest.c. */
static void visit(Search *s, Expr *e)
{
    if (map_get(s->seen, e))
        return;
    map_set(s->seen, e, e);
    Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        visit(s, child);
    if (s->count == s->capacity) {
        s->capacity = 2 * s->capacity + 64;
        s->order = arena_grow(s->in->context->arena, s->order, (size_t)s->count, (size_t)s->capacity, sizeof *s->order);
    }
    s->order[s->count++] = e;
}

/* e runs under this condition too. */
static void reach(Search *s, const Expr *e, Expr *condition)
{
    Expr *known = map_get(s->condition, e);
    if (known == s->always || condition == s->always)
        condition = s->always;
    else if (known)
        condition = expr_arith(s->in->context, I_OR, known, condition);
    map_set(s->condition, e, condition);
}

static Expr *both(Search *s, Expr *condition, Expr *other)
{
    return condition == s->always ? other : expr_arith(s->in->context, I_AND, condition, other);
}

static bool reads(Search *s, const Expr *e, const Axis *axis)
{
    return axis_set_has(&s->nest, nest_facts(&s->nest, e)->reads, axis);
}

/* Where the operand of e is wanted: in the arm of a selection that was chosen; and, where it is the same for all edges
 * of a vertex, only if there are any, for then it may be known of those edges alone (their target is the vertex). */
static Expr *operand_condition(Search *s, const Expr *e, int operand, const Expr *child)
{
    Expr *condition = map_get(s->condition, e);
    if (e->kind == E_SELECT && operand > 0)
        condition = both(s, condition, operand == 1 ? e->arg[0] : expr_arith(s->in->context, I_NOT, e->arg[0], NULL));
    for (int i = 0; i < s->naxis; i++) {
        const Axis *axis = s->axis[i];
        bool is_over = reads(s, e, axis);
        for (int k = 0; k < e->nover; k++)
            is_over |= e->over[k] == axis && operand == 0;
        if (is_over && !axis_extent(s->in->context, axis) && !reads(s, child, axis))
            condition = both(s, condition, expr_arith(s->in->context, I_LESS, axis->lo, axis->hi));
    }
    return condition;
}

static void reach_operands(Search *s, const Expr *e)
{
    for (int i = 0; i < e->nover; i++)
        add_axis(s, e->over[i]);
    Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        reach(s, child, operand_condition(s, e, i, child));
}

static void add_check(Search *s, const Expr *e)
{
    Expr *condition = map_get(s->condition, e);
    Check *check = ARENA_NEW(s->in->context->arena, Check);
    *check = (Check){.index = e->arg[0],
                     .extent = e->u.dim,
                     .may_wrap = e->kind == E_WRAP,
                     .condition = condition == s->always ? NULL : simplify(s->in->simplifier, condition),
                     .axis = s->axis,
                     .naxis = s->naxis};
    if (s->last)
        s->last->next = check;
    else
        s->first = check;
    s->last = check;
}

static void search(Search *s, Expr *const *root, Expr *const *condition, int count)
{
    nest_study(&s->nest, root, count);
    for (int i = 0; i < count; i++)
        if (root[i]) {
            visit(s, root[i]);
            reach(s, root[i], condition[i] ? condition[i] : s->always);
        }
    for (int i = s->count; i-- > 0;)
        reach_operands(s, s->order[i]);
    for (int i = 0; i < s->count; i++)
        if (s->order[i]->kind == E_WRAP || s->order[i]->kind == E_CHECK)
            add_check(s, s->order[i]);
}

static Expr *normal(const NestScope *in, Expr *e)
{
    return e ? simplify(in->simplifier, e) : NULL;
}

Check *nest_checks(const NestScope *in, const Element *element, int rank)
{
    Arena *arena = in->context->arena;
    Search s = {.in = in,
                .nest = nest_new(in, NULL),
                .seen = map_new(arena),
                .condition = map_new(arena),
                .always = expr_int(in->context, BOOL, 1)};
    Expr *root[MAX_RANK + 3], *condition[MAX_RANK + 3];
    int count = 0;
    if (element->body) {
        for (int i = 0; i < rank; i++)
            add_axis(&s, element->axis[i]);
        root[count] = normal(in, element->body);
        condition[count++] = NULL;
    }
    if (element->update) {
        const Update *update = element->update;
        for (int i = 0; i < update->nover; i++)
            add_axis(&s, update->over[i]);
        Expr *guard = normal(in, update->guard);
        root[count] = guard;
        condition[count++] = NULL;
        for (int i = 0; i <= rank; i++) {
            root[count] = normal(in, i < rank ? update->at[i] : update->value);
            condition[count++] = guard;
        }
    }
    search(&s, root, condition, count);
    for (Check *check = s.first; check; check = check->next) {
        check->axis = s.axis;
        check->naxis = s.naxis;
    }
    return s.first;
}

/* The bounds of the axis in a check, which is made for all parts of a range at once. */
static void find_bounds(Nest *n, const Axis *axis, Expr **lo, Expr **hi)
{
    const Axis *range = axis->whole ? axis->whole : axis;
    *lo = simplify(n->simplifier, range->lo);
    *hi = simplify(n->simplifier, range->hi);
}

/* The axes the check depends on, through their bounds too: marks needed[i]. */
static void find_needed(Nest *n, const Check *check, bool *needed)
{
    AxisSet reads = nest_facts(n, check->index)->reads;
    if (check->condition)
        for (int i = 0; i < check->naxis; i++)
            if (axis_set_has(n, nest_facts(n, check->condition)->reads, check->axis[i]))
                reads = axis_set_add(n, reads, check->axis[i]);
    for (int i = check->naxis; i-- > 0;) {
        needed[i] = axis_set_has(n, reads, check->axis[i]);
        for (int k = 0; needed[i] && k < i; k++) {
            Expr *bound[2];
            find_bounds(n, check->axis[i], &bound[0], &bound[1]);
            nest_study(n, bound, 2);
            if (axis_set_has(n, nest_facts(n, bound[0])->reads, check->axis[k]) ||
                axis_set_has(n, nest_facts(n, bound[1])->reads, check->axis[k]))
                reads = axis_set_add(n, reads, check->axis[k]);
        }
    }
}

/* if (index < -extent || index >= extent) fail */
static void append_test(Nest *n, const Check *check, Scope *scope)
{
    Context *context = n->context;
    Expr *index = place_named(n, check->index, scope);
    Expr *zero = expr_index(context, 0), *extent = expr_dim(context, check->extent);
    Expr *low = check->may_wrap ? expr_arith(context, I_SUB, zero, extent) : zero;
    Stmt *stmt = append(n, &scope->block, STMT_IF);
    stmt->value = expr_arith(context, I_OR, expr_arith(context, I_LESS, index, low),
                             expr_arith(context, I_LESS_EQUAL, extent, index));
    append(n, &stmt->body, STMT_FAIL);
}

Block nest_of_check(const NestScope *in, const Check *check)
{
    Nest n = nest_new(in, NULL);
    nest_study(&n, (Expr *[]){check->index, check->condition}, 2);
    bool *needed = ARENA_ARRAY(in->context->arena, check->naxis, bool);
    find_needed(&n, check, needed);
    Scope *top = scope_new(&n, NULL, NULL), *scope = top;
    Scope **inner = ARENA_ARRAY(in->context->arena, check->naxis, Scope *);
    Expr **lo = ARENA_ARRAY(in->context->arena, check->naxis, Expr *);
    Expr **hi = ARENA_ARRAY(in->context->arena, check->naxis, Expr *);
    for (int i = 0; i < check->naxis; i++)
        if (needed[i]) {
            find_bounds(&n, check->axis[i], &lo[i], &hi[i]);
            lo[i] = place(&n, lo[i], scope);
            hi[i] = place(&n, hi[i], scope);
            scope = inner[i] = scope_new(&n, scope, check->axis[i]);
        }
    if (check->condition) {
        Expr *condition = place(&n, check->condition, scope);
        Scope *arm = scope_new(&n, scope, NULL);
        arm->is_arm = true;
        append_test(&n, check, arm);
        Stmt *stmt = append(&n, &scope->block, STMT_IF);
        stmt->value = condition;
        stmt->body = arm->block;
    } else {
        append_test(&n, check, scope);
    }
    for (int i = check->naxis; i-- > 0;)
        if (needed[i])
            close_loop(&n, inner[i], check->axis[i], lo[i], hi[i])->is_spatial = true;
    return top->block;
}
