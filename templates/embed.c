/* embed.c -- host tool: writes text files as C, for the command to carry inside itself.
 *
 *     embed FILE... > embedded.c                                                   see frontend/embedded.h */
#include <stdio.h>
#include <string.h>

/* One file as a string literal per line: compilers limit a literal's length, but not that of adjacent ones joined. */
static int write_file(const char *path)
{
    FILE *in = fopen(path, "rb");
    if (!in) {
        perror(path);
        return 1;
    }
    printf("    {\"%s\",\n     \"\"", path);
    int c, at_start = 1;
    while ((c = getc(in)) != EOF) {
        if (at_start)
            printf("\n     \"");
        at_start = c == '\n';
        if (c == '\n')
            fputs("\\n\"", stdout);
        else if (c == '"' || c == '\\' || c == '?')
            printf("\\%c", c);
        else if (c < ' ' || c > '~')
            printf("\\%03o", c);
        else
            putchar(c);
    }
    if (!at_start)
        putchar('"');
    puts("},");
    fclose(in);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0;
    puts("#include \"frontend/embedded.h\"\n#include <stddef.h>\n#include <string.h>\n\nconst EmbeddedFile "
         "embedded_file[] = {");
    for (int i = 1; i < argc; i++)
        failed |= write_file(argv[i]);
    puts("    {NULL, NULL},\n};\n\nconst char *embedded_text(const char *path)\n{\n"
         "    for (const EmbeddedFile *file = embedded_file; file->path; file++)\n"
         "        if (strcmp(file->path, path) == 0)\n            return file->text;\n    return NULL;\n}");
    return failed;
}
