/* report.c -- messages about a model: kept in a fixed table, printed as text or JSON. */
#include "report.h"
#include "ops/op.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ERRORS = 20, MAX_WARNINGS = 80, MAX_TEXT = 512 };

static const struct {
    Severity severity;
    const char *code, *text, *hint;
} row[NUM_MESSAGE] = {
#define MESSAGE(name, severity, code, text, hint) [name] = {severity, code, text, hint},
#include "messages.def"
#undef MESSAGE
};
static const char *const severity_text[] = {[NOTE] = "note", [WARNING] = "warning", [ERROR] = "error"};

typedef struct {
    Message message;
    const char *about;              /* the file */
    const char *node, *op, *inside; /* the place: "" and NULL where there is none */
    Value *value;                   /* the input that a text beginning "input %d" is about */
    char text[MAX_TEXT];
} Entry;

struct Report {
    const char *file, *about; /* the model; what is being read */
    jmp_buf *guard;           /* where report_fatal goes; NULL outside report_guard */
    int kept, errors, warnings;
    Entry entry[MAX_ERRORS + MAX_WARNINGS];
};

Report *report_new(Arena *arena, const char *about)
{
    Report *report = ARENA_NEW(arena, Report);
    report->file = report->about = arena_strdup(arena, about);
    return report;
}

const char *report_turn_to(Report *report, const char *about)
{
    const char *before = report->about;
    report->about = about;
    return before;
}

static void set_place(Entry *entry, const Node *node)
{
    entry->node = entry->inside = "";
    entry->op = NULL;
    if (!node)
        return;
    entry->op = node->op ? node->op->name : node->function ? node->function->name : "?";
    entry->node = node->name && *node->name                              ? node->name
                  : node->nout > 0 && node->out[0] && node->out[0]->name ? node->out[0]->name
                                                                         : "";
    const Graph *graph = node->graph;
    if (graph && graph->owner)
        entry->inside = graph->owner->name;
    else if (graph && graph->domain && *graph->domain)
        entry->inside = graph->name;
}

/* The value that the leading "input %d" of a message's text stands for; NULL when there is none. */
static Value *value_named(const Node *node, Message message, va_list args)
{
    va_list copy;
    va_copy(copy, args);
    int slot = strncmp(row[message].text, "input %d", 8) == 0 ? va_arg(copy, int) : -1;
    va_end(copy);
    return node && slot >= 0 && slot < node->nin ? node->in[slot] : NULL;
}

static void add(Report *report, const Node *node, Message message, va_list args)
{
    bool is_error = row[message].severity == ERROR;
    int said = is_error ? report->errors++ : report->warnings++;
    if (said >= (is_error ? MAX_ERRORS : MAX_WARNINGS))
        return;
    Entry *entry = &report->entry[report->kept++];
    entry->message = message;
    entry->about = report->about;
    set_place(entry, node);
    entry->value = value_named(node, message, args);
    int length = vsnprintf(entry->text, MAX_TEXT, row[message].text, args);
    if (length >= MAX_TEXT)
        memcpy(entry->text + MAX_TEXT - 4, "...", 4);
}

bool report_add(Report *report, const Node *node, Message message, ...)
{
    va_list args;
    va_start(args, message);
    add(report, node, message, args);
    va_end(args);
    return false;
}

void report_fatal(Report *report, const Node *node, Message message, ...)
{
    va_list args;
    va_start(args, message);
    add(report, node, message, args);
    va_end(args);
    if (report->guard)
        longjmp(*report->guard, 1);
    report_print(report, stderr);
    exit(message == INTERNAL ? 3 : 1);
}

bool report_guard(Report *report, void (*work)(void *who), void *who)
{
    jmp_buf here, *volatile outer = report->guard;
    volatile bool finished = false;
    report->guard = &here;
    if (setjmp(here) == 0) {
        work(who);
        finished = true;
    }
    report->guard = outer;
    return finished;
}

int report_errors(const Report *report)
{
    return report->errors;
}

int report_warnings(const Report *report)
{
    return report->warnings;
}

bool report_has(const Report *report, Message message)
{
    for (int i = 0; i < report->kept; i++)
        if (report->entry[i].message == message)
            return true;
    return false;
}

Value *report_value(const Report *report, Message message, int number)
{
    for (int i = 0; i < report->kept; i++)
        if (report->entry[i].message == message && report->entry[i].value && number-- == 0)
            return report->entry[i].value;
    return NULL;
}

ReportMark report_mark(const Report *report)
{
    return (ReportMark){report->kept, report->errors, report->warnings};
}

void report_rewind(Report *report, ReportMark mark)
{
    report->kept = mark.kept;
    report->errors = mark.errors;
    report->warnings = mark.warnings;
}

/* ---- print ---- */

/* Bytes of the UTF-8 sequence at s; 0 when it is not one. */
static int utf8_length(const unsigned char *s)
{
    int length = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
    for (int i = 1; i < length; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool outside = (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF4 && s[1] > 0x8F);
    return length > 1 && (overlong || outside) ? 0 : length;
}

/* Text with what could steer a terminal made visible. */
static void print_escaped(const char *text, FILE *to)
{
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        int length = utf8_length(s);
        bool control = *s < ' ' || *s == 0x7F || (*s == 0xC2 && s[1] < 0xA0);
        if (length == 0 || control)
            fprintf(to, "\\x%02x", *s++);
        else
            for (; length > 0; length--)
                putc(*s++, to);
    }
}

void json_string(const char *text, FILE *to)
{
    putc('"', to);
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        int length = utf8_length(s);
        if (length == 0) {
            fputs("\\ufffd", to);
            s++;
        } else if (*s == '"' || *s == '\\') {
            fprintf(to, "\\%c", *s++);
        } else if (*s < ' ' || *s == 0x7F) {
            fprintf(to, "\\u%04x", *s++);
        } else {
            for (; length > 0; length--)
                putc(*s++, to);
        }
    }
    putc('"', to);
}

static void print_entry(const Entry *entry, FILE *to)
{
    if (entry->op) {
        fputs("node ", to);
        print_escaped(entry->node, to);
        fputs(" (", to);
        print_escaped(entry->op, to);
        fputs(")", to);
        if (*entry->inside) {
            fputs(" in ", to);
            print_escaped(entry->inside, to);
        }
        fputs(": ", to);
    }
    fprintf(to, "%s %s: ", severity_text[row[entry->message].severity], row[entry->message].code);
    print_escaped(entry->text, to);
}

void report_print_first(const Report *report, FILE *to)
{
    for (int i = 0; i < report->kept; i++) {
        if (row[report->entry[i].message].severity == ERROR) {
            print_entry(&report->entry[i], to);
            return;
        }
    }
}

void report_print(const Report *report, FILE *to)
{
    int errors = 0, warnings = 0;
    for (int i = 0; i < report->kept; i++) {
        const char *hint = row[report->entry[i].message].hint;
        print_escaped(report->entry[i].about, to);
        fputs(": ", to);
        print_entry(&report->entry[i], to);
        fprintf(to, *hint ? "\n  hint: %s\n" : "\n", hint);
        if (row[report->entry[i].message].severity == ERROR)
            errors++;
        else
            warnings++;
    }
    if (report->errors > errors)
        fprintf(to, "and %d more errors\n", report->errors - errors);
    if (report->warnings > warnings)
        fprintf(to, "and %d more warnings\n", report->warnings - warnings);
}

static void print_member(const char *name, const char *text, FILE *to)
{
    fprintf(to, ", \"%s\": ", name);
    json_string(text, to);
}

void report_print_json(const Report *report, FILE *to)
{
    fputs("{\"file\": ", to);
    json_string(report->file, to);
    fprintf(to, ", \"errors\": %d, \"warnings\": %d, \"messages\": [", report->errors, report->warnings);
    for (int i = 0; i < report->kept; i++) {
        const Entry *entry = &report->entry[i];
        fprintf(to, "%s\n  {\"severity\": \"%s\", \"code\": \"%s\"", i ? "," : "",
                severity_text[row[entry->message].severity], row[entry->message].code);
        if (entry->about != report->file)
            print_member("file", entry->about, to);
        if (entry->op) {
            print_member("node", entry->node, to);
            print_member("op", entry->op, to);
        }
        if (*entry->inside)
            print_member("inside", entry->inside, to);
        print_member("text", entry->text, to);
        if (*row[entry->message].hint)
            print_member("hint", row[entry->message].hint, to);
        fputs("}", to);
    }
    fputs(report->kept ? "\n]}\n" : "]}\n", to);
}
