/* inspect_gnn.c -- `onnx2c inspect --gnn`: what each layer costs at each stage, as a table, as JSON, as a picture. */
#include "../frontend/whole_file.h"
#include "picture.h"
#include "stages.h"
#include <string.h>

/* ---- the table ---- */
enum { COLUMNS = NUM_STAGE + 2 }; /* a title, the stages, the ratio of the first to the last */
typedef struct {
    const char *cell[COLUMNS];
} Row;
typedef struct {
    const Stages *stages;
    Row *row;
    int count, capacity;
} Table;

static Row *row_new(Table *table, const char *title)
{
    Arena *arena = table->stages->context->arena;
    if (table->count == table->capacity) {
        table->capacity = 2 * table->capacity + 16;
        table->row = arena_grow(arena, table->row, (size_t)table->count, (size_t)table->capacity, sizeof *table->row);
    }
    Row *row = &table->row[table->count++];
    *row = (Row){{title}};
    for (int i = 1; i < COLUMNS; i++)
        row->cell[i] = "";
    return row;
}

static const char *cell_text(const Stages *stages, Quantity quantity)
{
    Arena *arena = stages->context->arena;
    return quantity.value < 0 ? dim_text(quantity.formula, arena, NULL, NULL) : quantity_text(arena, quantity.value);
}

/* A row of numbers: quantity(stage) for each stage that applies. */
static void add_row(Table *table, const char *title, const Quantity *quantity)
{
    const Stages *stages = table->stages;
    const Quantity first = quantity[STAGE_EXPORTED], last = quantity[stages_last(stages)];
    Row *row = row_new(table, title);
    for (int i = 0; i < NUM_STAGE; i++)
        row->cell[i + 1] = stages->kernels[i] ? cell_text(stages, quantity[i]) : "-";
    if (first.value > 0 && last.value > 0)
        row->cell[COLUMNS - 1] = arena_printf(stages->context->arena, "%.2f", (double)first.value / (double)last.value);
}

static void add_measure(Table *table, const char *title, Measure measure, const Layer *layer)
{
    Quantity quantity[NUM_STAGE] = {{0}};
    for (int i = 0; i < NUM_STAGE; i++)
        if (table->stages->kernels[i])
            quantity[i] = stage_measure(table->stages, (StageKind)i, measure, layer);
    add_row(table, title, quantity);
}

static void add_block(Table *table, Measure measure)
{
    const Layers *layers = table->stages->layers;
    if (table->count > 0)
        row_new(table, "");
    Row *head = row_new(table, measure_title(measure));
    for (int i = 0; i < NUM_STAGE; i++)
        head->cell[i + 1] = stage_name((StageKind)i);
    head->cell[COLUMNS - 1] = "ratio";
    for (const Layer *layer = layers->first; layer && layers->count > 1; layer = layer->next)
        add_measure(table, arena_printf(layers->context->arena, "  %s", *layer->name ? layer->name : "(other)"),
                    measure, layer);
    add_measure(table, "  all", measure, NULL);
}

static void add_kernel_counts(Table *table)
{
    Row *row = row_new(table, "kernels");
    for (int i = 0; i < NUM_STAGE; i++)
        row->cell[i + 1] = !table->stages->kernels[i]
                               ? "-"
                               : arena_printf(table->stages->context->arena, "%d", table->stages->kernels[i]->count);
}

/* Numbers: a line for each row. */
static void print_rows(const Table *table)
{
    int width[COLUMNS] = {0};
    for (int i = 0; i < table->count; i++)
        for (int k = 0; k < COLUMNS; k++)
            if ((int)strlen(table->row[i].cell[k]) > width[k])
                width[k] = (int)strlen(table->row[i].cell[k]);
    for (int i = 0; i < table->count; i++) {
        const Row *row = &table->row[i];
        int last = COLUMNS - 1;
        while (last > 0 && !*row->cell[last])
            last--;
        printf("%-*s", last > 0 ? width[0] : 0, row->cell[0]);
        for (int k = 1; k <= last; k++)
            printf("  %*s", width[k], row->cell[k]);
        putchar('\n');
    }
}

/* Formulas: a line for each cell. */
static void print_cells(const Table *table)
{
    int width = 0;
    for (int i = 0; i < table->count; i++)
        if ((int)strlen(table->row[i].cell[0]) > width)
            width = (int)strlen(table->row[i].cell[0]);
    for (int i = 0; i < table->count; i++) {
        const Row *row = &table->row[i];
        const bool is_head = strcmp(row->cell[1], stage_name(STAGE_EXPORTED)) == 0;
        if (is_head || !*row->cell[1])
            puts(row->cell[0]);
        for (int k = 0; k < NUM_STAGE && !is_head && *row->cell[k + 1]; k++)
            if (strcmp(row->cell[k + 1], "-") != 0)
                printf("%-*s  %-11s  %s\n", width, k ? "" : row->cell[0], stage_name((StageKind)k), row->cell[k + 1]);
    }
}

/* The routines whose operations nobody has counted, each once. */
static void print_uncounted(const Stages *stages)
{
    const char *separator = "\nnot counted: operations of ";
    for (int stage = 0; stage < NUM_STAGE; stage++)
        for (const Kernel *kernel = stages->kernels[stage] ? stages->kernels[stage]->first : NULL; kernel;
             kernel = kernel->next) {
            bool is_known = kernel->cost.flops != NULL;
            for (int i = 0; i <= stage && !is_known; i++)
                for (const Kernel *other = stages->kernels[i] ? stages->kernels[i]->first : NULL;
                     other && other != kernel && !is_known; other = other->next)
                    is_known = !other->cost.flops && strcmp(other->name, kernel->name) == 0;
            if (is_known)
                continue;
            printf("%s%s", separator, kernel->name);
            separator = ", ";
        }
    if (*separator == ',')
        putchar('\n');
}

static void print_table(const Stages *stages)
{
    Table table = {.stages = stages};
    for (int measure = 0; measure < NUM_MEASURE; measure++)
        if (measure != MEASURE_GATHERED) /* the difference of the two it stands between tells */
            add_block(&table, (Measure)measure);
    row_new(&table, "");
    add_kernel_counts(&table);
    const bool is_known = stage_measure(stages, STAGE_EXPORTED, MEASURE_BYTES, NULL).value >= 0;
    if (is_known)
        print_rows(&table);
    else
        print_cells(&table);
    print_uncounted(stages);
    if (!is_known)
        puts("\nFor numbers and ratios give sizes: --at N=100000,E=1000000");
}

/* ---- JSON ---- */
static void print_quantity(const Stages *stages, const char *key, Quantity quantity)
{
    printf("\"%s\": {\"formula\": \"%s\"", key, dim_text(quantity.formula, stages->context->arena, NULL, NULL));
    if (quantity.value >= 0)
        printf(", \"value\": %lld", (long long)quantity.value);
    fputs("}", stdout);
}

static void print_measures(const Stages *stages, StageKind stage, const Layer *layer)
{
    for (int measure = 0; measure < NUM_MEASURE; measure++) {
        fputs(measure ? ", " : "", stdout);
        print_quantity(stages, measure_key((Measure)measure), stage_measure(stages, stage, (Measure)measure, layer));
    }
}

static void print_kernels(const Stages *stages, StageKind stage)
{
    const Kernels *kernels = stages->kernels[stage];
    fputs("\"kernels\": [", stdout);
    for (const Kernel *kernel = kernels->first; kernel; kernel = kernel->next) {
        fputs(kernel == kernels->first ? "\n      {\"kernel\": " : ",\n      {\"kernel\": ", stdout);
        json_string(kernel->name, stdout);
        fputs(", \"node\": ", stdout);
        json_string(kernel->origin, stdout);
        fputs(", \"operator\": ", stdout);
        json_string(kernel->op ? kernel->op : "", stdout);
        fputs(", \"layer\": ", stdout);
        json_string(kernel->layer->name, stdout);
        printf(", \"counted\": %s", kernel->cost.flops ? "true" : "false");
        for (int measure = 0; measure < NUM_MEASURE; measure++) {
            fputs(", ", stdout);
            print_quantity(stages, measure_key((Measure)measure),
                           quantity_of(stages, kernel_measure(kernels, kernel, (Measure)measure)));
        }
        fputs("}", stdout);
    }
    fputs("]", stdout);
}

static void print_stage(const Stages *stages, StageKind stage)
{
    printf("{\"stage\": \"%s\", \"all\": {", stage_name(stage));
    print_measures(stages, stage, NULL);
    fputs("},\n    \"layers\": [", stdout);
    for (const Layer *layer = stages->layers->first; layer; layer = layer->next) {
        fputs(layer == stages->layers->first ? "\n      {\"layer\": " : ",\n      {\"layer\": ", stdout);
        json_string(layer->name, stdout);
        fputs(", ", stdout);
        print_measures(stages, stage, layer);
        fputs("}", stdout);
    }
    fputs("],\n    ", stdout);
    print_kernels(stages, stage);
    fputs("}", stdout);
}

static void print_json(const Stages *stages)
{
    const char *separator = "";
    fputs("{\"stages\": [", stdout);
    for (int stage = 0; stage < NUM_STAGE; stage++) {
        if (!stages->kernels[stage])
            continue;
        printf("%s\n  ", separator);
        print_stage(stages, (StageKind)stage);
        separator = ",";
    }
    fputs("],\n \"ratios\": {", stdout);
    separator = "";
    for (int measure = 0; measure < NUM_MEASURE; measure++) {
        const Quantity first = stage_measure(stages, STAGE_EXPORTED, (Measure)measure, NULL);
        const Quantity last = stage_measure(stages, stages_last(stages), (Measure)measure, NULL);
        if (first.value <= 0 || last.value <= 0)
            continue;
        printf("%s\"%s\": %.4f", separator, measure_key((Measure)measure), (double)first.value / (double)last.value);
        separator = ", ";
    }
    fputs("}}\n", stdout);
}

/* ---- the verb ---- */
static bool write_picture(FILE *to, void *stages)
{
    picture_print(stages, to);
    return true;
}

bool inspect_gnn(Context *context, const Options *options)
{
    Stages stages;
    if (!stages_run(context, options, &stages))
        return false;
    if (options->svg && !whole_file_write(context, options->svg, write_picture, &stages))
        return false;
    if (options->json)
        print_json(&stages);
    else
        print_table(&stages);
    return true;
}
