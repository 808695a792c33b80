/* print.c -- see print.h. */
#include "print.h"
#include "vector.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Helpers *helpers_new(Arena *arena)
{
    Helpers *helpers = ARENA_NEW(arena, Helpers);
    helpers->text = text_new(arena);
    helpers->space = "";
    return helpers;
}

Uses uses_new(Context *context)
{
    const int count = dim_symbol_count(context->dims) + 1;
    return (Uses){.symbol = ARENA_ARRAY(context->arena, count, bool), .hint = ARENA_ARRAY(context->arena, count, bool)};
}

void use_value(Printer *p, const Value *value, bool is_written)
{
    Uses *uses = &p->uses;
    Arena *arena = p->context->arena;
    int i = 0;
    while (i < uses->nvalue && uses->value[i] != value)
        i++;
    if (i == uses->capacity) {
        uses->capacity = 2 * i + 8;
        uses->value = arena_grow(arena, uses->value, (size_t)i, (size_t)uses->capacity, sizeof *uses->value);
        uses->is_written =
            arena_grow(arena, uses->is_written, (size_t)i, (size_t)uses->capacity, sizeof *uses->is_written);
    }
    if (i == uses->nvalue) {
        uses->value[i] = (Value *)value;
        uses->is_written[uses->nvalue++] = false;
    }
    uses->is_written[i] |= is_written;
}

char *print_format(Printer *p, const char *form, ...)
{
    va_list args;
    va_start(args, form);
    char *text = arena_vprintf(p->context->arena, form, args);
    va_end(args);
    return text;
}

const char *print_within(Printer *p, Printed printed, Precedence least)
{
    return printed.precedence >= least ? printed.text : print_format(p, "(%s)", printed.text);
}

/* ---- the precedence of a text ---- */
static const struct {
    const char *operator;
    Precedence precedence;
} operators[] = {{"?", P_CHOICE}, {"||", P_OR},      {"&&", P_AND},     {"==", P_EQUAL},  {"!=", P_EQUAL},
                 {"<<", P_SHIFT}, {">>", P_SHIFT},   {"<=", P_LESS},    {">=", P_LESS},   {"<", P_LESS},
                 {">", P_LESS},   {"|", P_BIT_OR},   {"^", P_BIT_XOR},  {"&", P_BIT_AND}, {"+", P_ADD},
                 {"-", P_ADD},    {"*", P_MULTIPLY}, {"/", P_MULTIPLY}, {"%", P_MULTIPLY}};
enum { NUM_OPERATOR = sizeof operators / sizeof *operators };

/* The operator at `at`, or -1. */
static int operator_at(const char *at)
{
    for (int i = 0; i < NUM_OPERATOR; i++)
        if (strncmp(at, operators[i].operator, strlen(operators[i].operator)) == 0)
            return i;
    return -1;
}

/* The loosest operator outside parentheses; P_UNARY for a cast or a sign, P_POSTFIX for a name, number or call. */
static Precedence precedence_of(const char *text)
{
    Precedence loosest = P_POSTFIX;
    int depth = 0;
    bool after_operand = false;
    for (const char *at = text; *at; at++) {
        if (*at == ' ')
            continue;
        if (*at == '(' || *at == ')') {
            if (*at == ')' && depth == 1 && at[1] && at[1] != ' ' && at[1] != ')' && loosest > P_UNARY &&
                text[0] == '(')
                loosest = P_UNARY; /* (type)operand */
            depth += *at == '(' ? 1 : -1;
            after_operand = *at == ')';
            continue;
        }
        const int found = depth == 0 && !isalnum((unsigned char)*at) && *at != '_' ? operator_at(at) : -1;
        if (found >= 0) {
            const Precedence precedence = after_operand ? operators[found].precedence : P_UNARY;
            loosest = precedence < loosest ? precedence : loosest;
            at += strlen(operators[found].operator) - 1;
            after_operand = false;
            continue;
        }
        if (depth == 0 && (*at == '!' || *at == '~'))
            loosest = P_UNARY < loosest ? P_UNARY : loosest;
        else if (depth == 0)
            after_operand = true;
    }
    return loosest;
}

/* ---- constants ---- */
/* The shortest decimal that reads back as the same number. */
static const char *decimal(Printer *p, double value, bool single)
{
    char text[40];
    for (int digits = 1; digits <= (single ? 9 : 17); digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value)
            break;
    }
    const char *point = strpbrk(text, ".e") ? "" : ".0";
    return print_format(p, "%s%s%s", text, point, single ? "f" : "");
}

static Printed print_const(Printer *p, const Expr *e)
{
    const DTypeInfo *info = dtype_info(e->dtype);
    if (info->class == FLOATING) {
        const bool single = e->dtype != F64;
        if (isnan(e->u.f))
            return (Printed){single ? "NAN" : "(double)NAN", single ? P_POSTFIX : P_UNARY};
        if (isinf(e->u.f))
            return (Printed){print_format(p, "%s%sINFINITY", e->u.f < 0 ? "-" : "", single ? "" : "(double)"), P_UNARY};
        return (Printed){decimal(p, e->u.f, single), signbit(e->u.f) ? P_UNARY : P_POSTFIX};
    }
    if (e->dtype == U64)
        return (Printed){print_format(p, "UINT64_C(%llu)", (unsigned long long)e->u.i), P_POSTFIX};
    if (e->dtype == U32)
        return (Printed){print_format(p, "%lluu", (unsigned long long)(uint32_t)e->u.i), P_POSTFIX};
    if (e->u.i == INT64_MIN)
        return (Printed){"INT64_MIN", P_POSTFIX};
    if (e->u.i == INT32_MIN)
        return (Printed){"INT32_MIN", P_POSTFIX};
    if (e->u.i > INT32_MAX || e->u.i < INT32_MIN)
        return (Printed){print_format(p, "%sINT64_C(%lld)", e->u.i < 0 ? "-" : "", (long long)llabs(e->u.i)), P_UNARY};
    return (Printed){print_format(p, "%lld", (long long)e->u.i), e->u.i < 0 ? P_UNARY : P_POSTFIX};
}

/* ---- small static functions ---- */
static bool is_known(Printer *p, const char *name)
{
    for (const Helper *helper = p->helpers->first; helper; helper = helper->next)
        if (strcmp(helper->name, name) == 0)
            return true;
    Helper *helper = ARENA_NEW(p->context->arena, Helper);
    *helper = (Helper){name, p->helpers->first};
    p->helpers->first = helper;
    return false;
}

/* Adds `static type name(parameters) { return body; }` unless it is there. Returns name. */
static const char *helper(Printer *p, const char *comment, const char *type, const char *name, const char *parameters,
                          const char *body)
{
    if (!is_known(p, name)) {
        Text *text = p->helpers->text;
        if (comment)
            text_line(text, "/* %s */", comment);
        text_line(text, "%sstatic inline %s %s(%s)", p->helpers->space, type, name, parameters);
        text_line(text, "{");
        text_line(text, "    return %s;", body);
        text_line(text, "}");
        text_line(text, "%s", "");
    }
    return name;
}

static const char *index_helper(Printer *p, const char *function)
{
    static const struct {
        const char *name, *comment, *body;
    } table[] = {
        {"min", NULL, "a < b ? a : b"},
        {"max", NULL, "a > b ? a : b"},
        {"floor_div", "a / b rounded down; 0 where b is 0",
         "b == 0 ? 0 : a / b - (a % b != 0 && (a % b < 0) != (b < 0))"},
        {"mod", "a - b * floor(a / b); 0 where b is 0",
         "b == 0 ? 0 : a % b + (a % b != 0 && (a % b < 0) != (b < 0) ? b : 0)"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, function) == 0)
            return helper(p, table[i].comment, "int64_t", print_format(p, "%s%s", p->prefix, function),
                          "int64_t a, int64_t b", table[i].body);
    return function;
}

/* ---- dimensions ---- */
static const char *symbol_text(void *who, Dim *symbol)
{
    Printer *p = who;
    const char *name = map_get(p->symbol_name, symbol);
    p->uses.symbol[dim_symbol_index(symbol)] = true;
    return name ? name : dim_symbol_name(symbol);
}

/* dim_text with C's helpers for its functions, and blanks around operators. */
static Printed printed_dim(Printer *p, Dim *dim)
{
    const char *text = dim_text(dim, p->context->arena, symbol_text, p);
    Text *to = text_new(p->context->arena);
    while (*text) {
        size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
        if (length > 0) {
            const char *word = arena_strndup(p->context->arena, text, length);
            text_string(to, text[length] == '(' ? index_helper(p, word) : word);
            text += length;
        } else {
            text_add(to, *text == '*' || *text == '/' ? " %c " : "%c", *text);
            text++;
        }
    }
    return (Printed){to->data, precedence_of(to->data)};
}

const char *print_dim(Printer *p, Dim *dim)
{
    return printed_dim(p, dim).text;
}

/* ---- scalar functions ---- */
static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool is_operand(const char *text, const char *at)
{
    return *at >= 'a' && *at <= 'c' && !(at > text && is_word(at[-1])) && !is_word(at[1]);
}

static bool has_repeated_operand(const char *text)
{
    int count[3] = {0};
    for (const char *at = text; *at; at++)
        if (is_operand(text, at) && ++count[*at - 'a'] > 1)
            return true;
    return false;
}

/* How tightly an operand must bind beside an operator; compilers ask for parentheses around what stands beside bits. */
static Precedence beside(int operator)
{
    const Precedence precedence = operators[operator].precedence;
    const bool is_bits = precedence == P_BIT_OR || precedence == P_BIT_XOR || precedence == P_BIT_AND;
    return is_bits ? P_UNARY : precedence;
}

/* How tightly an operand at `at` must bind where it stands in the text. */
static Precedence operand_context(const char *text, const char *at)
{
    const char *before = at, *after = at + 1;
    while (before > text && before[-1] == ' ')
        before--;
    while (*after == ' ')
        after++;
    const char p = before > text ? before[-1] : '(', n = *after ? *after : ')';
    if ((p == '(' || p == ',') && (n == ')' || n == ','))
        return before == text && !*after ? P_POSTFIX : P_CHOICE;
    Precedence least = P_POSTFIX;
    const int right = operator_at(after);
    if (right >= 0 && (p == '(' || p == ','))
        return beside(right);
    if (before > text && before < at && operator_at(before - 1) >= 0) {
        least = beside(operator_at(before - 1)); /* right operand: "x - a" */
        least = least == P_UNARY ? P_UNARY : (Precedence)(least + 1);
    }
    return n == ')' || n == ',' || !*after ? least : P_POSTFIX;
}

/* A text of scalar.def with its macros and operands (NULL: left as a, b, c) put in. */
static const char *scalar_text(Printer *p, const char *text, DType dtype, const Printed *operand)
{
    const DTypeInfo *info = dtype_info(dtype);
    const bool single = dtype != F64;
    Text *to = text_new(p->context->arena);
    for (const char *at = text; *at;) {
        if (is_operand(text, at) && operand) {
            text_string(to, print_within(p, operand[*at - 'a'], operand_context(text, at)));
            at++;
        } else if (!is_word(*at) || is_word(at > text ? at[-1] : ' ')) {
            text_add(to, "%c", *at++);
        } else if ((*at == 'M' || *at == 'K') && at[1] == '(') {
            const size_t length = strcspn(at, ")") - 2;
            const char *word = arena_strndup(p->context->arena, at + 2, length);
            if (strncmp(word, "o2c_", 4) == 0) {
                p->helpers->needs_scalar = true;
                word = print_format(p, "%s%s", p->prefix, word + 4);
            }
            text_add(to, "%s%s", word, single ? "f" : "");
            at += length + 3;
        } else if (strncmp(at, "o2c_", 4) == 0) {
            p->helpers->needs_scalar = true;
            text_string(to, p->prefix);
            at += 4;
        } else if ((*at == 'T' || *at == 'U') && !is_word(at[1])) {
            text_add(to, "%s%s", *at == 'U' && info->class == SIGNED ? "u" : "", info->compute);
            at++;
        } else {
            const size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
            text_string(to, arena_strndup(p->context->arena, at, length));
            at += length;
        }
    }
    return to->data;
}

static const char *lower_case(Printer *p, const char *name)
{
    char *lower = print_format(p, "%s", name);
    for (char *c = lower; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return lower;
}

/* The row as a function of its own, for texts that mention an operand twice. */
static const char *scalar_function(Printer *p, const ScalarInfo *info, DType dtype)
{
    const DTypeInfo *type = dtype_info(dtype);
    const char *name = print_format(p, "%s%s_%s", p->prefix, lower_case(p, info->name), lower_case(p, type->name));
    Text *parameters = text_new(p->context->arena);
    for (int i = 0; i < info->arity; i++)
        text_add(parameters, "%s%s %c", i ? ", " : "", type->compute, 'a' + i);
    const char *body = scalar_text(p, info->text, dtype, NULL);
    const char *result = info->gives_bool ? "uint8_t" : type->compute;
    if (info->gives_bool || type->class != FLOATING)
        body = print_format(p, "(%s)(%s)", result, body);
    return helper(p, NULL, result, name, parameters->data, body);
}

/* A function that has an approximation, unless the C library's is wanted; NULL: another one. */
static const char *approximation(Printer *p, const Expr *e)
{
    const char *name = p->exact || e->dtype != F32 ? NULL : approximated_function(e->u.scalar);
    p->helpers->needs_vector |= name != NULL;
    return name ? print_format(p, "%sscalar_%s", p->prefix, name) : NULL;
}

static Printed print_call(Printer *p, const Expr *e)
{
    const char *approximated = approximation(p, e);
    const ScalarInfo *info = scalar_info(e->u.scalar, e->arg[0]->dtype);
    Printed operand[3] = {{"", P_POSTFIX}, {"", P_POSTFIX}, {"", P_POSTFIX}};
    for (int i = 0; i < e->narg; i++)
        operand[i] = print_expression(p, e->arg[i]);
    if (!approximated && !has_repeated_operand(info->text)) {
        const char *text = scalar_text(p, info->text, e->arg[0]->dtype, operand);
        return (Printed){text, precedence_of(text)};
    }
    Text *call = text_new(p->context->arena);
    text_add(call, "%s(", approximated ? approximated : scalar_function(p, info, e->arg[0]->dtype));
    for (int i = 0; i < e->narg; i++)
        text_add(call, "%s%s", i ? ", " : "", operand[i].text);
    text_string(call, ")");
    return (Printed){call->data, P_POSTFIX};
}

/* ---- conversions ---- */
static const char *to_float(Printer *p, DType type, const char *bits)
{
    p->helpers->needs_float = true;
    return print_format(p, "%s%s_to_float(%s)", p->prefix, dtype_info(type)->text, bits);
}

const char *print_from_float(Printer *p, DType type, const char *value, bool is_cast)
{
    p->helpers->needs_float = true;
    const bool saturates = is_cast && type != F16 && type != BF16;
    return print_format(p, "%s%s_%s(%s)", p->prefix, dtype_info(type)->text, saturates ? "saturate" : "from_float",
                        value);
}

/* Floating to integer: NaN is 0, what is too large the greatest value. */
static Printed float_to_integer(Printer *p, DType to, Printed value, DType from)
{
    const DTypeInfo *info = dtype_info(to), *source = dtype_info(from);
    const char *f = from == F64 ? "" : "f";
    const int bits = info->bits;
    const bool is_signed = info->class == SIGNED;
    const char *beyond = print_format(p, "%.1f%s", ldexp(1, is_signed ? bits - 1 : bits), f);
    const char *least = is_signed ? print_format(p, "-%s", beyond) : print_format(p, "0.0%s", f);
    const char *greatest = bits >= 8 ? print_format(p, "%sINT%d_MAX", is_signed ? "" : "U", bits)
                                     : print_format(p, "%d", (1 << (is_signed ? bits - 1 : bits)) - 1);
    const char *smallest = !is_signed  ? "0"
                           : bits >= 8 ? print_format(p, "INT%d_MIN", bits)
                                       : print_format(p, "-%d", 1 << (bits - 1));
    const char *name = print_format(p, "%s%s_from_%s", p->prefix, info->text, source->text);
    const char *body = print_format(p, "a != a ? 0 : a <= %s ? %s : a >= %s ? %s : (%s)a", least, smallest, beyond,
                                    greatest, info->compute);
    helper(p, NULL, info->compute, name, print_format(p, "%s a", source->compute), body);
    return (Printed){print_format(p, "%s(%s)", name, value.text), P_POSTFIX};
}

/* The low bits of an integer as one of 2 or 4 bits. */
static Printed narrow_integer(Printer *p, DType to, Printed value)
{
    const DTypeInfo *info = dtype_info(to);
    const int mask = (1 << info->bits) - 1, sign = 1 << (info->bits - 1);
    const char *name = print_format(p, "%s%s_wrap", p->prefix, info->text);
    const char *body = info->class == SIGNED
                           ? print_format(p, "(int8_t)((int)(a & %d) - 2 * (int)(a & %d))", mask, sign)
                           : print_format(p, "(uint8_t)(a & %d)", mask);
    helper(p, NULL, info->compute, name, "uint64_t a", body);
    return (Printed){print_format(p, "%s((uint64_t)%s)", name, print_within(p, value, P_UNARY)), P_POSTFIX};
}

static Printed print_cast(Printer *p, const Expr *e)
{
    const DType from = e->arg[0]->dtype, to = e->storage;
    const DTypeInfo *info = dtype_info(to);
    const Printed value = print_expression(p, e->arg[0]);
    if (dtype_is_converted(to)) {
        const char *text = value.text;
        if (from == F64) {
            p->helpers->needs_float = true;
            text = print_format(p, "%sfloat_odd(%s)", p->prefix, text);
        } else if (from != F32) {
            text = print_format(p, "(float)%s", print_within(p, value, P_UNARY));
        }
        return (Printed){to_float(p, to, print_from_float(p, to, text, true)), P_POSTFIX};
    }
    if (info->class == BOOLEAN)
        return (Printed){print_format(p, "%s != 0", print_within(p, value, P_LESS)), P_EQUAL};
    if (dtype_is_float(from) && dtype_is_integer(to))
        return float_to_integer(p, to, value, from);
    if (dtype_is_integer(to) && info->bits < 8)
        return narrow_integer(p, to, value);
    return (Printed){print_format(p, "(%s)%s", info->compute, print_within(p, value, P_UNARY)), P_UNARY};
}

/* ---- index arithmetic ---- */
Printed print_binary(Printer *p, Printed a, const char *op, Printed b, Precedence precedence)
{
    const bool mixes = precedence == P_OR; /* compilers ask for parentheses around && in || */
    const char *left = print_within(p, a, mixes && a.precedence == P_AND ? P_POSTFIX : precedence);
    const char *right = print_within(p, b, mixes && b.precedence == P_AND ? P_POSTFIX : precedence + 1);
    return (Printed){print_format(p, "%s %s %s", left, op, right), precedence};
}

static bool is_plain_division(const Printer *p, const Expr *e)
{
    const Range a = expr_range(p->context, e->arg[0]), b = expr_range(p->context, e->arg[1]);
    return a.low && dim_lower(a.low) >= 0 && b.low && dim_lower(b.low) >= 1;
}

static Printed print_index(Printer *p, const Expr *e)
{
    static const struct {
        const char *text; /* of an operator; of a helper where the precedence is P_POSTFIX */
        Precedence precedence;
    } table[] = {[I_ADD] = {"+", P_ADD},       [I_SUB] = {"-", P_ADD},      [I_MUL] = {"*", P_MULTIPLY},
                 [I_DIV] = {"/", P_MULTIPLY},  [I_MOD] = {"%", P_MULTIPLY}, [I_MIN] = {"min", P_POSTFIX},
                 [I_MAX] = {"max", P_POSTFIX}, [I_LESS] = {"<", P_LESS},    [I_LESS_EQUAL] = {"<=", P_LESS},
                 [I_EQUAL] = {"==", P_EQUAL},  [I_AND] = {"&&", P_AND},     [I_OR] = {"||", P_OR},
                 [I_NOT] = {"!", P_UNARY}};
    const IndexOp op = e->u.op;
    const Printed a = print_expression(p, e->arg[0]);
    if (op == I_NOT)
        return (Printed){print_format(p, "!%s", print_within(p, a, P_UNARY)), P_UNARY};
    int64_t constant;
    if (op == I_ADD && expr_is_int(e->arg[1], &constant) && constant < 0 && constant > INT64_MIN) {
        Expr negated = *e->arg[1];
        negated.u.i = -constant;
        return print_binary(p, a, "-", print_const(p, &negated), P_ADD);
    }
    const Printed b = print_expression(p, e->arg[1]);
    const bool divides = op == I_DIV || op == I_MOD;
    if (op == I_MIN || op == I_MAX || (divides && !is_plain_division(p, e))) {
        const char *name = op == I_DIV ? "floor_div" : op == I_MOD ? "mod" : table[op].text;
        return (Printed){print_format(p, "%s(%s, %s)", index_helper(p, name), a.text, b.text), P_POSTFIX};
    }
    return print_binary(p, a, table[op].text, b, table[op].precedence);
}

/* ---- memory ---- */
const char *print_element(Printer *p, const Value *value, Expr *const *index, bool is_written)
{
    if (is_local(value) && value->type.rank == 0)
        return value->name;
    const char *name = is_local(value) ? value->name : p->value_name(p->who, value);
    if (!name)
        report_fatal(p->context->report, NULL, INTERNAL,
                     print_format(p, "value '%s' is read where it has no memory", value->name));
    if (!is_local(value))
        use_value(p, value, is_written);
    return print_format(p, "%s[%s]", name, print_expression(p, flat_index(p->context, value, index)).text);
}

static Printed print_load(Printer *p, const Expr *e)
{
    const Value *value = e->u.value;
    const char *text = print_element(p, value, e->index, false);
    if (!is_local(value) && dtype_is_converted(value->type.dtype))
        text = to_float(p, value->type.dtype, text);
    return (Printed){text, P_POSTFIX};
}

static Printed print_select(Printer *p, const Expr *e)
{
    const Printed condition = print_expression(p, e->arg[0]), a = print_expression(p, e->arg[1]),
                  b = print_expression(p, e->arg[2]);
    return (Printed){print_format(p, "%s ? %s : %s", print_within(p, condition, P_OR), print_within(p, a, P_OR),
                                  print_within(p, b, P_CHOICE)),
                     P_CHOICE};
}

static const char *axis_text(Printer *p, const Axis *axis)
{
    p->has_lane |= axis == p->lane;
    const char *name = map_get(p->axis_name, axis);
    return name ? name : axis->name;
}

Printed print_expression(Printer *p, const Expr *e)
{
    switch (e->kind) {
    case E_CONST:
        return print_const(p, e);
    case E_DIM:
        return printed_dim(p, e->u.dim);
    case E_AXIS:
        return (Printed){axis_text(p, e->u.axis), P_POSTFIX};
    case E_LOAD:
        return print_load(p, e);
    case E_CALL:
        return print_call(p, e);
    case E_INDEX:
        return print_index(p, e);
    case E_CAST:
        return print_cast(p, e);
    case E_SELECT:
        return print_select(p, e);
    case E_WRAP:
    case E_CHECK:
    case E_REDUCE:
        break; /* placed by the nest */
    }
    report_fatal(p->context->report, NULL, INTERNAL, "an expression reached the printer before it was placed");
}
