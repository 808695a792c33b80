/* composed.h -- the bodies of composed operators, made from composed.onnxtxt. */
#ifndef COMPOSED_H
#define COMPOSED_H
#include "op.h"

/* The text of the body for this node, as one ONNX function whose inputs and outputs are the node's: statements whose
 * condition does not hold are left out, attributes are filled in. NULL after an error in the report (an attribute or a
 * dimension that the text needs is not there). The types of the inputs must be known. */
const char *composed_text(const Node *node);

/* The same, parsed: a function of a model of its own. NULL after errors in the report. */
Graph *compose(Node *node);
#endif
