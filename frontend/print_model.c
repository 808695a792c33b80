/* print_model.c -- whole models in ONNX text. */
#include "frontend.h"
#include "map.h"
#include "publish.h"
#include "symbol_table.h"

static void opsets_print(const Publication *publication, int64_t opset, FILE *to)
{
    fprintf(to, "opset_import: [\"\" : %lld", (long long)opset);
    for (int i = 0; i < publication->nopset; i++) {
        fputs(", ", to);
        string_print(publication->opset[i].domain, to);
        fprintf(to, " : %lld", (long long)publication->opset[i].version);
    }
    putc(']', to);
}

static void properties_print(const Model *model, FILE *to)
{
    for (int i = 0; i < model->nproperty; i++) {
        fputs(i ? ", " : ", metadata_props: [", to);
        string_print(model->property[i].key, to);
        fputs(" : ", to);
        string_print(model->property[i].value, to);
    }
    if (model->nproperty)
        putc(']', to);
}

static void function_print(const Publication *publication, ModelPrinter *printer, const Defined *defined)
{
    fprintf(printer->to, "\n<domain: ");
    string_print(defined->name.domain, printer->to);
    if (*defined->name.overload) {
        fprintf(printer->to, ", overload: ");
        string_print(defined->name.overload, printer->to);
    }
    fputs(", ", printer->to);
    opsets_print(publication, defined->opset, printer->to);
    fprintf(printer->to, ">\n");
    printer_function(printer, defined->body, &defined->name);
}

void model_print(const Model *model, FILE *to, const PrintOptions *options)
{
    Context *context = model->context;
    const Publication *publication = publish(model);
    ModelPrinter printer = {.to = to, .arena = context->arena, .calls = publication->calls};
    printer.size_name = map_new(context->arena);
    printer.sizes = publication->sizes;
    printer.labels = symbol_table_new(context->arena, NULL);
    if (options)
        printer.options = *options;
    fprintf(to, "<ir_version: %lld, ", (long long)publication->ir_version);
    opsets_print(publication, publication->version, to);
    properties_print(model, to);
    fputs(">\n", to);
    printer_graph(&printer, model->graph, 0);
    putc('\n', to);
    for (const Defined *defined = publication->first; defined; defined = defined->next)
        function_print(publication, &printer, defined);
}
