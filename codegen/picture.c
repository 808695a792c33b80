/* picture.c -- see picture.h. */
#include "picture.h"
#include "../frontend/map.h"
#include "drawing.h"
#include "name.h"
#include <math.h>
#include <string.h>

enum { MARGIN = 24, HEAD = 76, LINE = 14, PANEL_GAP = 60 };

/* Where the work of a kernel is. */
typedef enum { WORK_OTHER, WORK_VERTICES, WORK_EDGES, WORK_NEST, WORK_PRODUCTS, NUM_PLACE } Place;
static const struct {
    const char *fill, *stroke, *text;
} style[NUM_PLACE] = {
    [WORK_OTHER] = {"#f2f2f2", "#999999", "other"},
    [WORK_VERTICES] = {"#d6e6f7", "#3b78b5", "vertices"},
    [WORK_EDGES] = {"#fde2c4", "#d9822b", "edges"},
    [WORK_NEST] = {"url(#nest)", "#7a5bb0", "vertices and edges in one nest"},
    [WORK_PRODUCTS] = {"#d9efd5", "#4a9a45", "products of matrices"},
};

/* One stage as it is drawn. */
typedef struct {
    const Stages *stages;
    StageKind stage;
    Arena *arena;
    Dim **edges, **vertices; /* extents that count edges, and what they point to */
    int nedges, nvertices;
    Drawing drawing;
    const Kernel **kernel; /* by box; NULL: an input */
    const Value **input;   /* by box; NULL: a kernel */
    Dim **bytes;           /* by arrow */
    bool *is_gathered;
    Map *box_of; /* tensor -> number of the box that writes it, from 1 */
} Panel;

/* ---- what a kernel works on ---- */
static void add_dim(Panel *panel, Dim ***list, int *count, Dim *dim)
{
    for (int i = 0; i < *count; i++)
        if ((*list)[i] == dim)
            return;
    if (!dim || dim_is_const(dim, NULL))
        return; /* extents of numbers may be equal by chance */
    *list = arena_grow(panel->arena, *list, (size_t)*count, (size_t)*count + 1, sizeof **list);
    (*list)[(*count)++] = dim;
}

/* Whether a tensor has a row, or several, for each of what one of the extents counts. */
static bool has_rows(const Panel *panel, const Value *value, Dim *const *extent, int count)
{
    DimTable *dims = panel->stages->context->dims;
    Dim *bytes = dim_limit(dims, type_bytes(panel->stages->context, &value->type));
    for (int i = 0; i < count; i++)
        if (dim_divide_exactly(dims, bytes, extent[i]))
            return true;
    return false;
}

static Place place_of(const Panel *panel, const Kernel *kernel)
{
    const Context *context = panel->stages->context;
    const Cost *cost = &kernel->cost;
    bool reads_edges = cost->edges != NULL, writes_edges = false, has_vertices = false;
    if (cost->flops && !dim_equals(cost->products, 0) &&
        dim_le(context->dims, cost->flops, dim_add(context->dims, cost->products, cost->products)))
        return WORK_PRODUCTS;
    for (const Read *read = cost->read; read; read = read->next) {
        reads_edges |= has_rows(panel, read->value, panel->edges, panel->nedges);
        has_vertices |= has_rows(panel, read->value, panel->vertices, panel->nvertices);
    }
    for (int i = 0; i < kernel->nout; i++) {
        writes_edges |= has_rows(panel, kernel->out[i], panel->edges, panel->nedges);
        has_vertices |= has_rows(panel, kernel->out[i], panel->vertices, panel->nvertices);
    }
    if (reads_edges && !writes_edges && !kernel->op)
        return WORK_NEST;
    return reads_edges || writes_edges ? WORK_EDGES : has_vertices ? WORK_VERTICES : WORK_OTHER;
}

/* ---- the graph ---- */
static int add_box(Panel *panel, const Kernel *kernel, const Value *input)
{
    Drawing *drawing = &panel->drawing;
    Arena *arena = panel->arena;
    const size_t count = (size_t)drawing->nbox;
    drawing->box = arena_grow(arena, drawing->box, count, count + 1, sizeof *drawing->box);
    panel->kernel = arena_grow(arena, panel->kernel, count, count + 1, sizeof *panel->kernel);
    panel->input = arena_grow(arena, panel->input, count, count + 1, sizeof *panel->input);
    panel->kernel[count] = kernel;
    panel->input[count] = input;
    return drawing->nbox++;
}

/* An arrow for what `to` reads of one box: the bytes of all tensors that box wrote. */
static void add_arrow(Panel *panel, int from, int to, const Read *read)
{
    Drawing *drawing = &panel->drawing;
    Arena *arena = panel->arena;
    int i = 0;
    while (i < drawing->narrow && (drawing->arrow[i].from != from || drawing->arrow[i].to != to))
        i++;
    if (i < drawing->narrow) {
        panel->bytes[i] = dim_add(panel->stages->context->dims, panel->bytes[i], read->bytes);
        panel->is_gathered[i] |= read->is_gathered;
        return;
    }
    const size_t count = (size_t)drawing->narrow++;
    drawing->arrow = arena_grow(arena, drawing->arrow, count, count + 1, sizeof *drawing->arrow);
    panel->bytes = arena_grow(arena, panel->bytes, count, count + 1, sizeof *panel->bytes);
    panel->is_gathered = arena_grow(arena, panel->is_gathered, count, count + 1, sizeof *panel->is_gathered);
    drawing->arrow[count] = (Arrow){.from = from, .to = to};
    panel->bytes[count] = read->bytes;
    panel->is_gathered[count] = read->is_gathered;
}

/* What moves the same few bytes whatever the sizes, such as the arithmetic of shapes, is left out. */
static bool is_drawn(const Panel *panel, const Kernel *kernel)
{
    const Stages *stages = panel->stages;
    Dim *all = stage_measure(stages, panel->stage, MEASURE_BYTES, NULL).formula;
    return !dim_is_const(kernel_measure(stages->kernels[panel->stage], kernel, MEASURE_BYTES), NULL) ||
           dim_is_const(all, NULL);
}

static void build_graph(Panel *panel)
{
    const Kernels *kernels = panel->stages->kernels[panel->stage];
    panel->box_of = map_new(panel->arena);
    for (const Kernel *kernel = kernels->first; kernel; kernel = kernel->next) {
        add_dim(panel, &panel->edges, &panel->nedges, kernel->cost.edges);
        add_dim(panel, &panel->vertices, &panel->nvertices, kernel->cost.vertices);
    }
    for (const Kernel *kernel = kernels->first; kernel; kernel = kernel->next) {
        if (!is_drawn(panel, kernel))
            continue;
        const int box = add_box(panel, kernel, NULL);
        for (int i = 0; i < kernel->nout; i++)
            map_set(panel->box_of, kernel->out[i], (const void *)(intptr_t)(box + 1));
        for (const Read *read = kernel->cost.read; read; read = read->next) {
            intptr_t from = (intptr_t)map_get(panel->box_of, read->base);
            const bool is_input = !read->base->def && !read->base->constant && read->base->graph;
            if (!from && is_input) {
                from = add_box(panel, NULL, read->base) + 1;
                map_set(panel->box_of, read->base, (const void *)from);
            }
            if (from)
                add_arrow(panel, (int)from - 1, box, read);
        }
    }
}

/* ---- text ---- */
static const char *amount(const Panel *panel, Dim *formula, const char *unit)
{
    const Quantity quantity = quantity_of(panel->stages, formula);
    if (quantity.value >= 0)
        return arena_printf(panel->arena, "%s%s%s", quantity_text(panel->arena, quantity.value),
                            quantity.value < 1000 && *unit ? " " : "", unit);
    const char *text = dim_text(formula, panel->arena, NULL, NULL);
    return strlen(text) > 24 ? "" : text;
}

/* The lines in a box. */
static int lines_of(const Panel *panel, int box, const char *line[3])
{
    const Kernel *kernel = panel->kernel[box];
    int count = 0;
    if (!kernel) {
        line[count++] = panel->input[box]->name;
        line[count++] = type_text(&panel->input[box]->type, panel->arena);
        return count;
    }
    line[count++] = kernel->op ? kernel->op : kernel->origin;
    if (kernel->nout > 0)
        line[count++] = type_text(&kernel->out[0]->type, panel->arena);
    if (kernel->cost.flops && !dim_equals(kernel->cost.flops, 0)) {
        const char *flops = amount(panel, kernel->cost.flops, "FLOP");
        if (*flops)
            line[count++] = flops;
    }
    return count;
}

static void measure_boxes(Panel *panel)
{
    for (int i = 0; i < panel->drawing.nbox; i++) {
        const char *line[3];
        const int lines = lines_of(panel, i, line);
        size_t longest = 8;
        for (int k = 0; k < lines; k++)
            longest = strlen(line[k]) > longest ? strlen(line[k]) : longest;
        longest = longest > 40 ? 40 : longest;
        panel->drawing.box[i].width = 6.4 * (double)longest + 16;
        panel->drawing.box[i].height = LINE * lines + 8;
    }
}

/* ---- SVG ---- */
static void print_box(const Panel *panel, int number, double left, double top, FILE *to)
{
    const Kernel *kernel = panel->kernel[number];
    const Box *box = &panel->drawing.box[number];
    const double x = left + box->centre.x, y = top + box->centre.y;
    const char *line[3];
    const int lines = lines_of(panel, number, line);
    const Place place = kernel ? place_of(panel, kernel) : WORK_OTHER;
    fputs("<g>", to);
    if (kernel) {
        Context *context = panel->stages->context;
        const Kernels *kernels = panel->stages->kernels[panel->stage];
        fprintf(to, "<title>%s", name_xml(context->arena, kernel->origin));
        if (*kernel->layer->name)
            fprintf(to, ", layer %s", name_xml(context->arena, kernel->layer->name));
        fprintf(to, ": %s operations", amount(panel, kernel_measure(kernels, kernel, MEASURE_FLOPS), ""));
        fprintf(to, ", %s written", amount(panel, kernel->written, "B"));
        fprintf(to, ", %s live</title>", amount(panel, kernel->live, "B"));
    }
    fprintf(to, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"%d\" fill=\"%s\" stroke=\"%s\"%s/>\n",
            x - box->width / 2, y - box->height / 2, box->width, box->height, kernel ? 4 : 14, style[place].fill,
            style[place].stroke, kernel ? "" : " stroke-dasharray=\"4 2\"");
    for (int i = 0; i < lines; i++) {
        const char *text = name_xml(panel->arena, arena_strndup(panel->arena, line[i], 40));
        fprintf(to, "<text x=\"%.1f\" y=\"%.1f\"%s>%s</text>\n", x, y + LINE * (i - (lines - 1) / 2.0) + 4,
                i == 0 ? " class=\"name\"" : "", text);
    }
    fputs("</g>\n", to);
}

/* As wide as what moves is much: the widest of both panels is 9. */
static double arrow_width(const Panel *panel, Dim *bytes, int64_t most)
{
    const Quantity quantity = quantity_of(panel->stages, bytes);
    return quantity.value < 0 || most <= 0 ? 1.5 : 0.7 + 8.3 * sqrt((double)quantity.value / (double)most);
}

static void print_arrow(const Panel *panel, int number, double left, double top, int64_t most, FILE *to)
{
    const Arrow *arrow = &panel->drawing.arrow[number];
    const Point *point = arrow->point;
    fprintf(to, "<path d=\"M%.1f %.1f", left + point[0].x, top + point[0].y);
    for (int i = 1; i < arrow->npoint; i++) {
        const double middle = (point[i - 1].y + point[i].y) / 2;
        fprintf(to, " C%.1f %.1f %.1f %.1f %.1f %.1f", left + point[i - 1].x, top + middle, left + point[i].x,
                top + middle, left + point[i].x, top + point[i].y);
    }
    fprintf(to, "\" stroke-width=\"%.1f\"%s/>\n", arrow_width(panel, panel->bytes[number], most),
            panel->is_gathered[number] ? " class=\"gathered\"" : "");
}

/* The bytes, where the arrow arrives; neighbours at different heights. */
static void print_bytes(const Panel *panel, int number, double left, double top, FILE *to)
{
    const Arrow *arrow = &panel->drawing.arrow[number];
    const Point end = arrow->point[arrow->npoint - 1];
    const double x = left + end.x, y = top + end.y - 5 - (arrow->nport > 1 ? 12 * (arrow->port % 3) : 0);
    const char *text = amount(panel, panel->bytes[number], "B");
    if (*text)
        for (int halo = 1; halo >= 0; halo--)
            fprintf(to, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", halo ? "halo" : "bytes", x, y, text);
}

static int64_t most_bytes(const Panel *panel)
{
    int64_t most = 0;
    for (int i = 0; i < panel->drawing.narrow; i++) {
        const Quantity quantity = quantity_of(panel->stages, panel->bytes[i]);
        most = quantity.value > most ? quantity.value : most;
    }
    return most;
}

static void print_panel(const Panel *panel, double left, int64_t most, FILE *to)
{
    const Stages *stages = panel->stages;
    const double top = HEAD + MARGIN + 46;
    fprintf(to, "<text class=\"title\" x=\"%.1f\" y=\"%d\">%s</text>\n", left, HEAD + 12, stage_name(panel->stage));
    fprintf(to, "<text class=\"sum\" x=\"%.1f\" y=\"%d\">%d kernels", left, HEAD + 30,
            stages->kernels[panel->stage]->count);
    static const Measure shown[] = {MEASURE_FLOPS, MEASURE_BYTES, MEASURE_MEMORY};
    static const char *const unit[] = {"FLOP", "B moved", "B peak memory"};
    for (int i = 0; i < 3; i++) {
        const char *text = amount(panel, stage_measure(stages, panel->stage, shown[i], NULL).formula, unit[i]);
        if (*text)
            fprintf(to, ", %s", text);
    }
    fputs("</text>\n<g fill=\"none\" stroke=\"#8a8a8a\" stroke-opacity=\"0.65\">\n", to);
    for (int i = 0; i < panel->drawing.narrow; i++)
        print_arrow(panel, i, left, top, most, to);
    fputs("</g>\n", to);
    for (int i = 0; i < panel->drawing.nbox; i++)
        print_box(panel, i, left, top, to);
    for (int i = 0; i < panel->drawing.narrow; i++)
        print_bytes(panel, i, left, top, to);
}

static void print_legend(FILE *to)
{
    double x = MARGIN;
    for (int i = NUM_PLACE - 1; i >= 0; i--) {
        fprintf(to, "<rect x=\"%.1f\" y=\"%d\" width=\"14\" height=\"14\" rx=\"3\" fill=\"%s\" stroke=\"%s\"/>", x,
                MARGIN, style[i].fill, style[i].stroke);
        fprintf(to, "<text class=\"sum\" x=\"%.1f\" y=\"%d\">%s</text>\n", x + 20, MARGIN + 11, style[i].text);
        x += 40 + 6.2 * (double)strlen(style[i].text);
    }
    fprintf(to,
            "<text class=\"sum\" x=\"%d\" y=\"%d\">Arrows: bytes read, as wide as they are many; dashed: rows gathered "
            "through an index vector. Weights and the arithmetic of shapes are left out.</text>\n",
            MARGIN, MARGIN + 32);
}

void picture_print(const Stages *stages, FILE *to)
{
    const StageKind shown[2] = {STAGE_EXPORTED, stages_last(stages)};
    Panel panel[2];
    int64_t most = 0;
    double width = MARGIN, height = 0, left[2];
    for (int i = 0; i < 2; i++) {
        panel[i] = (Panel){.stages = stages, .stage = shown[i], .arena = stages->context->arena};
        build_graph(&panel[i]);
        measure_boxes(&panel[i]);
        drawing_find(panel[i].arena, &panel[i].drawing);
        left[i] = width;
        width += (panel[i].drawing.width > 420 ? panel[i].drawing.width : 420) + (i == 0 ? PANEL_GAP : MARGIN);
        height = panel[i].drawing.height > height ? panel[i].drawing.height : height;
        most = most_bytes(&panel[i]) > most ? most_bytes(&panel[i]) : most;
    }
    width = width > 980 ? width : 980;
    height += HEAD + 2 * MARGIN + 46;
    fprintf(to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
            "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"11\">\n",
            width, height, width, height);
    fputs("<defs><linearGradient id=\"nest\"><stop offset=\"0.35\" stop-color=\"#d6e6f7\"/><stop offset=\"0.65\" "
          "stop-color=\"#fde2c4\"/></linearGradient></defs>\n"
          "<style>text{text-anchor:middle;fill:#222}.name{font-weight:bold}.title{font-size:16px;font-weight:bold;"
          "text-anchor:start}.sum{font-size:12px;text-anchor:start}.bytes,.halo{font-size:10px}.halo{stroke:#fff;"
          "stroke-width:3px;stroke-opacity:0.85}.gathered{stroke-dasharray:7 4}</style>\n"
          "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
          to);
    print_legend(to);
    for (int i = 0; i < 2; i++)
        print_panel(&panel[i], left[i], most, to);
    fputs("</svg>\n", to);
}
