/* munt-spec-0 in C: what its files share.
 *
 * Ref: docs/munt-spec-0.md. backends/vau_backends/muntaniala/cell.py is the reference.
 *
 * Saturating sums at the speed of plain ones. The products of a die are added up in any order,
 * which is exact in 32 bits. That sum S is also the saturating one unless a prefix leaves 16
 * bits; with N no less than the sum of the products' magnitudes, every prefix lies within
 * (S - N) / 2 and (S + N) / 2, so abs(S) + N <= 2 * 32767 clears it. Cauchy and Schwarz give N
 * from norms: first with the largest norms of 32 units, which clears nearly all lanes for
 * almost nothing; where that fails lane by lane, x and h apart; what is left is added in the
 * order of the hardware. docs/adr/0009 has the shares.
 *
 * Weights are packed once: 32 units (a group) side by side, four elements of x or h to a unit,
 * so that one row is four products of each unit, for vpdpbusd and for the tiles of AMX alike.
 * A panel holds them for one group, die column and gate, in the order in which they are used.
 */
#ifndef VAU_MUNT_H
#define VAU_MUNT_H

#include "arena.h"
#include "numbers.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

enum gate { I, F, G, O, GATES, PEEPHOLE_GATES = 3 /* i, f, o */ };

enum {
    GROUP = 32,       /* units that are packed side by side */
    HALF = 16,        /* lanes of 32 bits in a vector: a group is two */
    ROW_ELEMENTS = 4, /* elements of x or h whose products a row holds */
    LINE = HALF * ROW_ELEMENTS, /* bytes of one half of a row, and of a cache line */
    ROW_BYTES = 2 * LINE,
    TILE_ROWS = 16,
    TILE_ELEMENTS = TILE_ROWS * ROW_ELEMENTS,
    TILE_BYTES = TILE_ROWS * ROW_BYTES, /* of both halves, which lie row by row */
    STREAMS = 32,                       /* that one step takes side by side */
    HALF_SUMS = STREAMS * HALF, /* the sums of one half of a group, over all streams */
    BIAS_SHIFT = 7,
    FRACTION_BITS = 12, /* of accumulators, gates and c */
    HIDDEN_SHIFT = 17,  /* o * tanh(c) to h */
    PEEPHOLE_SHIFT = 5,
    SIGMOID_SHIFT = 8,
    TANH_SHIFT = 7,
    TWICE_RAIL = 2 * INT16_MAX,
    TABLE = 256, /* entries, for k from -128 to 127 */
};

enum accumulator { SAT, WRAP, WIDE };

/* The largest that any of 32 lanes has. */
struct bound {
    int32_t bias; /* abs(bias << 7), 0 but in column 0 */
    int32_t x, h; /* norms of their weights, rounded up */
};

struct layer {
    int hidden, inputs, columns;
    int has_peephole;
    int groups;           /* of 32 units, the last one padded */
    int x_share, h_share; /* elements of a die column; the last ones may have fewer */
    int x_rows, h_rows;   /* of four elements, h right behind x */
    int tiles;            /* 16 rows each, the last one padded */
    int8_t *weights;      /* [groups][columns][GATES][tiles * TILE_ROWS][2][HALF][4] */
    int32_t *bias;        /* << 7, [groups][GATES][2][HALF] */
    struct bound *bounds; /* [groups][columns][GATES] */
    int32_t *norm_x, *norm_h; /* [groups][columns][GATES][2][HALF] */
    int16_t *peephole;        /* [groups][3][GROUP] in the order i, f, o; or NULL */
};

struct tables {
    int16_t tanh[TABLE], sigmoid[TABLE];               /* k from -128 to 127 */
    int16_t tanh_up[TABLE / 2], sigmoid_up[TABLE / 2]; /* k from 0: the rest is symmetric */
};

struct network {
    const struct tier *tier;
    enum accumulator acc;
    struct tables tables;
    int layer_count, inputs, hidden, classes;
    struct layer *layers;
    int class_groups, class_tiles;
    int8_t *w_out;  /* [class_groups][class_tiles * TILE_ROWS][2][HALF][4] */
    int32_t *b_out; /* << 7, [class_groups][2][HALF] */
    void *memory;   /* of all the arrays */
};

/* One layer, one frame, up to 32 streams; arrays over streams have STREAMS places. */
struct step {
    const struct network *network;
    const struct layer *layer;
    int count;
    int8_t *operands;      /* x and h as the dies see them, [columns][STREAMS][tiles * 64] */
    int32_t *sums_of[2];   /* of the operands, by part, [columns][STREAMS] */
    int32_t *length_of[2]; /* their norms, rounded up */
    int from_row;          /* of the panels: 0, or where h begins if x was added up before */
    const int32_t *x_sums; /* in that case, [count][groups][columns][GATES][2][HALF] */
    int32_t *sums;         /* of two dies, [2][2][STREAMS][HALF] */
    int16_t *a;            /* rows of dies, in the end pre-activations, [GATES][STREAMS][GROUP] */
    int16_t **c;           /* of each stream, [groups * GROUP] */
    int8_t **h;
    int64_t *events; /* of each stream */
    int64_t doubtful;
};

/* Lanes that belong together: of one group, gate and die. */
struct place {
    int group, column, gate;
};

/* A panel times the operands of some streams. Rows before from_row do not count; in those behind
 * to_row the operands or the weights are 0. */
struct product {
    const int8_t *panel;
    int from_row, to_row;
    const int8_t *operands;       /* up to a whole tile */
    size_t stride;                /* bytes between streams */
    int count;                    /* of streams */
    const int32_t *sum_x, *sum_h; /* of the operands in these rows, [count], or NULL for 0 */
    int32_t *sums;                /* each half and stream is HALF of them, so far apart: */
    size_t half_stride, stream_stride;
};

enum part { X, H };

/* A way to compute. None changes a bit. */
struct tier {
    const char *name;
    int (*is_here)(void);       /* whether this processor has it */
    void (*begin)(int streams); /* before products of so many streams */
    void (*end)(void);
    void (*multiply)(const struct product *product);
    /* Spread x or h of all streams over the dies; note their sums and lengths. */
    void (*spread)(struct step *step, enum part part, const int8_t *const *values);
    /* Saturating pre-activations of one group: its dies, proven or repaired, added up. */
    void (*saturate)(struct step *step, int group);
    /* Advance c and h of one group. */
    void (*cell)(struct step *step, int group);
};

extern const struct tier portable_tier, avx2_tier, avx512_tier, amx_tier;

/* What any tier may use. */
void portable_spread(struct step *step, enum part part, const int8_t *const *values);
void portable_saturate(struct step *step, int group);
void portable_cell(struct step *step, int group);

/* Pre-activations where the order of a sum does not matter: WRAP and WIDE. */
void add_up(struct step *step, int group);

/* The length of a vector, rounded up, from the sum of its squares. */
static inline int32_t length_of(int32_t squares) { return (int32_t)sqrt((double)squares) + 1; }

static inline int32_t abs32(int32_t v) { return v < 0 ? -v : v; }

/* --- where things stand -------------------------------------------------------------- */

static inline size_t panel_bytes(const struct layer *layer) {
    return (size_t)layer->tiles * TILE_BYTES;
}
static inline size_t row_offset(int row, int half) {
    return (size_t)row * ROW_BYTES + (size_t)half * LINE;
}
static inline size_t places_of(const struct layer *layer) {
    return (size_t)layer->groups * (size_t)layer->columns * GATES;
}
static inline size_t index_of(const struct layer *layer, struct place at) {
    return ((size_t)at.group * (size_t)layer->columns + (size_t)at.column) * GATES
           + (size_t)at.gate;
}
static inline const int8_t *panel_of(const struct layer *layer, struct place at) {
    return layer->weights + index_of(layer, at) * panel_bytes(layer);
}
/* Where a product puts the sums of one half and stream. */
static inline int32_t *sums_of(const struct product *p, int half, int stream) {
    return p->sums + (size_t)half * p->half_stride + (size_t)stream * p->stream_stride;
}
/* What the sums of a die start from: the biases in column 0, [2][HALF]. */
static inline const int32_t *start_of(const struct layer *layer, struct place at) {
    static const int32_t zeros[GROUP] = {0};
    if (at.column) return zeros;
    return layer->bias + ((size_t)at.group * GATES + (size_t)at.gate) * GROUP;
}
static inline const int8_t *operands_of(const struct step *step, int column, int stream) {
    const size_t bytes = (size_t)step->layer->tiles * TILE_ELEMENTS;
    return step->operands + ((size_t)column * STREAMS + (size_t)stream) * bytes;
}
/* The share of a part that the dies of a column see, and where it begins among the operands. */
struct share {
    int from, count, first;
};
static inline struct share share_of(const struct layer *layer, enum part part, int column) {
    const int size = part == H ? layer->h_share : layer->x_share;
    const int total = part == H ? layer->hidden : layer->inputs;
    const int from = least(column * size, total);
    return (struct share){from, least(size, total - from),
                          part == H ? layer->x_rows * ROW_ELEMENTS : 0};
}
/* What x added up to before, [2][HALF]; or NULL if it is in the product. */
static inline const int32_t *x_sums_of(const struct step *step, struct place at, int stream) {
    if (!step->x_sums) return NULL;
    return step->x_sums
           + ((size_t)stream * places_of(step->layer) + index_of(step->layer, at)) * GROUP;
}
static inline int16_t *a_of(const struct step *step, int gate, int stream) {
    return step->a + ((size_t)gate * STREAMS + (size_t)stream) * GROUP;
}
/* The product of a place, all streams of a step at once. */
static inline struct product product_of(const struct step *step, struct place at, int32_t *sums) {
    const struct layer *layer = step->layer;
    return (struct product){
        .panel = panel_of(layer, at),
        .from_row = step->from_row,
        .to_row = layer->x_rows + layer->h_rows,
        .operands = operands_of(step, at.column, 0),
        .stride = (size_t)layer->tiles * TILE_ELEMENTS,
        .count = step->count,
        .sum_x = step->from_row ? NULL : step->sums_of[X] + (size_t)at.column * STREAMS,
        .sum_h = step->sums_of[H] + (size_t)at.column * STREAMS,
        .sums = sums,
        .half_stride = HALF_SUMS,
        .stream_stride = HALF,
    };
}

/* Unit of a group in a lane of a half: packing two halves to 16 bits interleaves them. */
static inline int unit_of(int half, int lane) { return lane / 4 * 8 + half * 4 + lane % 4; }
static inline int half_of(int unit) { return unit / 4 % 2; }
static inline int lane_of(int unit) { return unit / 8 * 4 + unit % 4; }

/* --- from outside -------------------------------------------------------------------- */

/* Frames of several utterances, and where their states are; inputs and logits lie utterance
 * after utterance. */
struct call {
    int works;
    const int32_t *lengths;   /* frames of each */
    const int32_t *pool_rows; /* of each */
    const int8_t *inputs;     /* [frames][inputs] */
    int8_t *h;                /* [pool rows][layers][hidden] */
    int16_t *c;
    int32_t *logits;         /* [frames][classes] */
    int64_t *clamps;         /* [works][layers], set */
    int64_t lanes, doubtful; /* set */
};

/* Advance the states. Returns 0, or -1 if there is no memory; nothing has changed then. */
int run_network(const struct network *network, struct workspace *workspace, struct call *call);

/* Seconds to read every weight once: the least that a frame of one stream takes. */
double read_all_s(const struct network *network);

/* Multiplications a second that the tiles of AMX do at best, measured for some milliseconds;
 * 0 where there are none. */
double amx_peak(void);

/* Seconds of a clock that only goes forward. */
double now_s(void);

/* The weights of one layer as they come: rows are gate * hidden + unit. */
struct plain_layer {
    int hidden, inputs, columns;
    const int8_t *w_x, *w_h, *bias, *peephole;
};

/* Pack a network. Returns 0, or -1 if there is no memory. */
int pack_network(struct network *network, const struct plain_layer *layers, const int8_t *w_out,
                 const int8_t *b_out);
void free_network(struct network *network);

#endif
