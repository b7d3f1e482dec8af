/* Weights and operands as two planes of bytes, for the tiles of AMX.
 *
 * A number is 256 * high + low, of which high has a sign and low has none. Of a sum of products
 * 65536 times one part comes from both highs, 256 times another from a high and a low, and the
 * rest from both lows. 32 bits hold each of the three for 2^14 elements, of which the lows alone
 * may add up to 255 * 255 each; what is longer goes to float64 in segments.
 */
#ifndef VAU_PLANES_H
#define VAU_PLANES_H

#include "rpu.h"
#include "tiles.h"

enum {
    TILE_ROWS = AMX_ROWS,
    TILE_ELEMENTS = AMX_ROW_BYTES,        /* of a stream, in a row of a tile */
    ROW_ELEMENTS = AMX_ROW_BYTES / UNITS, /* of a unit, in a row of a tile of weights */
    TILE_BYTES = AMX_ROWS * AMX_ROW_BYTES,
    SEGMENT_TILES = (1 << 14) / TILE_ELEMENTS, /* as many add up in 32 bits */
};

static inline int tiles_of(const struct matrix *matrix) {
    return ceil_div(matrix->columns, TILE_ELEMENTS);
}
/* A tile of weights: those of one gate, and of both parts one after the other. */
static inline size_t tile_at(const struct matrix *matrix, int gate, int tile) {
    return (size_t)((gate * tiles_of(matrix) + tile) * PARTS) * TILE_BYTES;
}
/* Bytes of one plane of operands. */
static inline size_t plane_bytes(const struct matrix *matrix) {
    return (size_t)tiles_of(matrix) * TILE_ELEMENTS;
}

#endif
