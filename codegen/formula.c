/* formula.c -- statements of a graph as people write them: y = LeakyRelu(x; alpha 0.2). */
#include "formula.h"
#include "../frontend/ops/schema.h"
#include "name.h"
#include "text.h"
#include <string.h>

enum { MOST_ELEMENTS = 4 }; /* of a constant that is spelt out */

/* Whether the compiler made the name up: v1, v2 ..., as a name of its own or within that of a node. */
static bool is_made_up(const char *name)
{
    return name[0] == 'v' && name[1] && strspn(name + 1, "0123456789") == strlen(name + 1);
}

const char *value_label(Arena *arena, const Value *value)
{
    const Node *node = value->def;
    Schema schema;
    if (!is_made_up(value->name) || !node || !node->op || !node->op->schema || !schema_parse(node->op->schema, &schema))
        return name_short(arena, value->name);
    int output = 0;
    while (node->out[output] != value)
        output++;
    const Parameter *parameter = &schema.out[output < schema.nout ? output : schema.nout - 1];
    return arena_strndup(arena, parameter->name.text, (size_t)parameter->name.length);
}

static const Tensor *constant_of(const Value *value)
{
    const Attr *attr = value->def && value->def->op == op_find("", "Constant") ? attr_find(value->def, "value") : NULL;
    return attr ? attr->tensor : value->constant;
}

/* Whether the constant stands in the text where it is used. */
static bool is_spelt_out(const Tensor *tensor)
{
    const DType dtype = tensor ? tensor->dtype : UNDEFINED;
    return tensor && tensor->count > 0 && tensor->count <= MOST_ELEMENTS &&
           (dtype == F32 || dtype == F64 || dtype == I64 || dtype == I32 || dtype == BOOL);
}

static void add_constant(Text *text, const Tensor *tensor)
{
    text_string(text, tensor->rank ? "[" : "");
    for (int64_t i = 0; i < tensor->count; i++) {
        text_string(text, i ? " " : "");
        if (tensor->dtype == F32)
            text_add(text, "%.6g", (double)*(const float *)tensor_at(tensor, i));
        else if (tensor->dtype == F64)
            text_add(text, "%.6g", *(const double *)tensor_at(tensor, i));
        else
            text_add(text, "%lld", (long long)tensor_int(tensor, i));
    }
    text_string(text, tensor->rank ? "]" : "");
}

/* The statements that are being written. */
typedef struct {
    Arena *arena;
    const Node *first, *end;
} Statements;

static bool is_among(const Statements *statements, const Node *wanted)
{
    for (const Node *node = statements->first; node != statements->end; node = node->next)
        if (node == wanted)
            return true;
    return false;
}

/* Names of inner values begin with those of the nodes around them, which the comment has said. */
static void add_value(Text *text, const Statements *among, const Value *value)
{
    Arena *arena = among->arena;
    if (!value || is_spelt_out(constant_of(value))) {
        if (value)
            add_constant(text, constant_of(value));
        return;
    }
    const char *label = value_label(arena, value), *inner = is_among(among, value->def) ? strrchr(label, '/') : NULL;
    text_string(text, name_comment(arena, inner && inner[1] ? inner + 1 : label));
}

static void add_attribute(Text *text, Arena *arena, const Attr *attr)
{
    if (attr->kind == ATTR_INT)
        text_add(text, " %lld", (long long)attr->i);
    else if (attr->kind == ATTR_FLOAT)
        text_add(text, " %.6g", attr->f);
    else if (attr->kind == ATTR_STRING)
        text_add(text, " %s", name_comment(arena, attr->s));
    for (size_t i = 0; attr->kind == ATTR_INTS && i < attr->count; i++)
        text_add(text, " %lld", (long long)attr->ints[i]);
}

static const char *statement(const Statements *among, const Node *node)
{
    Arena *arena = among->arena;
    Text *text = text_new(arena);
    int count = node->nin;
    while (count > 0 && !node->in[count - 1])
        count--;
    for (int i = 0; i < node->nout; i++) {
        text_string(text, i ? ", " : "");
        add_value(text, among, node->out[i]);
    }
    text_add(text, " = %s(", name_comment(arena, node->function ? node->function->name : node->op->name));
    for (int i = 0; i < count; i++) {
        text_string(text, i ? ", " : "");
        add_value(text, among, node->in[i]);
    }
    const char *separator = "; ";
    for (const Attr *attr = node->attr; attr; attr = attr->next) {
        text_add(text, "%s%s", separator, name_comment(arena, attr->name));
        add_attribute(text, arena, attr);
        separator = ", ";
    }
    text_string(text, ")");
    return text->data;
}

Formula formula_new(Arena *arena, const Node *first, const Node *end)
{
    const Statements among = {arena, first, end};
    Formula formula = {NULL, 0};
    int count = 0;
    for (const Node *node = first; node != end; node = node->next)
        count++;
    formula.line = ARENA_ARRAY(arena, count, const char *);
    for (const Node *node = first; node != end; node = node->next)
        if (node->nout > 0 && node->out[0] && !is_spelt_out(constant_of(node->out[0])))
            formula.line[formula.count++] = statement(&among, node);
    return formula;
}
