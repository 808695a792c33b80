/* control.c -- If, Loop and Scan become blocks of steps.
 *
 * A branch writes the outputs of its If. A loop's states live in one place each: they are there before the first trip,
 * every trip reads them there and puts the next ones there when it is done with the old, and there they are after the
 * last. Sizes that change with them are symbols that get a new value when the states do. So is the number of trips
 * begun, by which scan inputs and outputs are indexed. */
#include "../frontend/ops/expr.h"
#include "lower.h"
#include <string.h>

/* ---- blocks ---- */
/* Which sizes are defined: what is found out inside of a block does not hold behind it. */
typedef struct {
    bool *is_defined;
    int count;
} Known;

static Known known_now(const Program *program)
{
    Known known = {ARENA_ARRAY(program->context->arena, program->nsymbol + 1, bool), program->nsymbol};
    memcpy(known.is_defined, program->is_defined, (size_t)known.count);
    return known;
}

static void forget(Program *program, const Known *known)
{
    memset(program->is_defined, 0, (size_t)program->nsymbol);
    memcpy(program->is_defined, known->is_defined, (size_t)known->count);
}

static Step *open_block(Program *program, StepKind kind, const Node *node)
{
    Step *open = step_new(program, kind, *node->name ? node->name : node->op->name);
    program->depth++;
    return open;
}

static void close_block(Program *program, Step *open, const Known *known)
{
    step_new(program, STEP_END, "")->open = open;
    program->depth--;
    forget(program, known);
}

/* ---- sizes and tensors ---- */
static void set_size(Program *program, Dim *symbol, Dim *size)
{
    grow_symbols(program);
    const int index = dim_symbol_index(symbol);
    program->is_defined[index] = program->is_known[index] = program->is_variable[index] = true;
    Step *step = step_new(program, STEP_SIZE, "");
    step->symbol = symbol;
    step->size = size;
}

/* The dimensions of `to` that `from` gives another size are symbols: they get it. */
static void set_sizes(Program *program, const Type *to, const Type *from)
{
    for (int i = 0; i < to->rank; i++)
        if (to->dim[i] != from->dim[i])
            set_size(program, to->dim[i], from->dim[i]);
}

static void copy(Program *program, Value *to, Value *from)
{
    if (need_buffer(program, from) == need_buffer(program, to))
        return;
    Step *step = step_new(program, STEP_COPY, from->name);
    step->in[0] = from;
    step->out[step->nout++] = to;
}

/* Whether a value of the second type surely fits where one of the first has its place: the caller did not have to say
 * how much room there is. */
static bool surely_fits(const Program *program, const Type *place, const Type *type)
{
    DimTable *dims = program->context->dims;
    for (int i = 0; i < type->rank; i++)
        if (place->dim[i] != type->dim[i] && dim_limit(dims, place->dim[i]) == place->dim[i])
            return false;
    return true;
}

/* A value of a subgraph is written right where it is wanted, if it is the subgraph's own to write. */
static void write_to(Program *program, const Graph *body, Value *value, Value *wanted)
{
    if (surely_fits(program, &wanted->type, &value->type) && value->graph == body && value->def && !value->constant &&
        value->outputs == 1 && !buffer_of(program, value))
        share_buffer(program, value, need_buffer(program, wanted));
}

static bool require_tensors(Program *program, const Node *node, Value *const *value, int count)
{
    for (int i = 0; i < count; i++)
        if (value[i] && !require_tensor(program, node, &value[i]->type))
            return false;
    return true;
}

/* ---- If ---- */
static bool lower_branch(Program *program, const Node *node, const Graph *branch)
{
    for (int i = 0; i < node->nout; i++)
        if (node->out[i])
            write_to(program, branch, branch->out[i], node->out[i]);
    if (!lower_graph(program, branch))
        return false;
    for (int i = 0; i < node->nout; i++)
        if (node->out[i])
            copy(program, node->out[i], branch->out[i]);
    for (int i = 0; i < node->nout; i++)
        if (node->out[i])
            set_sizes(program, &node->out[i]->type, &branch->out[i]->type);
    return true;
}

static bool lower_if(Program *program, Node *node)
{
    const Graph *taken = if_taken(node);
    if (taken)
        return lower_branch(program, node, taken);
    Step *open = open_block(program, STEP_IF, node);
    open->node = node;
    open->in[0] = node->in[0];
    need_buffer(program, node->in[0]);
    const Known known = known_now(program);
    if (!lower_branch(program, node, attr_find(node, "then_branch")->graph))
        return false;
    forget(program, &known);
    step_new(program, STEP_ELSE, "")->open = open;
    if (!lower_branch(program, node, attr_find(node, "else_branch")->graph))
        return false;
    const Known inside = known_now(program);
    close_block(program, open, &known);
    for (int i = 0; i < node->nout; i++) /* both branches have set these */
        for (int k = 0; node->out[i] && k < node->out[i]->type.rank; k++)
            if (dim_is_fresh(node->out[i]->type.dim[k])) {
                const int index = dim_symbol_index(node->out[i]->type.dim[k]);
                program->is_defined[index] = inside.is_defined[index];
            }
    return true;
}

/* ---- Loop and Scan ---- */
typedef struct {
    Program *program;
    const Node *node;
    Graph *body;
    int states;
    int first_in;  /* the first state among the node's and the body's inputs ... */
    int first_out; /* ... and among the body's outputs */
    Dim *trips;    /* the number of trips begun; within a trip one more than its own number */
    Step *open;
    Known outside;
} Loop;

static void add_state(Loop *l, Value *value, Dim *symbol)
{
    LoopState *state = ARENA_NEW(l->program->context->arena, LoopState);
    *state = (LoopState){value, symbol, l->open->state};
    l->open->state = state;
}

static Value *state_in(const Loop *l, int i)
{
    return l->body->in[l->first_in + i];
}

static Value *state_out(const Loop *l, int i)
{
    return l->body->out[l->first_out + i];
}

/* The states are put in their places, which they share with the node's outputs. */
static void begin_states(Loop *l)
{
    Program *program = l->program;
    for (int i = 0; i < l->states; i++) {
        Value *state = state_in(l, i), *initial = l->node->in[l->first_in + i];
        if (l->node->out[i])
            share_buffer(program, state, need_buffer(program, l->node->out[i]));
        copy(program, state, initial);
        set_sizes(program, &state->type, &initial->type);
    }
    set_size(program, l->trips, dim_const(program->context->dims, 0));
}

static void open_loop(Loop *l, Dim *length)
{
    l->open = open_block(l->program, STEP_LOOP, l->node);
    l->open->node = l->node;
    l->open->symbol = l->trips;
    l->open->size = length;
    add_state(l, NULL, l->trips);
    for (int i = 0; i < l->states; i++) {
        const Type *in = &state_in(l, i)->type, *out = &state_out(l, i)->type;
        add_state(l, state_in(l, i), NULL);
        for (int k = 0; k < in->rank; k++)
            if (in->dim[k] != out->dim[k])
                add_state(l, NULL, in->dim[k]);
    }
    l->outside = known_now(l->program);
}

static bool is_place_of_state(const Loop *l, const Buffer *buffer)
{
    for (const LoopState *state = l->open->state; state; state = state->next)
        if (state->value && buffer_of(l->program, state->value) == buffer)
            return true;
    return false;
}

/* What the next trip is to find in a state's place: a copy where it lies in some state's place itself, which will have
 * been overwritten. */
static Value *next_state(Loop *l, Value *state, Value *next)
{
    Program *program = l->program;
    const Buffer *buffer = need_buffer(program, next);
    const bool is_same = buffer == buffer_of(program, state);
    if (is_same || !is_place_of_state(l, buffer->kind == BUFFER_VIEW ? buffer->base : buffer))
        return next;
    Value *safe = hidden_value(program, next->name, next->type, NULL);
    copy(program, safe, next);
    return safe;
}

/* New sizes are computed from the old ones, so where there are several all of them before the first is set. */
static void set_state_sizes(Loop *l)
{
    Program *program = l->program;
    Dim **symbol = ARENA_ARRAY(program->context->arena, l->states * MAX_RANK, Dim *);
    Dim **next = ARENA_ARRAY(program->context->arena, l->states * MAX_RANK, Dim *);
    int count = 0;
    for (int i = 0; i < l->states; i++) {
        const Type *in = &state_in(l, i)->type, *out = &state_out(l, i)->type;
        for (int k = 0; k < in->rank; k++)
            if (in->dim[k] != out->dim[k]) {
                symbol[count] = in->dim[k];
                next[count++] = out->dim[k];
            }
    }
    for (int i = 0; i < count && count > 1; i++) {
        Dim *computed = dim_fresh(program->context->dims, symbol[i], 0, symbol[i]);
        set_size(program, computed, next[i]);
        next[i] = computed;
    }
    for (int i = 0; i < count; i++)
        set_size(program, symbol[i], next[i]);
}

static void end_states(Loop *l, Value *condition)
{
    Program *program = l->program;
    Value **next = ARENA_ARRAY(program->context->arena, l->states + 1, Value *);
    if (condition)
        next[l->states] = next_state(l, condition, l->body->out[0]);
    for (int i = 0; i < l->states; i++)
        next[i] = next_state(l, state_in(l, i), state_out(l, i));
    if (condition)
        copy(program, condition, next[l->states]);
    for (int i = 0; i < l->states; i++)
        copy(program, state_in(l, i), next[i]);
    set_state_sizes(l);
    close_block(program, l->open, &l->outside);
}

/* ---- what is scanned ---- */
/* This trip's place along an axis of `length`. */
static Expr *trip_index(const Loop *l, Dim *length, bool backwards)
{
    DimTable *dims = l->program->context->dims;
    Dim *number = dim_sub(dims, l->trips, dim_const(dims, 1));
    return expr_dim(l->program->context, backwards ? dim_sub(dims, length, l->trips) : number);
}

/* The axes of a value, and in `index` those of a tensor that has `number` put in before `axis`. */
static void slice_axes(Context *context, const Type *slice, int axis, Expr *number, Axis **axes, Expr **index)
{
    for (int i = 0; i < slice->rank; i++) {
        axes[i] = axis_dim(context, "i", slice->dim[i]);
        index[i + (i >= axis)] = expr_axis(context, axes[i]);
    }
    index[axis] = number;
}

static void scan_input(Loop *l, Value *slice, Value *whole, int axis, bool backwards)
{
    Element element = {.body = NULL};
    Expr *index[MAX_RANK];
    slice_axes(l->program->context, &slice->type, axis, trip_index(l, whole->type.dim[axis], backwards), element.axis,
               index);
    element.body = expr_load(l->program->context, whole, index);
    need_buffer(l->program, whole);
    if (!make_view(l->program, slice, &element))
        loops_step_add(l->program, loops_step_new(l->program, slice->name), slice, &element);
}

static bool is_size_inside(const Loop *l, Dim *dim)
{
    const int count = dim_symbol_count(l->program->context->dims);
    bool *used = ARENA_ARRAY(l->program->context->arena, count + 1, bool);
    dim_symbols_used(dim, used);
    for (int i = 0; i < count; i++)
        if (used[i] && (i >= l->outside.count || !l->outside.is_defined[i]))
            return true;
    for (const LoopState *state = l->open->state; state; state = state->next)
        if (state->symbol && used[dim_symbol_index(state->symbol)])
            return true;
    return false;
}

static bool scan_output(Loop *l, Value *whole, Value *row, int axis, bool backwards)
{
    Context *context = l->program->context;
    for (int i = 0; i < row->type.rank; i++)
        if (is_size_inside(l, row->type.dim[i]))
            return report_add(context->report, l->node, OP_UNSUPPORTED, l->node->op->name,
                              arena_printf(context->arena,
                                           "the size of what each trip adds to '%s' is known only inside of the loop",
                                           whole->name));
    Element element = {.body = NULL, .update = ARENA_NEW(context->arena, Update)};
    Update *update = element.update;
    Expr *index[MAX_RANK];
    for (int i = 0; i < whole->type.rank; i++)
        element.axis[i] = axis_dim(context, "i", whole->type.dim[i]);
    update->over = ARENA_ARRAY(context->arena, row->type.rank, Axis *);
    update->nover = row->type.rank;
    update->at = ARENA_ARRAY(context->arena, whole->type.rank, Expr *);
    slice_axes(context, &row->type, axis, trip_index(l, whole->type.dim[axis], backwards), update->over, update->at);
    for (int i = 0; i < row->type.rank; i++)
        index[i] = expr_axis(context, update->over[i]);
    update->value = expr_load(context, row, index);
    update->combine = COMBINE_SET;
    need_buffer(l->program, row);
    loops_step_add(l->program, loops_step_new(l->program, whole->name), whole, &element);
    return true;
}

/* ---- Loop ---- */
/* A loop's condition lives in one place as states do; where it stays true, only the body may ask for it. */
static Value *begin_condition(const Loop *l)
{
    Context *context = l->program->context;
    Value *condition = l->body->in[1], *initial = l->node->in[1];
    if (!initial) {
        Tensor *yes = tensor_new(context, BOOL, 0, NULL);
        *(uint8_t *)yes->data = 1;
        initial = hidden_value(l->program, "yes", type_of_tensor(context, yes), yes);
    }
    copy(l->program, condition, initial);
    return condition;
}

/* The number of the trip, where the body reads it. */
static void give_number(Loop *l)
{
    Value *number = l->body->in[0];
    Context *context = l->program->context;
    if (number->nreader == 0 && number->outputs == 0)
        return;
    Element element = {.body = expr_cast(context, trip_index(l, NULL, false), I64)};
    for (int i = 0; i < number->type.rank; i++)
        element.axis[i] = axis_dim(context, "i", number->type.dim[i]);
    loops_step_add(l->program, loops_step_new(l->program, number->name), number, &element);
}

/* The symbol that counts the trips begun, at most `limit` (NULL: not known). In a trip it is at least 1. */
static Dim *trip_symbol(const Loop *l, Dim *limit)
{
    DimTable *dims = l->program->context->dims;
    Dim *trips = dim_fresh(dims, l->body, 1, limit);
    dim_set_range(dims, trips, 1, INT64_MAX);
    name_symbol(l->program, trips, "trips");
    return trips;
}

static bool lower_loop(Program *program, const Node *node)
{
    Loop l = {.program = program, .node = node, .first_in = 2, .first_out = 1, .states = node->nin - 2};
    l.body = attr_find(node, "body")->graph;
    Dim *most = loop_limit(node);
    const bool has_rows = node->nout > l.states && node->out[l.states];
    Dim *rows = has_rows ? node->out[l.states]->type.dim[0] : NULL;
    l.trips = trip_symbol(&l, rows ? rows : most);
    const bool may_stop = loop_may_stop(node);
    Value *condition = begin_condition(&l);
    begin_states(&l);
    open_loop(&l, most);
    if (may_stop)
        add_state(&l, condition, NULL);
    l.open->in[0] = may_stop ? condition : NULL;
    l.open->in[1] = most ? NULL : node->in[0];
    for (int i = 0; i < 2; i++)
        if (l.open->in[i])
            need_buffer(program, l.open->in[i]);
    give_number(&l);
    if (!lower_graph(program, l.body))
        return false;
    for (int i = l.states; i < node->nout; i++)
        if (node->out[i] && !scan_output(&l, node->out[i], state_out(&l, i), 0, false))
            return false;
    end_states(&l, may_stop ? condition : NULL);
    if (rows && dim_is_fresh(rows))
        set_size(program, rows, l.trips);
    return true;
}

/* ---- Scan ---- */
static int64_t list_int(const Node *node, const char *name, int i)
{
    size_t count;
    const int64_t *list = attr_ints(node, name, &count);
    return list && (size_t)i < count ? list[i] : 0;
}

static int list_axis(const Node *node, const char *name, int i, int rank)
{
    const int64_t axis = list_int(node, name, i);
    return (int)(axis < 0 ? axis + rank : axis);
}

static bool lower_scan(Program *program, const Node *node)
{
    const int scanned = (int)attr_int(node, "num_scan_inputs", 0);
    Loop l = {.program = program, .node = node, .states = node->nin - scanned};
    l.body = attr_find(node, "body")->graph;
    const Value *first = node->in[l.states];
    Dim *length = first->type.dim[list_axis(node, "scan_input_axes", 0, first->type.rank)];
    l.trips = trip_symbol(&l, length);
    begin_states(&l);
    open_loop(&l, length);
    for (int i = 0; i < scanned; i++) {
        Value *whole = node->in[l.states + i];
        const int at = list_axis(node, "scan_input_axes", i, whole->type.rank);
        dim_require(program->context->dims, &l.open->requires, whole->type.dim[at], length, true);
        scan_input(&l, l.body->in[l.states + i], whole, at, list_int(node, "scan_input_directions", i) != 0);
    }
    if (!lower_graph(program, l.body))
        return false;
    for (int i = 0; i < node->nout - l.states; i++) {
        Value *whole = node->out[l.states + i];
        if (whole && !scan_output(&l, whole, state_out(&l, l.states + i),
                                  list_axis(node, "scan_output_axes", i, whole->type.rank),
                                  list_int(node, "scan_output_directions", i) != 0))
            return false;
    }
    end_states(&l, NULL);
    return true;
}

bool lower_control(Program *program, Node *node)
{
    if (!require_tensors(program, node, node->in, node->nin) || !require_tensors(program, node, node->out, node->nout))
        return false;
    const char *name = node->op->name;
    if (strcmp(name, "If") == 0)
        return lower_if(program, node);
    const bool is_loop = strcmp(name, "Loop") == 0;
    if (!is_loop && strcmp(name, "Scan") != 0)
        return report_add(program->context->report, node, OP_UNSUPPORTED, name,
                          "generated programs have no sequences and optionals; verify --evaluator runs it");
    const Graph *body = attr_find(node, "body")->graph;
    return require_tensors(program, node, body->in, body->nin) &&
           require_tensors(program, node, body->out, body->nout) &&
           (is_loop ? lower_loop(program, node) : lower_scan(program, node));
}
