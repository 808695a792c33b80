/* run.c -- NAME_run: checks of the caller's sizes, then the steps in order, blocks in braces.
 *
 * Where a program has structure, NAME_graph has the steps of it, NAME_run_graph the others, and NAME_run calls both. */
#include "cuda.h"
#include "interface.h"
#include <string.h>

/* What has been written in a block and holds to its end. */
typedef struct Written Written;
struct Written {
    Map *declared; /* Buffer: its pointer is there */
    const Written *outer;
};

typedef struct {
    Program *program;
    Text *text;
    Function function;
    Written *written; /* the innermost */
} Run;

/* Whether the function that is being written has the step. Sizes that the structure tells are read by both. */
static bool has_step(const Run *run, const Step *step)
{
    if (!step->is_needed)
        return false;
    return run->function == FUNCTION_GRAPH ? step->is_structure : !step->is_structure || step->kind == STEP_SIZE;
}

static void begin_block(Run *run)
{
    Arena *arena = run->program->context->arena;
    Written *written = ARENA_NEW(arena, Written);
    *written = (Written){map_new(arena), run->written};
    run->written = written;
}

static bool is_declared(const Run *run, const Buffer *buffer)
{
    for (const Written *written = run->written; written; written = written->outer)
        if (map_get(written->declared, buffer))
            return true;
    return false;
}

static const char *upper(const Run *run, const char *name)
{
    return arena_printf(run->program->context->arena, "%s%s", run->program->upper, name);
}

static const char *storage(const Buffer *buffer)
{
    return dtype_info(buffer->value->type.dtype)->storage;
}

/* The pointer of a buffer that no caller passes, declared where it is first used. */
static void declare(Run *run, Buffer *buffer)
{
    Program *program = run->program;
    if (is_declared(run, buffer))
        return;
    map_set(run->written->declared, buffer, buffer);
    if (buffer->kind == BUFFER_VIEW) {
        declare(run, buffer->base);
        const bool plain = dim_equals(buffer->offset, 0);
        text_line(run->text, "const %s *%s = %s%s%s; /* %s */", storage(buffer), buffer->name, buffer->base->name,
                  plain ? "" : " + ", plain ? "" : dim_in_run(program, buffer->offset),
                  type_comment(program, &buffer->value->type));
    } else if (buffer->kind == BUFFER_WORKSPACE && buffer->within) {
        const int64_t size = (int64_t)dtype_info(buffer->value->type.dtype)->size;
        Dim *const begin =
            dim_divide_exactly(program->context->dims, buffer->begin, dim_const(program->context->dims, size));
        const bool plain = dim_equals(buffer->begin, 0);
        text_line(run->text, "%s *%s = %s%s%s; /* %s */", storage(buffer), buffer->name, buffer->within->name,
                  plain ? "" : " + ", plain ? "" : dim_in_run(program, begin),
                  type_comment(program, &buffer->value->type));
    } else if (buffer->kind == BUFFER_WORKSPACE) {
        const bool held = buffer->is_structure && run->function == FUNCTION_RUN_GRAPH;
        const char *const begin =
            dim_equals(buffer->begin, 0)
                ? ""
                : arena_printf(program->context->arena, " + (size_t)(%s)", dim_before_run(program, buffer->begin));
        text_line(run->text, "%s%s *%s = (%s%s *)(%svoid *)(%s.%s%s); /* %s */", held ? "const " : "", storage(buffer),
                  buffer->name, held ? "const " : "", storage(buffer), held ? "const " : "",
                  held ? "held + held_at" : "base + at", program->slot[buffer->slot].buffer->name, begin,
                  type_comment(program, &buffer->value->type));
    } else if (buffer->kind == BUFFER_WEIGHT) {
        text_line(run->text, "const %s *%s = %s;", storage(buffer), buffer->name, weight_place(program, buffer));
    }
}

static void declare_value(Run *run, const Value *value)
{
    declare(run, buffer_of(run->program, value));
}

static void print_failure(Run *run, const char *condition, const char *status)
{
    text_line(run->text, "if (%s)", condition);
    text_line(run->text, "    return %s;", upper(run, status));
}

static void print_requirements(Run *run, const Requirements *requires)
{
    for (const Requirement *r = requires->first; r; r = r->next) {
        const char *low = dim_in_run(run->program, r->low), *high = dim_in_run(run->program, r->high);
        const bool turned = dim_is_const(r->low, NULL); /* H - 2 < 0 */
        const char *fails = r->is_equal ? "!=" : turned ? "<" : ">";
        print_failure(
            run,
            arena_printf(run->program->context->arena, "%s %s %s", turned ? high : low, fails, turned ? low : high),
            "BAD_SIZE");
    }
}

/* An array of these items; its name, or NULL if there are none. */
static const char *print_list(Run *run, const char *type, const char *name, const char *const *item, int count)
{
    if (count == 0)
        return "NULL";
    Arena *arena = run->program->context->arena;
    Text *line = text_new(arena);
    name = name_identifier(names_new(arena, run->program->names), "", name);
    text_add(line, "%s%s[] = {", type, name);
    for (int i = 0; i < count; i++)
        text_add(line, "%s%s", i ? ", " : "", item[i]);
    text_string(line, "};");
    text_wrapped(run->text, line->data, 8 + 4 * run->text->indent);
    return name;
}

static bool is_variable(const Program *program, Dim *symbol)
{
    return program->is_variable[dim_symbol_index(symbol)];
}

static const char *name_of(const Program *program, Dim *symbol)
{
    return map_get(program->symbol_name, symbol);
}

/* The arrays that a routine takes; the name of each, or NULL. */
typedef struct {
    const char *in, *out, *n, *p;
} RoutineLists;

static RoutineLists print_routine_lists(Run *run, const Step *step)
{
    Program *program = run->program;
    Arena *arena = program->context->arena;
    const Routine *routine = step->routine;
    const int most = routine->nin + routine->nout + routine->nsize + routine->nn + routine->np;
    const char **item = ARENA_ARRAY(arena, most, const char *);
    RoutineLists list;
    for (int i = 0; i < routine->nin; i++)
        item[i] = routine->in[i] ? buffer_of(program, routine->in[i])->name : "NULL";
    list.in = print_list(run, "const void *const ", "in", item, routine->nin);
    int nout = 0;
    for (; nout < routine->nout; nout++) {
        const Buffer *to = nout < step->nout && step->out[nout] ? buffer_of(program, step->out[nout]) : NULL;
        item[nout] = to && to->is_needed ? to->name : "NULL";
    }
    for (int i = 0; i < routine->nsize; i++)
        item[nout++] = arena_printf(arena, "&%s", name_of(program, routine->size[i]));
    list.out = print_list(run, "void *const ", "out", item, nout);
    for (int i = 0; i < routine->nn; i++)
        item[i] = dim_in_run(program, routine->n[i]);
    list.n = print_list(run, "const int64_t ", "n", item, routine->nn);
    for (int i = 0; i < routine->np; i++)
        item[i] = arena_printf(arena, "%.17g", routine->p[i]);
    list.p = print_list(run, "const double ", "p", item, routine->np);
    return list;
}

static void print_routine(Run *run, const Step *step)
{
    Program *program = run->program;
    Arena *arena = program->context->arena;
    const Routine *routine = step->routine;
    Text *text = run->text;
    if (is_for_cuda(program)) {
        cuda_print_routine_call(program, step, text);
        return;
    }
    for (int i = 0; i < routine->nsize; i++)
        text_line(text, "%s%s = 0;", is_variable(program, routine->size[i]) ? "" : "int64_t ",
                  name_of(program, routine->size[i]));
    text_line(text, "{ /* %s */", step->label);
    text->indent++;
    const RoutineLists list = print_routine_lists(run, step);
    const char *suffix = *routine->suffix ? arena_printf(arena, "_%s", routine->suffix) : "";
    text_line(text, "status = (enum %sstatus)%s%s%s(%s, %s, %s, %s, %s);", program->prefix, program->prefix,
              routine->name, suffix, list.in, list.out, list.n, list.p, step->scratch ? step->scratch->name : "NULL");
    text->indent--;
    text_line(text, "}");
    text_line(text, "if (status != %s)", upper(run, "OK"));
    text_line(text, "    return status;");
    for (int i = 0; i < routine->nsize; i++) { /* the others are within limits the routine knows */
        const char *maximum = map_get(program->maximum_name, routine->size[i]);
        if (maximum)
            print_failure(run, arena_printf(arena, "%s > %s", name_of(program, routine->size[i]), maximum), "BAD_SIZE");
    }
}

static void print_size(Run *run, const Step *step)
{
    Program *program = run->program;
    Arena *arena = program->context->arena;
    const char *name = name_of(program, step->symbol);
    const char *type = is_variable(program, step->symbol) ? "" : "const int64_t ";
    const char *maximum = map_get(program->maximum_name, step->symbol);
    if (step->size)
        text_line(run->text, "%s%s = %s;", type, name, dim_in_run(program, step->size));
    else
        text_line(run->text, "%s%s = (int64_t)%s[%lld];", type, name, buffer_of(program, step->out[0])->name,
                  (long long)step->number);
    if (step->size && (!maximum || dim_equals(step->size, 0))) /* no greater than its limit, as it was made */
        return;
    if (!maximum)
        maximum = dim_in_run(program, dim_limit(program->context->dims, step->symbol));
    print_failure(run, arena_printf(arena, "%s < 0 || %s > %s", name, name, maximum), "BAD_SIZE");
}

/* ---- blocks ---- */
/* What is copied must fit where a size of it may change. */
static void print_copy(Run *run, const Step *step)
{
    Program *program = run->program;
    DimTable *dims = program->context->dims;
    const Type *from = &step->in[0]->type, *to = &step->out[0]->type;
    Dim *bytes = dim_const(dims, (int64_t)dtype_info(from->dtype)->size);
    for (int i = 0; i < from->rank; i++) {
        const char *maximum = map_get(program->maximum_name, to->dim[i]);
        if (from->dim[i] != to->dim[i] && maximum)
            print_failure(run,
                          arena_printf(program->context->arena, "%s > %s", dim_in_run(program, from->dim[i]), maximum),
                          "BAD_SIZE");
        bytes = dim_mul(dims, bytes, from->dim[i]);
    }
    if (is_for_cuda(program)) {
        cuda_print_copy(program, run->text, buffer_of(program, step->out[0])->name,
                        buffer_of(program, step->in[0])->name, dim_in_run(program, bytes), "fault");
        return;
    }
    const char *form = dim_is_const(bytes, NULL) ? "memcpy(%s, %s, %s);" : "memcpy(%s, %s, (size_t)(%s));";
    text_line(run->text, form, buffer_of(program, step->out[0])->name, buffer_of(program, step->in[0])->name,
              dim_in_run(program, bytes));
}

static void print_loop(Run *run, const Step *step)
{
    Program *program = run->program;
    Arena *arena = program->context->arena;
    const char *trips = name_of(program, step->symbol);
    const char *maximum = map_get(program->maximum_name, dim_limit(program->context->dims, step->symbol));
    const char *number = step->size    ? dim_in_run(program, step->size)
                         : step->in[1] ? arena_printf(arena, "%s[0]", buffer_of(program, step->in[1])->name)
                                       : NULL;
    const char *condition = step->in[0] ? arena_printf(arena, "%s[0]", buffer_of(program, step->in[0])->name) : NULL;
    const char *counted = number ? arena_printf(arena, "%s < %s", trips, number) : NULL;
    text_line(run->text, "while (%s%s%s) { /* %s */", counted ? counted : "", counted && condition ? " && " : "",
              condition ? condition
              : counted ? ""
                        : "1",
              step->label);
    run->text->indent++;
    if (maximum)
        print_failure(run, arena_printf(arena, "%s >= %s", trips, maximum), "BAD_SIZE");
    text_line(run->text, "%s++;", trips);
    run->text->indent--;
}

static const char *condition_of(const Program *program, const Step *step)
{
    return is_for_cuda(program) ? expression_in_run(program, host_condition(program, step))
                                : arena_printf(program->context->arena, "%s[0]", buffer_of(program, step->in[0])->name);
}

/* The line of a step that opens, parts or closes a block; what is inside of it is indented. */
static void print_block_step(Run *run, const Step *step)
{
    Text *text = run->text;
    if (step->kind == STEP_ELSE || step->kind == STEP_END) {
        run->written = (Written *)run->written->outer;
        text->indent--;
    }
    if (step->kind == STEP_IF)
        text_line(text, "if (%s) { /* %s */", condition_of(run->program, step), step->label);
    if (step->kind == STEP_LOOP)
        print_loop(run, step);
    if (step->kind == STEP_ELSE)
        text_line(text, "} else {");
    if (step->kind == STEP_END) {
        text_line(text, "}");
        return;
    }
    begin_block(run);
    text->indent++;
}

static void declare_tensors(Run *run, const Step *step)
{
    for (int i = 0; i < step->uses.nvalue; i++)
        declare_value(run, step->uses.value[i]);
    for (int i = 0; i < 2; i++)
        if (step->in[i])
            declare_value(run, step->in[i]);
    for (int i = 0; step->routine && i < step->routine->nin; i++)
        if (step->routine->in[i])
            declare_value(run, step->routine->in[i]);
    for (int i = 0; i < step->nout; i++)
        if (step->out[i] && buffer_of(run->program, step->out[i])->is_needed)
            declare_value(run, step->out[i]);
    if (step->scratch)
        declare(run, step->scratch);
}

static void print_call(Run *run, const Call *call)
{
    const char *line = call->text;
    if (call->may_fail)
        line = arena_printf(run->program->context->arena, "status = %s", line);
    text_wrapped(run->text, arena_printf(run->program->context->arena, "%s;", line),
                 4 * run->text->indent + (int)strcspn(line, "(") + 1);
    if (call->may_fail) {
        text_line(run->text, "if (status != %s)", upper(run, "OK"));
        text_line(run->text, "    return status;");
    }
}

/* Of steps that take turns: all that they need, then the loop over strips. */
static void begin_strips(Run *run, const Strip *strip)
{
    for (const Step *step = strip->first;; step = step->next) {
        if (step->is_needed) {
            print_requirements(run, &step->requires);
            declare_tensors(run, step);
        }
        if (step == strip->last)
            break;
    }
    const Program *const program = run->program;
    const char *const begin = strip->begin, *const full = strip->full, *const rows = dim_in_run(program, strip->rows);
    text_line(run->text, "const int64_t %s = %s;", full, dim_in_run(program, strip_rows(program, strip->rows)));
    text_line(run->text, "for (int64_t %s = 0; %s < %s; %s += %s) {", begin, begin, rows, begin, full);
    run->text->indent++;
    text_line(run->text, "const int64_t %s = %s - %s < %s ? %s - %s : %s;", strip->count, rows, begin, full, rows,
              begin, full);
}

static void print_strips(Run *run, const Step *step)
{
    if (step == step->strip->first)
        begin_strips(run, step->strip);
    print_call(run, step->calls);
    if (step != step->strip->last)
        return;
    run->text->indent--;
    text_line(run->text, "}");
}

static void print_step(Run *run, const Step *step)
{
    if (step->strip) {
        print_strips(run, step);
        return;
    }
    print_requirements(run, &step->requires);
    declare_tensors(run, step);
    switch (step->kind) {
    case STEP_LOOPS:
        for (const Call *call = step->calls; call; call = call->next)
            print_call(run, call);
        break;
    case STEP_ROUTINE:
        print_routine(run, step);
        break;
    case STEP_SIZE:
        print_size(run, step);
        break;
    case STEP_COPY:
        print_copy(run, step);
        break;
    case STEP_IF:
    case STEP_ELSE:
    case STEP_LOOP:
    case STEP_END:
        print_block_step(run, step);
        break;
    }
}

static bool has_status(const Run *run)
{
    if (is_for_cuda(run->program))
        return true;
    for (const Step *step = run->program->first; step; step = step->next) {
        if (has_step(run, step) && step->kind == STEP_ROUTINE)
            return true;
        for (const Call *call = step->calls; has_step(run, step) && call; call = call->next)
            if (call->may_fail)
                return true;
    }
    return false;
}

static void print_size_limits(Run *run)
{
    Program *program = run->program;
    for (int i = 0; i < program->nparameter; i++) {
        Dim *symbol = program->parameter[i];
        const char *name = map_get(program->symbol_name, symbol);
        const int64_t high = dim_upper(symbol) < program->most ? dim_upper(symbol) : program->most;
        text_line(run->text, "if (%s < %lld || %s > %lld)", name, (long long)dim_lower(symbol), name, (long long)high);
        text_line(run->text, "    return %s;", upper(run, "BAD_SIZE"));
    }
    for (int i = 0; i < dim_symbol_count(program->context->dims); i++) {
        const char *name = map_get(program->maximum_name, dim_symbol_at(program->context->dims, i));
        if (!name)
            continue;
        text_line(run->text, "if (%s < 0 || %s > %lld)", name, name, (long long)program->most);
        text_line(run->text, "    return %s;", upper(run, "BAD_SIZE"));
    }
}

/* Sizes that change, or that blocks define. */
static void print_variables(Run *run)
{
    const Program *program = run->program;
    DimTable *dims = program->context->dims;
    for (int i = 0; i < dim_symbol_count(dims); i++)
        if (program->is_used[i] && program->is_variable[i])
            text_line(run->text, "int64_t %s = 0;", name_of(program, dim_symbol_at(dims, i)));
}

static void print_output_shapes(Run *run)
{
    Program *program = run->program;
    for (int i = 0; i < program->noutput; i++) {
        const char *shape = output_shape_name(program, i);
        if (!shape)
            continue;
        for (int k = 0; k < program->output[i]->value->type.rank; k++)
            text_line(run->text, "%s[%d] = %s;", shape, k, dim_in_run(program, program->output[i]->value->type.dim[k]));
    }
}

/* ---- places ---- */
static bool has_slots(const Program *program, bool structure)
{
    for (int i = 0; i < program->nslot; i++)
        if (program->slot[i].is_structure == structure)
            return true;
    return structure;
}

/* Where the tensors lie of which the function's last argument is the memory. */
static void print_base(Run *run, bool structure, const char *argument)
{
    const char *part = layout_name(run->program, structure);
    if (!has_slots(run->program, structure)) {
        text_line(run->text, "(void)%s;", argument);
        return;
    }
    text_line(run->text, "const struct %s_places at = %s_layout(%s);", part, part, size_arguments(run->program));
    text_line(run->text, "char *base = (char *)%s;", argument);
    print_failure(run, "at.end == SIZE_MAX", "BAD_SIZE");
}

/* A graph's fault is its runs' fault. */
static void print_fault(Run *run, const char *argument)
{
    const char *call = run->function == FUNCTION_RUN_GRAPH
                           ? "cudaMemcpyAsync(fault, graph, sizeof *fault, cudaMemcpyDeviceToDevice, stream)"
                           : "cudaMemsetAsync(fault, 0, sizeof *fault, stream)";
    text_line(run->text, "int32_t *fault = (int32_t *)%s;", argument);
    print_failure(run, arena_printf(run->program->context->arena, "%s != cudaSuccess", call), "LAUNCH_FAILED");
}

static void print_held(Run *run)
{
    const char *part = layout_name(run->program, true);
    text_line(run->text, "const struct %s_places held_at = %s_layout(%s);", part, part, size_arguments(run->program));
    text_line(run->text, "const char *held = (const char *)graph;");
    print_failure(run, "held_at.end == SIZE_MAX", "BAD_SIZE");
}

/* A graph goes with its sizes: with others, what it holds would lead anywhere. */
static void print_graph_sizes(Run *run, bool checks)
{
    const Program *program = run->program;
    const char *name = program->sizes->name;
    declare(run, program->sizes);
    if (is_for_cuda(program)) {
        cuda_print_call(program, run->text,
                        arena_printf(program->context->arena, "%slaunch(stream, 1, %s%s_sizes, %s, %s, fault)",
                                     program->prefix, program->prefix, checks ? "compare" : "keep", name,
                                     size_arguments(program)));
        return;
    }
    for (int i = 0; i < nsizes(program); i++)
        if (checks)
            print_failure(run, arena_printf(program->context->arena, "%s[%d] != %s", name, i, size_name(program, i)),
                          "BAD_SIZE");
        else
            text_line(run->text, "%s[%d] = %s;", name, i, size_name(program, i));
}

/* ---- the functions ---- */
static void print_unused_inputs(Run *run)
{
    const bool structure = run->function == FUNCTION_GRAPH;
    for (const Buffer *buffer = run->program->buffers; buffer; buffer = buffer->next)
        if (buffer->kind == BUFFER_INPUT && !structure && !is_read_by(run->program, buffer, false))
            text_line(run->text, "(void)%s;", buffer->name);
    if (takes_weights(run->program)) /* what is kept may be all there is of them */
        text_line(run->text, "(void)weights;");
}

static void print_function(Program *program, Text *text, Function function)
{
    Run run = {program, text, function, NULL};
    const bool structure = function == FUNCTION_GRAPH;
    begin_block(&run);
    text_string(text, prototype(program, function, false));
    text_line(text, "{");
    text->indent++;
    if (has_status(&run))
        text_line(text, "enum %sstatus status;", program->prefix);
    print_size_limits(&run);
    print_requirements(&run, &program->requires);
    print_base(&run, structure, structure ? "graph" : "workspace");
    if (is_for_cuda(program))
        print_fault(&run, structure ? "graph" : "workspace");
    if (takes_handle(program) && !structure)
        cuda_print_call(program, text, arena_printf(program->context->arena, "%suse(blas, stream)", program->prefix));
    print_unused_inputs(&run);
    if (function == FUNCTION_RUN_GRAPH)
        print_held(&run);
    if (program->sizes)
        print_graph_sizes(&run, !structure);
    if (!structure)
        print_variables(&run);
    text_line(text, "%s", "");
    for (const Step *step = program->first; step; step = step->next)
        if (has_step(&run, step))
            print_step(&run, step);
    if (!structure)
        print_output_shapes(&run);
    text_line(text, "return %s;", upper(&run, "OK"));
    text->indent--;
    text_line(text, "}");
}

/* NAME_run in terms of the two: the graph lies at the beginning of the workspace, or, for CUDA, at its end. */
static void print_both(Program *program, Text *text)
{
    Arena *arena = program->context->arena;
    const char *sizes = size_arguments(program);
    const Both both = {
        .upper = program->upper,
        .prototype = prototype(program, FUNCTION_RUN, false),
        .graph_bytes = arena_printf(arena, "%s(%s)", function_name(program, FUNCTION_GRAPH_BYTES), sizes),
        .workspace_bytes = is_for_cuda(program)
                               ? arena_printf(arena, "%s(%s)", function_name(program, FUNCTION_WORKSPACE), sizes)
                               : NULL,
        .call_graph =
            arena_printf(arena, "    const enum %sstatus status = %s(%s);", program->prefix,
                         function_name(program, FUNCTION_GRAPH), function_parameters(program, FUNCTION_GRAPH, false)),
        .call_run = arena_printf(arena, "    return %s(%s);", function_name(program, FUNCTION_RUN_GRAPH),
                                 function_parameters(program, FUNCTION_RUN_GRAPH, false))};
    template_both(text, &both);
}

void print_run(Program *program, Text *text)
{
    if (!program->has_structure) {
        print_function(program, text, FUNCTION_RUN);
        return;
    }
    print_function(program, text, FUNCTION_GRAPH);
    text_line(text, "%s", "");
    print_function(program, text, FUNCTION_RUN_GRAPH);
    text_line(text, "%s", "");
    print_both(program, text);
}
