/* rpu-spec-0 in C: what its files share.
 *
 * Ref: docs/rpu-spec-0.md. backends/vau_backends/rpu/cell.py is the reference.
 *
 * Exact sums in 32 bits. A number of 16 bits is 256 * high + low, both of them small; so a sum of
 * products is a few sums of products that 32 bits hold, and what they make together is exact in
 * float64: no sum of the specification leaves 48 bits. From there on whole numbers live in
 * float64, which rounds ties to even by itself. How numbers are split, and lie, depends on what
 * multiplies them: see pairs.c and planes.c.
 *
 * Weights are packed once, in blocks of 16 rows for each of four gates. The output layer is
 * packed the same way, four times 16 classes to a block.
 */
#ifndef VAU_RPU_H
#define VAU_RPU_H

#include "arena.h"
#include "numbers.h"

#include <stddef.h>
#include <stdint.h>

enum { I, F, G, O, GATES };

enum {
    UNITS = 16,            /* rows of a gate that are packed side by side */
    BLOCK = GATES * UNITS, /* sums of a block */
    PARTS = 2,             /* high and low */
    PLACES = 2048,         /* of a table, from -8 to 8 */
    GATE_SHIFT = 4,        /* from sQ4.11 to a place in a table */
    CELL_SHIFT = 5,        /* and from sQ3.12 */
    CELL_ROUND_OFF = 18,   /* from 30 fraction bits to the 12 of c */
    HIDDEN_ROUND_OFF = 15, /* from 30 to the 15 of h */
    WIDER_CELL = 8,        /* f * c has 27 fraction bits, i * g 30 */
};

/* Rows of weights, packed as a layout says. */
struct matrix {
    int columns, blocks;
    char *weights; /* of one block after the other */
};

/* How weights and operands lie. */
struct layout {
    size_t (*block_bytes)(const struct matrix *matrix);
    size_t (*operand_bytes)(const struct matrix *matrix); /* of one stream */
    /* Put a row into its place among the sums of all blocks. */
    void (*pack)(const struct matrix *matrix, int place, const int16_t *row);
    void (*spread)(const struct matrix *matrix, const int16_t *values, char *operands);
};

extern const struct layout pairs_layout, planes_layout;

/* What brings an exact sum to the format of its result. */
struct scale {
    double of_x, of_h;
};

struct layer {
    struct matrix w_x, w_h;
    struct scale scale;
    double *bias; /* [blocks][GATES][UNITS], scaled */
};

struct tables {
    int32_t sigmoid[PLACES], tanh[PLACES]; /* from place -PLACES / 2 on */
};

struct network {
    const struct tier *tier;
    struct tables tables;
    int layer_count, inputs, hidden, classes;
    struct layer *layers;
    struct matrix w_out;
    double out_scale;
    double *b_out; /* [blocks][BLOCK], scaled */
    void *memory;  /* of all the arrays */
};

/* A block of units of one stream. */
struct cells {
    const struct tables *tables;
    const double *x, *h, *bias; /* exact sums, and what is scaled already, [GATES][UNITS] */
    struct scale scale;
    double *c;    /* [UNITS] */
    int16_t *now; /* h of the next step, [UNITS] */
};

/* Some streams' operands times one block of a matrix. */
struct product {
    const struct matrix *matrix;
    const char *weights, *operands;
    size_t operand_bytes; /* between streams */
    int count;            /* of streams */
    double *sums;         /* [count][GATES][UNITS], streams `stride` apart */
    size_t stride;
};

/* A way to compute. None changes a bit. */
struct tier {
    const char *name;
    const struct layout *layout;
    int (*is_here)(void);       /* whether this processor has it */
    void (*begin)(int streams); /* before products of so many streams */
    void (*end)(void);
    void (*multiply)(const struct product *product);
    /* Advance a block of cells; return how many registers were too narrow. */
    int (*advance)(const struct cells *cells);
};

extern const struct tier amx_tier, avx512_tier, avx2_tier;

int avx512_advance(const struct cells *cells);

/* --- from outside -------------------------------------------------------------------- */

/* Frames of several utterances, and where their states are; inputs and logits lie utterance
 * after utterance. */
struct call {
    int works;
    const int32_t *lengths;   /* frames of each */
    const int32_t *pool_rows; /* of each */
    const int16_t *inputs;    /* [frames][inputs] */
    int16_t *h, *c;           /* [pool rows][layers][hidden] */
    int32_t *logits;          /* [frames][classes] */
    int64_t *clamps;          /* [works][layers], set */
};

/* Advance the states. Returns 0, or -1 if there is no memory; nothing has changed then. */
int run_network(const struct network *network, struct workspace *workspace, struct call *call);

/* One layer as it comes: rows are gate * hidden + unit. */
struct plain_layer {
    int hidden, inputs;
    const int16_t *w_x, *w_h;
    const double *bias; /* scaled */
    struct scale scale;
};

/* Pack a network. Returns 0, or -1 if there is no memory. */
int pack_network(struct network *network, const struct plain_layer *layers, const int16_t *w_out,
                 const double *b_out);
void free_network(struct network *network);

#endif
