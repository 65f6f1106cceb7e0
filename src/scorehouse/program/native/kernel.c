/* The compiled loops: columns to codes, codes through the trees, leaf values to sums.

   Rows go block by block, so that the codes of a block stay in the first cache while all trees pass over
   them. Each value becomes a code once, of 8 bits where every column has few edges, else of 32; from then on
   every split is a comparison of integers. The top of a tree (up to EXITS ways out) is evaluated without
   branches, for many rows at a time: each split that sends a row to the right strikes out the exits on its
   left, and the first exit that is left over is the row's own. What lies below the exits is walked, several
   rows at a time.

   kernel.py and layout.py mirror the structures below, field by field; VERSION changes with any of them. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 4
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

#include "kernel_reasons.h"

/* One copy of the loops for each level of the processor, the compiler's baseline and AVX2, and for each width
   of the codes. AVX-512 was tried and is no faster. */
#define LEVEL(name) name##_plain
#include "kernel_reasons_leaf.h"
#define CODED(name) name##_plain_narrow
#define CODE uint8_t
#include "kernel_loops.h"
#include "kernel_reasons_loops.h"
#undef CODED
#undef CODE
#define CODED(name) name##_plain_wide
#define CODE uint32_t
#define WIDE
#include "kernel_loops.h"
#include "kernel_reasons_loops.h"
#undef CODED
#undef CODE
#undef WIDE
#undef LEVEL

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2")
#endif
#define LEVEL(name) name##_avx2
#include "kernel_reasons_leaf.h"
#define CODED(name) name##_avx2_narrow
#define CODE uint8_t
#include "kernel_loops.h"
#include "kernel_reasons_loops.h"
#undef CODED
#undef CODE
#define CODED(name) name##_avx2_wide
#define CODE uint32_t
#define WIDE
#include "kernel_loops.h"
#include "kernel_reasons_loops.h"
#undef CODED
#undef CODE
#undef WIDE
#undef LEVEL
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

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

typedef int Explain(const Rows *, const Reasons *, const Plan *, double *, Block *);

static Explain *explainer(int64_t narrow, int64_t plain) {
#if defined(__x86_64__)
    if (!plain && has_avx2()) return narrow ? explain_avx2_narrow : explain_avx2_wide;
#endif
    (void)plain;
    return narrow ? explain_plain_narrow : explain_plain_wide;
}

int64_t scorehouse_version(void) { return VERSION; }

/* Room for a block of rows; returns whether there was memory. */
static int make_block(const Tables *t, Block *b) {
    const size_t block = (size_t)t->block, width = t->narrow ? sizeof(uint8_t) : sizeof(uint32_t);
    b->values = malloc(block * sizeof(double));
    b->raw = malloc(block * width);
    b->missing = malloc(block * width);
    b->codes = calloc((size_t)t->slots + 1, block * width);
    b->planes = malloc(block * sizeof(uint32_t));
    b->categories = calloc((size_t)t->categories + 1, block * sizeof(uint32_t));
    b->left = malloc(block * sizeof(uint32_t));
    return b->values && b->raw && b->missing && b->codes && b->categories && b->planes && b->left;
}

static void free_block(Block *b) {
    free(b->values);
    free(b->raw);
    free(b->missing);
    free(b->codes);
    free(b->planes);
    free(b->categories);
    free(b->left);
}

/* Adds the trees to `out`, of shape (outputs, rows); REFUSED where the estimator refuses a value of X. */
int64_t scorehouse_add_trees(const Rows *X, const Tables *t, double *out, int64_t plain) {
    Block b;
    const int64_t result = make_block(t, &b) ? loops(t->narrow, plain)(X, t, out, &b) : NO_MEMORY;
    free_block(&b);
    return result;
}

/* Makes the tables of all trees; returns whether there was memory. */
static int fill_all(const Reasons *given, const Plan *plan) {
#if defined(__x86_64__)
    if (has_avx2()) return fill_trees_avx2(given, plan);
#endif
    return fill_trees_plain(given, plan);
}

/* The plan of an ensemble, or NULL where there is no memory for it. */
Plan *scorehouse_plan(const Reasons *given) {
    Plan *plan = calloc(1, sizeof *plan);
    const size_t room = (size_t)given->depth + 1;
    Way way = {malloc(room * sizeof(uint32_t)), malloc(room * sizeof(uint32_t)), 0};
    int64_t total = 0;
    int made = plan && way.nodes && way.rights;
    for (int64_t n = 0; made && n < given->tables->n_trees; n++) {
        push_tree(given, plan, &way, &given->tables->trees[n]);
        made = !plan->failed;
        if (made) total += plan->sizes.at[n];
    }
    if (made) push_end(plan);
    made = made && !plan->failed;
    if (made && total && total * (int64_t)sizeof(double) <= given->bytes) {
        plan->tables = malloc((size_t)total * sizeof(double));
        made = plan->tables && fill_all(given, plan);
    }
    free(way.nodes);
    free(way.rights);
    if (made) return plan;
    scorehouse_plan_free(plan);
    return NULL;
}

/* Adds what each feature contributed to `out`, of shape (rows, outputs, features); REFUSED as above. */
int64_t scorehouse_explain(const Rows *X, const Reasons *given, const Plan *plan, double *out, int64_t plain) {
    Block b;
    const Tables *t = given->tables;
    const int64_t result = make_block(t, &b) ? explainer(t->narrow, plain)(X, given, plan, out, &b) : NO_MEMORY;
    free_block(&b);
    return result;
}

/* Which rows of X, at most one block, go right at each node: bits of `sides`, zeros before, with `words` per node. */
int64_t scorehouse_sides(const Rows *X, const Tables *t, int64_t words, uint64_t *sides) {
    Block b;
    int64_t result = NO_MEMORY;
    if (make_block(t, &b)) result = (t->narrow ? sides_plain_narrow : sides_plain_wide)(X, t, words, sides, &b);
    free_block(&b);
    return result;
}

/* The `count` largest of the values of each row by their magnitude: their places (-1 where none is left but zeros)
   and the values, of shape (count, rows), and the sum of all others. Of equal ones, the first. A row's own are kept
   beside each other while it is searched: between the rows of the result lies a page of memory or more. */
void scorehouse_largest(const double *values, int64_t rows, int64_t columns, int64_t count, int32_t *places,
                        double *largest, double *rest) {
    double few[64];
    int32_t few_places[64];
    int is_few = count <= 64;
    for (int64_t r = 0; r < rows; r++, values += columns) {
        double *found = is_few ? few : largest + r;
        int32_t *at = is_few ? few_places : places + r;
        int64_t step = is_few ? 1 : rows;
        for (int64_t i = 0; i < count; i++) {
            at[i * step] = -1;
            found[i * step] = 0.0;
        }
        for (int64_t c = 0; c < columns; c++) {
            int64_t i = count;
            while (i > 0 && fabs(values[c]) > fabs(found[(i - 1) * step])) {
                if (i < count) {
                    at[i * step] = at[(i - 1) * step];
                    found[i * step] = found[(i - 1) * step];
                }
                i--;
            }
            if (i == count) continue;
            at[i * step] = (int32_t)c;
            found[i * step] = values[c];
        }
        double others = 0.0;
        for (int64_t c = 0; c < columns; c++) {
            int chosen = 0;
            for (int64_t i = 0; i < count; i++) chosen |= at[i * step] == c;
            if (!chosen) others += values[c];
        }
        rest[r] = others;
        if (!is_few) continue;
        for (int64_t i = 0; i < count; i++) {
            places[i * rows + r] = at[i];
            largest[i * rows + r] = found[i];
        }
    }
}

/* Replaces each value by its exponential, by the C library's function, which boosters call too. */
void scorehouse_exp(double *values, int64_t count) {
    for (int64_t i = 0; i < count; i++) values[i] = exp(values[i]);
}

void scorehouse_expf(float *values, int64_t count) {
    for (int64_t i = 0; i < count; i++) values[i] = expf(values[i]);
}
