/* cell.h -- expressions made ready for evaluation over blocks of points.
 *
 * A machine evaluates expressions with all axes but one at a number: the axis of the block runs over up to BLOCK points
 * at once, its lanes. Each expression becomes a cell that keeps its last result, which holds until an axis it depends
 * on moves: what does not change in an inner loop is not computed there again.
 *
 * Errors are lazy as E_SELECT is: a lane whose index was out of range is marked bad, a selection drops the marks of
 * what it did not choose, and only a bad lane of a result that is used is an error. */
#ifndef CELL_H
#define CELL_H
#include "map.h"
#include "ops/expr.h"
#include "ops/lanes.h"

enum { BLOCK = 256, MAX_LOOPS = 64 };

/* How a result depends on the lane. */
typedef enum { UNIFORM, AFFINE, VARYING } Form;

typedef struct Cell Cell;
typedef struct Loop Loop;
typedef struct Machine Machine;

/* An axis and where it stands. */
struct Loop {
    const Axis *axis;
    Cell *lo, *hi;
    Form form;
    int64_t base, step; /* UNIFORM: base; AFFINE: base + lane * step */
    int64_t *lane;      /* VARYING */
    uint64_t changed;   /* the machine's clock when it moved last */
    uint8_t *active;    /* reductions whose range depends on the lane: lanes that are inside; NULL: all */
    int number;
};
struct Cell {
    const Expr *e;
    Cell *arg[3];
    Cell **index;      /* E_LOAD */
    Loop **over;       /* E_REDUCE; E_AXIS: the one */
    uint64_t depends;  /* bit i: on loop i */
    bool reads_output; /* loads what is being computed: never kept */
    uint64_t when;     /* the clock when the result was computed; 0: never */
    Form form;
    int64_t base, step;     /* of INDEX and BOOL results that are UNIFORM or AFFINE */
    bool has_lanes;         /* `data` holds the result: LANE_CHUNK equal lanes when UNIFORM */
    const void *data;       /* lanes: `own`, those of another cell, or a tensor's elements */
    void *own;              /* a buffer of BLOCK lanes ... */
    void *other, *third;    /* ... and E_REDUCE: two more */
    uint8_t *bad, *own_bad; /* bad: NULL when no lane is */
    const Tensor *tensor;   /* E_LOAD */
    const void *memory;     /* its elements, with these strides */
    int64_t stride[MAX_RANK];
    bool converted; /* E_LOAD: elements are narrower than lanes */
    Lanes *lanes;   /* E_CALL; E_REDUCE: that combines */
    size_t size;    /* bytes of a lane */
    Cell *next;     /* in the machine's list */
};
struct Machine {
    Context *context;
    Arena *arena;        /* for the cells */
    const Value *output; /* what is being computed, and where */
    Tensor *into;
    Map *cell, *loop;
    Loop *all[MAX_LOOPS];
    int nloop;
    Cell *cells; /* all of them */
    Loop *block; /* the loop whose points are the lanes; NULL: there is one lane */
    int64_t n;   /* lanes */
    int lanes;   /* room for them: a multiple of LANE_CHUNK */
    uint64_t clock;
    int64_t bad_index, bad_extent; /* the last index that was out of range */
    int64_t bad_lane;              /* a bad lane of a result that was used; -1: none */
    const char *problem;           /* why the expressions cannot be evaluated: our bug; NULL */
};

/* The loop of an axis, made when it is new. */
Loop *machine_loop(Machine *machine, const Axis *axis);
/* The cell of an expression (and of all below it), made when it is new. Its free axes must have loops. */
Cell *machine_cell(Machine *machine, const Expr *e);

/* Makes the loop of one of the body's axes the block's, all cells of the body being made. Which; -1: there is one
 * point. */
int machine_choose_lanes(Machine *machine, Loop *const *loop, int rank);

/* Moves a loop. */
void loop_set(Machine *machine, Loop *loop, int64_t value);
void loop_set_block(Machine *machine, Loop *loop, int64_t first, int64_t n);

/* Computes the cell's result. */
void cell_compute(Machine *machine, Cell *cell);

/* Computes the cell's result unless it still holds. */
static inline void cell_evaluate(Machine *machine, Cell *cell)
{
    if (cell->when && !cell->reads_output) {
        uint64_t rest = cell->depends;
        while (rest && machine->all[__builtin_ctzll(rest)]->changed <= cell->when)
            rest &= rest - 1;
        if (!rest)
            return;
    }
    cell_compute(machine, cell);
}
/* The result as lanes. */
Operand cell_lanes(Machine *machine, Cell *cell);
/* The result, an INDEX or BOOL, of one lane. */
int64_t cell_integer_lane(const Cell *cell, int64_t lane);
static inline int64_t cell_integer(const Cell *cell, int64_t lane)
{
    if (cell->has_lanes)
        return cell_integer_lane(cell, lane);
    return (int64_t)((uint64_t)cell->base + (cell->form == AFFINE ? (uint64_t)lane * (uint64_t)cell->step : 0));
}
bool cell_is_bad(const Cell *cell, int64_t lane);

/* ---- between cell.c, load.c and reduction.c ---- */
void evaluate_load(Machine *machine, Cell *cell);
void evaluate_reduction(Machine *machine, Cell *cell);
/* The cell's one lane stands at own[0]; its lanes do. */
void set_uniform(Cell *cell);
void set_varying(Cell *cell);
uint8_t *bad_lanes(Machine *machine, Cell *cell);
void inherit_bad(Machine *machine, Cell *cell, const Cell *from);
/* Notes an index outside [0, extent) in a lane, or (lane < 0) in all of them. */
void mark_bad(Machine *machine, Cell *cell, int64_t lane, int64_t index, int64_t extent);
static inline bool is_inside(int64_t index, int64_t extent)
{
    return index >= 0 && index < extent;
}
/* Of an index that does not vary irregularly: how much it grows from lane to lane. */
static inline int64_t step_of(const Cell *cell)
{
    return cell->form == AFFINE ? cell->step : 0;
}
#endif
