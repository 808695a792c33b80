/* function.c -- the steps that an output needs become C functions.
 *
 * Steps are visited from the last to the first, so that what only shapes were computed from is dropped; then they are
 * printed from the first to the last, and a check that an earlier step has made is not made again. */
#include "../frontend/ops/expr.h"
#include "cuda.h"
#include "lower.h"
#include "simplify.h"
#include <string.h>

/* ---- what is needed ---- */
static void need_symbols(Program *program, Dim *dim)
{
    dim_symbols_used(dim, program->is_used);
}

static void need_value(Program *program, Value *value)
{
    Buffer *buffer = need_buffer(program, value);
    buffer->is_needed = true;
    if (buffer->kind == BUFFER_VIEW) {
        buffer->base->is_needed = true;
        need_symbols(program, buffer->offset);
    }
}

/* A block is needed for what its If or loop gives, sizes included; then so is what one trip leaves to the next. Its
 * steps are visited after its end, which is why the opening step learns it here. */
static bool is_block_needed(Program *program, const Step *end)
{
    Step *open = end->open;
    const Node *node = open->node;
    for (int i = 0; i < node->nout; i++)
        open->is_needed |= node->out[i] && buffer_of(program, node->out[i])->is_needed;
    for (const Step *step = end; step != open; step = step->prev)
        open->is_needed |= step->kind == STEP_SIZE && program->is_used[dim_symbol_index(step->symbol)];
    for (const LoopState *state = open->state; state && open->is_needed; state = state->next)
        if (state->value)
            need_value(program, state->value);
        else
            need_symbols(program, state->symbol);
    return open->is_needed;
}

static bool is_needed(Program *program, const Step *step)
{
    if (step->kind == STEP_IF || step->kind == STEP_LOOP)
        return step->is_needed;
    if (step->kind == STEP_ELSE)
        return step->open->is_needed;
    if (step->kind == STEP_END)
        return is_block_needed(program, step);
    if (step->kind == STEP_SIZE)
        return program->is_used[dim_symbol_index(step->symbol)];
    for (int i = 0; step->routine && i < step->routine->nsize; i++)
        if (program->is_used[dim_symbol_index(step->routine->size[i])])
            return true;
    for (int i = 0; i < step->nout; i++)
        if (step->out[i] && buffer_of(program, step->out[i])->is_needed)
            return true;
    return false;
}

/* ---- nests ---- */
static Call *call_add(Program *program, Step *step)
{
    Call *call = ARENA_NEW(program->context->arena, Call), **link = &step->calls;
    while (*link)
        link = &(*link)->next;
    return *link = call;
}

static const char *name_of_value(void *who, const Value *value)
{
    return need_buffer(who, (Value *)value)->name;
}

/* A weight in another layout: a weight of its own, made once. */
static Value *packed_weight(void *who, Value *weight, const Tensor *tensor)
{
    Program *program = who;
    Value *known = map_get(program->packed, weight);
    if (known)
        return known;
    Value *value = ARENA_NEW(program->context->arena, Value);
    value->name = arena_printf(program->context->arena, "%s_packed", weight->name);
    value->type = type_of_tensor(program->context, tensor);
    value->constant = tensor;
    value->graph = program->graph;
    map_set(program->packed, weight, value);
    need_buffer(program, value);
    return value;
}

/* Every tensor the expression reads gets its place and its name before the nest's locals get theirs. */
static void name_tensors(Program *program, const Expr *e, Map *seen)
{
    if (map_get(seen, e))
        return;
    map_set(seen, e, e);
    if (e->kind == E_LOAD)
        need_buffer(program, e->u.value);
    Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        name_tensors(program, child, seen);
}

static void name_element(Program *program, Simplifier *simplifier, const Element *element, int rank)
{
    Map *seen = map_new(program->context->arena);
    if (element->body)
        name_tensors(program, simplify(simplifier, element->body), seen);
    const Update *update = element->update;
    if (!update)
        return;
    name_tensors(program, simplify(simplifier, update->value), seen);
    if (update->guard)
        name_tensors(program, simplify(simplifier, update->guard), seen);
    for (int i = 0; i < rank; i++)
        name_tensors(program, simplify(simplifier, update->at[i]), seen);
    for (int i = 0; i < update->nover; i++) {
        name_tensors(program, simplify(simplifier, update->over[i]->lo), seen);
        name_tensors(program, simplify(simplifier, update->over[i]->hi), seen);
    }
}

static NestScope scope_of_step(Program *program)
{
    return (NestScope){.context = program->context,
                       .simplifier = simplifier_new(program->context),
                       .names = names_new(program->context->arena, program->names),
                       .upper = program->upper,
                       .name_of = name_of_value,
                       .packed = packed_weight,
                       .who = program,
                       .blas = program->options->blas,
                       .exact = program->options->exact,
                       .one_by_one = is_for_cuda(program),
                       .threads = program->options->threads && !is_for_cuda(program)};
}

/* The checks that an output needs, as calls before its own. */
static void build_checks(Program *program, Step *step, const NestScope *scope, const NestOutput *out)
{
    Context *context = program->context;
    const int rank = out->value->type.rank;
    name_element(program, scope->simplifier, out->element, rank);
    for (const Check *check = nest_checks(scope, out->element, rank); check; check = check->next) {
        NestScope of_check = *scope;
        of_check.names = names_new(context->arena, program->names);
        Call *call = call_add(program, step);
        call->block = nest_of_check(&of_check, check);
        call->may_fail = true;
        if (is_for_cuda(program))
            call->threads = cuda_threads(&of_check, &call->block);
    }
    Element normal = *out->element;
    if (normal.body)
        normal.body = simplify(scope->simplifier, normal.body);
    find_requirements(context, &normal, rank, &step->bounds);
}

/* A nest for teams of threads, or, where that cannot be, for threads. Each is made from the beginning: what is known of
 * expressions depends on the loops. */
static void build_threads(Program *program, const NestScope *scope, Call *call)
{
    NestScope own = scope_of_step(program);
    own.operations = scope->operations;
    if (cuda_wants_teams(program->context, call->out->element)) {
        own.in_teams = true;
        call->block = nest_of_outputs(&own, call->out, call->nout);
        call->threads = cuda_teams(&own, &call->block);
        call->in_teams = call->threads != NULL;
        if (call->in_teams)
            return;
        own = scope_of_step(program);
        own.operations = scope->operations;
    }
    call->block = nest_of_outputs(&own, call->out, call->nout);
    call->threads = cuda_threads(&own, &call->block);
}

static Call *call_of(Program *program, Step *step, const NestOutput *out, int count)
{
    Call *call = call_add(program, step);
    call->out = out;
    call->nout = count;
    return call;
}

/* A product by a library, which the host calls, and what threads do with its sums. False: no library computes it. */
static bool add_library(Program *program, Step *step, const NestOutput *out)
{
    const NestScope scope = scope_of_step(program);
    Block calls, rest;
    if (!is_for_cuda(program) || !nest_of_library(&scope, out, &calls, &rest))
        return false;
    Call *call = call_of(program, step, out, 1);
    call->block = calls;
    call->on_host = true;
    if (!step->scratch)
        step->scratch = cuda_library_memory(program);
    if (block_is_empty(&rest))
        return true;
    call = call_of(program, step, out, 1);
    call->block = rest;
    call->threads = cuda_threads(&scope, &call->block);
    return true;
}

static void add_nest(Program *program, Step *step, const NestScope *scope, const NestOutput *out, int count)
{
    if (add_library(program, step, out))
        return;
    NestScope own = *scope;
    own.names = names_new(program->context->arena, program->names);
    Call *call = call_of(program, step, out, count);
    if (is_for_cuda(program))
        build_threads(program, scope, call);
    else
        call->block = nest_of_outputs(&own, out, count);
}

/* An output's body, or its update: of threads, this is a kernel of its own, which begins when all of the body is there.
 */
static const NestOutput *output_part(Program *program, const NestOutput *out, bool update)
{
    NestOutput *part = ARENA_NEW(program->context->arena, NestOutput);
    Element *element = ARENA_NEW(program->context->arena, Element);
    *element = *out->element;
    if (update)
        element->body = NULL;
    else
        element->update = NULL;
    *part = (NestOutput){out->value, element};
    return part;
}

/* The checks and the loops of outputs that are computed together. */
static void build_nest(Program *program, Step *step, const NestOutput *out, int count)
{
    Context *context = program->context;
    const NestScope scope = scope_of_step(program);
    for (int i = 0; i < count; i++)
        build_checks(program, step, &scope, &out[i]);
    const Cost cost = nest_cost(&scope, out, count);
    step->cost = step->cost.operations ? cost_add(context, step->cost, cost, false) : cost;
    NestScope counted = scope;
    counted.operations = cost.operations;
    if (is_for_cuda(program) && out->element->body && out->element->update) {
        add_nest(program, step, &counted, output_part(program, out, false), 1);
        out = output_part(program, out, true);
    }
    add_nest(program, step, &counted, out, count);
}

static void find_parts(Program *program, Step *step, const NestOutput *out, int count)
{
    const NestScope scope = scope_of_step(program);
    if (count < 2)
        return;
    step->part = ARENA_ARRAY(program->context->arena, step->nout, Cost);
    for (int i = 0, k = 0; i < step->nout && k < count; i++)
        if (step->out[i] == out[k].value)
            step->part[i] = nest_cost(&scope, &out[k++], 1);
}

/* The nests of the outputs that are needed. */
static void build(Program *program, Step *step)
{
    NestOutput *out = ARENA_ARRAY(program->context->arena, step->nout, NestOutput);
    int count = 0;
    for (int i = 0; i < step->nout; i++)
        if (buffer_of(program, step->out[i])->is_needed)
            out[count++] = (NestOutput){step->out[i], &step->element[i]};
    if (step->is_one_nest && !is_for_cuda(program)) { /* which wants one size of all that threads compute */
        build_nest(program, step, out, count);
        find_parts(program, step, out, count);
        return;
    }
    for (int i = 0; i < count; i++)
        build_nest(program, step, &out[i], 1);
}

/* ---- text ---- */
static Printer printer_new(Program *program, Text *text, Helpers *helpers)
{
    Context *context = program->context;
    return (Printer){.context = context,
                     .text = text,
                     .prefix = program->prefix,
                     .upper = program->upper,
                     .status = arena_printf(context->arena,
                                            is_for_cuda(program) ? "(void)(*fault = %sBAD_INDEX)" : "%sBAD_INDEX",
                                            program->upper),
                     .value_name = name_of_value,
                     .who = program,
                     .symbol_name = program->symbol_name,
                     .axis_name = map_new(context->arena),
                     .is_vector = map_new(context->arena),
                     .helpers = helpers,
                     .uses = uses_new(context),
                     .threads = program->options->threads,
                     .blas = program->options->blas,
                     .exact = program->options->exact || is_for_cuda(program)};
}

/* Adds what `uses` holds to the step's. */
static void join_uses(Program *program, Uses *all, const Uses *uses)
{
    Arena *arena = program->context->arena;
    if (!all->symbol)
        *all = uses_new(program->context);
    for (int i = 0; i < dim_symbol_count(program->context->dims); i++)
        all->symbol[i] |= uses->symbol[i];
    all->value =
        arena_grow(arena, all->value, (size_t)all->nvalue, (size_t)(all->nvalue + uses->nvalue), sizeof *all->value);
    all->is_written = arena_grow(arena, all->is_written, (size_t)all->nvalue, (size_t)(all->nvalue + uses->nvalue),
                                 sizeof *all->is_written);
    for (int i = 0; i < uses->nvalue; i++) {
        all->value[all->nvalue] = uses->value[i];
        all->is_written[all->nvalue++] = uses->is_written[i];
    }
}

static Uses uses_of(Program *program, const Step *step)
{
    Uses all = uses_new(program->context);
    for (Call *call = step->calls; call; call = call->next) {
        Printer printer = printer_new(program, text_new(program->context->arena), helpers_new(program->context->arena));
        print_function_body(&printer, &call->block);
        join_uses(program, &all, &printer.uses);
    }
    return all;
}

static const char *name_of_size(const Program *program, const Step *step, Dim *symbol)
{
    return step->strip && symbol == step->strip->rows ? step->strip->count : map_get(program->symbol_name, symbol);
}

/* The parameters (or, for a call, the arguments): what a library takes, sizes, what is read, what is written. */
static const char *parameters(Program *program, const Step *step, const Call *call, const Uses *uses, bool with_types)
{
    Context *context = program->context;
    Text *text = text_new(context->arena);
    const char *comma = "";
    if (call->on_host) {
        text_add(text, "%s, %s", with_types ? "cublasHandle_t blas, cudaStream_t stream" : "blas, stream",
                 with_types ? "void *room" : step->scratch->name);
        comma = ", ";
    }
    for (int i = 0; i < dim_symbol_count(context->dims); i++)
        if (uses->symbol[i]) {
            Dim *const symbol = dim_symbol_at(context->dims, i);
            const char *const name =
                with_types ? map_get(program->symbol_name, symbol) : name_of_size(program, step, symbol);
            text_add(text, "%s%s%s", comma, with_types ? "int64_t " : "", name);
            comma = ", ";
        }
    for (int written = 0; written < 2; written++)
        for (int i = 0; i < uses->nvalue; i++) {
            if (uses->is_written[i] != written)
                continue;
            const Value *value = uses->value[i];
            text_string(text, comma);
            comma = ", ";
            if (with_types)
                text_add(text, "%s%s *%sRESTRICT ", written ? "" : "const ", dtype_info(value->type.dtype)->storage,
                         program->upper);
            text_string(text, !with_types && step->strip ? strip_argument(program, step, value)
                                                         : buffer_of(program, value)->name);
        }
    if (is_for_cuda(program) && !call->on_host && with_types)
        text_add(text, "%sint32_t *fault", comma);
    return text->length ? text->data : with_types ? "void" : "";
}

/* The text of a check that has been printed. */
typedef struct Made Made;
struct Made {
    const char *text;
    Made *next;
};

/* Where a step came from and what it computes. */
static void print_comment(Program *program, const Step *step, const Call *call)
{
    Text *text = program->functions;
    const bool is_short = step->formula.count == 0;
    const char *outputs = "";
    for (int i = 0; i < call->nout; i++)
        outputs = arena_printf(program->context->arena, "%s%s%s %s", outputs, i > 0 ? ", " : "",
                               type_comment(program, &call->out[i].value->type),
                               buffer_of(program, call->out[i].value)->name);
    text_line(text, "/* %s: %s%s", step->label, outputs, is_short ? " */" : "");
    for (int i = 0; i < step->formula.count; i++)
        text_line(text, " *     %s%s", step->formula.line[i], i + 1 == step->formula.count ? " */" : "");
}

static void print_function(Program *program, const Step *step, Call *call, const char *name)
{
    Context *context = program->context;
    Text *text = program->functions;
    Text *body = text_new(context->arena);
    body->indent = 1;
    Printer printer = printer_new(program, body, program->helpers);
    print_function_body(&printer, &call->block);
    if (call->nout > 0)
        print_comment(program, step, call);
    else
        text_line(text, "/* %s: its indices are in range */", step->label);
    const bool kernel = is_for_cuda(program) && !call->on_host;
    call->may_fail |= call->on_host;
    const char *type = kernel           ? "__global__ void"
                       : call->may_fail ? arena_printf(context->arena, "enum %sstatus", program->prefix)
                                        : "void";
    const char *head = arena_printf(context->arena, "static %s %s(", type, name);
    if (call->in_teams)
        text_line(text, "%sTEAMS", program->upper);
    text_wrapped(text,
                 arena_printf(context->arena, "%s%s)", head, parameters(program, step, call, &printer.uses, true)),
                 (int)strlen(head));
    text_line(text, "{");
    if (kernel) {
        text_line(text, "    if (*fault)");
        text_line(text, "        return;");
    }
    if (call->on_host)
        text_line(text, "    enum %sstatus status = %sOK;", program->prefix, program->upper);
    text_string(text, body->data);
    if (call->may_fail && !kernel)
        text_line(text, "    return %sOK;", program->upper);
    text_line(text, "}");
    text_line(text, "%s", "");
    const char *arguments = parameters(program, step, call, &printer.uses, false);
    call->text = call->in_teams ? cuda_launch_teams(program, call->threads, name, arguments)
                 : kernel       ? cuda_launch(program, call->threads, name, arguments)
                                : arena_printf(context->arena, "%s(%s)", name, arguments);
    call->may_fail |= kernel;
}

const char *function_identifier(Program *program, const char *text)
{
    static const char infix[] = "node_"; /* some exporters begin names of nodes so themselves */
    const bool has_infix = strncmp(text, infix, sizeof infix - 1) == 0;
    const char *prefix = arena_printf(program->context->arena, "%s%s", program->prefix, infix);
    return name_identifier(program->file_names, prefix, has_infix ? text + sizeof infix - 1 : text);
}

/* Prints the functions of a step; a check made before is left out. */
static void print_functions(Program *program, Step *step, Made **made)
{
    Arena *arena = program->context->arena;
    const char *label = step->name + strlen(program->prefix);
    int outputs = 0;
    for (Call **link = &step->calls; *link;) {
        Call *call = *link;
        const char *name = step->name;
        if (call->nout == 0) {
            Printer printer = printer_new(program, text_new(arena), helpers_new(arena));
            print_function_body(&printer, &call->block);
            const Made *known = *made;
            while (known && strcmp(known->text, printer.text->data) != 0)
                known = known->next;
            if (known) {
                *link = call->next;
                continue;
            }
            Made *new = ARENA_NEW(arena, Made);
            *new = (Made){printer.text->data, *made};
            *made = new;
            name = function_identifier(program, arena_printf(arena, "%s_check", label));
        } else if (outputs++ > 0) {
            name = function_identifier(program, label);
        }
        print_function(program, step, call, name);
        link = &call->next;
    }
}

/* Prints the functions of the steps of a block, from `step` to its end, which is returned. Checks made in a block may
 * not have been made behind it. */
static Step *print_steps(Program *program, Step *step, Made *before)
{
    Made *made = before;
    for (; step && step->kind != STEP_END; step = step->next) {
        if (step->kind == STEP_IF || step->kind == STEP_LOOP)
            step = print_steps(program, step->next, made);
        else if (step->kind == STEP_ELSE)
            made = before;
        else if (step->is_needed && step->kind == STEP_LOOPS)
            print_functions(program, step, &made);
    }
    return step;
}

/* ---- sizes ---- */
static void name_symbols(Program *program)
{
    DimTable *dims = program->context->dims;
    for (int i = 0; i < dim_symbol_count(dims); i++) {
        Dim *symbol = dim_symbol_at(dims, i);
        if (!map_get(program->symbol_name, symbol))
            map_set(program->symbol_name, symbol, name_identifier(program->names, "", dim_symbol_name(symbol)));
    }
}

static void need_routine(Program *program, const Step *step)
{
    for (int i = 0; i < step->routine->nin; i++)
        if (step->routine->in[i])
            need_value(program, step->routine->in[i]);
    for (int i = 0; i < step->nout; i++)
        if (step->out[i] && !(step->routine->spare >> i & 1))
            need_value(program, step->out[i]);
    if (step->scratch)
        step->scratch->is_needed = true;
    for (int i = 0; i < step->routine->nn; i++)
        need_symbols(program, step->routine->n[i]);
}

static void need_uses(Program *program, Step *step)
{
    step->uses = uses_of(program, step);
    for (int i = 0; i < step->uses.nvalue; i++)
        need_value(program, step->uses.value[i]);
    for (int i = 0; i < dim_symbol_count(program->context->dims); i++)
        program->is_used[i] |= step->uses.symbol[i];
}

void program_rebuild(Program *program, Step *step)
{
    step->calls = NULL;
    step->cost = (Cost){0};
    step->part = NULL;
    build(program, step);
    need_uses(program, step);
}

static void need_step(Program *program, Step *step)
{
    step->is_needed = true;
    if (step->kind == STEP_LOOPS) {
        if (!program->options->exact) {
            const NestScope scope = scope_of_step(program);
            split_long_sums(program, step, &scope);
        }
        build(program, step);
        need_uses(program, step);
        if (step->scratch)
            step->scratch->is_needed = true;
        for (const Requirement *r = step->bounds.first; r; r = r->next) {
            need_symbols(program, r->low);
            need_symbols(program, r->high);
        }
        return;
    }
    for (int i = 0; i < 2; i++)
        if (step->in[i])
            need_value(program, step->in[i]);
    if (step->size)
        need_symbols(program, step->size);
    if (step->kind == STEP_COPY)
        for (int i = 0; i < step->in[0]->type.rank; i++)
            need_symbols(program, step->in[0]->type.dim[i]);
    if (step->kind == STEP_SIZE && !step->size)
        need_value(program, step->out[0]);
    if (step->kind == STEP_ROUTINE)
        need_routine(program, step);
}

/* Sizes whose maximum nobody knows are asked of the caller; sizes that no step gives are an error. */
static bool find_unbounded(Program *program)
{
    Context *context = program->context;
    const int count = dim_symbol_count(context->dims);
    for (int i = 0; i < count; i++) {
        Dim *symbol = dim_symbol_at(context->dims, i);
        if (!program->is_used[i])
            continue;
        if (!program->is_known[i])
            return report_add(context->report, NULL, OP_UNSUPPORTED, dim_symbol_name(symbol),
                              "this size is known only at run time, and no value of the program holds it");
        bool is_parameter = false;
        for (int k = 0; k < program->nparameter; k++)
            is_parameter |= program->parameter[k] == symbol;
        program->is_unbounded[i] = !is_parameter && dim_limit(context->dims, symbol) == symbol;
        if (program->is_unbounded[i])
            map_set(
                program->maximum_name, symbol,
                name_identifier(program->names, "",
                                arena_printf(context->arena, "%s_max", (char *)map_get(program->symbol_name, symbol))));
    }
    return true;
}

bool program_functions(Program *program)
{
    name_symbols(program);
    for (int i = 0; i < program->noutput; i++) {
        program->output[i]->is_needed = true;
        for (int k = 0; k < program->output[i]->value->type.rank; k++)
            need_symbols(program, program->output[i]->value->type.dim[k]);
    }
    for (Step *step = program->last; step; step = step->prev)
        if (is_needed(program, step))
            need_step(program, step);
    if (!find_unbounded(program))
        return false;
    if (!program->options->in_order)
        find_structure(program);
    if (!program->options->in_order && !is_for_cuda(program))
        find_strips(program);
    program_requirements(program);
    int place = 0;
    for (Step *step = program->first; step; step = step->next)
        if (step->is_needed)
            step->place = place++;
    print_steps(program, program->first, NULL);
    return true;
}
