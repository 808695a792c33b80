/* driver.c -- NAME_driver.c: a main() that reads inputs from files, runs the program, writes outputs (see codegen.h).
 */
#include "interface.h"
#include <string.h>

/* The first input and axis whose dimension is the symbol, or a multiple of it plus a constant. */
static bool find_source(const Program *program, Dim *symbol, int *input, int *axis, int64_t *factor, int64_t *more)
{
    const int index = dim_symbol_index(symbol), count = dim_symbol_count(program->context->dims);
    int64_t *values = ARENA_ARRAY(program->context->arena, count + 1, int64_t);
    *input = 0;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next) {
        if (buffer->kind != BUFFER_INPUT)
            continue;
        for (*axis = 0; *axis < buffer->value->type.rank; ++*axis) {
            Dim *dim = buffer->value->type.dim[*axis];
            bool *used = ARENA_ARRAY(program->context->arena, count + 1, bool);
            int64_t at[3];
            bool alone = true, known = true;
            dim_symbols_used(dim, used);
            for (int i = 0; i < count; i++)
                alone &= used[i] == (i == index);
            for (int i = 0; alone && i < 3; i++) {
                values[index] = 1000 * (i + 1);
                known &= dim_evaluate(dim, values, &at[i]);
            }
            values[index] = 0;
            if (!alone || !known || at[2] - at[1] != at[1] - at[0] || (at[1] - at[0]) % 1000 != 0 || at[1] <= at[0])
                continue;
            *factor = (at[1] - at[0]) / 1000;
            *more = at[0] - 1000 * *factor;
            return true;
        }
        ++*input;
    }
    return false;
}

static const char support[] =
    "typedef struct {\n"
    "    int64_t rank, dim[16], count;\n"
    "    void *data;\n"
    "} Tensor;\n"
    "\n"
    "static void fail(const char *what, const char *path)\n"
    "{\n"
    "    fprintf(stderr, \"%s: %s\\n\", path, what);\n"
    "    exit(1);\n"
    "}\n"
    "\n"
    "/* `bytes` bytes at a multiple of 64; never freed before `base` is. */\n"
    "static void *allocate(size_t bytes, void **base)\n"
    "{\n"
    "    *base = bytes < SIZE_MAX - 64 ? malloc(bytes + 64) : NULL;\n"
    "    if (!*base)\n"
    "        fail(\"out of memory\", \"workspace\");\n"
    "    memset(*base, 0, bytes + 64);\n"
    "    return (char *)*base + (64 - (uintptr_t)*base % 64) % 64;\n"
    "}\n"
    "\n"
    "/* A size that NAME_run will refuse needs no room. */\n"
    "static size_t room(int64_t bytes)\n"
    "{\n"
    "    return bytes > 0 ? (size_t)bytes : 0;\n"
    "}\n"
    "\n"
    "static Tensor read_tensor(const char *folder, int number, size_t size)\n"
    "{\n"
    "    char path[4096];\n"
    "    Tensor tensor;\n"
    "    memset(&tensor, 0, sizeof tensor);\n"
    "    snprintf(path, sizeof path, \"%s/input_%d.raw\", folder, number);\n"
    "    FILE *file = fopen(path, \"rb\");\n"
    "    if (!file || fread(&tensor.rank, sizeof tensor.rank, 1, file) != 1 || tensor.rank < 0 || tensor.rank > 16 ||\n"
    "        fread(tensor.dim, sizeof *tensor.dim, (size_t)tensor.rank, file) != (size_t)tensor.rank)\n"
    "        fail(\"cannot be read\", path);\n"
    "    tensor.count = 1;\n"
    "    for (int64_t i = 0; i < tensor.rank; i++) {\n"
    "        if (tensor.dim[i] < 0 || (tensor.dim[i] > 0 && tensor.count > INT64_C(1) << 40))\n"
    "            fail(\"has a bad shape\", path);\n"
    "        tensor.count *= tensor.dim[i];\n"
    "    }\n"
    "    tensor.data = malloc((size_t)tensor.count * size + 1);\n"
    "    if (!tensor.data || fread(tensor.data, size, (size_t)tensor.count, file) != (size_t)tensor.count)\n"
    "        fail(\"is too short\", path);\n"
    "    fclose(file);\n"
    "    return tensor;\n"
    "}\n"
    "\n"
    "static void write_tensor(const char *folder, int number, size_t size, const Tensor *tensor)\n"
    "{\n"
    "    char path[4096];\n"
    "    size_t count = 1;\n"
    "    for (int64_t i = 0; i < tensor->rank; i++)\n"
    "        count *= (size_t)tensor->dim[i];\n"
    "    snprintf(path, sizeof path, \"%s/output_%d.raw\", folder, number);\n"
    "    FILE *file = fopen(path, \"wb\");\n"
    "    if (!file || fwrite(&tensor->rank, sizeof tensor->rank, 1, file) != 1 ||\n"
    "        fwrite(tensor->dim, sizeof *tensor->dim, (size_t)tensor->rank, file) != (size_t)tensor->rank ||\n"
    "        fwrite(tensor->data, size, count, file) != count || fclose(file) != 0)\n"
    "        fail(\"cannot be written\", path);\n"
    "}\n"
    "\n"
    "static double seconds(void)\n"
    "{\n"
    "    struct timespec now;\n"
    "    clock_gettime(CLOCK_MONOTONIC, &now);\n"
    "    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;\n"
    "}\n";

static const char read_weights[] =
    "\n"
    "/* The weights; the program itself would map the file. */\n"
    "static const void *read_weights(void)\n"
    "{\n"
    "    void *base;\n"
    "    char *weights = (char *)allocate((size_t)%sWEIGHT_BYTES, &base);\n"
    "    FILE *file = fopen(\"%s_weights.bin\", \"rb\");\n"
    "    if (!file || fread(weights, 1, (size_t)%sWEIGHT_BYTES, file) != (size_t)%sWEIGHT_BYTES)\n"
    "        fail(\"cannot be read\", \"%s_weights.bin\");\n"
    "    fclose(file);\n"
    "    return weights;\n"
    "}\n";

static int graph_input(const Program *program, const Buffer *buffer)
{
    for (int i = 0; i < program->graph->nin; i++)
        if (program->graph->in[i] == buffer->value)
            return i;
    return -1;
}

/* Sizes are members of a struct, where their names meet no other ones. */
static const char size_prefix[] = "size.";

static Map *members(const Program *program, const Map *names)
{
    DimTable *dims = program->context->dims;
    Map *all = map_new(program->context->arena);
    for (int i = 0; i < dim_symbol_count(dims); i++) {
        const char *name = map_get(names, dim_symbol_at(dims, i));
        if (name)
            map_set(all, dim_symbol_at(dims, i), arena_printf(program->context->arena, "%s%s", size_prefix, name));
    }
    return all;
}

/* Sizes from the shapes of the inputs; a shape that does not fit gives NAME_BAD_SIZE. */
static void print_sizes(const Program *program, Text *text)
{
    Text *size = text_new(program->context->arena);
    for (int i = 0; i < nsizes(program); i++)
        text_add(size, "%s%s", i ? ", " : "struct { int64_t ", size_name(program, i) + strlen(size_prefix));
    if (size->length)
        text_wrapped(text, arena_printf(program->context->arena, "%s; } size;", size->data), 4 * text->indent + 8);
    for (int i = 0; i < nsizes(program); i++) {
        int input, axis;
        int64_t factor, more;
        if (i >= program->nparameter)
            text_line(text, "%s = most;", size_name(program, i));
        else if (!find_source(program, program->parameter[i], &input, &axis, &factor, &more))
            text_line(text, "%s = 0; /* no input shows it */", size_name(program, i));
        else
            text_line(text, "%s = (input[%d].dim[%d] - %lld) / %lld;", size_name(program, i), input, axis,
                      (long long)more, (long long)factor);
    }
    text_line(text, "int fits = 1;");
    int k = 0;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next) {
        if (buffer->kind != BUFFER_INPUT)
            continue;
        const Type *type = &buffer->value->type;
        text_line(text, "fits &= input[%d].rank == %d;", k, type->rank);
        for (int i = 0; i < type->rank; i++)
            text_line(text, "fits &= input[%d].dim[%d] == %s;", k, i, dim_in_run(program, type->dim[i]));
        k++;
    }
    for (int i = 0; i < nsizes(program); i++)
        text_line(text, "fits &= %s >= 0 && %s <= %sMAX_SIZE;", size_name(program, i), size_name(program, i),
                  program->upper);
    text_line(text, "if (!fits) {");
    text_line(text, "    printf(\"%%d 0 0\\n\", %sBAD_SIZE);", program->upper);
    text_line(text, "    return 0;");
    text_line(text, "}");
}

static void print_outputs(const Program *program, Text *text)
{
    for (int i = 0; i < program->noutput; i++) {
        const Type *type = &program->output[i]->value->type;
        text_line(text, "void *output_base_%d;", i);
        text_line(text, "Tensor output_%d;", i);
        text_line(text, "memset(&output_%d, 0, sizeof output_%d);", i, i);
        text_line(text, "output_%d.rank = %d;", i, type->rank);
        text_line(text, "output_%d.data = allocate(room(%s), &output_base_%d);", i,
                  dim_before_run(program, buffer_bytes(program, program->output[i]->value)), i);
        for (int k = 0; k < type->rank && !output_shape_name(program, i); k++)
            text_line(text, "output_%d.dim[%d] = %s;", i, k, dim_in_run(program, type->dim[k]));
    }
}

static void print_call(const Program *program, Text *text)
{
    Arena *arena = program->context->arena;
    Text *call = text_new(arena);
    text_add(call, "status = (int)%srun(", program->prefix);
    for (int i = 0; i < nsizes(program); i++)
        text_add(call, "%s, ", size_name(program, i));
    int k = 0;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        if (buffer->kind == BUFFER_INPUT)
            text_add(call, "(const %s *)input[%d].data, ", dtype_info(buffer->value->type.dtype)->storage, k++);
    for (int i = 0; i < program->noutput; i++) {
        text_add(call, "(%s *)output_%d.data, ", dtype_info(program->output[i]->value->type.dtype)->storage, i);
        if (output_shape_name(program, i))
            text_add(call, "output_%d.dim, ", i);
    }
    text_add(call, "%sworkspace);", takes_weights(program) ? "weights, " : "");
    text_wrapped(text, call->data, 4 * text->indent + 8);
}

static void print_run_folder(const Program *program, Text *text, int ninput)
{
    const bool bin = takes_weights(program);
    text_line(text, "/* Whether it should be run again with greater maxima for the sizes that only the data tells. */");
    text_line(text, "static int run_folder(const char *folder, int repeats, int64_t most%s)",
              bin ? ", const void *weights" : "");
    text_line(text, "{");
    text->indent++;
    text_line(text, "Tensor input[%d];", ninput > 0 ? ninput : 1);
    text_line(text, "void *workspace_base;");
    text_line(text, "int status = 0;");
    text_line(text, "double best = 1e30;");
    int k = 0;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        if (buffer->kind == BUFFER_INPUT)
            text_line(text, "input[%d] = read_tensor(folder, %d, sizeof(%s));", k++, graph_input(program, buffer),
                      dtype_info(buffer->value->type.dtype)->storage);
    if (ninput == 0)
        text_line(text, "(void)input;");
    print_sizes(program, text);
    text_line(text, "const size_t bytes = %sworkspace(%s);", program->prefix, size_arguments(program));
    text_line(text, "void *workspace = allocate(bytes < SIZE_MAX ? bytes : 0, &workspace_base);");
    print_outputs(program, text);
    text_line(text, "for (int i = 0; i < repeats && status == 0; i++) {");
    text->indent++;
    text_line(text, "const double start = seconds();");
    print_call(program, text);
    text_line(text, "const double taken = seconds() - start;");
    text_line(text, "best = taken < best ? taken : best;");
    text->indent--;
    text_line(text, "}");
    text_line(text, "const int again = status == %sBAD_SIZE && %s;", program->upper,
              nsizes(program) > program->nparameter ? "most < 100000" : "most < 0");
    text_line(text, "if (!again)");
    text_line(text, "    printf(\"%%d %%llu %%.9f\\n\", status, (unsigned long long)bytes, best);");
    for (int i = 0; i < program->noutput; i++) {
        text_line(text, "if (status == 0)");
        text_line(text, "    write_tensor(folder, %d, sizeof(%s), &output_%d);", i,
                  dtype_info(program->output[i]->value->type.dtype)->storage, i);
        text_line(text, "free(output_base_%d);", i);
    }
    for (int i = 0; i < ninput; i++)
        text_line(text, "free(input[%d].data);", i);
    text_line(text, "free(workspace_base);");
    text_line(text, "return again;");
    text->indent--;
    text_line(text, "}");
    text_line(text, "%s", "");
}

void write_driver(const Program *of, FILE *to)
{
    Program copy = *of, *program = &copy; /* with helper functions of its own */
    copy.helpers = helpers_new(of->context->arena);
    copy.symbol_name = members(of, of->symbol_name);
    copy.maximum_name = members(of, of->maximum_name);
    const char *name = program->options->name;
    const bool bin = takes_weights(program);
    Text *text = text_new(program->context->arena);
    int ninput = 0;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        ninput += buffer->kind == BUFFER_INPUT;
    text_line(text, "/* %s_driver.c -- generated by onnx2c %s: runs %s.c on files.", name, ONNX2C_VERSION, name);
    text_line(text, " *");
    text_line(text, " *     %s_driver [-r REPEATS] FOLDER...", name);
    text_line(text, " *");
    text_line(text, " * Reads FOLDER/input_K.raw, writes FOLDER/output_K.raw (int64 rank, int64 dimensions, elements), "
                    "prints for each");
    text_line(text, " * folder the status, the workspace's bytes and the seconds of the fastest run. */");
    text_line(text, "#define _POSIX_C_SOURCE 199309L");
    text_line(text, "#include \"%s.h\"", name);
    text_line(text, "#include <stdio.h>");
    text_line(text, "#include <stdlib.h>");
    text_line(text, "#include <string.h>");
    text_line(text, "#include <time.h>");
    text_line(text, "%s", "");
    text_string(text, support);
    if (bin)
        text_add(text, read_weights, program->upper, name, program->upper, program->upper, name);
    text_line(text, "%s", "");
    Text *run = text_new(program->context->arena);
    print_run_folder(program, run, ninput);
    text_string(text, program->helpers->text->data);
    text_string(text, run->data);
    text_line(text, "int main(int argc, char **argv)");
    text_line(text, "{");
    text_line(text, "    int repeats = 1, first = 1;");
    if (bin)
        text_line(text, "    const void *weights = read_weights();");
    text_line(text, "    if (argc > 2 && strcmp(argv[1], \"-r\") == 0) {");
    text_line(text, "        repeats = atoi(argv[2]);");
    text_line(text, "        first = 3;");
    text_line(text, "    }");
    text_line(text, "    for (int i = first; i < argc; i++)");
    text_line(text, "        for (int64_t most = 16; run_folder(argv[i], repeats, most%s); most *= 8)",
              bin ? ", weights" : "");
    text_line(text, "            continue;");
    text_line(text, "    return 0;");
    text_line(text, "}");
    const char *unused = ninput == 0 ? "read_tensor" : NULL; /* keeps compilers quiet about a program without inputs */
    if (unused) {
        text_line(text, "%s", "");
        text_line(text, "Tensor (*%sunused_reader)(const char *, int, size_t);", program->prefix);
    }
    fputs(text->data, to);
}
