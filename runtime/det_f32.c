/* det_f32.c -- Det of float. */
#define O2C_REAL       float
#define O2C_NAME(name) name##_f32
#include "det.h"
