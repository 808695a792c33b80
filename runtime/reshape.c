/* reshape.c -- the sizes of a Reshape whose shape is data.
 *
 *     in: shape int64[rank]      out: the dimensions asked for
 *     n: elements of the data, allowzero, rank, rank of the data, its dimensions, then each dimension asked for with
 * the most it may be, and -1
 *
 * In the shape 0 copies the data's dimension (it is 0 with allowzero), and one -1 is what is left of the elements. That
 * the elements are as many as before is compared by the caller. */
#include "runtime.h"

enum { ELEMENTS, ALLOW_ZERO, RANK, DATA_RANK, DIMENSIONS };

/* A dimension as the shape gives it; -1: what is left, -2: none. */
static int64_t given_dimension(const int64_t n[], const int64_t *shape, int64_t k)
{
    if (shape[k] == 0 && !n[ALLOW_ZERO])
        return k < n[DATA_RANK] ? n[DIMENSIONS + k] : -2;
    return shape[k] < -1 ? -2 : shape[k];
}

/* The product of the dimensions that are given, as far as it is no greater than the elements; -1: it is, or a dimension
 * is none, or two are -1. *inferred: whether one is. */
static int64_t given_product(const int64_t n[], const int64_t *shape, int *inferred)
{
    int64_t product = 1;
    int is_empty = 0, is_more = 0;
    *inferred = 0;
    for (int64_t k = 0; k < n[RANK]; k++) {
        const int64_t size = given_dimension(n, shape, k);
        if (size == -2 || (size == -1 && (*inferred)++))
            return -1;
        is_empty |= size == 0;
        is_more |= size > 0 && product > n[ELEMENTS] / size;
        product *= size < 1 || is_more ? 1 : size;
    }
    return is_empty ? 0 : is_more ? -1 : product;
}

O2C_ROUTINE(o2c_reshape)
{
    const int64_t *shape = (const int64_t *)in[0], *asked = n + DIMENSIONS + n[DATA_RANK];
    int inferred;
    const int64_t others = given_product(n, shape, &inferred);
    (void)p;
    (void)scratch;

    if (others < 0 || (inferred && others == 0))
        return O2C_BAD_SIZE;
    for (int i = 0; asked[2 * i] >= 0; i++) {
        const int64_t size = given_dimension(n, shape, asked[2 * i]);
        *(int64_t *)out[i] = size == -1 ? n[ELEMENTS] / others : size;
        if (*(int64_t *)out[i] > asked[2 * i + 1])
            return O2C_BAD_SIZE;
    }
    return O2C_OK;
}
