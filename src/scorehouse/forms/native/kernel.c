/* The compiled loops: columns to codes, codes through the trees, leaf values to sums.

   Rows go block by block, so that the codes of a block stay in the first cache while all trees pass over
   them. Each value becomes a 32-bit code once; from then on every split is a comparison of integers, done for
   many rows at a time. The top of a tree (up to EXITS ways out) is evaluated without branches: each split
   that sends a row to the right strikes out the exits on its left, and the first exit that is left over is
   the row's own. What lies below the exits is walked, one level for all rows of the block at a time.

   kernel.py mirrors the structures below, field by field; VERSION changes with any of them. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define EXITS 32
#define ZERO ((double)1e-35f) /* LightGBM's kZeroThreshold: what is at most this far from 0 counts as 0 */

enum { RANK, SINGLE, CATEGORY, CHECKED }; /* how a column becomes codes */
enum { ADDED, REFUSED, NO_MEMORY };       /* what add_trees returns */

/* One column of X and one way to read it: where its codes go in a block with missing values lowest and with
   missing values highest (-1: nowhere); for RANK the first edge and the number of halvings, for CATEGORY the
   limit of the codes. CHECKED columns are read by no tree, but the estimator refuses them all the same. */
typedef struct {
    int64_t position, kind, zero, low, high, first, size;
} Column;

/* One tree: its ranges in `splits` and `top`, the depth below its exits, the output that it adds to. */
typedef struct {
    int64_t split_from, split_to, top_from, top_to, depth, output;
} Tree;

/* A split by category: where its column's codes and its own answers stand, and its first word of bits. */
typedef struct {
    int64_t source, target, word;
} Split;

/* A split of a tree's top: a row goes right where its code at `place` is above `edge`. */
typedef struct {
    int64_t place, edge;
} Top;

typedef struct {
    const Column *columns;
    const double *edges;
    const Tree *trees;
    const Split *splits;
    const uint32_t *words;
    const Top *top;
    const uint32_t *masks;
    const uint32_t *exits;
    const uint32_t *node_place;
    const int32_t *node_edge;
    const uint32_t *node_left;
    const double *node_value;
    int64_t n_columns, n_trees, outputs, slots, block;
    int64_t takes_missing, takes_infinite, single;
} Tables;

/* Doubles of shape (rows, columns), the steps counted in doubles. */
typedef struct {
    const double *values;
    int64_t rows, row_step, column_step;
} Rows;

typedef struct {
    double *values;
    int32_t *codes, *spare;
    uint32_t *left;
} Block;

/* One copy of the loops for each level of the processor: the compiler's baseline, and AVX2. AVX-512 was tried
   and is no faster, since most of the time goes into gathers. */
#define LEVEL(name) name##_plain
#include "kernel_loops.h"
#undef LEVEL

#if defined(__x86_64__)
#include <cpuid.h>
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2"))), apply_to = function)
#define LEVEL(name) name##_avx2
#include "kernel_loops.h"
#undef LEVEL
#pragma clang attribute pop

/* Whether processor and operating system both know AVX2. */
static int has_avx2(void) {
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX)) return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 6) != 6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    return (b & bit_AVX2) && (b & bit_BMI) && (b & bit_BMI2);
}
#endif

typedef int Add(const Rows *, const Tables *, double *, Block *);

/* The loops for this processor; `plain` asks for the baseline. */
static Add *loops(int64_t plain) {
#if defined(__x86_64__)
    if (!plain && has_avx2()) return add_avx2;
#endif
    (void)plain;
    return add_plain;
}

int64_t scorehouse_version(void) { return VERSION; }

/* Adds the trees to `out`, of shape (outputs, rows); REFUSED where the estimator refuses a value of X. */
int64_t scorehouse_add_trees(const Rows *X, const Tables *t, double *out, int64_t plain) {
    const size_t block = (size_t)t->block;
    Block b = {
        malloc(block * sizeof(double)),
        calloc((size_t)(t->slots > 0 ? t->slots : 1) * block, sizeof(int32_t)),
        malloc(block * sizeof(int32_t)),
        malloc(block * sizeof(uint32_t)),
    };
    int64_t result = NO_MEMORY;
    if (b.values && b.codes && b.spare && b.left) result = loops(plain)(X, t, out, &b);
    free(b.values);
    free(b.codes);
    free(b.spare);
    free(b.left);
    return result;
}

/* Replaces each value by its exponential, by the C library's function, which boosters call too. */
void scorehouse_exp(double *values, int64_t count) {
    for (int64_t i = 0; i < count; i++) values[i] = exp(values[i]);
}

void scorehouse_expf(float *values, int64_t count) {
    for (int64_t i = 0; i < count; i++) values[i] = expf(values[i]);
}
