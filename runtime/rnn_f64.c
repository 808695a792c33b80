/* rnn_f64.c -- RNN on double. */
#define O2C_REAL       double
#define O2C_NAME(name) name##_f64
#define O2C_MATH(name) name
#include "rnn.h"
