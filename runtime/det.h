/* det.h -- Det: determinants by Gaussian elimination with row exchanges, in double.
 *
 *     in: x [matrices, size, size]      out: y [matrices]      n: matrices, size      scratch: size * size doubles */
#include "runtime.h"

O2C_ROUTINE(O2C_NAME(o2c_det))
{
    const int64_t matrices = n[0], size = n[1];
    double *a = (double *)scratch;
    (void)p;

    for (int64_t matrix = 0; matrix < matrices; matrix++) {
        const O2C_REAL *x = (const O2C_REAL *)in[0] + matrix * size * size;
        double determinant = 1;
        for (int64_t i = 0; i < size * size; i++)
            a[i] = (double)x[i];
        for (int64_t k = 0; k < size; k++) {
            int64_t pivot = k;
            for (int64_t i = k + 1; i < size; i++)
                if (fabs(a[i * size + k]) > fabs(a[pivot * size + k]))
                    pivot = i;
            for (int64_t j = 0; j < size && pivot != k; j++) {
                const double kept = a[k * size + j];
                a[k * size + j] = a[pivot * size + j];
                a[pivot * size + j] = kept;
            }
            const double diagonal = a[k * size + k];
            determinant *= pivot != k ? -diagonal : diagonal;
            if (diagonal == 0)
                break;
            for (int64_t i = k + 1; i < size; i++) {
                const double factor = a[i * size + k] / diagonal;
                for (int64_t j = k; j < size; j++)
                    a[i * size + j] -= factor * a[k * size + j];
            }
        }
        ((O2C_REAL *)out[0])[matrix] = (O2C_REAL)determinant;
    }
    return O2C_OK;
}
