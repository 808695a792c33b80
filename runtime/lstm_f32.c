/* lstm_f32.c -- LSTM on float. */
#define O2C_REAL       float
#define O2C_NAME(name) name##_f32
#define O2C_MATH(name) name##f
#include "lstm.h"
