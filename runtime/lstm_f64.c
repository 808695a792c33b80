/* lstm_f64.c -- LSTM on double. */
#define O2C_REAL       double
#define O2C_NAME(name) name##_f64
#define O2C_MATH(name) name
#include "lstm.h"
