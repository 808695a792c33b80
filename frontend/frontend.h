/* frontend.h -- from an ONNX file to a typed graph.
 *
 *     import -> upgrade to the newest opset -> infer types, shapes and shape values                          */
#ifndef FRONTEND_H
#define FRONTEND_H
#include "ir.h"

enum { NEWEST_OPSET = 28, NEWEST_IR = 14 };

/* Reads a model file (binary ONNX, or ONNX text when the name ends in .onnxtxt or .txt). Checks structure (SSA, order,
 * names, tensors), opens external data beneath the file's folder. The bytes stay for the context's life (file_bytes.h).
 * NULL after errors in the report. */
Model *model_load(Context *context, const char *path);

/* Writes an ONNX file, beside its place first. Our own operators go as functions; the opset is the lowest that has what
 * the model says. False after an error in the report. */
bool model_save(const Model *model, const char *path);

/* Reads a TensorProto, SequenceProto or OptionalProto file as backend tests have them, of the type wanted. NULL after
 * errors in the report. */
struct Datum;
struct Datum *datum_load(Context *context, const char *path, const Type *wanted);
/* Writes a tensor as a TensorProto file; false when the file cannot be written. */
bool tensor_save(const Tensor *tensor, const char *name, const char *path);

/* Whether no function calls itself, directly or not, and inlining all would stay within the limits for nodes and depth.
 * False after an error in the report. model_load has called it. */
bool functions_check(const Model *model);

/* Brings every node to the newest opset by the rows of upgrade.def. */
bool model_upgrade(Model *model);

/* Infers types, symbolic shapes, elements and bounds of all values, from inputs and definitions alone (value_info is
 * not trusted); checks declared outputs against what was inferred. */
bool model_infer(Model *model);
bool node_infer(Node *node);
/* The same for one graph whose inputs have types: for the subgraphs of control operators. */
bool graph_infer(Graph *graph);

/* Whoever derives a model that is run again and again says with the property KEPT_PROPERTY + NAME what is kept from run
 * to run: the value is the output that is input NAME's next value, or "" where it stays. Opening takes the defaults off
 * those inputs, and lists them in model->kept. They are tensors of constant shape and of the output's type. False after
 * errors in the report. For an inferred model. */
#define KEPT_PROPERTY "onnx2c.kept."
bool model_open_kept(Model *model);

/* What the status of a routine or a program is called, NULL beyond the last, and what it means: rows of status.def. */
const char *status_name(int status);
const char *status_text(int status);

/* Warns about what is legal but hardly meant: the exporter defects W-GNN-1 and W-GNN-2. For an inferred model. */
void model_lint(const Model *model);
#endif
