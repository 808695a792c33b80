/* selftest.c -- NAME_test.c: made-up inputs, and what the reference evaluator gives for them.
 *
 * Inputs come from a counter, so that the test and the evaluator have the same ones without storing them. Where the
 * evaluator would take long, or no sizes suit the model, the test runs the program twice and compares the two. What it
 * says is templates/test.c.t. */
#include "../frontend/evaluate.h"
#include "../runtime/noise.h"
#include "cuda.h"
#include "interface.h"
#include "template.h"
#include <math.h>
#include <string.h>

enum { MOST_OPERATIONS = 100000000, MOST_ELEMENTS = 20000, MOST_TRIPS = 10000 };
enum { MOST_UNBOUNDED = 64 };   /* of a size whose maximum the caller gives */
enum { MOST_STATIC = 1 << 30 }; /* bytes of arrays: linkers place 2 GB, some of it is the program's */

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
        if (program->is_unbounded[i])
            size = MOST_UNBOUNDED;
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

/* An element as a double in C: integers and numbers as they are, narrow floating types as their bits. */
static double printed_value(const Tensor *tensor, int64_t i)
{
    if (tensor->dtype == F32 || tensor->dtype == F64)
        return tensor_number(tensor, i);
    if (!dtype_is_float(tensor->dtype))
        return (double)tensor_int(tensor, i);
    return dtype_info(tensor->dtype)->size == 2 ? (double)*(const uint16_t *)tensor_at(tensor, i)
                                                : (double)*(const uint8_t *)tensor_at(tensor, i);
}

static const char *print_expected(const Example *example, const Tensor *tensor)
{
    enum { IN_A_LINE = 8 };
    Text *text = text_new(example->program->context->arena);
    for (int64_t i = 0; i < tensor->count; i++) {
        const double value = printed_value(tensor, i);
        if (isnan(value))
            text_string(text, "(double)NAN");
        else if (isinf(value))
            text_string(text, value < 0 ? "-(double)INFINITY" : "(double)INFINITY");
        else
            text_add(text, "%.9g", value);
        text_string(text, i + 1 == tensor->count || i % IN_A_LINE == IN_A_LINE - 1 ? ",\n" : ", ");
    }
    return tensor->count ? text->data : "0\n";
}

/* The greatest magnitude of a finite element, at least 1; 0 of integers, which do not round. */
static const char *print_greatest(const Example *example, const Tensor *tensor)
{
    double greatest = dtype_is_float(tensor->dtype);
    for (int64_t i = 0; greatest > 0 && i < tensor->count; i++) {
        const double magnitude = fabs(printed_value(tensor, i));
        if (magnitude > greatest && !isinf(magnitude))
            greatest = magnitude;
    }
    return arena_printf(example->program->context->arena, "%.3g", greatest);
}

static TestInput input_of(const Example *example, const Buffer *buffer, int number)
{
    const Type *type = &buffer->value->type;
    const DTypeInfo *info = dtype_info(type->dtype);
    const int64_t count = count_of(example, type);
    const Fill fill = fill_of(type->dtype, example->limit);
    const char *text = arena_printf(example->program->context->arena,
                                    "%lld, %d, %uu, UINT64_C(%#llx), UINT64_C(%#llx), UINT64_C(%#llx)",
                                    (long long)count, (int)info->size, seed_of(number), (unsigned long long)fill.least,
                                    (unsigned long long)fill.range, (unsigned long long)fill.sign);
    return (TestInput){info->storage, text, count ? count : 1};
}

static TestOutput output_of(const Example *example, int i)
{
    const Type *type = &example->program->output[i]->value->type;
    const Tensor *wanted = example->evaluated ? example->output[i]->tensor : NULL;
    const int64_t room = count_of(example, type), count = wanted ? wanted->count : room;
    return (TestOutput){dtype_info(type->dtype)->storage, wanted ? print_expected(example, wanted) : NULL,
                        wanted ? print_greatest(example, wanted) : NULL, room ? room : 1, count};
}

static const char *print_run_call(const Example *example, const Test *test, const char *result)
{
    const Program *program = example->program;
    Text *call = text_new(program->context->arena);
    text_add(call, "status = %srun(", program->prefix);
    for (int i = 0; i < nsizes(program); i++) {
        const bool is_maximum = i >= program->nparameter;
        text_add(call, "%lld, ",
                 (long long)(is_maximum ? MOST_UNBOUNDED : example->size[dim_symbol_index(program->parameter[i])]));
    }
    for (int i = 0; i < test->ninput; i++)
        text_add(call, "input_%d, ", i);
    for (int i = 0; i < test->noutput; i++)
        text_add(call, output_shape_name(program, i) ? "%s_%d, shape, " : "%s_%d, ", result, i);
    text_add(call, "%sworkspace%s%s);", takes_weights(program) ? "weights, " : "",
             takes_handle(program) ? ", blas" : "", is_for_cuda(program) ? ", NULL" : "");
    return call->data;
}

static int64_t workspace_bytes(const Example *example)
{
    const Program *program = example->program;
    int64_t total = is_for_cuda(program) ? 64 + 2 * FAULT_BYTES : 64, bytes = 0;
    for (int i = 0; i < program->nslot; i++) {
        dim_evaluate(dim_limit(program->context->dims, program->slot[i].bytes), example->size, &bytes);
        total += (bytes + 63) / 64 * 64;
    }
    return total;
}

static void find_tensors(const Example *example, Test *test)
{
    const Program *program = example->program;
    Arena *arena = program->context->arena;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        test->ninput += buffer->kind == BUFFER_INPUT;
    test->input = ARENA_ARRAY(arena, test->ninput + 1, TestInput);
    int number = 0;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        if (buffer->kind == BUFFER_INPUT) {
            test->input[number] = input_of(example, buffer, number);
            number++;
        }
    test->noutput = program->noutput;
    test->output = ARENA_ARRAY(arena, test->noutput + 1, TestOutput);
    for (int i = 0; i < test->noutput; i++) {
        test->output[i] = output_of(example, i);
        if (output_shape_name(program, i))
            test->shape_rank = MAX_RANK;
    }
}

/* Whether the test's memory is more than arrays should take. */
static bool is_large(const Example *example, const Test *test)
{
    const Program *program = example->program;
    double bytes = (double)test->workspace_bytes + (double)test->weight_bytes;
    int number = 0;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        if (buffer->kind == BUFFER_INPUT)
            bytes += (double)test->input[number++].room * (double)dtype_info(buffer->value->type.dtype)->size;
    for (int i = 0; i < test->noutput; i++) /* and of the second run */
        bytes += 2 * (double)test->output[i].room * (double)dtype_info(program->output[i]->value->type.dtype)->size;
    return bytes > MOST_STATIC;
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
    Test test = {.name = program->options->name,
                 .header = header_name(program),
                 .prefix = program->prefix,
                 .upper = program->upper,
                 .version = ONNX2C_VERSION,
                 .suffix = source_suffix(program),
                 .space = is_for_cuda(program) ? "__managed__ " : "",
                 .is_for_cuda = is_for_cuda(program),
                 .takes_handle = takes_handle(program),
                 .workspace_bytes = workspace_bytes(&example),
                 .weight_bytes = takes_weights(program) ? weight_total(program) : -1,
                 .is_evaluated = example.evaluated,
                 .noise = ""};
    find_tensors(&example, &test);
    test.is_large = is_large(&example, &test);
    if (test.ninput > 0)
        test.noise = carried_text(program, "noise.h");
    test.call = print_run_call(&example, &test, "result");
    test.call_again = print_run_call(&example, &test, "again");
    Text *text = text_new(context->arena);
    template_test(text, &test);
    fputs(text->data, to);
}
