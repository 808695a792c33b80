/* dft_f32.c -- DFT of float. */
#define O2C_REAL       float
#define O2C_NAME(name) name##_f32
#include "dft.h"
