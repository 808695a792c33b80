/* define.c -- what operators' definitions are written with: asking for inputs, stating outputs. */
#include "expr.h"
#include "shorthand.h"
#include <stdarg.h>
#include <string.h>

/* ---- errors ---- */
bool def_error(Definition *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!d->failed) /* what follows from the first error is noise */
        report_add(d->context->report, d->node, NODE_SHAPE, arena_vprintf(d->context->arena, format, args));
    va_end(args);
    d->failed = true;
    return false;
}

bool def_require(Definition *d, bool condition, const char *format, ...)
{
    va_list args;
    if (condition)
        return true;
    va_start(args, format);
    const char *text = arena_vprintf(d->context->arena, format, args);
    va_end(args);
    return def_error(d, "%s", text);
}

/* ---- inputs ---- */
bool def_has(Definition *d, int input)
{
    return input < d->node->nin && d->node->in[input];
}

bool def_wants(Definition *d, int output)
{
    return output < d->node->nout && d->node->out[output];
}

int def_rank(Definition *d, int input)
{
    if (!def_require(d, def_has(d, input), "input %d is missing", input))
        return 0;
    const int rank = d->node->in[input]->type.rank;
    if (!def_require(d, rank >= 0, "the rank of input %d '%s' is not known", input, d->node->in[input]->name))
        return 0;
    return rank;
}

DType def_dtype(Definition *d, int input)
{
    return def_require(d, def_has(d, input), "input %d is missing", input) ? d->node->in[input]->type.dtype : F32;
}

Dim *def_dim(Definition *d, int input, int axis)
{
    const int rank = def_rank(d, input);
    if (!def_require(d, axis >= 0 && axis < rank, "input %d has rank %d, wants at least %d", input, rank, axis + 1))
        return dim_const(d->context->dims, 1);
    return d->node->in[input]->type.dim[axis];
}

int def_axis(Definition *d, int64_t axis, int rank)
{
    if (!def_require(d, axis >= -rank && axis < rank, "axis %lld is outside [-%d, %d)", (long long)axis, rank, rank))
        return 0;
    return (int)(axis < 0 ? axis + rank : axis);
}

/* The number of elements of an input that is a list or a scalar; -1 after an error. */
static int64_t list_count(Definition *d, int input)
{
    if (!def_require(d, def_has(d, input), "input %d is missing", input))
        return -1;
    const Value *value = d->node->in[input];
    if (!def_require(d, value->type.kind == TENSOR && dtype_is_integer(value->type.dtype),
                     "input %d '%s' gives sizes and is not an integer tensor", input, value->name))
        return -1;
    if (value->constant)
        return value->constant->count;
    const int64_t count = small_count(&value->type);
    if (count < 0) {
        if (!d->failed)
            report_add(d->context->report, d->node, NODE_CONSTANT, input, value->name);
        d->failed = true;
    }
    return count;
}

const int64_t *def_ints(Definition *d, int input, int *count)
{
    const int64_t n = list_count(d, input);
    *count = 0;
    if (n < 0 || n > INT32_MAX)
        return NULL;
    int64_t *ints = ARENA_ARRAY(d->context->arena, n, int64_t);
    for (int64_t i = 0; i < n; i++) {
        Dim *element = value_element(d->context, d->node->in[input], i);
        if (!element || !dim_is_const(element, &ints[i])) {
            if (!d->failed)
                report_add(d->context->report, d->node, NODE_CONSTANT, input, d->node->in[input]->name);
            d->failed = true;
            return NULL;
        }
    }
    *count = (int)n;
    return ints;
}

Dim **def_dims(Definition *d, int input, int *count)
{
    const int64_t n = list_count(d, input);
    *count = 0;
    if (n < 0 || n > INT32_MAX)
        return NULL;
    Dim **dims = ARENA_ARRAY(d->context->arena, n, Dim *);
    for (int64_t i = 0; i < n; i++)
        dims[i] = value_size(d->context, d->node->in[input], i, NULL);
    *count = (int)n;
    return dims;
}

double def_scalar(Definition *d, int input)
{
    int64_t integer;
    const Value *in = def_has(d, input) ? d->node->in[input] : NULL;
    if (in && in->constant && in->constant->count == 1 && dtype_is_float(in->type.dtype))
        return tensor_number(in->constant, 0);
    Dim *element = in && small_count(&in->type) == 1 ? value_element(d->context, in, 0) : NULL;
    if (element && dim_is_const(element, &integer))
        return (double)integer;
    if (!d->failed)
        report_add(d->context->report, d->node, NODE_CONSTANT, input, in ? in->name : "");
    d->failed = true;
    return 0;
}

/* ---- sizes that only the data tells ---- */
/* The load an element is a mere copy of, after movement and integer casts; NULL when it is computed. */
static const Expr *copied_load(Context *context, const Element *element, const Expr *e, const int64_t *at, int rank)
{
    for (;;) {
        if (e->kind == E_LOAD)
            return e;
        if (e->kind == E_CAST && dtype_is_integer(e->arg[0]->dtype) && (e->dtype == I64 || e->dtype == I32))
            e = e->arg[0];
        else if (e->kind == E_SELECT) {
            Dim *condition = expr_as_dim(context, e->arg[0], element->axis, at, rank);
            if (!condition || !dim_is_const(condition, NULL))
                return NULL;
            e = e->arg[dim_equals(condition, 0) ? 2 : 1];
        } else
            return NULL;
    }
}

static void point_of(const Type *type, int64_t number, int64_t *at)
{
    int64_t size = 1;
    for (int k = type->rank - 1; k >= 0; k--) {
        dim_is_const(type->dim[k], &size);
        at[k] = number % size;
        number /= size;
    }
}

/* One step from an element back to what it is a copy of. False when there is none. */
static bool step_back(Context *context, Value **value, int64_t *number)
{
    Node *node = (*value)->def;
    int output = 0;
    if (!node || !node->op || node->function || (node->op->form != FORM_INDEX && node->op->form != FORM_ELEMENTWISE))
        return false;
    while (node->out[output] != *value)
        output++;
    Definition d = {.node = node, .context = context};
    if (!op_define(node, &d) || !d.element[output].body || d.element[output].update)
        return false;
    int64_t at[MAX_RANK], index, size, from = 0;
    const Element *element = &d.element[output];
    point_of(&(*value)->type, *number, at);
    const Expr *load = copied_load(context, element, element->body, at, (*value)->type.rank);
    if (!load || !dtype_is_integer(load->u.value->type.dtype) || small_count(&load->u.value->type) < 0)
        return false;
    for (int i = 0; i < load->u.value->type.rank; i++) {
        Dim *place = expr_as_dim(context, load->index[i], element->axis, at, (*value)->type.rank);
        if (!place || !dim_is_const(place, &index) || !dim_is_const(load->u.value->type.dim[i], &size) || index < 0 ||
            index >= size)
            return false;
        from = from * size + index;
    }
    *value = load->u.value;
    *number = from;
    return true;
}

/* What is known of an element, going back to what it is a copy of; *value and *number are the origin then. */
static Dim *known_at_origin(Context *context, Value **value, int64_t *number)
{
    Dim *known = value_element(context, *value, *number);
    while (!known && step_back(context, value, number))
        known = value_element(context, *value, *number);
    return known;
}

Dim **def_elements(Definition *d, int input, int *count)
{
    const int64_t n = list_count(d, input);
    *count = 0;
    if (n < 0 || !def_require(d, n <= MAX_RANK, "input %d gives %lld sizes", input, (long long)n))
        return NULL;
    Dim **elements = ARENA_ARRAY(d->context->arena, n, Dim *);
    for (int64_t i = 0; i < n; i++) {
        Value *value = d->node->in[input];
        int64_t number = i;
        elements[i] = known_at_origin(d->context, &value, &number);
    }
    *count = (int)n;
    return elements;
}

Dim *value_size(Context *context, Value *value, int64_t number, Dim *limit)
{
    Dim *known = known_at_origin(context, &value, &number);
    if (known)
        return known;
    const int64_t count = small_count(&value->type);
    Dim *fresh = dim_fresh(context->dims, value, (int)number, limit);
    if (count > 0 && !value->constant) {
        Dim **element = ARENA_ARRAY(context->arena, count, Dim *);
        if (value->element)
            memcpy(element, value->element, (size_t)count * sizeof *element);
        element[number] = fresh;
        value->element = element;
    }
    return fresh;
}

/* ---- outputs ---- */
/* Whether a tensor whose sizes are all numbers stays within the limit. */
static bool require_size(Definition *d, int output, DType dtype, int rank, Dim *const *dim)
{
    int64_t bytes = (int64_t)dtype_info(dtype)->size, size;
    bool overflow = false;
    for (int i = 0; i < rank; i++) {
        if (!dim_is_const(dim[i], &size) || size == 0)
            return true;
        overflow |= __builtin_mul_overflow(bytes, size, &bytes);
    }
    if ((overflow || bytes > d->context->max_tensor_bytes) && !d->failed) {
        report_add(d->context->report, d->node, LIMIT_EXCEEDED,
                   arena_printf(d->context->arena, "the size of output %d", output),
                   arena_printf(d->context->arena, "%lld bytes", (long long)d->context->max_tensor_bytes));
        d->failed = true;
    }
    return !d->failed;
}

/* After an error the output still has axes, of one element where the size is not a size. */
void def_output(Definition *d, int output, DType dtype, int rank, Dim *const *dim)
{
    static const char *const name[MAX_RANK] = {"i", "j", "k", "l", "m", "n", "o", "p",
                                               "q", "r", "s", "t", "u", "v", "w", "x"};
    if (!def_require(d, rank >= 0 && rank <= MAX_RANK, "an output of rank %d is not supported", rank))
        return;
    for (int i = 0; i < rank; i++) {
        const bool is_size = dim[i] != dim_overflow(d->context->dims) && size_at_most(d, size_const(d, 0), dim[i]);
        def_require(d, is_size, "dimension %d of output %d is negative or too large", i, output);
        d->element[output].axis[i] = axis_dim(d->context, name[i], is_size ? dim[i] : dim_const(d->context->dims, 1));
    }
    if (d->failed || !require_size(d, output, dtype, rank, dim) || !def_wants(d, output))
        return;
    Value *value = d->node->out[output];
    value->type = type_tensor(dtype, rank, dim);
    value->bound = NULL;
}

/* Whether a dimension is 1 where there is anything: 1, or 1 or 0 as min(N, 1) is. */
static bool at_most_one(const Dim *dim)
{
    return dim_equals(dim, 1) || (!dim_is_const(dim, NULL) && dim_upper(dim) <= 1);
}

/* Whether a dimension is 1; of one that may be 0, too, a run must see to it where it is to meet a longer one. */
static bool is_one(Definition *d, Dim *dim, Dim *other)
{
    return dim_equals(dim, 1) || (at_most_one(dim) && dim_upper(other) > 1 && size_same(d, dim, size_const(d, 1)));
}

Dim *def_broadcast(Definition *d, Dim *a, Dim *b)
{
    if (a == b || is_one(d, b, a))
        return a;
    if (is_one(d, a, b))
        return b;
    def_require(d, size_same(d, a, b), "dimensions %s and %s do not broadcast", size_text(d, a), size_text(d, b));
    return dim_is_const(a, NULL) || !dim_is_const(b, NULL) ? a : b; /* of equal ones the constant says more */
}

bool def_broadcasts_to(Definition *d, int input, int rank, Dim *const *dim)
{
    const int own = def_rank(d, input);
    bool fits = own <= rank;
    for (int k = 0; k < own && fits; k++)
        fits = is_one(d, def_dim(d, input, k), dim[rank - own + k]) ||
               size_same(d, def_dim(d, input, k), dim[rank - own + k]);
    const Type wanted = type_tensor(def_dtype(d, input), rank, dim);
    return def_require(d, fits, "input %d '%s' is %s and does not broadcast to %s", input, d->node->in[input]->name,
                       type_text(&d->node->in[input]->type, d->context->arena), type_text(&wanted, d->context->arena));
}

void def_output_broadcast(Definition *d, int output, DType dtype)
{
    Dim *dim[MAX_RANK];
    int rank = 0;
    for (int i = 0; i < d->node->nin; i++)
        if (def_has(d, i) && def_rank(d, i) > rank)
            rank = def_rank(d, i);
    for (int k = 0; k < rank; k++)
        dim[k] = dim_const(d->context->dims, 1);
    for (int i = 0; i < d->node->nin && !d->failed; i++)
        for (int k = 0; def_has(d, i) && k < def_rank(d, i); k++) {
            const int at = rank - def_rank(d, i) + k;
            dim[at] = def_broadcast(d, dim[at], def_dim(d, i, k));
        }
    if (!d->failed)
        def_output(d, output, dtype, rank, dim);
}

void def_index(Definition *d, int output, Expr **i)
{
    for (int k = 0; k < MAX_RANK && d->element[output].axis[k]; k++)
        i[k] = expr_axis(d->context, d->element[output].axis[k]);
}

void def_body(Definition *d, int output, Expr *body)
{
    d->element[output].body = body;
}

Expr *def_load(Definition *d, int input, Expr *const *index)
{
    return expr_load(d->context, d->node->in[input], index);
}

Expr *def_load_broadcast(Definition *d, int input, Expr *const *index, int rank)
{
    Expr *at[MAX_RANK];
    const int own = def_rank(d, input);
    if (!def_require(d, own <= rank, "input %d has rank %d and does not broadcast to rank %d", input, own, rank))
        return expr_int(d->context, dtype_compute(def_dtype(d, input)), 0);
    for (int k = 0; k < own; k++)
        at[k] = at_most_one(def_dim(d, input, k)) ? expr_index(d->context, 0) : index[rank - own + k];
    return def_load(d, input, at);
}

Update *def_update(Definition *d, Combine combine, int input, Expr **u)
{
    Arena *arena = d->context->arena;
    const int rank = def_rank(d, input);
    Update *update = d->element[0].update = ARENA_NEW(arena, Update);
    *update = (Update){.combine = combine, .nover = rank, .over = ARENA_ARRAY(arena, rank, Axis *)};
    for (int k = 0; k < rank; k++) {
        update->over[k] = axis_dim(d->context, "u", def_dim(d, input, k));
        u[k] = expr_axis(d->context, update->over[k]);
    }
    const int at = d->node->out[0]->type.rank;
    update->at = ARENA_ARRAY(arena, at, Expr *);
    memcpy(update->at, u, sizeof *u * (size_t)(at < rank ? at : rank));
    update->value = def_load(d, input, u);
    return update;
}
