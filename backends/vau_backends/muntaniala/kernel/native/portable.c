/* Any machine, in plain C; what another tier does not do faster is done here. */
#include "lanes.h"

#include <string.h>

static int always(void) { return 1; }
static void nothing(void) {}
static void nothing_for(int streams) { (void)streams; }

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "multiply takes the first of two bytes for the low one; numpy serves such machines"
#endif

/* Vectors of any processor that has some; unaligned, and allowed to look at bytes. */
typedef int16_t words __attribute__((vector_size(16), aligned(1), may_alias));
typedef int32_t sums32 __attribute__((vector_size(16), aligned(4), may_alias));

/* The sum of each two neighbours, in 32 bits. */
static inline sums32 added(words products) {
    const sums32 pairs = (sums32)products;
    return (pairs << 16 >> 16) + (pairs >> 16);
}

/* Four lanes at a time: their weights 0 and 2, then 1 and 3, are split by shifts. */
static void multiply(const struct product *p) {
    for (int stream = 0; stream < p->count; stream++)
        for (int half = 0; half < 2; half++) {
            sums32 sums[HALF / 4] = {{0}};
            for (int row = p->from_row; row < p->to_row; row++) {
                const int8_t *x = p->operands + (size_t)stream * p->stride + row * ROW_ELEMENTS;
                const words even = {x[0], x[2], x[0], x[2], x[0], x[2], x[0], x[2]};
                const words odd = {x[1], x[3], x[1], x[3], x[1], x[3], x[1], x[3]};
                const words *w = (const words *)(p->panel + row_offset(row, half));
                for (int n = 0; n < HALF / 4; n++)
                    sums[n] += added((w[n] << 8 >> 8) * even) + added((w[n] >> 8) * odd);
            }
            memcpy(sums_of(p, half, stream), sums, sizeof sums);
        }
}

void portable_spread(struct step *step, enum part part, const int8_t *const *values) {
    for (int column = 0; column < step->layer->columns; column++) {
        const struct share share = share_of(step->layer, part, column);
        for (int stream = 0; stream < step->count; stream++) {
            const int8_t *from = values[stream] + share.from;
            int8_t *to = (int8_t *)operands_of(step, column, stream) + share.first;
            int32_t sum = 0, squares = 0;
            for (int n = 0; n < share.count; n++) {
                to[n] = from[n];
                sum += from[n];
                squares += from[n] * from[n];
            }
            step->sums_of[part][column * STREAMS + stream] = sum;
            step->length_of[part][column * STREAMS + stream] = length_of(squares);
        }
    }
}

void portable_saturate(struct step *step, int group) { saturate_dies(step, group); }

/* What 32 bits come to is in 16 bits what wraps, and with one clamp what is wide. */
static void narrow(struct step *step, int gate, int stream, const int32_t *rows) {
    for (int unit = 0; unit < GROUP; unit++) {
        const int32_t row = rows[half_of(unit) * HALF_SUMS + lane_of(unit)];
        const int is_wide = step->network->acc == WIDE;
        a_of(step, gate, stream)[unit] =
            (int16_t)(is_wide ? clamped(row, &step->events[stream]) : row);
    }
}

void add_up(struct step *step, int group) {
    int32_t *sums = step->sums, *rows = step->sums + 2 * HALF_SUMS;
    for (int gate = 0; gate < GATES; gate++) {
        memset(rows, 0, 2 * HALF_SUMS * sizeof *rows);
        for (int column = 0; column < step->layer->columns; column++) {
            const struct place at = {group, column, gate};
            const struct product product = product_of(step, at, sums);
            step->network->tier->multiply(&product);
            for (int stream = 0; stream < step->count; stream++) {
                complete(step, at, stream, sums + stream * HALF);
                for (int n = 0; n < HALF; n++) {
                    rows[stream * HALF + n] += sums[stream * HALF + n];
                    rows[HALF_SUMS + stream * HALF + n] += sums[HALF_SUMS + stream * HALF + n];
                }
            }
        }
        for (int stream = 0; stream < step->count; stream++)
            narrow(step, gate, stream, rows + stream * HALF);
    }
}

/* --- the cell ------------------------------------------------------------------------- */

void portable_cell(struct step *step, int group) { advance_cells(step, group); }

const struct tier portable_tier = {
    "portable", always,           nothing_for,       nothing,
    multiply,   portable_spread, portable_saturate, portable_cell,
};
