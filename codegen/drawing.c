/* drawing.c -- see drawing.h. */
#include "drawing.h"
#include <stdbool.h>
#include <stdlib.h>

enum { ORDER_SWEEPS = 12, PLACE_SWEEPS = 24, GAP_X = 18, GAP_Y = 58, BEND_WIDTH = 8 };

/* What stands in a row: a box, or the bend of the arrows that leave one. */
typedef struct {
    int row, place; /* its place in the row */
    double width, x;
    double wish; /* where its neighbours would have it */
    int *above, *below;
    int nabove, nbelow;
} Item;

typedef struct {
    Arena *arena;
    Drawing *drawing;
    Item *item; /* the boxes first, then bends */
    int count, capacity;
    int **row; /* items in order */
    int *row_count;
    int rows;
    int **bend; /* by box and row, from the row below the box on: its bend; -1: none */
} Placing;

static void list_add(Arena *arena, int **list, int *count, int value)
{
    *list = arena_grow(arena, *list, (size_t)*count, (size_t)*count + 1, sizeof **list);
    (*list)[(*count)++] = value;
}

/* ---- rows ---- */
/* Row of each box: below all it has arrows from; then, where no more arrows come in than go out, down to just above the
 * first it leads to, which makes more arrows shorter than longer. */
static void find_rows(Placing *d)
{
    const Drawing *drawing = d->drawing;
    const int none = drawing->nbox;
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < drawing->narrow; i++) {
            const int least = d->item[drawing->arrow[i].from].row + 1;
            if (d->item[drawing->arrow[i].to].row < least) {
                d->item[drawing->arrow[i].to].row = least;
                changed = true;
            }
        }
    }
    int *most = ARENA_ARRAY(d->arena, drawing->nbox + 1, int), *surplus = ARENA_ARRAY(d->arena, drawing->nbox + 1, int);
    for (int i = 0; i < drawing->narrow; i++) {
        surplus[drawing->arrow[i].from]++;
        surplus[drawing->arrow[i].to]--;
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < drawing->nbox; i++)
            most[i] = none;
        for (int i = 0; i < drawing->narrow; i++) {
            const int from = drawing->arrow[i].from, row = d->item[drawing->arrow[i].to].row - 1;
            most[from] = row < most[from] ? row : most[from];
        }
        for (int i = 0; i < drawing->nbox; i++)
            if (surplus[i] >= 0 && most[i] < none && d->item[i].row < most[i]) {
                d->item[i].row = most[i];
                changed = true;
            }
    }
    for (int i = 0; i < drawing->nbox; i++)
        d->rows = d->item[i].row >= d->rows ? d->item[i].row + 1 : d->rows;
}

static int item_new(Placing *d, int row, double width)
{
    if (d->count == d->capacity) {
        d->capacity = 2 * d->capacity + 64;
        d->item = arena_grow(d->arena, d->item, (size_t)d->count, (size_t)d->capacity, sizeof *d->item);
    }
    d->item[d->count] = (Item){.row = row, .width = width};
    return d->count++;
}

static void link_items(Placing *d, int above, int below)
{
    list_add(d->arena, &d->item[above].below, &d->item[above].nbelow, below);
    list_add(d->arena, &d->item[below].above, &d->item[below].nabove, above);
}

/* The bend in `row` of the arrows that leave `box`, made with those above it. */
static int bend_in(Placing *d, int box, int row)
{
    if (row == d->item[box].row)
        return box;
    if (!d->bend[box]) {
        d->bend[box] = ARENA_ARRAY(d->arena, d->rows, int);
        for (int i = 0; i < d->rows; i++)
            d->bend[box][i] = -1;
    }
    if (d->bend[box][row] < 0) {
        const int above = bend_in(d, box, row - 1), bend = item_new(d, row, BEND_WIDTH);
        d->bend[box][row] = bend;
        link_items(d, above, bend);
    }
    return d->bend[box][row];
}

static void fill_rows(Placing *d)
{
    const Drawing *drawing = d->drawing;
    d->bend = ARENA_ARRAY(d->arena, drawing->nbox + 1, int *);
    for (int i = 0; i < drawing->narrow; i++) {
        const Arrow *arrow = &drawing->arrow[i];
        link_items(d, bend_in(d, arrow->from, d->item[arrow->to].row - 1), arrow->to);
    }
    d->row = ARENA_ARRAY(d->arena, d->rows + 1, int *);
    d->row_count = ARENA_ARRAY(d->arena, d->rows + 1, int);
    for (int i = 0; i < d->count; i++) {
        const int row = d->item[i].row;
        d->item[i].place = d->row_count[row];
        list_add(d->arena, &d->row[row], &d->row_count[row], i);
    }
}

/* ---- order ---- */
static double mean_place(const Placing *d, const int *neighbour, int count, double otherwise)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += d->item[neighbour[i]].place;
    return count ? sum / count : otherwise;
}

/* Sorts a row by its wishes; those of one wish stay as they are. */
static void sort_row(Placing *d, int row)
{
    int *list = d->row[row];
    for (int i = 1; i < d->row_count[row]; i++) {
        const int moved = list[i];
        int k = i;
        for (; k > 0 && d->item[list[k - 1]].wish > d->item[moved].wish; k--)
            list[k] = list[k - 1];
        list[k] = moved;
    }
    for (int i = 0; i < d->row_count[row]; i++)
        d->item[list[i]].place = i;
}

static void order_rows(Placing *d)
{
    for (int sweep = 0; sweep < ORDER_SWEEPS; sweep++)
        for (int i = 0; i < d->rows; i++) {
            const bool down = sweep % 2 == 0;
            const int row = down ? i : d->rows - 1 - i;
            for (int k = 0; k < d->row_count[row]; k++) {
                Item *item = &d->item[d->row[row][k]];
                item->wish = down ? mean_place(d, item->above, item->nabove, item->place)
                                  : mean_place(d, item->below, item->nbelow, item->place);
            }
            sort_row(d, row);
        }
}

/* ---- places ---- */
/* A run of items that stand side by side, and where its first would best be. */
typedef struct {
    int first, count;
    double x;
} Run;

/* Puts the items of a row as near to their wishes as their widths allow: neighbours that would overlap are joined to a
 * run, which stands at the mean of its wishes (isotonic regression by pooling). */
static void place_row(Placing *d, int row)
{
    const int count = d->row_count[row];
    const int *list = d->row[row];
    double *offset = ARENA_ARRAY(d->arena, count + 1, double);
    Run *run = ARENA_ARRAY(d->arena, count + 1, Run);
    int nrun = 0;
    for (int i = 0; i < count; i++) {
        if (i > 0)
            offset[i] = offset[i - 1] + (d->item[list[i - 1]].width + d->item[list[i]].width) / 2 + GAP_X;
        run[nrun++] = (Run){i, 1, d->item[list[i]].wish - offset[i]};
        while (nrun > 1 && run[nrun - 2].x > run[nrun - 1].x) {
            Run *a = &run[nrun - 2], *b = &run[nrun - 1];
            a->x = (a->x * a->count + b->x * b->count) / (a->count + b->count);
            a->count += b->count;
            nrun--;
        }
    }
    for (int r = 0; r < nrun; r++)
        for (int i = run[r].first; i < run[r].first + run[r].count; i++)
            d->item[list[i]].x = run[r].x + offset[i];
}

static double mean_x(const Placing *d, const Item *item, bool above, bool below)
{
    double sum = 0;
    int count = 0;
    for (int i = 0; above && i < item->nabove; i++, count++)
        sum += d->item[item->above[i]].x;
    for (int i = 0; below && i < item->nbelow; i++, count++)
        sum += d->item[item->below[i]].x;
    return count ? sum / count : item->x;
}

static void place_rows(Placing *d)
{
    for (int row = 0; row < d->rows; row++)
        place_row(d, row);
    for (int sweep = 0; sweep < PLACE_SWEEPS; sweep++)
        for (int i = 0; i < d->rows; i++) {
            const int phase = sweep % 3, row = phase == 1 ? d->rows - 1 - i : i;
            for (int k = 0; k < d->row_count[row]; k++) {
                Item *item = &d->item[d->row[row][k]];
                item->wish = mean_x(d, item, phase != 1, phase != 0);
            }
            place_row(d, row);
        }
}

/* ---- results ---- */
static void set_boxes(Placing *d, double *row_y)
{
    Drawing *drawing = d->drawing;
    double left = 0, right = 0, y = 0;
    for (int i = 0; i < d->count; i++) {
        const Item *item = &d->item[i];
        left = i == 0 || item->x - item->width / 2 < left ? item->x - item->width / 2 : left;
        right = i == 0 || item->x + item->width / 2 > right ? item->x + item->width / 2 : right;
    }
    for (int row = 0; row < d->rows; row++) {
        double height = 0;
        for (int k = 0; k < d->row_count[row]; k++) {
            const int i = d->row[row][k];
            if (i < drawing->nbox && drawing->box[i].height > height)
                height = drawing->box[i].height;
        }
        row_y[row] = y + height / 2;
        y += height + (row + 1 < d->rows ? GAP_Y : 0);
    }
    for (int i = 0; i < d->count; i++)
        d->item[i].x -= left;
    for (int i = 0; i < drawing->nbox; i++)
        drawing->box[i].centre = (Point){d->item[i].x, row_y[d->item[i].row]};
    drawing->width = right - left;
    drawing->height = y;
}

/* Arrows arrive side by side, in the order in which they come. */
static void set_ports(const Drawing *drawing)
{
    for (int i = 0; i < drawing->narrow; i++) {
        Arrow *arrow = &drawing->arrow[i];
        const double x = arrow->point[arrow->npoint - 2].x;
        for (int k = 0; k < drawing->narrow; k++) {
            const Arrow *other = &drawing->arrow[k];
            if (other->to != arrow->to)
                continue;
            const double other_x = other->point[other->npoint - 2].x;
            arrow->nport++;
            arrow->port += other_x < x || (other_x == x && k < i);
        }
    }
    for (int i = 0; i < drawing->narrow; i++) {
        const Arrow *arrow = &drawing->arrow[i];
        arrow->point[arrow->npoint - 1].x += drawing->box[arrow->to].width * ((arrow->port + 0.5) / arrow->nport - 0.5);
    }
}

static void set_arrows(Placing *d, const double *row_y)
{
    for (int i = 0; i < d->drawing->narrow; i++) {
        Arrow *arrow = &d->drawing->arrow[i];
        const Box *from = &d->drawing->box[arrow->from], *to = &d->drawing->box[arrow->to];
        const int first = d->item[arrow->from].row + 1, last = d->item[arrow->to].row;
        arrow->point = ARENA_ARRAY(d->arena, last - first + 2, Point);
        arrow->point[arrow->npoint++] = (Point){from->centre.x, from->centre.y + from->height / 2};
        for (int row = first; row < last; row++)
            arrow->point[arrow->npoint++] = (Point){d->item[d->bend[arrow->from][row]].x, row_y[row]};
        arrow->point[arrow->npoint++] = (Point){to->centre.x, to->centre.y - to->height / 2};
    }
    set_ports(d->drawing);
}

void drawing_find(Arena *arena, Drawing *drawing)
{
    Placing d = {.arena = arena, .drawing = drawing};
    for (int i = 0; i < drawing->nbox; i++)
        item_new(&d, 0, drawing->box[i].width);
    find_rows(&d);
    fill_rows(&d);
    order_rows(&d);
    place_rows(&d);
    double *row_y = ARENA_ARRAY(arena, d.rows + 1, double);
    set_boxes(&d, row_y);
    set_arrows(&d, row_y);
}
