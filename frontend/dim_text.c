/* dim_text.c -- symbolic dimensions as text: written as C, read as exporters write them. */
#include "dim_form.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- write ---- */

typedef struct {
    Arena *arena;
    const char *(*rename)(void *who, Dim *symbol);
    void *who;
    char *text;
    size_t length, capacity;
} Writer;

static void put(Writer *writer, const char *text)
{
    size_t length = strlen(text);
    if (writer->length + length + 1 > writer->capacity) {
        size_t capacity = 2 * (writer->length + length) + 32;
        writer->text = arena_grow(writer->arena, writer->text, writer->length, capacity, 1);
        writer->capacity = capacity;
    }
    memcpy(writer->text + writer->length, text, length + 1);
    writer->length += length;
}

static void put_dim(Writer *writer, Dim *dim);

static void put_call(Writer *writer, const char *function, Dim *a, Dim *b)
{
    put(writer, function);
    put(writer, "(");
    put_dim(writer, a);
    put(writer, ", ");
    put_dim(writer, b);
    put(writer, ")");
}

/* An operand of a division: in parentheses unless it is a name or a number. */
static void put_operand(Writer *writer, Dim *dim)
{
    int64_t value;
    bool plain = dim_is_symbol(dim) || (dim_is_const(dim, &value) && value >= 0);
    put(writer, plain ? "" : "(");
    put_dim(writer, dim);
    put(writer, plain ? "" : ")");
}

static void put_atom(Writer *writer, const Atom *atom, bool alone)
{
    if (atom->kind == ATOM_SYMBOL) {
        put(writer, writer->rename ? writer->rename(writer->who, atom->self) : atom->name);
    } else if (atom->kind != ATOM_FLOOR_DIV) {
        put_call(writer, atom->kind == ATOM_MIN ? "min" : "max", atom->a, atom->b);
    } else if (dim_lower(atom->a) < 0) { /* C's division would round up */
        put_call(writer, "floor_div", atom->a, atom->b);
    } else {
        put(writer, alone ? "" : "(");
        put_operand(writer, atom->a);
        put(writer, "/");
        put_operand(writer, atom->b);
        put(writer, alone ? "" : ")");
    }
}

/* A term without its sign. */
static void put_term(Writer *writer, const Term *term)
{
    uint64_t magnitude = term->coefficient < 0 ? 0 - (uint64_t)term->coefficient : (uint64_t)term->coefficient;
    bool alone = magnitude == 1 && term->degree == 1;
    if (magnitude != 1 || term->degree == 0)
        put(writer, arena_printf(writer->arena, term->degree ? "%llu*" : "%llu", (unsigned long long)magnitude));
    for (int k = 0; k < term->degree; k++) {
        put(writer, k ? "*" : "");
        put_atom(writer, term->atom[k], alone);
    }
}

static void put_dim(Writer *writer, Dim *dim)
{
    if (dim->overflow || dim->nterm == 0)
        put(writer, dim->overflow ? "overflow" : "0");
    /* a positive term first, so that "N - 1" is not "-1 + N" */
    int first = 0;
    while (first < dim->nterm - 1 && dim->term[first].coefficient < 0)
        first++;
    for (int i = 0; i < dim->nterm; i++) {
        const Term *term = &dim->term[i == 0 ? first : i <= first ? i - 1 : i];
        if (term->coefficient == INT64_MIN && term->degree == 0) {
            put(writer, i ? " + (-9223372036854775807 - 1)" : "(-9223372036854775807 - 1)");
            continue;
        }
        bool negative = term->coefficient < 0;
        put(writer, i ? (negative ? " - " : " + ") : (negative ? "-" : ""));
        put_term(writer, term);
    }
}

char *dim_text(Dim *dim, Arena *arena, const char *(*rename)(void *who, Dim *symbol), void *who)
{
    Writer writer = {.arena = arena, .rename = rename, .who = who};
    put(&writer, "");
    put_dim(&writer, dim);
    return writer.text;
}

/* ---- read ----
 *    sum     = product { (" + " | " - ") product }         a minus without a space before it belongs to a name:
 * "batch-size" product = power { ("*" | "/" | "//" | "%") power }    "/" is exact inside floor() and ceil(), and floors
 * elsewhere power   = factor [ "**" number ] factor  = number | name | "-" factor | "(" sum ")" | function "(" sum {
 * "," sum } ")"                          */

/* A quotient whose rounding is not yet known: by > 0. */
typedef struct {
    Dim *dim;
    int64_t by;
} Quotient;

typedef struct {
    DimTable *table;
    const char *at;
    int depth, exact; /* nesting; > 0: inside floor() or ceil() */
    bool failed;
} Reader;

enum { MAX_DEPTH = 64 };

static Quotient read_sum(Reader *reader);

static Quotient fail(Reader *reader)
{
    reader->failed = true;
    return (Quotient){dim_const(reader->table, 0), 1};
}

static void skip_spaces(Reader *reader)
{
    while (*reader->at == ' ')
        reader->at++;
}

/* Skips spaces and then `text`, if it is next. */
static bool accept(Reader *reader, const char *text)
{
    const char *before = reader->at;
    skip_spaces(reader);
    size_t length = strlen(text);
    if (strncmp(reader->at, text, length) == 0) {
        reader->at += length;
        return true;
    }
    reader->at = before;
    return false;
}

static Quotient round_down(Reader *reader, Quotient a)
{
    return (Quotient){dim_floor_div(reader->table, a.dim, dim_const(reader->table, a.by)), 1};
}

static Quotient round_up(Reader *reader, Quotient a)
{
    return (Quotient){dim_ceil_div(reader->table, a.dim, dim_const(reader->table, a.by)), 1};
}

/* The functions exporters and dim_text write. */
static const struct {
    const char *name;
    enum { FLOOR, CEIL, MIN, MAX, FLOOR_DIV, CEIL_DIV, MOD } meaning;
} function[] = {
    {"floor", FLOOR},
    {"ceil", CEIL},
    {"ceiling", CEIL},
    {"min", MIN},
    {"Min", MIN},
    {"max", MAX},
    {"Max", MAX},
    {"floor_div", FLOOR_DIV},
    {"FloorDiv", FLOOR_DIV},
    {"CleanDiv", FLOOR_DIV},
    {"CeilDiv", CEIL_DIV},
    {"Mod", MOD},
    {"PythonMod", MOD},
    {"IntTrueDiv", FLOOR_DIV},
};
enum { NUM_FUNCTION = sizeof function / sizeof *function };

static Quotient apply(Reader *reader, int meaning, const Quotient *argument, int count)
{
    DimTable *table = reader->table;
    if (meaning == FLOOR || meaning == CEIL) {
        if (count != 1)
            return fail(reader);
        return meaning == FLOOR ? round_down(reader, argument[0]) : round_up(reader, argument[0]);
    }
    if (count < 2)
        return fail(reader);
    Dim *result = argument[0].dim;
    for (int i = 0; i < count; i++) {
        Dim *b = argument[i].dim;
        if (argument[i].by != 1 || (i > 1 && meaning != MIN && meaning != MAX))
            return fail(reader);
        if (i > 0)
            result = meaning == MIN         ? dim_min(table, result, b)
                     : meaning == MAX       ? dim_max(table, result, b)
                     : meaning == FLOOR_DIV ? dim_floor_div(table, result, b)
                     : meaning == CEIL_DIV  ? dim_ceil_div(table, result, b)
                                            : dim_mod(table, result, b);
    }
    return (Quotient){result, 1};
}

static Quotient read_call(Reader *reader, const char *name, size_t length)
{
    Quotient argument[8];
    int count = 0, f = 0;
    while (f < NUM_FUNCTION && (strlen(function[f].name) != length || memcmp(function[f].name, name, length) != 0))
        f++;
    if (f == NUM_FUNCTION)
        return fail(reader);
    int exact = reader->exact;
    reader->exact = function[f].meaning == FLOOR || function[f].meaning == CEIL;
    do
        argument[count++] = read_sum(reader);
    while (count < 8 && accept(reader, ","));
    reader->exact = exact;
    return accept(reader, ")") ? apply(reader, (int)function[f].meaning, argument, count) : fail(reader);
}

static Quotient read_factor(Reader *reader)
{
    skip_spaces(reader);
    const char *start = reader->at;
    if (reader->failed || reader->depth >= MAX_DEPTH)
        return fail(reader);
    Quotient result;
    reader->depth++;
    if (isdigit((unsigned char)*start)) {
        char *end;
        long long value = strtoll(start, &end, 10);
        bool too_long = end - start > 18;
        reader->at = end;
        result = too_long || isalpha((unsigned char)*end) || *end == '_'
                     ? fail(reader)
                     : (Quotient){dim_const(reader->table, value), 1};
    } else if (isalpha((unsigned char)*start) || *start == '_') {
        while (isalnum((unsigned char)*reader->at) || *reader->at == '_' || *reader->at == '.')
            reader->at++;
        size_t length = (size_t)(reader->at - start);
        result = *reader->at == '('
                     ? (reader->at++, read_call(reader, start, length))
                     : (Quotient){dim_symbol(reader->table, arena_strndup(reader->table->arena, start, length)), 1};
    } else if (*start == '-') {
        reader->at++;
        result = read_factor(reader);
        result.dim = dim_sub(reader->table, dim_const(reader->table, 0), result.dim);
    } else if (*start == '(') {
        reader->at++;
        result = read_sum(reader);
        if (!accept(reader, ")"))
            result = fail(reader);
    } else {
        result = fail(reader);
    }
    reader->depth--;
    return result;
}

static Quotient read_power(Reader *reader)
{
    Quotient base = read_factor(reader), power = base;
    if (!accept(reader, "**"))
        return base;
    Quotient exponent = read_factor(reader);
    int64_t n;
    if (!dim_is_const(exponent.dim, &n) || n < 1 || n > 8 || base.by != 1)
        return fail(reader);
    for (; n > 1; n--)
        power.dim = dim_mul(reader->table, power.dim, base.dim);
    return power;
}

static Quotient read_product(Reader *reader)
{
    DimTable *table = reader->table;
    Quotient left = read_power(reader);
    while (!reader->failed) {
        bool is_floor = accept(reader, "//"), is_mod = !is_floor && accept(reader, "%");
        bool is_quotient = !is_floor && !is_mod && accept(reader, "/");
        if (!is_floor && !is_mod && !is_quotient && !accept(reader, "*"))
            break;
        Quotient right = read_power(reader);
        int64_t n;
        if (is_floor || is_mod || (is_quotient && !reader->exact)) {
            if (left.by != 1 || right.by != 1)
                return fail(reader);
            left.dim = is_mod ? dim_mod(table, left.dim, right.dim) : dim_floor_div(table, left.dim, right.dim);
        } else if (is_quotient && dim_is_const(right.dim, &n)) {
            left.dim = dim_mul(table, left.dim, dim_const(table, right.by));
            if (n <= 0 || __builtin_mul_overflow(left.by, n, &left.by))
                return fail(reader);
        } else if (is_quotient) { /* only exact or as the whole argument, where rounding down is meant */
            Dim *quotient = dim_divide_exactly(table, left.dim, right.dim);
            if (left.by != 1 || right.by != 1)
                return fail(reader);
            left.dim = quotient ? quotient : dim_floor_div(table, left.dim, right.dim);
        } else {
            left.dim = dim_mul(table, left.dim, right.dim);
            if (__builtin_mul_overflow(left.by, right.by, &left.by))
                return fail(reader);
        }
    }
    return left;
}

static Quotient read_sum(Reader *reader)
{
    DimTable *table = reader->table;
    Quotient left = read_product(reader);
    while (!reader->failed) {
        skip_spaces(reader);
        char sign = *reader->at;
        if ((sign != '+' && sign != '-') || (sign == '-' && reader->at[-1] != ' '))
            break;
        reader->at++;
        Quotient right = read_product(reader);
        Dim *a = dim_mul(table, left.dim, dim_const(table, right.by));
        Dim *b = dim_mul(table, right.dim, dim_const(table, left.by));
        left.dim = sign == '+' ? dim_add(table, a, b) : dim_sub(table, a, b);
        if (__builtin_mul_overflow(left.by, right.by, &left.by))
            return fail(reader);
    }
    return left;
}

Dim *dim_parse(DimTable *table, const char *text)
{
    int symbols = table->nsymbol;
    Reader reader = {.table = table, .at = text};
    Dim *dim = round_down(&reader, read_sum(&reader)).dim;
    skip_spaces(&reader);
    int64_t value;
    bool is_size = !dim->overflow && !(dim_is_const(dim, &value) && value < 0);
    if (!reader.failed && !*reader.at && is_size)
        return dim;
    symbols_forget(table, symbols);
    return dim_symbol(table, text);
}
