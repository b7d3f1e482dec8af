/* Frames of several utterances through all layers: layer by layer, and in each step by step.
 *
 * Utterances advance together, longest first, so that those still running are always the first.
 * A block of frames goes through one layer before the next. In a layer W x of all of them is one
 * product, which reads W once; U h follows step by step, for all streams together.
 */
#include "rpu.h"

#include <math.h>
#include <string.h>

enum { BLOCK_ROWS = 64 }; /* frames of all works that pass a layer together, or one of each */

/* The works of a call, longest first, and the memory for a block of their frames. A row is a
 * frame of the block: those of one step lie side by side, in the order of the works. */
struct walk {
    const struct network *network;
    struct call *call;
    int *order;          /* of the works, by rank */
    size_t *first_frame; /* by rank: where its frames begin */
    int *first_row;      /* by step of the block, and behind the last one */
    int first_step, steps, block_steps;
    char *operands; /* of every row, as the widest matrix takes them */
    char *beside;   /* of h of one step, of every work */
    int16_t *y;     /* h of every row, [rows][padded hidden] */
    int16_t *next;  /* h of one step, [works][padded hidden] */
    double *x_sums; /* [rows][blocks][BLOCK] */
    double *h_sums; /* [works or rows][BLOCK] */
    double *c;      /* [works][padded hidden] */
};

static int padded(int units) { return ceil_div(units, UNITS) * UNITS; }

static int length_of(const struct walk *walk, int rank) {
    return walk->call->lengths[walk->order[rank]];
}

static void lay_out(struct walk *walk, struct arena *arena) {
    const struct network *network = walk->network;
    const size_t works = (size_t)walk->call->works;
    const size_t rows = works * (size_t)walk->block_steps, units = (size_t)padded(network->hidden);
    const struct matrix widest = {.columns = largest(network->inputs, network->hidden)};
    const size_t operands = network->tier->layout->operand_bytes(&widest);
    walk->order = take(arena, works * sizeof *walk->order);
    walk->first_frame = take(arena, works * sizeof *walk->first_frame);
    walk->first_row = take(arena, (size_t)(walk->block_steps + 1) * sizeof *walk->first_row);
    walk->operands = take(arena, rows * operands);
    walk->beside = take(arena, works * operands);
    walk->y = take(arena, rows * units * sizeof *walk->y);
    walk->next = take(arena, works * units * sizeof *walk->next);
    walk->x_sums = take(arena, rows * units * GATES * sizeof *walk->x_sums);
    walk->h_sums = take(arena, rows * BLOCK * sizeof *walk->h_sums);
    walk->c = take(arena, works * units * sizeof *walk->c);
}

static int live(const struct walk *walk, int step) {
    int count = 0;
    while (count < walk->call->works && length_of(walk, count) > walk->first_step + step) count++;
    return count;
}

static size_t frame_of(const struct walk *walk, int step, int rank) {
    return walk->first_frame[rank] + (size_t)(walk->first_step + step);
}

static size_t state_of(const struct walk *walk, int n, int rank) {
    const size_t row = (size_t)walk->call->pool_rows[walk->order[rank]];
    return (row * (size_t)walk->network->layer_count + (size_t)n) * (size_t)walk->network->hidden;
}

static int64_t *clamps_of(const struct walk *walk, int n, int rank) {
    const size_t work = (size_t)walk->order[rank];
    return walk->call->clamps + work * (size_t)walk->network->layer_count + (size_t)n;
}

/* One block of a matrix times the operands of some streams. */
static void multiply(const struct walk *walk, const struct matrix *matrix, int block,
                     struct product product) {
    const struct layout *layout = walk->network->tier->layout;
    product.matrix = matrix;
    product.weights = matrix->weights + (size_t)block * layout->block_bytes(matrix);
    product.operand_bytes = layout->operand_bytes(matrix);
    walk->network->tier->multiply(&product);
}

/* W x of all rows of the block. */
static void add_up_x(struct walk *walk, int n) {
    const struct network *network = walk->network;
    const struct matrix *w_x = &network->layers[n].w_x;
    const struct layout *layout = network->tier->layout;
    const size_t units = (size_t)padded(network->hidden), bytes = layout->operand_bytes(w_x);
    const int rows = walk->first_row[walk->steps];
    for (int step = 0; step < walk->steps; step++)
        for (int row = walk->first_row[step]; row < walk->first_row[step + 1]; row++) {
            const size_t frame = frame_of(walk, step, row - walk->first_row[step]);
            const int16_t *x = n ? walk->y + (size_t)row * units
                                 : walk->call->inputs + frame * (size_t)network->inputs;
            layout->spread(w_x, x, walk->operands + (size_t)row * bytes);
        }
    network->tier->begin(rows);
    for (int block = 0; block < w_x->blocks; block++)
        multiply(walk, w_x, block,
                 (struct product){.operands = walk->operands,
                                  .count = rows,
                                  .sums = walk->x_sums + block * BLOCK,
                                  .stride = units * GATES});
}

/* One step of a layer: U h, then the cells, block by block. */
static void advance_step(struct walk *walk, int n, int step) {
    const struct network *network = walk->network;
    const struct layer *layer = &network->layers[n];
    const struct layout *layout = network->tier->layout;
    const size_t units = (size_t)padded(network->hidden);
    const size_t bytes = layout->operand_bytes(&layer->w_h);
    const int first = walk->first_row[step], count = walk->first_row[step + 1] - first;
    for (int rank = 0; rank < count; rank++)
        layout->spread(&layer->w_h, walk->next + (size_t)rank * units,
                       walk->beside + (size_t)rank * bytes);
    network->tier->begin(count);
    for (int block = 0; block < layer->w_h.blocks; block++) {
        multiply(walk, &layer->w_h, block,
                 (struct product){.operands = walk->beside,
                                  .count = count,
                                  .sums = walk->h_sums,
                                  .stride = BLOCK});
        for (int rank = 0; rank < count; rank++) {
            const size_t at = (size_t)rank * units + (size_t)(block * UNITS);
            const struct cells cells = {
                .tables = &network->tables,
                .x = walk->x_sums + (size_t)(first + rank) * units * GATES + block * BLOCK,
                .h = walk->h_sums + (size_t)rank * BLOCK,
                .bias = layer->bias + block * BLOCK,
                .scale = layer->scale,
                .c = walk->c + at,
                .now = walk->next + at,
            };
            *clamps_of(walk, n, rank) += network->tier->advance(&cells);
        }
    }
    memcpy(walk->y + (size_t)first * units, walk->next,
           (size_t)count * units * sizeof *walk->next);
}

/* The states of one layer: into the block, or back to their pool. */
static void fetch(struct walk *walk, int n, int count) {
    const int hidden = walk->network->hidden, units = padded(hidden);
    for (int rank = 0; rank < count; rank++) {
        const size_t from = state_of(walk, n, rank), to = (size_t)rank * (size_t)units;
        for (int unit = 0; unit < units; unit++) {
            walk->next[to + (size_t)unit] = unit < hidden ? walk->call->h[from + (size_t)unit] : 0;
            walk->c[to + (size_t)unit] = unit < hidden ? walk->call->c[from + (size_t)unit] : 0;
        }
    }
}

static void put_back(struct walk *walk, int n, int count) {
    const int hidden = walk->network->hidden, units = padded(hidden);
    for (int rank = 0; rank < count; rank++) {
        const size_t to = state_of(walk, n, rank), from = (size_t)rank * (size_t)units;
        for (int unit = 0; unit < hidden; unit++) {
            walk->call->h[to + (size_t)unit] = walk->next[from + (size_t)unit];
            walk->call->c[to + (size_t)unit] = (int16_t)walk->c[from + (size_t)unit];
        }
    }
}

static void advance_layer(struct walk *walk, int n) {
    const int count = walk->first_row[1];
    fetch(walk, n, count);
    add_up_x(walk, n);
    for (int step = 0; step < walk->steps; step++) advance_step(walk, n, step);
    put_back(walk, n, count);
}

static int32_t saturated(double exact) {
    const double rounded = nearbyint(exact);
    return rounded > INT32_MAX ? INT32_MAX : rounded < INT32_MIN ? INT32_MIN : (int32_t)rounded;
}

/* The output layer of all rows of the block. */
static void classify(struct walk *walk) {
    const struct network *network = walk->network;
    const struct matrix *w_out = &network->w_out;
    const struct layout *layout = network->tier->layout;
    const size_t units = (size_t)padded(network->hidden), bytes = layout->operand_bytes(w_out);
    const int rows = walk->first_row[walk->steps];
    for (int row = 0; row < rows; row++)
        layout->spread(w_out, walk->y + (size_t)row * units,
                       walk->operands + (size_t)row * bytes);
    network->tier->begin(rows);
    for (int block = 0; block < w_out->blocks; block++) {
        const int classes = least(BLOCK, network->classes - block * BLOCK);
        const double *bias = network->b_out + block * BLOCK;
        multiply(walk, w_out, block,
                 (struct product){.operands = walk->operands,
                                  .count = rows,
                                  .sums = walk->h_sums,
                                  .stride = BLOCK});
        for (int step = 0; step < walk->steps; step++)
            for (int row = walk->first_row[step]; row < walk->first_row[step + 1]; row++) {
                const size_t frame = frame_of(walk, step, row - walk->first_row[step]);
                const double *sums = walk->h_sums + (size_t)row * BLOCK;
                int32_t *logits =
                    walk->call->logits + frame * (size_t)network->classes + block * BLOCK;
                for (int n = 0; n < classes; n++)
                    logits[n] = saturated(sums[n] * network->out_scale + bias[n]);
            }
    }
}

static void advance_block(struct walk *walk, int longest) {
    walk->steps = least(walk->block_steps, longest - walk->first_step);
    walk->first_row[0] = 0;
    for (int step = 0; step < walk->steps; step++)
        walk->first_row[step + 1] = walk->first_row[step] + live(walk, step);
    for (int n = 0; n < walk->network->layer_count; n++) advance_layer(walk, n);
    classify(walk);
}

int run_network(const struct network *network, struct workspace *workspace, struct call *call) {
    struct walk walk = {.network = network, .call = call};
    int longest = 0;
    for (int work = 0; work < call->works; work++) longest = largest(longest, call->lengths[work]);
    walk.block_steps = largest(1, least(longest, BLOCK_ROWS / largest(1, call->works)));
    struct arena arena = {NULL, 0};
    lay_out(&walk, &arena);
    if (!grown(workspace, arena.used)) return -1;
    arena = (struct arena){workspace->memory, 0};
    lay_out(&walk, &arena);
    memset(call->clamps, 0,
           (size_t)call->works * (size_t)network->layer_count * sizeof *call->clamps);
    sort_works(call->works, call->lengths, walk.order, walk.first_frame);
    for (; walk.first_step < longest; walk.first_step += walk.steps)
        advance_block(&walk, longest);
    if (longest) network->tier->end();
    return 0;
}
