/* test_loop.c -- loop-level expressions: what the builder simplifies, substitution, symbolic values; operator rows. */
#include "frontend/ops/op.h"
#include "frontend/ops/schema.h"
#include "unit.h"
#include <stdlib.h>
#include <string.h>

static Context *context;
static Model *model;

static void begin(void)
{
    context = test_context();
    model = model_new(context);
    model->graph = graph_new(model, "g");
}
static void end(void)
{
    context_free(context);
}

static Dim *size(int64_t value)
{
    return dim_const(context->dims, value);
}

static Value *input(DType dtype, int rank, Dim *const *dim)
{
    return graph_add_input(model->graph, "", type_tensor(dtype, rank, dim));
}

static bool is_const(const Expr *e, int64_t value)
{
    return e->kind == E_CONST && !dtype_is_float(e->dtype) && e->u.i == value;
}

static void test_simplify(void)
{
    begin();
    Dim *n = dim_symbol(context->dims, "N");
    Expr *i = expr_axis(context, axis_dim(context, "i", n)), *zero = expr_index(context, 0);
    CU_ASSERT_PTR_EQUAL(expr_arith(context, I_ADD, i, zero), i);
    CU_ASSERT(is_const(expr_arith(context, I_MUL, i, zero), 0));
    CU_ASSERT(is_const(expr_arith(context, I_ADD, expr_index(context, 2), expr_index(context, 3)), 5));
    Expr *sum =
        expr_arith(context, I_ADD, expr_arith(context, I_ADD, i, expr_index(context, 2)), expr_index(context, -2));
    CU_ASSERT_PTR_EQUAL(sum, i);
    /* what the axis' range decides */
    CU_ASSERT(is_const(expr_arith(context, I_LESS, i, expr_dim(context, n)), 1));
    CU_ASSERT(is_const(expr_arith(context, I_LESS, i, zero), 0));
    CU_ASSERT(is_const(expr_arith(context, I_DIV, i, expr_dim(context, n)), 0));
    CU_ASSERT_PTR_EQUAL(expr_arith(context, I_MOD, i, expr_dim(context, n)), i);
    CU_ASSERT_PTR_EQUAL(expr_wrap(context, i, n), i);
    CU_ASSERT_EQUAL(expr_wrap(context, i, size(3))->kind, E_WRAP);
    CU_ASSERT(is_const(expr_wrap(context, expr_index(context, -1), size(3)), 2));
    CU_ASSERT_EQUAL(expr_arith(context, I_DIV, expr_index(context, -7), expr_index(context, 2))->u.i, -4); /* floors */
    /* constants of every type */
    Expr *one = expr_float(context, F32, 1), *third = expr_float(context, F32, 1.0 / 3);
    CU_ASSERT_EQUAL(expr_call2(context, S_ADD, one, third)->u.f, (double)(1.0f + (float)(1.0 / 3)));
    CU_ASSERT(is_const(expr_call2(context, S_ADD, expr_int(context, U8, 255), expr_int(context, U8, 2)), 1));
    CU_ASSERT(is_const(expr_cast(context, expr_float(context, F32, 1e10), I32), INT32_MAX));
    CU_ASSERT_EQUAL(expr_cast(context, third, F16)->u.f, 0.333251953125);
    CU_ASSERT_PTR_EQUAL(expr_select(context, expr_int(context, BOOL, 0), one, third), third);
    /* an identity that is none for -0 and NaN stays */
    Expr *x = expr_load(context, input(F32, 1, &n), &i);
    CU_ASSERT_PTR_EQUAL(expr_call2(context, S_MUL, x, one), x);
    CU_ASSERT_PTR_NOT_EQUAL(expr_call2(context, S_ADD, x, expr_float(context, F32, 0)), x);
    end();
}

static void test_rounding(void)
{
    begin();
    Dim *n = dim_symbol(context->dims, "N");
    Expr *i = expr_axis(context, axis_dim(context, "i", n));
    Expr *half = expr_load(context, input(F16, 1, &n), &i);
    CU_ASSERT_EQUAL(half->dtype, F32);
    CU_ASSERT_PTR_EQUAL(expr_cast(context, half, F16), half); /* moving rounds nothing */
    Expr *sum = expr_call2(context, S_ADD, half, half), *rounded = expr_cast(context, sum, F16);
    CU_ASSERT(rounded->kind == E_CAST && rounded->storage == F16 && rounded->dtype == F32);
    CU_ASSERT_PTR_EQUAL(expr_cast(context, rounded, F16), rounded);
    CU_ASSERT_EQUAL(expr_cast(context, half, BF16)->kind, E_CAST);
    end();
}

static Expr *rewrite_to_sum(void *who, Value *value, Expr *const *index)
{
    return value == who ? expr_call2(context, S_ADD, expr_load(context, value, index), expr_load(context, value, index))
                        : NULL;
}

static void test_substitute(void)
{
    begin();
    Dim *shape[] = {dim_symbol(context->dims, "N"), dim_symbol(context->dims, "K")};
    Value *x = input(F32, 2, shape);
    Axis *i = axis_dim(context, "i", shape[0]), *k = axis_dim(context, "k", shape[1]);
    Expr *at[] = {expr_axis(context, i), expr_axis(context, k)};
    Expr *body = expr_reduce(context, COMBINE_ADD, &k, 1, expr_load(context, x, at), NULL);
    CU_ASSERT(expr_reads_axis(context, body, i) && expr_reads_value(context, body, x) &&
              !expr_reads_value(context, body, NULL));
    Expr *two = expr_index(context, 2);
    Expr *third_row = expr_substitute(context, body, &i, &two, 1, NULL, NULL);
    CU_ASSERT(!expr_reads_axis(context, third_row, i));
    CU_ASSERT(third_row->kind == E_REDUCE && third_row->over[0] != body->over[0]); /* a bound axis of its own */
    CU_ASSERT(is_const(third_row->arg[0]->index[0], 2));
    CU_ASSERT_PTR_EQUAL(third_row->arg[0]->index[1]->u.axis, third_row->over[0]);
    Expr *doubled = expr_substitute(context, body, NULL, NULL, 0, rewrite_to_sum, x);
    CU_ASSERT_EQUAL(doubled->arg[0]->kind, E_CALL);
    end();
}

static void test_print(void)
{
    begin();
    Dim *shape[] = {dim_symbol(context->dims, "N"), dim_symbol(context->dims, "K")};
    Value *x = graph_add_input(model->graph, "x", type_tensor(F32, 2, shape));
    Axis *k = axis_dim(context, "k", shape[1]);
    Expr *at[] = {expr_index(context, 2), expr_axis(context, k)};
    Expr *load = expr_load(context, x, at),
         *sum = expr_reduce(context, COMBINE_ADD, &k, 1, expr_call1(context, S_EXP, load), NULL);
    char text[200] = "";
    FILE *to = fmemopen(text, sizeof text, "w");
    expr_print(sum, to);
    fclose(to);
    CU_ASSERT_STRING_EQUAL(text, "sum[k in 0 .. K](EXP(x[2, k]))");
    end();
}

/* Two reductions made over the same axis bind one each, also where one stands inside the other. */
static void test_nested(void)
{
    begin();
    Dim *n = size(5);
    Value *x = input(F32, 1, &n);
    Axis *k = axis_dim(context, "k", n);
    Expr *at = expr_axis(context, k), *load = expr_load(context, x, &at);
    Expr *most = expr_reduce(context, COMBINE_MAX, &k, 1, load, NULL);
    Expr *sum = expr_reduce(context, COMBINE_ADD, &k, 1, expr_call2(context, S_SUB, load, most), NULL);
    CU_ASSERT_EQUAL(sum->arg[0]->kind, E_CALL);
    const Expr *left = sum->arg[0]->arg[0], *right = sum->arg[0]->arg[1];
    CU_ASSERT_PTR_EQUAL(left->index[0]->u.axis, sum->over[0]);
    CU_ASSERT(right->kind == E_REDUCE && right->over[0] != sum->over[0]);
    CU_ASSERT_PTR_EQUAL(right->arg[0]->index[0]->u.axis, right->over[0]);
    /* an axis of one point is not looped over */
    Axis *once = axis_dim(context, "o", size(1));
    Expr *first = expr_axis(context, once),
         *point = expr_reduce(context, COMBINE_ADD, &once, 1, expr_load(context, x, &first), NULL);
    CU_ASSERT(point->kind == E_LOAD && is_const(point->index[0], 0));
    end();
}

static void test_as_dim(void)
{
    begin();
    Dim *n = dim_symbol(context->dims, "N"), *three = size(3);
    Value *shape = input(I64, 1, &three);
    shape->element = (Dim *[]){n, NULL, size(4)};
    Axis *axis = axis_dim(context, "i", three);
    Expr *i = expr_axis(context, axis), *element = expr_load(context, shape, &i);
    int64_t at = 0;
    CU_ASSERT_PTR_EQUAL(expr_as_dim(context, element, &axis, &at, 1), n);
    Expr *plus = expr_call2(context, S_ADD, element, expr_int(context, I64, 1));
    CU_ASSERT_PTR_EQUAL(expr_as_dim(context, plus, &axis, &at, 1), dim_add(context->dims, n, size(1)));
    /* a size is never -1, so the choice is known */
    Expr *minus = expr_int(context, I64, -1), *is_minus = expr_call2(context, S_EQUAL, element, minus);
    Expr *chosen = expr_select(context, is_minus, minus, element);
    CU_ASSERT_PTR_EQUAL(expr_as_dim(context, chosen, &axis, &at, 1), n);
    at = 1;
    CU_ASSERT_PTR_NULL(expr_as_dim(context, element, &axis, &at, 1));
    at = 3; /* outside */
    CU_ASSERT_PTR_NULL(expr_as_dim(context, element, &axis, &at, 1));
    /* a product over the ends */
    Axis *k = axis_dim(context, "k", size(2));
    Expr *two = expr_index(context, 2), *end_at = expr_arith(context, I_MUL, expr_axis(context, k), two);
    Expr *product = expr_reduce(context, COMBINE_MUL, &k, 1, expr_load(context, shape, &end_at), NULL);
    CU_ASSERT_PTR_EQUAL(expr_as_dim(context, product, NULL, NULL, 0), dim_mul(context->dims, n, size(4)));
    end();
}

/* ---- operator rows ---- */
static void test_rows(void)
{
    int count;
    const Op *const *op = op_all(&count);
    Schema *schema = calloc(1, sizeof *schema);
    CU_ASSERT(count > 100);
    for (int i = 0; i < count; i++) {
        AttributeSpec spec;
        const bool defined = op[i]->form == FORM_COMPOSED      ? op[i]->compose != NULL
                             : op[i]->form == FORM_ELEMENTWISE ? true
                                                               : op[i]->define != NULL;
        bool fine = schema_parse(op[i]->schema, schema) && defined;
        for (const char *cursor = op[i]->attributes; fine && schema_next_attribute(&cursor, &spec);)
            fine = spec.kind != ATTR_REFERENCE && spec.name.length > 0 &&
                   (!spec.has_default || spec.otherwise.length >= 0);
        if (!fine)
            printf("\n  the row of %s cannot be read\n", op[i]->name);
        CU_ASSERT(fine);
        CU_ASSERT_PTR_EQUAL(op_find(op[i]->domain, op[i]->name), op[i]);
        CU_ASSERT(i == 0 || op[i - 1] != op[i]);
    }
    free(schema);
    CU_ASSERT_PTR_EQUAL(op_find("ai.onnx", "Add"), op_find("", "Add"));
    CU_ASSERT_PTR_NULL(op_find("", "NoSuchOperator"));
}

/* The elementwise rows name functions that take their types and as many operands as they have inputs and attributes. */
static void test_elementwise_rows(void)
{
    int count;
    const Op *const *op = op_all(&count);
    Schema *schema = calloc(1, sizeof *schema);
    for (int i = 0; i < count; i++) {
        AttributeSpec spec;
        if (op[i]->form != FORM_ELEMENTWISE)
            continue;
        CU_ASSERT(schema_parse(op[i]->schema, schema));
        int operands = schema->nin;
        for (const char *cursor = op[i]->attributes; schema_next_attribute(&cursor, &spec);)
            operands++;
        for (int type = 1; type < NUM_DTYPE; type++) {
            const Type tensor = {.kind = TENSOR, .dtype = (DType)type};
            const ScalarInfo *info = scalar_info(op[i]->scalar, dtype_compute((DType)type));
            if (schema_type_matches(schema->in[0].type, &tensor))
                CU_ASSERT(info && info->arity == operands);
        }
    }
    free(schema);
}

static void test_schema(void)
{
    Schema schema;
    CU_ASSERT(schema_parse("data:T axes:int64? rest:any* -> out:T | T=float,int32", &schema));
    CU_ASSERT(schema.nin == 3 && schema.nout == 1 && schema.variadic_in && !schema.variadic_out);
    CU_ASSERT(schema.in[0].is_variable && !schema.in[1].is_variable && schema.in[1].optional);
    Type type = {.kind = TENSOR, .dtype = BF16};
    CU_ASSERT(schema_type_matches(schema.in[0].type, &type));
    type.dtype = I64;
    CU_ASSERT(!schema_type_matches(schema.in[0].type, &type) && schema_type_matches(schema.in[1].type, &type));
    type.kind = SEQUENCE;
    CU_ASSERT(!schema_type_matches(schema.in[2].type, &type));
    CU_ASSERT(!schema_parse("no types", &schema));
}

void suite_loop(void)
{
    static const UnitTest tests[] = {
        {"simplification", test_simplify},
        {"rounding to converted types", test_rounding},
        {"substitution", test_substitute},
        {"each reduction binds its own axis", test_nested},
        {"text", test_print},
        {"symbolic values", test_as_dim},
        {"operator rows", test_rows},
        {"elementwise rows", test_elementwise_rows},
        {"schemas", test_schema},
    };
    ADD_SUITE("loop", tests);
}
