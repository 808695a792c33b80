/* state.c -- what a program hands from one call to the next: parameters that are trained, the optimizer's memory,
 * caches.
 *
 * The model says which inputs are kept and which outputs they become (model_open_kept). NAME_run takes and gives both
 * as it does all tensors. NAME_step keeps them in a struct of the caller's, which it changes only if all went well;
 * NAME_init gives it the model's initial values. */
#include "cuda.h"
#include "interface.h"
#include "lower.h"
#include <string.h>

/* ---- which ---- */
static bool is_zero(const Tensor *tensor)
{
    const size_t size = dtype_info(tensor->dtype)->size;
    for (int64_t i = 0; i < tensor->count; i++)
        for (size_t k = 0; k < size; k++)
            if (((const char *)tensor_at(tensor, i))[k])
                return false;
    return true;
}

void find_state(Program *program)
{
    const Model *model = program->model;
    program->state = ARENA_ARRAY(program->context->arena, model->nkept, State);
    for (int i = 0; i < model->nkept; i++)
        program->state[program->nstate++] =
            (State){model->kept[i].in, model->kept[i].out, model->kept[i].initial, NULL};
}

void place_initial_state(Program *program)
{
    for (int i = 0; i < program->nstate; i++) {
        State *state = &program->state[i];
        if (!state->initial || is_zero(state->initial))
            continue;
        Value *weight = hidden_value(program, state->input->name, state->input->type, state->initial);
        state->weight = buffer_of(program, weight);
        state->weight->is_needed = true;
    }
}

const State *state_of_input(const Program *program, const Value *input)
{
    for (int i = 0; i < program->nstate; i++)
        if (program->state[i].input == input)
            return &program->state[i];
    return NULL;
}

const State *state_of_output(const Program *program, int output)
{
    for (int i = 0; i < program->nstate; i++)
        if (program->state[i].output == output)
            return &program->state[i];
    return NULL;
}

/* ---- text ---- */
static int64_t bytes_of(const State *state)
{
    int64_t bytes = (int64_t)dtype_info(state->input->type.dtype)->size, dim;
    for (int i = 0; i < state->input->type.rank; i++)
        if (dim_is_const(state->input->type.dim[i], &dim))
            bytes *= dim;
    return bytes;
}

/* Where the next value of a state lies in the workspace, behind what NAME_run takes; of NULL, where all end. */
static int64_t next_at(const Program *program, const State *wanted)
{
    int64_t at = 0;
    for (int i = 0; i < program->nstate && &program->state[i] != wanted; i++)
        if (program->state[i].output >= 0)
            at += (bytes_of(&program->state[i]) + 63) / 64 * 64;
    return at;
}

static const char *field(const Program *program, const State *state)
{
    return buffer_of(program, state->input)->name;
}

HeaderField *state_fields(const Program *program, int *count)
{
    Arena *arena = program->context->arena;
    *count = program->nstate;
    HeaderField *fields = ARENA_ARRAY(arena, program->nstate + 1, HeaderField);
    for (int i = 0; i < program->nstate; i++) {
        const State *state = &program->state[i];
        const Type *type = &state->input->type;
        const int64_t size = (int64_t)dtype_info(type->dtype)->size, bytes = bytes_of(state);
        const char *who = state->output < 0 ? ", as the caller sets it" : "";
        fields[i] =
            (HeaderField){dtype_info(type->dtype)->storage, field(program, state),
                          arena_printf(arena, "%s%s", type_comment(program, type), who), bytes > 0 ? bytes / size : 1};
    }
    return fields;
}

/* The same on the device, whose state the host knows the places of but cannot read. */
static void print_device_init(const Program *program, Text *text, const State *state)
{
    const char *name = field(program, state);
    const char *call =
        state->weight
            ? arena_printf(program->context->arena,
                           "cudaMemcpyAsync(state->%s, %s, sizeof state->%s, cudaMemcpyDeviceToDevice, stream)", name,
                           weight_place(program, state->weight), name)
            : arena_printf(program->context->arena, "cudaMemsetAsync(state->%s, 0, sizeof state->%s, stream)", name,
                           name);
    text_wrapped(text, arena_printf(program->context->arena, "    if (%s != cudaSuccess)", call), 8);
    text_line(text, "        return %sLAUNCH_FAILED;", program->upper);
}

static void print_init(const Program *program, Text *text)
{
    text_string(text, prototype(program, FUNCTION_INIT, false));
    text_line(text, "{");
    for (int i = 0; i < program->nstate; i++) {
        const State *state = &program->state[i];
        const char *name = field(program, state);
        if (is_for_cuda(program))
            print_device_init(program, text, state);
        else if (!state->weight)
            text_line(text, "    memset(state->%s, 0, sizeof state->%s);", name, name);
        else
            text_line(text, "    memcpy(state->%s, %s, sizeof state->%s);", name, weight_place(program, state->weight),
                      name);
    }
    if (is_for_cuda(program))
        text_line(text, "    return %sOK;", program->upper);
    text_line(text, "}");
    text_line(text, "%s", "");
}

static void print_step_workspace(const Program *program, Text *text)
{
    const long long more = (long long)next_at(program, NULL);
    text_string(text, prototype(program, FUNCTION_STEP_WORKSPACE, false));
    text_line(text, "{");
    text_line(text, "    const size_t bytes = %s(%s);", function_name(program, FUNCTION_WORKSPACE),
              size_arguments(program));
    text_line(text, "    return bytes > SIZE_MAX - %lld ? SIZE_MAX : bytes + %lld;", more, more);
    text_line(text, "}");
    text_line(text, "%s", "");
}

static void print_step(const Program *program, Text *text, Function step, Function run)
{
    Arena *arena = program->context->arena;
    text_string(text, prototype(program, step, false));
    text_line(text, "{");
    text_line(text, "    const size_t bytes = %s(%s);", function_name(program, FUNCTION_WORKSPACE),
              size_arguments(program));
    text_line(text, "    char *next = (char *)workspace + (bytes == SIZE_MAX ? 0 : bytes);");
    text_line(text, "    if (bytes == SIZE_MAX)");
    text_line(text, "        return %sBAD_SIZE;", program->upper);
    for (int i = 0; i < program->nstate; i++)
        if (program->state[i].output >= 0) {
            const char *storage = dtype_info(program->state[i].input->type.dtype)->storage;
            text_line(text, "    %s *%s = (%s *)(void *)(next + %lld);", storage,
                      program->output[program->state[i].output]->name, storage,
                      (long long)next_at(program, &program->state[i]));
        }
    for (int i = 0; i < program->nstate; i++)
        text_line(text, "    const %s *%s = state->%s;", dtype_info(program->state[i].input->type.dtype)->storage,
                  field(program, &program->state[i]), field(program, &program->state[i]));
    text_wrapped(text,
                 arena_printf(arena, "    %senum %sstatus status = %s(%s);", is_for_cuda(program) ? "" : "const ",
                              program->prefix, function_name(program, run), function_parameters(program, run, false)),
                 8);
    text_line(text, "    if (status != %sOK)", program->upper);
    text_line(text, "        return status;");
    for (int i = 0; i < program->nstate; i++)
        if (program->state[i].output >= 0) {
            const char *name = field(program, &program->state[i]);
            if (is_for_cuda(program)) {
                text->indent++;
                cuda_print_copy(program, text, arena_printf(arena, "state->%s", name),
                                program->output[program->state[i].output]->name,
                                arena_printf(arena, "%lld", (long long)bytes_of(&program->state[i])),
                                "(const int32_t *)workspace");
                text->indent--;
                continue;
            }
            text_line(text, "    memcpy(state->%s, %s, %lld);", name, program->output[program->state[i].output]->name,
                      (long long)bytes_of(&program->state[i]));
        }
    text_line(text, "    return status;");
    text_line(text, "}");
    text_line(text, "%s", "");
}

void print_state_functions(const Program *program, Text *text)
{
    text_line(text, "%s", "");
    print_init(program, text);
    print_step_workspace(program, text);
    print_step(program, text, FUNCTION_STEP, FUNCTION_RUN);
    if (program->has_structure)
        print_step(program, text, FUNCTION_STEP_GRAPH, FUNCTION_RUN_GRAPH);
    text->length--; /* the blank line at the end */
    text->data[text->length] = '\0';
}
