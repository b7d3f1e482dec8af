/* Weights as they come to blocks; what pads them is 0. */
#define _GNU_SOURCE /* madvise */
#include "huge.h"
#include "rpu.h"

static void lay_out(const struct network *network, struct matrix *matrix, struct arena *arena,
                    int rows_of_gate, int columns) {
    matrix->columns = columns;
    matrix->blocks = ceil_div(rows_of_gate, UNITS);
    const size_t bytes = network->tier->layout->block_bytes(matrix);
    matrix->weights = take(arena, (size_t)matrix->blocks * bytes);
}

static double *lay_out_bias(const struct matrix *matrix, struct arena *arena) {
    return take(arena, (size_t)matrix->blocks * BLOCK * sizeof(double));
}

static void lay_out_all(struct network *network, struct arena *arena) {
    for (int n = 0; n < network->layer_count; n++) {
        struct layer *layer = &network->layers[n];
        const int inputs = n ? network->hidden : network->inputs;
        lay_out(network, &layer->w_x, arena, network->hidden, inputs);
        lay_out(network, &layer->w_h, arena, network->hidden, network->hidden);
        layer->bias = lay_out_bias(&layer->w_h, arena);
    }
    lay_out(network, &network->w_out, arena, ceil_div(network->classes, GATES), network->hidden);
    network->b_out = lay_out_bias(&network->w_out, arena);
}

/* Where a row goes: its place among the sums of all blocks. A layer's rows are gate * hidden +
 * unit; those of the output layer fill one block after the other. */
static int place_of_unit(int row, int hidden) {
    const int gate = row / hidden, unit = row % hidden;
    return unit / UNITS * BLOCK + gate * UNITS + unit % UNITS;
}

static void pack_layer(const struct layout *layout, struct layer *layer,
                       const struct plain_layer *plain) {
    layer->scale = plain->scale;
    for (int row = 0; row < GATES * plain->hidden; row++) {
        const int place = place_of_unit(row, plain->hidden);
        layout->pack(&layer->w_x, place, plain->w_x + (size_t)row * (size_t)plain->inputs);
        layout->pack(&layer->w_h, place, plain->w_h + (size_t)row * (size_t)plain->hidden);
        layer->bias[place] = plain->bias[row];
    }
}

int pack_network(struct network *network, const struct plain_layer *layers, const int16_t *w_out,
                 const double *b_out) {
    network->layers = calloc((size_t)network->layer_count, sizeof *network->layers);
    if (!network->layers) return -1;
    struct arena arena = {NULL, 0};
    lay_out_all(network, &arena);
    network->memory = huge_block(arena.used);
    if (!network->memory) return -1;
    arena = (struct arena){network->memory, 0};
    lay_out_all(network, &arena);
    const struct layout *layout = network->tier->layout;
    for (int n = 0; n < network->layer_count; n++)
        pack_layer(layout, &network->layers[n], &layers[n]);
    for (int row = 0; row < network->classes; row++) {
        layout->pack(&network->w_out, row, w_out + (size_t)row * (size_t)network->hidden);
        network->b_out[row] = b_out[row];
    }
    return 0;
}

void free_network(struct network *network) {
    free(network->layers);
    free(network->memory);
}
