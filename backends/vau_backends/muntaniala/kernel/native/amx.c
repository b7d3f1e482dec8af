/* AMX: 16 streams by 16 lanes by 64 elements in one instruction; the rest is AVX-512's. */
#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include "avx512.h"

#if VAU_X86 && defined(__linux__)

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TARGET \
    __attribute__(( \
        target("amx-tile,amx-int8,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define INLINE static inline __attribute__((always_inline)) TARGET

enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
enum { TILE_COUNT = 8 };
#ifndef TILES_AHEAD
#define TILES_AHEAD 4096
#endif


static int has_amx_int8(void) {
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return 0;
    return (edx >> 24 & 1) && (edx >> 25 & 1); /* AMX-TILE, AMX-INT8 */
}

/* The kernel has to allow the tiles, once for a process; where it does not, there are none. */
static int is_here(void) {
    return avx512_tier.is_here() && has_amx_int8()
           && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

struct config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* Tiles 0 to 3 are sums: streams 0..15 by both halves, then streams 16..31; 4 and 5 operands,
 * 6 and 7 weights. */
TARGET static void begin(int streams) {
    const int first = streams < TILE_ROWS ? streams : TILE_ROWS;
    const int second = streams > TILE_ROWS ? streams - TILE_ROWS : 1;
    struct config config = {.palette = 1};
    const int rows[TILE_COUNT] = {first, first, second, second, first, second, TILE_ROWS, TILE_ROWS};
    for (int tile = 0; tile < TILE_COUNT; tile++) {
        config.row_bytes[tile] = ROW_BYTES;
        config.rows[tile] = (uint8_t)rows[tile];
    }
    __asm__ volatile("" ::"r"(&config) : "memory"); /* gcc 12 takes 8 bytes of it as input */
    _tile_loadconfig(&config);
}

TARGET static void end(void) { _tile_release(); }

TARGET static void clear(void) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

/* Tiles of weights and operands, as they are called for in `multiply_tile`. */
INLINE void multiply_tile(const struct product *p, int tile, const int is_wide) {
    const int8_t *w = p->panel + (size_t)tile * PANEL_TILE;
    const int8_t *x = p->operands + (size_t)tile * ROW_BYTES;
    _tile_loadd(6, w, ROW_BYTES);
    _tile_loadd(4, x, (long)p->stride);
    _tile_dpbssd(0, 4, 6);
    _tile_loadd(7, w + TILE_BYTES, ROW_BYTES);
    _tile_dpbssd(1, 4, 7);
    if (!is_wide) return;
    _tile_loadd(5, x + TILE_ROWS * p->stride, (long)p->stride);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
}

INLINE void store(int32_t *sums, const int is_wide) {
    _tile_stored(0, sums, ROW_BYTES);
    _tile_stored(1, sums + HALF_SUMS, ROW_BYTES);
    if (!is_wide) return;
    _tile_stored(2, sums + TILE_ROWS * HALF, ROW_BYTES);
    _tile_stored(3, sums + HALF_SUMS + TILE_ROWS * HALF, ROW_BYTES);
}

TARGET static void multiply(const struct product *p) {
    if (p->count == 1 || p->from_row % TILE_ROWS) { /* no whole tile */
        avx512_multiply(p);
        return;
    }
    const int is_wide = p->count > TILE_ROWS;
    clear();
    for (int tile = p->from_row / TILE_ROWS; tile < ceil_div(p->to_row, TILE_ROWS); tile++)
        multiply_tile(p, tile, is_wide);
    store(p->sums, is_wide);
}

/* A die whose sums wait to be added to the rows. */
struct waiting {
    struct place at;
    const int32_t *sums;
    struct limits limits;
    int done; /* streams */
};

INLINE void join_next(struct step *step, struct waiting *die, int to) {
    if (die->at.column)
        join(step, die->at, &die->limits, die->sums, die->done, to, 0, 0);
    else
        join(step, die->at, &die->limits, die->sums, die->done, to, 1, 0);
    die->done = to;
}

/* While the tiles multiply one die, vectors add the one before to the rows: a few streams
 * after each multiplication, so that neither waits for the other. */
INLINE void saturate_all(struct step *step, int group, const int is_wide) {
    const int tiles = step->layer->tiles, count = step->count;
    int32_t *now = step->sums, *before = step->sums + 2 * HALF_SUMS;
    struct waiting waiting = {{group, 0, 0}, before, {{0}}, count};
    for (int column = 0; column < step->layer->columns; column++)
        for (int gate = 0; gate < GATES; gate++) {
            const struct place at = {group, column, gate};
            const struct product product = product_of(step, at, now);
            clear();
            for (int tile = 0; tile < tiles; tile++) {
                multiply_tile(&product, tile, is_wide);
                join_next(step, &waiting, largest(waiting.done, count * (tile + 1) / tiles));
            }
            store(now, is_wide);
            waiting.at = at;
            waiting.sums = now;
            waiting.done = 0;
            set_limits(step, at, &waiting.limits);
            now = before;
            before = (int32_t *)waiting.sums;
        }
    join_next(step, &waiting, count);
}

TARGET static void saturate(struct step *step, int group) {
    if (step->count == 1 || step->from_row)
        avx512_saturate(step, group);
    else if (step->count <= TILE_ROWS)
        saturate_all(step, group, 0);
    else
        saturate_all(step, group, 1);
}

const struct tier amx_tier = {
    "amx",    is_here,        begin,    end,
    multiply, avx512_place,    saturate, avx512_cell,
};

#endif
