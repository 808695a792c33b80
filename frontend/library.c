/* library.c -- our own operators as ONNX functions: what dumps carry, and the bodies of those that are composed. */
#include "embedded.h"
#include "frontend.h"

Model *context_library(Context *context)
{
    if (context->library)
        return context->library;
    Model *library = model_new(context);
    library->opset[library->nopset++] = (Opset){"", NEWEST_OPSET};
    static const char *const file[] = {"frontend/ops/gnn.onnxtxt", "frontend/ops/o2c.onnxtxt", NULL};
    for (int i = 0; file[i]; i++) {
        const char *text = embedded_text(file[i]);
        if (!text || !functions_parse(library, text))
            report_fatal(context->report, NULL, INTERNAL, arena_printf(context->arena, "%s cannot be read", file[i]));
    }
    context->library = library;
    return library;
}
