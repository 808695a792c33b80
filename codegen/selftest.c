/* selftest.c -- NAME_test.c: made-up inputs, and what the reference evaluator gives for them.
 *
 * Inputs come from a counter, so that the test and the evaluator have the same ones without storing them. Where the
 * evaluator would take long, or no sizes suit the model, the test runs the program twice and compares the two. */
#include "../frontend/evaluate.h"
#include "interface.h"
#include <math.h>
#include <string.h>

enum { MOST_OPERATIONS = 100000000, MOST_ELEMENTS = 20000, MOST_TRIPS = 10000 };

typedef struct {
    Program *program;
    int64_t *size; /* by symbol index */
    Datum **output;
    bool evaluated;
} Example;

/* ---- inputs ---- the same text computes them here and in the test */
static uint32_t noise(uint32_t counter)
{
    uint32_t x = counter * 2654435761u;
    x ^= x >> 15;
    x *= 2246822519u;
    return x ^ x >> 13;
}

static void fill(Tensor *tensor, uint32_t seed)
{
    for (int64_t i = 0; i < tensor->count; i++) {
        const uint32_t x = noise(seed + (uint32_t)i);
        if (tensor->dtype == F32)
            ((float *)tensor->data)[i] = (float)(x >> 8) / 8388608.0f - 1.0f;
        else if (tensor->dtype == F64)
            ((double *)tensor->data)[i] = (double)(x >> 8) / 8388608.0 - 1.0;
        else if (dtype_info(tensor->dtype)->size == 8)
            ((int64_t *)tensor->data)[i] = (int64_t)(x % 2);
        else if (dtype_info(tensor->dtype)->size == 4)
            ((int32_t *)tensor->data)[i] = (int32_t)(x % 2);
        else if (dtype_info(tensor->dtype)->size == 2)
            ((uint16_t *)tensor->data)[i] = (uint16_t)(x % 2);
        else
            ((uint8_t *)tensor->data)[i] = (uint8_t)(x % 2);
    }
}

static const char fill_text[] = "static uint32_t noise(uint32_t counter)\n"
                                "{\n"
                                "    uint32_t x = counter * 2654435761u;\n"
                                "    x ^= x >> 15;\n"
                                "    x *= 2246822519u;\n"
                                "    return x ^ x >> 13;\n"
                                "}\n";

/* The expression that fills element i of an input. */
static const char *fill_expression(const Type *type)
{
    const size_t size = dtype_info(type->dtype)->size;
    return type->dtype == F32   ? "(float)(noise(seed + (uint32_t)i) >> 8) / 8388608.0f - 1.0f"
           : type->dtype == F64 ? "(double)(noise(seed + (uint32_t)i) >> 8) / 8388608.0 - 1.0"
           : size == 8          ? "(noise(seed + (uint32_t)i) % 2)"
           : size == 4          ? "(noise(seed + (uint32_t)i) % 2)"
                                : "(noise(seed + (uint32_t)i) % 2)";
}

/* ---- sizes ---- */
/* How often the steps of a loop are taken: as often as is known, or else once for what the test allows of trips. */
static int64_t trips_of(const Example *example, const Step *loop)
{
    int64_t trips;
    if (!dim_evaluate(loop->size ? loop->size : loop->symbol, example->size, &trips) || trips > MOST_TRIPS)
        return MOST_TRIPS;
    return trips > 1 ? trips : 1;
}

/* Whether the evaluator takes little time with these sizes. */
static bool is_affordable(const Example *example)
{
    int64_t operations = 0, some, around = 1;
    for (const Step *step = example->program->first; step; step = step->next) {
        if (step->is_needed && step->kind == STEP_LOOP)
            around *= trips_of(example, step);
        if (step->is_needed && step->kind == STEP_END && step->open->kind == STEP_LOOP)
            around /= trips_of(example, step->open);
        if (around > MOST_TRIPS)
            return false;
        if (!step->is_needed || !step->cost.operations)
            continue;
        if (!dim_evaluate(step->cost.operations, example->size, &some) ||
            some > (MOST_OPERATIONS - operations) / around)
            return false;
        operations += around * some;
    }
    return true;
}

/* Sizes that must be equal are. */
static void fit_sizes(const Example *example)
{
    for (const Requirement *r = example->program->requires.first; r; r = r->next)
        for (int i = 0; r->is_equal && i < 2; i++) {
            Dim *symbol = i ? r->low : r->high;
            int64_t size;
            if (!dim_is_symbol(symbol) || !dim_evaluate(i ? r->high : r->low, example->size, &size))
                continue;
            example->size[dim_symbol_index(symbol)] = size;
            break;
        }
}

static bool choose_sizes(Example *example, int64_t least)
{
    const Program *program = example->program;
    DimTable *dims = program->context->dims;
    for (int i = 0; i < dim_symbol_count(dims); i++) {
        Dim *symbol = dim_symbol_at(dims, i);
        int64_t size = least;
        for (int k = 0; k < program->nparameter; k++)
            if (program->parameter[k] == symbol && least > 1)
                size = least + 3 * k;
        example->size[i] = size < dim_lower(symbol)   ? dim_lower(symbol)
                           : size > dim_upper(symbol) ? dim_upper(symbol)
                                                      : size;
    }
    fit_sizes(example);
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next) {
        int64_t bytes, dim;
        for (int i = 0; buffer->kind == BUFFER_INPUT && i < buffer->value->type.rank; i++)
            if (!dim_evaluate(buffer->value->type.dim[i], example->size, &dim) || dim < 0)
                return false;
        if (!dim_evaluate(buffer_bytes(program, buffer->value), example->size, &bytes) || bytes > 1 << 26)
            return false;
    }
    return is_affordable(example);
}

/* ---- the evaluator's results ---- */
static void run_evaluator(void *who)
{
    Example *example = who;
    const Graph *graph = example->program->graph;
    Context *context = example->program->context;
    Datum **input = ARENA_ARRAY(context->arena, graph->nin, Datum *);
    int number = 0;
    for (int i = 0; i < graph->nin; i++) {
        const Type *type = &graph->in[i]->type;
        int64_t dim[MAX_RANK];
        if (graph->in[i]->constant)
            continue;
        for (int k = 0; k < type->rank; k++)
            dim_evaluate(type->dim[k], example->size, &dim[k]);
        Tensor *tensor = tensor_new(context, type->dtype, type->rank, dim);
        fill(tensor, 1000003u * (uint32_t)number++);
        input[i] = datum_of_tensor(context, tensor);
    }
    example->output = ARENA_ARRAY(context->arena, graph->nout, Datum *);
    example->evaluated = evaluate(graph, input, example->output);
    for (int i = 0; example->evaluated && i < graph->nout; i++)
        example->evaluated = example->output[i]->tensor && example->output[i]->tensor->count <= MOST_ELEMENTS;
}

/* Sizes for which the evaluator has results. */
static void find_example(Example *example)
{
    static const int64_t candidates[] = {5, 16, 64, 1};
    Context *context = example->program->context;
    const int64_t max_trips = context->max_trips;
    Report *report = context->report;
    context->max_trips = MOST_TRIPS; /* a loop may go on for ever */
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates && !example->evaluated; i++) {
        if (!choose_sizes(example, candidates[i]))
            continue;
        const ReportMark mark = report_mark(report);
        example->evaluated = false;
        if (!report_guard(report, run_evaluator, example))
            example->evaluated = false;
        report_rewind(report, mark);
    }
    context->max_trips = max_trips;
    if (!example->evaluated)
        choose_sizes(example, 1);
}

/* ---- the test ---- */
static int64_t count_of(const Example *example, const Type *type)
{
    int64_t count = 1, dim = 0;
    for (int i = 0; i < type->rank; i++) {
        dim_evaluate(dim_limit(example->program->context->dims, type->dim[i]), example->size, &dim);
        count *= dim;
    }
    return count;
}

static void print_expected(Text *text, const Tensor *tensor, int number)
{
    text_line(text, "static const double expected_%d[%lld] = {", number,
              (long long)(tensor->count ? tensor->count : 1));
    for (int64_t i = 0; i < tensor->count; i++) {
        double value;
        switch (tensor->dtype) {
        case F32:
            value = (double)*(const float *)tensor_at(tensor, i);
            break;
        case F64:
            value = *(const double *)tensor_at(tensor, i);
            break;
        default: /* integers; narrow floating types by their bits */
            value = dtype_info(tensor->dtype)->class == FLOATING
                        ? (double)(dtype_info(tensor->dtype)->size == 2 ? *(const uint16_t *)tensor_at(tensor, i)
                                                                        : *(const uint8_t *)tensor_at(tensor, i))
                        : (double)tensor_int(tensor, i);
        }
        if (isnan(value))
            text_string(text, "(double)NAN");
        else if (isinf(value))
            text_string(text, value < 0 ? "-(double)INFINITY" : "(double)INFINITY");
        else
            text_add(text, "%.9g", value);
        text_string(text, i % 8 == 7 ? ",\n" : ", ");
    }
    text_string(text, tensor->count ? "};\n" : "0};\n");
}

static void print_inputs(const Example *example, Text *text)
{
    int number = 0;
    for (const Buffer *buffer = example->program->buffers; buffer; buffer = buffer->next) {
        if (buffer->kind != BUFFER_INPUT)
            continue;
        const Type *type = &buffer->value->type;
        const long long count = (long long)count_of(example, type);
        const char *storage = dtype_info(type->dtype)->storage;
        text_line(text, "static %s input_%d[%lld];", storage, number, count ? count : 1);
        text_line(text, "static void fill_%d(void)", number);
        text_line(text, "{");
        text_line(text, "    const uint32_t seed = %uu;", 1000003u * (unsigned)number);
        text_line(text, "    for (int64_t i = 0; i < %lld; i++)", count);
        text_line(text, "        input_%d[i] = (%s)(%s);", number++, storage, fill_expression(type));
        text_line(text, "}");
    }
}

static void print_run_call(const Example *example, Text *text, const char *result)
{
    const Program *program = example->program;
    Text *call = text_new(program->context->arena);
    text_add(call, "status = %srun(", program->prefix);
    for (int i = 0; i < nsizes(program); i++) {
        const long long size =
            i < program->nparameter ? (long long)example->size[dim_symbol_index(program->parameter[i])] : 64;
        text_add(call, "%lld, ", size);
    }
    int number = 0;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        if (buffer->kind == BUFFER_INPUT)
            text_add(call, "input_%d, ", number++);
    for (int i = 0; i < program->noutput; i++) {
        text_add(call, "%s_%d, ", result, i);
        if (output_shape_name(program, i))
            text_string(call, "shape, ");
    }
    text_add(call, "%sworkspace);", takes_weights(program) ? "weights, " : "");
    text_wrapped(text, call->data, 4 * text->indent + 8);
}

static int64_t workspace_bytes(const Example *example)
{
    const Program *program = example->program;
    int64_t total = 64, bytes = 0;
    for (int i = 0; i < program->nslot; i++) {
        dim_evaluate(dim_limit(program->context->dims, program->slot[i].bytes), example->size, &bytes);
        total += (bytes + 63) / 64 * 64;
    }
    return total;
}

static void print_comparison(const Example *example, Text *text, int output)
{
    const Type *type = &example->program->output[output]->value->type;
    if (example->evaluated) {
        const long long count = (long long)example->output[output]->tensor->count;
        text_line(text, "for (int64_t i = 0; i < %lld; i++)", count);
        text_line(text, "    bad += differs((double)result_%d[i], expected_%d[i]);", output, output);
    } else {
        text_line(text, "bad += memcmp(result_%d, again_%d, %lld * sizeof(%s)) != 0;", output, output,
                  (long long)count_of(example, type), dtype_info(type->dtype)->storage);
    }
}

static void print_main(const Example *example, Text *text)
{
    const Program *program = example->program;
    const bool bin = takes_weights(program);
    text_line(text, "int main(void)");
    text_line(text, "{");
    text->indent++;
    text_line(text, "enum %sstatus status;", program->prefix);
    text_line(text, "long bad = 0;");
    text_line(text, "char *workspace = memory + (64 - (uintptr_t)memory %% 64) %% 64;");
    if (bin) {
        text_line(text, "char *weights = weight_memory + (64 - (uintptr_t)weight_memory %% 64) %% 64;");
        text_line(text, "FILE *file = fopen(\"%s_weights.bin\", \"rb\");", program->options->name);
        text_line(text, "if (!file || fread(weights, 1, (size_t)%sWEIGHT_BYTES, file) != (size_t)%sWEIGHT_BYTES)",
                  program->upper, program->upper);
        text_line(text, "    return 1;");
        text_line(text, "fclose(file);");
    }
    int number = 0;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        if (buffer->kind == BUFFER_INPUT)
            text_line(text, "fill_%d();", number++);
    print_run_call(example, text, "result");
    if (!example->evaluated) {
        text_line(text, "const enum %sstatus first = status;", program->prefix);
        print_run_call(example, text, "again");
        text_line(text, "bad += status != first;");
        text_line(text, "if (status == %sOK) {", program->upper);
        text->indent++;
    } else {
        text_line(text, "bad += status != %sOK;", program->upper);
    }
    for (int i = 0; i < program->noutput; i++)
        print_comparison(example, text, i);
    if (!example->evaluated) {
        text->indent--;
        text_line(text, "}");
    }
    text_line(text, "printf(\"%s: %%s, %%s\\n\", %sstatus_text(status), bad ? \"FAILED\" : \"passed\");",
              program->options->name, program->prefix);
    text_line(text, "return bad != 0;");
    text->indent--;
    text_line(text, "}");
}

void write_test(const Program *program, FILE *to)
{
    Context *context = program->context;
    Example example = {.program = (Program *)program,
                       .size = ARENA_ARRAY(context->arena, dim_symbol_count(context->dims) + 4096, int64_t)};
    find_example(&example);
    Text *text = text_new(context->arena);
    const char *name = program->options->name;
    text_line(text, "/* %s_test.c -- generated by onnx2c %s: %s */", name, ONNX2C_VERSION,
              example.evaluated ? "made-up inputs, and the results of the reference evaluator."
                                : "the program run twice must give the same.");
    text_line(text, "#include \"%s.h\"", name);
    text_line(text, "#include <math.h>");
    text_line(text, "#include <stdio.h>");
    text_line(text, "#include <string.h>");
    text_line(text, "%s", "");
    text_line(text, "static char memory[%lld];", (long long)workspace_bytes(&example));
    if (takes_weights(program))
        text_line(text, "static char weight_memory[%lld];", (long long)weight_total(program) + 64);
    for (int i = 0; i < program->noutput; i++) {
        const Type *type = &program->output[i]->value->type;
        const long long count = (long long)count_of(&example, type);
        text_line(text, "static %s result_%d[%lld];", dtype_info(type->dtype)->storage, i, count ? count : 1);
        if (!example.evaluated)
            text_line(text, "static %s again_%d[%lld];", dtype_info(type->dtype)->storage, i, count ? count : 1);
        else
            print_expected(text, example.output[i]->tensor, i);
    }
    bool has_inputs = false, has_shapes = false;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        has_inputs |= buffer->kind == BUFFER_INPUT;
    for (int i = 0; i < program->noutput; i++)
        has_shapes |= output_shape_name(program, i) != NULL;
    if (has_shapes)
        text_line(text, "static int64_t shape[%d];", MAX_RANK);
    text_line(text, "%s", "");
    if (has_inputs)
        text_string(text, fill_text);
    print_inputs(&example, text);
    if (example.evaluated) {
        text_line(text, "static int differs(double got, double wanted)");
        text_line(text, "{");
        text_line(
            text,
            "    return !(fabs(got - wanted) <= 1e-4 + 1e-3 * fabs(wanted)) && got != wanted && wanted == wanted;");
        text_line(text, "}");
    }
    print_main(&example, text);
    fputs(text->data, to);
}
