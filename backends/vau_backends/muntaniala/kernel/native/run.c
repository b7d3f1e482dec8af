/* Frames of several utterances through all layers: layer by layer, and in each step by step.
 *
 * Utterances advance together, longest first, so that those still running are always the
 * first. A block of steps goes through one layer before the next, whose weights then stay in
 * the cache. Where a step has few streams, and would spend itself on fetching weights, the x
 * part of several steps goes first and together; the h part follows step by step.
 */
#include "munt.h"

#include <string.h>

enum {
    BLOCK_FRAMES = 512, /* frames of all works that pass a layer together */
    FEW_STREAMS = 4,  /* up to so many the x part goes first */
    SLACK = 64,       /* tiles are read whole */
};

/* The works of a call, longest first, and the memory for a block of their frames. */
struct walk {
    const struct network *network;
    struct call *call;
    int *order;          /* rank to work */
    size_t *first_frame; /* by rank: of its inputs and logits */
    int8_t **h;          /* [layers][works]: units and padding each */
    int16_t **c;
    int64_t *events;     /* [layers][works] */
    int8_t *x, *y;       /* what a layer reads and writes, [frames of the block][y_stride] */
    size_t y_stride;
    int block_steps;
    int first_step, steps; /* of the block */
    int *first_row;        /* where the frames of each step begin in x and y; at last, their end */
    int32_t *x_sums;
    struct step step;
};

static size_t width_of(const struct layer *layer) { return (size_t)layer->groups * GROUP; }

/* Lay the memory of a call out; with an empty arena, find how much it is. */
static void lay_out(struct walk *walk, struct arena *arena) {
    const struct network *network = walk->network;
    const size_t works = (size_t)walk->call->works;
    const size_t rows = works * (size_t)walk->block_steps;
    const size_t layers = (size_t)network->layer_count;
    size_t columns = 1, tiles = (size_t)network->class_tiles, places = 0, width = 0;
    for (size_t n = 0; n < layers; n++) {
        const struct layer *layer = &network->layers[n];
        if ((size_t)layer->columns > columns) columns = (size_t)layer->columns;
        if ((size_t)layer->tiles > tiles) tiles = (size_t)layer->tiles;
        if (places_of(layer) > places) places = places_of(layer);
        if (width_of(layer) > width) width = width_of(layer);
    }
    struct step *step = &walk->step;
    walk->y_stride = (width + 63) / 64 * 64;
    walk->order = take(arena, works * sizeof *walk->order);
    walk->first_frame = take(arena, works * sizeof *walk->first_frame);
    walk->h = take(arena, layers * works * sizeof *walk->h);
    walk->c = take(arena, layers * works * sizeof *walk->c);
    walk->events = take(arena, layers * works * sizeof *walk->events);
    walk->first_row = take(arena, ((size_t)walk->block_steps + 1) * sizeof *walk->first_row);
    for (size_t n = 0; n < layers * works; n++) {
        int8_t *h = take(arena, width);
        int16_t *c = take(arena, width * sizeof *c);
        if (arena->base) walk->h[n] = h, walk->c[n] = c;
    }
    walk->x = take(arena, rows * walk->y_stride + SLACK);
    walk->y = take(arena, rows * walk->y_stride + SLACK);
    walk->x_sums = take(arena, STREAMS * places * GROUP * sizeof *walk->x_sums);
    step->operands = take(arena, columns * STREAMS * tiles * TILE_ELEMENTS + SLACK);
    for (int part = X; part <= H; part++) {
        step->sums_of[part] = take(arena, columns * STREAMS * sizeof(int32_t));
        step->length_of[part] = take(arena, columns * STREAMS * sizeof(int32_t));
    }
    step->sums = take(arena, 2 * 2 * HALF_SUMS * sizeof *step->sums);
    step->a = take(arena, GATES * STREAMS * GROUP * sizeof *step->a);
}

/* Where something stands that each layer has of each work. */
static size_t place_of(const struct walk *walk, int n, int rank) {
    return (size_t)n * (size_t)walk->call->works + (size_t)rank;
}

static void copy_states(struct walk *walk, int back) {
    const struct network *network = walk->network;
    const struct call *call = walk->call;
    for (int n = 0; n < network->layer_count; n++)
        for (int rank = 0; rank < call->works; rank++) {
            const size_t hidden = (size_t)network->layers[n].hidden;
            const size_t row = (size_t)call->pool_rows[walk->order[rank]];
            const size_t at = (row * (size_t)network->layer_count + (size_t)n) * hidden;
            const size_t place = place_of(walk, n, rank);
            int8_t *h = walk->h[place];
            int16_t *c = walk->c[place];
            if (back) {
                memcpy(call->h + at, h, hidden);
                memcpy(call->c + at, c, hidden * sizeof *c);
                continue;
            }
            memset(h, 0, width_of(&network->layers[n]));
            memset(c, 0, width_of(&network->layers[n]) * sizeof *c);
            memcpy(h, call->h + at, hidden);
            memcpy(c, call->c + at, hidden * sizeof *c);
            walk->events[place] = 0;
        }
}

/* How many works a step has; the longest come first. */
static int running(const struct walk *walk, int step) {
    int count = walk->call->works;
    while (count > 0 && walk->call->lengths[walk->order[count - 1]] <= step) count--;
    return count;
}

static void clear_operands(struct step *step) {
    const size_t rows = (size_t)step->layer->columns * STREAMS;
    memset(step->operands, 0, rows * (size_t)step->layer->tiles * TILE_ELEMENTS + SLACK);
}

/* One step of the streams whose operands are in place. */
static void advance(struct step *step) {
    const struct tier *tier = step->network->tier;
    tier->begin(step->count);
    for (int group = 0; group < step->layer->groups; group++) {
        (step->network->acc == SAT ? tier->saturate : add_up)(step, group);
        tier->cell(step, group);
    }
}

/* How many works a step of the block has. */
static int streams_of(const struct walk *walk, int step) {
    return walk->first_row[step + 1] - walk->first_row[step];
}

/* x of a rank at a step of the block. */
static const int8_t *x_of(const struct walk *walk, int n, int step, int rank) {
    if (n == 0) {
        const size_t frame = walk->first_frame[rank] + (size_t)(walk->first_step + step);
        return walk->call->inputs + frame * (size_t)walk->network->inputs;
    }
    return walk->x + (size_t)(walk->first_row[step] + rank) * walk->y_stride;
}

/* Let the step work on some ranks, and spread their x, and h as it was left, over the dies. */
static void take_up(struct walk *walk, int n, int step, int first, int count) {
    struct step *now = &walk->step;
    const size_t row = place_of(walk, n, first);
    const int8_t *x[STREAMS];
    now->count = count;
    now->h = walk->h + row;
    now->c = walk->c + row;
    now->events = walk->events + row;
    for (int stream = 0; stream < count; stream++) x[stream] = x_of(walk, n, step, first + stream);
    walk->network->tier->spread(now, X, x);
    walk->network->tier->spread(now, H, (const int8_t *const *)now->h);
}

/* Keep what the step gave for the layer above. */
static void show(struct walk *walk, int step, int first) {
    int8_t *y = walk->y + (size_t)(walk->first_row[step] + first) * walk->y_stride;
    for (int stream = 0; stream < walk->step.count; stream++)
        memcpy(y + (size_t)stream * walk->y_stride, walk->step.h[stream],
               width_of(walk->step.layer));
}

/* One step of one layer, x and h together, 32 streams at a time. */
static void step_whole(struct walk *walk, int n, int step) {
    const int count = streams_of(walk, step);
    for (int first = 0; first < count; first += STREAMS) {
        take_up(walk, n, step, first, least(STREAMS, count - first));
        walk->step.from_row = 0;
        walk->step.x_sums = NULL;
        advance(&walk->step);
        show(walk, step, first);
    }
}

/* The x part of steps from..to, kept in x_sums; there are at most 32 frames in them. */
static void add_x_first(struct walk *walk, int n, int from, int to) {
    struct step *now = &walk->step;
    const struct layer *layer = now->layer;
    clear_operands(now); /* of h */
    const int8_t *x[STREAMS];
    now->count = 0;
    now->from_row = 0;
    for (int step = from; step < to; step++)
        for (int stream = 0; stream < streams_of(walk, step); stream++)
            x[now->count++] = x_of(walk, n, step, stream);
    walk->network->tier->spread(now, X, x);
    walk->network->tier->begin(now->count);
    for (int index = 0; index < (int)places_of(layer); index++) {
        const struct place at = {index / GATES / layer->columns,
                                 index / GATES % layer->columns, index % GATES};
        struct product product = product_of(now, at, walk->x_sums + (size_t)index * GROUP);
        product.half_stride = HALF;
        product.stream_stride = places_of(layer) * GROUP;
        product.to_row = layer->x_rows;
        product.sum_h = NULL;
        walk->network->tier->multiply(&product);
    }
}

static void step_few(struct walk *walk, int n, int from, int to) {
    struct step *now = &walk->step;
    const struct layer *layer = now->layer;
    add_x_first(walk, n, from, to);
    int row = 0;
    for (int step = from; step < to; step++) {
        take_up(walk, n, step, 0, streams_of(walk, step));
        now->from_row = layer->x_rows;
        now->x_sums = walk->x_sums + (size_t)row * places_of(layer) * GROUP;
        advance(now);
        show(walk, step, 0);
        row += now->count;
    }
}

static void advance_layer(struct walk *walk, int n) {
    struct step *now = &walk->step;
    now->layer = &walk->network->layers[n];
    clear_operands(now);
    for (int step = 0; step < walk->steps;) {
        const int streams = streams_of(walk, step);
        int to = step + 1;
        while (to < walk->steps && walk->first_row[to + 1] - walk->first_row[step] <= STREAMS) to++;
        if (streams <= FEW_STREAMS && to > step + 1) {
            step_few(walk, n, step, to);
            step = to;
        } else {
            step_whole(walk, n, step++);
        }
    }
    int8_t *written = walk->y;
    walk->y = walk->x;
    walk->x = written;
}

/* Where the logits of a row of the block go. */
static int32_t *logits_of(const struct walk *walk, int row) {
    int step = 0;
    while (walk->first_row[step + 1] <= row) step++;
    const size_t first = walk->first_frame[row - walk->first_row[step]];
    const size_t frame = first + (size_t)(walk->first_step + step);
    return walk->call->logits + frame * (size_t)walk->network->classes;
}

/* Put the sums of one group of classes in their order, biases added. */
static void write_logits(const struct network *network, int group, const int32_t *sums,
                         int32_t *logits) {
    const int32_t *bias = network->b_out + group * GROUP;
    const int count = least(GROUP, network->classes - group * GROUP);
    for (int n = 0; n < count; n++)
        logits[group * GROUP + n] = sums[half_of(n) * HALF_SUMS + lane_of(n)]
                                    + bias[half_of(n) * HALF + lane_of(n)];
}

/* The output layer of up to 32 rows of the block: plain sums. */
static void classify(struct walk *walk, int first, int count) {
    const struct network *network = walk->network;
    const int8_t *h = walk->x + (size_t)first * walk->y_stride;
    const int rows = ceil_div(network->layers[network->layer_count - 1].hidden, ROW_ELEMENTS);
    int32_t sums[STREAMS] = {0};
    for (int row = 0; row < count; row++)
        for (int n = 0; n < rows * ROW_ELEMENTS; n++)
            sums[row] += h[(size_t)row * walk->y_stride + (size_t)n];
    network->tier->begin(count);
    for (int group = 0; group < network->class_groups; group++) {
        const struct product product = {
            .panel = network->w_out + (size_t)(group * network->class_tiles) * TILE_BYTES,
            .to_row = rows,
            .operands = h,
            .stride = walk->y_stride,
            .count = count,
            .sum_h = sums,
            .sums = walk->step.sums,
            .half_stride = HALF_SUMS,
            .stream_stride = HALF,
        };
        network->tier->multiply(&product);
        for (int row = 0; row < count; row++)
            write_logits(network, group, product.sums + row * HALF, logits_of(walk, first + row));
    }
}

static void advance_block(struct walk *walk, int longest) {
    walk->steps = least(walk->block_steps, longest - walk->first_step);
    walk->first_row[0] = 0;
    for (int step = 0; step < walk->steps; step++)
        walk->first_row[step + 1] =
            walk->first_row[step] + running(walk, walk->first_step + step);
    const int rows = walk->first_row[walk->steps];
    for (int n = 0; n < walk->network->layer_count; n++) {
        const struct layer *layer = &walk->network->layers[n];
        advance_layer(walk, n);
        walk->call->lanes += (int64_t)rows * GATES * layer->hidden * layer->columns;
    }
    for (int first = 0; first < rows; first += STREAMS)
        classify(walk, first, least(STREAMS, rows - first));
}

int run_network(const struct network *network, struct workspace *workspace, struct call *call) {
    struct walk walk = {.network = network, .call = call};
    int longest = 0;
    for (int work = 0; work < call->works; work++) longest = largest(longest, call->lengths[work]);
    call->lanes = call->doubtful = 0;
    walk.block_steps = largest(1, least(longest, BLOCK_FRAMES / largest(1, call->works)));
    struct arena arena = {NULL, 0};
    lay_out(&walk, &arena);
    if (!grown(workspace, arena.used)) return -1;
    arena = (struct arena){workspace->memory, 0};
    lay_out(&walk, &arena);
    walk.step.network = network;
    sort_works(call->works, call->lengths, walk.order, walk.first_frame);
    copy_states(&walk, 0);
    for (; walk.first_step < longest; walk.first_step += walk.steps)
        advance_block(&walk, longest);
    network->tier->end();
    copy_states(&walk, 1);
    call->doubtful = walk.step.doubtful;
    for (int rank = 0; rank < call->works; rank++)
        for (int n = 0; n < network->layer_count; n++)
            call->clamps[(size_t)walk.order[rank] * (size_t)network->layer_count + (size_t)n] =
                walk.events[place_of(&walk, n, rank)];
    return 0;
}
