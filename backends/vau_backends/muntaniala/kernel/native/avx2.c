/* AVX2: the products by vpmaddwd on 16 bits; what follows them is the portable tier's. */
#include "lanes.h"
#include "x86.h"

#if VAU_X86

#define TARGET __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline)) TARGET

enum { QUARTERS = HALF / 4, STREAMS_AT_ONCE = 3 }; /* 12 sums stay in the 16 registers */

static int is_here(void) { return __builtin_cpu_supports("avx2"); }
static void nothing(void) {}
static void nothing_for(int streams) { (void)streams; }

INLINE __m256i four_of(const int8_t *x) {
    int32_t bytes;
    __builtin_memcpy(&bytes, x, sizeof bytes);
    return _mm256_broadcastq_epi64(_mm_cvtepi8_epi16(_mm_cvtsi32_si128(bytes)));
}

/* Two pairs of products to a lane, which come together at the end. `count` is a constant. */
INLINE void rows_of(const struct product *p, int first, int half, const int count) {
    const int8_t *x = p->operands + (size_t)first * p->stride;
    __m256i sums[STREAMS_AT_ONCE][QUARTERS];
    for (int n = 0; n < count * QUARTERS; n++)
        sums[n / QUARTERS][n % QUARTERS] = _mm256_setzero_si256();
    for (int row = p->from_row; row < p->to_row; row++) {
        const __m128i *w = (const __m128i *)(p->panel + row_offset(row, half));
        __m256i four[STREAMS_AT_ONCE];
        for (int n = 0; n < count; n++)
            four[n] = four_of(x + (size_t)n * p->stride + row * ROW_ELEMENTS);
        for (int quarter = 0; quarter < QUARTERS; quarter++) {
            const __m256i weights = _mm256_cvtepi8_epi16(_mm_loadu_si128(w + quarter));
            for (int n = 0; n < count; n++)
                sums[n][quarter] =
                    _mm256_add_epi32(sums[n][quarter], _mm256_madd_epi16(weights, four[n]));
        }
    }
    for (int n = 0; n < count; n++) {
        int32_t *to = sums_of(p, half, first + n);
        for (int pair = 0; pair < QUARTERS; pair += 2) { /* hadd joins by 128 bits */
            const __m256i joined = _mm256_hadd_epi32(sums[n][pair], sums[n][pair + 1]);
            const __m256i ordered = _mm256_permute4x64_epi64(joined, _MM_SHUFFLE(3, 1, 2, 0));
            _mm256_storeu_si256((__m256i *)(to + pair * 4), ordered);
        }
    }
}

TARGET static void multiply(const struct product *p) {
    for (int half = 0; half < 2; half++) {
        int first = 0;
        for (; first + STREAMS_AT_ONCE <= p->count; first += STREAMS_AT_ONCE)
            rows_of(p, first, half, STREAMS_AT_ONCE);
        for (; first < p->count; first++) rows_of(p, first, half, 1);
    }
}

TARGET static void saturate(struct step *step, int group) { saturate_dies(step, group); }
TARGET static void cell(struct step *step, int group) { advance_cells(step, group); }

const struct tier avx2_tier = {
    "avx2", is_here, nothing_for, nothing, multiply, portable_spread, saturate, cell,
};

#endif
