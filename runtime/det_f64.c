/* det_f64.c -- Det of double. */
#define O2C_REAL       double
#define O2C_NAME(name) name##_f64
#include "det.h"
