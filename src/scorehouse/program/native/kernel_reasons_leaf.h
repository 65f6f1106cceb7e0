/* What each column of one leaf's path adds, for LANES rows or patterns at a time; compiled once per level of the
   processor (LEVEL). */

#define LANES 8

typedef double LEVEL(Lanes)[LANES];

/* What a sum over leaves needs: of each column of a leaf, whether it holds and what it adds, for LANES rows or
   patterns at a time. */
typedef struct {
    LEVEL(Lanes) * has, *factors, *before, *sums;
    double *shares;
    int64_t *columns;
    uint32_t *bits; /* of the pattern: those that have to be as in `wanted` */
    uint32_t *wanted;
    uint64_t *sides; /* of each column: the background rows for which it holds */
    int64_t *missed; /* for each background row the number of columns that do not hold */
} LEVEL(Leaf);

static void LEVEL(free_leaf)(LEVEL(Leaf) * leaf) {
    free(leaf->has);
    free(leaf->factors);
    free(leaf->before);
    free(leaf->sums);
    free(leaf->shares);
    free(leaf->columns);
    free(leaf->bits);
    free(leaf->wanted);
    free(leaf->sides);
    free(leaf->missed);
}

static int LEVEL(make_leaf)(LEVEL(Leaf) * leaf, const Reasons *given) {
    const size_t room = (size_t)given->depth + 1, words = (size_t)given->words + 1;
    leaf->has = malloc(room * sizeof *leaf->has);
    leaf->factors = malloc(room * sizeof *leaf->factors);
    leaf->before = malloc(room * sizeof *leaf->before);
    leaf->sums = malloc(room * sizeof *leaf->sums);
    leaf->shares = malloc(room * sizeof *leaf->shares);
    leaf->columns = malloc(room * sizeof *leaf->columns);
    leaf->bits = malloc(room * sizeof *leaf->bits);
    leaf->wanted = malloc(room * sizeof *leaf->wanted);
    leaf->sides = malloc(room * words * sizeof *leaf->sides);
    leaf->missed = malloc(words * 64 * sizeof *leaf->missed);
    const int lanes = leaf->has && leaf->factors && leaf->before && leaf->sums;
    const int lists = leaf->shares && leaf->columns && leaf->bits && leaf->wanted;
    return lanes && lists && leaf->sides && leaf->missed;
}

/* What each of `count` columns adds to a leaf of value 1, into `sums`: by the shares of training rows. */
static void LEVEL(by_shares)(const Reasons *given, int64_t count, LEVEL(Leaf) * leaf) {
    const int64_t points = (count + 1) / 2, first = points * (points - 1) / 2;
    LEVEL(Lanes) *restrict has = leaf->has, *restrict factors = leaf->factors, *restrict before = leaf->before,
                 *restrict sums = leaf->sums;
    for (int64_t i = 0; i < count; i++)
        for (int64_t l = 0; l < LANES; l++) sums[i][l] = 0.0;
    for (int64_t p = first; p < first + points; p++) {
        const double t = given->points[p], weight = given->weights[p];
        LEVEL(Lanes) running;
        for (int64_t l = 0; l < LANES; l++) running[l] = weight;
        for (int64_t i = 0; i < count; i++) {
            const double other = (1.0 - t) * leaf->shares[i];
            for (int64_t l = 0; l < LANES; l++) {
                before[i][l] = running[l];
                factors[i][l] = t * has[i][l] + other;
                running[l] *= factors[i][l];
            }
        }
        for (int64_t l = 0; l < LANES; l++) running[l] = 1.0;
        for (int64_t i = count - 1; i >= 0; i--)
            for (int64_t l = 0; l < LANES; l++) {
                sums[i][l] += before[i][l] * running[l];
                running[l] *= factors[i][l];
            }
    }
    for (int64_t i = 0; i < count; i++)
        for (int64_t l = 0; l < LANES; l++) sums[i][l] *= has[i][l] - leaf->shares[i];
}

/* Counts for each background row the columns of a leaf that do not hold. */
static void LEVEL(count_missed)(const Reasons *given, int64_t count, LEVEL(Leaf) * leaf) {
    for (int64_t z = 0; z < given->background; z++) leaf->missed[z] = count;
    for (int64_t i = 0; i < count; i++) {
        const uint64_t *sides = leaf->sides + i * given->words;
        for (int64_t z = 0; z < given->background; z++)
            leaf->missed[z] -= (int64_t)(sides[z >> 6] >> (z & 63) & 1);
    }
}

/* The same as `by_shares` for the first `lanes`, against the background rows that `count_missed` has counted. */
static void LEVEL(by_background)(const Reasons *given, int64_t count, int64_t lanes, LEVEL(Leaf) * leaf) {
    const int64_t words = given->words, *restrict missed = leaf->missed;
    const double share = 1.0 / (double)given->background;
    for (int64_t l = 0; l < lanes; l++) {
        uint64_t with[MOST_WORDS], any = 0; /* the rows that hold wherever the explained one does not */
        int64_t lacks = 0;
        for (int64_t w = 0; w < words; w++) with[w] = everyone(given, w);
        for (int64_t i = 0; i < count; i++) {
            leaf->sums[i][l] = 0.0;
            if (leaf->has[i][l] != 0.0) continue;
            lacks++;
            for (int64_t w = 0; w < words; w++) with[w] &= leaf->sides[i * words + w];
        }
        for (int64_t w = 0; w < words; w++) any |= with[w];
        if (!any) continue;
        const double *gains = given->weights + lacks, *losses = given->weights + lacks * given->stride;
        double loss = 0.0;
        for (int64_t w = 0; lacks && w < words; w++)
            for (uint64_t rows = with[w]; rows; rows &= rows - 1) loss += losses[missed[64 * w + lowest(rows)]];
        for (int64_t i = 0; i < count; i++) {
            double sum = -loss;
            if (leaf->has[i][l] != 0.0) {
                sum = 0.0;
                for (int64_t w = 0; w < words; w++)
                    for (uint64_t rows = with[w] & ~leaf->sides[i * words + w]; rows; rows &= rows - 1)
                        sum += gains[missed[64 * w + lowest(rows)] * given->stride];
            }
            leaf->sums[i][l] = sum * share;
        }
    }
}

static void LEVEL(shapley)(const Reasons *given, int64_t count, int64_t lanes, LEVEL(Leaf) * leaf) {
    if (given->background)
        LEVEL(by_background)(given, count, lanes, leaf);
    else
        LEVEL(by_shares)(given, count, leaf);
}
