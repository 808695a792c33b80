/* tfidf.h -- TfIdfVectorizer: how often each n-gram of a pool stands in each row, weighted.
 *
 *     in: x [rows, length], pool int64[pool], first int64[grams + 1], column int64[grams], weight float[grams]
 *     out: y float[rows, columns]
 *     n: rows, length, grams, columns, least and greatest length of a gram, most skipped, mode (0 count, 1 weight, 2
 * both)
 *
 * Gram g is pool[first[g] .. first[g + 1]); its elements stand skip + 1 apart in a row, for each skip from 0 to the
 * most. A gram of one element is not counted again for each skip. */
#include "runtime.h"

O2C_ROUTINE(O2C_NAME(o2c_tfidf))
{
    const int64_t rows = n[0], length = n[1], grams = n[2], columns = n[3], most_skipped = n[6], mode = n[7];
    const O2C_ELEMENT *x = (const O2C_ELEMENT *)in[0];
    const int64_t *pool = (const int64_t *)in[1], *first = (const int64_t *)in[2], *column = (const int64_t *)in[3];
    const float *weight = (const float *)in[4];
    float *y = (float *)out[0];
    (void)p;
    (void)scratch;

    for (int64_t i = 0; i < rows * columns; i++)
        y[i] = 0;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t g = 0; g < grams; g++) {
            const int64_t size = first[g + 1] - first[g];
            float *const count = y + row * columns + column[g];
            if (size < n[4] || size > n[5])
                continue;
            const int64_t most = size > 1 ? most_skipped : 0;
            for (int64_t skip = 0; skip <= most && (size - 1) * (skip + 1) < length; skip++)
                for (int64_t start = 0; start + (size - 1) * (skip + 1) < length; start++) {
                    int64_t same = 0;
                    while (same < size && (int64_t)x[row * length + start + same * (skip + 1)] == pool[first[g] + same])
                        same++;
                    *count += same == size ? 1.0f : 0.0f;
                }
            if (mode == 1)
                *count = *count > 0 ? weight[g] : 0;
            else if (mode == 2)
                *count *= weight[g];
        }
    return O2C_OK;
}
