/* fuse_join.c -- which roots are computed together, in one nest that stores several tensors.
 *
 * Roots that reduce the edges of the same vertices walk over them once when they read the same rows: attention's
 * maximum, sum and aggregation; in training a layer's forward sums and what its gradient will need of them. So do a
 * root and one that reads its elements only where it has just computed them. No tensor may be needed between two of
 * them: then neither could come first. */
#include "fuse_walk.h"

/* A nest stores at most so many tensors. */
enum { MAX_OUTPUTS = 16, MAX_READ = 64 };

/* A tensor that a root's nest reads. */
typedef struct {
    const Value *value;
    Reading reading; /* the worst of all ways to it */
    bool of_edges;   /* its rows are read edge by edge */
} Operand;
typedef struct {
    Fusion *root;
    Operand operand[MAX_READ];
    int noperand;
    bool overflowed;
    bool is_structure; /* it reads no numbers that the caller gives */
} Member;

/* How a node is reached from a nest. */
enum { UNREACHED, INSIDE, THROUGH_OTHERS };

typedef struct {
    Graph *graph;
    Fusion *plan;
    const Map *edges;
    Walk *walk;
    int planned;
    int *reached;       /* by node id */
    bool *is_structure; /* by node id */
    Member *member;
    int nmember;
} Joining;

/* ---- what a root reads ---- */
static Fusion *plan_of(const Joining *j, const Node *node)
{
    return node && node->graph == j->graph && node->id < j->planned ? &j->plan[node->id] : NULL;
}

static void add_operand(Member *m, const Value *value, Reading reading, bool of_edges)
{
    int i = 0;
    while (i < m->noperand && m->operand[i].value != value)
        i++;
    if (i == MAX_READ) {
        m->overflowed = true;
        return;
    }
    if (i == m->noperand)
        m->operand[m->noperand++] = (Operand){.value = value};
    Operand *operand = &m->operand[i];
    operand->reading = reading > operand->reading ? reading : operand->reading;
    operand->of_edges |= of_edges;
}

/* Adds what a node of the root's group reads: `reading` and `of_edges` say how it is read itself. Groups are small. */
static void visit(Joining *j, Member *m, const Node *node, Reading reading, bool of_edges)
{
    Load load[MAX_LOADS];
    j->walk->value = NULL;
    walk_element(j->walk, plan_of(j, node)->element, node->out[0]->type.rank);
    const int nload = j->walk->nfound;
    m->overflowed |= j->walk->overflowed;
    for (int i = 0; i < nload; i++)
        load[i] = j->walk->found[i];
    for (int i = 0; i < nload && !m->overflowed; i++) {
        const Value *value = load[i].load->u.value;
        const Value *vector = value->type.rank > 0 ? index_vector(load[i].load->index[0], &load[i]) : NULL;
        const bool is_foreign = vector && vector != m->root->target;
        const bool by_edge =
            of_edges || map_get(j->edges, value) || (is_foreign && vector->type.dim[0] == m->root->target->type.dim[0]);
        Reading own = is_foreign ? READ_AGAIN : reading_of(j->graph->context, &load[i]);
        own = own > reading ? own : reading;
        const Fusion *inner = plan_of(j, value->def);
        if (inner && inner->inlined)
            visit(j, m, value->def, own, by_edge);
        else
            add_operand(m, value, own, by_edge);
    }
}

/* ---- what depends on structure alone ---- the program computes that once for a graph */
static bool is_known_by_sizes(const Value *value)
{
    return value->constant || value->element;
}

static void find_structure(Joining *j)
{
    for (const Node *node = j->graph->first; node; node = node->next) {
        bool is_structure = !node_subgraph(node, 0) && !node->op->is_random;
        for (int i = 0; i < node->nin && is_structure; i++) {
            const Value *value = node->in[i];
            if (value && !is_known_by_sizes(value))
                is_structure = value->def ? value->def->graph == j->graph && j->is_structure[value->def->id]
                                          : dtype_is_integer(value->type.dtype);
        }
        j->is_structure[node->id] = is_structure;
    }
}

/* ---- what may stand between ---- */
/* The node of the main graph that a reader stands in. */
static const Node *reader_in(const Graph *graph, const Node *node)
{
    while (node && node->graph != graph)
        node = node->graph->owner;
    return node;
}

static const Node *nest_of(const Joining *j, const Node *node)
{
    const Fusion *fusion = plan_of(j, node);
    return fusion && fusion->nest ? fusion->nest : node;
}

typedef struct {
    const Node **node;
    int count, capacity;
} Stack;

static void push_readers(Joining *j, Stack *stack, const Node *node, int how)
{
    for (int i = 0; i < node->nout; i++)
        for (int k = 0; node->out[i] && k < node->out[i]->nreader; k++) {
            const Node *reader = reader_in(j->graph, node->out[i]->reader[k]);
            if (!reader || j->reached[reader->id] >= how)
                continue;
            j->reached[reader->id] = how;
            if (stack->count == stack->capacity) {
                stack->capacity = 2 * stack->capacity + 64;
                stack->node = arena_grow(j->graph->context->arena, stack->node, (size_t)stack->count,
                                         (size_t)stack->capacity, sizeof *stack->node);
            }
            stack->node[stack->count++] = reader;
        }
}

static void push_readers_of_nest(Joining *j, Stack *stack, const Node *first, int how)
{
    const Fusion *fusion = plan_of(j, first);
    push_readers(j, stack, first, how);
    for (const Node *node = fusion ? fusion->next_in_nest : NULL; node; node = plan_of(j, node)->next_in_nest)
        push_readers(j, stack, node, how);
}

/* Whether something that neither computes needs the nest and is needed by root. */
static bool is_kept_apart(Joining *j, const Node *nest, const Node *root)
{
    Stack stack = {0};
    for (const Node *node = j->graph->first; node; node = node->next)
        j->reached[node->id] = UNREACHED;
    push_readers_of_nest(j, &stack, nest, INSIDE);
    while (stack.count > 0) {
        const Node *node = stack.node[--stack.count];
        const Fusion *fusion = plan_of(j, node);
        const int how = j->reached[node->id];
        if (fusion && fusion->inlined) {
            push_readers(j, &stack, node, how);
        } else if (node == root) {
            if (how == THROUGH_OTHERS)
                return true;
        } else if (nest_of(j, node) != nest) {
            push_readers_of_nest(j, &stack, nest_of(j, node), THROUGH_OTHERS);
        }
    }
    return false;
}

/* ---- what gains ---- */
/* Whether both read rows of one tensor edge by edge. */
static bool shares_rows(const Member *a, const Member *b)
{
    for (int i = 0; i < a->noperand; i++)
        for (int k = 0; k < b->noperand; k++)
            if (a->operand[i].value == b->operand[k].value && a->operand[i].of_edges && b->operand[k].of_edges)
                return true;
    return false;
}

static const Operand *find_operand(const Member *m, const Value *value)
{
    for (int i = 0; i < m->noperand; i++)
        if (m->operand[i].value == value)
            return &m->operand[i];
    return NULL;
}

/* Whether `later` reads nothing of `earlier`, or only where that has been computed: of the vertex at hand. */
static bool reads_in_place(const Member *later, const Member *earlier, bool *any)
{
    const Operand *operand = find_operand(later, earlier->root->node->out[0]);
    *any |= operand != NULL;
    return !operand || operand->reading <= READ_TARGET;
}

static bool is_alike(const Member *a, const Member *b)
{
    const Type *x = &a->root->node->out[0]->type, *y = &b->root->node->out[0]->type;
    return !a->overflowed && !b->overflowed && a->root->row == b->root->row && a->root->target == b->root->target &&
           x->rank > 0 && y->rank > 0 && x->dim[0] == y->dim[0] && a->is_structure == b->is_structure;
}

/* Whether root m may be computed with all those of the nest that begins with `first`, and gains from it. */
static bool may_join(Joining *j, int first, const Member *m)
{
    const Node *nest = j->member[first].root->node;
    int nodes = m->root->nodes + 1, outputs = 1;
    bool gains = false;
    for (int i = first; &j->member[i] != m; i++) {
        const Member *other = &j->member[i];
        if (nest_of(j, other->root->node) != nest)
            continue;
        if (!is_alike(other, m) || !reads_in_place(m, other, &gains))
            return false;
        gains |= shares_rows(other, m);
        nodes += other->root->nodes + 1;
        outputs++;
    }
    return gains && nodes <= MAX_GROUP && outputs <= MAX_OUTPUTS && !is_kept_apart(j, nest, m->root->node);
}

static void join(Joining *j, Fusion *first, Fusion *root)
{
    Fusion *last = first;
    while (last->next_in_nest)
        last = plan_of(j, last->next_in_nest);
    last->next_in_nest = root->node;
    first->nest = root->nest = first->node;
}

static void find_members(Joining *j)
{
    for (const Node *node = j->graph->first; node; node = node->next) {
        Fusion *fusion = plan_of(j, node);
        if (!fusion->element || fusion->inlined || !fusion->row || fusion->work == WORK_APART)
            continue;
        Member *m = &j->member[j->nmember++];
        m->root = fusion;
        m->is_structure = j->is_structure[node->id];
        visit(j, m, node, READ_ONCE, false);
    }
}

void fuse_join(Graph *graph, Fusion *plan, const Map *edges)
{
    Context *context = graph->context;
    Joining j = {.graph = graph,
                 .plan = plan,
                 .edges = edges,
                 .walk = walk_new(context),
                 .planned = context->node_count,
                 .reached = ARENA_ARRAY(context->arena, context->node_count, int),
                 .is_structure = ARENA_ARRAY(context->arena, context->node_count, bool)};
    int roots = 0;
    for (const Node *node = graph->first; node; node = node->next)
        roots += plan[node->id].row != NULL;
    j.member = ARENA_ARRAY(context->arena, roots, Member);
    find_structure(&j);
    find_members(&j);
    for (int i = 1; i < j.nmember; i++)
        for (int first = 0; first < i; first++) {
            Fusion *nest = j.member[first].root;
            if ((nest->nest && nest->nest != nest->node) || !may_join(&j, first, &j.member[i]))
                continue;
            join(&j, nest, j.member[i].root);
            break;
        }
}
