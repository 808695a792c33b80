/* dce.c -- nodes and initialisers nobody reads go. */
#include "pass.h"

bool pass_dce(Model *model, const PassOptions *options)
{
    (void)options;
    graph_sweep(model->graph);
    return true;
}
