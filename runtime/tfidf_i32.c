/* tfidf_i32.c -- TfIdfVectorizer of int32_t. */
#define O2C_ELEMENT    int32_t
#define O2C_NAME(name) name##_i32
#include "tfidf.h"
