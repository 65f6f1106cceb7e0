/* Reasons: what each column added to a sum of trees (TreeSHAP, path-dependent or interventional), and the plan for
   it.

   A leaf adds its value times the product, over the columns of its path, of `has` (1 where the row takes the
   path in all splits of that column, else 0). Where a column is not known, `share` takes the place of `has`: the
   part of the training rows that took the path. The Shapley value of column j for this game is

       value * (has_j - share_j) * integral from 0 to 1 of product over i != j of (t has_i + (1 - t) share_i) dt

   and a rule of Gauss and Legendre with half as many points as there are columns computes this polynomial's
   integral exactly. No term is negative, so nothing cancels.

   Against a background, `has` of a background row takes the place of `share`, and values are the mean over these
   rows. Then only columns that hold for one of the two rows matter: a leaf adds something where each column holds
   for at least one of them. If `a` columns hold for the explained row alone and `b` for the background row alone,

       each of the `a` columns adds value * (a-1)! b! / (a+b)!,  each of the `b` ones -value * a! (b-1)! / (a+b)!

   as in Lundberg et al. (2020), From local explanations to global understanding with explainable AI for trees.
   Background rows are the bits of a few words, so that one step finds those that hold for a column.

   So the values of a leaf depend only on which columns of its path hold. The same is true of all leaves below a
   node: on the columns of the path to it, and on the way that the row takes at each of its splits. A group is
   a node with so few of these bits that its sums can be looked up in a table; a group that is too large for a
   table is a single leaf, computed row by row. */

/* What the loops are given. `columns` and `covers` belong to the nodes: the column that a node compares, and the
   weight of the training rows that reached it. `owners` has the feature that a column's values are added to, and
   `explained` the place of each output among those that are explained (-1: it is not). `points` and `weights` are
   those of the rules with 1, 2, 3 and more points, one after another; against a background of so many rows, `weights`
   has (a-1)! b! / (a+b)! at a * `stride` + b, and `sides`, with `words` per node, which of these rows go right there.
   The table of several leaves has up to `bits` bits, that of a single leaf up to `leaf_bits`; all tables together are kept if they take
   up to `bytes`, else made again for each call. */
typedef struct {
    const Tables *tables;
    const uint32_t *columns;
    const double *covers;
    const int64_t *owners, *explained;
    const double *points, *weights;
    const uint64_t *sides;
    int64_t features, outputs, bits, leaf_bits, bytes, depth, background, words, stride;
} Reasons;

#define MOST_WORDS 16 /* of 64 background rows */

/* A row passes where its code at `place` is above `edge`, or with `right` 0 where it is not; from `node`. */
typedef struct {
    uint32_t place, edge, right, node;
} Condition;

/* One column of the path to a group: its share, and its conditions. */
typedef struct {
    int64_t column;
    double share;
    int64_t from, to;
} Step;

/* The leaves below `node`: the steps to it, its splits (the root first, left before right), where a table's
   entries are added to, and where the table begins among those of its tree (-1: it has none). */
typedef struct {
    int64_t node, step_from, step_to, split_from, split_to, target_from, width, table;
} Group;

#define LIST(type) \
    struct { \
        type *at; \
        int64_t count, room; \
    }

/* `trees` has the first group of each tree, and `sizes` the numbers in the tables of each. */
typedef struct {
    LIST(Group) groups;
    LIST(Step) steps;
    LIST(Condition) conditions;
    LIST(uint32_t) splits;
    LIST(int64_t) targets;
    LIST(int64_t) trees;
    LIST(int64_t) sizes;
    int64_t largest; /* of the sizes */
    double *tables;  /* of all trees, or NULL */
    int failed;      /* no memory */
} Plan;

#define PUSH(list, value) \
    do { \
        if ((list).count == (list).room) { \
            const int64_t more = (list).room ? 2 * (list).room : 64; \
            void *at = realloc((list).at, (size_t)more * sizeof *(list).at); \
            if (!at) { \
                plan->failed = 1; \
                return; \
            } \
            (list).at = at; \
            (list).room = more; \
        } \
        (list).at[(list).count++] = (value); \
    } while (0)

/* The way from the root to where a walk is: the nodes, and whether each was left to the right. */
typedef struct {
    uint32_t *nodes, *rights;
    int64_t length;
} Way;

/* The share of a node's training rows that go to its child; a half where none reached the node. */
static double share_of(const Reasons *given, uint32_t node, uint32_t right) {
    const double all = given->covers[node], some = given->covers[given->tables->lefts[node] + right];
    return all > 0.0 ? some / all : 0.5;
}

/* The place of the lowest bit. */
static int64_t lowest(uint64_t bits) { return __builtin_ctzll(bits); }

/* All background rows of a word. */
static uint64_t everyone(const Reasons *given, int64_t word) {
    const int64_t rows = given->background - 64 * word;
    return rows < 64 ? ((uint64_t)1 << rows) - 1 : UINT64_MAX;
}

static void start_sides(const Reasons *given, uint64_t *sides) {
    for (int64_t w = 0; w < given->words; w++) sides[w] = everyone(given, w);
}

/* Keeps the background rows that go right at `node`, or left. */
static void take_side(const Reasons *given, uint32_t node, uint32_t right, uint64_t *sides) {
    const uint64_t *own = given->sides + node * given->words;
    for (int64_t w = 0; w < given->words; w++) sides[w] &= right ? own[w] : ~own[w];
}

static int is_leaf(const Reasons *given, uint32_t node) { return given->tables->lefts[node] == node; }

/* The number of splits below a node, counted up to `most`. */
static int64_t splits_below(const Reasons *given, uint32_t node, int64_t most) {
    if (most <= 0 || is_leaf(given, node)) return 0;
    const uint32_t left = given->tables->lefts[node];
    const int64_t found = 1 + splits_below(given, left, most - 1);
    return found + splits_below(given, left + 1, most - found);
}

static void push_splits(const Reasons *given, Plan *plan, uint32_t node) {
    if (is_leaf(given, node)) return;
    PUSH(plan->splits, node);
    push_splits(given, plan, given->tables->lefts[node]);
    push_splits(given, plan, given->tables->lefts[node] + 1);
}

/* One step for each column of the way, in the order in which they are met. */
static void push_steps(const Reasons *given, Plan *plan, const Way *way) {
    const int64_t first = plan->steps.count;
    for (int64_t i = 0; i < way->length; i++) {
        const int64_t column = given->columns[way->nodes[i]];
        int64_t known = first;
        while (known < plan->steps.count && plan->steps.at[known].column != column) known++;
        if (known < plan->steps.count) continue;
        Step step = {column, 1.0, plan->conditions.count, 0};
        for (int64_t j = i; j < way->length; j++) {
            const uint32_t node = way->nodes[j], right = way->rights[j];
            if (given->columns[node] != column) continue;
            step.share *= share_of(given, node, right);
            const Condition condition = {given->tables->nodes[node].place, given->tables->nodes[node].edge, right,
                                         node};
            PUSH(plan->conditions, condition);
        }
        step.to = plan->conditions.count;
        PUSH(plan->steps, step);
    }
}

/* The background rows that pass all conditions of a step. */
static void sides_of_step(const Reasons *given, const Plan *plan, const Step *step, uint64_t *sides) {
    start_sides(given, sides);
    for (int64_t c = step->from; given->words && c < step->to; c++)
        take_side(given, plan->conditions.at[c].node, plan->conditions.at[c].right, sides);
}

/* Where the sums of a group are added to: each feature of its columns, for each output. */
static void push_targets(const Reasons *given, Plan *plan, const Group *group, const Tree *tree) {
    for (int64_t k = 0; k < given->tables->outputs; k++) {
        const int64_t output = given->explained[tree->output + k], first = plan->targets.count;
        if (output < 0) continue;
        const int64_t steps = group->step_to - group->step_from, splits = group->split_to - group->split_from;
        for (int64_t i = 0; i < steps + splits; i++) {
            const int64_t column = i < steps ? plan->steps.at[group->step_from + i].column
                                             : given->columns[plan->splits.at[group->split_from + i - steps]];
            const int64_t target = output * given->features + given->owners[column];
            int64_t known = first;
            while (known < plan->targets.count && plan->targets.at[known] != target) known++;
            if (known == plan->targets.count) PUSH(plan->targets, target);
        }
    }
}

/* Divides the leaves below a node into groups; `columns` of the way are different. */
static void push_groups(const Reasons *given, Plan *plan, Way *way, uint32_t node, int64_t columns,
                        const Tree *tree) {
    const int leaf = is_leaf(given, node);
    const int64_t left_over = given->bits - columns, splits = splits_below(given, node, left_over + 1);
    if (leaf && !columns) return; /* a tree without splits explains nothing */
    if (leaf || splits <= left_over) {
        Group group = {node, plan->steps.count, 0, plan->splits.count, 0, plan->targets.count, 0, -1};
        push_steps(given, plan, way);
        push_splits(given, plan, node);
        group.step_to = plan->steps.count;
        group.split_to = plan->splits.count;
        push_targets(given, plan, &group, tree);
        group.width = plan->targets.count - group.target_from;
        if (!group.width || plan->failed) return;
        if (columns + splits <= (leaf ? given->leaf_bits : given->bits)) {
            int64_t *size = &plan->sizes.at[plan->sizes.count - 1];
            group.table = *size;
            *size += group.width << (columns + splits);
        }
        PUSH(plan->groups, group);
        return;
    }
    int known = 0;
    for (int64_t i = 0; i < way->length; i++) known |= given->columns[way->nodes[i]] == given->columns[node];
    for (uint32_t right = 0; right < 2; right++) {
        way->nodes[way->length] = node;
        way->rights[way->length++] = right;
        push_groups(given, plan, way, given->tables->lefts[node] + right, columns + !known, tree);
        way->length--;
    }
}

static void push_tree(const Reasons *given, Plan *plan, Way *way, const Tree *tree) {
    PUSH(plan->trees, plan->groups.count);
    PUSH(plan->sizes, 0);
    push_groups(given, plan, way, (uint32_t)tree->first, 0, tree);
    const int64_t size = plan->sizes.at[plan->sizes.count - 1];
    if (size > plan->largest) plan->largest = size;
}

static void push_end(Plan *plan) { PUSH(plan->trees, plan->groups.count); }

void scorehouse_plan_free(Plan *plan) {
    if (!plan) return;
    free(plan->groups.at);
    free(plan->steps.at);
    free(plan->conditions.at);
    free(plan->splits.at);
    free(plan->targets.at);
    free(plan->trees.at);
    free(plan->sizes.at);
    free(plan->tables);
    free(plan);
}
