/* whole_file.h -- a file that is there whole, or not at all. */
#ifndef WHOLE_FILE_H
#define WHOLE_FILE_H
#include "ir.h"

/* Writes what a file holds; false when it cannot, with errno. Errors of the stream itself need not be looked for. */
typedef bool WholeFileWriter(FILE *to, void *who);

/* Writes a file beside its place and moves it there, through links; what is at the place and no plain file, such as
 * /dev/stdout, is written where it is. False after an error in the report: what was there is there still. */
bool whole_file_write(Context *context, const char *path, WholeFileWriter *write, void *who);
#endif
