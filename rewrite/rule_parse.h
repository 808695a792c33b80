/* rule_parse.h -- what the files of the rule parser share; rule_parse.c says what rules look like. */
#ifndef RULE_PARSE_H
#define RULE_PARSE_H
#include "../frontend/lexer.h"
#include "pattern.h"

typedef struct {
    Lexer lexer;
    Context *context;
    Rule *rule;
    int depth;      /* of the term being read */
    int nleft_slot; /* names of the left side; 0: it is not over */
    bool is_never;  /* the line being read, whose sizes may be names */
} Parser;

/* The slot of a name; -1: there is none. The same, made where there is none: false after an error. */
int slot_find(const Rule *rule, const char *name);
bool slot_make(Parser *parser, const char *name, int *slot);

/* A term that begins at the token. */
Term *term_new(Parser *parser, TermKind kind);
/* Reads a term whose operators bind at least as strongly as `level` says: 0 any, 3 sums and products only. NULL after
 * an error. */
Term *parse_term(Parser *parser, int level);
/* Reads terms as a list's or a call's, up to the mark `end`. */
bool parse_arguments(Parser *parser, Term *term, const char *end);

/* Reads what follows `test` or `never`, and appends it to the lines of that kind. */
bool parse_test(Parser *parser, TestLine **end);
#endif
