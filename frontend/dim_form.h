/* dim_form.h -- the normal form of a Dim, for the files dim*.c alone.
 *
 * A Dim is a sum of terms, a term a coefficient times atoms (with repetition, by id). Terms are sorted by total degree,
 * then by atoms, highest first, so that a constant comes last; no two have the same atoms and none has coefficient 0.
 */
#ifndef DIM_FORM_H
#define DIM_FORM_H
#include "dim.h"

/* An expression of more terms and atoms than this, counted as a tree, is refused as dim_overflow. It bounds the depth
 * of all recursion over Dims and the length of their text. */
enum { DIM_MAX_SIZE = 1024 };

typedef enum { ATOM_SYMBOL, ATOM_FLOOR_DIV, ATOM_MIN, ATOM_MAX } AtomKind;
typedef struct Atom Atom;
struct Atom {
    AtomKind kind;
    int id;            /* unique in the table, in order of making */
    int size;          /* as DIM_MAX_SIZE counts */
    Dim *a, *b;        /* operands of a quotient, minimum or maximum */
    int symbol;        /* ATOM_SYMBOL: place among the symbols ... */
    const char *name;  /* ... name ... */
    int64_t low, high; /* ... range, as set ... */
    bool is_fresh;     /* ... made by dim_fresh ... */
    const void *key;   /* ... for this key ... */
    int element;       /* ... and element ... */
    Dim *limit;        /* ... never above this; without limited symbols itself; NULL: none */
    Dim *self;         /* the Dim that is this atom alone */
    Atom *next;        /* in its bucket */
    int epoch;         /* of the cached bounds: */
    int64_t lower, upper;
};
typedef struct {
    int64_t coefficient;
    int degree;
    Atom **atom; /* sorted by id */
} Term;
struct Dim {
    DimTable *table;
    bool overflow;
    int nterm, size;
    Term *term;
    uint64_t hash;
    struct Dim *next; /* in its bucket */
    int epoch;        /* of the cached answers: */
    int64_t lower, upper;
    int proof_epoch;
    bool nonnegative; /* what dim_le found of 0 <= this */
};
enum { DIM_BUCKETS = 1 << 16, ATOM_BUCKETS = 1 << 12 };
struct DimTable {
    Arena *arena;
    Dim *overflow;
    struct Dim **dim; /* DIM_BUCKETS and ATOM_BUCKETS chains */
    Atom **atom;
    int natom;
    Atom **symbol;
    int nsymbol, symbol_capacity, nfresh;
    Dim **assumption; /* each taken to be at least 0 */
    int nassumption, assumption_capacity;
    int epoch; /* counts changes of ranges and assumptions */
    /* the sum being made */
    Term *sum;
    int nsum, sum_capacity;
    bool sum_overflow;
};

/* Makes a sum: begin, add, end. One at a time per table. */
void sum_begin(DimTable *table);
void sum_add_term(DimTable *table, int64_t coefficient, const Term *term);
Dim *sum_end(DimTable *table);

/* The quotient, minimum or maximum of a and b as an atom, for when no simplification applies. */
Dim *atom_of(DimTable *table, AtomKind kind, Dim *a, Dim *b);
/* Forgets the symbols made last, by dim_symbol, down to `count`; no Dim with them may be in use. */
void symbols_forget(DimTable *table, int count);

/* coefficient times the atoms of `term`, `without` (NULL: none) taken out of them once. */
Dim *dim_of_term(DimTable *table, int64_t coefficient, const Term *term, const Term *without);
/* Whether the atoms of `part` are among those of `whole`, repetitions counted. */
bool term_contains(const Term *whole, const Term *part);

/* The quotient rounded down, b > 0. */
int64_t floor_quotient(int64_t a, int64_t b);
#endif
