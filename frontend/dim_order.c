/* dim_order.c -- bounds of symbolic dimensions, and proofs that one is at most another. */
#include "dim_form.h"

/* ---- saturating arithmetic: INT64_MIN and INT64_MAX stand for the infinities ---- */

static int64_t saturate_add(int64_t a, int64_t b)
{
    int64_t sum;
    if (a == INT64_MIN || b == INT64_MIN)
        return INT64_MIN;
    if (a == INT64_MAX || b == INT64_MAX)
        return INT64_MAX;
    return __builtin_add_overflow(a, b, &sum) ? (a < 0 ? INT64_MIN : INT64_MAX) : sum;
}

static int64_t saturate_mul(int64_t a, int64_t b)
{
    int64_t product;
    if (a == 0 || b == 0)
        return 0;
    bool infinite = a == INT64_MIN || a == INT64_MAX || b == INT64_MIN || b == INT64_MAX;
    if (infinite || __builtin_mul_overflow(a, b, &product))
        return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
    return product;
}

/* floor(a / b) for b > 0, either infinite. */
static int64_t saturate_quotient(int64_t a, int64_t b)
{
    return a == INT64_MIN || a == INT64_MAX ? a : floor_quotient(a, b);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- bounds ---- */

typedef struct {
    int64_t lower, upper;
} Range;

static Range range_product(Range a, Range b)
{
    int64_t corner[4] = {saturate_mul(a.lower, b.lower), saturate_mul(a.lower, b.upper), saturate_mul(a.upper, b.lower),
                         saturate_mul(a.upper, b.upper)};
    return (Range){smaller(smaller(corner[0], corner[1]), smaller(corner[2], corner[3])),
                   greater(greater(corner[0], corner[1]), greater(corner[2], corner[3]))};
}

static Range range_quotient(Range a, Range b)
{
    int64_t least = greater(b.lower, 1), most = greater(b.upper, 1);
    return (Range){saturate_quotient(a.lower, a.lower >= 0 ? most : least),
                   saturate_quotient(a.upper, a.upper >= 0 ? least : most)};
}

static Range range_of(Dim *dim);

static Range atom_range(Atom *atom)
{
    if (atom->kind == ATOM_SYMBOL) {
        int64_t high = atom->limit ? smaller(atom->high, range_of(atom->limit).upper) : atom->high;
        return (Range){atom->low, high};
    }
    DimTable *table = atom->self->table;
    if (atom->epoch != table->epoch) {
        Range a = range_of(atom->a), b = range_of(atom->b);
        Range range = atom->kind == ATOM_FLOOR_DIV ? range_quotient(a, b)
                      : atom->kind == ATOM_MIN     ? (Range){smaller(a.lower, b.lower), smaller(a.upper, b.upper)}
                                                   : (Range){greater(a.lower, b.lower), greater(a.upper, b.upper)};
        atom->lower = range.lower;
        atom->upper = range.upper;
        atom->epoch = table->epoch;
    }
    return (Range){atom->lower, atom->upper};
}

static Range term_range(const Term *term)
{
    Range range = {term->coefficient, term->coefficient};
    for (int k = 0; k < term->degree; k++)
        range = range_product(range, atom_range(term->atom[k]));
    return range;
}

static Range range_of(Dim *const_dim)
{
    struct Dim *dim = (struct Dim *)const_dim; /* the cache is not part of the value */
    if (dim->overflow)
        return (Range){INT64_MIN, INT64_MAX};
    if (dim->epoch != dim->table->epoch) {
        Range sum = {0, 0};
        for (int i = 0; i < dim->nterm; i++) {
            Range term = term_range(&dim->term[i]);
            if (dim->nterm == 1)
                sum = term; /* a constant stands for itself, the infinities' too */
            else
                sum = (Range){saturate_add(sum.lower, term.lower), sum.upper == INT64_MAX || term.upper == INT64_MAX
                                                                       ? INT64_MAX
                                                                       : saturate_add(sum.upper, term.upper)};
        }
        dim->lower = sum.lower;
        dim->upper = sum.upper;
        dim->epoch = dim->table->epoch;
    }
    return (Range){dim->lower, dim->upper};
}

int64_t dim_lower(Dim *dim)
{
    return range_of(dim).lower;
}

int64_t dim_upper(Dim *dim)
{
    return range_of(dim).upper;
}

/* ---- limits ---- */

static Dim *extreme_of(DimTable *table, Dim *dim, bool upper);

/* The greatest or least an atom becomes when the limited symbols in it run over their ranges. A fresh symbol without a
 * limit is its own greatest value: the caller gives that. */
static Dim *atom_extreme(DimTable *table, const Atom *atom, bool upper)
{
    if (atom->kind == ATOM_SYMBOL)
        return !atom->limit && (upper || !atom->is_fresh) ? atom->self
               : upper                                    ? atom->limit
                                                          : dim_const(table, atom->low);
    Dim *a = extreme_of(table, atom->a, upper);
    if (atom->kind != ATOM_FLOOR_DIV) {
        Dim *b = extreme_of(table, atom->b, upper);
        return atom->kind == ATOM_MIN ? dim_min(table, a, b) : dim_max(table, a, b);
    }
    Dim *b = extreme_of(table, atom->b, dim_lower(a) >= 0 ? !upper : upper);
    return dim_floor_div(table, a, dim_max(table, b, dim_const(table, 1)));
}

static Dim *extreme_of(DimTable *table, Dim *dim, bool upper)
{
    if (dim->overflow)
        return dim;
    Dim *sum = dim_const(table, 0);
    for (int i = 0; i < dim->nterm; i++) {
        const Term *term = &dim->term[i];
        bool term_upper = term->coefficient > 0 ? upper : !upper;
        Dim *product = dim_const(table, term->coefficient);
        for (int k = 0; k < term->degree; k++) {
            Dim *factor = atom_extreme(table, term->atom[k], term_upper);
            /* a product grows with its factors only when none is negative */
            if (factor != term->atom[k]->self && term->degree > 1 && dim_lower(term->atom[k]->self) < 0)
                return dim_overflow(table);
            product = dim_mul(table, product, factor);
        }
        sum = dim_add(table, sum, product);
    }
    return sum;
}

Dim *dim_limit(DimTable *table, Dim *dim)
{
    return extreme_of(table, dim, true);
}

void dim_assume_le(DimTable *table, Dim *a, Dim *b)
{
    Dim *difference = dim_sub(table, b, a);
    if (difference->overflow)
        return;
    if (table->nassumption == table->assumption_capacity) {
        table->assumption_capacity = table->assumption_capacity ? 2 * table->assumption_capacity : 8;
        table->assumption = arena_grow(table->arena, table->assumption, (size_t)table->nassumption,
                                       (size_t)table->assumption_capacity, sizeof *table->assumption);
    }
    table->assumption[table->nassumption++] = difference;
    table->epoch++;
}

/* ---- proofs ----
 * To show 0 <= d, known non-negative differences (facts), times non-negative factors, are subtracted from d until what
 * is left is non-negative by its bounds alone. A fact is chosen so that it cancels a term that stands in the way. */

enum { PROOF_DEPTH = 4 };

static bool is_nonnegative(DimTable *table, Dim *d, int depth);

/* Whether scale * d - factor * fact can be shown non-negative; scale > 0, fact >= 0 are given. */
static bool without_fact(DimTable *table, Dim *d, int64_t scale, Dim *factor, Dim *fact, int depth)
{
    if (dim_lower(factor) < 0)
        return false;
    Dim *scaled = dim_mul(table, dim_const(table, scale), d);
    Dim *rest = dim_sub(table, scaled, dim_mul(table, factor, fact));
    return !rest->overflow && is_nonnegative(table, rest, depth - 1);
}

/* Uses `fact` to cancel the negative `term` of d: some negative term of the fact must divide it. */
static bool cancel_with(DimTable *table, Dim *d, const Term *term, Dim *fact, int depth)
{
    for (int i = 0; i < fact->nterm; i++) {
        const Term *part = &fact->term[i];
        if (part->coefficient >= 0 || part->coefficient == INT64_MIN || !term_contains(term, part))
            continue;
        Dim *factor = dim_of_term(table, -term->coefficient, term, part);
        if (without_fact(table, d, -part->coefficient, factor, fact, depth))
            return true;
    }
    return false;
}

/* d with `atom` in one of its terms (coefficient included) replaced by `by`. */
static Dim *replace_in_term(DimTable *table, Dim *d, const Term *term, Atom *atom, Dim *by)
{
    Term single = {1, 1, &atom};
    Dim *others = dim_of_term(table, term->coefficient, term, &single);
    return dim_add(table, d, dim_mul(table, others, dim_sub(table, by, atom->self)));
}

/* Whether d is non-negative after the atom, a minimum or maximum, became its operands: one of them will do when the
 * replacement makes d smaller in any case, both are needed otherwise. */
static bool by_operands(DimTable *table, Dim *d, const Term *term, Atom *atom, bool one_will_do, int depth)
{
    Dim *a = replace_in_term(table, d, term, atom, atom->a), *b = replace_in_term(table, d, term, atom, atom->b);
    bool first = !a->overflow && is_nonnegative(table, a, depth - 1);
    if (first == one_will_do)
        return first;
    return !b->overflow && is_nonnegative(table, b, depth - 1);
}

/* Facts from the meaning of the atoms of a term of d. */
static bool by_atoms(DimTable *table, Dim *d, const Term *term, int depth)
{
    bool negative = term->coefficient < 0;
    for (int k = 0; k < term->degree; k++) {
        Atom *atom = term->atom[k];
        Dim *x = atom->self;
        bool others_nonnegative = dim_lower(dim_of_term(table, 1, term, &(Term){1, 1, &atom})) >= 0;
        if (!others_nonnegative)
            continue;
        bool shown = false;
        if (atom->kind == ATOM_SYMBOL) {
            int64_t high = atom_range(atom).upper;
            if (negative && atom->limit)
                shown = cancel_with(table, d, term, dim_sub(table, atom->limit, x), depth);
            if (negative && !shown && high != INT64_MAX)
                shown = cancel_with(table, d, term, dim_sub(table, dim_const(table, high), x), depth);
        } else if (atom->kind == ATOM_FLOOR_DIV) {
            Dim *product = dim_mul(table, atom->b, x); /* b*x <= a <= b*x + b - 1 */
            if (negative) {
                shown = cancel_with(table, d, term, dim_sub(table, atom->a, product), depth);
            } else {
                int64_t n;
                Dim *last = dim_sub(table, atom->b, dim_const(table, 1));
                Dim *fact = dim_sub(table, dim_add(table, product, last), atom->a);
                shown = dim_is_const(atom->b, &n) &&
                        without_fact(table, d, n, dim_of_term(table, term->coefficient, term, &(Term){1, 1, &atom}),
                                     fact, depth);
            }
        } else {
            shown = by_operands(table, d, term, atom, negative == (atom->kind == ATOM_MIN), depth);
        }
        if (shown)
            return true;
    }
    return false;
}

/* A positive term that is a multiple of the negative one: its other factors are at least their lower bound. */
static bool by_multiples(DimTable *table, Dim *d, const Term *negative, int depth)
{
    for (int i = 0; i < d->nterm; i++) {
        const Term *term = &d->term[i];
        if (term->coefficient < 0 || term->degree == negative->degree || !term_contains(term, negative))
            continue;
        Dim *others = dim_of_term(table, 1, term, negative);
        int64_t least = dim_lower(others);
        Dim *fact = dim_sub(table, others, dim_const(table, least));
        Dim *factor = dim_of_term(table, term->coefficient, negative, NULL);
        if (least > 0 && without_fact(table, d, 1, factor, fact, depth))
            return true;
    }
    return false;
}

/* The negative term to cancel: one without a lower bound if there is any. NULL: none is negative. */
static const Term *worst_term(Dim *d)
{
    const Term *worst = NULL;
    for (int i = 0; i < d->nterm; i++) {
        const Term *term = &d->term[i];
        if (term->coefficient < 0 && (!worst || term_range(worst).lower != INT64_MIN))
            worst = term;
    }
    return worst;
}

static bool is_nonnegative(DimTable *table, Dim *d, int depth)
{
    Range range = range_of(d);
    if (range.lower >= 0)
        return true;
    if (range.upper < 0 || depth == 0)
        return false;
    const Term *worst = worst_term(d);
    if (worst) {
        for (int i = 0; i < table->nassumption; i++)
            if (cancel_with(table, d, worst, table->assumption[i], depth))
                return true;
        if (by_multiples(table, d, worst, depth) || by_atoms(table, d, worst, depth))
            return true;
    }
    for (int i = 0; i < d->nterm; i++)
        if (d->term[i].coefficient > 0 && by_atoms(table, d, &d->term[i], depth))
            return true;
    return false;
}

bool dim_le(DimTable *table, Dim *a, Dim *b)
{
    if (a->overflow || b->overflow)
        return false;
    struct Dim *d = (struct Dim *)dim_sub(table, b, a); /* the cache is not part of the value */
    if (d->overflow)
        return false;
    if (d->proof_epoch != table->epoch) {
        d->nonnegative = is_nonnegative(table, d, PROOF_DEPTH);
        d->proof_epoch = table->epoch;
    }
    return d->nonnegative;
}
