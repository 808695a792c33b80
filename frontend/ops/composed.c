/* composed.c -- rows of the operators whose meaning is an ONNX function of others, in composed.onnxtxt. */
#include "composed.h"

Graph *library_body(Node *node)
{
    return model_find_function(context_library(node->graph->context), node->op->domain, node->op->name, "");
}

#define FIELDS(op_name, opset, op_attributes, op_schema)                                                               \
    .name = op_name, .schema = op_schema, .attributes = op_attributes, .form = FORM_COMPOSED, .compose = compose,      \
    .since = opset
#define ROW(...)                                                                                                       \
    {                                                                                                                  \
        FIELDS(__VA_ARGS__)                                                                                            \
    }
#define RANDOM_ROW(...)                                                                                                \
    {                                                                                                                  \
        FIELDS(__VA_ARGS__), .is_random = true                                                                         \
    }
#define TRAINING_ROW(op_name, op_attributes)                                                                           \
    {                                                                                                                  \
        .name = op_name, .domain = "ai.onnx.preview.training",                                                         \
        .schema = "R:U T:int64 inputs:V* -> outputs:V* | "                                                             \
                  "U=float32,double V=float32,double",                                                                 \
        .attributes = op_attributes, .form = FORM_COMPOSED, .compose = compose, .since = 1                             \
    }

/* clang-format off */
const Op ops_composed[] = {
    ROW("Gelu", 20, "approximate:string=none", "X:T -> Y:T | T=float"),
    ROW("SwiGLU", 28, "alpha:float=1", "A:T B:T -> Y:T | T=float"),
    ROW("Softmax", 13, "axis:int=-1", "input:T -> output:T | T=float"),
    ROW("LogSoftmax", 13, "axis:int=-1", "input:T -> output:T | T=float"),
    ROW("LayerNormalization", 17, "axis:int=-1 epsilon:float=1e-5 stash_type:int=1",
        "X:T Scale:T B:T? -> Y:T Mean:float? InvStdDev:float? | T=float"),
    ROW("RMSNormalization", 23, "axis:int=-1 epsilon:float=1e-5 stash_type:int=1", "X:T scale:V -> Y:V | T=float V=float"),
    ROW("GroupNormalization", 21, "epsilon:float=1e-5 num_groups:int stash_type:int=1",
        "X:T scale:T bias:T -> Y:T | T=float"),
    ROW("MeanVarianceNormalization", 13, "axes:ints?", "X:T -> Y:T | T=float"),
    ROW("NegativeLogLikelihoodLoss", 22, "ignore_index:int? reduction:string=mean",
        "input:T target:I weight:T? -> loss:T | T=float I=int32,int64"),
    ROW("SoftmaxCrossEntropyLoss", 13, "ignore_index:int? reduction:string=mean",
        "scores:T labels:I weights:T? -> output:T log_prob:T? | T=float I=int32,int64"),
    ROW("DynamicQuantizeLinear", 11, "", "x:float32 -> y:uint8 y_scale:float32 y_zero_point:uint8"),
    ROW("HannWindow", 17, "output_datatype:int=1 periodic:int=1", "size:I -> output:number | I=int32,int64"),
    ROW("HammingWindow", 17, "output_datatype:int=1 periodic:int=1", "size:I -> output:number | I=int32,int64"),
    ROW("BlackmanWindow", 17, "output_datatype:int=1 periodic:int=1", "size:I -> output:number | I=int32,int64"),
    ROW("STFT", 17, "onesided:int=1", "signal:T frame_step:I window:T? frame_length:I? -> output:T | T=float I=int32,int64"),
    ROW("MelWeightMatrix", 17, "output_datatype:int=1",
        "num_mel_bins:I dft_length:I sample_rate:I lower_edge_hertz:F upper_edge_hertz:F -> output:number | "
        "I=int32,int64 F=float"),
    ROW("CenterCropPad", 18, "axes:ints?", "input_data:T shape:I -> output_data:T | T=any I=int32,int64"),
    ROW("AffineGrid", 20, "align_corners:int=0", "theta:T size:int64 -> grid:T | T=float"),
    ROW("RotaryEmbedding", 23, "interleaved:int=0 num_heads:int? rotary_embedding_dim:int=0",
        "X:T cos_cache:T sin_cache:T position_ids:int64? -> Y:T | T=float"),
    ROW("Attention", 25, "is_causal:int=0 kv_num_heads:int? left_window_size:int=-1 q_num_heads:int? "
        "qk_matmul_output_mode:int=0 right_window_size:int=-1 scale:float? softcap:float=0 softmax_precision:int?",
        "Q:T K:T V:U attn_mask:M? past_key:T? past_value:U? nonpad_kv_seqlen:int64? -> "
        "Y:T present_key:T? present_value:U? qk_matmul_output:T? | T=float U=float M=number,bool"),
    ROW("CausalConvWithState", 27, "activation:string=none",
        "input:T weight:T bias:T? past_state:T? -> output:T present_state:T | T=float"),
    ROW("LinearAttention", 27, "chunk_size:int=64 kv_num_heads:int q_num_heads:int scale:float=0 update_rule:string=gated_delta",
        "query:T key:T value:T past_state:S? decay:T? beta:T? -> output:T present_state:S | T=float S=float"),
    RANDOM_ROW("Bernoulli", 22, "dtype:int? seed:float?", "input:float -> output:number,bool"),
    RANDOM_ROW("Dropout", 22, "seed:int?", "data:T ratio:F? training_mode:bool? -> output:T mask:bool? | T=float F=float"),
    {.name = "FlexAttention", .domain = "ai.onnx.preview", .schema = "Q:T K:T V:T -> Y:T | T=float",
     .attributes = "prob_mod:graph? scale:float? score_mod:graph? softmax_precision:int?", .form = FORM_COMPOSED,
     .compose = compose, .since = 1},
    {.name = "ArrayFeatureExtractor", .domain = "ai.onnx.ml", .schema = "X:T Y:int64 -> Z:T | T=number", .attributes = "",
     .form = FORM_COMPOSED, .compose = compose, .since = 1},
    {.name = "Binarizer", .domain = "ai.onnx.ml", .schema = "X:T -> Y:T | T=number", .attributes = "threshold:float=0",
     .form = FORM_COMPOSED, .compose = compose, .since = 1},
    TRAINING_ROW("Adagrad", "decay_factor:float=0 epsilon:float=1e-6 norm_coefficient:float=0"),
    TRAINING_ROW("Adam", "alpha:float=0.9 beta:float=0.999 epsilon:float=1e-6 norm_coefficient:float=0 "
                 "norm_coefficient_post:float=0"),
    TRAINING_ROW("Momentum", "alpha:float beta:float mode:string norm_coefficient:float"),
    {.name = NULL},
};
