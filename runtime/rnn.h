/* rnn.h -- RNN; see recurrent.h.        h' = f(W x + R h + b)        scratch: 3 * hidden numbers */
#include "recurrent.h"

O2C_ROUTINE(O2C_NAME(o2c_rnn))
{
    const struct sizes s = recurrent_sizes(n, 1);
    O2C_REAL *of_x = (O2C_REAL *)scratch, *of_h = of_x + s.hidden, *h = of_h + s.hidden;

    for (int64_t direction = 0; direction < s.directions; direction++)
        for (int64_t item = 0; item < s.batch; item++) {
            struct run run;
            if (!recurrent_run(in, out, n, p, &s, direction, item, &run))
                return O2C_BAD_VALUE;
            start_state(h, in[5], &s, &run);
            for (int64_t step = 0; step < run.length; step++) {
                const int64_t time = run_time(&run, step);
                product(of_x, run.w, run.x + time * s.x_time, run.wb, s.hidden, s.input);
                product(of_h, run.r, h, run.rb, s.hidden, s.hidden);
                for (int64_t j = 0; j < s.hidden; j++)
                    h[j] = run_gate(&run, 0, of_x[j] + of_h[j]);
                store_step(&run, &s, time, h);
            }
            pad_steps(&run, &s);
            store_state(out[1], h, &s, &run);
        }
    return O2C_OK;
}
