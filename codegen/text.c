/* text.c -- see text.h. */
#include "text.h"
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

void text_line(Text *text, const char *format, ...)
{
    const size_t start = text->length;
    if (format[0] != '#')
        append_blanks(text, INDENT_WIDTH * text->indent);
    const size_t blanks = text->length - start;
    va_list args;
    va_start(args, format);
    append_format(text, format, args);
    va_end(args);
    if (text->length == start + blanks)
        text->length = start;
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
