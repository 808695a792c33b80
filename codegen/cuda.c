/* cuda.c -- see cuda.h: what stands in NAME.cu beside the kernels of loops. */
#include "cuda.h"
#include "../frontend/frontend.h"
#include "interface.h"
#include "lower.h"
#include "template.h"
#include <string.h>

bool is_for_cuda(const Program *program)
{
    return program->options->target == TARGET_CUDA;
}

const char *source_suffix(const Program *program)
{
    return is_for_cuda(program) ? "cu" : "c";
}

static bool is_launch_failed(const Program *program, int status)
{
    return is_for_cuda(program) && status > 0 && !status_name(status) && status_name(status - 1);
}

const char *program_status_name(const Program *program, int status)
{
    return is_launch_failed(program, status) ? "LAUNCH_FAILED" : status_name(status);
}

const char *program_status_text(const Program *program, int status)
{
    if (!is_launch_failed(program, status))
        return status_text(status);
    return takes_handle(program) ? "CUDA or cuBLAS could not start a kernel, or one of them failed"
                                 : "CUDA could not start a kernel, or one of them failed";
}

/* ---- what the host must know ---- */
static bool refuse(const Program *program, const Step *step, const char *what)
{
    const char *op = step->op ? step->op->name : step->node ? step->node->op->name : "group";
    return report_add(program->context->report, step->node, OP_UNSUPPORTED,
                      arena_printf(program->context->arena, "'%s' (%s) with --target cuda", step->origin, op), what);
}

/* The input that a size is an element of; NULL where it is none, or no such size. */
static const Buffer *input_of_size(const Program *program, const Step *step)
{
    if (step->kind != STEP_SIZE || step->size)
        return NULL;
    const Buffer *buffer = buffer_of(program, step->out[0]);
    buffer = buffer->kind == BUFFER_VIEW ? buffer->base : buffer;
    return buffer->kind == BUFFER_INPUT ? buffer : NULL;
}

/* An element in terms of sizes and inputs, as far as it can be said so; NULL: it is one, or no step of loops computes
 * it alone. */
static Expr *in_terms_of_inputs(void *who, Value *value, Expr *const *index)
{
    const Program *program = who;
    for (const Step *step = program->first; step; step = step->next)
        for (int i = 0; step->kind == STEP_LOOPS && i < step->nout; i++)
            if (step->out[i] == value && step->element[i].body && !step->element[i].update)
                return expr_substitute(program->context, step->element[i].body, step->element[i].axis, index,
                                       value->type.rank, in_terms_of_inputs, who);
    return NULL;
}

/* Whether the host may read all elements of the tensor whenever it starts a run. */
static bool is_read_on_host(const Program *program, const Value *value)
{
    bool is_constant = buffer_of(program, value)->kind == BUFFER_INPUT && !state_of_input(program, value);
    for (int i = 0; i < value->type.rank; i++)
        is_constant = is_constant && dim_is_const(value->type.dim[i], NULL);
    return is_constant;
}

static bool is_known_to_host(const Program *program, const Expr *e)
{
    bool known = e->kind != E_REDUCE && e->kind != E_WRAP && e->kind != E_CHECK &&
                 (e->kind != E_LOAD || is_read_on_host(program, e->u.value));
    const Expr *child;
    for (int i = 0; known && (child = expr_child(e, i)); i++)
        known = is_known_to_host(program, child);
    return known;
}

Expr *host_condition(const Program *program, const Step *step)
{
    Context *context = program->context;
    Value *value = step->in[0];
    Expr *index[MAX_RANK];
    for (int i = 0; i < value->type.rank; i++)
        index[i] = expr_index(context, 0);
    Expr *load = expr_load(context, value, index);
    Expr *condition = expr_substitute(context, load, NULL, NULL, 0, in_terms_of_inputs, (void *)program);
    return is_known_to_host(program, condition) ? condition : NULL;
}

/* Whether a branch depends on the input. */
static bool is_condition(const Program *program, const Step *step, const Buffer *input)
{
    const Expr *condition = step->kind == STEP_IF ? host_condition(program, step) : NULL;
    return condition && expr_reads_value(program->context, condition, input->value);
}

bool host_reads(const Program *program, const Buffer *input)
{
    for (const Step *step = program->first; step && is_for_cuda(program); step = step->next)
        if (step->is_needed && (input_of_size(program, step) == input || is_condition(program, step, input)))
            return true;
    return false;
}

static bool supports(const Program *program, const Step *step)
{
    static const char size[] = "only its data tells a size, which the host would have to wait for; use --target c, or "
                               "make its inputs constants with --fix";
    const Routine *routine = step->routine;
    if ((step->kind == STEP_IF && !host_condition(program, step)) ||
        (step->kind == STEP_LOOP && (step->in[0] || !step->size)))
        return refuse(program, step,
                      "only data tells how it goes on, which the host would have to wait for; use "
                      "--target c");
    for (int i = 0; routine && i < routine->nsize; i++)
        if (program->is_used[dim_symbol_index(routine->size[i])])
            return refuse(program, step, size);
    return step->kind != STEP_SIZE || step->size || input_of_size(program, step) || refuse(program, step, size);
}

bool cuda_supports(const Program *program)
{
    bool all = true;
    for (const Step *step = program->first; step; step = step->next)
        all = (!step->is_needed || supports(program, step)) && all;
    return all;
}

/* ---- calls ---- */
const char *cuda_launch(const Program *program, Dim *threads, const char *kernel, const char *arguments)
{
    return arena_printf(program->context->arena, "%slaunch(stream, %s, %s, %s%sfault)", program->prefix,
                        dim_in_run(program, threads), kernel, arguments, *arguments ? ", " : "");
}

const char *cuda_launch_teams(const Program *program, Dim *points, const char *kernel, const char *arguments)
{
    return arena_printf(program->context->arena, "%slaunch_teams(stream, %s, %s<1>, %s<%sBLOCK_WARPS>, %s%sfault)",
                        program->prefix, dim_in_run(program, points), kernel, kernel, program->upper, arguments,
                        *arguments ? ", " : "");
}

void cuda_print_call(const Program *program, Text *text, const char *call)
{
    text_wrapped(text, arena_printf(program->context->arena, "status = %s;", call),
                 4 * text->indent + (int)(strcspn(call, "(") + strlen("status = (")));
    text_line(text, "if (status != %sOK)", program->upper);
    text_line(text, "    return status;");
}

void cuda_print_copy(const Program *program, Text *text, const char *to, const char *from, const char *bytes,
                     const char *fault)
{
    cuda_print_call(program, text,
                    arena_printf(program->context->arena, "%scopy(stream, %s, %s, %s, %s)", program->prefix, to, from,
                                 bytes, fault));
}

/* ---- cuBLAS ---- */
Buffer *cuda_library_memory(Program *program)
{
    Context *context = program->context;
    Dim *bytes = dim_const(context->dims, LIBRARY_BYTES + LIBRARY_ALIGNMENT);
    return buffer_of(program, hidden_value(program, "scratch", type_tensor(U8, 1, &bytes), NULL));
}

bool calls_library(const Step *step)
{
    for (const Call *call = step->calls; call; call = call->next)
        if (call->on_host)
            return true;
    return false;
}

bool takes_handle(const Program *program)
{
    for (const Step *step = program->first; step; step = step->next)
        if (step->is_needed && calls_library(step))
            return true;
    return false;
}

/* ---- routines ---- */
/* The numbers that csr.h and csr.cuh take. */
enum { CSR_EDGES, CSR_VERTICES, CSR_SOURCES, CSR_LOOPS };

bool is_parallel_csr(const Program *program, const Step *step)
{
    if (step->kind != STEP_ROUTINE || strcmp(step->routine->name, "csr") != 0)
        return false;
    const Value *order = step->out[1];
    const bool wants_order = order && buffer_of(program, order)->is_needed;
    return !(wants_order && dim_equals(step->routine->n[CSR_LOOPS], 1)); /* numbers of what is left: not in parallel */
}

void cuda_routine_memory(const Program *program, Routine *routine)
{
    enum { COUNTS = 16 * 4096 };
    DimTable *dims = program->context->dims;
    if (strcmp(routine->name, "csr") != 0)
        return;
    Dim *items = dim_add(dims, routine->n[CSR_EDGES], dim_const(dims, COUNTS));
    if (!dim_equals(routine->n[CSR_LOOPS], 0))
        items = dim_add(dims, items, routine->n[CSR_VERTICES]);
    routine->scratch = dim_mul(dims, items, dim_const(dims, (int64_t)sizeof(int32_t)));
}

/* A kernel takes a routine's pointers and numbers one by one: arrays of the host's are not there on the device. */
static void add_parameters(Text *text, const char *type, const char *name, int count)
{
    for (int i = 0; i < count; i++)
        text_add(text, "%s%s%d, ", type, name, i);
}

static const char *array(const Program *program, Text *text, const char *type, const char *name, int count)
{
    if (count == 0)
        return "nullptr";
    Text *line = text_new(program->context->arena);
    text_add(line, "    %s%s[] = {", type, name);
    for (int i = 0; i < count; i++)
        text_add(line, "%s%s%d", i ? ", " : "", name, i);
    text_string(line, "};");
    text_wrapped(text, line->data, 8);
    return name;
}

static void print_routine(Program *program, Step *step, Text *text)
{
    Arena *arena = program->context->arena;
    const Routine *r = step->routine;
    step->name = function_identifier(program, arena_printf(arena, "call_%s", r->name));
    Text *head = text_new(arena);
    text_add(head, "static __global__ void %s(", step->name);
    const int hang = (int)head->length;
    add_parameters(head, "const void *", "in", r->nin);
    add_parameters(head, "void *", "out", r->nout);
    add_parameters(head, "int64_t ", "n", r->nn);
    add_parameters(head, "double ", "p", r->np);
    text_string(head, "void *scratch, int32_t *fault)");
    text_line(text, "/* %s */", step->label);
    text_wrapped(text, head->data, hang);
    text_line(text, "{");
    text_line(text, "    if (*fault)");
    text_line(text, "        return;");
    for (int i = 0; i < r->nsize; i++) /* nobody asks for it */
        text_line(text, "    int64_t size%d = 0, *out%d = &size%d;", i, r->nout + i, i);
    const char *in = array(program, text, "const void *const ", "in", r->nin);
    const char *out = array(program, text, "void *const ", "out", r->nout + r->nsize);
    const char *n = array(program, text, "const int64_t ", "n", r->nn);
    const char *p = array(program, text, "const double ", "p", r->np);
    text_line(text, "    *fault = %s%s%s%s(%s, %s, %s, %s, scratch);", program->prefix, r->name, *r->suffix ? "_" : "",
              r->suffix, in, out, n, p);
    text_line(text, "}");
    text_line(text, "%s", "");
}

void cuda_print_routines(Program *program, Text *text)
{
    for (Step *step = program->first; step; step = step->next)
        if (step->is_needed && step->kind == STEP_ROUTINE && !is_parallel_csr(program, step))
            print_routine(program, step, text);
}

static const char *place_of(const Program *program, const Value *value)
{
    const Buffer *buffer = value ? buffer_of(program, value) : NULL;
    return buffer && buffer->is_needed ? buffer->name : "nullptr";
}

static void print_csr_call(const Program *program, const Step *step, Text *text)
{
    Text *call = text_new(program->context->arena);
    text_add(call, "%scsr(stream, ", program->prefix);
    for (int i = 0; i < step->routine->nin; i++)
        text_add(call, "%s, ", buffer_of(program, step->routine->in[i])->name);
    for (int i = 0; i < step->routine->nout; i++)
        text_add(call, "%s, ", place_of(program, step->out[i]));
    for (int i = 0; i < step->routine->nn; i++)
        text_add(call, "%s, ", dim_in_run(program, step->routine->n[i]));
    text_add(call, "%s, fault)", step->scratch->name);
    cuda_print_call(program, text, call->data);
}

void cuda_print_routine_call(const Program *program, const Step *step, Text *text)
{
    const Routine *r = step->routine;
    if (is_parallel_csr(program, step)) {
        print_csr_call(program, step, text);
        return;
    }
    Text *arguments = text_new(program->context->arena);
    for (int i = 0; i < r->nin; i++)
        text_add(arguments, "%s, ", r->in[i] ? buffer_of(program, r->in[i])->name : "nullptr");
    for (int i = 0; i < r->nout; i++)
        text_add(arguments, "%s, ", i < step->nout ? place_of(program, step->out[i]) : "nullptr");
    for (int i = 0; i < r->nn; i++)
        text_add(arguments, "%s, ", dim_in_run(program, r->n[i]));
    for (int i = 0; i < r->np; i++)
        text_add(arguments, "%.17g, ", r->p[i]);
    text_string(arguments, step->scratch ? step->scratch->name : "nullptr");
    cuda_print_call(program, text,
                    cuda_launch(program, dim_const(program->context->dims, 1), step->name, arguments->data));
}

/* ---- the rest ---- */
static bool copies(const Program *program)
{
    bool any = program->nstate > 0;
    for (const Step *step = program->first; step; step = step->next)
        any |= step->is_needed && step->kind == STEP_COPY;
    return any;
}

void cuda_print_head(const Program *program, Text *text)
{
    if (takes_handle(program))
        text_line(text, "#include <cublas_v2.h>");
    text_line(text, "#include <cuda_runtime.h>");
    text_line(text, "#include <math.h>");
    text_line(text, "#include <string.h>");
    text_line(text, "%s", "");
    text_line(text, "#define %sRESTRICT __restrict__", program->upper);
    template_cuda(text, program->prefix, program->upper);
    if (copies(program))
        template_cuda_copy(text, program->prefix, program->upper);
    if (takes_handle(program))
        template_cuda_products(text, program->prefix, program->upper, program->options->tf32, LIBRARY_BYTES,
                               LIBRARY_ALIGNMENT);
    if (program->has_structure)
        template_cuda_sizes(text, program->prefix, program->upper, nsizes(program));
    cuda_print_carried(program, text);
}

void cuda_print_status(const Program *program, Text *text)
{
    template_cuda_status(text, program->prefix, program->upper);
}
