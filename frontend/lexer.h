/* lexer.h -- tokens of ONNX text (the syntax of onnx.parser), read by the model parser and by the rule parser.
 *
 * The lexer stands at one token. A copy of the struct is a place to come back to. After the first error every function
 * that reads returns false and the token is TOKEN_END, so that callers may check as late as they like. */
#ifndef LEXER_H
#define LEXER_H
#include "ir.h"

typedef enum { TOKEN_END, TOKEN_NAME, TOKEN_STRING, TOKEN_INTEGER, TOKEN_FLOAT, TOKEN_MARK } TokenKind;
typedef struct {
    TokenKind kind;
    const char *at; /* in the text */
    size_t length;  /* in the text, quotes included */
    int line;
} Token;
typedef struct {
    Context *context;
    const char *file; /* named in errors; NULL: they are about the context's file */
    const char *end;  /* of the token */
    int line;         /* there */
    Token token;
    bool failed;
} Lexer;

/* Stands at the first token of `text`, which must outlive the lexer. Names are [A-Za-z_][A-Za-z0-9_]*, strings stand in
 * double quotes with \ before any character to be taken as it is, numbers have no sign, # begins a comment. Marks are
 * single characters, and => == != <= >= && || ... */
void lexer_start(Lexer *lexer, Context *context, const char *text, const char *file);
void lexer_next(Lexer *lexer);

/* Reports an error at the token, unless there was one; always returns false. */
bool lexer_error(Lexer *lexer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether the token is this mark or this name. accept: then goes on; expect: or else it is an error. */
bool lexer_is(const Lexer *lexer, const char *text);
bool lexer_accept(Lexer *lexer, const char *text);
bool lexer_expect(Lexer *lexer, const char *text);
/* Whether the token after this one is this mark or name. */
bool lexer_next_is(const Lexer *lexer, const char *text);

/* Reads one thing; an error when it is not there. Strings live in the arena. */
bool lexer_name(Lexer *lexer, const char **name);       /* an unquoted name */
bool lexer_identifier(Lexer *lexer, const char **name); /* a name, quoted or not */
bool lexer_string(Lexer *lexer, const char **string);
bool lexer_integer(Lexer *lexer, int64_t *value); /* with an optional minus sign */
bool lexer_unsigned(Lexer *lexer, uint64_t *value);
bool lexer_number(Lexer *lexer, DType precision, double *value); /* rounded once to F32 or F64; inf and nan too */
/* An operator: [domain.]Name[:overload]. */
bool lexer_operator(Lexer *lexer, const char **domain, const char **name, const char **overload);
#endif
