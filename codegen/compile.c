/* compile.c -- `onnx2c build`, and the way from a model to a program that `verify` takes too. */
#include "command.h"
#include <ctype.h>
#include <string.h>

bool compile_model(Model *model, const Options *options, BuildOptions *build)
{
    Context *context = model->context;
    PassOptions passes;
    RewriteLog *log = ARENA_NEW(context->arena, RewriteLog);
    if (!pass_options(context, options, &passes))
        return false;
    passes.keeps_order |= build->target == TARGET_CUDA; /* its host would have to wait for a condition */
    progress("rewriting %s", build->name);
    if (!rewrite(model, &passes, log))
        return false;
    progress("writing %s", build->folder);
    return codegen_build(model, build, log);
}

/* --target, and what does not go with it. */
static bool target_option(Context *context, const Options *options, BuildOptions *build)
{
    Report *report = context->report;
    if (!options->target || strcmp(options->target, "c") == 0)
        return true;
    if (strcmp(options->target, "cuda") != 0)
        return report_add(report, NULL, OPTION_INVALID, "--target", options->target,
                          "it must be c or cuda; for build, c,cuda too");
    if (options->weights && build->weights != WEIGHTS_BIN)
        return report_add(report, NULL, OPTION_INVALID, "--weights", options->weights,
                          "a program for CUDA takes them from a file: bin");
    if (options->threads)
        return report_add(report, NULL, OPTION_INVALID, "--threads", "", "it is for --target c");
    build->target = TARGET_CUDA;
    build->weights = WEIGHTS_BIN;
    return true;
}

const char *blas_name(Blas blas)
{
    static const char *const name[BLAS_COUNT] = {[BLAS_OPENBLAS] = "openblas", [BLAS_CUBLAS] = "cublas"};
    return name[blas];
}

static Target target_of(Blas blas)
{
    return blas == BLAS_CUBLAS ? TARGET_CUDA : TARGET_C;
}

static Blas find_blas(const char *name)
{
    Blas blas = BLAS_OPENBLAS;
    while (blas < BLAS_COUNT && strcmp(name, blas_name(blas)) != 0)
        blas++;
    return blas;
}

/* --blas, for the target that has been chosen. */
static bool blas_option(Context *context, const Options *options, BuildOptions *build)
{
    const char *wrong = NULL;
    build->blas = options->blas ? find_blas(options->blas) : BLAS_OWN;
    if (options->tf32 && build->blas != BLAS_CUBLAS)
        return report_add(context->report, NULL, OPTION_INVALID, "--tf32", "", "it is for --blas cublas");
    build->tf32 = options->tf32;
    if (!options->blas)
        return true;
    if (build->blas == BLAS_COUNT)
        wrong = "it must be openblas, or, with --target cuda, cublas";
    else if (target_of(build->blas) != build->target)
        wrong = build->target == TARGET_CUDA ? "it is for --target c" : "it is for --target cuda";
    return !wrong || report_add(context->report, NULL, OPTION_INVALID, "--blas", options->blas, wrong);
}

bool build_options(Context *context, const Options *options, BuildOptions *build)
{
    static const char *const forms[] = {[WEIGHTS_C] = "c", [WEIGHTS_BIN] = "bin", [WEIGHTS_OBJ] = "obj"};
    enum { FORMS = sizeof forms / sizeof *forms };
    *build = (BuildOptions){
        .threads = options->threads, .driver = options->driver, .exact = options->exact, .command = options->text};
    int form = 0;
    while (options->weights && form < FORMS && strcmp(options->weights, forms[form]) != 0)
        form++;
    if (form == FORMS)
        return report_add(context->report, NULL, OPTION_INVALID, "--weights", options->weights,
                          "it must be c, bin or obj");
    build->weights = (WeightsForm)form;
    return target_option(context, options, build) && blas_option(context, options, build);
}

/* ---- the verb ---- */

/* Whether names of C and C++ may begin with it and an underscore: C++ wants no two of them in a row. */
static bool is_prefix(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && (*c != '_' || c[1] == '_' || c[1] == '\0'))
            return false;
    return isalpha((unsigned char)*name);
}

/* The last part of a path as an identifier. */
static const char *name_of_folder(Context *context, const char *folder)
{
    size_t end = strlen(folder);
    while (end > 0 && folder[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && folder[start - 1] != '/')
        start--;
    char *name = arena_array(context->arena, end - start + 1, 1), *to = name;
    for (; start < end; start++)
        if (isalnum((unsigned char)folder[start]))
            *to++ = folder[start];
        else if (to > name && to[-1] != '_')
            *to++ = '_';
    to -= to > name && to[-1] == '_';
    *to = '\0';
    return isalpha((unsigned char)*name) ? name : arena_printf(context->arena, "model%s%s", *name ? "_" : "", name);
}

/* ---- both targets ---- */
typedef struct {
    const Options *options;
    const char *name, *folder; /* of the program in C */
} Both;

static bool add_cuda(Context *context, const Options *options, void *who)
{
    const Both *both = who;
    BuildOptions build;
    if (!build_options(context, options, &build))
        return false;
    build.folder = both->folder;
    build.name = arena_printf(context->arena, "%s_cuda", both->name);
    build.beside = both->name;
    Model *model = load_model(context, options);
    return model && compile_model(model, options, &build);
}

/* Whether --blas names a library of this target. */
static bool is_blas_of(const Options *options, Target target)
{
    return options->blas && target_of(find_blas(options->blas)) == target;
}

/* The program for CUDA, made from the beginning: rewriting has used up the model. What is for C alone is left out. */
static bool complete_with_cuda(void *who, const char *folder)
{
    Both *both = who;
    Options options = *both->options;
    options.target = "cuda";
    options.weights = NULL;
    options.threads = false;
    if (is_blas_of(&options, TARGET_C))
        options.blas = NULL;
    both->folder = folder;
    return with_context(&options, options.operand.word[0], add_cuda, both) == EXIT_OK;
}

/* ---- one ---- */
static bool build_program(Context *context, const Options *given, void *who)
{
    (void)who;
    BuildOptions build;
    Options one = *given;
    const Options *options = &one;
    Both both = {.options = given};
    const bool is_both = given->target && strcmp(given->target, "c,cuda") == 0;
    if (is_both)
        one.target = "c";
    if (is_both && is_blas_of(given, TARGET_CUDA)) {
        one.blas = NULL;
        one.tf32 = false;
    }
    if (!build_options(context, options, &build))
        return false;
    if (is_both) {
        build.complete = complete_with_cuda;
        build.who = &both;
    }
    build.folder = options->output;
    build.name = options->name ? options->name : name_of_folder(context, options->output);
    if (!is_prefix(build.name))
        return report_add(context->report, NULL, OPTION_INVALID, "--name", build.name,
                          "it must be a C identifier, with single underscores inside");
    both.name = build.name;
    Model *model = load_model(context, options);
    return model && compile_model(model, options, &build);
}

int verb_build(const Options *options)
{
    if (!options->output || !*options->output)
        return usage_error("build needs -o DIR; see onnx2c build --help");
    return with_context(options, options->operand.word[0], build_program, NULL);
}
