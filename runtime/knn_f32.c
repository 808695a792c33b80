/* knn_f32.c -- Knn of float. */
#define O2C_REAL             float
#define O2C_NAME(name)       name##_f32
#define O2C_MANY             o2c_wide
#define O2C_MANY_COUNT       O2C_WIDE
#define O2C_LOAD(from)       o2c_wide_load(from)
#define O2C_STORE(to, value) o2c_wide_store(to, value)
#include "knn.h"
