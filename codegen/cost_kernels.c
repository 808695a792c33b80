/* cost_kernels.c -- see cost.h: a program's kernels, and what lies in memory while each runs. */
#include "interface.h"

/* The kernels under construction. */
typedef struct {
    const Program *program;
    Context *context;
    int places;
    Kernel **at; /* by a step's place: the kernel it is a part of */
    int *first;  /* by a kernel's number: its first place */
    Kernels *kernels;
    Kernel **link;
} Counting;

/* ---- routines ---- */
static Cost routine_cost(Context *context, const Routine *routine)
{
    Cost cost = {.operations = routine->operations, .flops = routine->operations};
    cost.products = cost.flops ? dim_const(context->dims, 0) : NULL;
    for (int i = 0; i < routine->nin; i++) {
        const Value *value = routine->in[i];
        Read *known = cost.read;
        while (known && known->value != value)
            known = known->next;
        if (!value || known)
            continue;
        Read *read = ARENA_NEW(context->arena, Read);
        *read = (Read){value, value, type_bytes(context, &value->type), false, cost.read};
        cost.read = read;
    }
    return cost;
}

/* The cost for the greatest sizes that are known only at run time. */
static Cost limited(Context *context, Cost cost)
{
    DimTable *dims = context->dims;
    cost.operations = cost.operations ? dim_limit(dims, cost.operations) : NULL;
    cost.flops = cost.flops ? dim_limit(dims, cost.flops) : NULL;
    cost.products = cost.products ? dim_limit(dims, cost.products) : NULL;
    cost.edges = cost.edges ? dim_limit(dims, cost.edges) : NULL;
    cost.vertices = cost.vertices ? dim_limit(dims, cost.vertices) : NULL;
    for (Read *read = cost.read; read; read = read->next)
        read->bytes = dim_limit(dims, read->bytes);
    return cost;
}

/* ---- kernels ---- */
/* A buffer that only parts of one composed operator see. */
static bool is_inside(const Counting *c, const Buffer *buffer)
{
    const Kernel *kernel = buffer->kind == BUFFER_WORKSPACE && buffer->first >= 0 ? c->at[buffer->first] : NULL;
    return kernel && kernel->is_composed && buffer->last < c->places && kernel == c->at[buffer->last];
}

static bool is_kernel(const Step *step)
{
    return step->is_needed && (step->kind == STEP_LOOPS || step->kind == STEP_ROUTINE || step->kind == STEP_COPY);
}

static Kernel *kernel_new(Counting *c, const Step *step)
{
    Kernel *kernel = ARENA_NEW(c->context->arena, Kernel);
    Dim *zero = dim_const(c->context->dims, 0);
    *kernel = (Kernel){.name = step->name      ? step->name
                               : step->routine ? step->routine->name
                                               : "copy",
                       .origin = step->whole ? step->whole->name : step->origin,
                       .op = step->op ? step->op->name : NULL,
                       .is_composed = step->whole != NULL,
                       .cost = {.operations = zero, .flops = zero, .products = zero},
                       .written = zero};
    c->first[c->kernels->count++] = step->place;
    *c->link = kernel;
    c->link = &kernel->next;
    return kernel;
}

/* The tensor of which statements look for non-zeros; NULL: there is none. Nesting is bounded by the loops of one nest.
 */
static const Value *searched_in(const Block *block)
{
    const Value *searched = NULL;
    for (const Stmt *stmt = block->first; stmt && !searched; stmt = stmt->next)
        searched = stmt->kind == STMT_NONZEROS ? stmt->call.a : searched_in(&stmt->body);
    return searched;
}

static Cost cost_of_step(Context *context, const Step *step)
{
    if (step->kind == STEP_LOOPS)
        return step->cost;
    if (step->kind == STEP_ROUTINE)
        return routine_cost(context, step->routine);
    Dim *zero = dim_const(context->dims, 0);
    Read *read = ARENA_NEW(context->arena, Read);
    *read = (Read){step->in[0], step->in[0], type_bytes(context, &step->in[0]->type), false, NULL};
    return (Cost){.operations = zero, .flops = zero, .products = zero, .read = read};
}

/* Steps that are parts of one composed operator are one kernel. What stands in a loop, or in a branch, counts once. */
static void find_kernels(Counting *c)
{
    const Node *whole = NULL;
    Kernel *kernel = NULL;
    for (const Step *step = c->program->first; step; step = step->next) {
        if (!step->is_needed)
            continue;
        if (is_kernel(step)) {
            if (!kernel || !step->whole || step->whole != whole)
                kernel = kernel_new(c, step);
            whole = step->whole;
            Cost cost = limited(c->context, cost_of_step(c->context, step));
            kernel->cost = cost_add(c->context, kernel->cost, cost, kernel->is_composed);
            for (const Call *call = step->calls; call && !kernel->searched; call = call->next)
                kernel->searched = searched_in(&call->block);
        }
        c->at[step->place] = kernel; /* a size is read behind what computes it */
    }
}

/* What a kernel reads: not what its parts hand to one another. */
static void find_bases(const Counting *c, Read **link)
{
    while (*link) {
        const Buffer *buffer = buffer_of(c->program, (*link)->value);
        if (buffer && buffer->kind == BUFFER_VIEW)
            buffer = buffer->base;
        if (buffer && is_inside(c, buffer)) {
            *link = (*link)->next;
        } else {
            (*link)->base = buffer ? buffer->value : (*link)->value;
            link = &(*link)->next;
        }
    }
}

/* Adds what a step gives to the tensors that its kernel writes. */
static void add_outputs(const Counting *c, Kernel *kernel, const Step *step)
{
    Context *context = c->context;
    Arena *arena = context->arena;
    for (int i = 0; i < step->nout; i++) {
        Buffer *buffer = step->out[i] ? buffer_of(c->program, step->out[i]) : NULL;
        if (!buffer || !buffer->is_needed || is_inside(c, buffer))
            continue;
        const size_t count = (size_t)kernel->nout;
        kernel->out = arena_grow(arena, kernel->out, count, count + 1, sizeof *kernel->out);
        if (step->part && !kernel->is_composed) {
            kernel->part = arena_grow(arena, kernel->part, count, count + 1, sizeof *kernel->part);
            kernel->part[count] = limited(context, step->part[i]);
            find_bases(c, &kernel->part[count].read);
        }
        kernel->room = arena_grow(arena, kernel->room, count, count + 1, sizeof *kernel->room);
        kernel->room[count] = dim_limit(context->dims, buffer_room(c->program, buffer));
        kernel->out[kernel->nout++] = step->out[i];
        kernel->written = dim_add(context->dims, kernel->written, buffer_bytes(c->program, step->out[i]));
    }
}

/* What kernels read from and write to memory. */
static void find_traffic(const Counting *c)
{
    for (Kernel *kernel = c->kernels->first; kernel; kernel = kernel->next)
        find_bases(c, &kernel->cost.read);
    for (const Step *step = c->program->first; step; step = step->next)
        if (is_kernel(step))
            add_outputs(c, c->at[step->place], step);
}

/* ---- memory ---- */
static Dim *sum_of_buffers(const Program *program, BufferKind kind)
{
    DimTable *dims = program->context->dims;
    Dim *sum = dim_const(dims, 0);
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next)
        if (buffer->kind == kind)
            sum = dim_add(dims, sum, buffer_bytes(program, buffer->value));
    return sum;
}

/* The bytes live in each kernel: tensors are made when they are written and go when they have been read for the last
 * time; inputs, weights and outputs stay. */
static void find_live(const Counting *c, Dim *always)
{
    const Program *program = c->program;
    DimTable *dims = c->context->dims;
    const int count = c->kernels->count;
    Dim *zero = dim_const(dims, 0), *live = always;
    Dim **born = ARENA_ARRAY(c->context->arena, c->places + 1, Dim *);
    Dim **gone = ARENA_ARRAY(c->context->arena, c->places + 1, Dim *);
    for (int i = 0; i <= c->places; i++)
        born[i] = gone[i] = zero;
    for (const Buffer *buffer = program->buffers; buffer; buffer = buffer->next) {
        if (buffer->first < 0 || is_inside(c, buffer))
            continue;
        Dim *bytes = buffer_room(program, buffer);
        born[buffer->first] = dim_add(dims, born[buffer->first], bytes);
        if (buffer->kind != BUFFER_OUTPUT && buffer->last < c->places)
            gone[buffer->last] = dim_add(dims, gone[buffer->last], bytes);
    }
    Kernel *kernel = c->kernels->first;
    for (int i = 0, place = 0; i < count; i++, kernel = kernel->next) {
        const int end = i + 1 < count ? c->first[i + 1] : c->places;
        Dim *after = live;
        for (; place < end; place++) {
            live = dim_add(dims, live, born[place]);
            after = dim_sub(dims, dim_add(dims, after, born[place]), gone[place]);
        }
        kernel->live = live;
        live = after;
    }
}

Kernels *program_kernels(const Program *program)
{
    Context *context = program->context;
    DimTable *dims = context->dims;
    int places = 0;
    for (const Step *step = program->first; step; step = step->next)
        places += step->is_needed;
    Kernels *kernels = ARENA_NEW(context->arena, Kernels);
    kernels->context = context;
    Counting c = {.program = program,
                  .context = context,
                  .places = places,
                  .at = ARENA_ARRAY(context->arena, places + 1, Kernel *),
                  .first = ARENA_ARRAY(context->arena, places + 1, int),
                  .kernels = kernels,
                  .link = &kernels->first};
    find_kernels(&c);
    find_traffic(&c);
    Dim *always = dim_add(dims, sum_of_buffers(program, BUFFER_INPUT), dim_const(dims, weight_total(program)));
    find_live(&c, always);
    kernels->allocated = dim_add(dims, always, sum_of_buffers(program, BUFFER_OUTPUT));
    kernels->slot = ARENA_ARRAY(context->arena, program->nslot + 1, Dim *);
    for (int i = 0; i < program->nslot; i++) {
        kernels->slot[kernels->nslot++] = dim_limit(dims, program->slot[i].bytes);
        kernels->allocated = dim_add(dims, kernels->allocated, kernels->slot[i]);
    }
    return kernels;
}

Kernels *codegen_kernels(Model *model, const BuildOptions *options)
{
    Program *program = program_new(model, options, NULL);
    if (!program || !program_functions(program))
        return NULL;
    program_plan(program);
    return program_kernels(program);
}
