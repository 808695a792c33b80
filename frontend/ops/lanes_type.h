/* lanes_type.h -- the scalar functions over lanes of one type. Included by lanes.c for each type, with T the type, U
 * the unsigned type of its width, TYPE its DType, and COLUMN picking the text of its class. No include guard. */
#define NAME_OF(name, type) name##_##type
#define NAME(name, type)    NAME_OF(name, type)
#define SCALAR(name, arity, result, floating, signed_, unsigned_, boolean)                                             \
    static void NAME(name, TYPE)(int64_t n, void *out, Operand operand_a, Operand operand_b, Operand operand_c)        \
    {                                                                                                                  \
        RESULT_##result *restrict y = out;                                                                             \
        const T *first = operand_a.data, *second = arity > 1 ? operand_b.data : first,                                 \
                *third = arity > 2 ? operand_c.data : first;                                                           \
        const int width = n == 1 ? 1 : LANE_CHUNK;                                                                     \
        for (int64_t i = 0; i < n; i += LANE_CHUNK) {                                                                  \
            for (int j = 0; j < width; j++) {                                                                          \
                const T a = first[j], b = second[j], c = third[j];                                                     \
                (void)a, (void)b, (void)c;                                                                             \
                y[j] = (RESULT_##result)(COLUMN(floating, signed_, unsigned_, boolean));                               \
            }                                                                                                          \
            y += LANE_CHUNK;                                                                                           \
            first += operand_a.step;                                                                                   \
            second += operand_b.step;                                                                                  \
            third += operand_c.step;                                                                                   \
        }                                                                                                              \
    }
#include "scalar.def"
#undef SCALAR
static Lanes *const NAME(table, TYPE)[NUM_SCALAR] = {
#define SCALAR(name, arity, result, floating, signed_, unsigned_, boolean) NAME(name, TYPE),
#include "scalar.def"
#undef SCALAR
};
#undef NAME
#undef NAME_OF
#undef T
#undef U
#undef TYPE
