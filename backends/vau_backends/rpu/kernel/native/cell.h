/* The cells of a block in float64, LANES of them at a time; tiers inline it for their processor.
 *
 * Whoever includes this has defined: LANES, INLINE, the types `doubles` and `ints` of as many
 * numbers, and what is done to them.
 */

INLINE doubles clamped(doubles exact, int *clamps) {
    const doubles rounded = round_off(exact);
    const doubles kept = within(rounded, (double)INT16_MIN, (double)INT16_MAX);
    *clamps += differing(kept, rounded);
    return kept;
}

/* Pre-activations of a gate, as places in a table. */
INLINE ints places_of(const struct cells *cells, int gate, int first, int *clamps) {
    const int at = gate * UNITS + first;
    const doubles of_x = times(load(cells->x + at), cells->scale.of_x);
    const doubles of_h = times(load(cells->h + at), cells->scale.of_h);
    const doubles exact = plus(plus(of_x, of_h), load(cells->bias + at));
    return shifted(to_ints(clamped(exact, clamps)), GATE_SHIFT);
}

INLINE int advance_lanes(const struct cells *cells, int first) {
    int clamps = 0;
    const int32_t *sigmoid = cells->tables->sigmoid, *tanh = cells->tables->tanh;
    const doubles i = look_up(sigmoid, places_of(cells, I, first, &clamps));
    const doubles f = look_up(sigmoid, places_of(cells, F, first, &clamps));
    const doubles g = look_up(tanh, places_of(cells, G, first, &clamps));
    const doubles o = look_up(sigmoid, places_of(cells, O, first, &clamps));
    const doubles kept = product(times(f, WIDER_CELL), load(cells->c + first));
    const doubles wide = plus(kept, product(i, g));
    const doubles c = clamped(times(wide, 1.0 / (1 << CELL_ROUND_OFF)), &clamps);
    const doubles seen = look_up(tanh, shifted(to_ints(c), CELL_SHIFT));
    const doubles h = round_off(times(product(o, seen), 1.0 / (1 << HIDDEN_ROUND_OFF)));
    store(cells->c + first, c);
    store_s16(cells->now + first, to_ints(h));
    return clamps;
}

TARGET static int advance(const struct cells *cells) {
    int clamps = 0;
    for (int first = 0; first < UNITS; first += LANES) clamps += advance_lanes(cells, first);
    return clamps;
}
