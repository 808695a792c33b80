/* window.c -- sizes and positions of sliding windows. */
#include "window.h"
#include <string.h>

Dim *window_extent(Definition *d, const Window *window, int k)
{
    Dim *one = size_const(d, 1);
    return size_add(d, size_mul(d, size_sub(d, window->kernel[k], one), size_const(d, window->dilation[k])), one);
}

bool def_window_attributes(Definition *d, Window *window, int rank)
{
    *window = (Window){.rank = rank};
    const int64_t *stride = def_attr_ints(d, "strides", rank, 1, 1),
                  *dilation = def_attr_ints(d, "dilations", rank, 1, 1);
    const int64_t *pads = def_attr_ints(d, "pads", 2 * rank, 0, 0);
    if (d->failed)
        return false;
    for (int k = 0; k < rank; k++) {
        window->stride[k] = stride[k];
        window->dilation[k] = dilation[k];
        window->begin[k] = size_const(d, pads[k]);
        window->end[k] = size_const(d, pads[rank + k]);
    }
    return true;
}

Dim **def_kernel_shape(Definition *d, int rank)
{
    Dim **kernel = ARENA_ARRAY(d->context->arena, rank, Dim *);
    if (!def_require(d, attr_find(d->node, "kernel_shape") != NULL, "attribute 'kernel_shape' is missing"))
        return NULL;
    const int64_t *given = def_attr_ints(d, "kernel_shape", rank, 1, 1);
    if (given == NULL)
        return NULL;
    for (int k = 0; k < rank; k++)
        kernel[k] = size_const(d, given[k]);
    return kernel;
}

/* What all windows begin with: attributes, input sizes, kernel sizes that agree with kernel_shape. */
static bool begin_window(Definition *d, Window *window, Dim *const *kernel, const char **auto_pad)
{
    const int rank = def_rank(d, 0) - 2;
    if (!def_require(d, rank >= 1, "input 0 has rank %d, wants at least 3", rank + 2) ||
        !def_window_attributes(d, window, rank))
        return false;
    const int64_t *stated = attr_find(d->node, "kernel_shape") ? def_attr_ints(d, "kernel_shape", rank, 1, 1) : NULL;
    for (int k = 0; k < rank && !d->failed; k++) {
        window->in[k] = def_dim(d, 0, k + 2);
        window->kernel[k] = kernel[k];
        def_require(d, stated == NULL || size_same(d, kernel[k], size_const(d, stated[k])),
                    "attribute 'kernel_shape' has %lld, the weights %s", stated ? (long long)stated[k] : 0,
                    size_text(d, kernel[k]));
        def_require(d, size_at_most(d, size_const(d, 1), kernel[k]), "the kernel is empty");
    }
    *auto_pad = attr_string(d->node, "auto_pad", "NOTSET");
    static const char *const known[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};
    bool is_known = false;
    for (int k = 0; k < 4; k++)
        is_known |= strcmp(*auto_pad, known[k]) == 0;
    return def_require(d, is_known, "attribute 'auto_pad' is '%s', wants NOTSET, VALID, SAME_UPPER or SAME_LOWER",
                       *auto_pad) &&
           !d->failed;
}

/* Halves a padding; the odd one goes to the end, or (lower) to the begin. */
static void split_padding(Definition *d, Window *window, int k, Dim *total, bool lower)
{
    Dim *half = size_floor_div(d, total, size_const(d, 2)), *rest = size_sub(d, total, half);
    window->begin[k] = lower ? rest : half;
    window->end[k] = lower ? half : rest;
}

bool def_window(Definition *d, Window *window, Dim *const *kernel)
{
    const char *auto_pad;
    if (!begin_window(d, window, kernel, &auto_pad))
        return false;
    window->ceil = attr_find(d->node, "ceil_mode") != NULL && attr_int(d->node, "ceil_mode", 0) != 0;
    Dim *zero = size_const(d, 0), *one = size_const(d, 1);
    for (int k = 0; k < window->rank; k++) {
        Dim *stride = size_const(d, window->stride[k]), *extent = window_extent(d, window, k), *in = window->in[k];
        if (strncmp(auto_pad, "SAME", 4) == 0) {
            window->out[k] = size_ceil_div(d, in, stride);
            Dim *reach = size_add(d, size_mul(d, size_sub(d, window->out[k], one), stride), extent);
            split_padding(d, window, k, size_max(d, zero, size_sub(d, reach, in)), strcmp(auto_pad, "SAME_LOWER") == 0);
            continue;
        }
        if (strcmp(auto_pad, "VALID") == 0)
            window->begin[k] = window->end[k] = zero;
        Dim *begun = size_add(d, in, window->begin[k]), *room = size_sub(d, size_add(d, begun, window->end[k]), extent);
        if (!def_require(d, size_at_most(d, zero, room),
                         "the kernel reaches over %s elements, the padded axis %d has %s", size_text(d, extent), k + 2,
                         size_text(d, size_add(d, begun, window->end[k]))))
            return false;
        /* rounded up, the last window must still begin in the input or the padding before it */
        window->out[k] = window->ceil ? size_min(d, size_add(d, size_ceil_div(d, room, stride), one),
                                                 size_ceil_div(d, begun, stride))
                                      : size_add(d, size_floor_div(d, room, stride), one);
    }
    return true;
}

bool def_spreading_window(Definition *d, Window *window, Dim *const *kernel)
{
    const char *auto_pad;
    if (!begin_window(d, window, kernel, &auto_pad))
        return false;
    const int64_t *more = def_attr_ints(d, "output_padding", window->rank, 0, 0);
    const int64_t *wanted =
        attr_find(d->node, "output_shape") ? def_attr_ints(d, "output_shape", window->rank, 0, 1) : NULL;
    if (d->failed)
        return false;
    Dim *zero = size_const(d, 0), *one = size_const(d, 1);
    for (int k = 0; k < window->rank; k++) {
        if (!def_require(d, more[k] < window->stride[k] || more[k] < window->dilation[k],
                         "attribute 'output_padding' has %lld, wants less than stride or dilation", (long long)more[k]))
            return false;
        Dim *stride = size_const(d, window->stride[k]), *last = size_mul(d, size_sub(d, window->in[k], one), stride);
        Dim *full = size_add(d, size_add(d, last, window_extent(d, window, k)), size_const(d, more[k]));
        if (strcmp(auto_pad, "VALID") == 0)
            window->begin[k] = window->end[k] = zero;
        if (wanted != NULL || strncmp(auto_pad, "SAME", 4) == 0) {
            window->out[k] = wanted != NULL ? size_const(d, wanted[k]) : size_mul(d, window->in[k], stride);
            Dim *total = size_max(d, zero, size_sub(d, full, window->out[k]));
            split_padding(d, window, k, total, strcmp(auto_pad, "SAME_UPPER") != 0);
        } else {
            window->out[k] = size_sub(d, full, size_add(d, window->begin[k], window->end[k]));
        }
        if (!def_require(d, dim_upper(window->out[k]) >= 0, "axis %d would have %s elements", k + 2,
                         size_text(d, window->out[k])))
            return false;
    }
    return true;
}

void window_axes(Definition *d, const Window *window, Axis **over, Expr **offset)
{
    for (int k = 0; k < window->rank; k++) {
        over[k] = loop_axis(d, "k", window->kernel[k]);
        offset[k] = axis_value(d, over[k]);
    }
}

void window_read(Definition *d, const Window *window, Expr *const *o, Expr *const *offset, Expr **at, Expr **inside)
{
    *inside = NULL;
    for (int k = 0; k < window->rank; k++) {
        Expr *start =
            index_sub(d, index_mul(d, o[k], index_const(d, window->stride[k])), index_dim(d, window->begin[k]));
        at[k] = index_add(d, start, index_mul(d, offset[k], index_const(d, window->dilation[k])));
        const bool may_exceed = window->ceil || !dim_equals(window->end[k], 0);
        *inside = index_both(d, *inside,
                             index_between(d, at[k], dim_equals(window->begin[k], 0) ? NULL : index_const(d, 0),
                                           may_exceed ? index_dim(d, window->in[k]) : NULL));
    }
}

void window_spread(Definition *d, const Window *window, Expr *const *o, Expr *const *offset, Expr **at, Expr **inside)
{
    *inside = NULL;
    for (int k = 0; k < window->rank; k++) {
        Expr *stride = index_const(d, window->stride[k]), *zero = index_const(d, 0);
        Expr *distance = index_sub(d, index_add(d, o[k], index_dim(d, window->begin[k])),
                                   index_mul(d, offset[k], index_const(d, window->dilation[k])));
        at[k] = index_div(d, distance, stride);
        *inside = index_both(d, *inside, index_between(d, at[k], zero, index_dim(d, window->in[k])));
        if (window->stride[k] > 1)
            *inside = index_both(d, *inside, index_equal(d, index_mod(d, distance, stride), zero));
    }
}
