/* command.h -- the command line: the options as given, and the verbs. main.c holds the tables of both. */
#ifndef COMMAND_H
#define COMMAND_H
#include "../rewrite/train.h"
#include "codegen.h"

enum { EXIT_OK = 0, EXIT_MODEL = 1, EXIT_USAGE = 2, EXIT_INTERNAL = 3 };

typedef struct {
    const char **word;
    int count;
} Words;

/* What the command line says; a field per row of the option table in main.c. NULL, 0, false: not given. */
typedef struct {
    Words operand; /* MODEL, or CASE... */
    const char *output, *name, *target, *weights, *blas, *max_memory;
    const char *stop_after, *dump_folder;
    Words dim, fix, graph, rules, debug, cflags;
    const char *rtol, *atol, *repeat;
    bool threads, tf32, exact, driver, guards, json, help;
    bool ir, cost, mem, passes, ops, gnn, rule_functions;
    const char *svg;
    Words at;
    bool evaluator, keep;
    const char *loss, *optimizer, *rate, *recompute;
    Words by, freeze, set;
    bool mask, outputs;
    const char *text; /* all of them, for the generated header comment */
} Options;

/* The verbs: each does its work, says what is wrong on stderr and gives the exit status. */
int verb_build(const Options *options);
int verb_check(const Options *options);
int verb_inspect(const Options *options);
int verb_verify(const Options *options);
int verb_train(const Options *options);

/* inspect --gnn: shows what the model of the options costs at each stage. False after errors in the report. */
bool inspect_gnn(Context *context, const Options *options);

/* ---- shared by the verbs ---- */

/* Says on stderr what is wrong with the command line (printf's arguments); gives EXIT_USAGE. */
int usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "; did you mean A or B?", of the names that come near the one given; "" when none does. */
const char *did_you_mean(Arena *arena, const char *given, const char *const *name, int count);

/* Runs work(context, options, who) on a context about the file, with the memory the options allow; prints its report
 * (as JSON on stdout with --json) and gives the exit status. `work` returns false after errors in the report. */
typedef bool Work(Context *context, const Options *options, void *who);
int with_context(const Options *options, const char *file, Work *work, void *who);

/* Bytes that a text such as "512M" stands for; 0 when it is none. */
size_t bytes_of_text(const char *text);
/* Bytes a compilation may take: --max-memory, or otherwise; 0 after a message. */
size_t memory_budget(const Options *options, size_t otherwise);

/* Reads a model and applies --dim, --fix and --graph. NULL after errors in the report. */
Model *read_model(Context *context, const char *path, const Options *options);
/* Upgrades and infers a model. False after errors in the report. */
bool prepare_model(Model *model);
/* Both, for the one operand. */
Model *load_model(Context *context, const Options *options);
/* Makes a graph input a constant: it is no input any more. False when the tensor is not of the input's type. */
bool fix_input(Graph *graph, Value *input, const Tensor *tensor);
/* The pass options that -d, --rules, --exact ... stand for. False after an error in the report. */
bool pass_options(Context *context, const Options *options, PassOptions *passes);

/* Whether the options of training go together: EXIT_OK, or EXIT_USAGE after a message. */
int check_training(const Options *options);
/* What train is asked for. False after an error in the report. */
bool train_options(Context *context, const Options *options, TrainOptions *train);

/* The build options that the command line says, without folder and name. False after an error in the report. */
bool build_options(Context *context, const Options *options, BuildOptions *build);
/* Rewrites a loaded model and writes its program. False after errors in the report. */
bool compile_model(Model *model, const Options *options, BuildOptions *build);

/* What is being done now: shown on stderr when it is a terminal and a second has passed. progress_end takes it away. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void progress_end(void);
#endif
