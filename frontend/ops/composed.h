/* composed.h -- the bodies of composed operators, made from composed.onnxtxt. */
#ifndef COMPOSED_H
#define COMPOSED_H
#include "op.h"

/* The body for this node, a function of a model of its own whose inputs and outputs are the node's: statements of its
 * text whose condition does not hold are left out, attributes are filled in. NULL after errors in the report (an
 * attribute or a dimension that the text needs is not there). The types of the inputs must be known. */
Graph *compose(Node *node);
/* The body of one of our own operators, which does not depend on the node: the function of its name in the library. */
Graph *library_body(Node *node);
#endif
