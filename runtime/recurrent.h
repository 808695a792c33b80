/* recurrent.h -- what RNN, GRU and LSTM share: sizes and strides, activations, products.
 *
 * Included once for each type of number, O2C_REAL. All take
 *
 *    in: X [time, batch, input], W [directions, gates * hidden, input], R [directions, gates * hidden, hidden],
 *        B [directions, 2 * gates * hidden], lengths int32[batch], initial_h [directions, batch, hidden], then their
 * own out: Y [time, directions, batch, hidden], Y_h [directions, batch, hidden], then their own n: time, batch, input,
 * hidden, directions, reverse, batch first, flag of the operator, activations (three for each direction) p: clip (no
 * clipping where it is not above 0), alpha and beta of each activation
 *
 * With `batch first` the order is X [batch, time, input], Y [batch, time, directions, hidden], Y_h [batch, directions,
 * hidden]. From the length of its sequence on a batch item's Y is zero, and its Y_h is the state at its last step. */
#ifndef O2C_RECURRENT_H
#define O2C_RECURRENT_H
#include "runtime.h"

enum activation {
    AFFINE,
    ELU,
    HARD_SIGMOID,
    LEAKY_RELU,
    RELU,
    SCALED_TANH,
    SIGMOID,
    SOFTPLUS,
    SOFTSIGN,
    TANH,
    THRESHOLDED_RELU
};

static inline O2C_REAL activate(int64_t function, O2C_REAL alpha, O2C_REAL beta, O2C_REAL x)
{
    const O2C_REAL one = 1, half = (O2C_REAL)0.5;
    switch (function) {
    case AFFINE:
        return alpha * x + beta;
    case ELU:
        return x >= 0 ? x : alpha * O2C_MATH(expm1)(x);
    case HARD_SIGMOID:
        x = alpha * x + beta;
        return x < 0 ? 0 : x > 1 ? one : x;
    case LEAKY_RELU:
        return x >= 0 ? x : alpha * x;
    case RELU:
        return x >= 0 ? x : 0;
    case SCALED_TANH:
        return alpha * O2C_MATH(tanh)(beta * x);
    case SIGMOID:
        return half + half * O2C_MATH(tanh)(half * x);
    case SOFTPLUS:
        return x > 0 ? x + O2C_MATH(log1p)(O2C_MATH(exp)(-x)) : O2C_MATH(log1p)(O2C_MATH(exp)(x));
    case SOFTSIGN:
        return x / (one + O2C_MATH(fabs)(x));
    case TANH:
        return O2C_MATH(tanh)(x);
    default:
        return x > alpha ? x : 0;
    }
}

/* Sizes, and how far apart neighbours stand along each axis. */
struct sizes {
    int64_t time, batch, input, hidden, directions, gates;
    int64_t x_time, x_batch, y_time, y_batch, y_direction, state_batch, state_direction;
};

static inline struct sizes recurrent_sizes(const int64_t n[], int64_t gates)
{
    const int64_t batch_first = n[6];
    struct sizes s;
    s.time = n[0];
    s.batch = n[1];
    s.input = n[2];
    s.hidden = n[3];
    s.directions = n[4];
    s.gates = gates;
    s.x_time = batch_first ? s.input : s.batch * s.input;
    s.x_batch = batch_first ? s.time * s.input : s.input;
    s.y_time = s.directions * s.batch * s.hidden;
    s.y_direction = batch_first ? s.hidden : s.batch * s.hidden;
    s.y_batch = batch_first ? s.time * s.directions * s.hidden : s.hidden;
    if (batch_first)
        s.y_time = s.directions * s.hidden;
    s.state_direction = s.y_direction;
    s.state_batch = batch_first ? s.directions * s.hidden : s.hidden;
    return s;
}

/* One run over a sequence: a direction of a batch item. */
struct run {
    const O2C_REAL *x, *w, *r, *wb, *rb; /* wb, rb: NULL without bias */
    const int64_t *function;             /* the direction's activations ... */
    const double *parameter;             /* ... and their alpha and beta */
    O2C_REAL *y;                         /* NULL: not wanted */
    int64_t length, reverse, state;      /* state: where this run's initial and last state stand */
    double clip;
};

static inline int recurrent_run(const void *const in[], void *const out[], const int64_t n[], const double p[],
                                const struct sizes *s, int64_t direction, int64_t item, struct run *run)
{
    const int64_t rows = s->gates * s->hidden;
    const int32_t *lengths = (const int32_t *)in[4];
    run->x = (const O2C_REAL *)in[0] + item * s->x_batch;
    run->w = (const O2C_REAL *)in[1] + direction * rows * s->input;
    run->r = (const O2C_REAL *)in[2] + direction * rows * s->hidden;
    run->wb = in[3] ? (const O2C_REAL *)in[3] + direction * 2 * rows : NULL;
    run->rb = run->wb ? run->wb + rows : NULL;
    run->function = n + 8 + 3 * direction;
    run->parameter = p + 1 + 6 * direction;
    run->y = out[0] ? (O2C_REAL *)out[0] + direction * s->y_direction + item * s->y_batch : NULL;
    run->length = lengths ? lengths[item] : s->time;
    run->reverse = n[5] || direction == 1;
    run->state = direction * s->state_direction + item * s->state_batch;
    run->clip = p[0];
    return run->length >= 0 && run->length <= s->time;
}

static inline O2C_REAL run_activate(const struct run *run, int which, O2C_REAL x)
{
    const double *const parameter = run->parameter + 2 * which;
    return activate(run->function[which], (O2C_REAL)parameter[0], (O2C_REAL)parameter[1], x);
}

/* The same for a gate: its sum is clipped first. */
static inline O2C_REAL run_gate(const struct run *run, int which, O2C_REAL x)
{
    const O2C_REAL clip = (O2C_REAL)run->clip;
    return run_activate(run, which, !(clip > 0) ? x : x < -clip ? -clip : x > clip ? clip : x);
}

/* The sum of a[i] * b[i], in eight partial sums that the C compiler can keep in one register. */
static inline O2C_REAL dot(const O2C_REAL *a, const O2C_REAL *b, int64_t count)
{
    O2C_REAL part[8] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int j = 0; j < 8; j++)
            part[j] += a[i + j] * b[i + j];
    for (; i < count; i++)
        sum += a[i] * b[i];
    for (int j = 0; j < 8; j++)
        sum += part[j];
    return sum;
}

/* to[g] = w[g] . v + bias[g] for `rows` rows of w; w is [rows, width], bias may be NULL. */
static inline void product(O2C_REAL *to, const O2C_REAL *w, const O2C_REAL *v, const O2C_REAL *bias, int64_t rows,
                           int64_t width)
{
    for (int64_t g = 0; g < rows; g++)
        to[g] = dot(w + g * width, v, width) + (bias ? bias[g] : 0);
}

/* The state a run starts in: `initial` at its place, or zeros. */
static inline void start_state(O2C_REAL *state, const void *initial, const struct sizes *s, const struct run *run)
{
    for (int64_t j = 0; j < s->hidden; j++)
        state[j] = initial ? ((const O2C_REAL *)initial)[run->state + j] : 0;
}

static inline void store_state(void *last, const O2C_REAL *state, const struct sizes *s, const struct run *run)
{
    if (last)
        memcpy((O2C_REAL *)last + run->state, state, (size_t)s->hidden * sizeof *state);
}

/* The input at a run's step: reversed runs begin at the end of their own sequence. */
static inline int64_t run_time(const struct run *run, int64_t step)
{
    return run->reverse ? run->length - 1 - step : step;
}

static inline void store_step(const struct run *run, const struct sizes *s, int64_t time, const O2C_REAL *state)
{
    if (run->y)
        memcpy(run->y + time * s->y_time, state, (size_t)s->hidden * sizeof *state);
}

/* Zeros from the end of the sequence to the end of time. */
static inline void pad_steps(const struct run *run, const struct sizes *s)
{
    for (int64_t time = run->length; run->y && time < s->time; time++)
        memset(run->y + time * s->y_time, 0, (size_t)s->hidden * sizeof *run->y);
}
#endif
