/* text.c -- see text.h. */
#include "text.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LINE_WIDTH = 120, INDENT_WIDTH = 4 };

Text *text_new(Arena *arena)
{
    Text *text = ARENA_NEW(arena, Text);
    text->arena = arena;
    text->capacity = 64;
    text->data = ARENA_ARRAY(arena, text->capacity, char);
    return text;
}

static void append(Text *text, const char *bytes, size_t count)
{
    if (text->length + count + 1 > text->capacity) {
        const size_t capacity = 2 * (text->length + count + 1);
        text->data = arena_grow(text->arena, text->data, text->length, capacity, 1);
        text->capacity = capacity;
    }
    memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = '\0';
}

void text_string(Text *text, const char *string)
{
    append(text, string, strlen(string));
}

static void append_format(Text *text, const char *format, va_list args)
{
    char small[256];
    va_list again;
    va_copy(again, args);
    const int length = vsnprintf(small, sizeof small, format, args);
    if (length >= 0 && (size_t)length < sizeof small)
        append(text, small, (size_t)length);
    else
        text_string(text, arena_vprintf(text->arena, format, again));
    va_end(again);
}

void text_add(Text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    append_format(text, format, args);
    va_end(args);
}

static void append_blanks(Text *text, int count)
{
    for (int i = 0; i < count; i++)
        append(text, " ", 1);
}

void text_indent(Text *text, int something)
{
    if (something)
        append_blanks(text, INDENT_WIDTH * text->indent);
}

/* Where a line of code that is too long is broken: after the last blank that fits. */
static size_t break_before(const char *line, size_t width)
{
    size_t at = width;
    while (at > width / 2 && line[at - 1] != ' ')
        at--;
    return line[at - 1] == ' ' ? at : 0;
}

void text_line(Text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *line = arena_vprintf(text->arena, format, args);
    va_end(args);
    const bool is_code = *line && !strchr("#/ ", *line);
    size_t margin = *line == '#' ? 0 : (size_t)(INDENT_WIDTH * text->indent), length;
    while (is_code && margin < LINE_WIDTH / 2 && margin + strlen(line) > LINE_WIDTH &&
           (length = break_before(line, LINE_WIDTH - margin)) > 0) {
        append_blanks(text, (int)margin);
        append(text, line, length - 1);
        append(text, "\n", 1);
        line += length;
        margin = (size_t)(INDENT_WIDTH * (text->indent + 2));
    }
    if (*line)
        append_blanks(text, (int)margin);
    text_string(text, line);
    append(text, "\n", 1);
}

void text_wrapped(Text *text, const char *line, int hang)
{
    int column = INDENT_WIDTH * text->indent;
    append_blanks(text, column);
    while (*line != '\0') {
        const char *comma = strstr(line, ", ");
        const size_t length = comma ? (size_t)(comma - line) + 2 : strlen(line);
        if (column + (int)length > LINE_WIDTH && column > hang) {
            while (text->length > 0 && text->data[text->length - 1] == ' ')
                text->length--;
            append(text, "\n", 1);
            append_blanks(text, hang);
            column = hang;
        }
        append(text, line, length);
        column += (int)length;
        line += length;
    }
    append(text, "\n", 1);
}
