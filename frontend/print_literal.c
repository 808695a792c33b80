/* print_literal.c -- names, strings, numbers, types and tensors in ONNX text. */
#include "map.h"
#include "print.h"
#include "symbol_table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_word(const char *text)
{
    if (!is_letter(*text))
        return false;
    while (is_letter(*text) || (*text >= '0' && *text <= '9'))
        text++;
    return !*text;
}

bool is_plain_name(const char *text)
{
    static const char *const reserved[] = {"seq",    "map", "optional", "sparse_tensor",
                                           "opaque", "inf", "infinity", "nan"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(text, reserved[i]) == 0)
            return false;
    return is_word(text) && dtype_parse(text, strlen(text)) == UNDEFINED;
}

void string_print(const char *text, FILE *to)
{
    putc('"', to);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', to);
        putc(*text, to);
    }
    putc('"', to);
}

void name_print(const char *name, FILE *to)
{
    if (is_plain_name(name))
        fputs(name, to);
    else
        string_print(name, to);
}

char *name_mangle(const char *name, Arena *arena)
{
    char *text = arena_alloc(arena, strlen(name) * 4 + 2), *end = text;
    if (!is_letter(*name))
        *end++ = '_';
    for (; *name; name++) {
        if (is_letter(*name) || (*name >= '0' && *name <= '9'))
            *end++ = *name;
        else
            end += sprintf(end, "_x%02x", (unsigned)(unsigned char)*name);
    }
    return text;
}

/* ---- numbers ---- */

void float_print(double value, DType precision, FILE *to)
{
    if (isnan(value) || isinf(value)) {
        fprintf(to, "%s%s", signbit(value) ? "-" : "", isnan(value) ? "nan" : "inf");
        return;
    }
    char text[40];
    int digits = precision == F32 ? 6 : 15;
    if (precision == F32)
        value = (float)value;
    do {
        snprintf(text, sizeof text, "%.*g", digits++, value);
    } while ((precision == F32 ? strtof(text, NULL) : strtod(text, NULL)) != value);
    fputs(text, to);
}

/* ---- types ---- */

const char *printer_size_name(void *who, Dim *symbol)
{
    ModelPrinter *printer = who;
    const char *name = printer->size_name && dim_is_fresh(symbol) ? map_get(printer->size_name, symbol) : NULL;
    if (!printer->size_name || !dim_is_fresh(symbol) || name)
        return name ? name : dim_symbol_name(symbol);
    do
        name = arena_printf(printer->arena, "u%d", printer->nsize++);
    while (!symbol_table_define(printer->sizes, name, printer));
    map_set(printer->size_name, symbol, name);
    return name;
}

static void dim_print(ModelPrinter *printer, Dim *dim)
{
    int64_t value;
    if (dim_is_const(dim, &value))
        fprintf(printer->to, "%lld", (long long)value);
    else if (dim_is_symbol(dim))
        name_print(printer_size_name(printer, dim), printer->to);
    else
        string_print(dim_text(dim, printer->arena, printer_size_name, printer), printer->to);
}

static void tensor_kind_print(ModelPrinter *printer, const Type *type)
{
    FILE *to = printer->to;
    fputs(dtype_info(type->dtype)->text, to);
    if (type->rank < 0)
        fputs("[]", to);
    for (int i = 0; i < type->rank; i++) {
        putc(i ? ',' : '[', to);
        dim_print(printer, type->dim[i]);
    }
    if (type->rank > 0)
        putc(']', to);
}

void printer_type(ModelPrinter *printer, const Type *type)
{
    FILE *to = printer->to;
    int open = 0;
    for (; type->element; type = type->element, open++) {
        if (type->kind == MAP)
            fprintf(to, "map(%s, ", dtype_info(type->dtype)->text);
        else
            fputs(type->kind == SEQUENCE ? "seq(" : "optional(", to);
    }
    if (type->kind == SPARSE_TENSOR) {
        fputs("sparse_tensor(", to);
        open++;
    }
    tensor_kind_print(printer, type);
    while (open--)
        putc(')', to);
}

char *type_text(const Type *type, Arena *arena)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return arena_strdup(arena, "");
    printer_type(&(ModelPrinter){.to = to, .arena = arena}, type);
    fclose(to);
    char *copy = arena_strdup(arena, text);
    free(text);
    return copy;
}

void tensor_type_print(const Tensor *tensor, FILE *to)
{
    fputs(dtype_info(tensor->dtype)->text, to);
    for (int i = 0; i < tensor->rank; i++)
        fprintf(to, "%c%lld", i ? ',' : '[', (long long)tensor->dim[i]);
    if (tensor->rank)
        putc(']', to);
}

/* ---- tensors ---- */

/* Whether onnx.parser takes entries of a type as bytes of several packed elements. */
static bool has_packed_entries(DType dtype)
{
    int bits = dtype_info(dtype)->bits;
    return bits == 2 || bits == 4;
}

static void packed_print(const Tensor *tensor, FILE *to)
{
    int per_byte = 8 / dtype_info(tensor->dtype)->bits;
    for (int64_t i = 0; i < tensor->count; i += per_byte) {
        unsigned char element[4] = {0}, byte;
        for (int k = 0; k < per_byte && i + k < tensor->count; k++)
            element[k] = *(const unsigned char *)tensor_at(tensor, i + k);
        dtype_pack(tensor->dtype, element, per_byte, &byte);
        fprintf(to, "%s%d", i ? "," : "", byte);
    }
}

/* One element, whose type is not packed. Converted types are written by their bits, as onnx.parser reads them. */
static void element_print(const Tensor *tensor, int64_t i, FILE *to)
{
    const void *at = tensor_at(tensor, i);
    switch (tensor->dtype) {
    case F32:
        float_print((double)*(const float *)at, F32, to);
        break;
    case F64:
        float_print(*(const double *)at, F64, to);
        break;
    case C64:
        float_print((double)((const float *)at)[0], F32, to);
        putc(',', to);
        float_print((double)((const float *)at)[1], F32, to);
        break;
    case C128:
        float_print(((const double *)at)[0], F64, to);
        putc(',', to);
        float_print(((const double *)at)[1], F64, to);
        break;
    case STRING:
        string_print(*(char *const *)at, to);
        break;
    case U64:
        fprintf(to, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case F16:
    case BF16:
        fprintf(to, "%u", (unsigned)*(const uint16_t *)at);
        break;
    default:
        fprintf(to, "%lld", (long long)tensor_int(tensor, i));
    }
}

void elements_print(const Tensor *tensor, FILE *to)
{
    putc('{', to);
    if (has_packed_entries(tensor->dtype))
        packed_print(tensor, to);
    else
        for (int64_t i = 0; i < tensor->count; i++) {
            if (i)
                putc(',', to);
            element_print(tensor, i, to);
        }
    putc('}', to);
}
