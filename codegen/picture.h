/* picture.h -- a model's graph before and after, as SVG: a box for each kernel, arrows with the bytes that move. */
#ifndef PICTURE_H
#define PICTURE_H
#include "stages.h"

/* The first stage beside the last that applies. */
void picture_print(const Stages *stages, FILE *to);
#endif
