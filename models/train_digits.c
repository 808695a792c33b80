/* train_digits.c -- trains the digits GAT with the C that onnx2c generated from its initial weights.
 *
 *     train_digits FOLDER N E EPOCHS     FOLDER holds x, edges, target, train, test as plain numbers
 *
 * The graph is prepared once; a step is one call. Prints loss and accuracy of each epoch beside a progress bar, and
 * leaves the last accuracy in FOLDER/accuracy. */
#include "gat_train.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { FEATURES = 64, CLASSES = 10, BAR = 30 };

static void *allocate(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
    if (!memory || bytes == SIZE_MAX)
        exit(fprintf(stderr, "train_digits: no memory\n") > 0);
    return memory;
}

static void *load(const char *folder, const char *name, size_t bytes)
{
    char path[4096];
    void *data = allocate(bytes);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file || fread(data, 1, bytes, file) != bytes)
        exit(fprintf(stderr, "train_digits: %s cannot be read\n", path) > 0);
    fclose(file);
    return data;
}

static double accuracy(int64_t count, const float *y, const int64_t *target, const uint8_t *mask)
{
    int64_t right = 0, all = 0;
    for (int64_t i = 0; i < count; i++) {
        int best = 0;
        for (int k = 1; k < CLASSES; k++)
            if (y[i * CLASSES + k] > y[i * CLASSES + best])
                best = k;
        all += mask[i] != 0;
        right += mask[i] && best == target[i];
    }
    return (double)right / (double)all;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void show(int epoch, int epochs, double loss, double right)
{
    char bar[BAR + 1];
    for (int i = 0; i < BAR; i++)
        bar[i] = i * epochs < epoch * BAR ? '#' : '.';
    bar[BAR] = '\0';
    const int live = isatty(STDOUT_FILENO);
    if (live || epoch % 10 == 0 || epoch == 1)
        printf("%s  [%s] epoch %3d  loss %.4f  test accuracy %.4f%s", live ? "\r" : "", bar, epoch, loss, right,
               live && epoch < epochs ? "" : "\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return fprintf(stderr, "usage: train_digits FOLDER N E EPOCHS\n") > 0;
    const int64_t n = atoll(argv[2]), e = atoll(argv[3]);
    const int epochs = atoi(argv[4]);
    const float *x = load(argv[1], "x", (size_t)(n * FEATURES) * sizeof *x);
    const int64_t *edges = load(argv[1], "edges", (size_t)(2 * e) * sizeof *edges);
    const int64_t *target = load(argv[1], "target", (size_t)n * sizeof *target);
    const uint8_t *train = load(argv[1], "train", (size_t)n), *test = load(argv[1], "test", (size_t)n);
    float *y = allocate((size_t)(n * CLASSES) * sizeof *y), loss = 0;
    struct gat_train_state *state = allocate(sizeof *state);
    void *graph = allocate(gat_train_graph_bytes(n, e)), *workspace = allocate(gat_train_step_workspace(n, e));
    double right = 0;
    char path[4096];
    gat_train_init(state);
    enum gat_train_status status = gat_train_graph(n, e, edges, graph);
    const double start = seconds();
    for (int epoch = 1; epoch <= epochs && status == GAT_TRAIN_OK; epoch++) {
        status = gat_train_step_graph(n, e, x, edges, target, train, y, &loss, graph, state, workspace);
        right = accuracy(n, y, target, test);
        show(epoch, epochs, loss, right);
    }
    if (status != GAT_TRAIN_OK)
        return fprintf(stderr, "train_digits: %s\n", gat_train_status_text(status)) > 0;
    printf("  time                   %.2f ms per epoch\n", (seconds() - start) * 1e3 / epochs);
    snprintf(path, sizeof path, "%s/accuracy", argv[1]);
    FILE *file = fopen(path, "w");
    return !file || fprintf(file, "%.4f\n", right) < 0 || fclose(file) != 0;
}
