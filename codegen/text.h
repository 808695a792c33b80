/* text.h -- text under construction: lines with indentation, in the arena. */
#ifndef TEXT_H
#define TEXT_H
#include "../frontend/arena.h"

typedef struct {
    Arena *arena;
    char *data; /* NUL-terminated; "" at first */
    size_t length, capacity;
    int indent; /* of the next text_line, in steps of four blanks */
} Text;

Text *text_new(Arena *arena);

/* Appends what printf would print; text_line puts it on a line of its own, indented (an empty line is left bare). A
 * line of code that is too long is broken at a blank. */
void text_add(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_line(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends the indentation, where there is something to indent. */
void text_indent(Text *text, int something);

/* Appends a string as it is. */
void text_string(Text *text, const char *string);

/* Appends words with commas between them as one line, broken before column 120, later lines indented `hang` blanks. */
void text_wrapped(Text *text, const char *line, int hang);
#endif
