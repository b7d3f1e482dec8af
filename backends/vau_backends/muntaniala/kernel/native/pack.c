/* Weights as a bundle has them to panels, biases and bounds. */
#define _GNU_SOURCE /* madvise */
#include "huge.h"
#include "munt.h"

static void lay_out(struct network *network, struct arena *arena) {
    for (int n = 0; n < network->layer_count; n++) { /* weights first, in the order of use */
        struct layer *layer = &network->layers[n];
        layer->weights = take(arena, places_of(layer) * panel_bytes(layer));
    }
    network->w_out =
        take(arena, (size_t)network->class_groups * (size_t)network->class_tiles * TILE_BYTES);
    for (int n = 0; n < network->layer_count; n++) {
        struct layer *layer = &network->layers[n];
        const size_t places = places_of(layer), groups = (size_t)layer->groups;
        layer->bias = take(arena, groups * GATES * GROUP * sizeof *layer->bias);
        layer->bounds = take(arena, places * sizeof *layer->bounds);
        layer->norm_x = take(arena, places * GROUP * sizeof *layer->norm_x);
        layer->norm_h = take(arena, places * GROUP * sizeof *layer->norm_h);
        const size_t peepholes = groups * PEEPHOLE_GATES * GROUP;
        if (layer->has_peephole) layer->peephole = take(arena, peepholes * sizeof(int16_t));
    }
    network->b_out = take(arena, (size_t)network->class_groups * GROUP * sizeof *network->b_out);
}

/* Where element `index` of a unit's operands stands in a panel. */
static size_t offset_of(int index, int half, int lane) {
    return row_offset(index / ROW_ELEMENTS, half) + (size_t)lane * ROW_ELEMENTS
           + (size_t)(index % ROW_ELEMENTS);
}

/* Put a unit's weights of one die into its panel; return their norm. */
static int32_t put(int8_t *panel, int half, int lane, int first, const int8_t *w, int count) {
    int32_t squares = 0;
    for (int n = 0; n < count; n++) {
        panel[offset_of(first + n, half, lane)] = w[n];
        squares += w[n] * w[n];
    }
    return length_of(squares);
}

static void pack_lane(struct layer *layer, const struct plain_layer *plain, struct place at,
                      int half, int lane) {
    const int unit = at.group * GROUP + unit_of(half, lane);
    if (unit >= plain->hidden) return; /* zeros, which saturate nothing */
    const size_t row = (size_t)at.gate * (size_t)plain->hidden + (size_t)unit;
    const int from_x = least(at.column * layer->x_share, plain->inputs);
    const int from_h = least(at.column * layer->h_share, plain->hidden);
    const int count_x = least(layer->x_share, plain->inputs - from_x);
    const int count_h = least(layer->h_share, plain->hidden - from_h);
    int8_t *panel = layer->weights + index_of(layer, at) * panel_bytes(layer);
    const size_t index = index_of(layer, at) * GROUP + (size_t)(half * HALF + lane);
    const int8_t *w_x = plain->w_x + row * (size_t)plain->inputs + from_x;
    const int8_t *w_h = plain->w_h + row * (size_t)plain->hidden + from_h;
    layer->norm_x[index] = put(panel, half, lane, 0, w_x, count_x);
    layer->norm_h[index] = put(panel, half, lane, layer->x_rows * ROW_ELEMENTS, w_h, count_h);
    struct bound *bound = layer->bounds + index_of(layer, at);
    bound->x = largest(bound->x, layer->norm_x[index]);
    bound->h = largest(bound->h, layer->norm_h[index]);
    if (at.column) return;
    const int32_t bias = plain->bias[row] * (1 << BIAS_SHIFT);
    layer->bias[((size_t)at.group * GATES + (size_t)at.gate) * GROUP
                + (size_t)(half * HALF + lane)] = bias;
    bound->bias = largest(bound->bias, abs32(bias));
}

static void pack_layer(struct layer *layer, const struct plain_layer *plain) {
    for (int group = 0; group < layer->groups; group++)
        for (int column = 0; column < layer->columns; column++)
            for (int gate = 0; gate < GATES; gate++)
                for (int lane = 0; lane < GROUP; lane++)
                    pack_lane(layer, plain, (struct place){group, column, gate}, lane / HALF,
                              lane % HALF);
    for (int gate = 0; plain->peephole && gate < PEEPHOLE_GATES; gate++)
        for (int unit = 0; unit < plain->hidden; unit++)
            layer->peephole[(unit / GROUP * PEEPHOLE_GATES + gate) * GROUP + unit % GROUP] =
                plain->peephole[gate * plain->hidden + unit];
}

static void shape(struct layer *layer, const struct plain_layer *plain) {
    layer->hidden = plain->hidden;
    layer->inputs = plain->inputs;
    layer->columns = plain->columns;
    layer->groups = ceil_div(plain->hidden, GROUP);
    layer->x_share = ceil_div(plain->inputs, plain->columns);
    layer->h_share = ceil_div(plain->hidden, plain->columns);
    layer->x_rows = ceil_div(layer->x_share, ROW_ELEMENTS);
    layer->h_rows = ceil_div(layer->h_share, ROW_ELEMENTS);
    layer->tiles = ceil_div(layer->x_rows + layer->h_rows, TILE_ROWS);
    layer->has_peephole = plain->peephole != NULL;
}

int pack_network(struct network *network, const struct plain_layer *layers, const int8_t *w_out,
                 const int8_t *b_out) {
    const int hidden = network->hidden;
    network->layers = calloc((size_t)network->layer_count, sizeof *network->layers);
    if (!network->layers) return -1;
    for (int n = 0; n < network->layer_count; n++) shape(&network->layers[n], &layers[n]);
    network->class_groups = ceil_div(network->classes, GROUP);
    network->class_tiles = ceil_div(hidden, TILE_ELEMENTS);
    struct arena arena = {NULL, 0};
    lay_out(network, &arena);
    network->memory = huge_block(arena.used);
    if (!network->memory) return -1;
    arena = (struct arena){network->memory, 0};
    lay_out(network, &arena);
    for (int n = 0; n < network->layer_count; n++) pack_layer(&network->layers[n], &layers[n]);
    for (int id = 0; id < network->classes; id++) {
        const int half = half_of(id % GROUP), lane = lane_of(id % GROUP);
        const size_t panel = (size_t)(id / GROUP * network->class_tiles) * TILE_BYTES;
        put(network->w_out + panel, half, lane, 0, w_out + (size_t)id * (size_t)hidden, hidden);
        network->b_out[id / GROUP * GROUP + half * HALF + lane] = b_out[id] * (1 << BIAS_SHIFT);
    }
    return 0;
}

void free_network(struct network *network) {
    free(network->layers);
    free(network->memory);
    network->layers = NULL;
    network->memory = NULL;
}
