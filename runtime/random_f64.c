/* random_f64.c -- random numbers of type double. */
#define O2C_REAL       double
#define O2C_NAME(name) name##_f64
#include "random.h"
