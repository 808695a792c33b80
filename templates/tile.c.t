%/* The micro-kernel of dense products: sums for some rows and one panel of columns stay in registers while k runs. */
%
%void template_tile(Text *text, const char *prefix, const char *upper, int rows, int columns)
%{
/* Vectors of ${upper}LANES floats, where the compiler has them; loads and stores need no alignment. */
#if defined(__GNUC__) && defined(__AVX__)
#define ${upper}LANES 8
#elif defined(__GNUC__)
#define ${upper}LANES 4
#endif
#ifdef ${upper}LANES
typedef float ${prefix}vector __attribute__((vector_size(4 * ${upper}LANES), aligned(4), may_alias));
#endif

/* sum[r][j] = sum over k of a[r * stride + k] * panel[k][j] for ${rows} rows r and ${columns} columns j. */
static void ${prefix}tile_of_${rows}(int64_t count, const float *${upper}RESTRICT a, int64_t stride, const float *${upper}RESTRICT panel,
                          float *${upper}RESTRICT sum)
{
#ifdef ${upper}LANES
    for (int j = 0; j < ${columns}; j += 2 * ${upper}LANES) {
%    for (int r = 0; r < rows; r++) {
        ${prefix}vector s${r}0 = {0}, s${r}1 = {0};
%    }
        for (int64_t k = 0; k < count; k++) {
            const float *column = panel + k * ${columns} + j;
            const ${prefix}vector b0 = *(const ${prefix}vector *)(const void *)column;
            const ${prefix}vector b1 = *(const ${prefix}vector *)(const void *)(column + ${upper}LANES);
%    for (int r = 0; r < rows; r++) {
            s${r}0 += a[${r} * stride + k] * b0;
            s${r}1 += a[${r} * stride + k] * b1;
%    }
        }
%    for (int r = 0; r < rows; r++) {
        *(${prefix}vector *)(void *)(sum + ${r * columns} + j) = s${r}0;
        *(${prefix}vector *)(void *)(sum + ${r * columns} + j + ${upper}LANES) = s${r}1;
%    }
    }
#else
    for (int r = 0; r < ${rows}; r++)
        for (int j = 0; j < ${columns}; j++)
            sum[r * ${columns} + j] = 0;
    for (int64_t k = 0; k < count; k++)
        for (int r = 0; r < ${rows}; r++)
            for (int j = 0; j < ${columns}; j++)
                sum[r * ${columns} + j] += a[r * stride + k] * panel[k * ${columns} + j];
#endif
}

/* The same for 1 to ${rows} rows. */
static void ${prefix}tile(int64_t rows, int64_t count, const float *${upper}RESTRICT a, int64_t stride,
                     const float *${upper}RESTRICT panel, float *${upper}RESTRICT sum)
{
    if (rows == ${rows}) {
        ${prefix}tile_of_${rows}(count, a, stride, panel, sum);
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        float one[${columns}] = {0};
        for (int64_t k = 0; k < count; k++)
            for (int j = 0; j < ${columns}; j++)
                one[j] += a[r * stride + k] * panel[k * ${columns} + j];
        memcpy(sum + r * ${columns}, one, sizeof one);
    }
}

%}
