/* dtype.h -- element types: ONNX's numbers, names, sizes, and the C types that hold and compute them. */
#ifndef DTYPE_H
#define DTYPE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
#define DTYPE(name, number, text, bits, storage, compute, class) name = number,
#include "dtype.def"
#undef DTYPE
    NUM_DTYPE
} DType;

typedef enum { NO_CLASS, FLOATING, SIGNED, UNSIGNED, BOOLEAN, TEXTUAL, COMPLEX } DTypeClass;

typedef struct {
    const char *name;    /* the enumerator: "F32" */
    const char *text;    /* in ONNX text: "float" */
    int bits;            /* in an ONNX file; 0: no fixed size */
    size_t size;         /* bytes an element takes in memory (sub-byte types: 1) */
    const char *storage; /* C type in memory: "float", "uint16_t" */
    const char *compute; /* C type in expressions */
    DTypeClass class;
} DTypeInfo;

/* The row of a type; type must be below NUM_DTYPE. */
const DTypeInfo *dtype_info(DType type);

/* The type an ONNX text name ("float", "int64") or an ONNX number stands for; UNDEFINED when there is none. */
DType dtype_parse(const char *text, size_t length);
DType dtype_from_number(int64_t number);

/* Whether values of this type are converted between memory and expressions (float16, float8 ...). */
bool dtype_is_converted(DType type);

/* The type expressions compute in: F32 for converted types, the type itself otherwise. */
DType dtype_compute(DType type);

/* Bytes that `count` elements take in an ONNX file, and elements narrower than a byte between there (packed) and memory
 * (one per byte, with their sign). */
size_t dtype_packed_size(DType dtype, int64_t count);
void dtype_unpack(DType dtype, const unsigned char *packed, int64_t count, unsigned char *element);
void dtype_pack(DType dtype, const unsigned char *element, int64_t count, unsigned char *packed);

static inline bool dtype_is_float(DType type)
{
    return dtype_info(type)->class == FLOATING;
}
static inline bool dtype_is_integer(DType type)
{
    return dtype_info(type)->class == SIGNED || dtype_info(type)->class == UNSIGNED;
}
#endif
