/* schema.h -- the two small languages of operator rows: parameters with their types, and attributes. See struct Op. */
#ifndef SCHEMA_H
#define SCHEMA_H
#include "op.h"

/* Part of a row's text. */
typedef struct {
    const char *text;
    int length;
} Word;

/* One parameter: "rest:T*". */
typedef struct {
    Word name, type; /* the type: a variable or a list of types and classes */
    bool is_variable;
    bool optional, variadic;
} Parameter;

enum { MAX_PARAMETERS = 32 };
typedef struct {
    Parameter in[MAX_PARAMETERS], out[MAX_PARAMETERS];
    int nin, nout;
    bool variadic_in, variadic_out;
} Schema;

/* One attribute: "axis:int=0". */
typedef struct {
    Word name, otherwise; /* otherwise: the default's text; length 0 and has_default false where there is none */
    AttrKind kind;
    bool has_default, optional;
} AttributeSpec;

/* Reads a row's schema. False when the text is not one (a mistake in the row). */
bool schema_parse(const char *text, Schema *schema);
/* Whether a type is among those of a list such as "int32,float". */
bool schema_type_matches(Word list, const Type *type);
/* The attributes of a row one after the other: *cursor starts at op->attributes. False at the end. */
bool schema_next_attribute(const char **cursor, AttributeSpec *spec);
#endif
