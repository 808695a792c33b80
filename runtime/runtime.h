/* runtime.h -- what the C files of this folder share. Generated programs carry the files they need, with every o2c_
 * turned into the model's own prefix; the evaluator links them all. Each file includes headers of this folder and
 * nothing of the compiler.
 *
 * A routine computes what loops over index expressions cannot say: sorting, data-dependent sizes, recurrences. All have
 * one signature:
 *
 *    int o2c_NAME_SUFFIX(const void *const in[], void *const out[], const int64_t n[], const double p[], void *scratch)
 *
 * in, out: tensors in C order, NULL where optional and absent; sizes the call defines follow the outputs as int64_t.
 * n: sizes and integer parameters, p: floating parameters, scratch: memory of the size the operator's definition
 * states. Returns O2C_OK or a status; outputs are then unspecified but never written out of bounds. No allocation, no
 * globals, no recursion, C99 that is also C++.
 *
 * A routine stands in NAME_SUFFIX.c (NAME.c where one function serves all types). Where it is written once for float
 * and double, both files set O2C_REAL and O2C_NAME and include NAME.h, which is the text. */
#ifndef O2C_RUNTIME_H
#define O2C_RUNTIME_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The head of a routine's definition, with the declaration that comes before it. */
#define O2C_ROUTINE(name)                                                                                              \
    int name(const void *const in[], void *const out[], const int64_t n[], const double p[], void *scratch);           \
    int name(const void *const in[], void *const out[], const int64_t n[], const double p[], void *scratch)

enum { O2C_OK = 0, O2C_BAD_SIZE = 1, O2C_BAD_INDEX = 2, O2C_BAD_VALUE = 3 };
#endif
