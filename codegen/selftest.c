/* selftest.c -- NAME_test.c: made-up inputs, and what the reference evaluator gives for them.
 *
 * Inputs come from a counter, so that the test and the evaluator have the same ones without storing them. Where the
 * evaluator would take long, or no sizes suit the model, the test runs the program twice and compares the two. */
#include "../frontend/evaluate.h"
#include "../runtime/noise.h"
#include "interface.h"
#include <math.h>
#include <string.h>

enum { MOST_OPERATIONS = 100000000, MOST_ELEMENTS = 20000, MOST_TRIPS = 10000 };

typedef struct {
    Program *program;
    int64_t *size; /* by symbol index */
    int nsymbol;   /* those of the program: the evaluator makes more */
    int64_t limit; /* integers of inputs are below it */
    Datum **output;
    bool evaluated;
} Example;

/* ---- inputs ---- */
/* The bits of a tensor's elements, see runtime/noise.h. */
typedef struct {
    uint64_t least, range, sign;
} Fill;

/* A number of that type as bits, and the number that these are. */
static uint64_t bits_of(DType type, double *number)
{
    uint64_t eight = 0;
    uint32_t four;
    uint16_t two;
    uint8_t one;
    Tensor tensor = {.dtype = type, .count = 1, .data = &eight};
    tensor_set_number(&tensor, 0, *number);
    *number = tensor_number(&tensor, 0);
    memcpy(&four, &eight, sizeof four);
    memcpy(&two, &eight, sizeof two);
    memcpy(&one, &eight, sizeof one);
    const size_t size = dtype_info(type)->size;
    return size == 8 ? eight : size == 4 ? four : size == 2 ? two : one;
}

static double as_held(DType type, double number)
{
    bits_of(type, &number);
    return number;
}

/* Floating numbers from 0.5 to 2 and, where there are any, from -2 to -0.5; others from 0 to below a limit. */
static Fill fill_of(DType type, int64_t limit)
{
    double half = 0.5, one = 1, two = 2, minus = -1;
    if (!dtype_is_float(type))
        return (Fill){0, type == BOOL ? 2 : 1 + (uint64_t)as_held(type, (double)(limit - 1)), 0};
    const uint64_t least = bits_of(type, &half);
    const uint64_t sign = bits_of(type, &one) ^ bits_of(type, &minus);
    return (Fill){least, bits_of(type, &two) - least, minus == -1 ? sign : 0};
}

static uint32_t seed_of(int input)
{
    return 1000003u * (uint32_t)input;
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

/* Below what integers of inputs are: below every dimension that is more than a pair, so that they may be indices. */
static int64_t least_dimension(const Example *example)
{
    int64_t least = 0, dim;
    for (const Buffer *buffer = example->program->buffers; buffer; buffer = buffer->next)
        for (int i = 0; buffer->kind == BUFFER_INPUT && i < buffer->value->type.rank; i++)
            if (dim_evaluate(buffer->value->type.dim[i], example->size, &dim) && dim > 2 && (!least || dim < least))
                least = dim;
    return least ? least : 2;
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
    for (int i = 0; i < example->nsymbol; i++) {
        Dim *symbol = dim_symbol_at(program->context->dims, i);
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
        const Fill fill = fill_of(type->dtype, example->limit);
        o2c_fill(tensor->data, tensor->count, (int)dtype_info(type->dtype)->size, seed_of(number++), fill.least,
                 fill.range, fill.sign);
        input[i] = datum_of_tensor(context, tensor);
    }
    example->output = ARENA_ARRAY(context->arena, graph->nout, Datum *);
    example->evaluated = evaluate(graph, input, example->output);
    for (int i = 0; example->evaluated && i < graph->nout; i++)
        example->evaluated = example->output[i]->tensor && example->output[i]->tensor->count <= MOST_ELEMENTS;
}

/* Sizes for which the evaluator has results. Where larger integers lead it astray, zero and one may not. */
static void find_example(Example *example)
{
    static const int64_t candidates[] = {5, 16, 64, 1};
    enum { CANDIDATES = sizeof candidates / sizeof *candidates };
    Context *context = example->program->context;
    const int64_t max_trips = context->max_trips;
    Report *report = context->report;
    context->max_trips = MOST_TRIPS; /* a loop may go on for ever */
    for (int i = 0; i < 2 * CANDIDATES && !example->evaluated; i++) {
        if (!choose_sizes(example, candidates[i % CANDIDATES]))
            continue;
        example->limit = i < CANDIDATES ? least_dimension(example) : 2;
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
        text_line(text, "static %s input_%d[%lld];", storage, number++, count ? count : 1);
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

static void print_fills(const Example *example, Text *text)
{
    int number = 0;
    for (const Buffer *buffer = example->program->buffers; buffer; buffer = buffer->next) {
        if (buffer->kind != BUFFER_INPUT)
            continue;
        const Type *type = &buffer->value->type;
        const Fill fill = fill_of(type->dtype, example->limit);
        text_line(text, "%sfill(input_%d, %lld, %d, %uu, UINT64_C(%#llx), UINT64_C(%#llx), UINT64_C(%#llx));",
                  example->program->prefix, number, (long long)count_of(example, type),
                  (int)dtype_info(type->dtype)->size, seed_of(number), (unsigned long long)fill.least,
                  (unsigned long long)fill.range, (unsigned long long)fill.sign);
        number++;
    }
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
    print_fills(example, text);
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
    const int nsymbol = dim_symbol_count(context->dims);
    Example example = {.program = (Program *)program,
                       .size = ARENA_ARRAY(context->arena, nsymbol + 1, int64_t),
                       .nsymbol = nsymbol,
                       .limit = 2};
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
    fputs(text->data, to);
    if (has_inputs)
        write_carried(program, "noise.h", to);
    text = text_new(context->arena);
    print_inputs(&example, text);
    if (example.evaluated) {
        text_line(text, "static int differs(double got, double wanted)");
        text_line(text, "{");
        text_line(text, "    if (got != got || wanted != wanted)");
        text_line(text, "        return got == got || wanted == wanted;");
        text_line(text, "    return got != wanted && !(fabs(got - wanted) <= 1e-4 + 1e-3 * fabs(wanted));");
        text_line(text, "}");
    }
    print_main(&example, text);
    fputs(text->data, to);
}
