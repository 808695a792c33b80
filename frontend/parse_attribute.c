/* parse_attribute.c -- attribute values in ONNX text. */
#include "parse.h"
#include <string.h>

static const struct {
    const char *text;
    AttrKind kind;
} kinds[] = {{"int", ATTR_INT},         {"float", ATTR_FLOAT},     {"string", ATTR_STRING}, {"tensor", ATTR_TENSOR},
             {"graph", ATTR_GRAPH},     {"type_proto", ATTR_TYPE}, {"ints", ATTR_INTS},     {"floats", ATTR_FLOATS},
             {"strings", ATTR_STRINGS}, {"tensors", ATTR_TENSORS}, {"graphs", ATTR_GRAPHS}};

static bool read_kind(Lexer *lexer, AttrKind *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (lexer_accept(lexer, kinds[i].text)) {
            *kind = kinds[i].kind;
            return true;
        }
    return lexer_error(lexer, "the kind of an attribute expected");
}

/* ---- single values ---- */

/* A type, or a tensor: they begin alike. */
static bool read_type_or_tensor(AttrReader *reader, Attr *attr)
{
    Lexer *lexer = reader->lexer;
    const char *name = attr->name;
    if (!type_parse(lexer, &attr->type))
        return false;
    bool named = lexer->token.kind == TOKEN_NAME || lexer->token.kind == TOKEN_STRING;
    if (!named && !lexer_is(lexer, "{") && !lexer_is(lexer, "=")) {
        attr->kind = ATTR_TYPE;
        return true;
    }
    if (named && !lexer_identifier(lexer, &name))
        return false;
    lexer_accept(lexer, "=");
    attr->kind = ATTR_TENSOR;
    return tensor_parse(lexer, &attr->type, name, reader->source, &attr->tensor);
}

static bool read_reference(AttrReader *reader, Attr *attr, const AttrKind *stated)
{
    attr->kind = ATTR_REFERENCE;
    if (!lexer_identifier(reader->lexer, &attr->s))
        return false;
    const Attr *otherwise = reader->function ? reader->function->attribute_default : NULL;
    while (otherwise && strcmp(otherwise->name, attr->s) != 0)
        otherwise = otherwise->next;
    bool is_declared = otherwise != NULL;
    for (int i = 0; reader->function && i < reader->function->nattribute; i++)
        is_declared = is_declared || strcmp(reader->function->attribute[i], attr->s) == 0;
    if (!is_declared)
        return lexer_error(reader->lexer, "the function has no attribute '%s'", attr->s);
    if (!stated && !otherwise)
        return lexer_error(reader->lexer, "a reference to '%s' needs its kind", attr->s);
    attr->reference = stated ? *stated : otherwise->kind;
    return true;
}

/* A value of which only its form tells the kind: `wanted`, where it is a single kind, decides between int and float. */
static bool read_value(AttrReader *reader, Attr *attr, AttrKind wanted)
{
    Lexer *lexer = reader->lexer;
    Lexer ahead = *lexer;
    lexer_accept(&ahead, "-");
    bool is_word = ahead.token.kind == TOKEN_NAME;
    bool is_number_word = lexer_is(&ahead, "inf") || lexer_is(&ahead, "infinity") || lexer_is(&ahead, "nan");
    if (lexer->token.kind == TOKEN_STRING) {
        attr->kind = ATTR_STRING;
        if (!lexer_string(lexer, &attr->s))
            return false;
        attr->count = strlen(attr->s);
        return true;
    }
    if (is_word && !is_number_word) {
        if (type_begins(lexer))
            return read_type_or_tensor(reader, attr);
        attr->kind = ATTR_GRAPH;
        return reader->read_graph(reader->who, &attr->graph);
    }
    if (ahead.token.kind == TOKEN_INTEGER && wanted != ATTR_FLOAT) {
        attr->kind = ATTR_INT;
        return lexer_integer(lexer, &attr->i);
    }
    attr->kind = ATTR_FLOAT;
    return lexer_number(lexer, F32, &attr->f);
}

/* ---- lists ---- */

static AttrKind kind_of_items(AttrKind list)
{
    switch (list) {
    case ATTR_INTS:
        return ATTR_INT;
    case ATTR_FLOATS:
        return ATTR_FLOAT;
    case ATTR_STRINGS:
        return ATTR_STRING;
    case ATTR_TENSORS:
        return ATTR_TENSOR;
    case ATTR_GRAPHS:
        return ATTR_GRAPH;
    default:
        return list;
    }
}

static bool list_of(AttrKind item, AttrKind *list)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kind_of_items(kinds[i].kind) == item && kinds[i].kind != item) {
            *list = kinds[i].kind;
            return true;
        }
    return false;
}

static void fill_list(Arena *arena, Attr *attr, const Attr *item)
{
    size_t n = attr->count;
    int64_t *ints = ARENA_ARRAY(arena, attr->kind == ATTR_INTS ? n : 0, int64_t);
    double *floats = ARENA_ARRAY(arena, attr->kind == ATTR_FLOATS ? n : 0, double);
    const void **pointer = ARENA_ARRAY(arena, n, const void *);
    for (size_t i = 0; i < n; i++)
        if (attr->kind == ATTR_INTS)
            ints[i] = item[i].i;
        else if (attr->kind == ATTR_FLOATS)
            floats[i] = item[i].f;
        else
            pointer[i] = attr->kind == ATTR_STRINGS   ? (const void *)item[i].s
                         : attr->kind == ATTR_TENSORS ? (const void *)item[i].tensor
                                                      : (const void *)item[i].graph;
    attr->ints = ints;
    attr->floats = floats;
    attr->strings = (const char *const *)pointer;
    attr->tensors = (const Tensor *const *)pointer;
    attr->graphs = (Graph *const *)pointer;
}

/* The list after its opening bracket. Its kind is the stated one, or follows from the first item. */
static bool read_list(AttrReader *reader, Attr *attr, const AttrKind *stated)
{
    Lexer *lexer = reader->lexer;
    Arena *arena = lexer->context->arena;
    Attr *item = NULL;
    size_t capacity = 0;
    if (stated && kind_of_items(*stated) == *stated)
        return lexer_error(lexer, "a list where the kind is a single value");
    if (!stated && lexer_is(lexer, "]"))
        return lexer_error(lexer, "an empty list needs its kind");
    if (stated)
        attr->kind = *stated;
    while (!lexer_is(lexer, "]")) {
        if (attr->count == capacity) {
            capacity = capacity ? capacity * 2 : 8;
            item = arena_grow(arena, item, attr->count, capacity, sizeof *item);
        }
        Attr *next = &item[attr->count];
        *next = (Attr){.name = attr->name};
        if (!read_value(reader, next, stated || attr->count ? kind_of_items(attr->kind) : ATTR_INT))
            return false;
        if (!attr->count++ && !stated && !list_of(next->kind, &attr->kind))
            return lexer_error(lexer, "a list of things that have none");
        if (next->kind != kind_of_items(attr->kind))
            return lexer_error(lexer, "an item of another kind than its list");
        if (!lexer_accept(lexer, ","))
            break;
    }
    fill_list(arena, attr, item);
    return lexer_expect(lexer, "]");
}

/* ---- attributes ---- */

bool attribute_parse_value(AttrReader *reader, Attr *attr)
{
    Lexer *lexer = reader->lexer;
    AttrKind kind;
    bool is_stated = lexer_accept(lexer, ":");
    if ((is_stated && !read_kind(lexer, &kind)) || !lexer_expect(lexer, "="))
        return false;
    const AttrKind *stated = is_stated ? &kind : NULL;
    if (lexer_accept(lexer, "@"))
        return read_reference(reader, attr, stated);
    if (lexer_accept(lexer, "["))
        return read_list(reader, attr, stated);
    if (!read_value(reader, attr, stated ? kind : ATTR_INT))
        return false;
    return !stated || attr->kind == kind ||
           lexer_error(lexer, "attribute '%s' is of another kind than stated", attr->name);
}
