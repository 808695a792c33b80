/* slice_i32.c -- the sizes of a Slice between int32 points. */
#define O2C_INDEX int32_t
#define O2C_NAME  o2c_slice_i32
#include "slice.h"
