/* template.h -- what the C that templates become is made of (templates/template.c), and the templates there are. */
#ifndef TEMPLATE_H
#define TEMPLATE_H
#include "text.h"
#include <stdbool.h>
#include <stdint.h>

static inline void template_int(Text *text, long long value)
{
    text_add(text, "%lld", value);
}

#define TEMPLATE_HOLE(text, value)                                                                                     \
    _Generic((value), const char * : text_string, char * : text_string, default : template_int)((text), (value))

/* NAME_tile, over weights in panels of `panel` columns; exact: products are rounded before they are added; nonzeros:
 * with NAME_nonzeros and NAME_tile_of_nonzeros. */
void template_tile(Text *text, const char *prefix, const char *upper, int panel, bool exact, bool nonzeros);
#endif
