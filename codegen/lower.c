/* lower.c -- units of the fused graph become steps: elements with inner values substituted, views, routines. */
#include "lower.h"
#include "../frontend/ops/expr.h"
#include "../frontend/ops/gnn.h"
#include "cuda.h"
#include "simplify.h"
#include "unit.h"
#include <string.h>

/* What a node's output is, as its operator defines it, while a unit is lowered. */
typedef struct {
    Element element;
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

/* The element of an inner value, whose definition may read others: the same expression for the same place, or it would
 * double with every node that reads its operand twice, and with every operand that is read farther on again. */
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
        expr_substitute(l->context, inner->element.body, inner->element.axis, index, inner->rank, load_inner, who);
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
    Buffer *view = buffer_new(program, BUFFER_VIEW, value);
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

static void lower_routine(Lowering *l, const Node *node, const Definition *d)
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

/* Adds a tensor to the step in which those before it were put, or to a new one. */
static void lower_tensor(Lowering *l, Value *value, const Element *element, Step **loops)
{
    if (!*loops || (*loops)->nout == MAX_STEP_OUTPUTS) {
        *loops = loops_step_new(l->program, *l->unit->name ? l->unit->name : l->unit->last->out[0]->name);
        set_operator(l, *loops);
        (*loops)->is_one_nest = l->unit->is_group;
    }
    dim_require_all(l->context->dims, &(*loops)->requires, &l->requires);
    loops_step_add(l->program, *loops, value, element);
}

/* An output becomes an inner value, a view, or a tensor that a step computes. */
static bool lower_output(Lowering *l, const Node *node, Value *value, const Element *defined, Step **loops)
{
    Program *program = l->program;
    if (!require_tensor(program, node, &value->type))
        return false;
    const bool is_size = holds_size(program, value), stays_inside = is_inner(l->unit, value);
    if ((stays_inside || l->unit->is_group) && !defined->update && defined->body && node != l->unit->last && !is_size) {
        Inner *inner = ARENA_NEW(l->context->arena, Inner);
        *inner = (Inner){*defined, value->type.rank};
        map_set(l->inner, value, inner);
        if (stays_inside)
            return true;
    }
    const Element element = resolve(l, defined, value->type.rank);
    if (value->outputs > 0 || !make_view(program, value, &element))
        lower_tensor(l, value, &element, loops);
    if (is_size) { /* what follows may need it: it comes in a later step */
        define_sizes(program, value);
        *loops = NULL;
    }
    return true;
}

static bool lower_node(Lowering *l, Node *node, Step **loops)
{
    Definition d = {.node = node, .context = l->context};
    if (node->op->form == FORM_CONTROL) {
        *loops = NULL;
        return lower_control(l->program, node);
    }
    if (!op_define(node, &d))
        return false;
    grow_symbols(l->program);
    dim_require_all(l->context->dims, &l->requires, &d.requires);
    if (has_foreign_edges(node))
        return report_add(l->context->report, node, OP_UNSUPPORTED, node->op->name,
                          "its row, order and from do not group its edges as one gnn.Csr does");
    if (d.routine) {
        lower_routine(l, node, &d);
        *loops = NULL; /* its elements speak of the sizes it gives */
    }
    if (node->op->form == FORM_ROUTINE)
        return d.routine || report_add(l->context->report, node, OP_UNSUPPORTED, node->op->name,
                                       "generated programs have no strings; verify --evaluator runs it");
    for (int i = 0; i < node->nout; i++)
        if (node->out[i] && !node->out[i]->constant && !lower_output(l, node, node->out[i], &d.element[i], loops))
            return false;
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
