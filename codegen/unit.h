/* unit.h -- what becomes one step: the nodes of a group, or a node alone. */
#ifndef UNIT_H
#define UNIT_H
#include "../frontend/map.h"
#include "formula.h"

/* Nodes that become one step: a group, or a node alone. */
typedef struct Unit Unit;
struct Unit {
    Node *first, *last; /* in the graph's order, last included */
    bool is_group;      /* all it gives comes from one nest */
    const char *name;
    const Node *whole; /* see Step */
    Formula formula;
    Unit *next;
};

/* Puts the units of a graph, and of the graphs inside of its nodes, into `units` (Graph -> its first Unit): groups and
 * composed operators become the nodes they are made of. False after errors in the report. */
bool find_units(Map *units, Graph *graph);
#endif
