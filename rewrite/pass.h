/* pass.h -- graph to better graph: the pass table and the passes.
 *
 * A pass is a function over a whole model, the graphs inside of nodes included (graph_each; schedule alone leaves those
 * as they are), named after what it does, one file each. The table says in which order they run and why. model_verify
 * holds between passes, and the graph after any pass is a legal ONNX model: operators of the domains gnn and o2c carry
 * their definition as a model-local function when it is printed. */
#ifndef PASS_H
#define PASS_H
#include "../frontend/ir.h"

/* What a rewrite may change, weakest promise last: no bit; rounding alone; results, within the bound it declares; what
 * is drawn, not how it is distributed. */
typedef enum { EXACT, REASSOC, LOSSY, STOCHASTIC } Contract;

/* How the passes are run and watched. */
typedef struct {
    Contract allowed;       /* --exact: EXACT; the default: LOSSY */
    const char **rule_file; /* --rules FILE ... */
    int nrule_file;
    const char **dump_after; /* -d after:PASS ... ("all": after each), to the stream below */
    int ndump_after;
    bool trace_rules;      /* -d rules: a line for each firing */
    const char **why_rule; /* -d why:RULE ...: the first statement or guard that failed, per candidate root */
    int nwhy_rule;
    bool keeps_order;       /* what only sizes of a run can order stays as it is: no If whose branches are two orders */
    const char *stop_after; /* run no pass after this one; NULL: all */
    FILE *trace;
    const char *dump_folder; /* also write each dump as FOLDER/NN-PASS.onnxtxt; NULL: do not */
    struct RewriteLog *log;  /* set by rewrite() for its passes */
} PassOptions;

typedef struct {
    const char *name;
    bool (*run)(Model *model, const PassOptions *options); /* false after errors in the report */
    const char *after;                                     /* the pass that must come before it ... */
    const char *why;                                       /* ... and the reason */
} Pass;

/* What a pass did, for inspect --passes and for the header comment. */
typedef struct {
    const char *pass;
    int nodes_before, nodes_after;
} PassRecord;
typedef struct {
    const char *rule;
    int fired;
} RuleRecord;
typedef struct RewriteLog {
    PassRecord *pass; /* in the order they ran */
    int npass;
    RuleRecord *rule; /* those that fired, each once: in the order they first did */
    int nrule;
} RewriteLog;

const Pass *pass_table(int *count);
/* Runs the table on an upgraded, inferred model. log may be NULL. */
bool rewrite(Model *model, const PassOptions *options, RewriteLog *log);

bool pass_inline(Model *model, const PassOptions *options);    /* model-local functions and constant If */
bool pass_shape(Model *model, const PassOptions *options);     /* shape arithmetic is spelled one way */
bool pass_canon(Model *model, const PassOptions *options);     /* canon.rules: one spelling for each meaning */
bool pass_fold(Model *model, const PassOptions *options);      /* nodes with known results become constants */
bool pass_cse(Model *model, const PassOptions *options);       /* equal nodes become one */
bool pass_dce(Model *model, const PassOptions *options);       /* nodes nobody reads go */
bool pass_gnn(Model *model, const PassOptions *options);       /* gnn.rules: message passing is recognised */
bool pass_relations(Model *model, const PassOptions *options); /* kinds of edges are aggregated at once */
bool pass_sparse(Model *model, const PassOptions *options);    /* products with nearly empty constants are gathers */
bool pass_postpone(Model *model, const PassOptions *options);  /* postpone.rules: dense work from edges to vertices */
bool pass_simplify(Model *model, const PassOptions *options);  /* simplify.rules */
bool pass_csr(Model *model, const PassOptions *options);       /* edges grouped by target once per index vector */
bool pass_structure(Model *model, const PassOptions *options); /* what depends on a given graph alone is computed */
bool pass_expand(Model *model, const PassOptions *options);    /* composed operators become what they are made of */
bool pass_fuse(Model *model, const PassOptions *options);      /* nodes become groups: one loop nest each */
bool pass_schedule(Model *model, const PassOptions *options);  /* an order in which less is live at once */
#endif
