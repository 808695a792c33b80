/* publish.h -- a model as others see it: at which opset, with which functions under which names. What printing it as
 * text and saving it as a file share.
 *
 * To everyone but us a node of the domains gnn and o2c is a call of a function, so the function goes with the model.
 * One whose last outputs are not wanted is published without what computes them, since that may read inputs that are
 * not given; different forms of one operator are overloads. */
#ifndef PUBLISH_H
#define PUBLISH_H
#include "print.h"

/* A function that the published model defines. */
typedef struct Defined Defined;
struct Defined {
    const Graph *function; /* of the model, or of the library */
    uint32_t wanted;       /* bit i: output i is */
    CallName name;
    const Graph *body;    /* the function, or a copy without what is not wanted */
    int64_t opset;        /* of the default domain, for its body */
    Defined *same, *next; /* of the same function; in order of first use */
};

typedef struct {
    const Model *model;
    struct Map *calls;       /* Node -> CallName; none for a node that goes by its own names */
    Defined *first;          /* functions, in order of first use */
    Opset opset[MAX_OPSETS]; /* of the other domains that are used */
    int nopset;
    int64_t version; /* opset of the default domain: the lowest that has what the model says */
    int64_t ir_version;
    struct SymbolTable *sizes; /* names that sizes of inputs have */
} Publication;

/* What a model is published with; in the context's arena. */
const Publication *publish(const Model *model);

/* What a node calls in the published model. `publication` may be NULL: it goes by its own names. */
CallName called(const struct Map *calls, const Node *node);
#endif
