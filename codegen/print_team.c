/* print_team.c -- what only kernels of teams have: the loop over points, what lanes take from each other, what teams
 * join. See runtime/team.cuh. */
#include "../frontend/ops/expr.h"
#include "print.h"

static void print_teams(Printer *p, const Stmt *stmt)
{
    const char *name = stmt->axis_name, *team = stmt->function;
    map_set(p->axis_name, stmt->axis, name);
    text_line(p->text, "for (%spoints<%sWARPS> %s(%s);", p->prefix, p->upper, team, print_expression(p, stmt->hi).text);
    text_line(p->text, "     %s.next([=](int64_t %s) { return %s; });) {", team, name,
              print_expression(p, stmt->value).text);
    p->text->indent++;
    text_line(p->text, "const int64_t %s = %s.point;", name, team);
    print_block(p, &stmt->body);
    p->text->indent--;
    text_line(p->text, "}");
}

/* What joins two values of the target's type, as a function. */
static const char *print_join_function(Printer *p, const Stmt *stmt)
{
    const char *type = type_of_local(stmt->target);
    Expr *operand[2];
    for (int i = 0; i < 2; i++) {
        Value *value = ARENA_NEW(p->context->arena, Value);
        value->name = i == 0 ? "a" : "b";
        value->type = (Type){.kind = TENSOR, .dtype = stmt->target->type.dtype};
        operand[i] = expr_load(p->context, value, NULL);
    }
    Expr *joined = expr_call2(p->context, combine_scalar(stmt->combine), operand[0], operand[1]);
    return print_format(p, "[](%s a, %s b) { return %s; }", type, type, print_expression(p, joined).text);
}

static void print_join(Printer *p, const Stmt *stmt)
{
    const char *place = print_element(p, stmt->target, stmt->index, true);
    text_line(p->text, "%s = %sjoin<%sWARPS, %lld>(%s, %s);", place, p->prefix, p->upper, (long long)stmt->lanes, place,
              print_join_function(p, stmt));
}

void print_team(Printer *p, const Stmt *stmt)
{
    p->helpers->needs_team = true;
    if (stmt->kind == STMT_TEAMS)
        print_teams(p, stmt);
    else if (stmt->kind == STMT_JOIN)
        print_join(p, stmt);
    else
        text_line(p->text, "const %s %s = __shfl_sync(0xffffffffu, %s, %s);", type_of_local(stmt->target),
                  stmt->target->name, stmt->source->name, print_expression(p, stmt->value).text);
}
