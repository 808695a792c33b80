/* dim.h -- symbolic dimensions: interned integer expressions over named symbols with ranges.
 *
 * A Dim is a polynomial in normal form over atoms; an atom is a symbol, a floor quotient, a minimum or a maximum.
 * Equal expressions are the same pointer (2*N and N+N are one), so == compares them. Dims are owned by their table and
 * live as long as its arena. Sizes that overflow int64 give the special Dim dim_overflow(), which no shape may have. */
#ifndef DIM_H
#define DIM_H
#include "arena.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct DimTable DimTable;
typedef const struct Dim Dim;

DimTable *dim_table_new(Arena *arena);

/* ---- make ---- */
Dim *dim_const(DimTable *table, int64_t value);
/* The symbol of this name, made with the range [0, INT64_MAX] when it is new. */
Dim *dim_symbol(DimTable *table, const char *name);
/* A symbol that no model names: u0, u1 ... For sizes known only at run time. The same `key` (for instance the Value and
 * the element that holds the size) gives the same symbol again; `limit` (may be NULL) is a Dim it never exceeds. */
Dim *dim_fresh(DimTable *table, const void *key, int element, Dim *limit);
Dim *dim_add(DimTable *table, Dim *a, Dim *b);
Dim *dim_sub(DimTable *table, Dim *a, Dim *b);
Dim *dim_mul(DimTable *table, Dim *a, Dim *b);
Dim *dim_floor_div(DimTable *table, Dim *a, Dim *b); /* b > 0 */
Dim *dim_ceil_div(DimTable *table, Dim *a, Dim *b);
Dim *dim_mod(DimTable *table, Dim *a, Dim *b); /* b > 0; a - b * floor(a / b) */
Dim *dim_min(DimTable *table, Dim *a, Dim *b);
Dim *dim_max(DimTable *table, Dim *a, Dim *b);
Dim *dim_overflow(DimTable *table);

/* ---- ask ---- */
bool dim_is_const(Dim *dim, int64_t *value); /* value may be NULL */
bool dim_equals(Dim *dim, int64_t value);
bool dim_is_symbol(Dim *dim);
const char *dim_symbol_name(Dim *dim); /* NULL unless dim_is_symbol */
/* What a Dim is made of: the outermost operation ... */
typedef enum { DIM_CONST, DIM_SYMBOL, DIM_SUM, DIM_PRODUCT, DIM_FLOOR_DIV, DIM_MIN, DIM_MAX, DIM_OVERFLOW } DimKind;
DimKind dim_kind(Dim *dim);
/* ... and its i-th operand, itself a Dim: at least two of a sum or product, two of the others; NULL beyond the last. */
Dim *dim_part(Dim *dim, int i);
/* The least and greatest value the symbols' ranges allow. */
int64_t dim_lower(Dim *dim);
int64_t dim_upper(Dim *dim);
/* The expression with every symbol that has a limit replaced by it: what memory has to be planned for. */
Dim *dim_limit(DimTable *table, Dim *dim);
/* Whether a <= b holds for all values the symbols may take; false also when it cannot be shown. */
bool dim_le(DimTable *table, Dim *a, Dim *b);
/* Whether the product of `divisor` and some Dim is `dim`; that Dim, or NULL. */
Dim *dim_divide_exactly(DimTable *table, Dim *dim, Dim *divisor);
/* How often `part` is in `whole`: that Dim, or else the floor of the quotient by at least 1. */
Dim *dim_times_in(DimTable *table, Dim *whole, Dim *part);

/* ---- requirements ---- what must hold of sizes that only a run tells: low <= high, or both equal */
typedef struct Requirement Requirement;
struct Requirement {
    Dim *low, *high;
    bool is_equal;
    Requirement *next;
};
typedef struct {
    Requirement *first, *last; /* in order of adding */
    struct Map *known;         /* by the difference of high and low; NULL: none yet */
} Requirements;
/* Whether it holds for all values the symbols may take, or stands in the list. */
bool dim_is_required(DimTable *table, const Requirements *list, Dim *low, Dim *high, bool is_equal);
/* Adds one where that is not so. */
void dim_require(DimTable *table, Requirements *list, Dim *low, Dim *high, bool is_equal);
void dim_require_all(DimTable *table, Requirements *list, const Requirements *more);

/* ---- symbols ---- */
int dim_symbol_count(const DimTable *table);
Dim *dim_symbol_at(const DimTable *table, int index);
/* 0-based place of a symbol in its table; -1 for anything else. */
int dim_symbol_index(Dim *symbol);
bool dim_is_fresh(Dim *symbol);
/* Whether a fresh symbol is in it: only the data tells the size. */
bool dim_has_fresh(Dim *dim);
/* The key and element a fresh symbol was made for; NULL for anything else. */
const void *dim_fresh_key(Dim *symbol, int *element);
void dim_set_range(DimTable *table, Dim *symbol, int64_t low, int64_t high);
/* "N" may usually be taken to be at most "E" and such: assumptions the user grants with a model of GNN form. */
void dim_assume_le(DimTable *table, Dim *a, Dim *b);

/* The value under values[dim_symbol_index(s)] for each symbol s. False when it overflows or divides by zero. */
bool dim_evaluate(Dim *dim, const int64_t *values, int64_t *result);
/* A usual value for each symbol, by which formulas are compared that only the caller's sizes decide between. */
void dim_usual(const DimTable *table, int64_t *values);
/* What neither the dim nor anything it is computed from exceeds, negative or not, while each symbol is at most its
 * value or its limit. False when that overflows. */
bool dim_bound(Dim *dim, const int64_t *values, int64_t *bound);
/* Replace symbols: replacement[i] (or NULL to keep) for the i-th symbol. */
Dim *dim_substitute(DimTable *table, Dim *dim, Dim *const *replacement);
/* Marks used[dim_symbol_index(s)] for each symbol s below dim. */
void dim_symbols_used(Dim *dim, bool *used);

/* ---- text ---- a C expression over the symbols' names and int64 constants: "2*N + E", "(H + 1)/2" (floor), "max(a,
 * b)". `rename` (may be NULL) gives the text of a symbol. The result lives in the arena. */
char *dim_text(Dim *dim, Arena *arena, const char *(*rename)(void *who, Dim *symbol), void *who);
/* Reads what dim_text writes and what exporters write ("s77 + u0", "2*N", "floor(H/2)"). A string that is not an
 * expression is the name of one symbol, as ONNX has it. */
Dim *dim_parse(DimTable *table, const char *text);
#endif
