/* rule_parse_terms.c -- names and terms of rules: numbers, sums, comparisons, lists and calls. */
#include "rule_parse.h"
#include <string.h>

enum { MAX_TERM_DEPTH = 32 };

/* ---- names ---- */
int slot_find(const Rule *rule, const char *name)
{
    for (int i = 0; i < rule->nslot; i++)
        if (!strcmp(rule->slot_name[i], name))
            return i;
    return -1;
}

bool slot_make(Parser *parser, const char *name, int *slot)
{
    Rule *const rule = parser->rule;
    *slot = slot_find(rule, name);
    if (*slot >= 0)
        return true;
    if (rule->nslot == MAX_SLOT)
        return lexer_error(&parser->lexer, "a rule has at most %d names", MAX_SLOT);
    *slot = rule->nslot++;
    rule->slot_name[*slot] = name;
    rule->slot_def[*slot] = -1;
    rule->gradient[*slot] = -1;
    return true;
}

/* ---- terms ---- */
Term *term_new(Parser *parser, TermKind kind)
{
    Term *const term = ARENA_NEW(parser->context->arena, Term);
    term->kind = kind;
    term->line = parser->lexer.token.line;
    return term;
}

bool parse_arguments(Parser *parser, Term *term, const char *end)
{
    if (lexer_accept(&parser->lexer, end))
        return true;
    do {
        Term *const argument = parse_term(parser, 0);
        if (!argument)
            return false;
        if (term->narg == (int)(sizeof term->arg / sizeof *term->arg))
            return lexer_error(&parser->lexer, "too many terms in a list");
        term->arg[term->narg++] = argument;
    } while (lexer_accept(&parser->lexer, ","));
    return lexer_expect(&parser->lexer, end);
}

static Term *parse_named(Parser *parser)
{
    const char *name;
    int arity;
    Term *term = term_new(parser, TERM_SLOT);
    if (!lexer_name(&parser->lexer, &name))
        return NULL;
    if (!lexer_accept(&parser->lexer, "(")) {
        term->slot = slot_find(parser->rule, name);
        if (parser->nleft_slot && term->slot >= parser->nleft_slot)
            return lexer_error(&parser->lexer, "'%s' has no value before the right side is built", name) ? term : NULL;
        return term->slot >= 0 || lexer_error(&parser->lexer, "'%s' is not a name of this rule", name) ? term : NULL;
    }
    term->kind = TERM_CALL;
    term->function = term_function(name, &arity);
    if (!term->function) {
        lexer_error(&parser->lexer, "there is no function '%s'", name);
        return NULL;
    }
    if (!parse_arguments(parser, term, ")"))
        return NULL;
    return term->narg == arity || lexer_error(&parser->lexer, "'%s' takes %d arguments", name, arity) ? term : NULL;
}

static Term *parse_primary(Parser *parser);

/* The depth of recursion is bounded here, and with it that of everything that walks a term. */
static Term *parse_nested(Parser *parser)
{
    if (parser->depth == MAX_TERM_DEPTH) {
        lexer_error(&parser->lexer, "a term is nested deeper than %d", MAX_TERM_DEPTH);
        return NULL;
    }
    parser->depth++;
    Term *const term = parse_primary(parser);
    parser->depth--;
    return term;
}

static Term *parse_primary(Parser *parser)
{
    Lexer *const lexer = &parser->lexer;
    Term *term;
    if (lexer_accept(lexer, "(")) {
        term = parse_term(parser, 0);
        return term && lexer_expect(lexer, ")") ? term : NULL;
    }
    if (lexer_accept(lexer, "[")) {
        term = term_new(parser, TERM_LIST);
        return parse_arguments(parser, term, "]") ? term : NULL;
    }
    if (lexer_accept(lexer, "not")) {
        term = term_new(parser, TERM_OPERATOR);
        term->op = O_NOT;
        term->narg = 1;
        return (term->arg[0] = parse_nested(parser)) ? term : NULL;
    }
    if (lexer->token.kind == TOKEN_STRING) {
        term = term_new(parser, TERM_STRING);
        return lexer_string(lexer, &term->s) ? term : NULL;
    }
    if (lexer->token.kind == TOKEN_NAME)
        return parse_named(parser);
    Lexer ahead = *lexer;
    if (lexer_is(&ahead, "-"))
        lexer_next(&ahead);
    if (ahead.token.kind == TOKEN_INTEGER) {
        term = term_new(parser, TERM_INT);
        return lexer_integer(lexer, &term->i) ? term : NULL;
    }
    term = term_new(parser, TERM_FLOAT);
    return lexer_number(lexer, F64, &term->f) ? term : NULL;
}

Term *parse_term(Parser *parser, int level)
{
    static const struct {
        int level;
        const char *mark;
        TermOperator op;
    } row[] = {{0, "||", O_OR}, {1, "&&", O_AND}, {2, "==", O_EQ}, {2, "!=", O_NE}, {2, "<=", O_LE}, {2, ">=", O_GE},
               {2, "<", O_LT},  {2, ">", O_GT},   {3, "+", O_ADD}, {3, "-", O_SUB}, {4, "*", O_MUL}, {4, "/", O_DIV}};
    if (level == 5)
        return parse_nested(parser);
    Term *left = parse_term(parser, level + 1);
    for (int chain = 0; left; chain++) {
        size_t i = 0;
        while (i < sizeof row / sizeof *row && !(row[i].level == level && lexer_accept(&parser->lexer, row[i].mark)))
            i++;
        if (i == sizeof row / sizeof *row)
            break;
        if (chain == MAX_TERM_DEPTH) {
            lexer_error(&parser->lexer, "a term is longer than %d operations", MAX_TERM_DEPTH);
            return NULL;
        }
        Term *const both = term_new(parser, TERM_OPERATOR);
        both->op = row[i].op;
        both->narg = 2;
        both->arg[0] = left;
        both->arg[1] = parse_term(parser, level + 1);
        left = both->arg[1] ? both : NULL;
    }
    return left;
}
