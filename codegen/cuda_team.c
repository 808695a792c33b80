/* cuda_team.c -- the schedule of a kernel whose sums differ in length: a team of threads for each row, a warp or a
 * block.
 *
 * The nest comes with the innermost output axis inside of what it reduces (see nest.h), so that what belongs to an edge
 * is computed once for all features. A warp's lanes are that axis, `width` of them side by side, and as many edges as
 * fit beside each other then. A loop over edges takes 32 at once:
 *
 *     for e: w = exp(..e..); sum += w;            becomes    for every 32 edges, other warps' aside:
 *            for f: total[f] += w * x[from[e], f]                the lane's own edge: w, from[e]; sum += w
 *                                                                for each of the 32, width at once:
 *                                                                    take w and from[e] from the lane that has them
 *                                                                    the lane's own features: total += w * x
 *                                                            join sum of all threads, total of those with one feature
 *
 * What stands outside of such loops every thread computes, the first ones store it. Which team a row gets is known when
 * the program runs, by its length: see runtime/team.cuh. */
#include "../frontend/ops/expr.h"
#include "cuda.h"
#include "nest_state.h"

enum { WARP = 32, MOST_LOCALS = 64 };

typedef struct {
    Value *target;
    Combine combine;
} Total;

typedef struct {
    const NestScope *scope;
    Context *context;
    Stmt *points;        /* the loop over them */
    const Stmt *lane;    /* a loop over the innermost axis as the nest has it; NULL: none */
    int64_t width, each; /* lanes of a row; the elements each of them has */
    Expr *own;           /* which of these; NULL: outside of their loops */
    Map *let;            /* constant local -> its value */
    Map *place;          /* changing local -> where it was made, see place_of; of a total that has been joined: none */
    int loops;           /* around the statement */
    bool in_row;         /* it belongs to an edge */
    bool has_rows;       /* of lengths that data tells */
    Expr *length;        /* of the first long loop; NULL: there is none so far */
    bool fails;
} Team;

static void team_block(Team *t, Block *to, const Block *block);

/* ---- statements ---- */
static void put(Block *to, Stmt *stmt)
{
    stmt->next = NULL;
    if (to->last)
        to->last->next = stmt;
    else
        to->first = stmt;
    to->last = stmt;
}

static void put_all(Block *to, const Block *block)
{
    for (Stmt *stmt = block->first, *next; stmt; stmt = next) {
        next = stmt->next;
        put(to, stmt);
    }
}

static Stmt *make(const Team *t, Block *to, Stmt like)
{
    Stmt *stmt = ARENA_NEW(t->context->arena, Stmt);
    *stmt = like;
    put(to, stmt);
    return stmt;
}

static Value *local(const Team *t, const char *name, DType dtype)
{
    Value *value = ARENA_NEW(t->context->arena, Value);
    value->name = name_identifier(t->scope->names, "", name);
    value->type = (Type){.kind = TENSOR, .dtype = dtype};
    return value;
}

static Expr *index_of(const Team *t, int64_t value)
{
    return expr_index(t->context, value);
}

static Expr *number(const Team *t, const char *name)
{
    return cuda_number(t->scope, name);
}

/* Of this thread in its warp. */
static Expr *lane_number(const Team *t)
{
    Expr *lane = number(t, "LANE");
    lane->u.value->bound = dim_const(t->context->dims, WARP);
    return lane;
}

static Expr *arith(const Team *t, IndexOp op, Expr *a, Expr *b)
{
    return expr_arith(t->context, op, a, b);
}

/* A loop whose trips the compiler does not know. */
static bool is_long(const Stmt *stmt)
{
    return stmt->kind == STMT_FOR && !stmt->is_spatial && !stmt->is_lane && !stmt->step &&
           !(expr_is_int(stmt->lo, NULL) && expr_is_int(stmt->hi, NULL));
}

static const Stmt *find_lane(const Block *block)
{
    const Stmt *found = NULL;
    for (const Stmt *stmt = block->first; stmt && !found; stmt = stmt->next)
        found = stmt->is_lane ? stmt : find_lane(&stmt->body);
    for (const Stmt *stmt = block->first; stmt && !found; stmt = stmt->next)
        found = find_lane(&stmt->otherwise);
    return found;
}

/* Whether it has something for each lane. */
static bool is_of_lanes(const Stmt *stmt)
{
    return stmt->is_lane || (stmt->kind == STMT_VAR && stmt->count) || find_lane(&stmt->body) ||
           find_lane(&stmt->otherwise);
}

/* ---- what statements speak of ---- */
typedef struct {
    Team *team;
    void (*meet)(void *who, const Expr *e);
    void *who;
} Visit;

static void visit_expr(const Visit *visit, const Expr *e)
{
    if (!e || !expr_walk_enters(visit->team->context, e))
        return;
    visit->meet(visit->who, e);
    Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        visit_expr(visit, child);
}

static void visit_block(const Visit *visit, const Block *block)
{
    for (const Stmt *stmt = block->first; stmt; stmt = stmt->next) {
        visit_expr(visit, stmt->value);
        visit_expr(visit, stmt->lo);
        visit_expr(visit, stmt->hi);
        for (int i = 0; i < stmt->nindex; i++)
            visit_expr(visit, stmt->index[i]);
        visit_block(visit, &stmt->body);
        visit_block(visit, &stmt->otherwise);
    }
}

static void visit(Team *t, const Block *block, void (*meet)(void *who, const Expr *e), void *who)
{
    const Visit all = {t, meet, who};
    expr_walk_begin(t->context);
    visit_block(&all, block);
}

typedef struct {
    const Axis *axis;
    bool found;
} AxisSearch;

static void meet_axis(void *who, const Expr *e)
{
    AxisSearch *search = who;
    search->found |= e->kind == E_AXIS && e->u.axis == search->axis;
}

static bool reads_axis(Team *t, const Block *block, const Axis *axis)
{
    AxisSearch search = {axis, false};
    visit(t, block, meet_axis, &search);
    return search.found;
}

/* ---- places ---- */
enum { OF_LANE = -2, OF_EDGE = -1, OF_POINT = 1 }; /* and, of a point, the loops around it */

static intptr_t place_of(const Team *t)
{
    return t->own ? OF_LANE : t->in_row ? OF_EDGE : OF_POINT + t->loops;
}

static bool is_made_here(const Team *t, const Value *target)
{
    const intptr_t made = (intptr_t)map_get(t->place, target);
    return t->own || t->in_row ? made == place_of(t) : made >= 0;
}

/* ---- the lanes' own elements ---- */
static Expr *own_element(void *who, Value *value, Expr *const *index)
{
    Team *t = who;
    (void)index;
    return is_local(value) && value->type.rank > 0 ? expr_load(t->context, value, &t->own) : NULL;
}

static Expr *of_own(Team *t, Expr *e)
{
    return e && t->own ? expr_substitute(t->context, e, NULL, NULL, 0, own_element, t) : e;
}

/* The threads that store what all have. */
static Expr *is_first(const Team *t)
{
    Expr *first = arith(t, I_EQUAL, number(t, "WARP"), index_of(t, 0));
    const int64_t lanes = t->own ? t->width : 1;
    return lanes == WARP ? first : arith(t, I_AND, first, arith(t, I_LESS, lane_number(t), index_of(t, lanes)));
}

/* The block in which each of a lane's own elements is done: a loop's, where there is more than one. */
static Block *own_open(Team *t, Block *to)
{
    t->own = index_of(t, 0);
    if (t->each == 1)
        return to;
    Axis *own = axis_new(t->context, "own", index_of(t, 0), index_of(t, t->each));
    t->own = expr_axis(t->context, own);
    return &make(t, to,
                 (Stmt){.kind = STMT_FOR,
                        .axis = own,
                        .axis_name = name_identifier(t->scope->names, "", "own"),
                        .lo = own->lo,
                        .hi = own->hi,
                        .is_unrolled = true})
                ->body;
}

/* Where on the innermost axis the element is. */
static Expr *own_place(const Team *t)
{
    Expr *lane = t->width == WARP ? lane_number(t) : arith(t, I_MOD, lane_number(t), index_of(t, t->width));
    return arith(t, I_ADD, t->lane->lo, arith(t, I_ADD, arith(t, I_MUL, t->own, index_of(t, t->width)), lane));
}

static void bind_lane(const Team *t, Block *to)
{
    make(t, to,
         (Stmt){.kind = STMT_AXIS, .axis = t->lane->axis, .axis_name = t->lane->axis_name, .value = own_place(t)});
}

/* A loop over the innermost axis, of which a lane does its own; lanes beyond its end what does not depend on it, such
 * as the beginning of a total. */
static void lane_loop(Team *t, Block *to, const Stmt *loop, const Block *body)
{
    Block *inside = own_open(t, to), made = {0};
    team_block(t, &made, body);
    const bool depends = reads_axis(t, &made, loop->axis);
    if (t->each > 1 && depends)
        bind_lane(t, inside);
    if (depends && constant_extent(loop->axis) != t->each * t->width) /* the axis itself is known to end before */
        inside = &make(t, inside, (Stmt){.kind = STMT_IF, .value = arith(t, I_LESS, own_place(t), loop->hi)})->body;
    put_all(inside, &made);
    t->own = NULL;
}

/* ---- a loop over edges ---- */
typedef struct {
    Team *team;
    const Stmt *loop;
    Block of_edge, of_lanes; /* the loop's body, apart */
    Map *made;               /* locals of of_edge */
    Map *inside;             /* arrays of of_lanes */
    Value *taken[MOST_LOCALS];
    int ntaken;
    Total total[MOST_LOCALS];
    int ntotal;
} Row;

static void divide(Row *row)
{
    for (Stmt *stmt = row->loop->body.first, *next; stmt; stmt = next) {
        next = stmt->next;
        put(is_of_lanes(stmt) ? &row->of_lanes : &row->of_edge, stmt);
    }
}

/* Whether the edges' part reads what is found for lanes, or stores anything. */
static void meet_array(void *who, const Expr *e)
{
    Team *t = who;
    t->fails |= e->kind == E_LOAD && is_local(e->u.value) && e->u.value->type.rank > 0;
}

static void add_total(Row *row, const Stmt *set)
{
    Team *t = row->team;
    for (int i = 0; i < row->ntotal; i++)
        if (row->total[i].target == set->target) {
            t->fails |= row->total[i].combine != set->combine;
            return;
        }
    t->fails |= set->combine == COMBINE_SET || combine_is_arg(set->combine) || row->ntotal == MOST_LOCALS ||
                (intptr_t)map_get(t->place, set->target) != place_of(t);
    if (!t->fails)
        row->total[row->ntotal++] = (Total){set->target, set->combine};
}

/* What the statements make, what they add to. */
static void find_totals(Row *row, const Block *block, bool is_of_lanes)
{
    for (const Stmt *stmt = block->first; stmt; stmt = stmt->next) {
        if (stmt->kind == STMT_LET || stmt->kind == STMT_VAR)
            map_set(is_of_lanes ? row->inside : row->made, stmt->target, stmt->target);
        find_totals(row, &stmt->body, is_of_lanes);
        find_totals(row, &stmt->otherwise, is_of_lanes);
        if (stmt->kind != STMT_SET || map_get(is_of_lanes ? row->inside : row->made, stmt->target))
            continue;
        row->team->fails |= !is_local(stmt->target) || (stmt->target->type.rank > 0) != is_of_lanes;
        if (!row->team->fails)
            add_total(row, stmt);
    }
}

static void meet_taken(void *who, const Expr *e)
{
    Row *row = who;
    if (e->kind != E_LOAD || !map_get(row->made, e->u.value))
        return;
    for (int i = 0; i < row->ntaken; i++)
        if (row->taken[i] == e->u.value)
            return;
    row->team->fails |= row->ntaken == MOST_LOCALS;
    if (!row->team->fails)
        row->taken[row->ntaken++] = e->u.value;
}

/* The number of the edge, where its part of the loop's body speaks of that. */
static void bind_edge(Row *row, Block *to, const Block *part, Expr *number)
{
    if (!reads_axis(row->team, part, row->loop->axis))
        return;
    make(row->team, to,
         (Stmt){.kind = STMT_AXIS, .axis = row->loop->axis, .axis_name = row->loop->axis_name, .value = number});
}

/* What each lane finds for an edge of its own. */
static void own_edge(Row *row, Block *to, Expr *first, Expr *end, Value **kept)
{
    Team *t = row->team;
    for (int i = 0; i < row->ntaken; i++) {
        const DType dtype = row->taken[i]->type.dtype;
        kept[i] = local(t, arena_printf(t->context->arena, "%s_own", row->taken[i]->name), dtype);
        make(
            t, to,
            (Stmt){.kind = STMT_VAR,
                   .target = kept[i],
                   .value = dtype_is_float(dtype) ? expr_float(t->context, dtype, 0) : expr_int(t->context, dtype, 0)});
    }
    if (block_is_empty(&row->of_edge))
        return;
    Expr *edge = arith(t, I_ADD, first, lane_number(t));
    Stmt *own = make(t, to, (Stmt){.kind = STMT_IF, .value = arith(t, I_LESS, edge, end)});
    bind_edge(row, &own->body, &row->of_edge, edge);
    put_all(&own->body, &row->of_edge);
    for (int i = 0; i < row->ntaken; i++)
        make(t, &own->body,
             (Stmt){.kind = STMT_SET, .target = kept[i], .value = expr_load(t->context, row->taken[i], NULL)});
}

/* The 32 edges one after the other, those of lanes side by side at once. */
static void all_edges(Row *row, Block *to, Expr *first, Expr *end, Value *const *kept)
{
    Team *t = row->team;
    const int64_t at_once = WARP / t->width;
    Expr *left = arith(t, I_SUB, end, first);
    Stmt *count = make(
        t, to,
        (Stmt){.kind = STMT_LET,
               .target = local(t, "count", INDEX),
               .value = expr_select(t->context, arith(t, I_LESS, left, index_of(t, WARP)), left, index_of(t, WARP))});
    Expr *trips = expr_load(t->context, count->target, NULL);
    Axis *axis = axis_new(t->context, "turn", index_of(t, 0), trips);
    Stmt *turn = make(t, to,
                      (Stmt){.kind = STMT_FOR,
                             .axis = axis,
                             .axis_name = name_identifier(t->scope->names, "", "turn"),
                             .lo = axis->lo,
                             .hi = trips,
                             .step = at_once > 1 ? index_of(t, at_once) : NULL});
    Expr *lane = expr_axis(t->context, axis);
    if (at_once > 1)
        lane = arith(t, I_ADD, lane, arith(t, I_DIV, lane_number(t), index_of(t, t->width)));
    for (int i = 0; i < row->ntaken; i++)
        make(t, &turn->body, (Stmt){.kind = STMT_TAKE, .target = row->taken[i], .source = kept[i], .value = lane});
    Block *inside = &turn->body;
    if (at_once > 1)
        inside = &make(t, inside, (Stmt){.kind = STMT_IF, .value = arith(t, I_LESS, lane, trips)})->body;
    bind_edge(row, inside, &row->of_lanes, arith(t, I_ADD, first, lane));
    t->in_row = true;
    team_block(t, inside, &row->of_lanes);
    t->in_row = false;
}

static void join_total(Team *t, Block *to, const Total *total)
{
    Stmt join = {.kind = STMT_JOIN, .target = total->target, .combine = total->combine, .lanes = 1};
    map_set(t->place, total->target, NULL);
    if (total->target->type.rank == 0) {
        make(t, to, join);
        return;
    }
    Block *each = own_open(t, to);
    join.lanes = t->width;
    join.nindex = 1;
    join.index = ARENA_NEW(t->context->arena, Expr *);
    join.index[0] = t->own;
    t->own = NULL;
    make(t, each, join);
}

/* ---- how long a row is ---- */
static Expr *let_value(void *who, Value *value, Expr *const *index)
{
    Team *t = who;
    (void)index;
    Expr *known = is_local(value) ? map_get(t->let, value) : NULL;
    return known ? expr_substitute(t->context, known, NULL, NULL, 0, let_value, t) : NULL;
}

static void meet_unknown(void *who, const Expr *e)
{
    Team *t = who;
    t->fails |= e->kind == E_AXIS && e->u.axis != t->points->axis;
    t->fails |= e->kind == E_LOAD && is_local(e->u.value) && map_get(t->place, e->u.value);
}

/* In terms of the point alone. */
static void find_length(Team *t, const Stmt *loop)
{
    if (t->length)
        return;
    Expr *length = arith(t, I_SUB, loop->hi, loop->lo);
    length = expr_substitute(t->context, length, NULL, NULL, 0, let_value, t);
    for (const Stmt *stmt = t->points->body.first; stmt && stmt->kind == STMT_AXIS; stmt = stmt->next) {
        Axis *axis = stmt->axis;
        Expr *value = stmt->value;
        length = expr_substitute(t->context, length, &axis, &value, 1, NULL, NULL);
    }
    t->length = length;
    const Block of_length = {.first = &(Stmt){.value = length}};
    visit(t, &of_length, meet_unknown, t);
}

static void long_loop(Team *t, Block *to, const Stmt *loop)
{
    Row row = {.team = t, .loop = loop, .made = map_new(t->context->arena), .inside = map_new(t->context->arena)};
    t->fails |= t->in_row || t->own;
    find_length(t, loop);
    t->has_rows |= !expr_dim_of(t->context, loop->lo) || !expr_dim_of(t->context, loop->hi);
    divide(&row);
    visit(t, &row.of_edge, meet_array, t);
    find_totals(&row, &row.of_edge, false);
    find_totals(&row, &row.of_lanes, true);
    visit(t, &row.of_lanes, meet_taken, &row);
    if (t->fails)
        return;
    Axis *axis = axis_new(t->context, "first", loop->lo, loop->hi);
    Stmt *chunks = make(t, to,
                        (Stmt){.kind = STMT_FOR,
                               .axis = axis,
                               .axis_name = name_identifier(t->scope->names, "", "first"),
                               .lo = arith(t, I_ADD, loop->lo, arith(t, I_MUL, number(t, "WARP"), index_of(t, WARP))),
                               .hi = loop->hi,
                               .step = arith(t, I_MUL, number(t, "WARPS"), index_of(t, WARP))});
    Expr *first = expr_axis(t->context, axis);
    Value *kept[MOST_LOCALS];
    own_edge(&row, &chunks->body, first, loop->hi, kept);
    if (!block_is_empty(&row.of_lanes))
        all_edges(&row, &chunks->body, first, loop->hi, kept);
    for (int i = 0; i < row.ntotal; i++)
        join_total(t, to, &row.total[i]);
}

/* ---- all statements ---- */
static void team_set(Team *t, Block *to, Stmt *stmt)
{
    for (int i = 0; i < stmt->nindex; i++)
        stmt->index[i] = of_own(t, stmt->index[i]);
    if (!is_local(stmt->target)) {
        t->fails |= t->in_row;
        to = &make(t, to, (Stmt){.kind = STMT_IF, .value = is_first(t)})->body;
    } else if (stmt->target->type.rank > 0) {
        t->fails |= !t->own;
        stmt->index[0] = t->own;
    } else {
        t->fails |= !is_made_here(t, stmt->target); /* lanes would disagree */
    }
    put(to, stmt);
}

static void team_for(Team *t, Block *to, Stmt *stmt)
{
    const Block body = stmt->body;
    if (stmt->is_lane) {
        t->fails |= t->own != NULL;
        lane_loop(t, to, stmt, &body);
        return;
    }
    if (is_long(stmt)) {
        long_loop(t, to, stmt);
        return;
    }
    stmt->body = (Block){0};
    t->loops++;
    put(to, stmt);
    team_block(t, &stmt->body, &body);
    t->loops--;
}

static void team_if(Team *t, Block *to, Stmt *stmt)
{
    const Block body = stmt->body, otherwise = stmt->otherwise;
    stmt->body = stmt->otherwise = (Block){0};
    put(to, stmt);
    team_block(t, &stmt->body, &body);
    team_block(t, &stmt->otherwise, &otherwise);
}

static void team_stmt(Team *t, Block *to, Stmt *stmt)
{
    stmt->value = of_own(t, stmt->value);
    switch (stmt->kind) {
    case STMT_LET:
        map_set(t->let, stmt->target, stmt->value);
        put(to, stmt);
        break;
    case STMT_VAR:
        if (stmt->count)
            stmt->count = index_of(t, t->each);
        map_set(t->place, stmt->target, (const void *)place_of(t));
        put(to, stmt);
        break;
    case STMT_SET:
        team_set(t, to, stmt);
        break;
    case STMT_AXIS:
        put(to, stmt);
        break;
    case STMT_IF:
        team_if(t, to, stmt);
        break;
    case STMT_FOR:
        team_for(t, to, stmt);
        break;
    default:
        t->fails = true;
    }
}

static void team_block(Team *t, Block *to, const Block *block)
{
    for (Stmt *stmt = block->first, *next; stmt && !t->fails; stmt = next) {
        next = stmt->next;
        team_stmt(t, to, stmt);
    }
}

/* How the lanes of a warp stand. */
static void place_lanes(Team *t, const Block *block)
{
    t->lane = find_lane(block);
    const int64_t extent = t->lane ? constant_extent(t->lane->axis) : 1;
    const bool whole = t->lane && extent <= LANE_WHOLE && extent > 0;
    const int64_t elements = !t->lane ? 1 : whole ? extent : LANE_BLOCK;
    for (t->width = 1; t->width < WARP && t->width < elements;)
        t->width *= 2;
    t->each = (elements + t->width - 1) / t->width;
}

Dim *cuda_teams(const NestScope *scope, Block *block)
{
    Context *context = scope->context;
    Team t = {.scope = scope, .context = context, .let = map_new(context->arena), .place = map_new(context->arena)};
    Dim *points;
    int64_t few;
    t.points = cuda_flatten(scope, block, "point", &points);
    if (!t.points) { /* one point, which has no axes */
        Axis *axis = axis_dim(context, "point", points);
        Stmt *all = ARENA_NEW(context->arena, Stmt);
        *all = (Stmt){.axis = axis, .axis_name = name_identifier(scope->names, "", "point"), .body = *block};
        all->hi = expr_dim(context, points);
        *block = (Block){all, all};
        t.points = all;
    }
    for (const Stmt *stmt = block->first; stmt != t.points; stmt = stmt->next)
        if (stmt->kind == STMT_LET)
            map_set(t.let, stmt->target, stmt->value);
    t.points->kind = STMT_TEAMS;
    t.points->function = name_identifier(scope->names, "", "team");
    place_lanes(&t, &t.points->body);
    Block body = {0}, made = {0};
    team_block(&t, &made, &t.points->body);
    if (t.lane && t.each == 1 && reads_axis(&t, &made, t.lane->axis)) {
        t.own = index_of(&t, 0);
        bind_lane(&t, &body);
    }
    put_all(&body, &made);
    t.points->body = body;
    t.points->value = t.length;
    if (t.fails || !t.length || !(t.has_rows || dim_is_const(points, &few)))
        return NULL;
    return points;
}

/* ---- which nests ---- */
static bool has_long_sum(Context *context, const Expr *e)
{
    if (!e || !expr_walk_enters(context, e))
        return false;
    for (int i = 0; e->kind == E_REDUCE && i < e->nover; i++)
        if (constant_extent(e->over[i]) < 0)
            return true;
    Expr *child;
    for (int i = 0; (child = expr_child(e, i)); i++)
        if (has_long_sum(context, child))
            return true;
    return false;
}

bool cuda_wants_teams(Context *context, const Element *element)
{
    expr_walk_begin(context);
    return element->body && !element->update && has_long_sum(context, element->body);
}
