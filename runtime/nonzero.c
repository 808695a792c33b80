/* nonzero.c -- NonZero: the coordinates of the elements that are not zero, in row-major order.
 *
 *     in: x of any shape      out: coordinates int64[rank, count], count
 *     n: type, elements of x, rank, dimensions of x */
#include "element.h"

O2C_ROUTINE(o2c_nonzero)
{
    const uint64_t nothing = 0;
    const int64_t type = n[0], elements = n[1], rank = n[2], *dim = n + 3;
    const int64_t zero = o2c_order_key(&nothing, 0, type);
    int64_t *coordinate = (int64_t *)out[0], count = 0;
    (void)p;
    (void)scratch;

    for (int64_t i = 0; i < elements; i++)
        count += o2c_order_key(in[0], i, type) != zero;
    *(int64_t *)out[1] = count;
    for (int64_t i = 0, place = 0; i < elements; i++) {
        if (o2c_order_key(in[0], i, type) == zero)
            continue;
        for (int64_t axis = rank - 1, rest = i; axis >= 0; rest /= dim[axis], axis--)
            coordinate[axis * count + place] = rest % dim[axis];
        place++;
    }
    return O2C_OK;
}
