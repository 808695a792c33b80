/* composed_text.c -- a composed operator's body for one node, from its text in composed.onnxtxt, where the additions to
 * ONNX's syntax are explained. */
#include "../embedded.h"
#include "../frontend.h"
#include "composed.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* A piece of text that is not ended by NUL. */
typedef struct {
    const char *text;
    size_t length;
} Span;

/* The text of an operator, and the node it is filled in for. */
typedef struct {
    const Node *node;
    Context *context;
    Span attributes, inputs, outputs; /* the lists of the header */
    Span body;                        /* the lines between the braces */
    int groups;                       /* how often names with @ are repeated */
    bool failed;
} Body;

/* ---- spans ---- */
static Span span(const char *text, size_t length)
{
    while (length && isspace((unsigned char)*text))
        text++, length--;
    while (length && isspace((unsigned char)text[length - 1]))
        length--;
    return (Span){text, length};
}

static bool span_is(Span a, const char *text)
{
    return a.length == strlen(text) && memcmp(a.text, text, a.length) == 0;
}

static char *span_copy(const Body *body, Span a)
{
    return arena_strndup(body->context->arena, a.text, a.length);
}

/* Takes off what stands before the first `separator` outside parentheses, or all; false at the end. */
static bool span_next(Span *rest, char separator, Span *part)
{
    if (!rest->length)
        return false;
    size_t end = 0;
    for (int depth = 0; end < rest->length && (depth || rest->text[end] != separator); end++)
        depth += (strchr("([", rest->text[end]) != NULL) - (strchr(")]", rest->text[end]) != NULL);
    *part = span(rest->text, end);
    end += end < rest->length;
    *rest = (Span){rest->text + end, rest->length - end};
    return true;
}

static const char *fail(Body *body, const char *what, Span name)
{
    if (!body->failed)
        report_add(body->context->report, body->node, NODE_SHAPE,
                   arena_printf(body->context->arena, "%s: %s", span_copy(body, name), what));
    body->failed = true;
    return "0";
}

/* ---- the node's inputs and attributes ---- */
/* The node's input of this name in the header; *given: it is there. Names with @ are followed by their group's number.
 */
static const Value *find_input(const Body *body, Span name, bool *known)
{
    Span rest = body->inputs, part;
    int slot = 0;
    *known = true;
    while (span_next(&rest, ',', &part)) {
        const bool repeated = part.text[part.length - 1] == '@';
        const size_t length = part.length - repeated;
        if (name.length >= length && memcmp(name.text, part.text, length) == 0) {
            const int group = repeated && name.length > length ? atoi(name.text + length) : 0;
            if (repeated ? name.length > length && isdigit((unsigned char)name.text[length]) : name.length == length)
                return slot + group < body->node->nin ? body->node->in[slot + group] : NULL;
        }
        slot += repeated ? body->groups : 1;
    }
    *known = false;
    return NULL;
}

/* Whether the header has an attribute of this name, and the text of its default (empty: none). */
static bool find_attribute(const Body *body, Span name, Span *otherwise)
{
    Span rest = body->attributes, part;
    while (span_next(&rest, ',', &part)) {
        Span value = part, key;
        span_next(&value, '=', &key);
        const char *colon = memchr(key.text, ':', key.length);
        key = span(key.text, colon ? (size_t)(colon - key.text) : key.length);
        if (key.length == name.length && memcmp(key.text, name.text, key.length) == 0) {
            *otherwise = span(value.text, value.length);
            return true;
        }
    }
    return false;
}

/* An attribute's value as ONNX text. Strings must be plain words: they are compared, and stand between quotes. */
static const char *attribute_text(Body *body, const Attr *attr)
{
    Arena *arena = body->context->arena;
    char *text = "";
    switch (attr->kind) {
    case ATTR_INT:
        return arena_printf(arena, "%lld", (long long)attr->i);
    case ATTR_FLOAT:
        text = arena_printf(arena, "%.9g", attr->f);
        return strpbrk(text, ".en") ? text : arena_printf(arena, "%s.0", text);
    case ATTR_STRING:
        for (size_t i = 0; i < attr->count; i++)
            if (!isalnum((unsigned char)attr->s[i]) && attr->s[i] != '_')
                return fail(body, "has a value that is not known", (Span){attr->name, strlen(attr->name)});
        return attr->s;
    case ATTR_INTS:
        for (size_t i = 0; i < attr->count; i++)
            text = arena_printf(arena, "%s%s%lld", text, i ? ", " : "", (long long)attr->ints[i]);
        return text;
    default:
        return fail(body, "has a kind that is not expected", (Span){attr->name, strlen(attr->name)});
    }
}

static const char *attribute_value(Body *body, Span name)
{
    Span otherwise;
    if (!find_attribute(body, name, &otherwise))
        return fail(body, "no such attribute in the operator's text", name);
    const Attr *attr = attr_find(body->node, span_copy(body, name));
    if (attr)
        return attribute_text(body, attr);
    if (!otherwise.length)
        return fail(body, "the attribute is needed here", name);
    if (strchr("\"[", *otherwise.text)) /* the default without its quotes or brackets */
        otherwise = (Span){otherwise.text + 1, otherwise.length - 2};
    return span_copy(body, otherwise);
}

/* ---- $-forms ---- */
static const char *expand(Body *body, Span text);

static const Value *needed_input(Body *body, Span name)
{
    bool known;
    const Value *value = find_input(body, name, &known);
    if (!value)
        fail(body, known ? "the input is needed here" : "no such input in the operator's text", name);
    return value;
}

/* An integer, or a sum or difference of two, after expansion; attributes may stand for integers. */
static int64_t integer(Body *body, Span text)
{
    Span ignored;
    const char *expanded = find_attribute(body, text, &ignored) ? attribute_value(body, text) : expand(body, text);
    char *end;
    int64_t value = strtoll(expanded, &end, 10);
    if (*end == '-' || *end == '+')
        value += strtoll(end, &end, 10);
    if (*end || end == expanded)
        fail(body, "is not a number", text);
    return value;
}

static const char *list_of_range(Body *body, int64_t low, int64_t high)
{
    char *text = "";
    for (int64_t i = low; i < high && i - low < MAX_RANK; i++)
        text = arena_printf(body->context->arena, "%s%s%lld", text, i > low ? ", " : "", (long long)i);
    return text;
}

static const char *type_form(Body *body, Span first, Span second)
{
    Span ignored;
    if (find_attribute(body, first, &ignored)) {
        if (!second.length || attr_find(body->node, span_copy(body, first))) {
            const DType dtype = dtype_from_number(integer(body, first));
            return dtype == UNDEFINED ? fail(body, "is not the number of an element type", first)
                                      : dtype_info(dtype)->text;
        }
        first = second;
    }
    bool known;
    const Value *value = find_input(body, first, &known);
    return value ? dtype_info(value->type.dtype)->text : "absent";
}

static const char *dimension_form(Body *body, Span name, Span axis_text)
{
    const Value *value = needed_input(body, name);
    const int64_t axis = integer(body, axis_text);
    int64_t size;
    if (!value)
        return "0";
    if (axis < 0 || axis >= value->type.rank || !dim_is_const(value->type.dim[axis], &size))
        return fail(body, "has a dimension that must be known when the model is compiled", name);
    return arena_printf(body->context->arena, "%lld", (long long)size);
}

/* The text that $form(first,second) stands for. */
static const char *form(Body *body, Span name, Span first, Span second)
{
    const Value *value;
    if (span_is(name, "type"))
        return type_form(body, first, second);
    if (span_is(name, "dim"))
        return dimension_form(body, first, second);
    if (span_is(name, "rank"))
        return (value = needed_input(body, first)) ? arena_printf(body->context->arena, "%d", value->type.rank) : "0";
    if (span_is(name, "range")) {
        const int64_t low = integer(body, first);
        return list_of_range(body, low, integer(body, second));
    }
    if (span_is(name, "axes") && (value = needed_input(body, second))) {
        const int64_t axis = integer(body, first), rank = value->type.rank;
        if (axis < -rank || axis >= rank)
            return fail(body, "is not an axis of the input", first);
        return list_of_range(body, axis < 0 ? axis + rank : axis, rank);
    }
    return fail(body, "no such $-form", name);
}

/* What the text at `at`, after a $, stands for; *end: where it ends. */
static const char *expand_one(Body *body, const char *at, const char *limit, const char **end)
{
    const char *name_end = at;
    while (name_end < limit && (isalnum((unsigned char)*name_end) || *name_end == '_'))
        name_end++;
    const Span name = {at, (size_t)(name_end - at)};
    *end = name_end;
    if (name_end == limit || *name_end != '(')
        return span_is(name, "op") ? body->node->op->name : attribute_value(body, name);
    int depth = 1;
    for (at = ++name_end; at < limit && depth; at++)
        depth += (*at == '(') - (*at == ')');
    *end = at;
    Span rest = {name_end, (size_t)(at - name_end - 1)}, first = {"", 0}, second = {"", 0};
    span_next(&rest, ',', &first);
    span_next(&rest, ',', &second);
    return form(body, name, first, second);
}

/* The text with every $-form filled in. Forms nest two deep at most. */
static const char *expand(Body *body, Span text)
{
    const char *at = text.text, *limit = at + text.length;
    char *result = "";
    while (at < limit) {
        const char *dollar = memchr(at, '$', (size_t)(limit - at));
        const size_t plain = (size_t)((dollar ? dollar : limit) - at);
        const char *filled = "";
        result = arena_printf(body->context->arena, "%s%.*s", result, (int)plain, at);
        at += plain;
        if (dollar)
            filled = expand_one(body, dollar + 1, limit, &at);
        result = arena_printf(body->context->arena, "%s%s", result, filled);
    }
    return result;
}

/* ---- conditions ---- */
static const char *operand(Body *body, Span text)
{
    Span ignored;
    return find_attribute(body, text, &ignored) ? attribute_value(body, text) : expand(body, text);
}

static bool is_given(Body *body, Span name)
{
    Span ignored;
    bool known;
    if (find_attribute(body, name, &ignored))
        return attr_find(body->node, span_copy(body, name)) != NULL;
    const Value *value = find_input(body, name, &known);
    if (!known)
        fail(body, "no such name in the operator's text", name);
    return value != NULL;
}

static bool same_text(const char *a, const char *b)
{
    char *end_a, *end_b;
    const double x = strtod(a, &end_a), y = strtod(b, &end_b);
    return *a && *b && !*end_a && !*end_b ? x == y : strcmp(a, b) == 0;
}

static bool term_holds(Body *body, Span term)
{
    for (size_t i = 0; i + 2 < term.length; i++)
        if (term.text[i + 1] == '=' && (term.text[i] == '=' || term.text[i] == '!')) {
            const Span left = span(term.text, i), right = span(term.text + i + 2, term.length - i - 2);
            return same_text(operand(body, left), operand(body, right)) == (term.text[i] == '=');
        }
    if (*term.text == '!')
        return !is_given(body, span(term.text + 1, term.length - 1));
    return is_given(body, term);
}

static bool condition_holds(Body *body, Span condition)
{
    Span all, term;
    while (span_next(&condition, '|', &all)) {
        bool holds = true;
        while (holds && span_next(&all, ',', &term))
            holds = term_holds(body, term);
        if (holds)
            return true;
    }
    return false;
}

/* ---- statements ---- */
/* text with @ replaced by `group`; where nothing is repeated @ is ONNX's. */
static void write_repeated(const Body *body, FILE *to, const char *text, int group)
{
    for (; *text; text++)
        if (*text == '@' && body->groups)
            fprintf(to, "%d", group);
        else
            putc(*text, to);
}

static void write_statement(Body *body, FILE *to, Span line)
{
    const char *comment = memchr(line.text, '#', line.length);
    if (comment) {
        const size_t length = line.length - (size_t)(comment - line.text);
        line = span(line.text, (size_t)(comment - line.text));
        if (length > 5 && memcmp(comment, "# if ", 5) == 0 && !condition_holds(body, span(comment + 5, length - 5)))
            return;
    }
    if (!line.length)
        return;
    if (line.length > 6 && memcmp(line.text, "error ", 6) == 0) {
        fail(body, "is not what the operator wants", (Span){line.text + 6, line.length - 6});
        return;
    }
    const char *text = expand(body, line);
    for (int group = 0; group < (strchr(text, '@') && body->groups ? body->groups : 1); group++) {
        fputs("    ", to);
        write_repeated(body, to, text, group);
        putc('\n', to);
    }
}

/* The names of a header's list, those with @ repeated. */
static void write_names(const Body *body, FILE *to, Span list)
{
    Span part;
    const char *separator = "";
    while (span_next(&list, ',', &part)) {
        const char *name = span_copy(body, part);
        for (int group = 0; group < (strchr(name, '@') ? body->groups : 1); group++) {
            fputs(separator, to);
            write_repeated(body, to, name, group);
            separator = ", ";
        }
    }
}

/* The names of the attributes, for statements that hand them on as @name. */
static void write_attributes(const Body *body, FILE *to)
{
    Span list = body->attributes, part;
    const char *separator = "<";
    for (; span_next(&list, ',', &part); separator = ", ")
        fprintf(to, "%s%.*s", separator, (int)strcspn(span_copy(body, part), ":= "), part.text);
    if (*separator == ',')
        fputs("> ", to);
}

/* ---- finding the text ---- */
/* Whether the header's names hold the operator's; domains but ONNX's own stand before the name. */
static bool names_hold(Span names, const Op *op)
{
    Span part;
    const bool onnx = !*op->domain || strcmp(op->domain, "ai.onnx") == 0;
    const size_t prefix = onnx ? 0 : strlen(op->domain) + 1;
    while (span_next(&names, ',', &part))
        if (part.length == prefix + strlen(op->name) && memcmp(part.text + prefix, op->name, strlen(op->name)) == 0 &&
            (onnx || (memcmp(part.text, op->domain, prefix - 1) == 0 && part.text[prefix - 1] == '.')))
            return true;
    return false;
}

static Span between(const char *text, char open, char close)
{
    const char *begin = strchr(text, open), *end = strchr(begin, close);
    return span(begin + 1, (size_t)(end - begin - 1));
}

/* Headers begin at a line's first column, "Name <attributes> (inputs) => (outputs)", and "{" and "}" have lines of
 * their own; other lines there are comments. */
static bool find_body(Body *body)
{
    for (const char *line = embedded_text("frontend/ops/composed.onnxtxt"); line && *line;
         line = strchr(line, '\n') + 1) {
        if (!isalpha((unsigned char)*line) || !names_hold(span(line, strcspn(line, "<(\n")), body->node->op))
            continue;
        const char *open = strstr(line, "\n{\n"), *close = strstr(line, "\n}\n"), *arrow = strstr(line, ") => (");
        const char *inputs = line + strcspn(line, "<(");
        if (*inputs == '<') {
            body->attributes = between(inputs, '<', '>');
            inputs = strchr(inputs, '>') + 1;
        }
        body->inputs = between(inputs, '(', ')');
        body->outputs = between(arrow + 1, '(', ')');
        body->body = (Span){open + 3, (size_t)(close - open - 2)};
        return true;
    }
    return false;
}

/* How many tensors the variadic inputs hold of each kind. */
static bool count_groups(Body *body)
{
    Span rest = body->inputs, part;
    int plain = 0, repeated = 0;
    while (span_next(&rest, ',', &part))
        *(part.text[part.length - 1] == '@' ? &repeated : &plain) += 1;
    if (!repeated)
        return true;
    body->groups = (body->node->nin - plain) / repeated;
    if (body->groups > 0 && plain + body->groups * repeated == body->node->nin)
        return true;
    return report_add(body->context->report, body->node, NODE_ARITY,
                      arena_printf(body->context->arena, "has %d inputs, wants %d and then %d for each tensor",
                                   body->node->nin, plain, repeated));
}

static const char *composed_text(const Node *node)
{
    Body body = {.node = node, .context = node->graph->context};
    if (!find_body(&body)) {
        report_add(body.context->report, node, OP_UNSUPPORTED, node->op->name, "its body has no text");
        return NULL;
    }
    if (!count_groups(&body))
        return NULL;
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        report_fatal(body.context->report, node, INTERNAL, "out of memory");
    fprintf(to, "<domain: \"o2c.body\", opset_import: [\"\" : %d, \"o2c\" : 1, \"gnn\" : 1]>\n%s ", NEWEST_OPSET,
            node->op->name);
    write_attributes(&body, to);
    fputs("(", to);
    write_names(&body, to, body.inputs);
    fputs(") => (", to);
    write_names(&body, to, body.outputs);
    fputs(")\n{\n", to);
    Span line;
    while (span_next(&body.body, '\n', &line))
        write_statement(&body, to, line);
    fputs("}\n", to);
    fclose(to);
    const char *kept = body.failed ? NULL : arena_strdup(body.context->arena, text);
    free(text);
    return kept;
}

/* Puts the graphs that are attributes of the node where its body applies them. */
static bool apply_graphs(Graph *body, const Node *owner)
{
    for (Node *node = body->first, *next; node; node = next) {
        next = node->next;
        if (strcmp(node->op->name, "Apply") != 0)
            continue;
        const Graph *graph = attr_find(owner, attr_find(node, "body")->s)->graph;
        if (graph->nin != node->nin || graph->nout != node->nout)
            return report_add(body->context->report, owner, NODE_ATTRIBUTE, attr_find(node, "body")->s,
                              "is a graph with another number of inputs or outputs");
        node_inline(node, graph);
    }
    return true;
}

Graph *compose(Node *node)
{
    const char *text = composed_text(node);
    Model *model = text ? model_new(node->graph->context) : NULL;
    if (!model || !functions_parse(model, text))
        return NULL;
    Graph *body = model->function[model->nfunction - 1];
    return apply_graphs(body, node) ? body : NULL;
}
