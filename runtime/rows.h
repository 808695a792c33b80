/* rows.h -- rows of edges shared among threads, by row pointers (see csr.h): in shares of about as many rows and edges
 * each, without the few rows so long that one thread would still be at them when all others are done. Both depend on
 * the graph alone, not on the number of threads. */
#ifndef O2C_ROWS_H
#define O2C_ROWS_H
#include <stdint.h>

/* At most so many shares, none of less work than this. A row is long that has more than this part of all edges, and
 * more than so many. */
enum { O2C_MOST_SHARES = 128, O2C_LEAST_SHARE = 2048, O2C_LONG_PART = 64, O2C_LEAST_LONG = 2048 };

/* The number of shares. */
static inline int64_t o2c_shares(const int32_t *row, int64_t rows)
{
    const int64_t shares = (row[rows] + rows) / O2C_LEAST_SHARE + 1;
    return shares < (int64_t)O2C_MOST_SHARES ? shares : (int64_t)O2C_MOST_SHARES;
}

/* The first row of a share; `rows` of the one behind the last. */
static inline int64_t o2c_share(const int32_t *row, int64_t rows, int64_t share)
{
    const int64_t before = (row[rows] + rows) * share / o2c_shares(row, rows);
    int64_t first = 0, count = rows; /* it is one of count + 1 rows from first on */
    while (count > 0) {
        const int64_t half = count / 2, middle = first + half;
        const int is_behind = row[middle] + middle < before;
        first = is_behind ? middle + 1 : first;
        count = is_behind ? count - half - 1 : half;
    }
    return first;
}

/* Rows of more edges than this are long. */
static inline int64_t o2c_longest(const int32_t *row, int64_t rows)
{
    const int64_t part = row[rows] / O2C_LONG_PART;
    return part > (int64_t)O2C_LEAST_LONG ? part : (int64_t)O2C_LEAST_LONG;
}
#endif
