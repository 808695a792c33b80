/* op.c -- the registry of operators, and what a node means: checked against its row, defined by it. */
#include "op.h"
#include "../frontend.h"
#include "../hash.h"
#include "expr.h"
#include "schema.h"
#include <stdlib.h>
#include <string.h>

/* ---- the registry ---- */
#define TOPIC(name) extern const Op ops_##name[];
#include "topics.def"
#undef TOPIC

static const Op *const topic[] = {
#define TOPIC(name) ops_##name,
#include "topics.def"
#undef TOPIC
};

enum { MAX_OPS = 1024, SLOTS = 4 * MAX_OPS };
static Op own[MAX_OPS];           /* the rows, ONNX's own domain spelled "" */
static const Op *sorted[MAX_OPS]; /* by domain and name */
static const Op *slot[SLOTS];     /* by hash, linear probing */
static int nop;

static const char *plain_domain(const char *domain)
{
    return !domain || strcmp(domain, "ai.onnx") == 0 ? "" : domain;
}

static bool is_named(const Op *op, const char *domain, const char *name)
{
    return strcmp(op->name, name) == 0 && strcmp(plain_domain(op->domain), domain) == 0;
}

static const Op **slot_of(const char *domain, const char *name)
{
    for (uint64_t at = hash_word(hash_text(name), hash_text(domain));; at++) {
        const Op **place = &slot[at % SLOTS];
        if (!*place || is_named(*place, domain, name))
            return place;
    }
}

static int by_domain_and_name(const void *a, const void *b)
{
    const Op *x = *(const Op *const *)a, *y = *(const Op *const *)b;
    const int order = strcmp(plain_domain(x->domain), plain_domain(y->domain));
    return order ? order : strcmp(x->name, y->name);
}

static void register_all(void)
{
    if (nop)
        return;
    for (size_t t = 0; t < sizeof topic / sizeof *topic; t++)
        for (const Op *op = topic[t]; op->name && nop < MAX_OPS; op++) {
            const Op **place = slot_of(plain_domain(op->domain), op->name);
            if (*place) { /* the first row counts; a unit test finds the second */
                fprintf(stderr, "onnx2c: operator %s stands in two rows\n", op->name);
                continue;
            }
            own[nop] = *op;
            own[nop].domain = plain_domain(op->domain);
            *place = sorted[nop] = &own[nop];
            nop++;
        }
    qsort(sorted, (size_t)nop, sizeof *sorted, by_domain_and_name);
}

const Op *op_find(const char *domain, const char *name)
{
    register_all();
    return *slot_of(plain_domain(domain), name);
}

bool node_is(const Node *node, const char *domain, const char *name)
{
    return node->op && !node->function && !strcmp(node->op->name, name) &&
           !strcmp(node->op->domain, plain_domain(domain));
}

const Op *const *op_all(int *count)
{
    register_all();
    *count = nop;
    return sorted;
}

/* ---- a node against its row ---- */
static const Parameter *parameter_of(const Schema *schema, int input)
{
    return &schema->in[input < schema->nin ? input : schema->nin - 1];
}

static bool check_arity(const Node *node, const Schema *schema)
{
    Context *context = node->graph->context;
    int least = 0;
    for (int i = 0; i < schema->nin; i++)
        if (!schema->in[i].optional)
            least = i + 1;
    const int most = schema->variadic_in ? node->nin : schema->nin;
    if (node->nin < least || node->nin > most)
        return report_add(context->report, node, NODE_ARITY,
                          arena_printf(context->arena, "it has %d inputs, wants %s%d", node->nin,
                                       least == most       ? ""
                                       : node->nin < least ? "at least "
                                                           : "at most ",
                                       node->nin < least ? least : most));
    for (int i = 0; i < node->nin; i++) {
        const Parameter *p = parameter_of(schema, i);
        if (!node->in[i] && (!p->optional || p->variadic))
            return report_add(
                context->report, node, NODE_ARITY,
                arena_printf(context->arena, "input %d '%.*s' is missing", i, p->name.length, p->name.text));
    }
    if ((node->nout == 0 || !node->out[0]) && schema->nout > 0 && !schema->out[0].optional && !schema->out[0].variadic)
        return report_add(context->report, node, NODE_ARITY,
                          arena_printf(context->arena, "output 0 '%.*s' is missing", schema->out[0].name.length,
                                       schema->out[0].name.text));
    if (node->nout > schema->nout && !schema->variadic_out)
        return report_add(
            context->report, node, NODE_ARITY,
            arena_printf(context->arena, "it has %d outputs, wants at most %d", node->nout, schema->nout));
    return true;
}

static char *type_name(Context *context, const Type *type)
{
    return type->kind == TENSOR ? arena_strdup(context->arena, dtype_info(type->dtype)->text)
                                : type_text(type, context->arena);
}

/* "int32,int64" as "int32 or int64". */
static char *list_text(Context *context, Word list)
{
    char *text = arena_alloc(context->arena, 4 * (size_t)list.length + 1), *to = text;
    for (int i = 0; i < list.length; i++)
        if (list.text[i] == ',')
            to = stpcpy(to, " or ");
        else
            *to++ = list.text[i];
    return text;
}

static bool check_types(const Node *node, const Schema *schema)
{
    Context *context = node->graph->context;
    bool fine = true;
    for (int i = 0; i < node->nin; i++) {
        const Parameter *p = parameter_of(schema, i);
        if (!node->in[i])
            continue;
        const Type *type = &node->in[i]->type;
        if (!schema_type_matches(p->type, type)) {
            fine = report_add(context->report, node, NODE_TYPE, i, node->in[i]->name, type_name(context, type),
                              list_text(context, p->type));
            continue;
        }
        for (int j = 0; p->is_variable && j < i; j++) /* the first input of the variable binds it */
            if (node->in[j] && parameter_of(schema, j)->is_variable &&
                parameter_of(schema, j)->type.text == p->type.text) {
                if (type->kind == TENSOR && node->in[j]->type.dtype != type->dtype)
                    fine = report_add(
                        context->report, node, NODE_TYPE, i, node->in[i]->name, type_name(context, type),
                        arena_printf(context->arena, "%s as input %d is", type_name(context, &node->in[j]->type), j));
                break;
            }
    }
    return fine;
}

static bool check_attributes(const Node *node)
{
    Context *context = node->graph->context;
    bool fine = true;
    AttributeSpec spec;
    for (const Attr *attr = node->attr; attr; attr = attr->next) {
        bool known = false;
        for (const char *cursor = node->op->attributes; !known && schema_next_attribute(&cursor, &spec);)
            known = strlen(attr->name) == (size_t)spec.name.length &&
                    memcmp(attr->name, spec.name.text, (size_t)spec.name.length) == 0;
        const AttrKind kind = attr->kind == ATTR_REFERENCE ? attr->reference : attr->kind;
        if (!known)
            fine = report_add(context->report, node, NODE_ATTRIBUTE, attr->name, "is not one of this operator");
        else if (kind != spec.kind)
            fine = report_add(context->report, node, NODE_ATTRIBUTE, attr->name, "is of the wrong kind");
    }
    for (const char *cursor = node->op->attributes; schema_next_attribute(&cursor, &spec);) {
        char *name = arena_strndup(context->arena, spec.name.text, (size_t)spec.name.length);
        if (!spec.has_default && !spec.optional && !attr_find(node, name))
            fine = report_add(context->report, node, NODE_ATTRIBUTE, name, "is missing");
    }
    return fine;
}

bool op_check(const Node *node)
{
    Context *context = node->graph->context;
    Schema schema;
    if (!schema_parse(node->op->schema, &schema))
        report_fatal(context->report, node, INTERNAL, "the schema of this operator's row cannot be read");
    if (!check_arity(node, &schema))
        return false;
    const bool attributes = check_attributes(node), types = check_types(node, &schema); /* both are reported */
    return attributes && types;
}

/* ---- what a node means ---- */
/* One scalar function over broadcast operands: the inputs, then the attributes. */
static void define_elementwise(Definition *d)
{
    const Op *op = d->node->op;
    Expr *operand[3] = {NULL, NULL, NULL}, *index[MAX_RANK];
    int count = 0;
    const DType dtype = def_dtype(d, 0);
    def_output_broadcast(d, 0, dtype);
    if (d->failed)
        return;
    def_index(d, 0, index);
    for (int i = 0; i < d->node->nin && count < 3; i++)
        operand[count++] = def_load_broadcast(d, i, index, d->node->out[0]->type.rank);
    AttributeSpec spec;
    for (const char *cursor = op->attributes; count < 3 && schema_next_attribute(&cursor, &spec);) {
        char *name = arena_strndup(d->context->arena, spec.name.text, (size_t)spec.name.length);
        const double otherwise = spec.has_default ? strtod(spec.otherwise.text, NULL) : 0;
        operand[count++] = expr_float(d->context, dtype,
                                      spec.kind == ATTR_INT ? (double)attr_int(d->node, name, (int64_t)otherwise)
                                                            : attr_float(d->node, name, otherwise));
    }
    const ScalarInfo *info = scalar_info(op->scalar, dtype_compute(dtype));
    if (!info) {
        def_error(d, "it is not defined for %s", dtype_info(dtype)->text);
        return;
    }
    Expr *body = info->arity == 1   ? expr_call1(d->context, op->scalar, operand[0])
                 : info->arity == 2 ? expr_call2(d->context, op->scalar, operand[0], operand[1])
                                    : expr_call3(d->context, op->scalar, operand[0], operand[1], operand[2]);
    if (info->gives_bool)
        d->node->out[0]->type.dtype = BOOL;
    def_body(d, 0, body);
}

/* Elements are computed in the compute type and become values of the output's type here, and nowhere else. */
static void round_outputs(Definition *d)
{
    for (int i = 0; i < d->node->nout; i++) {
        const DType dtype = d->node->out[i] ? d->node->out[i]->type.dtype : UNDEFINED;
        Element *element = &d->element[i];
        if (!dtype_is_converted(dtype))
            continue;
        if (element->body)
            element->body = expr_cast(d->context, element->body, dtype);
        if (element->update)
            element->update->value = expr_cast(d->context, element->update->value, dtype);
    }
}

/* The elements of small integer outputs, and bounds of all integer outputs. */
static void know_elements(Definition *d, int output)
{
    Value *value = d->node->out[output];
    const Element *element = &d->element[output];
    DimTable *t = d->context->dims;
    const DTypeClass class = value && value->type.kind == TENSOR ? dtype_info(value->type.dtype)->class : NO_CLASS;
    if (!element->body || element->update || (class != SIGNED && class != UNSIGNED && class != BOOLEAN))
        return;
    const Range range = class == BOOLEAN ? (Range){NULL, NULL} : expr_range(d->context, element->body);
    if (range.low && range.high && dim_lower(range.low) >= 0)
        value->bound = dim_add(t, range.high, dim_const(t, 1));
    const int64_t count = small_count(&value->type);
    Dim **known = ARENA_ARRAY(d->context->arena, count > 0 ? count : 1, Dim *);
    bool any = count == 0;
    for (int64_t number = 0; number < count; number++) {
        int64_t at[MAX_RANK], rest = number, size;
        for (int k = value->type.rank - 1; k >= 0; k--) {
            dim_is_const(value->type.dim[k], &size);
            at[k] = rest % size;
            rest /= size;
        }
        known[number] = expr_as_dim(d->context, element->body, element->axis, at, value->type.rank);
        if (!known[number] && value->element && value->element[number] && dim_is_fresh(value->element[number]))
            known[number] = value->element[number]; /* a size that a reader gave a name, see value_size */
        any |= known[number] != NULL;
    }
    value->element = any ? known : NULL;
}

/* A composed operator or a call of a function: what its body gives. */
static bool define_by_body(Node *node, Definition *definition)
{
    Graph *expanded = node_expand(node);
    if (!expanded || !graph_infer(expanded))
        return false;
    definition->requires = expanded->requires;
    for (int i = 0; i < node->nout; i++) {
        const Value *from = expanded->out[i];
        if (!node->out[i])
            continue;
        node->out[i]->type = from->type;
        node->out[i]->bound = from->bound;
        node->out[i]->element = from->element;
        node->out[i]->constant = from->constant;
    }
    return true;
}

bool op_define(Node *node, Definition *definition)
{
    Context *context = node->graph->context;
    *definition =
        (Definition){.node = node, .context = context, .element = ARENA_ARRAY(context->arena, node->nout, Element)};
    if (node->function || node->op->form == FORM_COMPOSED)
        return (node->function || op_check(node)) && define_by_body(node, definition);
    if (!op_check(node))
        return false;
    if (node->op->form == FORM_ELEMENTWISE)
        define_elementwise(definition);
    else
        node->op->define(definition);
    if (definition->failed)
        return false;
    round_outputs(definition);
    for (int i = 0; i < node->nout; i++)
        know_elements(definition, i);
    return true;
}

/* ---- bodies ---- */
Graph *op_body(Node *node)
{
    return node->op->compose ? node->op->compose(node) : NULL;
}

Graph *node_expand(Node *node)
{
    Context *context = node->graph->context;
    const Graph *body = node->function ? node->function : op_body(node);
    if (!body) {
        report_add(context->report, node, OP_UNSUPPORTED, node->op->name, "it has no body for these inputs");
        return NULL;
    }
    Graph *graph = graph_new(node->graph->model, node->name);
    Node *call = node_new(graph, node->op, node->name, NULL);
    call->function = node->function;
    for (int i = 0; i < node->nin; i++) {
        if (!node->in[i]) {
            node_add_input(call, NULL);
            continue;
        }
        Value *in = graph_add_input(graph, "", node->in[i]->type);
        in->constant = node->in[i]->constant;
        in->element = node->in[i]->element;
        in->bound = node->in[i]->bound;
        node_add_input(call, in);
    }
    for (const Attr *attr = node->attr; attr; attr = attr->next)
        attr_copy(call, attr);
    for (int i = 0; i < node->nout; i++)
        graph_add_output(graph, node_add_output(call, ""));
    node_inline(call, body);
    return graph;
}
