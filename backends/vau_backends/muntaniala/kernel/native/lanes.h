/* What follows upon the products of a die, in plain C; tiers inline it for their processor. */
#ifndef VAU_LANES_H
#define VAU_LANES_H

#include "munt.h"

#define INLINE_LANES static inline __attribute__((always_inline))

INLINE_LANES int32_t clamp16(int32_t v) {
    return v < INT16_MIN ? INT16_MIN : v > INT16_MAX ? INT16_MAX : v;
}

INLINE_LANES int32_t clamped(int32_t v, int64_t *events) {
    const int32_t kept = clamp16(v);
    *events += kept != v;
    return kept;
}

/* --- one lane: one sum of one stream -------------------------------------------------- */

struct lane {
    struct place at;
    int stream, half, number;
};

INLINE_LANES int32_t weighted(const struct step *step, struct lane lane, int element) {
    const int8_t *panel = panel_of(step->layer, lane.at);
    const size_t row = row_offset(element / ROW_ELEMENTS, lane.half);
    const int in_row = lane.number * ROW_ELEMENTS + element % ROW_ELEMENTS;
    return panel[row + (size_t)in_row] * operands_of(step, lane.at.column, lane.stream)[element];
}

/* The sum in the order of the hardware. */
static inline int32_t in_order(const struct step *step, struct lane lane) {
    const int elements = (step->layer->x_rows + step->layer->h_rows) * ROW_ELEMENTS;
    int32_t acc = start_of(step->layer, lane.at)[lane.half * HALF + lane.number];
    for (int element = 0; element < elements; element++)
        acc = clamped(acc + weighted(step, lane, element), &step->events[lane.stream]);
    return acc;
}

/* Whether no prefix can leave 16 bits: those of x, then those of h behind it. */
static inline int is_proven(const struct step *step, struct lane lane, int32_t sum) {
    const struct layer *layer = step->layer;
    const int in_group = lane.half * HALF + lane.number;
    const size_t index = index_of(layer, lane.at) * GROUP + (size_t)in_group;
    const int of_column = lane.at.column * STREAMS + lane.stream;
    const int32_t start = start_of(layer, lane.at)[in_group];
    int32_t of_x = start;
    for (int element = 0; element < layer->x_rows * ROW_ELEMENTS; element++)
        of_x += weighted(step, lane, element);
    const int32_t reach_x = abs32(start) + layer->norm_x[index] * step->length_of[X][of_column];
    const int32_t reach_h = layer->norm_h[index] * step->length_of[H][of_column];
    return abs32(of_x) + reach_x <= TWICE_RAIL && abs32(of_x + sum) + reach_h <= TWICE_RAIL;
}

/* --- the dies of a group, one stream at a time ----------------------------------------- */

/* Add what the products leave out: biases, and x where it was added up before. */
INLINE_LANES void complete(const struct step *step, struct place at, int stream, int32_t *sums) {
    const int32_t *start = start_of(step->layer, at), *more = x_sums_of(step, at, stream);
    for (int half = 0; half < 2; half++)
        for (int n = 0; n < HALF; n++) {
            sums[half * HALF_SUMS + n] += start[half * HALF + n];
            if (more) sums[half * HALF_SUMS + n] += more[half * HALF + n];
        }
}

/* The largest magnitude of a group's sums; a loop that compilers turn into vectors. */
INLINE_LANES int32_t largest_of(const int32_t *sums) {
    int32_t found = 0;
    for (int half = 0; half < 2; half++)
        for (int n = 0; n < HALF; n++) {
            const int32_t size = abs32(sums[half * HALF_SUMS + n]);
            found = size > found ? size : found;
        }
    return found;
}

INLINE_LANES void prove_or_repair(struct step *step, struct place at, int stream, int32_t *sums) {
    const struct bound *bound = step->layer->bounds + index_of(step->layer, at);
    const int of_column = at.column * STREAMS + stream;
    const int32_t reach = bound->bias + bound->x * step->length_of[X][of_column]
                          + bound->h * step->length_of[H][of_column];
    if (largest_of(sums) + reach <= TWICE_RAIL) return;
    for (int n = 0; n < GROUP; n++) {
        int32_t *sum = sums + n / HALF * HALF_SUMS + n % HALF;
        const struct lane lane = {at, stream, n / HALF, n % HALF};
        if (abs32(*sum) + reach <= TWICE_RAIL || is_proven(step, lane, *sum)) continue;
        step->doubtful++;
        *sum = in_order(step, lane);
    }
}

/* Four units at a time: as many lie side by side in a half, see unit_of. */
INLINE_LANES void join(struct step *step, struct place at, int stream, const int32_t *sums) {
    int16_t *row = a_of(step, at.gate, stream);
    int32_t events = 0;
    for (int unit = 0; unit < GROUP; unit += 4) {
        const int32_t *four = sums + half_of(unit) * HALF_SUMS + lane_of(unit);
        for (int n = 0; n < 4; n++) {
            const int32_t exact = (at.column ? row[unit + n] : 0) + four[n];
            const int32_t kept = clamp16(exact);
            events += kept != exact;
            row[unit + n] = (int16_t)kept;
        }
    }
    step->events[stream] += events;
}

INLINE_LANES void saturate_dies(struct step *step, int group) {
    for (int column = 0; column < step->layer->columns; column++)
        for (int gate = 0; gate < GATES; gate++) {
            const struct place at = {group, column, gate};
            const struct product product = product_of(step, at, step->sums);
            step->network->tier->multiply(&product);
            for (int stream = 0; stream < step->count; stream++) {
                int32_t *sums = step->sums + stream * HALF;
                complete(step, at, stream, sums);
                prove_or_repair(step, at, stream, sums);
                join(step, at, stream, sums);
            }
        }
}

/* --- the cell ------------------------------------------------------------------------- */

INLINE_LANES int32_t look_up(const int16_t table[TABLE], int shift, int32_t a) {
    const int32_t k = a >> shift;
    return table[(k < INT8_MIN ? INT8_MIN : k > INT8_MAX ? INT8_MAX : k) - INT8_MIN];
}

INLINE_LANES void advance_cells(struct step *step, int group) {
    const struct tables *tables = &step->network->tables;
    const int16_t *p = step->layer->peephole;
    if (p) p += (size_t)group * PEEPHOLE_GATES * GROUP;
    for (int stream = 0; stream < step->count; stream++) {
        int64_t *events = &step->events[stream];
        int16_t *c = step->c[stream] + group * GROUP;
        int8_t *h = step->h[stream] + group * GROUP;
        for (int unit = 0; unit < GROUP; unit++) {
            int32_t a[GATES];
            const int32_t before = c[unit];
            for (int gate = 0; gate < GATES; gate++) a[gate] = a_of(step, gate, stream)[unit];
            if (p) {
                a[I] = clamped(a[I] + (before * p[unit] >> PEEPHOLE_SHIFT), events);
                a[F] = clamped(a[F] + (before * p[GROUP + unit] >> PEEPHOLE_SHIFT), events);
            }
            const int32_t i = look_up(tables->sigmoid, SIGMOID_SHIFT, a[I]);
            const int32_t f = look_up(tables->sigmoid, SIGMOID_SHIFT, a[F]);
            const int32_t g = look_up(tables->tanh, TANH_SHIFT, a[G]);
            const int32_t kept = f * before >> FRACTION_BITS, added = i * g >> FRACTION_BITS;
            const int32_t now = clamped(kept + added, events);
            if (p) a[O] = clamped(a[O] + (now * p[2 * GROUP + unit] >> PEEPHOLE_SHIFT), events);
            const int32_t o = look_up(tables->sigmoid, SIGMOID_SHIFT, a[O]);
            c[unit] = (int16_t)now;
            h[unit] = (int8_t)(o * look_up(tables->tanh, TANH_SHIFT, now) >> HIDDEN_SHIFT);
        }
    }
}

#endif
