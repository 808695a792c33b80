/* control.c -- running the operators that run subgraphs, and those on sequences and optionals. */
#include "control.h"
#include <string.h>

/* ---- data ---- */
static Datum *has(const Call *call, int input)
{
    return input < call->node->nin ? call->input[input] : NULL;
}

static Datum *integer_datum(const Call *call, DType dtype, int64_t value, int rank)
{
    const int64_t one = 1;
    Tensor *tensor = tensor_new(call->context, dtype, rank, &one);
    if (dtype == BOOL)
        *(uint8_t *)tensor->data = value != 0;
    else
        *(int64_t *)tensor->data = value;
    return datum_of_tensor(call->context, tensor);
}

/* The first element of an integer or bool tensor; `otherwise` where it is absent or empty. */
static int64_t integer_of(const Datum *datum, int64_t otherwise)
{
    return datum && datum->tensor && datum->tensor->count > 0 ? tensor_int(datum->tensor, 0) : otherwise;
}

/* Copies `slices` runs of `length` elements each, which stand `stride` elements apart; splats are spread out. */
static void copy_slices(const Tensor *from, int64_t first, int64_t from_stride, char *to, int64_t to_stride,
                        int64_t length, int64_t slices)
{
    const size_t size = dtype_info(from->dtype)->size;
    for (int64_t s = 0; s < slices; s++)
        for (int64_t i = 0; i < length; i++)
            memcpy(to + (size_t)(s * to_stride + i) * size, tensor_at(from, first + s * from_stride + i), size);
}

static int64_t product(const int64_t *dim, int first, int end)
{
    int64_t result = 1;
    for (int i = first; i < end; i++)
        result *= dim[i];
    return result;
}

/* Elements [start, start + length) along an axis; without the axis when `drop` (length is 1 then). */
static const Tensor *tensor_part(const Call *call, const Tensor *whole, int axis, int64_t start, int64_t length,
                                 bool drop)
{
    int64_t dim[MAX_RANK];
    int rank = 0;
    for (int i = 0; i < whole->rank; i++)
        if (i != axis || !drop)
            dim[rank++] = i == axis ? length : whole->dim[i];
    Tensor *part = tensor_new(call->context, whole->dtype, rank, dim);
    const int64_t before = product(whole->dim, 0, axis), after = product(whole->dim, axis + 1, whole->rank);
    copy_slices(whole, start * after, whole->dim[axis] * after, part->data, length * after, length * after, before);
    return part;
}

/* The tensors one after the other along an axis of theirs, or (new_axis) along one that is put in. */
static const Tensor *tensor_join(const Call *call, const Tensor *const *piece, int count, int axis, bool new_axis)
{
    const Tensor *model = piece[0];
    const int rank = model->rank + new_axis;
    int64_t dim[MAX_RANK], total = 0;
    if (rank > MAX_RANK || axis < 0 || axis >= rank) {
        call_fail(call, "the axis to join along is out of range");
        return NULL;
    }
    for (int k = 0; k < count; k++) {
        bool same = piece[k]->rank == model->rank && piece[k]->dtype == model->dtype;
        for (int i = 0; same && i < model->rank; i++)
            same = piece[k]->dim[i] == model->dim[i] || (i == axis && !new_axis);
        if (!same) {
            call_fail(call, "the tensors to join differ in shape or element type");
            return NULL;
        }
        total += new_axis ? 1 : piece[k]->dim[axis];
    }
    for (int i = 0; i < rank; i++)
        dim[i] = i == axis ? total : model->dim[i - (new_axis && i > axis)];
    Tensor *whole = tensor_new(call->context, model->dtype, rank, dim);
    const int64_t before = product(dim, 0, axis), after = product(dim, axis + 1, rank);
    const size_t size = dtype_info(model->dtype)->size;
    int64_t place = 0;
    for (int k = 0; k < count; k++) {
        const int64_t length = (new_axis ? 1 : piece[k]->dim[axis]) * after;
        copy_slices(piece[k], 0, length, (char *)whole->data + (size_t)place * size, total * after, length, before);
        place += length;
    }
    return whole;
}

/* ---- loops ---- */
/* What a scan output collects, one tensor for each iteration. */
typedef struct {
    const Tensor **piece;
    int count, capacity;
} Collected;

static bool collect(const Call *call, Collected *to, const Datum *datum)
{
    if (datum->kind != TENSOR)
        return call_fail(call, "a scan output is not a tensor");
    if (to->count == to->capacity) {
        to->capacity = to->capacity ? 2 * to->capacity : 16;
        to->piece =
            arena_grow(call->context->arena, to->piece, (size_t)to->count, (size_t)to->capacity, sizeof *to->piece);
    }
    to->piece[to->count++] = datum->tensor;
    return true;
}

/* Stacks what was collected along a new axis; nothing at all has the shape the body promises, dimensions that it does
 * not know being 0. */
static bool give_collected(const Call *call, int output, Collected *collected, const Value *promised, int64_t axis,
                           bool backwards)
{
    const int rank = (collected->count ? collected->piece[0]->rank : promised->type.rank) + 1;
    const Tensor *tensor;
    axis = axis < 0 ? axis + rank : axis;
    if (axis < 0 || axis >= rank || rank > MAX_RANK)
        return call_fail(call, "the axis of a scan output is out of range");
    for (int i = 0; backwards && i < collected->count / 2; i++) {
        const Tensor *swap = collected->piece[i];
        collected->piece[i] = collected->piece[collected->count - 1 - i];
        collected->piece[collected->count - 1 - i] = swap;
    }
    if (collected->count)
        tensor = tensor_join(call, collected->piece, collected->count, (int)axis, true);
    else {
        int64_t dim[MAX_RANK] = {0}, size;
        for (int i = 0; i < rank - 1; i++)
            dim[i + (i >= axis)] = dim_is_const(promised->type.dim[i], &size) ? size : 0;
        tensor = tensor_new(call->context, promised->type.dtype, rank, dim);
    }
    if (tensor)
        call_give(call, output, datum_of_tensor(call->context, tensor));
    return tensor != NULL;
}

static bool run_if(const Call *call)
{
    const bool condition = integer_of(call->input[0], 0) != 0;
    const Graph *branch = attr_find(call->node, condition ? "then_branch" : "else_branch")->graph;
    Datum **result = ARENA_ARRAY(call->context->arena, branch->nout, Datum *);
    if (!evaluate_subgraph(call->environment, branch, NULL, result))
        return false;
    for (int i = 0; i < branch->nout; i++)
        call_give(call, i, result[i]);
    return true;
}

static bool run_loop(const Call *call)
{
    const Graph *body = attr_find(call->node, "body")->graph;
    const int states = body->nin - 2, scans = body->nout - 1 - states;
    const int64_t most = integer_of(has(call, 0), INT64_MAX);
    const int rank_of_number = body->in[0]->type.rank == 1;
    Datum **in = ARENA_ARRAY(call->context->arena, body->nin, Datum *);
    Datum **out = ARENA_ARRAY(call->context->arena, body->nout, Datum *);
    Collected *collected = ARENA_ARRAY(call->context->arena, scans, Collected);
    bool goes_on = integer_of(has(call, 1), 1) != 0;

    in[1] = has(call, 1) ? call->input[1] : integer_datum(call, BOOL, 1, 0);
    for (int i = 0; i < states; i++)
        in[2 + i] = call->input[2 + i];
    for (int64_t number = 0; number < most && goes_on; number++) {
        if (number == call->context->max_trips)
            return call_fail(call, "its trips exceed the limit for loops");
        in[0] = integer_datum(call, I64, number, rank_of_number);
        if (!evaluate_subgraph(call->environment, body, in, out))
            return false;
        goes_on = !has(call, 1) || integer_of(out[0], 0) != 0;
        in[1] = out[0];
        memcpy(in + 2, out + 1, (size_t)states * sizeof *in);
        for (int i = 0; i < scans; i++)
            if (!collect(call, &collected[i], out[1 + states + i]))
                return false;
    }
    for (int i = 0; i < states; i++)
        call_give(call, i, in[2 + i]);
    for (int i = 0; i < scans; i++)
        if (!give_collected(call, states + i, &collected[i], body->out[1 + states + i], 0, false))
            return false;
    return true;
}

/* The i-th int of a list attribute, 0 where it is absent. */
static int64_t list_int(const Node *node, const char *name, int i)
{
    size_t count;
    const int64_t *list = attr_ints(node, name, &count);
    return list && (size_t)i < count ? list[i] : 0;
}

static bool run_scan(const Call *call)
{
    const Node *node = call->node;
    const Graph *body = attr_find(node, "body")->graph;
    const int scanned = (int)attr_int(node, "num_scan_inputs", 0), states = node->nin - scanned;
    const int scans = body->nout - states;
    Datum **in = ARENA_ARRAY(call->context->arena, body->nin, Datum *);
    Datum **out = ARENA_ARRAY(call->context->arena, body->nout, Datum *);
    Collected *collected = ARENA_ARRAY(call->context->arena, scans, Collected);
    int64_t length = -1;

    memcpy(in, call->input, (size_t)states * sizeof *in);
    for (int i = 0; i < scanned; i++) {
        const Tensor *tensor = call->input[states + i]->tensor;
        const int64_t axis = list_int(node, "scan_input_axes", i),
                      size = tensor->dim[axis < 0 ? axis + tensor->rank : axis];
        if (length >= 0 && size != length)
            return call_fail(call, "the scan inputs differ in length");
        length = size;
    }
    for (int64_t step = 0; step < length; step++) {
        for (int i = 0; i < scanned; i++) {
            const Tensor *tensor = call->input[states + i]->tensor;
            const int64_t axis = list_int(node, "scan_input_axes", i);
            const int64_t at = list_int(node, "scan_input_directions", i) ? length - 1 - step : step;
            in[states + i] = datum_of_tensor(
                call->context, tensor_part(call, tensor, (int)(axis < 0 ? axis + tensor->rank : axis), at, 1, true));
        }
        if (!evaluate_subgraph(call->environment, body, in, out))
            return false;
        memcpy(in, out, (size_t)states * sizeof *in);
        for (int i = 0; i < scans; i++)
            if (!collect(call, &collected[i], out[states + i]))
                return false;
    }
    for (int i = 0; i < states; i++)
        call_give(call, i, in[i]);
    for (int i = 0; i < scans; i++)
        if (!give_collected(call, states + i, &collected[i], body->out[states + i],
                            list_int(node, "scan_output_axes", i), list_int(node, "scan_output_directions", i) != 0))
            return false;
    return true;
}

static bool run_sequence_map(const Call *call)
{
    const Graph *body = attr_find(call->node, "body")->graph;
    const int count = call->input[0]->count;
    Datum **in = ARENA_ARRAY(call->context->arena, body->nin, Datum *);
    Datum **out = ARENA_ARRAY(call->context->arena, body->nout, Datum *);
    for (int i = 0; i < body->nout; i++) {
        Datum *result = datum_new(call->context, SEQUENCE, count);
        result->dtype = body->out[i]->type.dtype;
        call_give(call, i, result);
    }
    for (int k = 0; k < count; k++) {
        for (int i = 0; i < body->nin; i++) {
            Datum *datum = call->input[i];
            if (datum->kind == SEQUENCE && datum->count != count)
                return call_fail(call, "the sequences differ in length");
            in[i] = datum->kind == SEQUENCE ? datum->item[k] : datum;
        }
        if (!evaluate_subgraph(call->environment, body, in, out))
            return false;
        for (int i = 0; i < call->node->nout; i++)
            call->output[i]->item[k] = out[i];
    }
    return true;
}

/* ---- sequences ---- */
/* The place an input names in a sequence where there are `places` of them; negative ones count from `count`. -1 after
 * an error. */
static int place_of(const Call *call, int input, int count, int places)
{
    int64_t place = integer_of(has(call, input), places - 1);
    place = place < 0 ? place + count : place;
    if (place >= 0 && place < places)
        return (int)place;
    call_fail(call, "the position is outside the sequence");
    return -1;
}

static bool run_sequence_construct(const Call *call)
{
    Datum *result = datum_new(call->context, SEQUENCE, call->node->nin);
    memcpy(result->item, call->input, (size_t)call->node->nin * sizeof *result->item);
    result->dtype = result->item[0]->tensor->dtype;
    call_give(call, 0, result);
    return true;
}

static bool run_sequence_empty(const Call *call)
{
    Datum *result = datum_new(call->context, SEQUENCE, 0);
    result->dtype = dtype_from_number(attr_int(call->node, "dtype", 1));
    call_give(call, 0, result);
    return true;
}

static bool run_sequence_insert(const Call *call)
{
    const Datum *from = call->input[0];
    const int place = place_of(call, 2, from->count, from->count + 1);
    if (place < 0)
        return false;
    Datum *result = datum_new(call->context, SEQUENCE, from->count + 1);
    for (int i = 0; i <= from->count; i++)
        result->item[i] = i == place ? call->input[1] : from->item[i - (i > place)];
    result->dtype = call->input[1]->tensor->dtype;
    call_give(call, 0, result);
    return true;
}

static bool run_sequence_erase(const Call *call)
{
    const Datum *from = call->input[0];
    const int place = place_of(call, 1, from->count, from->count);
    if (place < 0)
        return false;
    Datum *result = datum_new(call->context, SEQUENCE, from->count - 1);
    for (int i = 0; i < result->count; i++)
        result->item[i] = from->item[i + (i >= place)];
    result->dtype = from->dtype;
    call_give(call, 0, result);
    return true;
}

static bool run_sequence_at(const Call *call)
{
    const int place = place_of(call, 1, call->input[0]->count, call->input[0]->count);
    if (place >= 0)
        call_give(call, 0, call->input[0]->item[place]);
    return place >= 0;
}

static bool run_sequence_length(const Call *call)
{
    call_give(call, 0, integer_datum(call, I64, call->input[0]->count, 0));
    return true;
}

static bool run_split_to_sequence(const Call *call)
{
    const Tensor *whole = call->input[0]->tensor, *split = has(call, 1) ? call->input[1]->tensor : NULL;
    const int64_t axis_attribute = attr_int(call->node, "axis", 0);
    const int axis = (int)(axis_attribute < 0 ? axis_attribute + whole->rank : axis_attribute);
    const bool drop = !split && !attr_int(call->node, "keepdims", 1), lists = split && split->rank == 1;
    const int64_t extent = whole->dim[axis], each = split && !lists ? tensor_int(split, 0) : 1;
    if (each <= 0 || extent > INT32_MAX)
        return call_fail(call, "the length of the parts is not positive");
    const int count = (int)(lists ? split->count : (extent + each - 1) / each);
    Datum *result = datum_new(call->context, SEQUENCE, count);
    int64_t start = 0;
    for (int i = 0; i < count; i++) {
        int64_t length = lists ? tensor_int(split, i) : each;
        if (!lists && length > extent - start)
            length = extent - start;
        if (length < 0 || length > extent - start)
            return call_fail(call, "the parts do not add up to the whole");
        result->item[i] = datum_of_tensor(call->context, tensor_part(call, whole, axis, start, length, drop));
        start += length;
    }
    result->dtype = whole->dtype;
    call_give(call, 0, result);
    return start == extent || call_fail(call, "the parts do not add up to the whole");
}

static bool run_concat_from_sequence(const Call *call)
{
    const Datum *sequence = call->input[0];
    const bool new_axis = attr_int(call->node, "new_axis", 0) != 0;
    int64_t axis = attr_int(call->node, "axis", 0);
    if (!sequence->count)
        return call_fail(call, "there is nothing to concatenate");
    const Tensor **piece = ARENA_ARRAY(call->context->arena, sequence->count, const Tensor *);
    for (int i = 0; i < sequence->count; i++)
        piece[i] = sequence->item[i]->tensor;
    axis = axis < 0 ? axis + piece[0]->rank + new_axis : axis;
    const Tensor *whole = tensor_join(call, piece, sequence->count, (int)axis, new_axis);
    if (whole)
        call_give(call, 0, datum_of_tensor(call->context, whole));
    return whole != NULL;
}

/* ---- optionals ---- */
static bool run_optional(const Call *call)
{
    Datum *element = has(call, 0), *result = datum_new(call->context, OPTIONAL, element != NULL);
    if (element)
        result->item[0] = element;
    call_give(call, 0, result);
    return true;
}

static bool run_optional_has_element(const Call *call)
{
    const Datum *datum = has(call, 0);
    call_give(call, 0, integer_datum(call, BOOL, datum && (datum->kind != OPTIONAL || datum->count), 0));
    return true;
}

static bool run_optional_get_element(const Call *call)
{
    Datum *datum = call->input[0];
    if (datum->kind == OPTIONAL && !datum->count)
        return call_fail(call, "the optional is empty");
    call_give(call, 0, datum->kind == OPTIONAL ? datum->item[0] : datum);
    return true;
}

bool evaluate_control(Environment *environment, const Node *node, Datum *const *input, Datum **output)
{
    static const struct {
        const char *name;
        bool (*run)(const Call *call);
    } table[] = {
        {"ConcatFromSequence", run_concat_from_sequence},
        {"If", run_if},
        {"Loop", run_loop},
        {"Optional", run_optional},
        {"OptionalGetElement", run_optional_get_element},
        {"OptionalHasElement", run_optional_has_element},
        {"RegexFullMatch", run_regex_full_match},
        {"Scan", run_scan},
        {"SequenceAt", run_sequence_at},
        {"SequenceConstruct", run_sequence_construct},
        {"SequenceEmpty", run_sequence_empty},
        {"SequenceErase", run_sequence_erase},
        {"SequenceInsert", run_sequence_insert},
        {"SequenceLength", run_sequence_length},
        {"SequenceMap", run_sequence_map},
        {"SplitToSequence", run_split_to_sequence},
        {"StringConcat", run_string_concat},
        {"StringNormalizer", run_string_normalizer},
        {"StringSplit", run_string_split},
    };
    const Call call = {environment, node, node->graph->context, input, output};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, node->op->name) == 0)
            return table[i].run(&call);
    return report_add(call.context->report, node, OP_UNSUPPORTED, node->op->name, "the evaluator cannot run it");
}
