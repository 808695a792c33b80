/* library.c -- our own operators as ONNX functions: what dumps carry, and the bodies of those that are composed. */
#include "embedded.h"
#include "frontend.h"

Model *context_library(Context *context)
{
    if (context->library)
        return context->library;
    Model *library = model_new(context);
    library->opset[library->nopset++] = (Opset){"", NEWEST_OPSET};
    const char *text = embedded_text("frontend/ops/gnn.onnxtxt");
    if (!text || !functions_parse(library, text))
        report_fatal(context->report, NULL, INTERNAL, "gnn.onnxtxt cannot be read");
    context->library = library;
    return library;
}
