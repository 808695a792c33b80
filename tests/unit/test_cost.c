/* test_cost.c -- what kernels cost, counted by hand; the layers they belong to; the places of a drawing. */
#include "codegen/drawing.h"
#include "codegen/layers.h"
#include "frontend/frontend.h"
#include "rewrite/pass.h"
#include "unit.h"
#include <string.h>

static Context *context;

/* The kernels of a model in ONNX text after the pass named (NULL: none). */
static Kernels *kernels_of(const char *body, const char *last_pass)
{
    context = test_context();
    const char *head = "<ir_version: 10, opset_import: [\"\" : 21, \"gnn\" : 1]>\n";
    Model *model = model_parse(context, arena_printf(context->arena, "%s%s", head, body));
    CU_ASSERT_PTR_NOT_NULL_FATAL(model);
    CU_ASSERT_FATAL(model_upgrade(model) && model_infer(model));
    const PassOptions passes = {.allowed = LOSSY, .stop_after = last_pass};
    CU_ASSERT_FATAL(!last_pass || rewrite(model, &passes, NULL));
    Kernels *kernels = codegen_kernels(model, &(BuildOptions){.folder = "", .name = "m"});
    CU_ASSERT_PTR_NOT_NULL_FATAL(kernels);
    return kernels;
}

static const Kernel *kernel_at(const Kernels *kernels, int number)
{
    const Kernel *kernel = kernels->first;
    while (kernel && number-- > 0)
        kernel = kernel->next;
    CU_ASSERT_PTR_NOT_NULL_FATAL(kernel);
    return kernel;
}

static void expect(Dim *dim, const char *formula)
{
    const char *text = dim ? dim_text(dim, context->arena, NULL, NULL) : "not known";
    CU_ASSERT_STRING_EQUAL(text, formula);
    if (strcmp(text, formula) != 0)
        printf("%s, wants %s\n", text, formula);
}

static void expect_cost(const Kernel *kernel, const char *flops, const char *read, const char *gathered,
                        const char *written)
{
    expect(kernel->cost.flops, flops);
    expect(cost_read(context, &kernel->cost), read);
    expect(cost_gathered(context, &kernel->cost), gathered);
    expect(kernel->written, written);
}

static void test_elementwise(void)
{
    const Kernels *kernels = kernels_of("g (float[N,4] x) => (float[N,4] y) { y = Relu (x) }", NULL);
    CU_ASSERT_EQUAL(kernels->count, 1);
    expect_cost(kernels->first, "4*N", "16*N", "0", "16*N");
    expect(kernels->first->live, "32*N");
    expect(kernels->allocated, "32*N");
    CU_ASSERT_STRING_EQUAL(kernels->first->op, "Relu");
    context_free(context);
}

/* A multiply-add is two; x and W are read once, however often the loops return to them. Sums so short that nests write
 * them out count the same. */
static void test_products(void)
{
    const Kernels *kernels = kernels_of("g (float[N,3] x, float[3,5] W) => (float[N,5] y) { y = MatMul (x, W) }", NULL);
    expect_cost(kernels->first, "30*N", "12*N + 60", "0", "20*N");
    expect(kernels->first->cost.products, "30*N");
    context_free(context);
    kernels = kernels_of("g (float[N,7] x, float[7] w) => (float[N] y) { p = Mul (x, w) axis = Constant <value = "
                         "int64[1] {1}> () y = ReduceSum <keepdims = 0> (p, axis) }",
                         "fuse");
    CU_ASSERT_EQUAL(kernels->count, 1);
    expect_cost(kernels->first, "14*N", "28*N + 28", "0", "4*N");
    expect(kernels->first->cost.products, "0"); /* a vector is no matrix: nothing is used again */
    context_free(context);
}

static void test_gather(void)
{
    const Kernels *kernels =
        kernels_of("g (float[N,4] x, int64[E] source) => (float[E,4] y) { y = Gather (x, source) }", NULL);
    expect_cost(kernels->first, "0", "24*E", "16*E", "16*E");
    expect(kernels->first->cost.edges, "E");
    expect(kernels->first->cost.vertices, "N");
    context_free(context);
}

static void test_scatter(void)
{
    const Kernels *kernels = kernels_of("g (float[N,4] x, int64[E,4] target, float[E,4] message) => (float[N,4] y) {\n"
                                        "  y = ScatterElements <reduction = \"add\"> (x, target, message) }",
                                        NULL);
    expect_cost(kernels->first, "4*E", "16*N + 48*E", "0", "16*N");
    expect(kernels->first->cost.edges, "E");
    expect(kernels->first->cost.vertices, "N");
    context_free(context);
}

/* Neighbours' rows are gathered for every edge; rows of the vertex itself are read once for all its edges,
 * and as factors of the sum multiply it once. */
static void test_edges_of_vertices(void)
{
    const Kernels *kernels =
        kernels_of("g (float[N,4] x, int64[2,E] edges) => (float[N,4] y) {\n"
                   "  zero = Constant <value = int64 {0}> () one = Constant <value = int64 {1}> ()\n"
                   "  from = Gather (edges, zero) to = Gather (edges, one)\n"
                   "  there = Gather (x, from) here = Gather (x, to) message = Mul (there, here)\n"
                   "  n = Shape <end = 1> (x) y = gnn.SegmentSum (message, to, n) }",
                   "fuse");
    CU_ASSERT_EQUAL_FATAL(kernels->count, 2);
    const Kernel *csr = kernels->first, *sum = csr->next;
    CU_ASSERT_STRING_EQUAL(csr->name, "csr");
    CU_ASSERT(!sum->is_composed);                        /* a group is a nest, and what it reads it reads from memory */
    expect_cost(csr, "0", "16*E", "0", "4*N + 4*E + 4"); /* row [N + 1] and from [E], int32; not order */
    expect_cost(sum, "4*N + 4*E", "20*N + 20*E + 4", "16*E", "16*N"); /* x here, row; from; x there */
    context_free(context);
}

/* The product of two endpoints' rows is none of matrices: no element is used again for another edge. */
static void test_product_of_endpoints(void)
{
    const Kernels *kernels =
        kernels_of("g (float[N,4] x, int64[E] j, int64[E] i) => (float[N] y) {\n"
                   "  xj = Gather (x, j) xi = Gather (x, i) p = Mul (xj, xi) last = Constant <value = "
                   "int64[1] {1}> ()\n"
                   "  d = ReduceSum <keepdims = 0> (p, last) w = Exp (d) n = Shape <end = 1> (x)\n"
                   "  y = gnn.SegmentSum (w, i, n) }",
                   "fuse");
    CU_ASSERT_EQUAL_FATAL(kernels->count, 2);
    expect_cost(kernels->first->next, "10*E", "20*N + 20*E + 4", "16*E", "4*N");
    expect(kernels->first->next->cost.products, "0");
    context_free(context);
}

/* What only data tells counts at its greatest: no more than a loop for each vertex is added to the edges. */
static void test_sizes_of_data(void)
{
    const Kernels *kernels =
        kernels_of("g (int64[2,E] edges, float[N] x) => (float[M] y) {\n"
                   "  n = Shape (x) all = gnn.AddSelfLoops (edges, n)\n"
                   "  one = Constant <value = int64 {1}> () to = Gather (all, one) y = Gather (x, to) }",
                   NULL);
    CU_ASSERT_EQUAL_FATAL(kernels->count, 2);
    expect(kernels->first->written, "16*E + 16*N");
    expect_cost(kernels->first->next, "0", "12*E + 12*N", "4*E + 4*N", "4*E + 4*N");
    context_free(context);
}

/* Shapes change without a copy: what a view shows is not live twice. */
static void test_views(void)
{
    const Kernels *kernels =
        kernels_of("g (float[N,4] x) => (float[N,4] y) { shape = Constant <value = int64[2] {-1, 2}> ()\n"
                   "  a = Relu (x) v = Reshape (a, shape) b = Exp (v) s = Shape (x) w = Reshape (b, s)\n"
                   "  y = Neg (w) }",
                   NULL);
    CU_ASSERT_EQUAL(kernels->count, 3);
    expect(kernel_at(kernels, 1)->live, "48*N");
    expect(kernel_at(kernels, 2)->live, "48*N");
    context_free(context);
}

/* What a composed operator of ONNX is made of is one kernel: its parts hand over nothing through memory. */
static void test_composed(void)
{
    const Kernels *kernels = kernels_of("g (float[N,4] x) => (float[N,4] y) { y = Softmax (x) }", NULL);
    CU_ASSERT_EQUAL(kernels->count, 1);
    expect_cost(kernels->first, "20*N", "16*N", "0", "16*N"); /* max, -, exp, +, / */
    expect(kernels->first->live, "32*N");
    context_free(context);
}

/* A tensor lives from the kernel that writes it to the last that reads it; inputs and outputs stay. */
static void test_memory(void)
{
    const Kernels *kernels = kernels_of("g (float[N] x) => (float[N] y) {\n"
                                        "  a = Relu (x) b = Exp (a) c = Neg (a) y = Add (b, c) }",
                                        NULL);
    static const char *const live[] = {"8*N", "12*N", "16*N", "16*N"};
    for (int i = 0; i < 4; i++)
        expect(kernel_at(kernels, i)->live, live[i]);
    context_free(context);
}

static void test_routine(void)
{
    const Kernels *kernels = kernels_of("g (float[N,9] x) => (float[N,2] y, int64[N,2] i) {\n"
                                        "  k = Constant <value = int64[1] {2}> () y, i = TopK (x, k) }",
                                        NULL);
    expect_cost(kernels->first, "9*N", "36*N", "0", "24*N");
    context_free(context);
}

/* EdgeConv with a linear layer: every edge multiplies 8 by 8 x 2; reorganised, every vertex 4 by 4 x 2, twice. With 40
 * edges for each vertex 97.5 % of the operations are gone. */
static void test_reorganisation(void)
{
    static const char text[] = "g (float[N,4] x, int64[E] j, int64[E] i) => (float[N,2] y) <\n"
                               "  float[8,2] V = {1,2,3,4,5,6,7,8,9,8,7,6,5,4,3,1}> {\n"
                               "  xj = Gather (x, j) xi = Gather (x, i) d = Sub (xj, xi)\n"
                               "  both = Concat <axis = 1> (xi, d) message = MatMul (both, V)\n"
                               "  n = Shape <end = 1> (x) y = gnn.SegmentMax (message, i, n) }";
    static const struct {
        const char *last_pass, *products;
    } stage[] = {{"fold", "32*E"}, {"csr", "32*N"}, {"fuse", "32*N"}};
    for (int s = 0; s < 3; s++) {
        const Kernels *kernels = kernels_of(text, stage[s].last_pass);
        Dim *products = dim_const(context->dims, 0);
        for (const Kernel *kernel = kernels->first; kernel; kernel = kernel->next)
            products = dim_add(context->dims, products, kernel->cost.products);
        expect(products, stage[s].products);
        context_free(context);
    }
}

/* Names of nodes and weights say where layers are; gathered rows belong to the layer that reads them. */
static void test_layers(void)
{
    Kernels *kernels = kernels_of(
        "g (float[N,4] x, int64[E] j) => (float[E,4] y) <float[4] \"conv1.bias\" = {1,2,3,4},\n"
        "  float[4] \"conv2.weight\" = {1,2,3,4}> {\n"
        "  a = Add (x, \"conv1.bias\") b = Relu (a) c = Gather (b, j) d = Exp (c) e = Mul (d, \"conv2.weight\")\n"
        "  y = Neg (e) }",
        NULL);
    layers_find(layers_new(context), kernels);
    static const char *const layer[] = {"conv1", "conv1", "conv2", "conv2", "conv2", "conv2"};
    for (int i = 0; i < 6; i++)
        CU_ASSERT_STRING_EQUAL(kernel_at(kernels, i)->layer->name, layer[i]);
    context_free(context);
    kernels = kernels_of("g (float[N,4] x) => (float[N,4] y) {\n"
                         "  [\"/net/convs.0/lin/Relu\"] a = Relu (x) [\"/net/Exp\"] b = Exp (a)\n"
                         "  [\"/net/convs.1/Neg\"] y = Neg (b) }",
                         NULL);
    layers_find(layers_new(context), kernels);
    static const char *const scope[] = {"convs.0", "convs.0", "convs.1"};
    for (int i = 0; i < 3; i++)
        CU_ASSERT_STRING_EQUAL(kernel_at(kernels, i)->layer->name, scope[i]);
    context_free(context);
}

/* Arrows lead downwards, boxes do not overlap, all lies inside. */
static void test_drawing(void)
{
    context = test_context();
    enum { BOXES = 7 };
    Box box[BOXES];
    for (int i = 0; i < BOXES; i++)
        box[i] = (Box){.width = 20 + 10 * i, .height = 10};
    Arrow arrow[] = {{.from = 0, .to = 1}, {.from = 0, .to = 2}, {.from = 1, .to = 3}, {.from = 2, .to = 3},
                     {.from = 0, .to = 4}, {.from = 3, .to = 4}, {.from = 5, .to = 4}};
    Drawing drawing = {.box = box, .nbox = BOXES, .arrow = arrow, .narrow = 7};
    drawing_find(context->arena, &drawing);
    for (int i = 0; i < 7; i++) {
        const Point *point = arrow[i].point;
        CU_ASSERT(arrow[i].npoint >= 2 && point[0].y < point[arrow[i].npoint - 1].y);
    }
    CU_ASSERT_EQUAL(box[5].centre.y, box[3].centre.y); /* just above what it leads to */
    for (int i = 0; i < BOXES; i++) {
        CU_ASSERT(box[i].centre.x - box[i].width / 2 >= -1e-9 &&
                  box[i].centre.x + box[i].width / 2 <= drawing.width + 1e-9);
        for (int k = 0; k < i; k++) {
            const double distance = box[i].centre.x - box[k].centre.x;
            CU_ASSERT(box[i].centre.y != box[k].centre.y ||
                      (distance < 0 ? -distance : distance) >= (box[i].width + box[k].width) / 2);
        }
    }
    drawing = (Drawing){0};
    drawing_find(context->arena, &drawing); /* nothing is drawn, and nothing goes wrong */
    context_free(context);
}

void suite_cost(void)
{
    static const UnitTest tests[] = {
        {"elementwise", test_elementwise},
        {"products of matrices", test_products},
        {"gather", test_gather},
        {"scatter", test_scatter},
        {"edges of vertices", test_edges_of_vertices},
        {"product of endpoints", test_product_of_endpoints},
        {"sizes that only data tells", test_sizes_of_data},
        {"views", test_views},
        {"a composed operator is one kernel", test_composed},
        {"memory", test_memory},
        {"routine", test_routine},
        {"reorganisation", test_reorganisation},
        {"layers", test_layers},
        {"drawing", test_drawing},
    };
    ADD_SUITE("cost", tests);
}
