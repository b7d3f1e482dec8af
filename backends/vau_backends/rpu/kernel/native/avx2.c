/* AVX2: two products and their sum for each of 8 rows in one instruction, one stream at a time. */
#include "pairs.h"
#include "x86.h"

#if VAU_X86

#define TARGET __attribute__((target("avx2,popcnt")))
#define INLINE static inline __attribute__((always_inline)) TARGET

enum { LANES = 4, ROWS = 8 };

typedef __m256d doubles;
typedef __m128i ints;

static int is_here(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
}

INLINE doubles load(const double *from) { return _mm256_loadu_pd(from); }
INLINE void store(double *to, doubles values) { _mm256_storeu_pd(to, values); }
INLINE doubles times(doubles a, double b) { return _mm256_mul_pd(a, _mm256_set1_pd(b)); }
INLINE doubles product(doubles a, doubles b) { return _mm256_mul_pd(a, b); }
INLINE doubles plus(doubles a, doubles b) { return _mm256_add_pd(a, b); }
INLINE doubles round_off(doubles a) {
    return _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
INLINE doubles within(doubles a, double least, double most) {
    return _mm256_min_pd(_mm256_max_pd(a, _mm256_set1_pd(least)), _mm256_set1_pd(most));
}
INLINE int differing(doubles a, doubles b) {
    return __builtin_popcount((unsigned)_mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_NEQ_OQ)));
}
INLINE ints to_ints(doubles a) { return _mm256_cvtpd_epi32(a); }
INLINE ints shifted(ints a, int bits) { return _mm_srai_epi32(a, bits); }
INLINE doubles look_up(const int32_t *table, ints places) {
    const ints least = _mm_set1_epi32(-PLACES / 2), most = _mm_set1_epi32(PLACES / 2 - 1);
    const ints kept = _mm_min_epi32(_mm_max_epi32(places, least), most);
    return _mm256_cvtepi32_pd(_mm_i32gather_epi32(table + PLACES / 2, kept, 4));
}
INLINE void store_s16(int16_t *to, ints values) {
    _mm_storel_epi64((__m128i *)to, _mm_packs_epi32(values, values));
}

static void nothing_for(int streams) { (void)streams; }
static void nothing(void) {}

#include "cell.h"

/* 256 * high + low of 8 rows, added to what is there if anything is. */
INLINE void put(double *sums, __m256i high, __m256i low, int adds) {
    for (int half = 0; half < ROWS / LANES; half++) {
        const ints h = half ? _mm256_extracti128_si256(high, 1) : _mm256_castsi256_si128(high);
        const ints l = half ? _mm256_extracti128_si256(low, 1) : _mm256_castsi256_si128(low);
        doubles sum = plus(times(_mm256_cvtepi32_pd(h), 256.0), _mm256_cvtepi32_pd(l));
        if (adds) sum = plus(sum, load(sums + half * LANES));
        store(sums + half * LANES, sum);
    }
}

INLINE __m256i two_of(const int16_t *x) {
    int32_t two;
    __builtin_memcpy(&two, x, sizeof two);
    return _mm256_set1_epi32(two);
}

/* The sums of one stream and 8 rows of each gate, those from `row` on. */
INLINE void multiply_rows(const struct product *p, int stream, int row) {
    const int pairs = pairs_of(p->matrix);
    const int16_t *x = (const int16_t *)(p->operands + (size_t)stream * p->operand_bytes);
    const int16_t *block = (const int16_t *)p->weights;
    for (int first = 0; first < pairs; first += SEGMENT_PAIRS) {
        __m256i high[GATES], low[GATES];
        for (int gate = 0; gate < GATES; gate++) high[gate] = low[gate] = _mm256_setzero_si256();
        const int end = least(first + SEGMENT_PAIRS, pairs);
        for (int pair = first; pair < end; pair++) {
            const __m256i of_high = two_of(x + pair * PAIR);
            const __m256i of_low = two_of(x + (pairs + pair) * PAIR);
            for (int gate = 0; gate < GATES; gate++) {
                const size_t line = (size_t)pair * BLOCK + (size_t)(gate * UNITS + row);
                const __m256i weights =
                    _mm256_loadu_si256((const __m256i *)(block + line * PAIR));
                high[gate] = _mm256_add_epi32(high[gate], _mm256_madd_epi16(weights, of_high));
                low[gate] = _mm256_add_epi32(low[gate], _mm256_madd_epi16(weights, of_low));
            }
        }
        double *sums = p->sums + (size_t)stream * p->stride + row;
        for (int gate = 0; gate < GATES; gate++)
            put(sums + gate * UNITS, high[gate], low[gate], first);
    }
}

TARGET static void multiply(const struct product *p) {
    for (int n = 0; n < p->count; n++)
        for (int row = 0; row < UNITS; row += ROWS) multiply_rows(p, n, row);
}

const struct tier avx2_tier = {
    "avx2", &pairs_layout, is_here, nothing_for, nothing, multiply, advance,
};

#endif
