/* dft.h -- DFT along an axis: y[k] = sum over t of x[t] exp(-2 pi i k t / length), or with the other sign and divided
 * by length.
 *
 *     in: x [before, extent, after, components], components 1 (real) or 2      out: y [before, bins, after, out
 * components] n: before, extent, after, components, length, bins, out components, inverse, hermitian scratch: 6 *
 * length doubles
 *
 * The signal is cut or filled with zeros to `length`. hermitian: x holds the first half of a spectrum whose other half
 * is its mirror image, and y is real. Lengths that are powers of two are transformed in n log n steps, others in n^2;
 * always in double. */
#include "runtime.h"

/* The signal and its transform, and exp(2 pi i k / length): real and imaginary parts apart. */
struct dft {
    double *re, *im, *to_re, *to_im, *cos, *sin;
    int64_t length;
};

static void dft_turns(const struct dft *d, double sign)
{
    for (int64_t k = 0; k < d->length; k++) {
        const double angle = sign * 6.283185307179586476925286766559 * (double)k / (double)d->length;
        d->cos[k] = cos(angle);
        d->sin[k] = sin(angle);
    }
}

/* The definition itself. */
static void dft_directly(const struct dft *d)
{
    for (int64_t k = 0; k < d->length; k++) {
        double re = 0, im = 0;
        for (int64_t t = 0, turn = 0; t < d->length; t++) {
            re += d->re[t] * d->cos[turn] - d->im[t] * d->sin[turn];
            im += d->re[t] * d->sin[turn] + d->im[t] * d->cos[turn];
            turn += k;
            turn -= turn >= d->length ? d->length : 0;
        }
        d->to_re[k] = re;
        d->to_im[k] = im;
    }
}

/* Cooley and Tukey: the signal in bit-reversed order, then butterflies over blocks of doubling size. */
static void dft_by_halves(const struct dft *d)
{
    for (int64_t i = 0, reversed = 0; i < d->length; i++) {
        d->to_re[reversed] = d->re[i];
        d->to_im[reversed] = d->im[i];
        int64_t bit = d->length >> 1;
        for (; bit && (reversed & bit); bit >>= 1)
            reversed ^= bit;
        reversed |= bit;
    }
    for (int64_t half = 1; half < d->length; half *= 2)
        for (int64_t start = 0; start < d->length; start += 2 * half)
            for (int64_t i = 0; i < half; i++) {
                const int64_t a = start + i, b = a + half, turn = i * (d->length / (2 * half));
                const double re = d->to_re[b] * d->cos[turn] - d->to_im[b] * d->sin[turn];
                const double im = d->to_re[b] * d->sin[turn] + d->to_im[b] * d->cos[turn];
                d->to_re[b] = d->to_re[a] - re;
                d->to_im[b] = d->to_im[a] - im;
                d->to_re[a] += re;
                d->to_im[a] += im;
            }
}

O2C_ROUTINE(O2C_NAME(o2c_dft))
{
    const int64_t before = n[0], extent = n[1], after = n[2], components = n[3], length = n[4], bins = n[5];
    const int64_t out_components = n[6], inverse = n[7], hermitian = n[8];
    const O2C_REAL *x = (const O2C_REAL *)in[0];
    O2C_REAL *y = (O2C_REAL *)out[0];
    struct dft d;
    (void)p;

    if (length <= 0 || bins > length || components < 1 || components > 2)
        return O2C_BAD_VALUE;
    d.length = length;
    d.re = (double *)scratch;
    d.im = d.re + length;
    d.to_re = d.im + length;
    d.to_im = d.to_re + length;
    d.cos = d.to_im + length;
    d.sin = d.cos + length;
    dft_turns(&d, inverse ? 1 : -1);
    const double scale = inverse ? 1 / (double)length : 1;
    for (int64_t row = 0; row < before * after; row++) {
        const int64_t from = row / after * extent * after + row % after, to = row / after * bins * after + row % after;
        for (int64_t t = 0; t < length; t++) {
            const O2C_REAL *const element = x + (from + t * after) * components;
            d.re[t] = t < extent ? (double)element[0] : 0;
            d.im[t] = t < extent && components == 2 ? (double)element[1] : 0;
        }
        for (int64_t t = length / 2 + 1; hermitian && t < length; t++) {
            d.re[t] = d.re[length - t];
            d.im[t] = -d.im[length - t];
        }
        if ((length & (length - 1)) == 0)
            dft_by_halves(&d);
        else
            dft_directly(&d);
        for (int64_t k = 0; k < bins; k++) {
            O2C_REAL *const element = y + (to + k * after) * out_components;
            element[0] = (O2C_REAL)(scale * d.to_re[k]);
            if (out_components == 2)
                element[1] = (O2C_REAL)(scale * d.to_im[k]);
        }
    }
    return O2C_OK;
}
