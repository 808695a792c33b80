/* main.c -- the command line: a table of verbs, a table of options, and the reader of both. */
#include "../frontend/file_bytes.h"
#include "command.h"
#include "interface.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- verbs ---- */

enum { BUILD = 1, CHECK = 2, INSPECT = 4, VERIFY = 8, TRAIN = 16 };

typedef struct {
    const char *name, *operands, *summary, *text;
    int (*run)(const Options *options);
    int bit;
    int least, most;               /* operands */
    void (*print_table)(FILE *to); /* behind the text; NULL: there is none */
    const char *more;              /* behind the table */
} Verb;

static const Verb verbs[] = {
    {"build", "MODEL -o DIR", "compile a model to C",
     "Writes DIR with NAME.h and NAME.c (the program), its weights, a self-test, a Makefile and manifest.json.\n"
     "Nothing is written when anything goes wrong. `onnx2c MODEL -o DIR` is short for it.\n"
     "\n"
     "    onnx2c build gat.onnx -o gat\n"
     "    make -C gat test\n"
     "    onnx2c build gat.onnx -o gat_cuda --target cuda\n"
     "    onnx2c build gat.onnx -o gat --dim 'N=1..4096' --threads --weights bin\n",
     verb_build, BUILD, 1, 1, NULL, NULL},
    {"check", "[MODEL]", "say everything that is wrong with a model, or with rules",
     "Reads a model, infers every type and shape, and prints all errors and warnings; writes nothing. Among the\n"
     "warnings are exports of graph networks that compute something else than the model they came from. With\n"
     "--graph also whether all of its edges lead somewhere. With --rules the rules of a file are tested instead,\n"
     "or first: both sides of each on the inputs of its test lines.\n"
     "\n"
     "    onnx2c check gat.onnx\n"
     "    onnx2c check --rules mine.rules\n",
     verb_check, CHECK, 0, 1, NULL, NULL},
    {"inspect", "[MODEL]", "show what the compiler sees and does",
     "Prints the graph (--ir, as ONNX text), what the passes did (--passes), what each kernel costs (--cost),\n"
     "where memory goes (--mem), or, without a model, which operators are known (--ops) and what rules may call\n"
     "(--rule-functions).\n"
     "\n"
     "--gnn counts what each layer costs at four stages. As exported and reorganised, the graph is run operator by\n"
     "operator: a kernel for each ONNX operator, which reads its inputs from memory and writes its outputs there;\n"
     "what only changes shape is a view and free; peak memory is the greatest sum of inputs, weights and the\n"
     "tensors that are still wanted. Fused and recomputed, it is the generated program with the workspace as it is\n"
     "planned. A multiply-add is two FLOPs. Of each tensor a kernel reads what it needs once, but a row found\n"
     "through an index vector every time it is asked for.\n"
     "\n"
     "With --loss, or --by, the costs are of the model that `train` derives from this one; as exported, it is\n"
     "derived from the graph as it was exported, before dense work moves to vertices. What is computed again, by\n"
     "--recompute, is a column of its own.\n"
     "\n"
     "    onnx2c inspect gat.onnx --gnn --at N=169343,E=1166243 --svg gat.svg\n"
     "    onnx2c inspect gat.onnx --gnn --at N=169343,E=1166243 --loss ce --optimizer adam\n"
     "    onnx2c inspect gat.onnx --passes\n"
     "    onnx2c inspect gat.onnx --ir --stop-after fuse\n"
     "    onnx2c inspect gat.onnx --passes -d rules -d after:gnn\n",
     verb_inspect, INSPECT, 0, 1, NULL, NULL},
    {"verify", "CASE...", "compile, run and compare with expected outputs",
     "A CASE is a folder in the layout of ONNX's backend tests: model.onnx, test_data_set_0/input_0.pb,\n"
     "output_0.pb ... Each is compiled to C, built with $CC (cc) in a temporary folder, run on every data set and\n"
     "compared: element type, shape, and |got - wanted| <= atol + rtol * |wanted|. A set has a file for each\n"
     "output: what is not compared is not verified.\n"
     "\n"
     "    onnx2c verify models/digits/*\n"
     "    onnx2c verify --evaluator --atol 1e-5 models/digits/gat__ts\n"
     "    onnx2c verify --graph edges.pb --dim N=1797 models/digits/gat__ts   # the data sets with these edges\n"
     "    onnx2c verify --cflags '-O1 -fsanitize=address,undefined' models/digits/gat__ts\n",
     verb_verify, VERIFY, 1, 1 << 20, NULL, NULL},
    {"train", "MODEL -o FILE", "derive a model that trains this one, or gives gradients",
     "Writes an ordinary ONNX model. Its inputs are the model's, `target`, `mask` where --mask asks for it, the\n"
     "parameters (floating initialisers of at least one axis that lead to the loss), what the optimizer remembers\n"
     "of each, `lr` (all with their first values as defaults) and `step`, the steps made before; its outputs\n"
     "`loss`, and NAME_new for each NAME that changes. Without --optimizer the gradients are outputs, dNAME for\n"
     "each NAME; --by takes them by inputs (forces, for instance).\n"
     "\n",
     verb_train, TRAIN, 1, 1, train_print_tables,
     "\n"
     "--recompute says what of the forward part is computed again when the backward part wants it, rather than\n"
     "kept: nothing that costs operations (`none`), as frameworks do; what costs at most 16 operations for each\n"
     "byte (`auto`); all that makes the program's workspace smaller (`all`); or as much as it takes to meet a\n"
     "budget of BYTES (K, M, G) at the sizes of --at, the cheapest first. Without it only fusion decides. Every\n"
     "result is the same, bit by bit.\n"
     "\n"
     "    onnx2c train gcn.onnx --loss ce --mask --optimizer adam --lr 0.01 -o gcn.train.onnx\n"
     "    onnx2c build gcn.train.onnx -o gcn_train\n"
     "    onnx2c train net.onnx --loss ce --optimizer sgd --recompute 64M --at N=256 -o net.train.onnx\n"
     "    onnx2c train energy.onnx --by positions -o forces.onnx\n"},
};
enum { NUM_VERB = sizeof verbs / sizeof *verbs };

/* ---- options ---- */

typedef enum { FLAG, WORD, LIST } OptionKind;
typedef struct {
    char letter;          /* 0: none */
    const char *name;     /* without the dashes */
    const char *argument; /* its name in the help; NULL for a FLAG */
    OptionKind kind;
    size_t field;
    int verbs;
    const char *text;
} Option;

#define FIELD(name) offsetof(Options, name)

static const Option option_table[] = {
    {'o', "output", "DIR", WORD, FIELD(output), BUILD,
     "the folder to write; its last part names the program unless --name does"},
    {'o', "output", "FILE", WORD, FIELD(output), TRAIN,
     "the model to write; as ONNX text when it ends in .onnxtxt, on stdout when it is -"},
    {0, "loss", "NAME", WORD, FIELD(loss), TRAIN | INSPECT, "what is to become small"},
    {0, "optimizer", "NAME", WORD, FIELD(optimizer), TRAIN | INSPECT, "how parameters follow their gradients"},
    {0, "lr", "NUMBER", WORD, FIELD(rate), TRAIN | INSPECT,
     "the learning rate's default (" TRAIN_RATE "); it stays an input"},
    {0, "set", "NAME=NUMBER", LIST, FIELD(set), TRAIN | INSPECT, "a hyperparameter of the optimizer"},
    {0, "mask", NULL, FLAG, FIELD(mask), TRAIN | INSPECT, "an input bool[samples] says which samples the loss counts"},
    {0, "by", "INPUT", LIST, FIELD(by), TRAIN | INSPECT,
     "gradients by this input; without --loss, of the sum of all outputs"},
    {0, "freeze", "NAME", LIST, FIELD(freeze), TRAIN | INSPECT,
     "an initialiser that is not trained; NAME* all that begin so"},
    {0, "recompute", "auto|none|all|BYTES", WORD, FIELD(recompute), TRAIN | INSPECT,
     "what the backward part computes again rather than keeping it (default: what fusion does)"},
    {0, "outputs", NULL, FLAG, FIELD(outputs), TRAIN | INSPECT, "keep the model's own outputs beside the loss"},
    {0, "name", "NAME", WORD, FIELD(name), BUILD, "prefix of every symbol and file of the program"},
    {0, "target", "c|cuda|c,cuda", WORD, FIELD(target), BUILD | VERIFY,
     "write C, or CUDA C++ for NVIDIA's GPUs (not yet run on one), which verify compiles with $NVCC (nvcc); "
     "or both in one folder, NAME and NAME_cuda"},
    {0, "weights", "c|bin|obj", WORD, FIELD(weights), BUILD | VERIFY,
     "weights as C source, as a file to map, or as an object (default: c; with --target cuda always bin)"},
    {0, "threads", NULL, FLAG, FIELD(threads), BUILD | VERIFY,
     "OpenMP pragmas; without -fopenmp the program stays serial"},
    {0, "blas", "openblas|cublas", WORD, FIELD(blas), BUILD | VERIFY | INSPECT,
     "matrix products by OpenBLAS or, with --target cuda, cuBLAS instead of own loops"},
    {0, "tf32", NULL, FLAG, FIELD(tf32), BUILD | VERIFY,
     "--blas cublas: factors may be rounded to 10 bits behind the point, as tensor cores want them"},
    {0, "driver", NULL, FLAG, FIELD(driver), BUILD, "write NAME_driver.c too: a main() that runs the program on files"},
    {0, "dim", "N=LOW..HIGH", LIST, FIELD(dim), BUILD | CHECK | INSPECT | VERIFY | TRAIN,
     "range of a named dimension; N=VALUE fixes it, N<=E relates two"},
    {0, "fix", "INPUT=FILE.pb", LIST, FIELD(fix), BUILD | CHECK | INSPECT | TRAIN, "make a graph input a constant"},
    {0, "graph", "[INPUT=]FILE.pb", LIST, FIELD(graph), BUILD | CHECK | INSPECT | VERIFY,
     "the edges are these: grouped, and all that depends on them alone computed, when the model is compiled"},
    {0, "rules", "FILE", LIST, FIELD(rules), BUILD | CHECK | INSPECT | VERIFY | TRAIN,
     "rewrite with the rules of this file too; check tests them"},
    {0, "guards", NULL, FLAG, FIELD(guards), CHECK, "every guard of the rules must be what refuses a `never` line"},
    {0, "exact", NULL, FLAG, FIELD(exact), BUILD | INSPECT | VERIFY | TRAIN, "only rewrites that keep every bit"},
    {0, "stop-after", "PASS", WORD, FIELD(stop_after), BUILD | INSPECT | VERIFY, "run no pass after this one"},
    {'d', "debug", "WHAT", LIST, FIELD(debug), BUILD | INSPECT | VERIFY | TRAIN,
     "after:PASS (or after:all) prints the graph there, rules each firing, why:RULE why it did not fire; on stderr"},
    {0, "dump-folder", "DIR", WORD, FIELD(dump_folder), BUILD | CHECK | INSPECT,
     "write the graph after each pass to DIR/NN-PASS.onnxtxt; check: both sides of each rule and their inputs"},
    {0, "ir", NULL, FLAG, FIELD(ir), INSPECT, "the typed graph; with --stop-after as that pass leaves it"},
    {0, "passes", NULL, FLAG, FIELD(passes), INSPECT,
     "each pass with the nodes before and after it, and the rules that fired"},
    {0, "cost", NULL, FLAG, FIELD(cost), INSPECT, "operations and bytes of each kernel"},
    {0, "mem", NULL, FLAG, FIELD(mem), INSPECT, "the workspace: its formula, and what lies where"},
    {0, "gnn", NULL, FLAG, FIELD(gnn), INSPECT,
     "FLOPs, bytes moved and peak memory of each layer: as exported, reorganised, fused, recomputed"},
    {0, "at", "N=SIZE,...", LIST, FIELD(at), INSPECT | TRAIN,
     "--gnn, --recompute: sizes to count for; the model stays as general as it is"},
    {0, "svg", "FILE", WORD, FIELD(svg), INSPECT, "--gnn: a picture of the graph before and after"},
    {0, "ops", NULL, FLAG, FIELD(ops), INSPECT, "the operators that are known"},
    {0, "rule-functions", NULL, FLAG, FIELD(rule_functions), INSPECT, "the functions that rules may call"},
    {0, "evaluator", NULL, FLAG, FIELD(evaluator), VERIFY, "run the reference evaluator instead of generated C"},
    {0, "rtol", "NUMBER", WORD, FIELD(rtol), VERIFY, "relative tolerance (default: 1e-3); for bfloat16 at least 2^-6"},
    {0, "atol", "NUMBER", WORD, FIELD(atol), VERIFY, "absolute tolerance (default: 1e-7)"},
    {0, "cflags", "FLAGS", LIST, FIELD(cflags), VERIFY, "flags for the C compiler (default: -O2), split at blanks"},
    {0, "repeat", "COUNT", WORD, FIELD(repeat), VERIFY,
     "run each data set this often and print the fastest run's time"},
    {0, "keep", NULL, FLAG, FIELD(keep), VERIFY, "keep the temporary folders and say where they are"},
    {0, "max-memory", "BYTES", WORD, FIELD(max_memory), BUILD | CHECK | INSPECT | VERIFY | TRAIN,
     "what the compiler may use (default: 2G, verify 16G; K, M and G are understood)"},
    {0, "json", NULL, FLAG, FIELD(json), CHECK | INSPECT | VERIFY, "print JSON"},
    {'h', "help", NULL, FLAG, FIELD(help), BUILD | CHECK | INSPECT | VERIFY | TRAIN, "this text"},
};
enum { NUM_OPTION = sizeof option_table / sizeof *option_table };

/* ---- help ---- */

static void print_overview(FILE *to)
{
    fputs("onnx2c turns ONNX models into C programs.\n\n", to);
    for (int i = 0; i < NUM_VERB; i++)
        fprintf(to, "    onnx2c %-7s %-13s  %s\n", verbs[i].name, verbs[i].operands, verbs[i].summary);
    fputs(
        "\n`onnx2c VERB --help` explains a verb and its options, `onnx2c --version` says which onnx2c it is.\n"
        "Exit status: 0 ok, 1 the model or the verification failed, 2 the command line is wrong, 3 a bug in onnx2c.\n",
        to);
}

/* Prints words in lines that begin at a column; the first goes on where it is. */
static void print_wrapped(const char *text, int column, FILE *to)
{
    enum { WIDTH = 110 };
    for (int at = column; *text; text += strspn(text, " ")) {
        const int length = (int)strcspn(text, " ");
        if (at > column && at + 1 + length > WIDTH) {
            fprintf(to, "\n%*s", column, "");
            at = column;
        }
        at += fprintf(to, "%s%.*s", at > column ? " " : "", length, text);
        text += length;
    }
    fputc('\n', to);
}

static void print_option(const Option *option, FILE *to)
{
    enum { COLUMN = 29 };
    char letter[8] = "   ", name[64];
    if (option->letter)
        snprintf(letter, sizeof letter, "-%c,", option->letter);
    snprintf(name, sizeof name, "--%s %s", option->name, option->argument ? option->argument : "");
    const int wide = fprintf(to, "  %s %-22s", letter, name) >= COLUMN;
    fprintf(to, wide ? "\n%*s" : "%*s", wide ? COLUMN : 1, "");
    print_wrapped(option->text, COLUMN, to);
}

static void print_help(const Verb *verb, FILE *to)
{
    fprintf(to, "onnx2c %s %s [OPTION...] -- %s\n\n%s", verb->name, verb->operands, verb->summary, verb->text);
    if (verb->print_table)
        verb->print_table(to);
    fprintf(to, "%s\n", verb->more ? verb->more : "");
    for (int i = 0; i < NUM_OPTION; i++)
        if (option_table[i].verbs & verb->bit)
            print_option(&option_table[i], to);
}

/* ---- reading ---- */

static const Verb *find_verb(const char *name)
{
    for (int i = 0; i < NUM_VERB; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

/* The verb's option that `word` ("--name", "--name=value", "-o", "-ovalue") begins; *value is what follows it there, or
 * NULL. */
static const Option *find_option(const Verb *verb, const char *word, const char **value)
{
    *value = NULL;
    for (int i = 0; i < NUM_OPTION; i++) {
        const Option *option = &option_table[i];
        size_t length = strlen(option->name);
        if (!(option->verbs & verb->bit))
            continue;
        if (strncmp(word, "--", 2) == 0 && strncmp(word + 2, option->name, length) == 0 &&
            (word[2 + length] == '\0' || word[2 + length] == '=')) {
            *value = word[2 + length] ? word + 3 + length : NULL;
            return option;
        }
        if (option->letter && word[1] == option->letter) {
            *value = word[2] ? word + 2 : NULL;
            return option;
        }
    }
    return NULL;
}

/* Adds a word to a list that has room for as many as the command line is long. */
static void words_add(Words *words, const char *word, int argc)
{
    if (!words->word)
        words->word = calloc((size_t)argc, sizeof *words->word);
    if (!words->word)
        abort();
    words->word[words->count++] = word;
}

static void set_field(Options *options, const Option *option, const char *value, int argc)
{
    char *field = (char *)options + option->field;
    if (option->kind == FLAG)
        *(bool *)field = true;
    else if (option->kind == WORD)
        *(const char **)field = value;
    else
        words_add((Words *)field, value, argc);
}

static int unknown_option(const Verb *verb, const char *word)
{
    const char *name[NUM_OPTION];
    int count = 0;
    for (int i = 0; i < NUM_OPTION; i++)
        if (option_table[i].verbs & verb->bit)
            name[count++] = option_table[i].name;
    Arena *arena = arena_new(1 << 20, NULL, NULL);
    const char *given = arena_strndup(arena, word, strcspn(word, "="));
    const char *near = strncmp(given, "--", 2) == 0 ? did_you_mean(arena, given + 2, name, count) : "";
    usage_error("%s has no option %s%s; see onnx2c %s --help", verb->name, given, near, verb->name);
    arena_free(arena);
    return EXIT_USAGE;
}

/* Whether a first word that is no verb can only have been meant as one. */
static bool is_meant_as_verb(const char *word)
{
    return word[0] != '-' && !strpbrk(word, "./") && access(word, F_OK) != 0;
}

static int unknown_verb(const char *word)
{
    const char *name[NUM_VERB];
    for (int i = 0; i < NUM_VERB; i++)
        name[i] = verbs[i].name;
    Arena *arena = arena_new(1 << 20, NULL, NULL);
    usage_error("%s is neither a verb nor a model%s; see onnx2c --help", word,
                did_you_mean(arena, word, name, NUM_VERB));
    arena_free(arena);
    return EXIT_USAGE;
}

/* Reads argv behind the verb; EXIT_OK, or EXIT_USAGE after a message. */
static int read_options(Options *options, const Verb *verb, int argc, char **argv)
{
    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i], *value;
        if (only_operands || word[0] != '-' || word[1] == '\0') {
            words_add(&options->operand, word, argc);
            continue;
        }
        if (strcmp(word, "--") == 0) {
            only_operands = true;
            continue;
        }
        const Option *option = find_option(verb, word, &value);
        if (!option)
            return unknown_option(verb, word);
        if (option->kind == FLAG && value)
            return usage_error("--%s takes no value", option->name);
        if (option->kind != FLAG && !value && i + 1 == argc)
            return usage_error("--%s needs a value: %s", option->name, option->argument);
        set_field(options, option, option->kind == FLAG || value ? value : argv[++i], argc);
    }
    return EXIT_OK;
}

/* Whether an option is part of what a program is made of: not where it is written to, nor what is said meanwhile. */
static bool shapes_program(const Option *option)
{
    static const char *const others[] = {"output", "dump-folder", "debug", "max-memory"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(option->name, others[i]) == 0)
            return false;
    return option->verbs & BUILD;
}

/* Prints an option's value; of a file without its folders, which differ from machine to machine. Where an input stands
 * before the file, its name may have slashes too. */
static void print_value(FILE *to, const Option *option, const char *value)
{
    const char *equals = strstr(option->argument, "INPUT=") ? strrchr(value, '=') : NULL;
    const char *file = equals ? equals + 1 : value,
               *slash = strstr(option->argument, "FILE") ? strrchr(file, '/') : NULL;
    fprintf(to, " --%s %.*s%s", option->name, (int)(file - value), value, slash ? slash + 1 : file);
}

/* The options that shape a program, as one text. */
static char *options_text(const Options *options)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        abort();
    for (int i = 0; i < NUM_OPTION; i++) {
        const Option *option = &option_table[i];
        const char *field = (const char *)options + option->field;
        if (!shapes_program(option))
            continue;
        if (option->kind == FLAG && *(const bool *)field)
            fprintf(to, " --%s", option->name);
        if (option->kind == WORD && *(const char *const *)field)
            fprintf(to, " --%s %s", option->name, *(const char *const *)field);
        for (int k = 0; option->kind == LIST && k < ((const Words *)field)->count; k++)
            print_value(to, option, ((const Words *)field)->word[k]);
    }
    fclose(to);
    return text;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_overview(stdout);
        return EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("onnx2c " ONNX2C_VERSION);
        return EXIT_OK;
    }
    const Verb *verb = find_verb(argv[1]);
    if (!verb && is_meant_as_verb(argv[1]))
        return unknown_verb(argv[1]);
    int skip = verb ? 2 : 1; /* without a verb it is build */
    if (!verb)
        verb = find_verb("build");
    Options options = {0};
    int status = read_options(&options, verb, argc - skip, argv + skip);
    if (status == EXIT_OK && options.help) {
        print_help(verb, stdout);
        return EXIT_OK;
    }
    if (status == EXIT_OK && (options.operand.count < verb->least || options.operand.count > verb->most))
        status = usage_error("usage: onnx2c %s %s; see onnx2c %s --help", verb->name, verb->operands, verb->name);
    char *text = options_text(&options);
    options.text = *text ? text + 1 : text;
    if (status == EXIT_OK)
        status = verb->run(&options);
    free(text);
    for (int i = 0; i < NUM_OPTION; i++)
        if (option_table[i].kind == LIST)
            free(((Words *)((char *)&options + option_table[i].field))->word);
    free(options.operand.word);
    return status;
}

int main(int argc, char **argv)
{
    file_bytes_guard();
    int status = run(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("onnx2c: cannot write the output");
        return status ? status : EXIT_MODEL;
    }
    return status;
}
