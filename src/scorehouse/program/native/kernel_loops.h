/* The loops of kernel.c, compiled once per level of the processor and per width of the codes: CODED(name) gives
   each its own name, CODE is the type of a code. Only WIDE codes can be in the order of float32. */

#define AT_A_TIME (128 / (int64_t)sizeof(CODE)) /* rows whose exits are struck out together */

/* How many edges lie below each value. A value's cell says how many lie below that cell, and a search by halving
   finds how many of the next 2^steps - 1 do; the edges of other cells lie above the value or do not exist. A
   comparison is shifted into its place: to choose by it would be a branch, which guesses wrong half of the
   time. */
static void CODED(rank)(const double *restrict values, int64_t rows, const Column *column, const Tables *t,
                        uint32_t *restrict cell, CODE *restrict raw) {
    const Span span = t->spans[column->span];
    for (int64_t r = 0; r < rows; r++) {
        double place = (values[r] - span.low) * span.scale; /* never falls where values rise */
        place = place > 0.0 ? place : 0.0;                  /* NaN becomes 0, and is missing */
        cell[r] = (uint32_t)(int32_t)(place < span.last ? place : span.last);
    }
    const uint32_t *restrict below = t->below + column->below;
    const double *restrict edges = t->edges + column->first;
    if (column->steps == 1) {
        for (int64_t r = 0; r < rows; r++) {
            const uint32_t here = below[cell[r]];
            raw[r] = (CODE)(here + (edges[here] < values[r]));
        }
    } else if (column->steps == 2) {
        for (int64_t r = 0; r < rows; r++) {
            uint32_t here = below[cell[r]];
            here += (uint32_t)(edges[here + 1] < values[r]) << 1;
            raw[r] = (CODE)(here + (edges[here] < values[r]));
        }
    } else {
        for (int64_t r = 0; r < rows; r++) {
            uint32_t here = below[cell[r]];
            for (int64_t step = column->steps - 1; step >= 0; step--)
                here += (uint32_t)(edges[here + ((uint32_t)1 << step) - 1] < values[r]) << step;
            raw[r] = (CODE)here;
        }
    }
}

/* The code of each category, cut to a whole number; `limit` for what can be none below it. */
static void CODED(categorize)(const double *restrict values, int64_t rows, int64_t limit, uint32_t *restrict codes) {
    const double bound = (double)limit;
    for (int64_t r = 0; r < rows; r++) {
        const double value = values[r];
        codes[r] = -1.0 < value && value < bound ? (uint32_t)(int32_t)value : (uint32_t)limit;
    }
}

#ifdef WIDE
/* The float32 of each value as an integer of the same order. */
static void CODED(order)(const double *restrict values, int64_t rows, CODE *restrict raw) {
    for (int64_t r = 0; r < rows; r++) {
        const float single = (float)values[r] + 0.0f; /* -0.0 becomes 0.0 */
        uint32_t bits;
        memcpy(&bits, &single, sizeof bits);
        raw[r] = bits ^ (bits >> 31 ? UINT32_MAX : 0x80000000u);
    }
}
#endif

/* Whether a value is infinite as float32. */
static int CODED(has_infinite)(const double *restrict values, int64_t rows) {
    int found = 0;
    for (int64_t r = 0; r < rows; r++) found |= fabsf((float)values[r]) == INFINITY;
    return found;
}

/* Sets all bits where a value is missing; returns whether there was any. */
static int CODED(find_missing)(const double *restrict values, int64_t rows, int zero, CODE *restrict missing) {
    CODE found = 0;
    for (int64_t r = 0; r < rows; r++) {
        const int is_missing = (values[r] != values[r]) | (zero & (fabs(values[r]) <= ZERO));
        missing[r] = (CODE)-is_missing;
        found |= missing[r];
    }
    return found != 0;
}

/* The codes of a block of rows; returns 0 where the estimator refuses one of its values. */
static int CODED(encode)(const Rows *X, int64_t start, int64_t rows, const Tables *t, Block *b) {
    CODE *codes = b->codes, *restrict raw = b->raw, *restrict missing = b->missing;
    for (int64_t c = 0; c < t->n_columns; c++) {
        const Column *column = &t->columns[c];
        const double *values = X->columns[column->position] + start * X->step;
        if (X->step != 1) {
            for (int64_t r = 0; r < rows; r++) b->values[r] = values[r * X->step];
            values = b->values;
        }
        if (column->kind == CATEGORY) {
            CODED(categorize)(values, rows, column->limit, b->categories + column->low);
            continue;
        }
        if (column->kind == SINGLE) {
            for (int64_t r = 0; r < rows; r++) b->values[r] = (double)(float)values[r];
            values = b->values;
        }
        if (column->kind == RANK || column->kind == SINGLE)
            CODED(rank)(values, rows, column, t, b->left, raw);
#ifdef WIDE
        if (column->kind == ORDER) CODED(order)(values, rows, raw);
#endif
        if ((column->kind == SINGLE || column->kind == ORDER || column->kind == CHECKED) && !t->takes_infinite && CODED(has_infinite)(values, rows)) return 0;
        if (CODED(find_missing)(values, rows, (int)column->zero, missing) && !t->takes_missing) return 0;
        if (column->high >= 0) {
            CODE *restrict high = codes + column->high;
            for (int64_t r = 0; r < rows; r++) high[r] = raw[r] | missing[r];
        }
        if (column->low >= 0) {
            CODE *restrict low = codes + column->low;
            for (int64_t r = 0; r < rows; r++) low[r] = (CODE)((raw[r] + 1) & ~missing[r]);
        }
    }
    return 1;
}

/* For each split by category of a tree, 1 where a row goes to the right. */
static void CODED(categories)(int64_t rows, const Tree *tree, const Tables *t, Block *b) {
    for (int64_t c = tree->split_from; c < tree->split_to; c++) {
        const Split *split = &t->splits[c];
        const uint32_t *restrict source = b->categories + split->source;
        const uint32_t *restrict words = t->words + split->word;
        CODE *restrict target = (CODE *)b->codes + split->target;
        for (int64_t r = 0; r < rows; r++) target[r] = (CODE)((words[source[r] >> 5] >> (source[r] & 31)) & 1);
    }
}

typedef CODE CODED(Codes) __attribute__((vector_size(32), aligned(1), may_alias));

/* Of AT_A_TIME rows, the exits of one plane that are left over. */
static void CODED(strike_plane)(const Strike *restrict strike, const Strike *end, const CODE *codes, CODE *left) {
    typedef CODED(Codes) Codes;
    Codes a = {0}, b, c, d;
    a = ~a;
    b = c = d = a;
    for (; strike < end; strike++) {
        const Codes *row = (const Codes *)(codes + strike->place);
        const CODE edge = (CODE)strike->edge, mask = (CODE)strike->mask;
        a &= (Codes)(row[0] <= edge) | mask;
        b &= (Codes)(row[1] <= edge) | mask;
        c &= (Codes)(row[2] <= edge) | mask;
        d &= (Codes)(row[3] <= edge) | mask;
    }
    Codes *into = (Codes *)left;
    into[0] = a;
    into[1] = b;
    into[2] = c;
    into[3] = d;
}

/* The exits of a tree's top that are left over for each row. */
static void CODED(strike)(int64_t rows, const Tree *tree, const Tables *t, const Block *b) {
    const CODE *codes = b->codes;
    CODE *planes = b->planes;
    for (int64_t plane = 0; plane < tree->planes; plane++) {
        const Strike *from = t->strikes + tree->strikes[plane], *to = t->strikes + tree->strikes[plane + 1];
        for (int64_t r = 0; r < rows; r += AT_A_TIME)
            CODED(strike_plane)(from, to, codes + r, planes + plane * t->block + r);
    }
    uint32_t *restrict left = b->left;
    const CODE *restrict p0 = planes, *restrict p1 = p0 + t->block, *restrict p2 = p1 + t->block,
                        *restrict p3 = p2 + t->block;
    if (tree->planes == 1)
        for (int64_t r = 0; r < rows; r++) left[r] = p0[r];
    else if (tree->planes == 2)
        for (int64_t r = 0; r < rows; r++) left[r] = p0[r] | (uint32_t)p1[r] << 8;
    else if (tree->planes == 3)
        for (int64_t r = 0; r < rows; r++) left[r] = p0[r] | (uint32_t)p1[r] << 8 | (uint32_t)p2[r] << 16;
    else
        for (int64_t r = 0; r < rows; r++)
            left[r] = p0[r] | (uint32_t)p1[r] << 8 | (uint32_t)p2[r] << 16 | (uint32_t)p3[r] << 24;
}

/* One level down from a node; a leaf leads to itself. */
#define DOWN(node, row) (lefts[node] + (nodes[node].edge < (row)[nodes[node].place]))

/* From the exits that are left over to each row's leaf. */
static void CODED(walk)(int64_t rows, const Tree *tree, const Tables *t, const Block *b) {
    const CODE *restrict codes = b->codes;
    const Node *restrict nodes = t->nodes;
    const uint32_t *restrict lefts = t->lefts;
    uint32_t *restrict left = b->left;
    const uint32_t first = (uint32_t)tree->first;
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4, codes += 4) {
        uint32_t i = first + (uint32_t)__builtin_ctz(left[r]), j = first + (uint32_t)__builtin_ctz(left[r + 1]),
                 k = first + (uint32_t)__builtin_ctz(left[r + 2]), l = first + (uint32_t)__builtin_ctz(left[r + 3]);
        for (int64_t level = 0; level < tree->depth; level++) {
            i = DOWN(i, codes);
            j = DOWN(j, codes + 1);
            k = DOWN(k, codes + 2);
            l = DOWN(l, codes + 3);
        }
        left[r] = i;
        left[r + 1] = j;
        left[r + 2] = k;
        left[r + 3] = l;
    }
    for (; r < rows; r++, codes++) {
        uint32_t i = first + (uint32_t)__builtin_ctz(left[r]);
        for (int64_t level = 0; level < tree->depth; level++) i = DOWN(i, codes);
        left[r] = i;
    }
}
#undef DOWN

/* Adds the values of the leaves, in the precision of the library. */
static void CODED(sum)(int64_t rows, const Tree *tree, const Tables *t, const Block *b, double *out, int64_t stride) {
    const uint32_t *restrict leaf = b->left;
    const int64_t outputs = t->outputs;
    double *restrict sums = out + tree->output * stride;
    if (t->single) {
        for (int64_t k = 0; k < outputs; k++, sums += stride)
            for (int64_t r = 0; r < rows; r++)
                sums[r] = (double)(float)(sums[r] + t->values[(int64_t)leaf[r] * outputs + k]);
    } else if (outputs == 2) {
        double *restrict others = sums + stride;
        for (int64_t r = 0; r < rows; r++) {
            const double *value = t->values + 2 * (int64_t)leaf[r];
            sums[r] += value[0];
            others[r] += value[1];
        }
    } else {
        for (int64_t k = 0; k < outputs; k++, sums += stride)
            for (int64_t r = 0; r < rows; r++) sums[r] += t->values[(int64_t)leaf[r] * outputs + k];
    }
}

static int CODED(add)(const Rows *X, const Tables *t, double *out, Block *b) {
    for (int64_t start = 0; start < X->rows; start += t->block) {
        const int64_t rows = X->rows - start < t->block ? X->rows - start : t->block;
        if (!CODED(encode)(X, start, rows, t, b)) return REFUSED;
        for (int64_t n = 0; n < t->n_trees; n++) {
            const Tree *tree = &t->trees[n];
            CODED(categories)(rows, tree, t, b);
            CODED(strike)(rows, tree, t, b);
            if (tree->depth == 0 && t->outputs == 1 && !t->single) { /* no pass of its own for the exits */
                const double *restrict values = t->values + tree->first;
                double *restrict sums = out + tree->output * X->rows + start;
                for (int64_t r = 0; r < rows; r++) sums[r] += values[__builtin_ctz(b->left[r])];
                continue;
            }
            CODED(walk)(rows, tree, t, b);
            CODED(sum)(rows, tree, t, b, out + start, X->rows);
        }
    }
    return ADDED;
}
#undef AT_A_TIME
