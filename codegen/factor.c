/* factor.c -- factors that do not change in a sum are taken out of it.
 *
 *     sum over e of w[e] / t * x[e]   ->   (sum over e of w[e] * x[e]) / t
 *
 * The sum then no longer waits for t: a softmax's numerators and denominator are summed in one loop. The same real
 * function, rounded differently. An empty sum stays 0, whatever the factors are. */
#include "../frontend/map.h"
#include "simplify.h"

enum { MAX_FACTORS = 16 };

typedef struct {
    Expr *up[MAX_FACTORS], *down[MAX_FACTORS]; /* of a product: its factors, its divisors */
    int nup, ndown;
} Factors;

typedef struct {
    Context *context;
    Simplifier *simplifier;
    Map *memo;
} Factoring;

/* What e is exactly so many times: -a is -1, a + a is 2 times a. NULL: e is no such multiple. */
static Expr *multiple_of(Expr *e, double *times)
{
    if (e->kind != E_CALL || (e->u.scalar != S_NEG && (e->u.scalar != S_ADD || e->arg[0] != e->arg[1])))
        return NULL;
    *times = e->u.scalar == S_NEG ? -1 : 2;
    return e->arg[0];
}

/* Takes a product apart. False when it has too many factors. */
static bool find_factors(Context *context, Factors *f, Expr *e, bool is_divisor)
{
    double times;
    Expr *multiple = multiple_of(e, &times);
    if (multiple)
        return find_factors(context, f, multiple, is_divisor) &&
               find_factors(context, f, expr_float(context, e->dtype, times), is_divisor);
    if (e->kind == E_CALL && (e->u.scalar == S_MUL || e->u.scalar == S_DIV))
        return find_factors(context, f, e->arg[0], is_divisor) &&
               find_factors(context, f, e->arg[1], is_divisor != (e->u.scalar == S_DIV));
    if (f->nup == MAX_FACTORS || f->ndown == MAX_FACTORS)
        return false;
    if (is_divisor)
        f->down[f->ndown++] = e;
    else
        f->up[f->nup++] = e;
    return true;
}

static bool binds(const Expr *reduce, const Axis *axis)
{
    for (int i = 0; i < reduce->nover; i++)
        if (reduce->over[i] == axis)
            return true;
    return false;
}

/* Whether e depends on an axis of the reduction. Those in normal form share axes: what another one binds is not meant.
 */
static bool depends(Context *context, const Expr *e, const Expr *reduce)
{
    if (!e || !expr_walk_enters(context, e))
        return false;
    if (e->kind == E_AXIS)
        return binds(reduce, e->u.axis);
    for (int i = 0; i < e->nover; i++)
        if (depends(context, e->over[i]->lo, reduce) || depends(context, e->over[i]->hi, reduce))
            return true;
    for (int i = 0; i < e->nover; i++)
        if (binds(reduce, e->over[i]))
            return depends(context, e->arg[1], reduce);
    for (int i = 0; i < e->narg; i++)
        if (depends(context, e->arg[i], reduce))
            return true;
    for (int i = 0; e->kind == E_LOAD && i < e->u.value->type.rank; i++)
        if (depends(context, e->index[i], reduce))
            return true;
    return false;
}

static bool varies(Context *context, const Expr *e, const Expr *reduce)
{
    expr_walk_begin(context);
    return depends(context, e, reduce);
}

/* Moves what does not vary from `inside` to `outside`. */
static void split(Context *context, const Expr *reduce, Expr **inside, int *ninside, Expr **outside, int *noutside)
{
    int kept = 0;
    for (int i = 0; i < *ninside; i++) {
        if (varies(context, inside[i], reduce))
            inside[kept++] = inside[i];
        else
            outside[(*noutside)++] = inside[i];
    }
    *ninside = kept;
}

static Expr *product(Context *context, Expr *start, const Factors *f)
{
    for (int i = 0; i < f->nup; i++)
        start = start ? expr_call2(context, S_MUL, start, f->up[i]) : f->up[i];
    for (int i = 0; i < f->ndown; i++)
        start = expr_call2(context, S_DIV, start, f->down[i]);
    return start;
}

static Expr *with_parts(Factoring *f, const Expr *reduce, Expr *body, Expr *empty)
{
    return simplify(f->simplifier, expr_rebuild(f->context, reduce, (Expr *[]){body, empty}, NULL));
}

static Expr *is_nonempty(Context *context, const Expr *reduce)
{
    Expr *all = NULL;
    for (int i = 0; i < reduce->nover; i++) {
        Expr *some = expr_arith(context, I_LESS, reduce->over[i]->lo, reduce->over[i]->hi);
        all = all ? expr_arith(context, I_AND, all, some) : some;
    }
    return all;
}

static bool is_same_range(const Expr *a, const Expr *b)
{
    if (a->nover != b->nover)
        return false;
    for (int i = 0; i < a->nover; i++)
        if (a->over[i] != b->over[i])
            return false;
    return true;
}

/* A factor as it may be multiplied with an empty sum: `harmless` then. A sum over the same range says so itself, and so
 * does one with a constant added; others ask whether there is anything to sum. */
static Expr *when_empty(Factoring *f, const Expr *reduce, Expr *factor, double harmless)
{
    Context *context = f->context;
    if (factor->kind == E_REDUCE && factor->u.combine == COMBINE_ADD && is_same_range(factor, reduce))
        return with_parts(f, factor, factor->arg[0], expr_float(context, factor->dtype, harmless));
    if (harmless != 0 && factor->kind == E_CALL && factor->u.scalar == S_ADD && factor->arg[0]->kind == E_REDUCE &&
        factor->arg[0]->u.combine == COMBINE_ADD && is_same_range(factor->arg[0], reduce) &&
        factor->arg[1]->kind == E_CONST && factor->arg[1]->u.f > 0)
        return factor;
    if (factor->kind == E_CONST)
        return factor;
    return expr_select(context, is_nonempty(context, reduce), factor, expr_float(context, factor->dtype, harmless));
}

static Expr *factor_sum(Factoring *f, Expr *reduce)
{
    Factors inside = {0}, outside = {0};
    if (reduce->u.combine != COMBINE_ADD || !dtype_is_float(reduce->dtype) || reduce->arg[1] ||
        !find_factors(f->context, &inside, reduce->arg[0], false))
        return reduce;
    split(f->context, reduce, inside.up, &inside.nup, outside.up, &outside.nup);
    split(f->context, reduce, inside.down, &inside.ndown, outside.down, &outside.ndown);
    if (inside.nup == 0 || outside.nup + outside.ndown == 0)
        return reduce;
    for (int i = 0; i < outside.nup; i++)
        outside.up[i] = when_empty(f, reduce, outside.up[i], 0);
    for (int i = 0; i < outside.ndown; i++)
        outside.down[i] = when_empty(f, reduce, outside.down[i], 1);
    Expr *sum = with_parts(f, reduce, product(f->context, NULL, &inside), NULL);
    return simplify(f->simplifier, product(f->context, sum, &outside));
}

static Expr *factor(Factoring *f, Expr *e)
{
    if (e->kind == E_CONST || e->kind == E_DIM || e->kind == E_AXIS || e->kind == E_LOAD)
        return e;
    Expr *done = map_get(f->memo, e);
    if (done)
        return done;
    Expr *arg[MAX_OPERANDS] = {NULL};
    bool changed = false;
    for (int i = 0; i < e->narg; i++) {
        arg[i] = e->arg[i] ? factor(f, e->arg[i]) : NULL;
        changed |= arg[i] != e->arg[i];
    }
    done = changed ? simplify(f->simplifier, expr_rebuild(f->context, e, arg, NULL)) : e;
    if (done->kind == E_REDUCE)
        done = factor_sum(f, done);
    map_set(f->memo, e, done);
    return done;
}

Expr *factor_sums(Simplifier *simplifier, Context *context, Expr *e)
{
    Factoring f = {context, simplifier, map_new(context->arena)};
    return factor(&f, e);
}
