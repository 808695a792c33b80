/* compare.c -- whether what a program computed is what was expected. */
#include "compare.h"
#include "../frontend/ops/lanes.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Says what differs; printf's arguments. Always false. */
static bool __attribute__((format(printf, 3, 4)))
differ(Comparison *comparison, const char *what, const char *format, ...)
{
    int length = snprintf(comparison->message, sizeof comparison->message, "%s ", what);
    va_list args;
    va_start(args, format);
    if (length > 0 && (size_t)length < sizeof comparison->message)
        vsnprintf(comparison->message + length, sizeof comparison->message - (size_t)length, format, args);
    va_end(args);
    return false;
}

static void shape_text(const Tensor *tensor, char *text, size_t size)
{
    size_t length = (size_t)snprintf(text, size, "%s[", dtype_info(tensor->dtype)->text);
    for (int i = 0; i < tensor->rank && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%" PRId64, i ? "," : "", tensor->dim[i]);
    if (length < size)
        snprintf(text + length, size - length, "]");
}

/* Up to 64 floating or complex elements from `first`, as doubles: two for a complex one. */
static int load_doubles(const Tensor *tensor, int64_t first, double *value)
{
    enum { BLOCK = 64 };
    bool is_complex = dtype_info(tensor->dtype)->class == COMPLEX;
    DType part = tensor->dtype == C64 ? F32 : tensor->dtype == C128 ? F64 : tensor->dtype;
    int64_t left = tensor->count - first;
    int count = left < BLOCK ? (int)left : BLOCK, per = is_complex ? 2 : 1;
    double compute[2 * BLOCK + LANE_CHUNK];
    unsigned char memory[2 * BLOCK * sizeof(double) + LANE_CHUNK * sizeof(double)] = {0};
    for (int i = 0; i < count; i++)
        memcpy(memory + (size_t)i * dtype_info(tensor->dtype)->size, tensor_at(tensor, first + i),
               dtype_info(tensor->dtype)->size);
    lanes_load(count * per, compute, memory, part);
    lanes_cast(count * per, value, F64, compute, dtype_compute(part));
    return count * per;
}

/* Types whose neighbours lie further apart than the usual tolerance: two units in the last place, as the runner of the
 * ONNX backend tests has it. */
static const double least_rtol[NUM_DTYPE] = {[BF16] = 0x1p-6};

static bool is_close(Comparison *comparison, double rtol, double got, double wanted)
{
    if (isnan(got) || isnan(wanted))
        return isnan(got) && isnan(wanted);
    if (got == wanted)
        return true;
    double difference = fabs(got - wanted);
    if (difference > comparison->largest)
        comparison->largest = difference;
    return isfinite(difference) && difference <= comparison->atol + rtol * fabs(wanted);
}

static bool compare_floats(Comparison *comparison, const char *what, const Tensor *got, const Tensor *wanted)
{
    enum { LANES = 128 + LANE_CHUNK };
    const double rtol = fmax(comparison->rtol, least_rtol[wanted->dtype]);
    double a[LANES], b[LANES], first_got = 0, first_wanted = 0;
    int64_t wrong = 0, first_wrong = 0;
    int per = dtype_info(got->dtype)->class == COMPLEX ? 2 : 1;
    for (int64_t i = 0, n; i < got->count; i += n / per) {
        n = load_doubles(got, i, a);
        load_doubles(wanted, i, b);
        for (int64_t k = 0; k < n; k++) {
            if (is_close(comparison, rtol, a[k], b[k]))
                continue;
            if (wrong++ == 0) {
                first_wrong = i + k / per;
                first_got = a[k];
                first_wanted = b[k];
            }
        }
    }
    return wrong == 0 || differ(comparison, what,
                                "differs in %" PRId64 " of %" PRId64 " elements, by up to %.3g; element %" PRId64
                                " is %.9g, wants %.9g",
                                wrong, got->count * per, comparison->largest, first_wrong, first_got, first_wanted);
}

static bool compare_exactly(Comparison *comparison, const char *what, const Tensor *got, const Tensor *wanted)
{
    bool is_text = got->dtype == STRING;
    size_t size = dtype_info(got->dtype)->size;
    for (int64_t i = 0; i < got->count; i++) {
        const void *a = tensor_at(got, i), *b = tensor_at(wanted, i);
        if (is_text ? strcmp(*(char *const *)a, *(char *const *)b) == 0 : memcmp(a, b, size) == 0)
            continue;
        if (is_text)
            return differ(comparison, what, "element %" PRId64 " is \"%.60s\", wants \"%.60s\"", i, *(char *const *)a,
                          *(char *const *)b);
        return differ(comparison, what, "element %" PRId64 " is %" PRId64 ", wants %" PRId64, i, tensor_int(got, i),
                      tensor_int(wanted, i));
    }
    return true;
}

static bool compare_tensors(Comparison *comparison, const char *what, const Tensor *got, const Tensor *wanted)
{
    bool same = got->dtype == wanted->dtype && got->rank == wanted->rank;
    for (int i = 0; same && i < got->rank; i++)
        same = got->dim[i] == wanted->dim[i];
    if (!same) {
        char a[160], b[160];
        shape_text(got, a, sizeof a);
        shape_text(wanted, b, sizeof b);
        return differ(comparison, what, "is %s, wants %s", a, b);
    }
    DTypeClass class = dtype_info(got->dtype)->class;
    return class == FLOATING || class == COMPLEX ? compare_floats(comparison, what, got, wanted)
                                                 : compare_exactly(comparison, what, got, wanted);
}

/* The tensor of a datum that may be an optional around one; NULL when there is none. */
static const Datum *inside_optional(const Datum *datum)
{
    while (datum && datum->kind == OPTIONAL && !datum->tensor)
        datum = datum->count ? datum->item[0] : NULL;
    return datum;
}

bool compare(Comparison *comparison, const char *what, const Datum *got, const Datum *wanted)
{
    got = inside_optional(got);
    wanted = inside_optional(wanted);
    if (!got || !wanted)
        return got == wanted ||
               differ(comparison, what, "is %s, wants %s", got ? "there" : "empty", wanted ? "some" : "none");
    if (wanted->tensor)
        return got->tensor ? compare_tensors(comparison, what, got->tensor, wanted->tensor)
                           : differ(comparison, what, "is a sequence, wants a tensor");
    if (got->tensor)
        return differ(comparison, what, "is a tensor, wants a sequence");
    if (got->count != wanted->count)
        return differ(comparison, what, "is a sequence of %d, wants one of %d", got->count, wanted->count);
    for (int i = 0; i < wanted->count; i++) {
        char item[200];
        snprintf(item, sizeof item, "%s[%d]", what, i);
        if (!compare(comparison, item, got->item[i], wanted->item[i]))
            return false;
    }
    return true;
}
