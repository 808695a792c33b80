/* gru_f32.c -- GRU on float. */
#define O2C_REAL       float
#define O2C_NAME(name) name##_f32
#define O2C_MATH(name) name##f
#include "gru.h"
