/* gru.h -- GRU; see recurrent.h. Gates stand in the order z, r, h:
 *
 *    z = f(W_z x + R_z h + b_z)      r = f(W_r x + R_r h + b_r)
 *    h~ = g(W_h x + wb_h + R_h (r h) + rb_h), or g(W_h x + wb_h + r (R_h h + rb_h)) when the flag is set
 *    h' = (1 - z) h~ + z h
 *
 *    scratch: 8 * hidden numbers */
#include "recurrent.h"

O2C_ROUTINE(O2C_NAME(o2c_gru))
{
    const struct sizes s = recurrent_sizes(n, 3);
    const int64_t hidden = s.hidden, reset_after = n[7];
    O2C_REAL *of_x = (O2C_REAL *)scratch, *of_h = of_x + 3 * hidden, *h = of_h + 3 * hidden, *kept = h + hidden;

    for (int64_t direction = 0; direction < s.directions; direction++)
        for (int64_t item = 0; item < s.batch; item++) {
            struct run run;
            if (!recurrent_run(in, out, n, p, &s, direction, item, &run))
                return O2C_BAD_VALUE;
            const O2C_REAL *const last_r = run.r + 2 * hidden * hidden;
            const O2C_REAL *const last_bias = run.rb ? run.rb + 2 * hidden : NULL;
            start_state(h, in[5], &s, &run);
            for (int64_t step = 0; step < run.length; step++) {
                const int64_t time = run_time(&run, step);
                product(of_x, run.w, run.x + time * s.x_time, run.wb, 3 * hidden, s.input);
                product(of_h, run.r, h, run.rb, 2 * hidden, hidden);
                for (int64_t j = 0; j < 2 * hidden; j++)
                    of_x[j] = run_gate(&run, 0, of_x[j] + of_h[j]);
                const O2C_REAL *const z = of_x, *const r = of_x + hidden;
                for (int64_t j = 0; j < hidden; j++)
                    kept[j] = reset_after ? h[j] : r[j] * h[j];
                product(of_h, last_r, kept, last_bias, hidden, hidden);
                for (int64_t j = 0; j < hidden; j++) {
                    const O2C_REAL recurrent = reset_after ? r[j] * of_h[j] : of_h[j];
                    h[j] = (1 - z[j]) * run_gate(&run, 1, of_x[2 * hidden + j] + recurrent) + z[j] * h[j];
                }
                store_step(&run, &s, time, h);
            }
            pad_steps(&run, &s);
            store_state(out[1], h, &s, &run);
        }
    return O2C_OK;
}
