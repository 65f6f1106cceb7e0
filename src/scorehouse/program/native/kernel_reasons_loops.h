/* The loops of kernel_reasons.h, compiled once per level of the processor (LEVEL) and width of the codes (CODED). */

#ifndef WIDE /* what does not depend on codes, once per level */

/* Adds one leaf to the table of its group; `count` columns are in `leaf`. */
static void LEVEL(fill_leaf)(const Reasons *given, const Plan *plan, const Group *group, uint32_t node,
                             int64_t count, LEVEL(Leaf) * leaf, double *table) {
    const int64_t bits = group->step_to - group->step_from + group->split_to - group->split_from;
    const int64_t *targets = plan->targets.at + group->target_from;
    const int64_t patterns = (int64_t)1 << bits;
    if (given->background) LEVEL(count_missed)(given, count, leaf);
    for (int64_t start = 0; start < patterns; start += LANES) {
        const int64_t lanes = patterns - start < LANES ? patterns - start : LANES;
        for (int64_t i = 0; i < count; i++)
            for (int64_t l = 0; l < LANES; l++)
                leaf->has[i][l] = (((uint32_t)(start + l) ^ leaf->wanted[i]) & leaf->bits[i]) == 0;
        LEVEL(shapley)(given, count, lanes, leaf);
        for (int64_t w = 0; w < group->width; w++) {
            const int64_t feature = targets[w] % given->features, output = targets[w] / given->features;
            for (int64_t k = 0; k < given->tables->outputs; k++) {
                if (given->tables->outputs > 1 && given->explained[k] != output) continue;
                const double value = given->tables->values[node * given->tables->outputs + k];
                for (int64_t i = 0; i < count; i++)
                    if (given->owners[leaf->columns[i]] == feature)
                        for (int64_t l = 0; l < lanes; l++)
                            table[(start + l) * group->width + w] += value * leaf->sums[i][l];
            }
        }
    }
}

/* Adds the leaves below `node`; `split` counts the splits of the group in order. */
static void LEVEL(fill)(const Reasons *given, const Plan *plan, const Group *group, uint32_t node, int64_t *split,
                        int64_t count, LEVEL(Leaf) * leaf, double *table) {
    if (is_leaf(given, node)) {
        LEVEL(fill_leaf)(given, plan, group, node, count, leaf, table);
        return;
    }
    const uint32_t bit = (uint32_t)1 << (group->step_to - group->step_from + (*split)++);
    const int64_t column = given->columns[node];
    int64_t i = 0;
    while (i < count && leaf->columns[i] != column) i++;
    const int is_new = i == count;
    if (is_new) {
        leaf->columns[i] = column;
        leaf->shares[i] = 1.0;
        leaf->bits[i] = leaf->wanted[i] = 0;
        start_sides(given, leaf->sides + i * given->words);
    }
    const double share = leaf->shares[i];
    const uint32_t bits = leaf->bits[i], wanted = leaf->wanted[i];
    uint64_t sides[MOST_WORDS], *own = leaf->sides + i * given->words;
    memcpy(sides, own, (size_t)given->words * sizeof *sides);
    for (uint32_t right = 0; right < 2; right++) {
        leaf->shares[i] = share * share_of(given, node, right);
        leaf->bits[i] = bits | bit;
        leaf->wanted[i] = right ? wanted | bit : wanted;
        memcpy(own, sides, (size_t)given->words * sizeof *sides);
        take_side(given, node, right, own);
        LEVEL(fill)(given, plan, group, given->tables->lefts[node] + right, split, count + is_new, leaf, table);
    }
    leaf->shares[i] = share;
    leaf->bits[i] = bits;
    leaf->wanted[i] = wanted;
    memcpy(own, sides, (size_t)given->words * sizeof *sides);
}

/* The tables of one tree. */
static void LEVEL(fill_tree)(const Reasons *given, const Plan *plan, int64_t tree, LEVEL(Leaf) * leaf,
                             double *tables) {
    if (!plan->sizes.at[tree]) return; /* there is no table, and perhaps no memory for any */
    memset(tables, 0, (size_t)plan->sizes.at[tree] * sizeof *tables);
    for (int64_t g = plan->trees.at[tree]; g < plan->trees.at[tree + 1]; g++) {
        const Group *group = &plan->groups.at[g];
        if (group->table < 0) continue;
        int64_t count = 0, split = 0;
        for (int64_t s = group->step_from; s < group->step_to; s++, count++) {
            leaf->columns[count] = plan->steps.at[s].column;
            leaf->shares[count] = plan->steps.at[s].share;
            leaf->bits[count] = leaf->wanted[count] = (uint32_t)1 << count;
            sides_of_step(given, plan, &plan->steps.at[s], leaf->sides + count * given->words);
        }
        LEVEL(fill)(given, plan, group, (uint32_t)group->node, &split, count, leaf, tables + group->table);
    }
}

/* The tables of all trees, kept in the plan; returns whether there was memory. */
static int LEVEL(fill_trees)(const Reasons *given, const Plan *plan) {
    LEVEL(Leaf) leaf;
    const int made = LEVEL(make_leaf)(&leaf, given);
    double *tables = plan->tables;
    for (int64_t n = 0; made && n < given->tables->n_trees; tables += plan->sizes.at[n++])
        LEVEL(fill_tree)(given, plan, n, &leaf, tables);
    LEVEL(free_leaf)(&leaf);
    return made;
}
#endif

#define PIECE 256 /* rows, whose patterns and sums stay in the first cache */

/* Whether each row passes all conditions of a step. */
static void CODED(passes)(const CODE *codes, int64_t rows, const Condition *from, const Condition *to,
                          CODE *restrict held) {
    for (int64_t r = 0; r < rows; r++) held[r] = 1;
    for (; from < to; from++) {
        const CODE *restrict own = codes + from->place;
        const CODE edge = (CODE)from->edge, right = (CODE)from->right;
        for (int64_t r = 0; r < rows; r++) held[r] &= (CODE)((own[r] > edge) == right);
    }
}

/* The pattern of each row: one bit for each step of a group, and one for each of its splits. */
static void CODED(patterns)(const Plan *plan, const Tables *t, const Group *group, const CODE *codes, int64_t rows,
                            uint16_t *restrict pattern) {
    CODE held[PIECE];
    int64_t bit = 0;
    for (int64_t r = 0; r < rows; r++) pattern[r] = 0;
    for (int64_t s = group->step_from; s < group->step_to; s++, bit++) {
        const Step *step = &plan->steps.at[s];
        CODED(passes)(codes, rows, plan->conditions.at + step->from, plan->conditions.at + step->to, held);
        for (int64_t r = 0; r < rows; r++) pattern[r] |= (uint16_t)(held[r] << bit);
    }
    for (int64_t s = group->split_from; s < group->split_to; s++, bit++) {
        const Node *node = &t->nodes[plan->splits.at[s]];
        const CODE *restrict own = codes + node->place;
        const CODE edge = (CODE)node->edge;
        for (int64_t r = 0; r < rows; r++) pattern[r] |= (uint16_t)((own[r] > edge) << bit);
    }
}

/* Adds what a table has for each row. */
static void CODED(look_up)(const double *restrict table, const int64_t *restrict targets, int64_t width,
                           int64_t stride, const uint16_t *restrict pattern, int64_t rows, double *restrict out) {
    for (int64_t r = 0; r < rows; r++, out += stride) {
        const double *restrict entry = table + pattern[r] * width;
        for (int64_t w = 0; w < width; w++) out[targets[w]] += entry[w];
    }
}

/* Adds a leaf that has no table, LANES rows at a time. */
static void CODED(compute)(const Reasons *given, const Plan *plan, const Group *group, const CODE *codes,
                           int64_t rows, LEVEL(Leaf) * leaf, int64_t stride, double *out) {
    const int64_t count = group->step_to - group->step_from, outputs = given->tables->outputs;
    const Step *steps = plan->steps.at + group->step_from;
    const int64_t *targets = plan->targets.at + group->target_from;
    for (int64_t i = 0; i < count; i++) {
        leaf->shares[i] = steps[i].share;
        sides_of_step(given, plan, &steps[i], leaf->sides + i * given->words);
    }
    if (given->background) LEVEL(count_missed)(given, count, leaf);
    for (int64_t start = 0; start < rows; start += LANES) {
        const int64_t lanes = rows - start < LANES ? rows - start : LANES;
        CODE held[LANES];
        for (int64_t i = 0; i < count; i++) {
            const Condition *from = plan->conditions.at + steps[i].from, *to = plan->conditions.at + steps[i].to;
            CODED(passes)(codes + start, lanes, from, to, held);
            for (int64_t l = 0; l < LANES; l++) leaf->has[i][l] = l < lanes ? held[l] : 0.0;
        }
        LEVEL(shapley)(given, count, lanes, leaf);
        for (int64_t w = 0; w < group->width; w++) {
            const int64_t feature = targets[w] % given->features, output = targets[w] / given->features;
            for (int64_t k = 0; k < outputs; k++) {
                if (outputs > 1 && given->explained[k] != output) continue;
                const double value = given->tables->values[group->node * outputs + k];
                for (int64_t i = 0; i < count; i++)
                    if (given->owners[steps[i].column] == feature)
                        for (int64_t l = 0; l < lanes; l++)
                            out[(start + l) * stride + targets[w]] += value * leaf->sums[i][l];
            }
        }
    }
}

/* Adds the contributions of all trees to `out`, of shape (rows, outputs, features). */
static int CODED(explain)(const Rows *X, const Reasons *given, const Plan *plan, double *out, Block *b) {
    const Tables *t = given->tables;
    const int64_t stride = given->outputs * given->features;
    LEVEL(Leaf) leaf;
    uint16_t pattern[PIECE];
    double *made = NULL;
    int result = NO_MEMORY;
    if (!LEVEL(make_leaf)(&leaf, given)) goto end;
    if (!plan->tables && plan->largest && !(made = malloc((size_t)plan->largest * sizeof *made))) goto end;
    for (int64_t start = 0; start < X->rows; start += t->block) {
        const int64_t rows = X->rows - start < t->block ? X->rows - start : t->block;
        result = REFUSED;
        if (!CODED(encode)(X, start, rows, t, b)) goto end;
        double *tables = plan->tables;
        for (int64_t n = 0; n < t->n_trees; n++) {
            CODED(categories)(rows, &t->trees[n], t, b);
            if (!plan->tables) LEVEL(fill_tree)(given, plan, n, &leaf, tables = made);
            for (int64_t from = 0; from < rows; from += PIECE) {
                const int64_t piece = rows - from < PIECE ? rows - from : PIECE;
                const CODE *codes = (const CODE *)b->codes + from;
                double *into = out + (start + from) * stride;
                for (int64_t g = plan->trees.at[n]; g < plan->trees.at[n + 1]; g++) {
                    const Group *group = &plan->groups.at[g];
                    if (group->table < 0) {
                        CODED(compute)(given, plan, group, codes, piece, &leaf, stride, into);
                        continue;
                    }
                    CODED(patterns)(plan, t, group, codes, piece, pattern);
                    const int64_t *targets = plan->targets.at + group->target_from;
                    CODED(look_up)(tables + group->table, targets, group->width, stride, pattern, piece, into);
                }
            }
            if (plan->tables) tables += plan->sizes.at[n];
        }
    }
    result = ADDED;
end:
    LEVEL(free_leaf)(&leaf);
    free(made);
    return result;
}
#undef PIECE

/* Which rows of one block go right at each split below `node`: a bit for each in `sides`, `words` per node. */
static inline void CODED(sides_below)(const Tables *t, const CODE *codes, int64_t rows, uint32_t node,
                                      int64_t words, uint64_t *sides) {
    if (t->lefts[node] == node) return;
    const CODE *own = codes + t->nodes[node].place, edge = (CODE)t->nodes[node].edge;
    for (int64_t r = 0; r < rows; r++) sides[node * words + (r >> 6)] |= (uint64_t)(own[r] > edge) << (r & 63);
    for (uint32_t right = 0; right < 2; right++)
        CODED(sides_below)(t, codes, rows, t->lefts[node] + right, words, sides);
}

/* The sides of all trees for the rows of X, which are at most one block. */
static inline int CODED(sides)(const Rows *X, const Tables *t, int64_t words, uint64_t *sides, Block *b) {
    if (X->rows > t->block || !CODED(encode)(X, 0, X->rows, t, b)) return REFUSED;
    for (int64_t n = 0; n < t->n_trees; n++) {
        CODED(categories)(X->rows, &t->trees[n], t, b);
        CODED(sides_below)(t, b->codes, X->rows, (uint32_t)t->trees[n].first, words, sides);
    }
    return ADDED;
}
