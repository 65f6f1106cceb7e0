/* The compiled loops: columns to codes, codes through the trees, leaf values to sums.

   Rows go block by block, so that the codes of a block stay in the first cache while all trees pass over
   them. Each value becomes a code once, of 8 bits where every column has few edges, else of 32; from then on
   every split is a comparison of integers. The top of a tree (up to EXITS ways out) is evaluated without
   branches, for many rows at a time: each split that sends a row to the right strikes out the exits on its
   left, and the first exit that is left over is the row's own. What lies below the exits is walked, several
   rows at a time.

   kernel.py and packing.py mirror the structures below, field by field; VERSION changes with any of them. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 2
#define ZERO ((double)1e-35f) /* LightGBM's kZeroThreshold: what is at most this far from 0 counts as 0 */

enum { RANK, SINGLE, CATEGORY, CHECKED, ORDER }; /* how a column becomes codes */
enum { ADDED, REFUSED, NO_MEMORY };              /* what add_trees returns */

/* One column of X and one way to read it: where its codes go in a block with missing values lowest and with
   missing values highest (-1: nowhere). RANK: by the edges below it; its first edge, its span, the first cell of
   `below` and the number of halvings. SINGLE: the same, of its value as float32; ORDER: this value in the order
   of float32. CATEGORY: the limit of the codes. CHECKED columns are read by no tree, but the estimator refuses
   some values all the same. */
typedef struct {
    int64_t position, kind, zero, low, high, limit, first, span, below, steps;
} Column;

/* The cells of a column have the same width: a value is in cell (value - low) * scale, up to `last`. */
typedef struct {
    double low, scale, last;
} Span;

/* One tree: its range in `splits`, the depth below its exits, the output that it adds to, the node of its first
   exit, its planes (as many exits as a code has bits), and where the strikes of each begin and the last end. */
typedef struct {
    int64_t split_from, split_to, depth, output, first, planes, strikes[5];
} Tree;

/* A split by category: where its column's codes and its own answers stand, and its first word of bits. */
typedef struct {
    int64_t source, target, word;
} Split;

/* A row goes right where its code at `place` is above `edge`; then only the exits in `mask` are left. */
typedef struct {
    uint32_t place, edge, mask;
} Strike;

/* A node below the exits; `left` is the first of its two children, or a leaf itself. */
typedef struct {
    uint32_t place, edge;
} Node;

typedef struct {
    const Column *columns;
    const double *edges;
    const Span *spans;
    const uint32_t *below;
    const Tree *trees;
    const Split *splits;
    const uint32_t *words;
    const Strike *strikes;
    const Node *nodes;
    const uint32_t *lefts;
    const double *values;
    int64_t n_columns, n_trees, outputs, slots, categories, block;
    int64_t takes_missing, takes_infinite, single, narrow;
} Tables;

/* Where each column of X begins, and its step from row to row, counted in doubles. */
typedef struct {
    const double *const *columns;
    int64_t rows, step;
} Rows;

/* What a block of rows needs: `raw` and `missing` of one column, the codes of all slots, the codes of
   categories, and which exits are left, in planes and whole. */
typedef struct {
    double *values;
    void *raw, *missing, *codes, *planes;
    uint32_t *categories, *left;
} Block;

/* One copy of the loops for each level of the processor, the compiler's baseline and AVX2, and for each width
   of the codes. AVX-512 was tried and is no faster. */
#define LEVEL(name) name##_plain
#define CODED(name) name##_plain_narrow
#define CODE uint8_t
#include "kernel_loops.h"
#undef CODED
#undef CODE
#define CODED(name) name##_plain_wide
#define CODE uint32_t
#define WIDE
#include "kernel_loops.h"
#undef CODED
#undef CODE
#undef WIDE
#undef LEVEL

#if defined(__x86_64__)
#include <cpuid.h>
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2"))), apply_to = function)
#define LEVEL(name) name##_avx2
#define CODED(name) name##_avx2_narrow
#define CODE uint8_t
#include "kernel_loops.h"
#undef CODED
#undef CODE
#define CODED(name) name##_avx2_wide
#define CODE uint32_t
#define WIDE
#include "kernel_loops.h"
#undef CODED
#undef CODE
#undef WIDE
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

/* The loops for this processor and these codes; `plain` asks for the baseline. */
static Add *loops(int64_t narrow, int64_t plain) {
#if defined(__x86_64__)
    if (!plain && has_avx2()) return narrow ? add_avx2_narrow : add_avx2_wide;
#endif
    (void)plain;
    return narrow ? add_plain_narrow : add_plain_wide;
}

int64_t scorehouse_version(void) { return VERSION; }

/* Adds the trees to `out`, of shape (outputs, rows); REFUSED where the estimator refuses a value of X. */
int64_t scorehouse_add_trees(const Rows *X, const Tables *t, double *out, int64_t plain) {
    const size_t block = (size_t)t->block, width = t->narrow ? sizeof(uint8_t) : sizeof(uint32_t);
    Block b = {
        malloc(block * sizeof(double)),
        malloc(block * width),
        malloc(block * width),
        calloc((size_t)t->slots + 1, block * width),
        malloc(block * sizeof(uint32_t)),
        calloc((size_t)t->categories + 1, block * sizeof(uint32_t)),
        malloc(block * sizeof(uint32_t)),
    };
    int64_t result = NO_MEMORY;
    if (b.values && b.raw && b.missing && b.codes && b.categories && b.planes && b.left)
        result = loops(t->narrow, plain)(X, t, out, &b);
    free(b.values);
    free(b.raw);
    free(b.missing);
    free(b.codes);
    free(b.categories);
    free(b.planes);
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
