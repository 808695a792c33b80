/* csr_i32.c -- Csr of int32 indices. */
#define O2C_INDEX int32_t
#define O2C_NAME  o2c_csr_i32
#include "csr.h"
