/* fuse_join.c -- which roots are computed together, in one nest that stores several tensors.
 *
 * Roots that reduce the edges of the same vertices walk over them once when they read the same rows: attention's
 * maximum, sum and aggregation; in training a layer's forward sums and what its gradient will need of them. So do a
 * root and one that reads its elements only where it has just computed them. No tensor may be needed between two of
 * them: then neither could come first. Where that keeps a root apart, but not the reductions over edges inside its
 * group, these become roots, and it reads what they leave. */
#include "fuse_walk.h"

/* A nest stores at most so many tensors. */
enum { MAX_OUTPUTS = 16, MAX_READ = 64 };

/* Every root is compared with those before it: no more than these are, and no more nests are searched for ways around.
 */
enum { MAX_CANDIDATES = 512, MAX_TRIES = 32 };

/* A tensor that a root's nest reads. */
typedef struct {
    const Value *value;
    Reading reading; /* the worst of all ways to it */
    bool of_edges;   /* its rows are read edge by edge */
    bool summed;     /* along its rows */
} Operand;

/* How a node of a group is read. */
typedef struct {
    Reading reading;
    bool of_edges, summed;
} Use;

typedef struct {
    Fusion *root;
    Operand operand[MAX_READ];
    int noperand;
    bool overflowed;
    bool is_structure; /* it reads no numbers that the caller gives */
    bool is_late;      /* it computes again what was computed before: o2c.Kept says so */
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
    int *place;         /* by node id: in the graph's order */
    Use *use;           /* by node id, of the member that is looked at ... */
    int *used_by;       /* ... whose number it is */
    int visits;
    Member *member;
    int nmember;
    int *member_of; /* by node id: its number among them, one more; 0: it is none */
    int tries;      /* searches left for the root that is looked at */
} Joining;

/* ---- what a root reads ---- */
static Fusion *plan_of(const Joining *j, const Node *node)
{
    return node && node->graph == j->graph && node->id < j->planned ? &j->plan[node->id] : NULL;
}

static void add_operand(Member *m, const Value *value, Use use)
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
    operand->reading = use.reading > operand->reading ? use.reading : operand->reading;
    operand->of_edges |= use.of_edges;
    operand->summed |= use.summed;
}

/* How the node that holds the load uses what it reads, itself used as `outer` says. */
static Use use_of(const Joining *j, const Member *m, const Load *load, Use outer)
{
    const Value *value = load->load->u.value, *target = m->root->csr->target;
    const Value *vector = value->type.rank > 0 ? index_vector(load->load->index[0], load) : NULL;
    const bool is_foreign = vector && vector != target;
    const Reading reading = is_foreign ? READ_AGAIN : reading_of(j->graph->context, load);
    return (Use){.reading = reading > outer.reading ? reading : outer.reading,
                 .of_edges = outer.of_edges || map_get(j->edges, value) ||
                             (is_foreign && vector->type.dim[0] == target->type.dim[0]),
                 .summed = outer.summed || is_summed(j->graph->context, load)};
}

/* Joins the use with those of the node so far; whether it tells anything new. */
static bool is_new_use(Joining *j, const Node *node, Use *use)
{
    Use *known = &j->use[node->id];
    const bool is_first = j->used_by[node->id] != j->visits;
    if (!is_first) {
        use->reading = known->reading > use->reading ? known->reading : use->reading;
        use->of_edges |= known->of_edges;
        use->summed |= known->summed;
        if (use->reading == known->reading && use->of_edges == known->of_edges && use->summed == known->summed)
            return false;
    }
    j->used_by[node->id] = j->visits;
    *known = *use;
    return true;
}

/* Adds what a node of the root's group reads. The depth is bounded by the group's size. */
static void visit(Joining *j, Member *m, const Node *node, Use use)
{
    Load load[MAX_LOADS];
    if (!is_new_use(j, node, &use))
        return;
    m->is_late |= node_is(node, "o2c", "Kept") && attr_int(node, "late", 0);
    j->walk->value = NULL;
    walk_element(j->walk, plan_of(j, node)->element, node->out[0]->type.rank);
    const int nload = j->walk->nfound;
    m->overflowed |= j->walk->overflowed;
    for (int i = 0; i < nload; i++)
        load[i] = j->walk->found[i];
    for (int i = 0; i < nload && !m->overflowed; i++) {
        const Value *value = load[i].load->u.value;
        const Fusion *inner = plan_of(j, value->def);
        const Use of_value = use_of(j, m, &load[i], use);
        if (inner && inner->inlined)
            visit(j, m, value->def, of_value);
        else
            add_operand(m, value, of_value);
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

/* Whether something that neither computes needs the one nest and is needed by the other. Each is named by its first
 * root, or is a node that may become one. */
static bool is_kept_apart(Joining *j, const Node *from, const Node *to)
{
    Stack stack = {0};
    for (const Node *node = j->graph->first; node; node = node->next)
        j->reached[node->id] = UNREACHED;
    push_readers_of_nest(j, &stack, from, INSIDE);
    while (stack.count > 0) {
        const Node *node = stack.node[--stack.count];
        const Fusion *fusion = plan_of(j, node);
        const int how = j->reached[node->id];
        if (node == to || (!(fusion && fusion->inlined) && nest_of(j, node) == to)) {
            if (how == THROUGH_OTHERS)
                return true;
        } else if (fusion && fusion->inlined) {
            push_readers(j, &stack, node, how);
        } else if (nest_of(j, node) != from) {
            push_readers_of_nest(j, &stack, nest_of(j, node), THROUGH_OTHERS);
        }
    }
    return false;
}

/* ---- what gains ---- */
/* Whether both read rows of one tensor edge by edge. The vectors that say which rows are no gain: all nests have them.
 */
static bool shares_rows(const Member *a, const Member *b)
{
    for (int i = 0; i < a->noperand; i++)
        for (int k = 0; k < b->noperand; k++)
            if (a->operand[i].value == b->operand[k].value && a->operand[i].of_edges && b->operand[k].of_edges &&
                !dtype_is_integer(a->operand[i].value->type.dtype))
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
    return !operand || (operand->reading <= READ_TARGET && !operand->summed);
}

static bool is_alike(const Member *a, const Member *b)
{
    const Type *x = &a->root->node->out[0]->type, *y = &b->root->node->out[0]->type;
    return !a->overflowed && !b->overflowed && csr_equal(a->root->csr, b->root->csr) && x->rank > 0 && y->rank > 0 &&
           x->dim[0] == y->dim[0] && a->is_structure == b->is_structure && a->is_late == b->is_late;
}

/* Whether m may be computed with the nest that begins with `nest`, and gains from it. */
static bool may_join(Joining *j, const Node *nest, const Member *m)
{
    int nodes = m->root->nodes + 1, outputs = 1;
    bool gains = false;
    for (const Node *root = nest; root; root = plan_of(j, root)->next_in_nest) {
        const Member *other = &j->member[j->member_of[root->id] - 1];
        if (!is_alike(other, m) || !reads_in_place(m, other, &gains) || !reads_in_place(other, m, &gains))
            return false;
        gains |= shares_rows(other, m);
        nodes += other->root->nodes + 1;
        outputs++;
    }
    return gains && nodes <= MAX_GROUP && outputs <= MAX_OUTPUTS && j->tries-- > 0 &&
           !is_kept_apart(j, nest, m->root->node) && !is_kept_apart(j, m->root->node, nest);
}

/* Puts a root into the list of the nest, in the graph's order. */
static void join(Joining *j, Fusion *nest, Fusion *root)
{
    Fusion *before = NULL;
    for (Fusion *at = nest; at && j->place[at->node->id] < j->place[root->node->id]; at = plan_of(j, at->next_in_nest))
        before = at;
    Node *first = before ? nest->node : root->node;
    root->next_in_nest = before ? before->next_in_nest : nest->node;
    if (before)
        before->next_in_nest = root->node;
    for (Fusion *at = plan_of(j, first); at; at = plan_of(j, at->next_in_nest))
        at->nest = first;
}

static Member *add_member(Joining *j, Fusion *root)
{
    Member *m = &j->member[j->nmember++];
    *m = (Member){.root = root, .is_structure = j->is_structure[root->node->id]};
    j->member_of[root->node->id] = j->nmember;
    j->visits++;
    visit(j, m, root->node, (Use){READ_ONCE, false, false});
    return m;
}

static bool is_nest(const Joining *j, const Member *m)
{
    return m->root->csr && nest_of(j, m->root->node) == m->root->node;
}

/* ---- reductions that leave their group ---- */
typedef struct {
    Node *node[MAX_OUTPUTS];
    int count;
    bool overflowed;
} Segments;

/* The reductions over edges that the node reads, itself among them: those nearest to the root. */
static void find_segments(Joining *j, Node *node, bool is_root, Segments *found)
{
    Fusion *fusion = plan_of(j, node);
    if (!fusion || (!is_root && !fusion->inlined) || j->used_by[node->id] == j->visits)
        return;
    j->used_by[node->id] = j->visits;
    if (fusion->work != WORK_SEGMENT) {
        for (int i = 0; i < node->nin; i++)
            if (node->in[i])
                find_segments(j, node->in[i]->def, false, found);
        return;
    }
    found->overflowed |= is_root || found->count == MAX_OUTPUTS;
    if (!found->overflowed)
        found->node[found->count++] = node;
}

/* Whether the nest may take all of the segments, which are the last members. */
static bool may_take(Joining *j, const Node *nest, int first)
{
    for (int i = first; i < j->nmember; i++) {
        if (!may_join(j, nest, &j->member[i]))
            return false;
        for (int k = first; k < j->nmember; k++)
            if (k != i && is_kept_apart(j, j->member[i].root->node, j->member[k].root->node))
                return false;
    }
    return true;
}

/* All reductions over edges in the groups of a nest become roots of another that can take them. */
static void leave(Joining *j, const Member *m)
{
    Segments found = {.count = 0};
    const int first = j->nmember;
    j->visits++;
    j->tries = MAX_TRIES;
    for (Fusion *root = m->root; root; root = plan_of(j, root->next_in_nest))
        find_segments(j, root->node, true, &found);
    if (found.overflowed)
        return;
    for (int i = 0; i < found.count; i++) {
        Fusion *segment = plan_of(j, found.node[i]);
        segment->csr = m->root->csr;
        add_member(j, segment);
    }
    for (int i = 0; i < first; i++) {
        Fusion *nest = j->member[i].root;
        if (&j->member[i] == m || !is_nest(j, &j->member[i]) || !may_take(j, nest->node, first))
            continue;
        for (Fusion *root = m->root; root; root = plan_of(j, root->next_in_nest))
            root->csr = NULL;
        for (int k = first; k < j->nmember; k++) {
            j->member[k].root->inlined = false;
            join(j, plan_of(j, nest_of(j, nest->node)), j->member[k].root);
        }
        return;
    }
    j->nmember = first;
}

static void find_members(Joining *j)
{
    for (const Node *node = j->graph->first; node; node = node->next) {
        Fusion *fusion = plan_of(j, node);
        if (fusion->element && !fusion->inlined && fusion->csr && fusion->work != WORK_APART)
            add_member(j, fusion);
    }
}

/* How many roots reduce over edges, and reductions that may become roots. */
static int count_candidates(const Graph *graph, const Fusion *plan)
{
    int count = 0;
    for (const Node *node = graph->first; node; node = node->next)
        count += plan[node->id].csr || plan[node->id].work == WORK_SEGMENT;
    return count;
}

void fuse_join(Graph *graph, Fusion *plan, const Map *edges)
{
    Context *context = graph->context;
    const int most = count_candidates(graph, plan), nodes = context->node_count;
    if (most < 2 || most > MAX_CANDIDATES)
        return;
    Joining j = {.graph = graph,
                 .plan = plan,
                 .edges = edges,
                 .walk = walk_new(context),
                 .planned = nodes,
                 .reached = ARENA_ARRAY(context->arena, nodes, int),
                 .is_structure = ARENA_ARRAY(context->arena, nodes, bool),
                 .place = ARENA_ARRAY(context->arena, nodes, int),
                 .use = ARENA_ARRAY(context->arena, nodes, Use),
                 .used_by = ARENA_ARRAY(context->arena, nodes, int),
                 .member_of = ARENA_ARRAY(context->arena, nodes, int),
                 .member = ARENA_ARRAY(context->arena, most, Member)};
    int place = 0;
    for (const Node *node = graph->first; node; node = node->next)
        j.place[node->id] = place++;
    find_structure(&j);
    find_members(&j);
    for (int i = 1; i < j.nmember; i++) {
        j.tries = MAX_TRIES;
        for (int k = 0; k < i; k++)
            if (is_nest(&j, &j.member[k]) && may_join(&j, j.member[k].root->node, &j.member[i])) {
                join(&j, j.member[k].root, j.member[i].root);
                break;
            }
    }
    for (int i = 0, count = j.nmember; i < count; i++)
        if (is_nest(&j, &j.member[i]))
            leave(&j, &j.member[i]);
}
