/* The layout of pairs: weights [pairs][GATES][UNITS][PAIR], operands [PARTS][pairs][PAIR]. */
#include "pairs.h"

static size_t block_bytes(const struct matrix *matrix) {
    return (size_t)pairs_of(matrix) * BLOCK * PAIR * sizeof(int16_t);
}

static size_t operand_bytes(const struct matrix *matrix) {
    return (size_t)pairs_of(matrix) * PAIR * PARTS * sizeof(int16_t);
}

static void pack(const struct matrix *matrix, int place, const int16_t *row) {
    char *bytes = matrix->weights + (size_t)(place / BLOCK) * block_bytes(matrix);
    int16_t *block = (int16_t *)bytes;
    for (int n = 0; n < matrix->columns; n++) {
        const size_t line = (size_t)(n / PAIR) * BLOCK + (size_t)(place % BLOCK);
        block[line * PAIR + (size_t)(n % PAIR)] = row[n];
    }
}

/* What stands behind an odd last one does not matter: it meets a weight of 0. */
static void spread(const struct matrix *matrix, const int16_t *values, char *operands) {
    int16_t *high = (int16_t *)operands, *low = high + pairs_of(matrix) * PAIR;
    for (int n = 0; n < matrix->columns; n++) {
        low[n] = (int8_t)values[n];
        high[n] = (int16_t)((values[n] - low[n]) >> 8);
    }
}

const struct layout pairs_layout = {block_bytes, operand_bytes, pack, spread};
