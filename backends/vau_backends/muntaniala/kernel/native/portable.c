/* Any machine, in plain C; what another tier does not do faster is done here. */
#include "munt.h"

#include <string.h>

static int32_t clamped(int32_t v, int64_t *events) {
    const int32_t kept = v < INT16_MIN ? INT16_MIN : v > INT16_MAX ? INT16_MAX : v;
    *events += kept != v;
    return kept;
}

static int always(void) { return 1; }
static void nothing(void) {}
static void nothing_for(int streams) { (void)streams; }

static void multiply(const struct product *p) {
    for (int stream = 0; stream < p->count; stream++) {
        const int8_t *x = p->operands + (size_t)stream * p->stride;
        for (int half = 0; half < 2; half++) {
            int32_t sums[HALF] = {0};
            for (int row = p->from_row; row < p->to_row; row++) {
                const int8_t *w = p->panel + row_offset(row, half);
                const int8_t *four = x + row * ROW_ELEMENTS;
                for (int lane = 0; lane < HALF; lane++)
                    for (int n = 0; n < ROW_ELEMENTS; n++)
                        sums[lane] += w[lane * ROW_ELEMENTS + n] * four[n];
            }
            memcpy(p->sums + half * HALF_SUMS + stream * HALF, sums, sizeof sums);
        }
    }
}

void portable_place(struct step *step, enum part part, int stream, const int8_t *values) {
    for (int column = 0; column < step->layer->columns; column++) {
        const struct share share = share_of(step->layer, part, column);
        int8_t *to = (int8_t *)operands_of(step, column, stream) + share.first;
        int32_t sum = 0, squares = 0;
        for (int n = 0; n < share.count; n++) {
            const int8_t value = to[n] = values[share.from + n];
            sum += value;
            squares += value * value;
        }
        step->sums_of[part][column * STREAMS + stream] = sum;
        step->squares_of[part][column * STREAMS + stream] = squares;
    }
}

/* --- one lane: one sum of one stream -------------------------------------------------- */

struct lane {
    struct place at;
    int stream, half, number;
};

static int32_t weighted(const struct step *step, struct lane lane, int element) {
    const int8_t *panel = panel_of(step->layer, lane.at);
    const size_t row = row_offset(element / ROW_ELEMENTS, lane.half);
    const int in_row = lane.number * ROW_ELEMENTS + element % ROW_ELEMENTS;
    return panel[row + (size_t)in_row] * operands_of(step, lane.at.column, lane.stream)[element];
}

/* The sum in the order of the hardware. */
static int32_t in_order(const struct step *step, struct lane lane) {
    const int elements = (step->layer->x_rows + step->layer->h_rows) * ROW_ELEMENTS;
    int32_t acc = start_of(step->layer, lane.at)[lane.half * HALF + lane.number];
    for (int element = 0; element < elements; element++)
        acc = clamped(acc + weighted(step, lane, element), &step->events[lane.stream]);
    return acc;
}

/* Whether no prefix can leave 16 bits: those of x, then those of h behind it. */
static int is_proven(const struct step *step, struct lane lane, int32_t sum) {
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
static void complete(const struct step *step, struct place at, int stream, int32_t *sums) {
    const int32_t *start = start_of(step->layer, at), *more = x_sums_of(step, at, stream);
    for (int n = 0; n < GROUP; n++)
        sums[n / HALF * HALF_SUMS + n % HALF] += start[n] + (more ? more[n] : 0);
}

static void prove_or_repair(struct step *step, struct place at, int stream, int32_t *sums) {
    const struct bound *bound = step->layer->bounds + index_of(step->layer, at);
    const int of_column = at.column * STREAMS + stream;
    const int32_t reach = bound->bias + bound->x * step->length_of[X][of_column]
                          + bound->h * step->length_of[H][of_column];
    for (int n = 0; n < GROUP; n++) {
        int32_t *sum = sums + n / HALF * HALF_SUMS + n % HALF;
        const struct lane lane = {at, stream, n / HALF, n % HALF};
        if (abs32(*sum) + reach <= TWICE_RAIL || is_proven(step, lane, *sum)) continue;
        step->doubtful++;
        *sum = in_order(step, lane);
    }
}

static void join(struct step *step, struct place at, int stream, const int32_t *sums) {
    int16_t *row = a_of(step, at.gate, stream);
    for (int unit = 0; unit < GROUP; unit++) {
        const int32_t before = at.column ? row[unit] : 0;
        const int32_t sum = sums[half_of(unit) * HALF_SUMS + lane_of(unit)];
        row[unit] = (int16_t)clamped(before + sum, &step->events[stream]);
    }
}

void portable_saturate(struct step *step, int group) {
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

static int32_t look_up(const int16_t table[TABLE], int shift, int32_t a) {
    const int32_t k = a >> shift;
    return table[(k < -128 ? -128 : k > 127 ? 127 : k) + 128];
}

void portable_cell(struct step *step, int group) {
    const struct tables *tables = &step->network->tables;
    const int16_t *p = step->layer->peephole;
    if (p) p += (size_t)group * 3 * GROUP;
    for (int stream = 0; stream < step->count; stream++) {
        int64_t *events = &step->events[stream];
        int16_t *c = step->c[stream] + group * GROUP;
        int8_t *h = step->h[stream] + group * GROUP;
        for (int unit = 0; unit < GROUP; unit++) {
            int32_t a[GATES];
            const int32_t before = c[unit];
            for (int gate = 0; gate < GATES; gate++) a[gate] = a_of(step, gate, stream)[unit];
            if (p) {
                a[0] = clamped(a[0] + (before * p[unit] >> 5), events);
                a[1] = clamped(a[1] + (before * p[GROUP + unit] >> 5), events);
            }
            const int32_t i = look_up(tables->sigmoid, 8, a[0]);
            const int32_t f = look_up(tables->sigmoid, 8, a[1]);
            const int32_t g = look_up(tables->tanh, 7, a[2]);
            const int32_t now = clamped((f * before >> 12) + (i * g >> 12), events);
            if (p) a[3] = clamped(a[3] + (now * p[2 * GROUP + unit] >> 5), events);
            const int32_t o = look_up(tables->sigmoid, 8, a[3]);
            c[unit] = (int16_t)now;
            h[unit] = (int8_t)(o * look_up(tables->tanh, 7, now) >> 17);
        }
    }
}

const struct tier portable_tier = {
    "portable", always,           nothing_for,       nothing,
    multiply,   portable_place, portable_saturate, portable_cell,
};
