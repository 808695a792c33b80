%/* The micro-kernel of dense products: sums for some rows and columns stay in registers while k runs. */
%
%void template_tile(Text *text, const char *prefix, const char *upper, int panel, bool exact, const bool *form)
%{
/* Dense products: at most so many columns and rows at once, so many for a product of n columns; so many rows before the
 * next columns, or before the sums go to memory. Packed weights stand in panels of ${panel} columns. */
#define ${upper}TILE_COLUMNS (${upper}WIDE == 16 ? 48 : ${panel})
#define ${upper}TILE_STEP(n) (${upper}WIDE < 16 ? ${panel} : (n) > 32 && (n) <= 48 ? 48 : 32)
#define ${upper}TILE_ROWS (${upper}WIDE == 16 ? 12 : ${upper}WIDE == 8 ? 6 : 3)
#define ${upper}TILE_CHUNK 96
#define ${upper}TILE_DEPTH 512

/* sum[r][j] = sum over k of a[r * a_row + k * a_k] * b[j / ${panel} * b_panel + k * b_k + j % ${panel}] for so many rows r, and vectors
 * of columns j, the last of which has so many. */
${upper}INLINE void ${prefix}tile_part(int rows, int vectors, int last, int64_t depth, const float *a, int64_t a_row, int64_t a_k,
                    const float *b, int64_t b_panel, int64_t b_k, float *sum)
{
    ${prefix}wide part[${upper}TILE_ROWS][${upper}TILE_COLUMNS / ${upper}WIDE], row[${upper}TILE_COLUMNS / ${upper}WIDE];
    const ${prefix}wide zero = {0};
    ${upper}UNROLL
    for (int r = 0; r < rows; r++) {
        ${upper}UNROLL
        for (int v = 0; v < ${upper}TILE_COLUMNS / ${upper}WIDE; v++)
            part[r][v] = zero;
    }
    for (int64_t k = 0; k < depth; k++) {
        if (a_k == 1 && k % 16 == 0) /* the next rows' cache lines */
            ${upper}UNROLL
            for (int r = 0; r < rows; r++)
                ${prefix}prefetch_behind(a, (r + rows) * a_row + k);
        ${upper}UNROLL
        for (int v = 0; v < vectors; v++) {
            const float *from = b + (v * ${upper}WIDE / ${panel} * b_panel + k * b_k + v * ${upper}WIDE % ${panel});
            row[v] = v + 1 < vectors ? ${prefix}wide_load(from) : ${prefix}wide_load_first(from, last);
        }
        ${upper}UNROLL
        for (int r = 0; r < rows; r++) {
            ${upper}UNROLL
            for (int v = 0; v < vectors; v++)
%    if (exact) {
                part[r][v] += a[r * a_row + k * a_k] * row[v];
%    } else {
                part[r][v] = ${prefix}wide_fma(a[r * a_row + k * a_k], row[v], part[r][v]);
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

/* The same for any rows, as many as registers hold at once, or few, or one. */
${upper}INLINE void ${prefix}tile_rows(int most, int vectors, int64_t rows, int last, int64_t depth, const float *a, int64_t a_row,
                    int64_t a_k, const float *b, int64_t b_panel, int64_t b_k, float *sum)
{
    int64_t r = 0;
    for (; r + most <= rows; r += most)
        ${prefix}tile_part(most, vectors, last, depth, a + r * a_row, a_row, a_k, b, b_panel, b_k, sum + r * ${upper}TILE_COLUMNS);
    for (; most > 4 && r + 4 <= rows; r += 4)
        ${prefix}tile_part(4, vectors, last, depth, a + r * a_row, a_row, a_k, b, b_panel, b_k, sum + r * ${upper}TILE_COLUMNS);
    for (; r < rows; r++)
        ${prefix}tile_part(1, vectors, last, depth, a + r * a_row, a_row, a_k, b, b_panel, b_k, sum + r * ${upper}TILE_COLUMNS);
}

/* The same for any rows and columns up to a tile's. */
${upper}INLINE void ${prefix}tile_any(int is_packed, int64_t rows, int64_t columns, int64_t depth, const float *a, int64_t a_row,
                    int64_t a_k, const float *b, int64_t b_panel, int64_t b_k, float *sum)
{
    const int last = is_packed ? ${upper}WIDE : (int)((columns - 1) % ${upper}WIDE) + 1;
    const int most = ${upper}TILE_COLUMNS / ${upper}WIDE;
    const int needed = is_packed ? most : (int)((columns + ${upper}WIDE - 1) / ${upper}WIDE);
    if (columns <= ${upper}WIDE)
        ${prefix}tile_rows(${upper}TILE_ROWS, 1, rows, last, depth, a, a_row, a_k, b, b_panel, b_k, sum);
    else if (most > 2 && columns <= 2 * ${upper}WIDE)
        ${prefix}tile_rows(${upper}TILE_ROWS, 2, rows, last, depth, a, a_row, a_k, b, b_panel, b_k, sum);
    else if (needed == most)
        ${prefix}tile_rows(${upper}WIDE == 16 ? 8 : ${upper}TILE_ROWS, most, rows, last, depth, a, a_row, a_k, b, b_panel, b_k, sum);
    else /* never behind the last column */
        ${prefix}tile_rows(${upper}WIDE == 16 ? 8 : ${upper}TILE_ROWS, needed, rows, last, depth, a, a_row, a_k, b, b_panel, b_k, sum);
}
%    if (form[TILE_OF_WEIGHTS] || form[TILE_OF_NONZEROS]) {

/* A tile of a times packed weights: a is read along rows, `stride` apart. */
static void ${prefix}tile(int64_t rows, int64_t columns, int64_t depth, const float *${upper}RESTRICT a, int64_t stride,
                     const float *${upper}RESTRICT panel, float *${upper}RESTRICT sum)
{
    ${prefix}tile_any(1, rows, columns, depth, a, stride, 1, panel, depth * ${panel}, ${panel}, sum);
}
%    }
%    if (form[TILE_OF_ROWS] || form[TILE_OF_NONZEROS_BY_ROWS]) {

/* A tile of a times b, both read along rows. */
static void ${prefix}tile_of_rows(int64_t rows, int64_t columns, int64_t depth, const float *${upper}RESTRICT a, int64_t stride,
                     const float *${upper}RESTRICT b, int64_t b_stride, float *${upper}RESTRICT sum)
{
    ${prefix}tile_any(0, rows, columns, depth, a, stride, 1, b, ${panel}, b_stride, sum);
}
%    }
%    if (form[TILE_OF_COLUMNS]) {

/* A tile of a's transpose times b: so many of their rows are summed. */
static void ${prefix}tile_of_columns(int64_t rows, int64_t columns, int64_t depth, const float *${upper}RESTRICT a, int64_t stride,
                     const float *${upper}RESTRICT b, int64_t b_stride, float *${upper}RESTRICT sum)
{
    ${prefix}tile_any(0, rows, columns, depth, a, 1, stride, b, ${panel}, b_stride, sum);
}
%    }
%    if (form[TILE_OF_NONZEROS] || form[TILE_OF_NONZEROS_BY_ROWS] || form[SUMS_OF_NONZEROS]) {

/* Of so many rows at once the zeros are looked for. */
#define ${upper}NONZERO_ROWS 24

/* Writes for each row a list of most + 1 numbers: how many elements are not 0, and where they stand, in order. Where there is no
 * room in it for two more, or zeros may not be left out, each row's list begins with -1. Of 64 elements two are listed without a
 * branch, which could not be foretold. */
static void ${prefix}nonzeros(int may_skip, int64_t rows, int64_t depth, const float *a, int64_t stride, int32_t most, int32_t *lists)
{
    const uint64_t last = (uint64_t)1 << 63;
    float rest[64] = {0};
    for (int64_t r = 0; r < rows && may_skip; r++) {
        int32_t *list = lists + r * (most + 1), count = 0;
        for (int64_t k = 0; k < depth && may_skip; k += 64) {
            const float *from = a + r * stride + k;
            for (int i = 0; i < 64; i += 16) /* what comes in a few rows */
                ${prefix}prefetch_behind(from, 4 * stride + i);
            if (depth - k < 64)
                from = (const float *)memcpy(rest, from, (size_t)(depth - k) * sizeof *rest);
            uint64_t bits = ${prefix}nonzero_bits(from);
            for (int i = 0; i < 2; i++, bits &= bits - 1) {
                list[count + 1] = (int32_t)k + ${prefix}lowest_bit(bits | last);
                count += bits != 0;
            }
            for (; bits && count < most; bits &= bits - 1)
                list[++count] = (int32_t)k + ${prefix}lowest_bit(bits);
            may_skip = may_skip && count + 2 <= most;
        }
        list[0] = count;
    }
    for (int64_t i = 0; i < rows && !may_skip; i++)
        lists[i * (most + 1)] = -1;
}
%    }
%    if (form[TILE_OF_NONZEROS] || form[TILE_OF_NONZEROS_BY_ROWS]) {

/* A row's sums, without the products that are 0; the operands as in ${prefix}tile_part. */
${upper}INLINE void ${prefix}tile_row_of_nonzeros(int vectors, int last, const float *row, const float *b, int64_t b_panel, int64_t b_k,
                    const int32_t *list, float *sum)
{
    ${prefix}wide part[${upper}TILE_COLUMNS / ${upper}WIDE];
    const ${prefix}wide zero = {0};
    ${upper}UNROLL
    for (int v = 0; v < ${upper}TILE_COLUMNS / ${upper}WIDE; v++)
        part[v] = zero;
    for (int32_t i = 1; i <= list[0]; i++) {
        const int64_t k = list[i];
        ${upper}UNROLL
        for (int v = 0; v < vectors; v++) {
            const float *from = b + (v * ${upper}WIDE / ${panel} * b_panel + k * b_k + v * ${upper}WIDE % ${panel});
            const ${prefix}wide column = v + 1 < vectors ? ${prefix}wide_load(from) : ${prefix}wide_load_first(from, last);
%    if (exact) {
            part[v] += row[k] * column;
%    } else {
            part[v] = ${prefix}wide_fma(row[k], column, part[v]);
%    }
        }
    }
    ${upper}UNROLL
    for (int v = 0; v < vectors; v++)
        ${prefix}wide_store(sum + v * ${upper}WIDE, part[v]);
}

/* What ${prefix}tile_any computes, by the rows' lists. */
${upper}INLINE void ${prefix}tile_any_of_nonzeros(int is_packed, int64_t rows, int64_t columns, const float *a, int64_t stride, const float *b,
                    int64_t b_panel, int64_t b_k, int32_t most, const int32_t *lists, float *sum)
{
    const int last = is_packed ? ${upper}WIDE : (int)((columns - 1) % ${upper}WIDE) + 1;
    const int most_vectors = ${upper}TILE_COLUMNS / ${upper}WIDE;
    const int needed = is_packed ? most_vectors : (int)((columns + ${upper}WIDE - 1) / ${upper}WIDE);
    for (int64_t r = 0; r < rows; r++, a += stride, lists += most + 1, sum += ${upper}TILE_COLUMNS)
        if (columns <= ${upper}WIDE)
            ${prefix}tile_row_of_nonzeros(1, last, a, b, b_panel, b_k, lists, sum);
        else if (most_vectors > 2 && columns <= 2 * ${upper}WIDE)
            ${prefix}tile_row_of_nonzeros(2, last, a, b, b_panel, b_k, lists, sum);
        else if (needed == most_vectors)
            ${prefix}tile_row_of_nonzeros(most_vectors, last, a, b, b_panel, b_k, lists, sum);
        else
            ${prefix}tile_row_of_nonzeros(needed, last, a, b, b_panel, b_k, lists, sum);
}
%    }
%    if (form[TILE_OF_NONZEROS]) {

/* What ${prefix}tile computes, by the rows' lists. */
static void ${prefix}tile_of_nonzeros(int64_t rows, int64_t columns, int64_t depth, const float *${upper}RESTRICT a, int64_t stride,
                     const float *${upper}RESTRICT panel, int32_t most, const int32_t *lists, float *${upper}RESTRICT sum)
{
    if (lists[0] < 0)
        ${prefix}tile(rows, columns, depth, a, stride, panel, sum);
    else
        ${prefix}tile_any_of_nonzeros(1, rows, columns, a, stride, panel, depth * ${panel}, ${panel}, most, lists, sum);
}
%    }
%    if (form[TILE_OF_NONZEROS_BY_ROWS]) {

/* What ${prefix}tile_of_rows computes, by the rows' lists. */
static void ${prefix}tile_of_nonzeros_by_rows(int64_t rows, int64_t columns, int64_t depth, const float *${upper}RESTRICT a, int64_t stride,
                     const float *${upper}RESTRICT b, int64_t b_stride, int32_t most, const int32_t *lists, float *${upper}RESTRICT sum)
{
    if (lists[0] < 0)
        ${prefix}tile_of_rows(rows, columns, depth, a, stride, b, b_stride, sum);
    else
        ${prefix}tile_any_of_nonzeros(0, rows, columns, a, stride, b, ${panel}, b_stride, most, lists, sum);
}
%    }
%    if (form[SUMS_OF_NONZEROS]) {

/* sum[k * columns + j] += a[r * stride + k] * b[r * b_stride + j], row after row, for the k in the rows' lists. */
static void ${prefix}add_nonzeros(int64_t rows, int64_t columns, const float *${upper}RESTRICT a, int64_t stride,
                     const float *${upper}RESTRICT b, int64_t b_stride, int32_t most, const int32_t *lists, float *${upper}RESTRICT sum)
{
    const int64_t whole = columns - columns % ${upper}WIDE;
    for (int64_t r = 0; r < rows; r++, a += stride, b += b_stride, lists += most + 1)
        for (int32_t i = 1; i <= lists[0]; i++) {
            const float factor = a[lists[i]];
            float *to = sum + lists[i] * columns;
            for (int64_t j = 0; j < whole; j += ${upper}WIDE)
%    if (exact) {
                ${prefix}wide_store(to + j, ${prefix}wide_load(to + j) + factor * ${prefix}wide_load(b + j));
%    } else {
                ${prefix}wide_store(to + j, ${prefix}wide_fma(factor, ${prefix}wide_load(b + j), ${prefix}wide_load(to + j)));
%    }
            for (int64_t j = whole; j < columns; j++)
                to[j] += factor * b[j];
        }
}
%    }
%}
