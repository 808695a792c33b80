/* template.c -- host tool: turns a template into C that writes its text.
 *
 *     template FILE.c.t > FILE.c
 *
 * Lines that begin with % are C of the generator, copied as they are (without the %). Every other line is text: it is
 * appended to the Text called `text`, at its indentation. In it ${expression} is a hole, printed by its type: integers,
 * strings (see codegen/template.h). #line tells compilers where each line came from, so that they report a mistake at
 * the template's own line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINE = 4096 };

static void fail(const char *path, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", path, line, what);
    exit(1);
}

/* A piece of text as a call that appends it. */
static void write_literal(const char *text, size_t length)
{
    if (length == 0)
        return;
    fputs(" text_string(text, \"", stdout);
    for (size_t i = 0; i < length; i++) {
        if (strchr("\"\\?", text[i]))
            putchar('\\');
        putchar(text[i]);
    }
    fputs("\");", stdout);
}

static void write_text_line(const char *path, int number, const char *line)
{
    fputs("    text_indent(text, ", stdout);
    fputs(*line ? "1);" : "0);", stdout);
    while (*line) {
        const char *hole = strstr(line, "${");
        write_literal(line, hole ? (size_t)(hole - line) : strlen(line));
        if (!hole)
            break;
        const char *end = strchr(hole, '}');
        if (!end)
            fail(path, number, "a hole without its closing brace");
        printf(" TEMPLATE_HOLE(text, (%.*s));", (int)(end - hole - 2), hole + 2);
        line = end + 1;
    }
    puts(" text_string(text, \"\\n\");");
}

int main(int argc, char **argv)
{
    char line[MAX_LINE];
    FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (!in) {
        fprintf(stderr, "usage: template FILE.c.t\n");
        return 2;
    }
    puts("#include \"codegen/template.h\"");
    for (int number = 1; fgets(line, sizeof line, in); number++) {
        const size_t length = strcspn(line, "\n");
        if (line[length] != '\n' && !feof(in))
            fail(argv[1], number, "the line is too long");
        line[length] = '\0';
        printf("#line %d \"%s\"\n", number, argv[1]);
        if (line[0] == '%')
            puts(line + 1);
        else
            write_text_line(argv[1], number, line);
    }
    fclose(in);
    return 0;
}
