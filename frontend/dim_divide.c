/* dim_divide.c -- quotients of symbolic dimensions, brought to normal form. */
#include "dim_form.h"

int64_t floor_quotient(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

Dim *dim_divide_exactly(DimTable *table, Dim *dim, Dim *divisor)
{
    if (dim->overflow || divisor->overflow || divisor->nterm == 0)
        return NULL;
    Dim *quotient = dim_const(table, 0), *rest = dim;
    const Term *lead = &divisor->term[0];
    for (int step = 0; rest->nterm > 0; step++) {
        const Term *term = &rest->term[0];
        bool divides =
            lead->coefficient == -1 ? term->coefficient != INT64_MIN : term->coefficient % lead->coefficient == 0;
        if (step == DIM_MAX_SIZE || !divides || !term_contains(term, lead))
            return NULL;
        Dim *part = dim_of_term(table, term->coefficient / lead->coefficient, term, lead);
        quotient = dim_add(table, quotient, part);
        rest = dim_sub(table, rest, dim_mul(table, part, divisor));
        if (rest->overflow || quotient->overflow)
            return NULL;
    }
    return quotient;
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/* The one atom floor(x / constant) that stands in dim with coefficient 1; NULL when there are none or several. */
static const Term *only_quotient(Dim *dim)
{
    const Term *only = NULL;
    for (int i = 0; i < dim->nterm; i++) {
        const Term *term = &dim->term[i];
        bool is_quotient = term->degree == 1 && term->atom[0]->kind == ATOM_FLOOR_DIV;
        if (!is_quotient)
            continue;
        if (only || term->coefficient != 1 || !dim_is_const(term->atom[0]->b, NULL))
            return NULL;
        only = term;
    }
    return only;
}

/* floor(a / n) where every coefficient of a is below n and nothing divides all of them. */
static Dim *floor_of_rest(DimTable *table, Dim *a, int64_t n)
{
    int64_t low = dim_lower(a), high = dim_upper(a);
    if (low != INT64_MIN && high != INT64_MAX && floor_quotient(low, n) == floor_quotient(high, n))
        return dim_const(table, floor_quotient(low, n));
    const Term *inner = only_quotient(a);
    int64_t d, both;
    if (inner && dim_is_const(inner->atom[0]->b, &d) && !__builtin_mul_overflow(d, n, &both)) {
        /* floor((floor(x/d) + p)/n) = floor((x + d*p)/(d*n)) */
        Dim *p = dim_sub(table, a, inner->atom[0]->self);
        Dim *x = dim_add(table, inner->atom[0]->a, dim_mul(table, dim_const(table, d), p));
        return dim_floor_div(table, x, dim_const(table, both));
    }
    return atom_of(table, ATOM_FLOOR_DIV, a, dim_const(table, n));
}

/* floor(a / n): whole multiples of n come out, and a common divisor is cancelled. */
static Dim *floor_by_const(DimTable *table, Dim *a, int64_t n)
{
    int64_t common = n;
    for (int i = 0; i < a->nterm; i++)
        if (a->term[i].degree > 0)
            common = gcd(common, a->term[i].coefficient % n);
    Dim *whole, *rest;
    sum_begin(table);
    for (int i = 0; i < a->nterm; i++) {
        int64_t c = a->term[i].coefficient;
        sum_add_term(table, a->term[i].degree > 0 ? c / n : floor_quotient(c, n), &a->term[i]);
    }
    whole = sum_end(table);
    sum_begin(table);
    for (int i = 0; i < a->nterm; i++) {
        int64_t c = a->term[i].coefficient;
        int64_t left = a->term[i].degree > 0 ? c % n : c - floor_quotient(c, n) * n;
        sum_add_term(table, left / common, &a->term[i]); /* rounds down the constant alone, which is not negative */
    }
    rest = sum_end(table);
    return n == common ? dim_add(table, whole, rest) : dim_add(table, whole, floor_of_rest(table, rest, n / common));
}

/* floor(a / b) for a symbolic b: terms that b divides come out. */
static Dim *floor_by_symbol(DimTable *table, Dim *a, Dim *b)
{
    Dim *whole = dim_const(table, 0), *rest = a;
    for (int i = 0; i < a->nterm; i++) {
        Dim *term = dim_of_term(table, a->term[i].coefficient, &a->term[i], NULL);
        Dim *quotient = dim_divide_exactly(table, term, b);
        if (quotient) {
            whole = dim_add(table, whole, quotient);
            rest = dim_sub(table, rest, term);
        }
    }
    Dim *zero = dim_const(table, 0), *one = dim_const(table, 1);
    if (dim_le(table, zero, rest) && dim_le(table, dim_add(table, rest, one), b))
        return whole;
    return dim_add(table, whole, atom_of(table, ATOM_FLOOR_DIV, rest, b));
}

Dim *dim_floor_div(DimTable *table, Dim *a, Dim *b)
{
    int64_t n;
    bool by_const = dim_is_const(b, &n);
    if (a->overflow || b->overflow || (by_const && n <= 0))
        return table->overflow;
    Dim *exact = dim_divide_exactly(table, a, b);
    if (exact)
        return exact;
    return by_const ? floor_by_const(table, a, n) : floor_by_symbol(table, a, b);
}

Dim *dim_ceil_div(DimTable *table, Dim *a, Dim *b)
{
    return dim_floor_div(table, dim_add(table, a, dim_sub(table, b, dim_const(table, 1))), b);
}

Dim *dim_mod(DimTable *table, Dim *a, Dim *b)
{
    return dim_sub(table, a, dim_mul(table, b, dim_floor_div(table, a, b)));
}

Dim *dim_times_in(DimTable *table, Dim *whole, Dim *part)
{
    Dim *exact = dim_divide_exactly(table, whole, part);
    return exact ? exact : dim_floor_div(table, whole, dim_max(table, part, dim_const(table, 1)));
}
