/* conv.c -- convolutions. Y[n, m, o..] = sum over c, k.. of X[n, c, o * stride - pad + k * dilation ..] * W[m, c, k..]
 */
#include "quantize.h"
#include "window.h"
#include <string.h>

/* What one product of a convolution reads. */
typedef struct {
    Window window;
    Axis *over[MAX_RANK]; /* c, k.. */
    Expr *x[MAX_RANK], *w[MAX_RANK], *inside;
} Convolution;

/* A bias: one element for each of `channels`. */
static bool bias_fits(Definition *d, int input, Dim *channels)
{
    return !def_has(d, input) ||
           (def_require(d, def_rank(d, input) == 1, "the bias has rank %d, wants 1", def_rank(d, input)) &&
            def_require(d, size_same(d, def_dim(d, input, 0), channels), "the bias has %s elements for %s channels",
                        size_text(d, def_dim(d, input, 0)), size_text(d, channels)));
}

static bool same_ranks(Definition *d, int weights)
{
    return def_require(d, def_rank(d, 0) == def_rank(d, weights), "input has rank %d, the weights have rank %d",
                       def_rank(d, 0), def_rank(d, weights));
}

/* Makes output 0 of this type for the weights that are input `weights`. */
static bool convolution(Definition *d, int weights, int bias, DType type, Convolution *c)
{
    const int64_t group = attr_int(d->node, "group", 1);
    if (!same_ranks(d, weights) || !def_require(d, group > 0, "attribute 'group' is %lld", (long long)group) ||
        !def_window(d, &c->window, def_shape(d, weights) + 2))
        return false;
    Dim *filters = def_dim(d, weights, 0), *channels = def_dim(d, weights, 1), *dim[MAX_RANK];
    Dim *given = def_dim(d, 0, 1), *wanted = size_mul(d, channels, size_const(d, group));
    if (!def_require(d, size_same(d, given, wanted), "input has %s channels, the weights are for %s",
                     size_text(d, given), size_text(d, wanted)) ||
        !bias_fits(d, bias, filters))
        return false;
    Dim *filters_of_group = size_divided(d, filters, size_const(d, group));
    if (d->failed)
        return false;
    const int rank = c->window.rank;
    dim[0] = def_dim(d, 0, 0);
    dim[1] = filters;
    memcpy(dim + 2, c->window.out, sizeof *dim * (size_t)rank);
    Expr *i[MAX_RANK];
    def_output(d, 0, type, rank + 2, dim);
    def_index(d, 0, i);
    c->over[0] = loop_axis(d, "c", channels);
    Expr *channel = axis_value(d, c->over[0]), *of_group = index_dim(d, channels);
    Expr *first =
        group == 1 ? index_const(d, 0) : index_mul(d, index_div(d, i[1], index_dim(d, filters_of_group)), of_group);
    c->x[0] = i[0];
    c->x[1] = index_add(d, first, channel);
    c->w[0] = i[1];
    c->w[1] = channel;
    window_axes(d, &c->window, c->over + 1, c->w + 2);
    window_read(d, &c->window, i + 2, c->w + 2, c->x + 2, &c->inside);
    return true;
}

/* The sum of all products; padding counts as 0. */
static Expr *sum_of_products(Definition *d, const Convolution *c, Expr *x, Expr *w)
{
    Expr *zero = expr_int(d->context, x->dtype, 0);
    return reduce(d, COMBINE_ADD, c->over, c->window.rank + 1, call2(d, S_MUL, guarded(d, c->inside, x, zero), w));
}

static Expr *add_bias(Definition *d, Expr *y, int input)
{
    Expr *i[MAX_RANK];
    if (!def_has(d, input))
        return y;
    def_index(d, 0, i);
    return call2(d, S_ADD, y, def_load(d, input, &i[1]));
}

static void define_conv(Definition *d)
{
    Convolution c;
    if (convolution(d, 1, 2, def_dtype(d, 0), &c))
        def_body(d, 0, add_bias(d, sum_of_products(d, &c, def_load(d, 0, c.x), def_load(d, 1, c.w)), 2));
}

/* The sum in int32 of input 0 less its zero point times weights less theirs; zero points belong to channels. */
static Expr *integer_sum(Definition *d, const Convolution *c, int x_zero, int weights, int w_zero)
{
    const int rank = c->window.rank + 2;
    Expr *x = subtract_zero_point(d, def_load(d, 0, c->x), x_zero, I32, c->x, rank, 1, 0);
    Expr *w = subtract_zero_point(d, def_load(d, weights, c->w), w_zero, I32, c->w, rank, 0, 0);
    return sum_of_products(d, c, x, w);
}

static void define_conv_integer(Definition *d)
{
    Convolution c;
    if (convolution(d, 1, d->node->nin, I32, &c))
        def_body(d, 0, integer_sum(d, &c, 2, 1, 3));
}

static void define_qlinear_conv(Definition *d)
{
    enum { X_SCALE = 1, X_ZERO, W, W_SCALE, W_ZERO, Y_SCALE, Y_ZERO, BIAS };
    Convolution c;
    if (!convolution(d, W, BIAS, def_dtype(d, Y_ZERO), &c))
        return;
    const int rank = c.window.rank + 2;
    Expr *i[MAX_RANK];
    def_index(d, 0, i);
    Expr *sum = add_bias(d, integer_sum(d, &c, X_ZERO, W, W_ZERO), BIAS);
    Expr *scale =
        call2(d, S_MUL, def_load_parameter(d, X_SCALE, i, rank, 1, 0), def_load_parameter(d, W_SCALE, i, rank, 1, 0));
    scale = call2(d, S_DIV, scale, def_load_parameter(d, Y_SCALE, i, rank, 1, 0));
    Expr *zero = def_load_parameter(d, Y_ZERO, i, rank, 1, 0);
    def_body(d, 0, quantized(d, call2(d, S_MUL, cast(d, sum, F32), scale), zero, def_dtype(d, Y_ZERO)));
}

/* Y[n, m, o..] = sum over c, k.. of X[n, c, (o + pad - k * dilation) / stride ..] * W[c, m, k..] where that divides */
static void define_conv_transpose(Definition *d)
{
    const int64_t group = attr_int(d->node, "group", 1);
    Convolution c;
    if (!same_ranks(d, 1) || !def_require(d, group > 0, "attribute 'group' is %lld", (long long)group) ||
        !def_spreading_window(d, &c.window, def_shape(d, 1) + 2))
        return;
    Dim *channels = def_dim(d, 0, 1), *filters_of_group = def_dim(d, 1, 1), *dim[MAX_RANK];
    Dim *filters = size_mul(d, filters_of_group, size_const(d, group)),
        *channels_of_group = size_divided(d, channels, size_const(d, group));
    if (d->failed ||
        !def_require(d, size_same(d, channels, def_dim(d, 1, 0)), "input has %s channels, the weights are for %s",
                     size_text(d, channels), size_text(d, def_dim(d, 1, 0))) ||
        !bias_fits(d, 2, filters))
        return;
    dim[0] = def_dim(d, 0, 0);
    dim[1] = filters;
    memcpy(dim + 2, c.window.out, sizeof *dim * (size_t)c.window.rank);
    Expr *i[MAX_RANK];
    def_output(d, 0, def_dtype(d, 0), c.window.rank + 2, dim);
    def_index(d, 0, i);
    c.over[0] = loop_axis(d, "c", channels_of_group);
    Expr *filter = index_dim(d, filters_of_group), *first = index_const(d, 0);
    if (group > 1)
        first = index_mul(d, index_div(d, i[1], filter), index_dim(d, channels_of_group));
    c.x[0] = i[0];
    c.x[1] = c.w[0] = index_add(d, first, axis_value(d, c.over[0]));
    c.w[1] = group > 1 ? index_mod(d, i[1], filter) : i[1];
    window_axes(d, &c.window, c.over + 1, c.w + 2);
    window_spread(d, &c.window, i + 2, c.w + 2, c.x + 2, &c.inside);
    def_body(d, 0, add_bias(d, sum_of_products(d, &c, def_load(d, 0, c.x), def_load(d, 1, c.w)), 2));
}

/* Blocks as columns back in the image, added where they overlap:
 * Y[n, c, o..] = sum over k.. of X[n, (c, k..), (o + pad - k * dilation) / stride ..] where that divides */
static void define_col2im(Definition *d)
{
    int rank, nblock;
    Window window;
    Dim **image = def_sizes(d, 1, &rank, NULL), **block = def_sizes(d, 2, &nblock, NULL);
    if (d->failed || !def_require(d, def_rank(d, 0) == 3, "input has rank %d, wants 3", def_rank(d, 0)) ||
        !def_require(d, rank == nblock && rank >= 1 && rank <= MAX_RANK - 2,
                     "image_shape has %d elements, block_shape %d", rank, nblock) ||
        !def_window_attributes(d, &window, rank))
        return;
    Dim *dim[MAX_RANK], *cells = size_product(d, rank, block), *one = size_const(d, 1), *expected = one;
    for (int k = 0; k < rank; k++) {
        window.kernel[k] = block[k];
        Dim *padded = size_add(d, image[k], size_add(d, window.begin[k], window.end[k]));
        Dim *room = size_sub(d, padded, window_extent(d, &window, k));
        if (!def_require(d, size_at_most(d, one, block[k]) && size_at_most(d, size_const(d, 0), room),
                         "a block reaches over %s elements of %s", size_text(d, window_extent(d, &window, k)),
                         size_text(d, padded)))
            return;
        window.in[k] = size_add(d, size_floor_div(d, room, size_const(d, window.stride[k])), one);
        expected = size_mul(d, expected, window.in[k]);
        dim[k + 2] = image[k];
    }
    dim[0] = def_dim(d, 0, 0);
    dim[1] = size_divided(d, def_dim(d, 0, 1), cells);
    if (d->failed || !def_require(d, size_same(d, expected, def_dim(d, 0, 2)), "the image has %s blocks, the input %s",
                                  size_text(d, expected), size_text(d, def_dim(d, 0, 2))))
        return;
    Axis *over[MAX_RANK];
    Expr *i[MAX_RANK], *offset[MAX_RANK], *at[MAX_RANK], *inside;
    def_output(d, 0, def_dtype(d, 0), rank + 2, dim);
    def_index(d, 0, i);
    window_axes(d, &window, over, offset);
    window_spread(d, &window, i + 2, offset, at, &inside);
    Expr *row = i[1], *column = index_const(d, 0);
    for (int k = 0; k < rank; k++) {
        row = index_add(d, index_mul(d, row, index_dim(d, window.kernel[k])), offset[k]);
        column = index_add(d, index_mul(d, column, index_dim(d, window.in[k])), at[k]);
    }
    Expr *x = def_load(d, 0, (Expr *[]){i[0], row, column});
    def_body(d, 0, reduce(d, COMBINE_ADD, over, rank, guarded(d, inside, x, number(d, def_dtype(d, 0), 0))));
}

#define WINDOW_ATTRIBUTES                                                                                              \
    "auto_pad:string=NOTSET dilations:ints? kernel_shape:ints? pads:ints? strides:ints? group:int=1 "

const Op ops_conv[] = {
    INDEX_ROW("Conv", "X:T W:T B:T? -> Y:T | T=float", WINDOW_ATTRIBUTES, define_conv, 11),
    INDEX_ROW("ConvTranspose", "X:T W:T B:T? -> Y:T | T=float",
              WINDOW_ATTRIBUTES "output_padding:ints? output_shape:ints?", define_conv_transpose, 11),
    INDEX_ROW("ConvInteger", "x:T1 w:T2 x_zero_point:T1? w_zero_point:T2? -> y:int32 | T1=int8,uint8 T2=int8,uint8",
              WINDOW_ATTRIBUTES, define_conv_integer, 10),
    INDEX_ROW(
        "QLinearConv",
        "x:T1 x_scale:float32 x_zero_point:T1 w:T2 w_scale:float32 w_zero_point:T2 y_scale:float32 y_zero_point:T3 "
        "B:int32? -> y:T3 | T1=int8,uint8 T2=int8,uint8 T3=int8,uint8",
        WINDOW_ATTRIBUTES, define_qlinear_conv, 10),
    INDEX_ROW("Col2Im", "input:T image_shape:int64 block_shape:int64 -> output:T | T=number",
              "dilations:ints? pads:ints? strides:ints?", define_col2im, 18),
    {.name = NULL},
};
