/* The layout of planes: weights [GATES][tiles][PARTS][TILE_ROWS][UNITS][ROW_ELEMENTS], operands
 * [PARTS][tiles][TILE_ELEMENTS]. */
#include "planes.h"

#include <string.h>

static size_t block_bytes(const struct matrix *matrix) { return tile_at(matrix, GATES, 0); }

static size_t operand_bytes(const struct matrix *matrix) { return PARTS * plane_bytes(matrix); }

static void pack(const struct matrix *matrix, int place, const int16_t *row) {
    char *block = matrix->weights + (size_t)(place / BLOCK) * block_bytes(matrix);
    const int gate = place % BLOCK / UNITS, unit = place % UNITS;
    for (int n = 0; n < matrix->columns; n++) {
        const int in_tile = n % TILE_ELEMENTS;
        char *high = block + tile_at(matrix, gate, n / TILE_ELEMENTS)
                     + in_tile / ROW_ELEMENTS * UNITS * ROW_ELEMENTS + unit * ROW_ELEMENTS
                     + in_tile % ROW_ELEMENTS;
        high[0] = (char)(row[n] >> 8);
        high[TILE_BYTES] = (char)row[n];
    }
}

/* What stands behind the last one does not matter: it meets a weight of 0. */
static void spread(const struct matrix *matrix, const int16_t *values, char *operands) {
    char *high = operands, *low = operands + plane_bytes(matrix);
    for (int n = 0; n < matrix->columns; n++) {
        high[n] = (char)(values[n] >> 8);
        low[n] = (char)values[n];
    }
}

const struct layout planes_layout = {block_bytes, operand_bytes, pack, spread};
