/* report.h -- what is said about a model: errors and warnings with place and hint, all of a pass in one run.
 *
 *     model.onnx: node /conv1/Gather (Gather): input 1 'edge_index' is float, wants int32 or int64
 *       hint: ...
 *
 * Texts live in messages.def, one row each. A report is printed at the end, as text or JSON. Reporting allocates
 * nothing, so that the end of memory can be reported too. */
#ifndef REPORT_H
#define REPORT_H
#include "arena.h"
#include <stdbool.h>
#include <stdio.h>

typedef enum {
#define MESSAGE(name, severity, code, text, hint) name,
#include "messages.def"
#undef MESSAGE
    NUM_MESSAGE
} Message;

typedef enum { NOTE, WARNING, ERROR } Severity;

typedef struct Report Report;
struct Node;

/* An empty report about the file `about` (named in every line). Lives in the arena. */
Report *report_new(Arena *arena, const char *about);
/* What is said from now on is about this file (kept, not copied); gives the one it was about. */
const char *report_turn_to(Report *report, const char *about);

/* Adds a message. `node` (may be NULL) is the place. The arguments fill the row's text as printf would; strings from
 * the model are escaped when printed. At most 20 errors and 80 warnings are kept, the rest counted. Always returns
 * false, so that a check can end in `return report_add(...)`. */
bool report_add(Report *report, const struct Node *node, Message message, ...);

/* Adds an error that ends the compilation here: never returns (longjmp to where report_guard was called). */
_Noreturn void report_fatal(Report *report, const struct Node *node, Message message, ...);
/* Calls work(who); false when it ended in report_fatal. */
bool report_guard(Report *report, void (*work)(void *who), void *who);

int report_errors(const Report *report);
int report_warnings(const Report *report);
bool report_has(const Report *report, Message message);
/* The value that the number-th message of this kind is about, where its text begins "input %d"; NULL beyond the last.
 */
struct Value *report_value(const Report *report, Message message, int number);
/* The first error alone, without file, hint and newline; nothing when there is none. */
void report_print_first(const Report *report, FILE *to);
void report_print(const Report *report, FILE *to);
void report_print_json(const Report *report, FILE *to);
/* Forgets what was said since report_mark; used where a failure is an answer (may this node be folded?), not an error.
 */
typedef struct {
    int kept, errors, warnings;
} ReportMark;
ReportMark report_mark(const Report *report);
void report_rewind(Report *report, ReportMark mark);

/* A string as JSON, quotes included; bytes that are not UTF-8 become U+FFFD. */
void json_string(const char *text, FILE *to);
#endif
