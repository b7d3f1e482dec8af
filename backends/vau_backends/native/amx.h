/* The tiles of AMX, which the processor must have and the system hand out. Whoever includes this
 * defines _GNU_SOURCE first, for syscall. */
#ifndef VAU_AMX_H
#define VAU_AMX_H

#include "tiles.h"
#include "x86.h"

#if VAU_AMX

#include <cpuid.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

/* What _tile_loadconfig reads. */
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

static inline int has_amx_int8(void) {
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return 0;
    return (edx >> 24 & 1) && (edx >> 25 & 1); /* AMX-TILE, AMX-INT8 */
}

/* The kernel has to allow the tiles, once for a process; where it does not, there are none. */
static inline int amx_is_allowed(void) {
    return has_amx_int8() && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

/* Give every tile so many rows. */
static inline __attribute__((always_inline, target("amx-tile"))) void
configure_tiles(const int rows[AMX_TILES]) {
    struct tile_config config = {.palette = 1};
    for (int tile = 0; tile < AMX_TILES; tile++) {
        config.row_bytes[tile] = AMX_ROW_BYTES;
        config.rows[tile] = (uint8_t)rows[tile];
    }
    __asm__ volatile("" ::"r"(&config) : "memory"); /* gcc 12 takes 8 bytes of it as input */
    _tile_loadconfig(&config);
}

#endif
#endif
