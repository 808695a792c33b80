/* schema.c -- reading operator rows. */
#include "schema.h"
#include <string.h>

static const char *skip_spaces(const char *s)
{
    return s + strspn(s, " \n");
}

/* The text up to one of the characters of `end`, which is not part of it; *cursor moves there. */
static Word take(const char **cursor, const char *end)
{
    const Word word = {*cursor, (int)strcspn(*cursor, end)};
    *cursor += word.length;
    return word;
}

static bool word_is(Word word, const char *text)
{
    return strlen(text) == (size_t)word.length && memcmp(word.text, text, (size_t)word.length) == 0;
}

/* ---- parameters ---- */
static bool parse_parameter(const char **cursor, Parameter *parameter)
{
    *parameter = (Parameter){.name = take(cursor, ": \n")};
    if (**cursor != ':' || !parameter->name.length)
        return false;
    ++*cursor;
    parameter->type = take(cursor, "?* \n");
    for (; **cursor == '?' || **cursor == '*'; ++*cursor)
        *(**cursor == '?' ? &parameter->optional : &parameter->variadic) = true;
    return parameter->type.length > 0;
}

/* Turns types that are variables ("T=int32,int64" after the bar) into their lists. */
static void bind_variables(Schema *schema, const char *constraints)
{
    for (const char *s = skip_spaces(constraints); *s; s = skip_spaces(s)) {
        const Word name = take(&s, "= \n");
        if (*s == '=')
            s++;
        const Word list = take(&s, " \n");
        for (int i = 0; i < schema->nin + schema->nout; i++) {
            Parameter *p = i < schema->nin ? &schema->in[i] : &schema->out[i - schema->nin];
            if (!p->is_variable && p->type.length == name.length &&
                memcmp(p->type.text, name.text, (size_t)name.length) == 0) {
                p->type = list;
                p->is_variable = true;
            }
        }
    }
}

bool schema_parse(const char *text, Schema *schema)
{
    const char *s = skip_spaces(text);
    bool outputs = false;
    memset(schema, 0, sizeof *schema);
    for (; *s && *s != '|'; s = skip_spaces(s)) {
        if (s[0] == '-' && s[1] == '>') {
            outputs = true;
            s += 2;
            continue;
        }
        Parameter *list = outputs ? schema->out : schema->in;
        int *count = outputs ? &schema->nout : &schema->nin;
        if (*count == MAX_PARAMETERS || !parse_parameter(&s, &list[*count]))
            return false;
        *(outputs ? &schema->variadic_out : &schema->variadic_in) |= list[*count].variadic;
        ++*count;
    }
    if (*s == '|')
        bind_variables(schema, s + 1);
    return outputs;
}

/* ---- types ---- */
static bool is_narrow(DType type)
{
    return dtype_info(type)->bits > 0 && dtype_info(type)->bits < 8;
}

static bool class_matches(Word name, DType type)
{
    const DTypeClass class = dtype_info(type)->class;
    const bool plain_float = type == F16 || type == BF16 || type == F32 || type == F64;
    const bool plain_integer = (class == SIGNED || class == UNSIGNED) && !is_narrow(type);
    if (word_is(name, "any"))
        return class != NO_CLASS;
    if (word_is(name, "float"))
        return plain_float;
    if (word_is(name, "float32"))
        return type == F32;
    if (word_is(name, "float8"))
        return type >= F8E4M3FN && type <= F8E5M2FNUZ ? true : type == F8E8M0;
    if (word_is(name, "integer"))
        return plain_integer;
    if (word_is(name, "signed"))
        return plain_integer && class == SIGNED;
    if (word_is(name, "unsigned"))
        return plain_integer && class == UNSIGNED;
    if (word_is(name, "number"))
        return plain_float || plain_integer;
    if (word_is(name, "narrow"))
        return is_narrow(type);
    if (word_is(name, "complex"))
        return class == COMPLEX;
    return type != UNDEFINED && dtype_parse(name.text, (size_t)name.length) == type;
}

static bool kind_matches(Word name, TypeKind kind)
{
    return word_is(name, "value") || (word_is(name, "sequence") && kind == SEQUENCE) ||
           (word_is(name, "optional") && kind == OPTIONAL) || (word_is(name, "map") && kind == MAP);
}

bool schema_type_matches(Word list, const Type *type)
{
    const char *s = list.text, *end = list.text + list.length;
    while (s < end) {
        Word name = {s, 0};
        while (s < end && *s != ',')
            s++, name.length++;
        if (s < end)
            s++;
        if (kind_matches(name, type->kind) || (type->kind == TENSOR && class_matches(name, type->dtype)))
            return true;
    }
    return false;
}

/* ---- attributes ---- */
static AttrKind attribute_kind(Word name)
{
    static const struct {
        const char *name;
        AttrKind kind;
    } kinds[] = {{"int", ATTR_INT},         {"float", ATTR_FLOAT},     {"string", ATTR_STRING}, {"tensor", ATTR_TENSOR},
                 {"graph", ATTR_GRAPH},     {"type", ATTR_TYPE},       {"ints", ATTR_INTS},     {"floats", ATTR_FLOATS},
                 {"strings", ATTR_STRINGS}, {"tensors", ATTR_TENSORS}, {"graphs", ATTR_GRAPHS}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (word_is(name, kinds[i].name))
            return kinds[i].kind;
    return ATTR_REFERENCE; /* no row asks for one: a mistake in the row, which the unit test of all rows finds */
}

bool schema_next_attribute(const char **cursor, AttributeSpec *spec)
{
    const char *s = *cursor ? skip_spaces(*cursor) : "";
    if (!*s)
        return false;
    *spec = (AttributeSpec){.name = take(&s, ": \n")};
    if (*s == ':')
        s++;
    spec->kind = attribute_kind(take(&s, "=? \n"));
    if (*s == '=') {
        s++;
        spec->has_default = true;
        spec->otherwise = take(&s, " \n");
    } else if (*s == '?') {
        s++;
        spec->optional = true;
    }
    *cursor = s;
    return true;
}
