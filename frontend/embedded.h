/* embedded.h -- text files the command carries inside itself: rules, composed operators, runtime sources, templates. */
#ifndef EMBEDDED_H
#define EMBEDDED_H

typedef struct {
    const char *path; /* in the repository: "rewrite/canon.rules" */
    const char *text;
} EmbeddedFile;

/* All of them, ended by a row of NULLs. Made by templates/embed.c when the command is built. */
extern const EmbeddedFile embedded_file[];

/* The text of the file of this path in the repository; NULL when it is not carried. */
const char *embedded_text(const char *path);
#endif
