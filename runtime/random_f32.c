/* random_f32.c -- random numbers of type float. */
#define O2C_REAL       float
#define O2C_NAME(name) name##_f32
#include "random.h"
