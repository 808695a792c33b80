/* nms.c -- NonMaxSuppression: for each batch and class, boxes by falling score, less those that overlap a better one.
 *
 *     in: boxes float[batches, boxes, 4], scores float[batches, classes, boxes], at most int64, overlap float, score
 * float out: (batch, class, box) int64[count, 3], count n: batches, classes, boxes, center_point_box, most results
 * scratch: 2 * boxes int64
 *
 * A box is dropped when its intersection over union with a kept one is greater than `overlap`, and when its score is
 * not greater than the score threshold (no threshold: all are). Absent inputs: none at most, overlap 0. */
#include "sort.h"

struct box {
    float low[2], high[2];
};

/* Corners come in any order; the other form is centre, width and height. */
static struct box read_box(const float *b, int64_t center)
{
    struct box box;
    for (int i = 0; i < 2; i++) {
        const float first = center ? b[i] - b[i + 2] / 2 : b[i], second = center ? b[i] + b[i + 2] / 2 : b[i + 2];
        box.low[i] = first < second ? first : second;
        box.high[i] = first < second ? second : first;
    }
    return box;
}

static float area(struct box b)
{
    return b.low[0] < b.high[0] && b.low[1] < b.high[1] ? (b.high[0] - b.low[0]) * (b.high[1] - b.low[1]) : 0;
}

static float intersection_over_union(struct box a, struct box b)
{
    struct box both;
    for (int i = 0; i < 2; i++) {
        both.low[i] = a.low[i] > b.low[i] ? a.low[i] : b.low[i];
        both.high[i] = a.high[i] < b.high[i] ? a.high[i] : b.high[i];
    }
    const float common = area(both), all = area(a) + area(b) - common;
    return all > 0 ? common / all : 0;
}

static int higher_score(const void *who, int64_t a, int64_t b)
{
    const float *score = (const float *)who;
    return score[a] > score[b];
}

O2C_ROUTINE(o2c_nms)
{
    const int64_t batches = n[0], classes = n[1], boxes = n[2], center = n[3], most = n[4];
    const int64_t at_most = in[2] ? *(const int64_t *)in[2] : 0;
    const float overlap = in[3] ? *(const float *)in[3] : 0;
    int64_t *order = (int64_t *)scratch, *result = (int64_t *)out[0], count = 0;
    (void)p;

    for (int64_t pair = 0; pair < batches * classes; pair++) {
        const float *box = (const float *)in[0] + pair / classes * boxes * 4;
        const float *score = (const float *)in[1] + pair * boxes;
        const int64_t begin = count;
        int64_t candidates = 0;
        for (int64_t i = 0; i < boxes; i++)
            if (!in[4] || score[i] > *(const float *)in[4])
                order[candidates++] = i;
        o2c_sort(order, order + boxes, candidates, higher_score, score);
        for (int64_t i = 0; i < candidates && count - begin < at_most; i++) {
            const struct box candidate = read_box(box + 4 * order[i], center);
            int keep = 1;
            for (int64_t kept = begin; keep && kept < count; kept++)
                keep = intersection_over_union(candidate, read_box(box + 4 * result[3 * kept + 2], center)) <= overlap;
            if (!keep)
                continue;
            if (count >= most)
                return O2C_BAD_SIZE;
            result[3 * count] = pair / classes;
            result[3 * count + 1] = pair % classes;
            result[3 * count + 2] = order[i];
            count++;
        }
    }
    *(int64_t *)out[1] = count;
    return O2C_OK;
}
