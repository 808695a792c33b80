/* knn.h -- Knn: the k nearest points of each query, exactly, in O(queries * k) memory.
 *
 *     in: x [batches, queries, channels], y [batches, points, channels]
 *     out: index int64 [batches, queries, k], distance [batches, queries, k], which may be NULL
 *     n: batches, queries, points, channels, k      scratch: batches * queries * k numbers where distance is NULL
 *
 * Distances are squared, sums of squared differences. The nearest comes first, of equals the point that comes first; a
 * distance that is not a number is infinite. Included by knn_f32.c and knn_f64.c, which set O2C_REAL and O2C_NAME
 * and say what several of them are: O2C_MANY, O2C_MANY_COUNT, O2C_LOAD (from), O2C_STORE (to, value).
 *
 * A block of queries meets the points tile by tile, turned so that loops run along the points. What a query has found
 * so far stands in its own rows of the output, in order: points are compared with the farthest of those. Results do not
 * depend on the number of threads, since every query is searched by one. */
#include "runtime.h"
#include "vector.h"

enum { QUERIES = 32, POINTS = 64, CHANNELS = 64, TOGETHER = 4 };

/* What a query has found: `count` points, the nearest first. */
struct found {
    O2C_REAL *distance;
    int64_t *index, count;
};

/* Puts a point in its place; of k the farthest leaves. */
static void insert(struct found *f, O2C_REAL distance, int64_t point, int64_t k)
{
    int64_t i = f->count < k ? f->count++ : k - 1;
    for (; i > 0 && distance < f->distance[i - 1]; i--) {
        f->distance[i] = f->distance[i - 1];
        f->index[i] = f->index[i - 1];
    }
    f->distance[i] = distance;
    f->index[i] = point;
}

/* Offers the points first .. first + count - 1 of a tile. */
static void offer(struct found *f, const O2C_REAL *distance, int64_t first, int64_t count, int64_t k)
{
    for (int64_t j = 0; j < count; j++) {
        const O2C_REAL d = distance[j] == distance[j] ? distance[j] : (O2C_REAL)INFINITY;
        if (f->count < k || d < f->distance[k - 1])
            insert(f, d, first + j, k);
    }
}

/* turned[c][j] = y[j][c] for a tile's points and some channels; points beyond the last are repeated. */
static void turn(O2C_REAL *turned, const O2C_REAL *y, int64_t stride, int64_t points, int64_t channels)
{
    for (int64_t j = 0; j < POINTS; j++) {
        const O2C_REAL *from = y + (j < points ? j : points - 1) * stride;
        for (int64_t c = 0; c < channels; c++)
            turned[c * POINTS + j] = from[c];
    }
}

/* sum[q][j] += (x[q][c] - turned[c][j])^2 over some channels c, for TOGETHER queries and all points of the tile. */
static void add_squares(O2C_REAL *sum, const O2C_REAL *const *x, const O2C_REAL *turned, int64_t channels)
{
    for (int64_t j = 0; j < POINTS; j += 2 * O2C_MANY_COUNT) {
        O2C_MANY s[TOGETHER][2];
        O2C_UNROLL
        for (int q = 0; q < TOGETHER; q++)
            for (int h = 0; h < 2; h++)
                s[q][h] = O2C_LOAD(sum + q * POINTS + j + h * O2C_MANY_COUNT);
        for (int64_t c = 0; c < channels; c++) {
            const O2C_MANY y0 = O2C_LOAD(turned + c * POINTS + j);
            const O2C_MANY y1 = O2C_LOAD(turned + c * POINTS + j + O2C_MANY_COUNT);
            O2C_UNROLL
            for (int q = 0; q < TOGETHER; q++) {
                const O2C_MANY d0 = x[q][c] - y0, d1 = x[q][c] - y1;
                s[q][0] += d0 * d0;
                s[q][1] += d1 * d1;
            }
        }
        O2C_UNROLL
        for (int q = 0; q < TOGETHER; q++)
            for (int h = 0; h < 2; h++)
                O2C_STORE(sum + q * POINTS + j + h * O2C_MANY_COUNT, s[q][h]);
    }
}

/* The distances of up to QUERIES queries x to the points of a tile, with `turned` as room for them. */
static void measure(O2C_REAL *sum, O2C_REAL *turned, const O2C_REAL *x, int64_t queries, const O2C_REAL *y,
                    int64_t points, int64_t channels)
{
    memset(sum, 0, QUERIES * POINTS * sizeof *sum);
    for (int64_t c = 0; c < channels; c += CHANNELS) {
        const int64_t some = channels - c < CHANNELS ? channels - c : (int64_t)CHANNELS;
        turn(turned, y + c, channels, points, some);
        for (int64_t q = 0; q < queries; q += TOGETHER) {
            const O2C_REAL *row[TOGETHER];
            for (int i = 0; i < TOGETHER; i++)
                row[i] = x + (q + i < queries ? q + i : queries - 1) * channels + c;
            add_squares(sum + q * POINTS, row, turned, some);
        }
    }
}

/* The k nearest of the points y for up to QUERIES queries x. */
static void search(const O2C_REAL *x, int64_t queries, const O2C_REAL *y, int64_t points, int64_t channels, int64_t k,
                   O2C_REAL *distance, int64_t *index)
{
    O2C_REAL sum[QUERIES * POINTS], turned[CHANNELS * POINTS];
    struct found found[QUERIES];
    for (int64_t q = 0; q < queries; q++) {
        found[q].distance = distance + q * k;
        found[q].index = index + q * k;
        found[q].count = 0;
    }
    for (int64_t first = 0; first < points; first += POINTS) {
        const int64_t count = points - first < POINTS ? points - first : (int64_t)POINTS;
        measure(sum, turned, x, queries, y + first * channels, count, channels);
        for (int64_t q = 0; q < queries; q++)
            offer(&found[q], sum + q * POINTS, first, count, k);
    }
}

O2C_ROUTINE(O2C_NAME(o2c_knn))
{
    const int64_t batches = n[0], queries = n[1], points = n[2], channels = n[3], k = n[4];
    const int64_t blocks = (queries + QUERIES - 1) / QUERIES;
    const O2C_REAL *const x = (const O2C_REAL *)in[0], *const y = (const O2C_REAL *)in[1];
    O2C_REAL *const distance = (O2C_REAL *)(out[1] ? out[1] : scratch);
    int64_t *const index = (int64_t *)out[0];
    (void)p;

    if (k < 0 || k > points)
        return O2C_BAD_VALUE;
#ifdef _OPENMP
#pragma omp parallel for schedule(static)
#endif
    for (int64_t i = 0; i < (k > 0 ? batches * blocks : 0); i++) {
        const int64_t batch = i / blocks, first = i % blocks * QUERIES, row = batch * queries + first;
        search(x + row * channels, queries - first < QUERIES ? queries - first : (int64_t)QUERIES,
               y + batch * points * channels, points, channels, k, distance + row * k, index + row * k);
    }
    return O2C_OK;
}
