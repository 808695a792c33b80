/* slice_i64.c -- the sizes of a Slice between int64 points. */
#define O2C_INDEX int64_t
#define O2C_NAME  o2c_slice_i64
#include "slice.h"
