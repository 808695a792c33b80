/* dim_require.c -- lists of what must hold of sizes that only a run tells. */
#include "dim_form.h"
#include "map.h"

static bool is_required(DimTable *table, const Requirements *list, Dim *low, Dim *high, bool is_equal)
{
    if (low == high || (dim_le(table, low, high) && (!is_equal || dim_le(table, high, low))))
        return true;
    Dim *difference = dim_sub(table, high, low); /* 2*N <= N + M is N <= M */
    if (!list->known || difference->overflow)
        return false;
    const Requirement *like = map_get(list->known, difference);
    return like && like->is_equal >= is_equal;
}

/* ---- inequalities are solved for the size they are about ---- */
/* One step towards the symbol in 0 <= (H - 3)/2, which reads 3 <= H. False when there is none. */
static bool solve_step(DimTable *table, int64_t *low, Dim **high)
{
    const Term *first = &(*high)->term[0], *last = &(*high)->term[(*high)->nterm - 1];
    int64_t divisor;
    if ((*high)->nterm == 2 && last->degree == 0)
        return !__builtin_sub_overflow(*low, last->coefficient, low) &&
               (*high = dim_of_term(table, first->coefficient, first, NULL));
    if ((*high)->nterm != 1 || first->degree != 1 || first->coefficient < 1)
        return false;
    if (first->coefficient > 1) {
        *low = -floor_quotient(-*low, first->coefficient);
        *high = first->atom[0]->self;
        return true;
    }
    if (first->atom[0]->kind != ATOM_FLOOR_DIV || !dim_is_const(first->atom[0]->b, &divisor) ||
        __builtin_mul_overflow(*low, divisor, low))
        return false;
    *high = first->atom[0]->a;
    return true;
}

static void solve(DimTable *table, Dim **low, Dim **high, bool is_equal)
{
    int64_t least;
    Dim *most = *high;
    if (is_equal || !dim_is_const(*low, &least) || least <= INT64_MIN / 2)
        return;
    while (solve_step(table, &least, &most)) {
        *low = dim_const(table, least);
        *high = most;
    }
}

/* ---- lists ---- */
bool dim_is_required(DimTable *table, const Requirements *list, Dim *low, Dim *high, bool is_equal)
{
    solve(table, &low, &high, is_equal);
    return is_required(table, list, low, high, is_equal);
}

/* The atom of this kind that a Dim is; NULL when it is anything else. */
static const Atom *lone_atom(Dim *dim, AtomKind kind)
{
    const bool alone = dim->nterm == 1 && dim->term[0].coefficient == 1 && dim->term[0].degree == 1;
    return alone && dim->term[0].atom[0]->kind == kind ? dim->term[0].atom[0] : NULL;
}

void dim_require(DimTable *table, Requirements *list, Dim *low, Dim *high, bool is_equal)
{
    if (is_equal && low != high && dim_le(table, low, high)) { /* N = min(N, 9) is N <= 9 */
        dim_require(table, list, high, low, false);
        return;
    }
    if (is_equal && low != high && dim_le(table, high, low))
        is_equal = false;
    const Atom *min = is_equal ? NULL : lone_atom(high, ATOM_MIN);
    if (min) {
        dim_require(table, list, low, min->a, false);
        dim_require(table, list, low, min->b, false);
        return;
    }
    solve(table, &low, &high, is_equal);
    if (is_required(table, list, low, high, is_equal))
        return;
    if (!list->known)
        list->known = map_new(table->arena);
    Requirement *new = ARENA_NEW(table->arena, Requirement);
    *new = (Requirement){low, high, is_equal, NULL};
    *(list->last ? &list->last->next : &list->first) = new;
    list->last = new;
    map_set(list->known, dim_sub(table, high, low), new);
    if (is_equal)
        map_set(list->known, dim_sub(table, low, high), new);
}

void dim_require_all(DimTable *table, Requirements *list, const Requirements *more)
{
    for (const Requirement *r = more->first; r; r = r->next)
        dim_require(table, list, r->low, r->high, r->is_equal);
}
