/* tfidf_i64.c -- TfIdfVectorizer of int64_t. */
#define O2C_ELEMENT    int64_t
#define O2C_NAME(name) name##_i64
#include "tfidf.h"
