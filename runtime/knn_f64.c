/* knn_f64.c -- Knn of double. */
#define O2C_REAL             double
#define O2C_NAME(name)       name##_f64
#define O2C_MANY             double
#define O2C_MANY_COUNT       1
#define O2C_LOAD(from)       (*(from))
#define O2C_STORE(to, value) (*(to) = (value))
#include "knn.h"
