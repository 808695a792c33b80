%/* The micro-kernel of dense products: sums for some rows and columns stay in registers while k runs. */
%
%void template_tile(Text *text, const char *prefix, const char *upper, int panel, bool exact, bool nonzeros)
%{
/* Dense products: so many rows and columns at once, so many rows before the next columns. Weights stand in panels of
 * ${panel} columns. */
#define ${upper}TILE_COLUMNS (${upper}WIDE == 16 ? 32 : ${panel})
#define ${upper}TILE_ROWS (${upper}WIDE == 16 ? 12 : ${upper}WIDE == 8 ? 6 : 3)
#define ${upper}TILE_CHUNK 96

/* sum[r][j] = sum over k of a[r * stride + k] * panel[k][j] for so many rows r, and vectors of columns j. */
${upper}INLINE void ${prefix}tile_part(int rows, int vectors, int64_t depth, const float *a, int64_t stride, const float *panel,
                    float *sum)
{
    ${prefix}wide part[${upper}TILE_ROWS][${upper}TILE_COLUMNS / ${upper}WIDE], b[${upper}TILE_COLUMNS / ${upper}WIDE];
    const ${prefix}wide zero = {0};
    ${upper}UNROLL
    for (int r = 0; r < rows; r++) {
        ${upper}UNROLL
        for (int v = 0; v < vectors; v++)
            part[r][v] = zero;
    }
    for (int64_t k = 0; k < depth; k++) {
        if (k % 16 == 0) /* the next rows' cache lines */
            ${upper}UNROLL
            for (int r = 0; r < rows; r++)
                ${prefix}prefetch_behind(a, (r + rows) * stride + k);
        ${upper}UNROLL
        for (int v = 0; v < vectors; v++) {
            const int j = v * ${upper}WIDE;
            b[v] = ${prefix}wide_load(panel + (j / ${panel} * depth + k) * ${panel} + j % ${panel});
        }
        ${upper}UNROLL
        for (int r = 0; r < rows; r++) {
            ${upper}UNROLL
            for (int v = 0; v < vectors; v++)
%    if (exact) {
                part[r][v] += a[r * stride + k] * b[v];
%    } else {
                part[r][v] = ${prefix}wide_fma(a[r * stride + k], b[v], part[r][v]);
%    }
        }
    }
    ${upper}UNROLL
    for (int r = 0; r < rows; r++) {
        ${upper}UNROLL
        for (int v = 0; v < vectors; v++)
            ${prefix}wide_store(sum + r * ${upper}TILE_COLUMNS + v * ${upper}WIDE, part[r][v]);
    }
}

/* The same for any rows and columns up to a tile's. */
static void ${prefix}tile(int64_t rows, int64_t columns, int64_t depth, const float *${upper}RESTRICT a, int64_t stride,
                     const float *${upper}RESTRICT panel, float *${upper}RESTRICT sum)
{
    const int all = ${upper}TILE_COLUMNS / ${upper}WIDE;
    for (int64_t r = 0, step; r < rows; r += step) {
        const float *row = a + r * stride;
        float *to = sum + r * ${upper}TILE_COLUMNS;
        step = rows - r >= ${upper}TILE_ROWS ? ${upper}TILE_ROWS : rows - r >= 4 && ${upper}TILE_ROWS > 4 ? 4 : 1;
        if (columns <= ${upper}WIDE && step == ${upper}TILE_ROWS)
            ${prefix}tile_part(${upper}TILE_ROWS, 1, depth, row, stride, panel, to);
        else if (columns <= ${upper}WIDE && step == 4)
            ${prefix}tile_part(4, 1, depth, row, stride, panel, to);
        else if (columns <= ${upper}WIDE)
            ${prefix}tile_part(1, 1, depth, row, stride, panel, to);
        else if (step == ${upper}TILE_ROWS)
            ${prefix}tile_part(${upper}TILE_ROWS, all, depth, row, stride, panel, to);
        else if (step == 4)
            ${prefix}tile_part(4, all, depth, row, stride, panel, to);
        else
            ${prefix}tile_part(1, all, depth, row, stride, panel, to);
    }
}

%    if (nonzeros) {
/* Of so many rows at once the zeros are looked for. */
#define ${upper}NONZERO_ROWS 24

/* Writes for each row a list of most + 1 numbers: how many elements are not 0, and where they stand, in order. Where there is no
 * room in it for two more, each row's list begins with -1. Of 64 elements two are listed without a branch, which could not be
 * foretold. */
static void ${prefix}nonzeros(int64_t rows, int64_t depth, const float *a, int64_t stride, int32_t most, int32_t *lists)
{
    const uint64_t last = (uint64_t)1 << 63;
    float rest[64] = {0};
    for (int64_t r = 0; r < rows; r++) {
        int32_t *list = lists + r * (most + 1), count = 0;
        for (int64_t k = 0; k < depth; k += 64) {
            const float *from = a + r * stride + k;
            if (depth - k < 64)
                from = (const float *)memcpy(rest, from, (size_t)(depth - k) * sizeof *rest);
            uint64_t bits = ${prefix}nonzero_bits(from);
            for (int i = 0; i < 2; i++, bits &= bits - 1) {
                list[count + 1] = (int32_t)k + ${prefix}lowest_bit(bits | last);
                count += bits != 0;
            }
            for (; bits && count < most; bits &= bits - 1)
                list[++count] = (int32_t)k + ${prefix}lowest_bit(bits);
            if (count + 2 > most) {
                for (int64_t i = 0; i < rows; i++)
                    lists[i * (most + 1)] = -1;
                return;
            }
        }
        list[0] = count;
    }
}

/* A row's sums, without the products that are 0. */
${upper}INLINE void ${prefix}tile_row_of_nonzeros(int vectors, int64_t depth, const float *row, const float *panel, const int32_t *list,
                    float *sum)
{
    ${prefix}wide part[${upper}TILE_COLUMNS / ${upper}WIDE];
    const ${prefix}wide zero = {0};
    ${upper}UNROLL
    for (int v = 0; v < vectors; v++)
        part[v] = zero;
    for (int32_t i = 1; i <= list[0]; i++) {
        const int64_t k = list[i];
        ${upper}UNROLL
        for (int v = 0; v < vectors; v++) {
            const int j = v * ${upper}WIDE;
            const ${prefix}wide b = ${prefix}wide_load(panel + (j / ${panel} * depth + k) * ${panel} + j % ${panel});
%    if (exact) {
            part[v] += row[k] * b;
%    } else {
            part[v] = ${prefix}wide_fma(row[k], b, part[v]);
%    }
        }
    }
    ${upper}UNROLL
    for (int v = 0; v < vectors; v++)
        ${prefix}wide_store(sum + v * ${upper}WIDE, part[v]);
}

/* What ${prefix}tile computes, by the rows' lists. */
static void ${prefix}tile_of_nonzeros(int64_t rows, int64_t columns, int64_t depth, const float *${upper}RESTRICT a, int64_t stride,
                     const float *${upper}RESTRICT panel, int32_t most, const int32_t *lists, float *${upper}RESTRICT sum)
{
    if (lists[0] < 0) {
        ${prefix}tile(rows, columns, depth, a, stride, panel, sum);
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        if (columns <= ${upper}WIDE)
            ${prefix}tile_row_of_nonzeros(1, depth, a + r * stride, panel, lists + r * (most + 1), sum + r * ${upper}TILE_COLUMNS);
        else
            ${prefix}tile_row_of_nonzeros(${upper}TILE_COLUMNS / ${upper}WIDE, depth, a + r * stride, panel, lists + r * (most + 1),
                    sum + r * ${upper}TILE_COLUMNS);
}

%    }
%}
