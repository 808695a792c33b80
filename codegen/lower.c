/* lower.c -- the fused graph becomes steps: units of nodes, their elements with inner values substituted, and buffers.
 */
#include "lower.h"
#include "../frontend/frontend.h"
#include "../frontend/ops/expr.h"
#include "../frontend/ops/gnn.h"
#include "../frontend/ops/schema.h"
#include "cuda.h"
#include "simplify.h"
#include <string.h>

/* Nodes that become one step: a group, or a node alone. */
typedef struct Unit Unit;
struct Unit {
    Node *first, *last; /* in the graph's order, last included */
    bool is_group;      /* all it gives comes from one nest */
    const char *name;
    const Node *whole; /* see Step */
    Formula formula;
    Unit *next;
};

/* What a node's output is, while a unit is lowered. */
typedef struct {
    const Element *element;
    int rank;
} Inner;

typedef struct {
    Program *program;
    Context *context;
    const Unit *unit;
    Map *inner;            /* Value -> Inner: computed on the way, by substitution */
    Map *loaded;           /* Value -> Loaded: its elements so far */
    Requirements requires; /* of sizes, by the definitions so far: a step may hold what any of them computes */
} Lowering;

/* ---- units ---- */
static bool is_group(const Node *node)
{
    return node->function && node->function->domain && strcmp(node->function->domain, "o2c") == 0;
}

/* What engines have a kernel for, unlike the operators of our own domains. */
static bool is_composed_onnx(const Node *node)
{
    return node->op && !node->function && node->op->form == FORM_COMPOSED &&
           !model_find_function(context_library(node->graph->context), node->op->domain, node->op->name, "");
}

/* The nodes of a call or a composed operator until only operators with elements, routines and control are left: those
 * from `*begin` to before `end`, the node that followed. */
static bool expand_node(Node *node, Node **begin, const Node *end)
{
    Node *const before = node->prev;
    Graph *const graph = node->graph;
    for (Node *at = node; at != end;) {
        const bool is_call = at->function || at->op->form == FORM_COMPOSED;
        const Graph *body = at->function ? at->function : is_call ? op_body(at) : NULL;
        if (is_call && !body)
            return false;
        if (!body) {
            at = at->next;
            continue;
        }
        Node *start = at->prev;
        node_inline(at, body);
        at = start ? start->next : graph->first;
    }
    *begin = before ? before->next : graph->first;
    return true;
}

static bool find_units(Map *units, Graph *graph);

/* The units of a node's subgraphs: of a decided If only those of the branch taken, the other need not even be valid. */
static bool find_inner_units(Map *units, const Node *node)
{
    const Graph *taken = if_taken(node);
    for (int i = 0; node_subgraph(node, i); i++)
        if ((!taken || node_subgraph(node, i) == taken) && !find_units(units, node_subgraph(node, i)))
            return false;
    return true;
}

/* Puts a group's own nodes in its place: the first of them, and what they say for a comment. */
static Node *open_group(Node *group, const Node *after, Formula *formula)
{
    Graph *const graph = group->graph;
    Node *const before = group->prev;
    node_inline(group, group->function);
    Node *first = before ? before->next : graph->first;
    *formula = formula_new(graph->context->arena, first, after);
    return first;
}

/* The units of a graph and of the graphs inside of it. */
static bool find_units(Map *units, Graph *graph)
{
    Arena *arena = graph->context->arena;
    Unit *first = NULL, **link = &first;
    for (Node *node = graph->first, *after; node; node = after) {
        const bool group = is_group(node);
        const Node *whole = is_composed_onnx(node) ? node : NULL;
        const char *name = node->name;
        Formula formula = {NULL, 0};
        after = node->next;
        Node *begin = group ? open_group(node, after, &formula) : node;
        if (begin != after && !expand_node(begin, &begin, after))
            return false;
        for (Node *at = begin; at != after; at = at->next)
            if (!find_inner_units(units, at))
                return false;
        for (Node *at = begin; at != after;) { /* nothing is left where all outputs were inputs */
            Node *last = !group ? at : after ? after->prev : graph->last;
            Unit *unit = ARENA_NEW(arena, Unit);
            *unit = (Unit){at,    last,
                           group, group || !*at->name ? name : at->name,
                           whole, group ? formula : formula_new(arena, at, at->next),
                           NULL};
            *link = unit;
            link = &unit->next;
            at = last->next;
        }
    }
    if (first)
        map_set(units, graph, first);
    return true;
}

/* ---- buffers ---- */
Buffer *buffer_of(const Program *program, const Value *value)
{
    return map_get(program->buffer_of, value);
}

static Buffer *buffer_new(Program *program, BufferKind kind, Value *value, Names *names, const char *prefix)
{
    Buffer *buffer = ARENA_NEW(program->context->arena, Buffer);
    buffer->kind = kind;
    buffer->value = value;
    buffer->name = name_identifier(names, prefix, value_label(program->context->arena, value));
    buffer->slot = -1;
    if (program->last_buffer)
        program->last_buffer->next = buffer;
    else
        program->buffers = buffer;
    program->last_buffer = buffer;
    if (!buffer_of(program, value))
        share_buffer(program, value, buffer);
    return buffer;
}

void share_buffer(Program *program, Value *value, Buffer *buffer)
{
    map_set(program->buffer_of, value, buffer);
    map_set(program->value_name, value, buffer->name);
}

Value *hidden_value(Program *program, const char *name, Type type, const Tensor *constant)
{
    Value *value = ARENA_NEW(program->context->arena, Value);
    value->name = name;
    value->graph = program->graph;
    value->type = type;
    value->constant = constant;
    need_buffer(program, value);
    return value;
}

Buffer *need_buffer(Program *program, Value *value)
{
    Buffer *buffer = buffer_of(program, value);
    if (buffer)
        return buffer;
    if (value->constant)
        return buffer_new(program, BUFFER_WEIGHT, value, program->names, "");
    return buffer_new(program, BUFFER_WORKSPACE, value, program->names, "");
}

/* ---- definitions ---- */
/* An inner value's element at one place. */
typedef struct Loaded Loaded;
struct Loaded {
    Expr *index[MAX_RANK], *element;
    const Loaded *next;
};

static bool same_index(Expr *const *a, Expr *const *b, int rank)
{
    for (int i = 0; i < rank; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

/* The element of an inner value: the same expression for the same place, since copies of copies would double with every
 * node that reads its operand twice. */
static Expr *load_inner(void *who, Value *value, Expr *const *index)
{
    const Lowering *l = who;
    const Inner *inner = map_get(l->inner, value);
    if (!inner)
        return NULL;
    const Loaded *known = map_get(l->loaded, value);
    for (const Loaded *at = known; at; at = at->next)
        if (same_index(at->index, index, inner->rank))
            return at->element;
    Loaded *loaded = ARENA_NEW(l->context->arena, Loaded);
    for (int i = 0; i < inner->rank; i++)
        loaded->index[i] = index[i];
    loaded->element =
        expr_substitute(l->context, inner->element->body, inner->element->axis, index, inner->rank, NULL, NULL);
    loaded->next = known;
    map_set(l->loaded, value, loaded);
    return loaded->element;
}

static Expr *substituted(Lowering *l, Expr *e)
{
    return e ? expr_substitute(l->context, e, NULL, NULL, 0, load_inner, l) : NULL;
}

/* The element with loads of inner values replaced by what they are. */
static Element resolve(Lowering *l, const Element *element, int rank)
{
    Element resolved = *element;
    resolved.body = substituted(l, element->body);
    if (element->update) {
        Update *update = ARENA_NEW(l->context->arena, Update);
        *update = *element->update;
        update->at = ARENA_ARRAY(l->context->arena, rank, Expr *);
        for (int i = 0; i < rank; i++)
            update->at[i] = substituted(l, element->update->at[i]);
        update->guard = substituted(l, element->update->guard);
        update->value = substituted(l, element->update->value);
        resolved.update = update;
    }
    return resolved;
}

static bool is_in_unit(const Unit *unit, const Node *node)
{
    for (const Node *at = unit->first;; at = at->next) {
        if (at == node)
            return true;
        if (at == unit->last)
            return false;
    }
}

/* Whether only nodes of the unit read the value. */
static bool is_inner(const Unit *unit, const Value *value)
{
    if (value->outputs > 0)
        return false;
    for (int i = 0; i < value->nreader; i++)
        if (value->reader[i]->graph != unit->first->graph || !is_in_unit(unit, value->reader[i]))
            return false;
    return true;
}

/* ---- views ---- */
bool make_view(Program *program, Value *value, const Element *element)
{
    Context *context = program->context;
    if (!element->body || element->update)
        return false;
    Simplifier *simplifier = simplifier_new(context);
    const Expr *load = simplify(simplifier, element->body);
    if (load->kind != E_LOAD || load->u.value->type.dtype != value->type.dtype)
        return false;
    Expr *index[MAX_RANK];
    for (int i = 0; i < value->type.rank; i++) {
        index[i] = expr_axis(context, element->axis[i]);
        if (dim_equals(value->type.dim[i], 1))
            simplifier_replace_axis(simplifier, element->axis[i], expr_index(context, 0));
    }
    Expr *difference =
        expr_arith(context, I_SUB, flat_index(context, load->u.value, load->index), flat_index(context, value, index));
    const Expr *offset = simplify(simplifier, difference);
    Dim *start = expr_dim_of(context, offset);
    if (!start || dim_lower(start) < 0)
        return false;
    Buffer *base = need_buffer(program, load->u.value);
    Buffer *view = buffer_new(program, BUFFER_VIEW, value, program->names, "");
    view->base = base->kind == BUFFER_VIEW ? base->base : base;
    view->offset = base->kind == BUFFER_VIEW ? dim_add(context->dims, base->offset, start) : start;
    return true;
}

/* ---- steps ---- */
Step *step_new(Program *program, StepKind kind, const char *label)
{
    Step *step = ARENA_NEW(program->context->arena, Step);
    step->kind = kind;
    step->origin = label;
    step->label = name_comment(program->context->arena, label);
    step->depth = program->depth;
    step->prev = program->last;
    if (program->last)
        program->last->next = step;
    else
        program->first = step;
    program->last = step;
    return step;
}

/* Notes which operator the step is made for. */
static void set_operator(const Lowering *l, Step *step)
{
    step->whole = l->unit->whole;
    step->formula = l->unit->formula;
    const Node *node = step->whole ? step->whole : l->unit->first == l->unit->last ? l->unit->first : NULL;
    step->op = node ? node->op : NULL;
}

static bool *grow_flags(const Program *program, const bool *flags, int count)
{
    return arena_grow(program->context->arena, flags, (size_t)program->nsymbol, (size_t)count, sizeof *flags);
}

void grow_symbols(Program *program)
{
    const int count = 2 * dim_symbol_count(program->context->dims) + 64;
    if (dim_symbol_count(program->context->dims) <= program->nsymbol)
        return;
    program->is_defined = grow_flags(program, program->is_defined, count);
    program->is_known = grow_flags(program, program->is_known, count);
    program->is_variable = grow_flags(program, program->is_variable, count);
    program->is_used = grow_flags(program, program->is_used, count);
    program->is_unbounded = grow_flags(program, program->is_unbounded, count);
    program->nsymbol = count;
}

static void define_symbol(Program *program, Dim *symbol)
{
    const int index = dim_symbol_index(symbol);
    program->is_variable[index] |= program->is_known[index] || program->depth > 0;
    program->is_defined[index] = program->is_known[index] = true;
}

/* The symbol is read from this element of the value once that is there. */
static void define_size(Program *program, Dim *symbol, Value *value, int64_t number)
{
    if (program->is_defined[dim_symbol_index(symbol)])
        return;
    define_symbol(program, symbol);
    need_buffer(program, value);
    Step *step = step_new(program, STEP_SIZE, value->name);
    step->out[step->nout++] = value;
    step->symbol = symbol;
    step->number = number;
}

/* Symbols that stand for elements of this value: made for it, or known to be what it holds. */
static void define_sizes(Program *program, Value *value)
{
    DimTable *dims = program->context->dims;
    for (int i = 0; i < dim_symbol_count(dims); i++) {
        int element;
        if (dim_fresh_key(dim_symbol_at(dims, i), &element) == value)
            define_size(program, dim_symbol_at(dims, i), value, element);
    }
    const int64_t count = value->element ? small_count(&value->type) : 0;
    for (int64_t i = 0; i < count; i++)
        if (value->element[i] && dim_is_fresh(value->element[i]))
            define_size(program, value->element[i], value, i);
}

/* Whether a node that is no routine has one give it sizes, which reads the value. */
static bool has_sizes_from(const Node *node, const Value *value, const void *key)
{
    for (int i = 1; node == key && node->op->form == FORM_INDEX && i < node->nin; i++)
        if (node->in[i] == value)
            return true;
    return false;
}

/* Whether the program still has to read a size from this value. */
static bool holds_size(const Program *program, const Value *value)
{
    DimTable *dims = program->context->dims;
    for (int i = 0; i < dim_symbol_count(dims); i++) {
        int element;
        const void *key = dim_fresh_key(dim_symbol_at(dims, i), &element);
        if (program->is_defined[i] || !key)
            continue;
        if (key == value)
            return true;
        for (int k = 0; k < value->nreader; k++)
            if (has_sizes_from(value->reader[k], value, key))
                return true;
    }
    const int64_t count = value->element ? small_count(&value->type) : 0;
    for (int64_t i = 0; i < count; i++)
        if (value->element[i] && dim_is_fresh(value->element[i]) &&
            !program->is_defined[dim_symbol_index(value->element[i])])
            return true;
    return false;
}

Step *loops_step_new(Program *program, const char *label)
{
    Step *step = step_new(program, STEP_LOOPS, label);
    step->name = function_identifier(program, name_short(program->context->arena, label));
    return step;
}

void loops_step_add(Program *program, Step *step, Value *value, const Element *element)
{
    need_buffer(program, value);
    step->element[step->nout] = *element;
    step->out[step->nout++] = value;
}

static bool lower_routine(Lowering *l, const Node *node, const Definition *d)
{
    Program *program = l->program;
    Step *step = step_new(program, STEP_ROUTINE, node->name);
    set_operator(l, step);
    step->routine = d->routine;
    if (is_for_cuda(program))
        cuda_routine_memory(program, d->routine);
    dim_require_all(l->context->dims, &step->requires, &l->requires);
    for (int i = 0; i < d->routine->nin; i++)
        if (d->routine->in[i])
            need_buffer(program, d->routine->in[i]);
    for (int i = 0; i < d->routine->nout && i < node->nout; i++) {
        step->out[step->nout++] = node->out[i];
        if (node->out[i])
            need_buffer(program, node->out[i]);
    }
    for (int i = 0; i < d->routine->nsize; i++)
        define_symbol(program, d->routine->size[i]);
    if (d->routine->scratch)
        step->scratch =
            buffer_of(program, hidden_value(program, "scratch", type_tensor(U8, 1, &d->routine->scratch), NULL));
    return true;
}

static bool is_known(const Value *value)
{
    return value && value->constant && !value->is_overridable;
}

/* Whether constants group edges as gnn.Csr does: the edges of v are order[row[v]] to before order[row[v + 1]], and from
 * is their source. */
static bool is_grouping(const Tensor *target, const Tensor *row, const Tensor *order, const Tensor *source,
                        const Tensor *from)
{
    const int64_t edges = order->count, vertices = row->count - 1;
    if (vertices < 0 || target->count != edges || (from && (from->count != edges || source->count != edges)) ||
        tensor_int(row, 0) != 0 || tensor_int(row, vertices) != edges)
        return false;
    for (int64_t v = 0; v < vertices; v++) {
        if (tensor_int(row, v) > tensor_int(row, v + 1) || tensor_int(row, v + 1) > edges)
            return false;
        for (int64_t i = tensor_int(row, v); i < tensor_int(row, v + 1); i++) {
            const int64_t e = tensor_int(order, i);
            if (e < 0 || e >= edges || tensor_int(target, e) != v ||
                (from && tensor_int(source, e) != tensor_int(from, i)))
                return false;
        }
    }
    return true;
}

static bool has_known_edges(const Node *node)
{
    const Value *order = node_input(node, SEGMENT_ORDER), *from = node_input(node, SEGMENT_FROM);
    const Value *source = node_input(node, SEGMENT_SOURCE);
    return is_known(node->in[SEGMENT_TARGET]) && is_known(node->in[SEGMENT_ROW]) && is_known(order) &&
           (!from || (is_known(from) && is_known(source))) &&
           is_grouping(node->in[SEGMENT_TARGET]->constant, node->in[SEGMENT_ROW]->constant, order->constant,
                       from ? source->constant : NULL, from ? from->constant : NULL);
}

/* Nests trust the grouping of edges as far as gnn.Csr has checked it: row, order and from that are not of one such node
 * could lead anywhere, unless they are known. */
static bool has_foreign_edges(const Node *node)
{
    if (!is_grouped_segment(node) || has_known_edges(node))
        return false;
    const Node *csr = node->in[SEGMENT_ROW]->def;
    const Value *from = node_input(node, SEGMENT_FROM);
    if (!csr || !is_csr(csr) || csr->out[CSR_ROW] != node->in[SEGMENT_ROW] || csr->nout <= CSR_ORDER ||
        csr->out[CSR_ORDER] != node_input(node, SEGMENT_ORDER))
        return true;
    return from && (csr->nout <= CSR_FROM || csr->out[CSR_FROM] != from);
}

bool require_tensor(Program *program, const Node *node, const Type *type)
{
    if (type->kind == TENSOR && type->rank >= 0 && type->dtype != STRING && dtype_info(type->dtype)->class != COMPLEX)
        return true;
    return report_add(program->context->report, node, OP_UNSUPPORTED, node->op->name,
                      type->kind == TENSOR && type->rank < 0
                          ? "generated programs need tensors of known rank; verify --evaluator runs it"
                          : "generated programs have no sequences, optionals, strings and complex numbers; verify "
                            "--evaluator runs it");
}

static bool lower_node(Lowering *l, Node *node, Step **loops)
{
    Program *program = l->program;
    Definition d = {.node = node, .context = l->context};
    if (node->op->form == FORM_CONTROL) {
        *loops = NULL;
        return lower_control(program, node);
    }
    if (!op_define(node, &d))
        return false;
    grow_symbols(program);
    dim_require_all(l->context->dims, &l->requires, &d.requires);
    if (has_foreign_edges(node))
        return report_add(l->context->report, node, OP_UNSUPPORTED, node->op->name,
                          "its row, order and from do not group its edges as one gnn.Csr does");
    if (d.routine && !lower_routine(l, node, &d))
        return false;
    if (d.routine && node->op->form == FORM_ROUTINE)
        return true;
    if (d.routine) /* its elements speak of the sizes it gives */
        *loops = NULL;
    if (node->op->form == FORM_ROUTINE)
        return report_add(l->context->report, node, OP_UNSUPPORTED, node->op->name,
                          "generated programs have no strings; verify --evaluator runs it");
    for (int i = 0; i < node->nout; i++) {
        Value *value = node->out[i];
        if (!value || value->constant)
            continue;
        if (!require_tensor(program, node, &value->type))
            return false;
        Element *element = ARENA_NEW(l->context->arena, Element);
        *element = resolve(l, &d.element[i], value->type.rank);
        const bool is_size = holds_size(program, value);
        const bool stays_inside = is_inner(l->unit, value);
        if ((stays_inside || l->unit->is_group) && !element->update && element->body && node != l->unit->last &&
            !is_size) {
            Inner *inner = ARENA_NEW(l->context->arena, Inner);
            *inner = (Inner){element, value->type.rank};
            map_set(l->inner, value, inner);
            if (stays_inside)
                continue;
        }
        if (value->outputs > 0 || !make_view(program, value, element)) {
            if (!*loops || (*loops)->nout == MAX_STEP_OUTPUTS) {
                *loops = loops_step_new(program, *l->unit->name ? l->unit->name : l->unit->last->out[0]->name);
                set_operator(l, *loops);
                (*loops)->is_one_nest = l->unit->is_group;
            }
            dim_require_all(l->context->dims, &(*loops)->requires, &l->requires);
            loops_step_add(program, *loops, value, element);
        }
        if (is_size) { /* what follows may need it: it comes in a later step */
            define_sizes(program, value);
            *loops = NULL;
        }
    }
    return true;
}

static bool lower_unit(Program *program, const Unit *unit)
{
    Arena *arena = program->context->arena;
    Lowering l = {program, program->context, unit, map_new(arena), map_new(arena), {NULL, NULL, NULL}};
    Step *loops = NULL;
    for (Node *node = unit->first;; node = node->next) {
        if (!lower_node(&l, node, &loops))
            return false;
        if (node == unit->last)
            break;
    }
    for (Node *node = unit->first;; node = node->next) {
        for (int i = 0; i < node->nout; i++)
            if (node->out[i])
                define_sizes(program, node->out[i]);
        if (node == unit->last)
            return true;
    }
}

bool lower_graph(Program *program, const Graph *graph)
{
    for (const Unit *unit = map_get(program->units, graph); unit; unit = unit->next)
        if (!lower_unit(program, unit))
            return false;
    return true;
}

/* ---- the interface ---- */
void name_symbol(Program *program, Dim *symbol, const char *name)
{
    if (!map_get(program->symbol_name, symbol))
        map_set(program->symbol_name, symbol, name_identifier(program->names, "", name));
}

/* Exporters count sizes: s77, u0. */
static bool is_counted(Dim *symbol)
{
    const char *name = dim_symbol_name(symbol);
    return name && (name[0] == 's' || name[0] == 'u') && name[1] && strspn(name + 1, "0123456789") == strlen(name + 1);
}

/* What groups edges says which sizes are the numbers of edges and vertices: these get the names the literature has. */
static void name_graph_sizes(Program *program)
{
    DimTable *dims = program->context->dims;
    for (const Node *node = program->graph->first; node; node = node->next) {
        if (!is_csr(node))
            continue;
        Dim *edges = node->in[CSR_TARGET]->type.dim[0];
        Dim *vertices = dim_sub(dims, node->out[CSR_ROW]->type.dim[0], dim_const(dims, 1));
        if (is_counted(edges))
            name_symbol(program, edges, "E");
        if (is_counted(vertices))
            name_symbol(program, vertices, "N");
    }
}

static void add_parameters(Program *program, const Type *type)
{
    DimTable *dims = program->context->dims;
    const int count = dim_symbol_count(dims);
    bool *used = ARENA_ARRAY(program->context->arena, count + 1, bool);
    for (int i = 0; i < type->rank; i++) {
        memset(used, 0, (size_t)count);
        dim_symbols_used(type->dim[i], used);
        for (int s = 0; s < count; s++)
            if (used[s] && !program->is_defined[s]) {
                define_symbol(program, dim_symbol_at(dims, s));
                program->parameter[program->nparameter++] = dim_symbol_at(dims, s);
                name_symbol(program, dim_symbol_at(dims, s), dim_symbol_name(dim_symbol_at(dims, s)));
            }
    }
}

static bool add_inputs(Program *program)
{
    Graph *graph = program->graph;
    for (int i = 0; i < graph->nin; i++)
        if (!graph->in[i]->constant)
            add_parameters(program, &graph->in[i]->type);
    for (int i = 0; i < graph->nin; i++) {
        Value *value = graph->in[i];
        if (value->constant)
            continue;
        if (value->type.kind != TENSOR || value->type.rank < 0 || value->type.dtype == STRING ||
            dtype_info(value->type.dtype)->class == COMPLEX)
            return report_add(program->context->report, NULL, OP_UNSUPPORTED,
                              arena_printf(program->context->arena, "input '%s' of type %s", value->name,
                                           type_text(&value->type, program->context->arena)),
                              "generated programs take tensors of numbers");
        buffer_new(program, BUFFER_INPUT, value, program->names, "");
    }
    for (int i = 0; i < graph->nin; i++)
        if (!graph->in[i]->constant)
            define_sizes(program, graph->in[i]);
    return true;
}

/* An output that is an input, a weight, or an output already: its value is copied. */
static Buffer *copied_output(Program *program, Value *value, const char *name)
{
    Context *context = program->context;
    Value *copy = ARENA_NEW(context->arena, Value);
    copy->name = name;
    copy->graph = program->graph;
    copy->type = value->type;
    Buffer *buffer = buffer_new(program, BUFFER_OUTPUT, copy, program->names, "");
    Step *step = step_new(program, STEP_LOOPS, name);
    step->name = function_identifier(program, arena_printf(context->arena, "copy_%s", name));
    step->out[step->nout++] = copy;
    Expr *index[MAX_RANK];
    Element *element = &step->element[0];
    for (int i = 0; i < value->type.rank; i++) {
        element->axis[i] = axis_dim(context, "i", value->type.dim[i]);
        index[i] = expr_axis(context, element->axis[i]);
    }
    element->body = expr_load(context, value, index);
    need_buffer(program, value);
    return buffer;
}

/* Whether a dimension is none of those that the caller gives or can tell from them. */
static bool has_unknown_size(const Program *program, const Type *type)
{
    DimTable *dims = program->context->dims;
    bool *used = ARENA_ARRAY(program->context->arena, dim_symbol_count(dims) + 1, bool);
    for (int i = 0; i < type->rank; i++)
        dim_symbols_used(type->dim[i], used);
    for (int i = 0; i < program->nparameter; i++)
        used[dim_symbol_index(program->parameter[i])] = false;
    for (int i = 0; i < dim_symbol_count(dims); i++)
        if (used[i])
            return true;
    return false;
}

static void name_shape(Program *program, int output)
{
    const Buffer *buffer = program->output[output];
    if (has_unknown_size(program, &buffer->value->type))
        program->output_shape[output] =
            name_identifier(program->names, "", arena_printf(program->context->arena, "%s_shape", buffer->name));
}

static bool add_outputs(Program *program)
{
    Graph *graph = program->graph;
    program->noutput = graph->nout;
    program->output = ARENA_ARRAY(program->context->arena, graph->nout, Buffer *);
    program->output_shape = ARENA_ARRAY(program->context->arena, graph->nout, const char *);
    for (int i = 0; i < graph->nout; i++) {
        Value *value = graph->out[i];
        if (value->type.kind != TENSOR || value->type.dtype == STRING)
            return report_add(program->context->report, NULL, OP_UNSUPPORTED,
                              arena_printf(program->context->arena, "output '%s' of type %s", value->name,
                                           type_text(&value->type, program->context->arena)),
                              "generated programs give tensors of numbers");
        Buffer *buffer = buffer_of(program, value);
        if (!buffer || buffer->kind != BUFFER_WORKSPACE) {
            program->output[i] = copied_output(program, value, value->name);
        } else {
            buffer->kind = BUFFER_OUTPUT;
            program->output[i] = buffer;
        }
        name_shape(program, i);
    }
    return true;
}

static const char *upper_case(Arena *arena, const char *name)
{
    char *upper = arena_strdup(arena, name);
    for (char *c = upper; *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    return upper;
}

Program *program_new(Model *model, const BuildOptions *options, const RewriteLog *log)
{
    Context *context = model->context;
    Arena *arena = context->arena;
    Map *units = map_new(arena);
    if (!find_units(units, model->graph) || !graph_infer(model->graph))
        return NULL;
    Program *program = ARENA_NEW(arena, Program);
    *program = (Program){.context = context,
                         .model = model,
                         .graph = model->graph,
                         .options = options,
                         .log = log,
                         .prefix = arena_printf(arena, "%s_", options->name),
                         .buffer_of = map_new(arena),
                         .symbol_name = map_new(arena),
                         .value_name = map_new(arena),
                         .packed = map_new(arena),
                         .maximum_name = map_new(arena),
                         .units = units,
                         .parameter = ARENA_ARRAY(arena, dim_symbol_count(context->dims), Dim *),
                         .functions = text_new(arena),
                         .helpers = helpers_new(arena)};
    program->upper = upper_case(arena, program->prefix);
    if (options->target == TARGET_CUDA)
        program->helpers->space = "__host__ __device__ ";
    program->file_names = names_new(arena, NULL);
    program->names = names_new(arena, program->file_names);
    names_avoid(program->names, program->prefix, program->upper);
    grow_symbols(program);
    name_graph_sizes(program);
    find_state(program);
    if (!add_inputs(program) || !lower_graph(program, model->graph) || !add_outputs(program))
        return NULL;
    place_initial_state(program);
    return program;
}
