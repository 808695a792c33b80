/* upgrade.h -- changes of operators between opsets: what upgrade.c's table calls and what those functions are written
 * with.
 *
 * A change sees one node and knows no types. It rewrites the node in place and may put nodes before it; where the old
 * meaning ends in another operator than it began with, the node becomes the last one, so that its outputs stay. */
#ifndef UPGRADE_H
#define UPGRADE_H
#include "ops/op.h"

typedef struct {
    Context *context;
    Node *node;
    const char *argument; /* of the row */
    bool failed;
} Upgrade;

#define UPGRADE(operator, opset, change, argument) void upgrade_##change(Upgrade *upgrade);
#include "upgrade.def"
#undef UPGRADE

/* Reports that the node cannot be brought to the newest opset. */
void upgrade_refuse(Upgrade *upgrade, const char *why);

/* An attribute of the node and its absence. One that refers to a function's attribute has no value yet and is refused.
 */
int64_t upgrade_int(Upgrade *upgrade, const char *name, int64_t otherwise);
double upgrade_float(Upgrade *upgrade, const char *name, double otherwise);

/* The output of a new operator before the node. In EMIT at most one argument may make nodes itself: C leaves the order
 * of arguments open, and the order of nodes must not depend on the compiler. */
Value *upgrade_emit(Upgrade *upgrade, const char *op, int nin, Value *const *in);
#define EMIT(upgrade, op, ...)                                                                                         \
    upgrade_emit(upgrade, op, (int)(sizeof((Value *[]){__VA_ARGS__}) / sizeof(Value *)), (Value *[]){__VA_ARGS__})
/* New constants before the node: any, int64 vectors, float32 scalars. */
Value *upgrade_constant(Upgrade *upgrade, const Tensor *tensor);
Value *upgrade_ints(Upgrade *upgrade, const int64_t *value, size_t count);
Value *upgrade_float_scalar(Upgrade *upgrade, double value);
/* The shape and, as a vector of one element, the rank of a value. */
Value *upgrade_shape(Upgrade *upgrade, Value *value);
Value *upgrade_rank(Upgrade *upgrade, Value *value);

/* Gives the node another operator, no attributes, and these inputs. */
void upgrade_become(Upgrade *upgrade, const char *op, int nin, Value *const *in);
/* Sets an input, the list growing with inputs that are not given. */
void upgrade_set_input(Upgrade *upgrade, int slot, Value *value);
/* The row of an operator of ai.onnx; a name without a row is an error in the report. */
const Op *upgrade_op(Upgrade *upgrade, const char *name);
#endif
