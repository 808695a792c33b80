/* lstm.h -- LSTM; see recurrent.h. Gates stand in the order i, o, f, c, peepholes P in the order i, o, f:
 *
 *    i = f(W_i x + R_i h + P_i c + b_i)        f = f(W_f x + R_f h + P_f c + b_f), or 1 - i when the flag is set
 *    c' = f c + i g(W_c x + R_c h + b_c)       o = f(W_o x + R_o h + P_o c' + b_o)        h' = o h(c')
 *
 * Only gates are clipped, not the c' that h reads, as ONNX Runtime has it.
 *
 *    own inputs: initial_c [directions, batch, hidden], P [directions, 3 * hidden]      own output: Y_c
 *    scratch: 10 * hidden numbers */
#include "recurrent.h"

O2C_ROUTINE(O2C_NAME(o2c_lstm))
{
    const struct sizes s = recurrent_sizes(n, 4);
    const int64_t hidden = s.hidden, coupled = n[7];
    O2C_REAL *of_x = (O2C_REAL *)scratch, *of_h = of_x + 4 * hidden, *h = of_h + 4 * hidden, *c = h + hidden;

    for (int64_t direction = 0; direction < s.directions; direction++)
        for (int64_t item = 0; item < s.batch; item++) {
            const O2C_REAL *peephole = in[7] ? (const O2C_REAL *)in[7] + direction * 3 * hidden : NULL;
            struct run run;
            if (!recurrent_run(in, out, n, p, &s, direction, item, &run))
                return O2C_BAD_VALUE;
            start_state(h, in[5], &s, &run);
            start_state(c, in[6], &s, &run);
            for (int64_t step = 0; step < run.length; step++) {
                const int64_t time = run_time(&run, step);
                product(of_x, run.w, run.x + time * s.x_time, run.wb, 4 * hidden, s.input);
                product(of_h, run.r, h, run.rb, 4 * hidden, hidden);
                for (int64_t j = 0; j < hidden; j++) {
                    O2C_REAL i = of_x[j] + of_h[j], o = of_x[hidden + j] + of_h[hidden + j];
                    O2C_REAL f = of_x[2 * hidden + j] + of_h[2 * hidden + j];
                    const O2C_REAL g = run_gate(&run, 1, of_x[3 * hidden + j] + of_h[3 * hidden + j]);
                    if (peephole) {
                        i += peephole[j] * c[j];
                        f += peephole[2 * hidden + j] * c[j];
                    }
                    i = run_gate(&run, 0, i);
                    f = coupled ? 1 - i : run_gate(&run, 0, f);
                    c[j] = f * c[j] + i * g;
                    if (peephole)
                        o += peephole[hidden + j] * c[j];
                    h[j] = run_gate(&run, 0, o) * run_activate(&run, 2, c[j]);
                }
                store_step(&run, &s, time, h);
            }
            pad_steps(&run, &s);
            store_state(out[1], h, &s, &run);
            store_state(out[2], c, &s, &run);
        }
    return O2C_OK;
}
