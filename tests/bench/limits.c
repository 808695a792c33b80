/* limits.c -- what this machine can do at most, measured: the benchmark's floors are made of it.
 *
 *     limits THREADS
 *
 * Prints one line of JSON: "flops" float operations per second (an addition and a multiplication are two), and for
 * tables of several sizes "bytes", "triad" and "gather": bytes per second of a[i] = b[i] + s c[i] over arrays that take
 * so many bytes together (McCalpin's STREAM), and of sums over randomly chosen rows of 64 floats. The best of several
 * runs each. */
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif
typedef float Vector __attribute__((vector_size(4 * LANES)));

enum { RUNS = 15, ACCUMULATORS = 12, ROW = 64, GATHERS = 1 << 18 };

static volatile float sink; /* keeps results that nobody reads */

static int threads;

/* Seconds; of one thread those it computed in, which other programs do not lengthen. */
static double now(void)
{
    struct timespec t;
    clock_gettime(threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void multiply_add(int64_t count)
{
    Vector sum[ACCUMULATORS], a = (Vector){0} + 0.999f, b = (Vector){0} + 1e-7f;
    for (int j = 0; j < ACCUMULATORS; j++)
        sum[j] = (Vector){0} + (float)j; /* different, or the compiler makes them one */
    for (int64_t i = 0; i < count; i++) {
#pragma GCC unroll 12
        for (int j = 0; j < ACCUMULATORS; j++)
            sum[j] = sum[j] * a + b;
#pragma GCC unroll 12
        for (int j = 0; j < ACCUMULATORS; j++)
            __asm__ volatile("" : : "x"(sum[j]));
    }
    for (int j = 1; j < ACCUMULATORS; j++)
        sum[0] += sum[j];
    sink = sum[0][0];
}

static double peak_flops(void)
{
    const int64_t count = 4000000;
    double best = 0;
    for (int run = 0; run < RUNS; run++) {
        const double begin = now();
#pragma omp parallel num_threads(threads)
        multiply_add(count);
        const double rate = 2.0 * LANES * ACCUMULATORS * (double)count * threads / (now() - begin);
        best = rate > best ? rate : best;
    }
    return best;
}

/* The memory holds `bytes` bytes and is not all of one page. */
static double triad(float *memory, int64_t bytes)
{
    const int64_t count = bytes / 12 / 64 * 64, repeats = 1 + (int64_t)(1 << 28) / bytes;
    float *a = memory, *b = a + count, *c = b + count;
    double best = 0;
    for (int run = 0; run < RUNS; run++) {
        const double begin = now();
        for (int64_t repeat = 0; repeat < repeats; repeat++) {
#pragma omp parallel for num_threads(threads) schedule(static)
            for (int64_t i = 0; i < count; i++)
                a[i] = b[i] + 3.0f * c[i];
        }
        const double rate = 12.0 * (double)(count * repeats) / (now() - begin);
        best = rate > best ? rate : best;
    }
    return best;
}

static float sum_rows(const float *table, const int32_t *row, int64_t count)
{
    Vector sum[ROW / LANES] = {0};
    for (int64_t i = 0; i < count; i++) {
        const Vector *from = (const Vector *)(const void *)(table + (int64_t)row[i] * ROW);
        for (int j = 0; j < ROW / LANES; j++)
            sum[j] += from[j];
    }
    return sum[0][0];
}

static double gather(const float *table, int64_t bytes, int32_t *row)
{
    uint64_t random = UINT64_C(88172645463325252);
    double best = 0;
    for (int i = 0; i < GATHERS; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        row[i] = (int32_t)(random % (uint64_t)(bytes / (4 * ROW)));
    }
    for (int run = 0; run < RUNS; run++) {
        const double begin = now();
#pragma omp parallel num_threads(threads)
        {
            const int64_t share = GATHERS / threads;
            sink = sum_rows(table, row + share * omp_get_thread_num(), share);
        }
        const double rate = 4.0 * ROW * (double)(GATHERS / threads * threads) / (now() - begin);
        best = rate > best ? rate : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    static const int64_t size[] = {1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26, 1 << 28};
    enum { SIZES = sizeof size / sizeof *size };
    threads = argc == 2 ? atoi(argv[1]) : 0;
    float *memory = aligned_alloc(4096, (size_t)size[SIZES - 1]);
    int32_t *row = malloc(GATHERS * sizeof *row);
    if (threads < 1 || !memory || !row) {
        fputs("usage: limits THREADS\n", stderr);
        return 2;
    }
    for (int64_t i = 0; i < size[SIZES - 1] / 4; i++)
        memory[i] = (float)(i % 7);
    printf("{\"threads\": %d, \"flops\": %.4g, \"levels\": [", threads, peak_flops());
    for (int i = 0; i < SIZES; i++)
        printf("%s{\"bytes\": %lld, \"triad\": %.4g, \"gather\": %.4g}", i ? ", " : "", (long long)size[i],
               triad(memory, size[i]), gather(memory, size[i], row));
    puts("]}");
    free(memory);
    free(row);
    return 0;
}
