/* AMX: 16 streams by 16 lanes by 64 elements in one instruction; the rest is AVX-512's. */
#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include "amx.h"
#include "avx512.h"

#if VAU_AMX

#define TARGET \
    __attribute__(( \
        target("amx-tile,amx-int8,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define INLINE static inline __attribute__((always_inline)) TARGET

enum { AHEAD_BYTES = 3 * TILE_BYTES };

static int is_here(void) { return avx512_tier.is_here() && amx_is_allowed(); }

/* Tiles 0 to 3 are sums: streams 0..15 by both halves, then streams 16..31; 4 and 5 operands,
 * 6 and 7 weights. */
TARGET static void begin(int streams) {
    const int first = streams < TILE_ROWS ? streams : TILE_ROWS;
    const int second = streams > TILE_ROWS ? streams - TILE_ROWS : 1;
    const int rows[AMX_TILES] = {first, first,  second,    second,
                                 first, second, TILE_ROWS, TILE_ROWS};
    configure_tiles(rows);
}

TARGET static void end(void) { _tile_release(); }

TARGET static void clear(void) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

/* One tile of weights of either half, times those of up to 16 or 32 streams. With 32 the
 * weights come from the second cache as fast as they are used, and shall not drive the operands
 * out of the first; with few they come from the third, and are asked for a panel ahead. */
INLINE void multiply_tile(const struct product *p, int tile, const int is_wide) {
    const int8_t *w = p->panel + (size_t)tile * TILE_BYTES;
    const int8_t *x = p->operands + (size_t)tile * TILE_ELEMENTS;
    if (is_wide) {
        _tile_stream_loadd(6, w, ROW_BYTES);
        _tile_stream_loadd(7, w + LINE, ROW_BYTES);
    } else {
        for (int ahead = 0; ahead < TILE_BYTES; ahead += LINE)
            _mm_prefetch((const char *)w + AHEAD_BYTES + ahead, _MM_HINT_T0);
        _tile_loadd(6, w, ROW_BYTES);
        _tile_loadd(7, w + LINE, ROW_BYTES);
    }
    _tile_loadd(4, x, (long)p->stride);
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    if (!is_wide) return;
    _tile_loadd(5, x + TILE_ROWS * p->stride, (long)p->stride);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
}

INLINE void store(const struct product *p, const int is_wide) {
    const long bytes = (long)(p->stream_stride * sizeof *p->sums);
    _tile_stored(0, p->sums, bytes);
    _tile_stored(1, sums_of(p, 1, 0), bytes);
    if (!is_wide) return;
    _tile_stored(2, sums_of(p, 0, TILE_ROWS), bytes);
    _tile_stored(3, sums_of(p, 1, TILE_ROWS), bytes);
}

INLINE void multiply_tiles(const struct product *p, const int is_wide) {
    clear();
    for (int tile = p->from_row / TILE_ROWS; tile < ceil_div(p->to_row, TILE_ROWS); tile++)
        multiply_tile(p, tile, is_wide);
    store(p, is_wide);
}

TARGET static void multiply(const struct product *p) {
    if (p->count == 1 || p->from_row % TILE_ROWS) /* no whole tile */
        avx512_multiply(p);
    else if (p->count <= TILE_ROWS)
        multiply_tiles(p, 0);
    else
        multiply_tiles(p, 1);
}

INLINE void saturate_all(struct step *step, int group, const int is_wide) {
    for (int column = 0; column < step->layer->columns; column++)
        for (int gate = 0; gate < GATES; gate++) {
            const struct place at = {group, column, gate};
            const struct product product = product_of(step, at, step->sums);
            struct limits limits;
            set_limits(step, at, &limits);
            multiply_tiles(&product, is_wide);
            if (column)
                join(step, at, &limits, step->sums, 0, 0);
            else
                join(step, at, &limits, step->sums, 1, 0);
        }
}

TARGET static void saturate(struct step *step, int group) {
    if (step->count == 1 || step->from_row)
        avx512_saturate(step, group);
    else if (step->count <= TILE_ROWS)
        saturate_all(step, group, 0);
    else
        saturate_all(step, group, 1);
}

TARGET static double peak(void) {
    enum { ROUNDS = 200000, PRODUCTS = 4 };
    begin(STREAMS);
    clear();
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
    const double started_s = now_s();
    for (int round = 0; round < ROUNDS; round++) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    const double took_s = now_s() - started_s;
    end();
    return (double)ROUNDS * PRODUCTS * TILE_ROWS * HALF * TILE_ELEMENTS / took_s;
}

double amx_peak(void) { return is_here() ? peak() : 0.0; }

const struct tier amx_tier = {
    "amx",    is_here,       begin,    end,
    multiply, avx512_spread, saturate, avx512_cell,
};

#else

double amx_peak(void) { return 0.0; }

#endif
