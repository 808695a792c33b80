/* dim.c -- symbolic dimensions: making them in normal form, evaluating and substituting. */
#include "dim_form.h"
#include "hash.h"
#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

DimTable *dim_table_new(Arena *arena)
{
    DimTable *table = ARENA_NEW(arena, DimTable);
    table->arena = arena;
    table->dim = ARENA_ARRAY(arena, DIM_BUCKETS, struct Dim *);
    table->atom = ARENA_ARRAY(arena, ATOM_BUCKETS, Atom *);
    table->epoch = 1;
    struct Dim *overflow = ARENA_NEW(arena, struct Dim);
    *overflow = (struct Dim){.table = table, .overflow = true, .size = 1};
    table->overflow = overflow;
    return table;
}

Dim *dim_overflow(DimTable *table)
{
    return table->overflow;
}

/* ---- terms ---- */

/* Higher degree first, then the one with more of the older atoms: an admissible order, as polynomial division needs. */
static int term_compare(const void *left, const void *right)
{
    const Term *a = left, *b = right;
    if (a->degree != b->degree)
        return a->degree > b->degree ? -1 : 1;
    for (int i = 0; i < a->degree; i++)
        if (a->atom[i] != b->atom[i])
            return a->atom[i]->id < b->atom[i]->id ? -1 : 1;
    return 0;
}

bool term_contains(const Term *whole, const Term *part)
{
    int found = 0;
    for (int i = 0; i < whole->degree && found < part->degree; i++)
        if (whole->atom[i] == part->atom[found])
            found++;
    return found == part->degree;
}

/* The product of two terms' atoms, merged by id. */
static Term term_product(DimTable *table, const Term *a, const Term *b)
{
    Term product = {.degree = a->degree + b->degree};
    product.atom = ARENA_ARRAY(table->arena, product.degree, Atom *);
    for (int i = 0, j = 0, k = 0; k < product.degree; k++) {
        bool from_a = j == b->degree || (i < a->degree && a->atom[i]->id <= b->atom[j]->id);
        product.atom[k] = from_a ? a->atom[i++] : b->atom[j++];
    }
    return product;
}

/* ---- sums ---- */

void sum_begin(DimTable *table)
{
    table->nsum = 0;
    table->sum_overflow = false;
}

void sum_add_term(DimTable *table, int64_t coefficient, const Term *term)
{
    if (coefficient == 0)
        return;
    if (table->nsum == 4 * DIM_MAX_SIZE) {
        table->sum_overflow = true;
        return;
    }
    if (table->nsum == table->sum_capacity) {
        table->sum_capacity = table->sum_capacity ? 2 * table->sum_capacity : 64;
        table->sum =
            arena_grow(table->arena, table->sum, (size_t)table->nsum, (size_t)table->sum_capacity, sizeof(Term));
    }
    table->sum[table->nsum++] = (Term){coefficient, term->degree, term->atom};
}

static void sum_add(DimTable *table, int64_t coefficient, Dim *a)
{
    table->sum_overflow |= a->overflow;
    for (int i = 0; i < a->nterm; i++) {
        int64_t product;
        if (__builtin_mul_overflow(coefficient, a->term[i].coefficient, &product))
            table->sum_overflow = true;
        else
            sum_add_term(table, product, &a->term[i]);
    }
}

/* Sorts the scratch terms and adds up those of the same atoms. */
static void sum_collect(DimTable *table)
{
    Term *sum = table->sum;
    int kept = 0;
    if (table->nsum > 1)
        qsort(sum, (size_t)table->nsum, sizeof *sum, term_compare);
    for (int i = 0; i < table->nsum; i++) {
        if (kept > 0 && term_compare(&sum[kept - 1], &sum[i]) == 0)
            table->sum_overflow |=
                __builtin_add_overflow(sum[kept - 1].coefficient, sum[i].coefficient, &sum[kept - 1].coefficient);
        else
            sum[kept++] = sum[i];
        if (sum[kept - 1].coefficient == 0)
            kept--;
    }
    table->nsum = kept;
}

static bool same_terms(const Term *a, const Term *b, int count)
{
    for (int i = 0; i < count; i++)
        if (a[i].coefficient != b[i].coefficient || term_compare(&a[i], &b[i]) != 0)
            return false;
    return true;
}

/* The interned Dim of the scratch terms, which are in normal form. */
static Dim *intern(DimTable *table)
{
    uint64_t hash = 0;
    int size = 0;
    for (int i = 0; i < table->nsum; i++) {
        const Term *term = &table->sum[i];
        hash = hash_word(hash, (uint64_t)term->coefficient);
        size++;
        for (int k = 0; k < term->degree; k++) {
            hash = hash_word(hash, (uint64_t)term->atom[k]->id);
            size += term->atom[k]->size;
            if (size > DIM_MAX_SIZE)
                return table->overflow;
        }
    }
    struct Dim **bucket = &table->dim[hash % DIM_BUCKETS];
    for (struct Dim *dim = *bucket; dim; dim = dim->next)
        if (dim->hash == hash && dim->nterm == table->nsum && same_terms(dim->term, table->sum, dim->nterm))
            return dim;
    struct Dim *dim = ARENA_NEW(table->arena, struct Dim);
    *dim = (struct Dim){.table = table, .nterm = table->nsum, .size = size, .hash = hash, .next = *bucket};
    dim->term = arena_grow(table->arena, table->sum, (size_t)table->nsum, (size_t)table->nsum, sizeof(Term));
    *bucket = dim;
    return dim;
}

Dim *sum_end(DimTable *table)
{
    sum_collect(table);
    return table->sum_overflow ? table->overflow : intern(table);
}

Dim *dim_of_term(DimTable *table, int64_t coefficient, const Term *term, const Term *without)
{
    Term rest = {.degree = 0, .atom = ARENA_ARRAY(table->arena, term->degree, Atom *)};
    int taken = 0;
    for (int i = 0; i < term->degree; i++) {
        if (without && taken < without->degree && without->atom[taken] == term->atom[i])
            taken++;
        else
            rest.atom[rest.degree++] = term->atom[i];
    }
    sum_begin(table);
    sum_add_term(table, coefficient, &rest);
    return sum_end(table);
}

Dim *dim_const(DimTable *table, int64_t value)
{
    sum_begin(table);
    sum_add_term(table, value, &(Term){0});
    return sum_end(table);
}

Dim *dim_add(DimTable *table, Dim *a, Dim *b)
{
    sum_begin(table);
    sum_add(table, 1, a);
    sum_add(table, 1, b);
    return sum_end(table);
}

Dim *dim_sub(DimTable *table, Dim *a, Dim *b)
{
    sum_begin(table);
    sum_add(table, 1, a);
    sum_add(table, -1, b);
    return sum_end(table);
}

Dim *dim_mul(DimTable *table, Dim *a, Dim *b)
{
    if (a->overflow || b->overflow || (int64_t)a->nterm * b->nterm > DIM_MAX_SIZE)
        return table->overflow;
    sum_begin(table);
    for (int i = 0; i < a->nterm; i++) {
        for (int j = 0; j < b->nterm; j++) {
            int64_t coefficient;
            if (__builtin_mul_overflow(a->term[i].coefficient, b->term[j].coefficient, &coefficient))
                return table->overflow;
            Term product = term_product(table, &a->term[i], &b->term[j]);
            sum_add_term(table, coefficient, &product);
        }
    }
    return sum_end(table);
}

/* ---- atoms ---- */

/* The Dim that is this new atom alone; gives the atom its id. */
static Dim *atom_add(DimTable *table, Atom *atom, Atom **bucket)
{
    atom->id = table->natom++;
    atom->next = *bucket;
    *bucket = atom;
    Term term = {.degree = 1, .atom = &atom};
    term.atom = arena_grow(table->arena, &atom, 1, 1, sizeof atom);
    sum_begin(table);
    sum_add_term(table, 1, &term);
    atom->self = sum_end(table);
    return atom->self;
}

Dim *atom_of(DimTable *table, AtomKind kind, Dim *a, Dim *b)
{
    if (a->size + b->size >= DIM_MAX_SIZE / 2)
        return table->overflow;
    Atom **bucket = &table->atom[hash_word(hash_word((uint64_t)kind, a->hash), b->hash) % ATOM_BUCKETS];
    for (Atom *atom = *bucket; atom; atom = atom->next)
        if (atom->kind == kind && atom->a == a && atom->b == b)
            return atom->self;
    Atom *atom = ARENA_NEW(table->arena, Atom);
    *atom = (Atom){.kind = kind, .a = a, .b = b, .size = 1 + a->size + b->size};
    return atom_add(table, atom, bucket);
}

/* ---- symbols ---- */

static Dim *symbol_add(DimTable *table, Atom *atom, Atom **bucket)
{
    atom->kind = ATOM_SYMBOL;
    atom->size = 1;
    atom->high = INT64_MAX;
    atom->symbol = table->nsymbol;
    if (table->nsymbol == table->symbol_capacity) {
        table->symbol_capacity = table->symbol_capacity ? 2 * table->symbol_capacity : 16;
        table->symbol = arena_grow(table->arena, table->symbol, (size_t)table->nsymbol, (size_t)table->symbol_capacity,
                                   sizeof *table->symbol);
    }
    table->symbol[table->nsymbol++] = atom;
    return atom_add(table, atom, bucket);
}

static Atom **bucket_of_name(const DimTable *table, const char *name)
{
    return &table->atom[hash_text(name) % ATOM_BUCKETS];
}

static Dim *symbol_find(const DimTable *table, const char *name)
{
    for (Atom *atom = *bucket_of_name(table, name); atom; atom = atom->next)
        if (atom->kind == ATOM_SYMBOL && !atom->is_fresh && strcmp(atom->name, name) == 0)
            return atom->self;
    return NULL;
}

Dim *dim_symbol(DimTable *table, const char *name)
{
    Dim *known = symbol_find(table, name);
    if (known)
        return known;
    Atom *atom = ARENA_NEW(table->arena, Atom);
    atom->name = arena_strdup(table->arena, name);
    return symbol_add(table, atom, bucket_of_name(table, name));
}

void symbols_forget(DimTable *table, int count)
{
    while (table->nsymbol > count) {
        Atom *atom = table->symbol[--table->nsymbol], **place = bucket_of_name(table, atom->name);
        while (*place != atom)
            place = &(*place)->next;
        *place = atom->next;
    }
}

Dim *dim_fresh(DimTable *table, const void *key, int element, Dim *limit)
{
    Atom **bucket = &table->atom[hash_word(hash_word(2, (uint64_t)(uintptr_t)key), (uint64_t)element) % ATOM_BUCKETS];
    for (Atom *atom = *bucket; atom; atom = atom->next)
        if (atom->kind == ATOM_SYMBOL && atom->is_fresh && atom->key == key && atom->element == element)
            return atom->self;
    Atom *atom = ARENA_NEW(table->arena, Atom);
    do
        atom->name = arena_printf(table->arena, "u%d", table->nfresh++);
    while (symbol_find(table, atom->name));
    atom->is_fresh = true;
    atom->key = key;
    atom->element = element;
    atom->limit = limit && !limit->overflow ? dim_limit(table, limit) : NULL;
    return symbol_add(table, atom, bucket);
}

int dim_symbol_count(const DimTable *table)
{
    return table->nsymbol;
}

Dim *dim_symbol_at(const DimTable *table, int index)
{
    return table->symbol[index]->self;
}

void dim_usual(const DimTable *table, int64_t *values)
{
    enum { USUAL = 1024 };
    for (int i = 0; i < dim_symbol_count(table); i++) {
        const int64_t low = dim_lower(dim_symbol_at(table, i)), high = dim_upper(dim_symbol_at(table, i));
        values[i] = low > USUAL ? low : high < USUAL ? high : USUAL;
    }
}

/* The symbol that a Dim consists of; NULL when it is anything else. */
static Atom *symbol_of(Dim *dim)
{
    bool alone = dim->nterm == 1 && dim->term[0].coefficient == 1 && dim->term[0].degree == 1;
    return alone && dim->term[0].atom[0]->kind == ATOM_SYMBOL ? dim->term[0].atom[0] : NULL;
}

bool dim_is_symbol(Dim *dim)
{
    return symbol_of(dim) != NULL;
}

const char *dim_symbol_name(Dim *dim)
{
    const Atom *symbol = symbol_of(dim);
    return symbol ? symbol->name : NULL;
}

int dim_symbol_index(Dim *dim)
{
    const Atom *symbol = symbol_of(dim);
    return symbol ? symbol->symbol : -1;
}

bool dim_is_fresh(Dim *dim)
{
    const Atom *symbol = symbol_of(dim);
    return symbol && symbol->is_fresh;
}

const void *dim_fresh_key(Dim *dim, int *element)
{
    const Atom *symbol = symbol_of(dim);
    if (!symbol || !symbol->is_fresh)
        return NULL;
    *element = symbol->element;
    return symbol->key;
}

void dim_set_range(DimTable *table, Dim *dim, int64_t low, int64_t high)
{
    Atom *symbol = symbol_of(dim);
    if (!symbol)
        return;
    symbol->low = low;
    symbol->high = high;
    table->epoch++;
}

bool dim_is_const(Dim *dim, int64_t *value)
{
    if (dim->overflow || dim->nterm > 1 || (dim->nterm == 1 && dim->term[0].degree > 0))
        return false;
    if (value)
        *value = dim->nterm ? dim->term[0].coefficient : 0;
    return true;
}

DimKind dim_kind(Dim *dim)
{
    static const DimKind of_atom[] = {
        [ATOM_SYMBOL] = DIM_SYMBOL, [ATOM_FLOOR_DIV] = DIM_FLOOR_DIV, [ATOM_MIN] = DIM_MIN, [ATOM_MAX] = DIM_MAX};
    if (dim->overflow)
        return DIM_OVERFLOW;
    if (dim_is_const(dim, NULL))
        return DIM_CONST;
    if (dim->nterm > 1)
        return DIM_SUM;
    const Term *term = &dim->term[0];
    return term->degree > 1 || term->coefficient != 1 ? DIM_PRODUCT : of_atom[term->atom[0]->kind];
}

Dim *dim_part(Dim *dim, int i)
{
    const Term *term = dim->term;
    switch (dim_kind(dim)) {
    case DIM_SUM:
        return i < dim->nterm ? dim_of_term(dim->table, term[i].coefficient, &term[i], NULL) : NULL;
    case DIM_PRODUCT: /* the coefficient comes first */
        if (term->coefficient != 1 && i-- == 0)
            return dim_const(dim->table, term->coefficient);
        return i < term->degree ? term->atom[i]->self : NULL;
    case DIM_FLOOR_DIV:
    case DIM_MIN:
    case DIM_MAX:
        return i == 0 ? term->atom[0]->a : i == 1 ? term->atom[0]->b : NULL;
    default:
        return NULL;
    }
}

bool dim_has_fresh(Dim *dim)
{
    if (dim_kind(dim) == DIM_SYMBOL)
        return dim_is_fresh(dim);
    for (int i = 0; dim_part(dim, i); i++)
        if (dim_has_fresh(dim_part(dim, i)))
            return true;
    return false;
}

bool dim_equals(Dim *dim, int64_t value)
{
    int64_t known;
    return dim_is_const(dim, &known) && known == value;
}

/* ---- minimum, maximum ---- */

static Dim *extreme(DimTable *table, AtomKind kind, Dim *a, Dim *b)
{
    if (a->overflow || b->overflow)
        return table->overflow;
    if (dim_le(table, a, b))
        return kind == ATOM_MIN ? a : b;
    if (dim_le(table, b, a))
        return kind == ATOM_MIN ? b : a;
    bool in_order = a->nterm && b->nterm ? term_compare(a->term, b->term) < 0 ||
                                               (term_compare(a->term, b->term) == 0 && a->hash < b->hash)
                                         : a->nterm > 0;
    return in_order ? atom_of(table, kind, a, b) : atom_of(table, kind, b, a);
}

Dim *dim_min(DimTable *table, Dim *a, Dim *b)
{
    return extreme(table, ATOM_MIN, a, b);
}

Dim *dim_max(DimTable *table, Dim *a, Dim *b)
{
    return extreme(table, ATOM_MAX, a, b);
}

/* ---- evaluate, substitute ---- */

static bool atom_evaluate(const Atom *atom, const int64_t *values, int64_t *result)
{
    int64_t a, b;
    if (atom->kind == ATOM_SYMBOL) {
        *result = values[atom->symbol];
        return true;
    }
    if (!dim_evaluate(atom->a, values, &a) || !dim_evaluate(atom->b, values, &b))
        return false;
    if (atom->kind == ATOM_FLOOR_DIV && b <= 0)
        return false;
    *result = atom->kind == ATOM_FLOOR_DIV ? floor_quotient(a, b) : (atom->kind == ATOM_MIN) == (a < b) ? a : b;
    return true;
}

bool dim_evaluate(Dim *dim, const int64_t *values, int64_t *result)
{
    int64_t sum = 0;
    for (int i = 0; i < dim->nterm; i++) {
        int64_t product = dim->term[i].coefficient, factor;
        for (int k = 0; k < dim->term[i].degree; k++)
            if (!atom_evaluate(dim->term[i].atom[k], values, &factor) ||
                __builtin_mul_overflow(product, factor, &product))
                return false;
        if (__builtin_add_overflow(sum, product, &sum))
            return false;
    }
    *result = sum;
    return !dim->overflow;
}

static bool atom_bound(const Atom *atom, const int64_t *values, int64_t *bound)
{
    int64_t a, b;
    if (atom->kind == ATOM_SYMBOL) {
        *bound = values[atom->symbol];
        return !atom->limit || dim_bound(atom->limit, values, bound);
    }
    if (!dim_bound(atom->a, values, &a) || !dim_bound(atom->b, values, &b))
        return false;
    *bound = atom->kind == ATOM_FLOOR_DIV || a > b ? a : b;
    return true;
}

bool dim_bound(Dim *dim, const int64_t *values, int64_t *bound)
{
    int64_t sum = 0;
    for (int i = 0; i < dim->nterm; i++) {
        int64_t product = dim->term[i].coefficient, factor;
        if (product == INT64_MIN)
            return false;
        product = product < 0 ? -product : product;
        for (int k = 0; k < dim->term[i].degree; k++)
            if (!atom_bound(dim->term[i].atom[k], values, &factor) || __builtin_mul_overflow(product, factor, &product))
                return false;
        if (__builtin_add_overflow(sum, product, &sum))
            return false;
    }
    *bound = sum;
    return !dim->overflow;
}

static Dim *atom_substitute(DimTable *table, const Atom *atom, Dim *const *replacement)
{
    if (atom->kind == ATOM_SYMBOL)
        return replacement[atom->symbol] ? replacement[atom->symbol] : atom->self;
    Dim *a = dim_substitute(table, atom->a, replacement), *b = dim_substitute(table, atom->b, replacement);
    return atom->kind == ATOM_FLOOR_DIV ? dim_floor_div(table, a, b) : extreme(table, atom->kind, a, b);
}

Dim *dim_substitute(DimTable *table, Dim *dim, Dim *const *replacement)
{
    if (dim->overflow)
        return dim;
    Dim *sum = dim_const(table, 0);
    for (int i = 0; i < dim->nterm; i++) {
        Dim *product = dim_const(table, dim->term[i].coefficient);
        for (int k = 0; k < dim->term[i].degree; k++)
            product = dim_mul(table, product, atom_substitute(table, dim->term[i].atom[k], replacement));
        sum = dim_add(table, sum, product);
    }
    return sum;
}

void dim_symbols_used(Dim *dim, bool *used)
{
    for (int i = 0; i < dim->nterm; i++) {
        for (int k = 0; k < dim->term[i].degree; k++) {
            const Atom *atom = dim->term[i].atom[k];
            if (atom->kind == ATOM_SYMBOL) {
                used[atom->symbol] = true;
            } else {
                dim_symbols_used(atom->a, used);
                dim_symbols_used(atom->b, used);
            }
        }
    }
}
