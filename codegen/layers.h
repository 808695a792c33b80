/* layers.h -- the layers of a model: which of its modules each kernel belongs to.
 *
 * Exporters leave traces of a model's modules in names: of nodes ("/conv1/lin/MatMul") and of weights
 * ("conv1.lin.weight"). What has neither belongs to the layer its operands come from; what gathers rows of vertices for
 * edges begins a layer, and belongs with all that is made of them to the layer that reads them. */
#ifndef LAYERS_H
#define LAYERS_H
#include "cost.h"

typedef struct Layer Layer;
struct Layer {
    const char *name; /* "conv1", "convs.0"; "" for what belongs to none */
    int order;        /* as they come in the model as exported */
    Layer *next;
};

/* The layers of a model, and the nodes of each by name, so that rewritten graphs are told apart like the original. */
typedef struct Layers Layers;
struct Layers {
    Context *context;
    Layer *first;
    int count;
    struct LayerOfNode *node;
};

Layers *layers_new(Context *context);
/* Sets the layer of each kernel: that of the kernel of the same origin in what was given before, or as above. */
void layers_find(Layers *layers, Kernels *kernels);
#endif
