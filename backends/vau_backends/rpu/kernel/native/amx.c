/* AMX: 16 streams by 16 units by 64 elements in one instruction; the cell is AVX-512's. */
#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include "amx.h"
#include "planes.h"

#if VAU_AMX

#define TARGET \
    __attribute__(( \
        target("amx-tile,amx-int8,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define INLINE static inline __attribute__((always_inline)) TARGET

enum { HALF = UNITS / 2 };

/* Tiles by number, which the assembler has to see: three sums, operands, weights. */
#define BOTH_HIGH 0
#define MIXED 1
#define BOTH_LOW 2
#define X_HIGH 3
#define X_LOW 4
#define W_HIGH 5
#define W_LOW 6

static int is_here(void) { return avx512_tier.is_here() && amx_is_allowed(); }

TARGET static void configure(int streams) {
    const int rows[AMX_TILES] = {streams, streams,   streams,   streams,
                                 streams, TILE_ROWS, TILE_ROWS, TILE_ROWS};
    configure_tiles(rows);
}

TARGET static void begin(int streams) { configure(least(streams, TILE_ROWS)); }

TARGET static void end(void) { _tile_release(); }

/* A segment of the weights of one gate, times the operands of as many streams as the tiles have
 * rows. */
INLINE void multiply_gate(const struct product *p, int from, int gate, int first,
                          int32_t parts[3][TILE_ROWS][UNITS]) {
    const char *x = p->operands + (size_t)from * p->operand_bytes;
    const size_t plane = plane_bytes(p->matrix);
    const int end = least(first + SEGMENT_TILES, tiles_of(p->matrix));
    _tile_zero(BOTH_HIGH);
    _tile_zero(MIXED);
    _tile_zero(BOTH_LOW);
    for (int tile = first; tile < end; tile++) {
        const char *w = p->weights + tile_at(p->matrix, gate, tile);
        _tile_loadd(W_HIGH, w, AMX_ROW_BYTES);
        _tile_loadd(X_HIGH, x + tile * TILE_ELEMENTS, (long)p->operand_bytes);
        _tile_dpbssd(BOTH_HIGH, X_HIGH, W_HIGH);
        _tile_loadd(W_LOW, w + TILE_BYTES, AMX_ROW_BYTES);
        _tile_dpbsud(MIXED, X_HIGH, W_LOW);
        _tile_loadd(X_LOW, x + plane + tile * TILE_ELEMENTS, (long)p->operand_bytes);
        _tile_dpbuud(BOTH_LOW, X_LOW, W_LOW);
        _tile_dpbusd(MIXED, X_LOW, W_HIGH);
    }
    _tile_stored(BOTH_HIGH, parts[0], AMX_ROW_BYTES);
    _tile_stored(MIXED, parts[1], AMX_ROW_BYTES);
    _tile_stored(BOTH_LOW, parts[2], AMX_ROW_BYTES);
}

INLINE __m512d widened(const int32_t *from) {
    return _mm512_cvtepi32_pd(_mm256_loadu_si256((const __m256i *)from));
}

/* What the three parts make together, added to what is there if anything is. */
INLINE void join(const int32_t parts[3][TILE_ROWS][UNITS], int stream, double *sums, int adds) {
    const __m512d by_256 = _mm512_set1_pd(256.0);
    for (int at = 0; at < UNITS; at += HALF) {
        const __m512d high = _mm512_mul_pd(widened(parts[0][stream] + at), by_256);
        const __m512d upper = _mm512_add_pd(high, widened(parts[1][stream] + at));
        const __m512d low = widened(parts[2][stream] + at);
        __m512d sum = _mm512_add_pd(_mm512_mul_pd(upper, by_256), low);
        if (adds) sum = _mm512_add_pd(sum, _mm512_loadu_pd(sums + at));
        _mm512_storeu_pd(sums + at, sum);
    }
}

INLINE void multiply_tile(const struct product *p, int from, int count) {
    int32_t parts[3][TILE_ROWS][UNITS];
    for (int first = 0; first < tiles_of(p->matrix); first += SEGMENT_TILES)
        for (int gate = 0; gate < GATES; gate++) {
            multiply_gate(p, from, gate, first, parts);
            for (int n = 0; n < count; n++)
                join(parts, n, p->sums + (size_t)(from + n) * p->stride + gate * UNITS, first);
        }
}

TARGET static void multiply(const struct product *p) {
    int from = 0;
    for (; from + TILE_ROWS <= p->count; from += TILE_ROWS) multiply_tile(p, from, TILE_ROWS);
    if (from == p->count) return;
    if (from) configure(p->count - from);
    multiply_tile(p, from, p->count - from);
    if (from) configure(TILE_ROWS);
}

const struct tier amx_tier = {
    "amx", &planes_layout, is_here, begin, end, multiply, avx512_advance,
};

#endif
