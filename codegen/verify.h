/* verify.h -- a case of `onnx2c verify`: a model and its data sets, in the layout of ONNX's backend tests. */
#ifndef VERIFY_H
#define VERIFY_H
#include "command.h"
#include "compare.h"

/* A test_data_set_N folder. */
typedef struct {
    int number;
    const char *folder;
    Datum **input; /* one for each input of the model; NULL: its default */
} DataSet;

/* One CASE. */
typedef struct {
    const Options *options;
    const char *folder;
    Context *context;
    Comparison comparison;
    Model *model;
    Value **input; /* the model's inputs, fixed ones included */
    int ninput;
    Value **left; /* those that are not fixed */
    int nleft;
    DataSet *set;
    int nset;
    int left_out;          /* sets with other edges than --graph says */
    const char *fixed;     /* names of the inputs that became constants; "" */
    const char *temporary; /* to be removed; NULL */
    double seconds;        /* the fastest run of the slowest data set; < 0: not measured */
    bool passed;
} Case;

/* Reads the data sets of the case's folder and the model, and prepares it; inputs whose values must be known become the
 * constants that all data sets have for them. False after errors in the report. */
bool case_load(Case *test);
/* Where the K-th "input" or "output" of a set is; of each output there is one, or case_load has failed. */
const char *set_path(Case *test, const DataSet *set, const char *kind, int k);
/* Finds anew which inputs are no constants. */
void find_left(Case *test);
#endif
