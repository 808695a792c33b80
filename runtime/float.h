/* float.h -- the narrow floating-point types of ONNX, stored as integers: conversion to float and, rounding to the
 * nearest (ties to even), from float. Types and their layouts are those of ONNX's documents "Float stored in 8 bits"
 * and of the OCP 8-bit floating point and microscaling specifications. */
#ifndef O2C_FLOAT_H
#define O2C_FLOAT_H
#include <stdint.h>

float o2c_float16_to_float(uint16_t bits);
float o2c_bfloat16_to_float(uint16_t bits);
float o2c_float8e4m3fn_to_float(uint8_t bits);
float o2c_float8e4m3fnuz_to_float(uint8_t bits);
float o2c_float8e5m2_to_float(uint8_t bits);
float o2c_float8e5m2fnuz_to_float(uint8_t bits);
float o2c_float8e8m0_to_float(uint8_t bits);
float o2c_float6e2m3_to_float(uint8_t bits);
float o2c_float6e3m2_to_float(uint8_t bits);
float o2c_float4e2m1_to_float(uint8_t bits);

/* What is too large becomes infinity, or NaN where the type has no infinity; the types without both (float6, float4)
 * take their greatest value instead, and -0 for NaN. */
uint16_t o2c_float16_from_float(float x);
uint16_t o2c_bfloat16_from_float(float x);
uint8_t o2c_float8e4m3fn_from_float(float x);
uint8_t o2c_float8e4m3fnuz_from_float(float x);
uint8_t o2c_float8e5m2_from_float(float x);
uint8_t o2c_float8e5m2fnuz_from_float(float x);
uint8_t o2c_float8e8m0_from_float(float x);
uint8_t o2c_float6e2m3_from_float(float x);
uint8_t o2c_float6e3m2_from_float(float x);
uint8_t o2c_float4e2m1_from_float(float x);

/* What is too large, infinities included, becomes the greatest value. NaN stays NaN where the type has it. float8e8m0
 * rounds up, to the next power of two. */
uint8_t o2c_float8e4m3fn_saturate(float x);
uint8_t o2c_float8e4m3fnuz_saturate(float x);
uint8_t o2c_float8e5m2_saturate(float x);
uint8_t o2c_float8e5m2fnuz_saturate(float x);
uint8_t o2c_float8e8m0_saturate(float x);
uint8_t o2c_float6e2m3_saturate(float x);
uint8_t o2c_float6e3m2_saturate(float x);
uint8_t o2c_float4e2m1_saturate(float x);

/* The float next to x whose last bit is 1 unless x is a float: rounding it on to a narrower type gives what rounding x
 * itself would have given. */
float o2c_float_odd(double x);
#endif
