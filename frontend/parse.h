/* parse.h -- reading ONNX text: what the parsers of models and of their literals share. */
#ifndef PARSE_H
#define PARSE_H
#include "import.h"
#include "lexer.h"

/* Whether the token begins a type. */
bool type_begins(const Lexer *lexer);
/* A type: "float[N,2]", "float" (a scalar), "float[]" (of any rank), "seq(float[N])", "map(int64, float)" ... An
 * unnamed size becomes a fresh symbol. */
bool type_parse(Lexer *lexer, Type *type);
/* The elements of a tensor of this type, whose sizes must be numbers: in braces, or as a list of keys and values for
 * external data beneath the folder of `source` (NULL: not allowed). `name` is for messages. Types that C does not have
 * are given by their bits, as in onnx.parser, or, with a point or an exponent, by their value. */
bool tensor_parse(Lexer *lexer, const Type *type, const char *name, const Source *source, const Tensor **tensor);

/* What reading an attribute needs of those who read it. */
typedef struct {
    Lexer *lexer;
    const Source *source;                         /* of external data; NULL: not allowed */
    const Graph *function;                        /* whose attributes may be referred to; NULL: none */
    bool (*read_graph)(void *who, Graph **graph); /* a subgraph, not yet owned by a node */
    void *who;
} AttrReader;
/* The kind and value of an attribute, after its name: ": ints = [1, 2]" or "= 1.5". Fills all but name and next. */
bool attribute_parse_value(AttrReader *reader, Attr *attr);

/* The model of a text file; the source may have external data. NULL after errors in the report. */
Model *model_parse_source(const Source *source, const char *text);
#endif
