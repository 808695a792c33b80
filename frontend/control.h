/* control.h -- a node of FORM_CONTROL that runs: what control.c and strings.c share. */
#ifndef CONTROL_H
#define CONTROL_H
#include "evaluate.h"
#include "ops/op.h"

typedef struct {
    Environment *environment;
    const Node *node;
    Context *context;
    Datum *const *input; /* one for each input slot; NULL: not given */
    Datum **output;      /* to be filled */
} Call;

/* Reports that the node failed; returns false. */
static inline bool call_fail(const Call *call, const char *what)
{
    return report_add(call->context->report, call->node, NODE_FAILED, what);
}

static inline void call_give(const Call *call, int output, Datum *datum)
{
    if (output < call->node->nout)
        call->output[output] = datum;
}

bool run_string_concat(const Call *call);
bool run_string_normalizer(const Call *call);
bool run_string_split(const Call *call);
bool run_regex_full_match(const Call *call);
#endif
