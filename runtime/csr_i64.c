/* csr_i64.c -- Csr of int64 indices. */
#define O2C_INDEX int64_t
#define O2C_NAME  o2c_csr_i64
#include "csr.h"
