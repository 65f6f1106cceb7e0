/* The loops of kernel.c, compiled once per level of the processor: LEVEL(name) gives each its own name. */

/* How many edges lie below each value, by halving; `edges` has 2^steps - 1 entries. A comparison is shifted
   into its place: to choose by it would be a branch, which guesses wrong half of the time. */
static void LEVEL(rank)(const double *restrict values, int64_t rows, const double *restrict edges, int64_t steps,
                        int32_t *restrict codes) {
    for (int64_t r = 0; r < rows; r++) codes[r] = 0;
    for (int64_t step = steps - 1; step >= 0; step--) {
        const uint32_t last = ((uint32_t)1 << step) - 1;
        for (int64_t r = 0; r < rows; r++) {
            const uint32_t here = (uint32_t)codes[r];
            codes[r] = (int32_t)(here + ((uint32_t)(edges[here + last] < values[r]) << step));
        }
    }
}

/* The float32 of each value as an integer of the same order; returns whether one is infinite. */
static int LEVEL(order)(const double *restrict values, int64_t rows, int32_t *restrict codes) {
    int infinite = 0;
    for (int64_t r = 0; r < rows; r++) {
        const float single = (float)values[r] + 0.0f; /* -0.0 becomes 0.0 */
        int32_t bits;
        memcpy(&bits, &single, sizeof bits);
        infinite |= (bits & INT32_MAX) == 0x7F800000;
        codes[r] = bits ^ (bits < 0 ? INT32_MAX : 0);
    }
    return infinite;
}

/* The code of each category, cut to a whole number; `limit` for what can be none below it. */
static void LEVEL(categorize)(const double *restrict values, int64_t rows, int64_t limit, int32_t *restrict codes) {
    const double bound = (double)limit;
    for (int64_t r = 0; r < rows; r++) {
        const double value = values[r];
        codes[r] = -1.0 < value && value < bound ? (int32_t)value : (int32_t)limit;
    }
}

/* Gives missing values their code; returns whether there were any. */
static int LEVEL(missing)(const double *restrict values, int64_t rows, int zero, int32_t code,
                          int32_t *restrict codes) {
    int found = 0;
    for (int64_t r = 0; r < rows; r++) {
        const int is_missing = values[r] != values[r] || (zero && fabs(values[r]) <= ZERO);
        found |= is_missing;
        codes[r] = is_missing ? code : codes[r];
    }
    return found;
}

/* The codes of a block of rows; returns 0 where the estimator refuses one of its values. */
static int LEVEL(encode)(const Rows *X, int64_t start, int64_t rows, const Tables *t, Block *b) {
    for (int64_t c = 0; c < t->n_columns; c++) {
        const Column *column = &t->columns[c];
        const double *source = X->values + start * X->row_step + column->position * X->column_step;
        for (int64_t r = 0; r < rows; r++) b->values[r] = source[r * X->row_step];
        const int64_t place = column->low >= 0 ? column->low : column->high;
        int32_t *into = place >= 0 ? b->codes + place : b->spare;
        if (column->kind == RANK) {
            LEVEL(rank)(b->values, rows, t->edges + column->first, column->size, into);
        } else if (column->kind == CATEGORY) {
            LEVEL(categorize)(b->values, rows, column->size, into);
            continue;
        } else if (LEVEL(order)(b->values, rows, into) && !t->takes_infinite) {
            return 0;
        }
        if (column->low >= 0 && column->high >= 0)
            memcpy(b->codes + column->high, b->codes + column->low, (size_t)rows * sizeof(int32_t));
        int missing = 0;
        if (column->high >= 0)
            missing |= LEVEL(missing)(b->values, rows, (int)column->zero, INT32_MAX, b->codes + column->high);
        if (column->low >= 0 || place < 0)
            missing |= LEVEL(missing)(b->values, rows, (int)column->zero, INT32_MIN, into);
        if (missing && !t->takes_missing) return 0;
    }
    return 1;
}

/* For each split by category of a tree, 1 where a row goes to the right. */
static void LEVEL(categories)(int64_t rows, const Tree *tree, const Tables *t, int32_t *codes) {
    for (int64_t c = tree->split_from; c < tree->split_to; c++) {
        const Split *split = &t->splits[c];
        const int32_t *source = codes + split->source;
        const uint32_t *words = t->words + split->word;
        int32_t *target = codes + split->target;
        for (int64_t r = 0; r < rows; r++) {
            const uint32_t code = (uint32_t)source[r];
            target[r] = (int32_t)((words[code >> 5] >> (code & 31)) & 1);
        }
    }
}

/* The exits of a tree's top that are left over for each row. */
static void LEVEL(strike)(int64_t rows, const Tree *tree, const Tables *t, const int32_t *restrict codes,
                          uint32_t *restrict left) {
    for (int64_t r = 0; r < rows; r++) left[r] = UINT32_MAX;
    for (int64_t s = tree->top_from; s < tree->top_to; s++) {
        const int32_t *row = codes + t->top[s].place;
        const int32_t edge = (int32_t)t->top[s].edge;
        const uint32_t mask = t->masks[s];
        for (int64_t r = 0; r < rows; r++) left[r] &= row[r] > edge ? mask : UINT32_MAX;
    }
}

/* From each row's exit down to its leaf, which leads to itself. */
static void LEVEL(walk)(int64_t rows, int64_t depth, const Tables *t, const int32_t *restrict codes,
                        uint32_t *restrict here) {
    const uint32_t *restrict places = t->node_place, *restrict lefts = t->node_left;
    const int32_t *restrict edges = t->node_edge;
    for (int64_t level = 0; level < depth; level++) {
        for (int64_t r = 0; r < rows; r++) {
            const uint32_t node = here[r];
            const uint32_t right = codes[places[node] + (uint32_t)r] > edges[node];
            here[r] = lefts[node] + right;
        }
    }
}

static int LEVEL(add)(const Rows *X, const Tables *t, double *out, Block *b) {
    for (int64_t start = 0; start < X->rows; start += t->block) {
        const int64_t rows = X->rows - start < t->block ? X->rows - start : t->block;
        if (!LEVEL(encode)(X, start, rows, t, b)) return REFUSED;
        for (int64_t n = 0; n < t->n_trees; n++) {
            const Tree *tree = &t->trees[n];
            const uint32_t *exits = t->exits + n * EXITS;
            LEVEL(categories)(rows, tree, t, b->codes);
            LEVEL(strike)(rows, tree, t, b->codes, b->left);
            for (int64_t r = 0; r < rows; r++) b->left[r] = exits[__builtin_ctz(b->left[r])];
            LEVEL(walk)(rows, tree->depth, t, b->codes, b->left);
            for (int64_t k = 0; k < t->outputs; k++) {
                double *sums = out + (tree->output + k) * X->rows + start;
                const double *leaf = t->node_value + k;
                if (t->single)
                    for (int64_t r = 0; r < rows; r++)
                        sums[r] = (double)(float)(sums[r] + leaf[(int64_t)b->left[r] * t->outputs]);
                else
                    for (int64_t r = 0; r < rows; r++) sums[r] += leaf[(int64_t)b->left[r] * t->outputs];
            }
        }
    }
    return ADDED;
}
