/* lexer.c -- tokens of ONNX text. */
#include "lexer.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- tokens: each of these finds the end of one that begins at `at` ---- */

static const char *skip_blank(Lexer *lexer, const char *at)
{
    for (;; at++) {
        if (*at == '#')
            while (*at && *at != '\n')
                at++;
        if (!is_space(*at))
            return at;
        lexer->line += *at == '\n';
    }
}

static const char *end_of_name(const char *at)
{
    while (is_letter(*at) || is_digit(*at))
        at++;
    return at;
}

static const char *end_of_digits(const char *at)
{
    while (is_digit(*at))
        at++;
    return at;
}

static const char *end_of_number(const char *at, TokenKind *kind)
{
    *kind = TOKEN_INTEGER;
    at = end_of_digits(at);
    if (*at == '.' && at[1] != '.') {
        *kind = TOKEN_FLOAT;
        at = end_of_digits(at + 1);
    }
    if (*at == 'e' || *at == 'E') {
        const char *exponent = at + 1 + (at[1] == '+' || at[1] == '-');
        if (is_digit(*exponent)) {
            *kind = TOKEN_FLOAT;
            at = end_of_digits(exponent);
        }
    }
    return at;
}

/* NULL when the closing quote is missing. */
static const char *end_of_string(Lexer *lexer, const char *at)
{
    for (at++; *at != '"'; at++) {
        if (*at == '\\')
            at++;
        if (!*at)
            return NULL;
        lexer->line += *at == '\n';
    }
    return at + 1;
}

static const char *end_of_mark(const char *at)
{
    static const char *const longer[] = {"...", "=>", "==", "!=", "<=", ">=", "&&", "||"};
    for (size_t i = 0; i < sizeof longer / sizeof *longer; i++)
        if (strncmp(at, longer[i], strlen(longer[i])) == 0)
            return at + strlen(longer[i]);
    return at + 1;
}

void lexer_next(Lexer *lexer)
{
    const char *at = skip_blank(lexer, lexer->end), *end = at;
    Token token = {.kind = TOKEN_END, .at = at, .line = lexer->line};
    if (lexer->failed) {
        end = at = lexer->end;
    } else if (is_letter(*at)) {
        token.kind = TOKEN_NAME;
        end = end_of_name(at);
    } else if (is_digit(*at)) {
        end = end_of_number(at, &token.kind);
    } else if (*at == '"') {
        token.kind = TOKEN_STRING;
        end = end_of_string(lexer, at);
    } else if (*at) {
        token.kind = TOKEN_MARK;
        end = end_of_mark(at);
    }
    if (!end) {
        lexer->token.line = token.line;
        lexer_error(lexer, "a string without its closing quote");
        return;
    }
    token.length = (size_t)(end - at);
    lexer->token = token;
    lexer->end = end;
}

void lexer_start(Lexer *lexer, Context *context, const char *text, const char *file)
{
    *lexer = (Lexer){.context = context, .file = file, .end = text, .line = 1};
    lexer_next(lexer);
}

bool lexer_error(Lexer *lexer, const char *format, ...)
{
    if (lexer->failed)
        return false;
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(lexer->context->arena, format, args);
    va_end(args);
    if (lexer->file)
        text = arena_printf(lexer->context->arena, "%s (in %s)", text, lexer->file);
    lexer->failed = true;
    lexer->token.kind = TOKEN_END;
    return report_add(lexer->context->report, NULL, SYNTAX, lexer->token.line, text);
}

/* ---- what the token is ---- */

bool lexer_is(const Lexer *lexer, const char *text)
{
    const Token *token = &lexer->token;
    return (token->kind == TOKEN_MARK || token->kind == TOKEN_NAME) && strlen(text) == token->length &&
           memcmp(token->at, text, token->length) == 0;
}

bool lexer_accept(Lexer *lexer, const char *text)
{
    bool is = lexer_is(lexer, text);
    if (is)
        lexer_next(lexer);
    return is;
}

static const char *token_text(const Lexer *lexer)
{
    const Token *token = &lexer->token;
    if (token->kind == TOKEN_END)
        return "the end of the text";
    size_t shown = token->length < 40 ? token->length : 40;
    return arena_printf(lexer->context->arena, "'%s'", arena_strndup(lexer->context->arena, token->at, shown));
}

bool lexer_expect(Lexer *lexer, const char *text)
{
    return lexer_accept(lexer, text) || lexer_error(lexer, "'%s' expected, not %s", text, token_text(lexer));
}

bool lexer_next_is(const Lexer *lexer, const char *text)
{
    const char *at = lexer->end;
    for (; is_space(*at) || *at == '#'; at++)
        if (*at == '#')
            while (at[1] && at[1] != '\n')
                at++;
    size_t length = strlen(text);
    if (strncmp(at, text, length) != 0)
        return false;
    return is_letter(*at) ? end_of_name(at) == at + length : *at != 0 && end_of_mark(at) == at + length;
}

/* ---- reading ---- */

static bool wanted(Lexer *lexer, const char *what)
{
    return lexer_error(lexer, "%s expected, not %s", what, token_text(lexer));
}

bool lexer_name(Lexer *lexer, const char **name)
{
    *name = "";
    if (lexer->token.kind != TOKEN_NAME)
        return wanted(lexer, "a name");
    *name = arena_strndup(lexer->context->arena, lexer->token.at, lexer->token.length);
    lexer_next(lexer);
    return true;
}

bool lexer_string(Lexer *lexer, const char **string)
{
    *string = "";
    if (lexer->token.kind != TOKEN_STRING)
        return wanted(lexer, "a string");
    const char *at = lexer->token.at + 1, *end = lexer->token.at + lexer->token.length - 1;
    char *text = arena_alloc(lexer->context->arena, lexer->token.length), *to = text;
    while (at < end) {
        at += *at == '\\';
        *to++ = *at++;
    }
    *string = text;
    lexer_next(lexer);
    return true;
}

bool lexer_identifier(Lexer *lexer, const char **name)
{
    return lexer->token.kind == TOKEN_STRING ? lexer_string(lexer, name) : lexer_name(lexer, name);
}

bool lexer_unsigned(Lexer *lexer, uint64_t *value)
{
    *value = 0;
    if (lexer->token.kind != TOKEN_INTEGER)
        return wanted(lexer, "an integer");
    for (size_t i = 0; i < lexer->token.length; i++)
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, (uint64_t)(lexer->token.at[i] - '0'), value))
            return lexer_error(lexer, "an integer of more than 64 bits");
    lexer_next(lexer);
    return true;
}

bool lexer_integer(Lexer *lexer, int64_t *value)
{
    *value = 0;
    bool negative = lexer_accept(lexer, "-");
    uint64_t magnitude;
    if (!lexer_unsigned(lexer, &magnitude))
        return false;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return lexer_error(lexer, "an integer of more than 64 bits");
    *value = negative ? (int64_t)-magnitude : (int64_t)magnitude;
    return true;
}

/* The magnitude the token spells, rounded once; false when it is too great. */
static bool token_number(const Lexer *lexer, DType precision, double *value)
{
    char small[64];
    const Token *token = &lexer->token;
    const char *text = small;
    if (token->length < sizeof small) {
        memcpy(small, token->at, token->length);
        small[token->length] = 0;
    } else {
        text = arena_strndup(lexer->context->arena, token->at, token->length);
    }
    *value = precision == F32 ? strtof(text, NULL) : strtod(text, NULL);
    return !isinf(*value);
}

bool lexer_number(Lexer *lexer, DType precision, double *value)
{
    *value = 0;
    bool negative = lexer_accept(lexer, "-");
    if (lexer_is(lexer, "inf") || lexer_is(lexer, "infinity"))
        *value = INFINITY;
    else if (lexer_is(lexer, "nan"))
        *value = NAN;
    else if (lexer->token.kind != TOKEN_INTEGER && lexer->token.kind != TOKEN_FLOAT)
        return wanted(lexer, "a number");
    else if (!token_number(lexer, precision, value))
        return lexer_error(lexer, "a number too great for its type");
    lexer_next(lexer);
    if (negative)
        *value = -*value;
    return true;
}

bool lexer_operator(Lexer *lexer, const char **domain, const char **name, const char **overload)
{
    *domain = *overload = "";
    if (!lexer_name(lexer, name))
        return false;
    while (lexer_accept(lexer, ".")) {
        *domain = **domain ? arena_printf(lexer->context->arena, "%s.%s", *domain, *name) : *name;
        if (!lexer_name(lexer, name))
            return false;
    }
    return !lexer_accept(lexer, ":") || lexer_name(lexer, overload);
}
