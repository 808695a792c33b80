/* einsum.c -- Einsum: an equation whose letters become axes. */
#include "shorthand.h"
#include <ctype.h>
#include <string.h>

enum {
    LETTERS = 52,
    ELLIPSIS = LETTERS,
    SYMBOLS = LETTERS + MAX_RANK
}; /* a symbol: a letter, or a place of the ellipsis */

/* The symbols of one term of the equation. */
typedef struct {
    int symbol[MAX_RANK], count;
    int ellipsis; /* where the ellipsis stands; -1: nowhere */
} Term;

typedef struct {
    Definition *d;
    int width; /* dimensions the ellipsis stands for */
    Dim *size[SYMBOLS];
    int seen[SYMBOLS]; /* how often a symbol occurs in the inputs */
    Expr *index[SYMBOLS];
} Equation;

static int letter_symbol(char c)
{
    return isupper((unsigned char)c) ? c - 'A' : c - 'a' + 26; /* in ASCII order */
}

/* Reads a term up to `end` (its first character after). False after an error. */
static bool read_term(Definition *d, const char **text, Term *term)
{
    *term = (Term){.ellipsis = -1};
    for (const char *c = *text;; c++) {
        *text = c;
        if (*c == ' ')
            continue;
        if (isalpha((unsigned char)*c)) {
            if (!def_require(d, term->count < MAX_RANK, "a term of the equation has more than %d letters", MAX_RANK))
                return false;
            term->symbol[term->count++] = letter_symbol(*c);
        } else if (strncmp(c, "...", 3) == 0) {
            if (!def_require(d, term->ellipsis < 0, "a term of the equation has two ellipses"))
                return false;
            term->ellipsis = term->count;
            c += 2;
        } else {
            return true;
        }
    }
}

/* A term's symbols with the ellipsis written out; how many. */
static int spell_out(const Term *term, int width, int *symbol)
{
    int count = 0;
    for (int k = 0; k <= term->count; k++) {
        for (int e = 0; k == term->ellipsis && e < width; e++)
            symbol[count++] = ELLIPSIS + e;
        if (k < term->count)
            symbol[count++] = term->symbol[k];
    }
    return count;
}

/* Sizes of symbols from the dimensions of one input. Dimensions of 1 broadcast, where the ellipsis stands. */
static bool measure(Equation *q, int input, const Term *term)
{
    Definition *d = q->d;
    int symbol[2 * MAX_RANK];
    const int count = spell_out(term, q->width, symbol), rank = def_rank(d, input);
    if (!def_require(d, rank == count, "input %d has rank %d, its term of the equation has %d letters", input, rank,
                     count))
        return false;
    for (int k = 0; k < rank; k++) {
        Dim *size = def_dim(d, input, k), **known = &q->size[symbol[k]];
        q->seen[symbol[k]]++;
        *known = *known == NULL ? size : def_broadcast(d, *known, size);
        if (d->failed)
            return false;
    }
    return true;
}

/* The output's term where the equation gives none: the ellipsis, then the letters that occur once. */
static void implicit_term(const Equation *q, Term *term)
{
    *term = (Term){.ellipsis = 0};
    for (int s = 0; s < LETTERS && term->count < MAX_RANK; s++)
        if (q->seen[s] == 1)
            term->symbol[term->count++] = s;
}

/* Reads the terms of the inputs, and the output's when it is given. False after an error. */
static bool read_equation(Definition *d, Term *term, Term *result, bool *is_explicit)
{
    const char *text = attr_string(d->node, "equation", "");
    const int inputs = d->node->nin;
    for (int n = 0; n < inputs; n++) {
        if (!read_term(d, &text, &term[n]) ||
            !def_require(d, n == inputs - 1 || *text == ',', "the equation has %d terms for %d inputs", n + 1, inputs))
            return false;
        text += n < inputs - 1;
    }
    *is_explicit = strncmp(text, "->", 2) == 0;
    if (*is_explicit) {
        text += 2;
        if (!read_term(d, &text, result))
            return false;
    }
    return def_require(d, *text == 0, "the equation has the character '%c' in a wrong place", *text);
}

/* The dimensions of the result; false after an error. */
static bool result_shape(const Equation *q, const int *symbol, int rank, Dim **dim)
{
    Definition *d = q->d;
    if (!def_require(d, rank <= MAX_RANK, "the result has %d dimensions, the limit is %d", rank, MAX_RANK))
        return false;
    for (int k = 0; k < rank; k++) {
        dim[k] = q->size[symbol[k]];
        for (int j = 0; j < k; j++)
            if (!def_require(d, symbol[j] != symbol[k], "the result of the equation names a letter twice"))
                return false;
        if (!def_require(d, dim[k] != NULL, "the result of the equation has a letter that no input has"))
            return false;
    }
    return true;
}

/* Axes of the symbols that the result has not; how many. */
static int sum_axes(Equation *q, Axis **over)
{
    int count = 0;
    for (int s = 0; s < SYMBOLS; s++)
        if (q->size[s] != NULL && q->index[s] == NULL) {
            over[count] = loop_axis(q->d, "k", q->size[s]);
            q->index[s] = axis_value(q->d, over[count++]);
        }
    return count;
}

/* The element of an input where the symbols stand. */
static Expr *load_term(const Equation *q, int input, const Term *term)
{
    Definition *d = q->d;
    int own[2 * MAX_RANK];
    Expr *at[MAX_RANK];
    const int count = spell_out(term, q->width, own);
    for (int k = 0; k < count; k++)
        at[k] = dim_equals(def_dim(d, input, k), 1) ? index_const(d, 0) : q->index[own[k]];
    return def_load(d, input, at);
}

/* out[result..] = sum over the other symbols of the product of in_n[term_n..] */
static void define_einsum(Definition *d)
{
    const int inputs = d->node->nin;
    Term *term = ARENA_ARRAY(d->context->arena, inputs, Term), result;
    Equation q = {.d = d};
    bool is_explicit;
    if (!read_equation(d, term, &result, &is_explicit))
        return;
    for (int n = 0; n < inputs; n++)
        if (term[n].ellipsis >= 0 && def_rank(d, n) - term[n].count > q.width)
            q.width = def_rank(d, n) - term[n].count;
    for (int n = 0; n < inputs; n++)
        if (!measure(&q, n, &term[n]))
            return;
    if (!is_explicit)
        implicit_term(&q, &result);
    int symbol[2 * MAX_RANK];
    const int rank = spell_out(&result, q.width, symbol);
    Dim *dim[MAX_RANK];
    if (!result_shape(&q, symbol, rank, dim))
        return;
    Expr *i[MAX_RANK], *product = NULL;
    def_output(d, 0, def_dtype(d, 0), rank, dim);
    def_index(d, 0, i);
    for (int k = 0; k < rank; k++)
        q.index[symbol[k]] = i[k];
    Axis *over[SYMBOLS];
    const int nover = sum_axes(&q, over);
    for (int n = 0; n < inputs; n++) {
        Expr *x = load_term(&q, n, &term[n]);
        product = product == NULL ? x : call2(d, S_MUL, product, x);
    }
    def_body(d, 0, nover > 0 ? reduce(d, COMBINE_ADD, over, nover, product) : product);
}

const Op ops_einsum[] = {
    INDEX_ROW("Einsum", "Inputs:T* -> Output:T | T=number", "equation:string", define_einsum, 12),
    {.name = NULL},
};
