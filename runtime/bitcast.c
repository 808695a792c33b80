/* bitcast.c -- BitCast: the same bits as elements of another type of their width.
 *
 *     in: x      out: y      n: bytes */
#include "runtime.h"

O2C_ROUTINE(o2c_bitcast)
{
    (void)p;
    (void)scratch;
    memcpy(out[0], in[0], (size_t)n[0]);
    return O2C_OK;
}
