/* window.h -- windows that slide over the spatial dimensions of [N, C, D1, D2 ..]: convolution and pooling. */
#ifndef WINDOW_H
#define WINDOW_H
#include "shorthand.h"

typedef struct {
    int rank; /* spatial dimensions */
    Dim *in[MAX_RANK], *kernel[MAX_RANK], *out[MAX_RANK];
    Dim *begin[MAX_RANK], *end[MAX_RANK]; /* padding */
    int64_t stride[MAX_RANK], dilation[MAX_RANK];
    bool ceil; /* the last window may reach beyond the padding */
} Window;

/* Reads strides, dilations, pads and auto_pad, and computes output sizes for windows over input 0, whose kernel has the
 * given dimensions. False after an error. */
bool def_window(Definition *d, Window *window, Dim *const *kernel);
/* The same, for windows that spread each input element over the output (ConvTranspose): output_padding and output_shape
 * are read too. */
bool def_spreading_window(Definition *d, Window *window, Dim *const *kernel);
/* Strides and dilations alone, and explicit pads. */
bool def_window_attributes(Definition *d, Window *window, int rank);
/* kernel_shape, which must be there; NULL after an error. */
Dim **def_kernel_shape(Definition *d, int rank);
/* (kernel - 1) * dilation + 1 */
Dim *window_extent(Definition *d, const Window *window, int k);

/* Axes over the kernel, and their values. */
void window_axes(Definition *d, const Window *window, Axis **over, Expr **offset);
/* Where in the input the window of output element o[..] has its cell offset[..]; `inside` becomes the condition under
 * which that is not padding (NULL: always). */
void window_read(Definition *d, const Window *window, Expr *const *o, Expr *const *offset, Expr **at, Expr **inside);
/* The inverse: which input element reaches output element o[..] through cell offset[..] of its window, and whether one
 * does. */
void window_spread(Definition *d, const Window *window, Expr *const *o, Expr *const *offset, Expr **at, Expr **inside);
#endif
