/* name.h -- the ways model text may enter what we write: in C as an identifier, in a comment, in a string literal; in
 * pictures as XML.
 *
 * Nothing else of a model's text reaches the output (security: names are chosen by whoever wrote the file). */
#ifndef NAME_H
#define NAME_H
#include "../frontend/arena.h"

/* The identifiers taken in one C scope and, through `outer`, in those around it. */
typedef struct Names Names;
Names *names_new(Arena *arena, const Names *outer);
/* No identifier of this scope or one in it begins with `prefix` or `upper`, with which names of other kinds begin. */
void names_avoid(Names *names, const char *prefix, const char *upper);

/* A new identifier for `text`: reduced to letters, digits and underscores, cut at 40 characters, `prefix` put before
 * it, never a word or macro that C, C++ or the headers we include reserve, made unique with _2, _3 ... */
const char *name_identifier(Names *names, const char *prefix, const char *text);

/* Text for the inside of a comment: printable ASCII without star, backslash and question mark, anything else as \xNN;
 * cut at 60 characters. Without a star a slash can end nothing, so paths stay readable. Put a blank before and after
 * it. */
const char *name_comment(Arena *arena, const char *text);

/* Text for the inside of an element of XML: printable ASCII with entities, anything else as a question mark; cut at 60
 * characters. */
const char *name_xml(Arena *arena, const char *text);

/* A model's name without what exporters and clones add to every value: "_output_0", "_output_0_17". */
const char *name_short(Arena *arena, const char *name);

/* A string literal with its quotes: octal escapes for all that is not plain, '?' escaped because of trigraphs. */
const char *name_literal(Arena *arena, const char *text);
#endif
