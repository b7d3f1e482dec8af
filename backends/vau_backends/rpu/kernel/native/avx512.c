/* AVX-512 with VNNI: two products and their sum for each of 16 rows in one instruction. */
#include "pairs.h"
#include "x86.h"

#if VAU_X86

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,popcnt")))
#define INLINE static inline __attribute__((always_inline)) TARGET

enum { LANES = 8, STREAMS_AT_ONCE = 3 }; /* 24 sums and 4 weights stay in the 32 registers */

typedef __m512d doubles;
typedef __m256i ints;

static int is_here(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
           && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
           && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("popcnt");
}

INLINE doubles load(const double *from) { return _mm512_loadu_pd(from); }
INLINE void store(double *to, doubles values) { _mm512_storeu_pd(to, values); }
INLINE doubles times(doubles a, double b) { return _mm512_mul_pd(a, _mm512_set1_pd(b)); }
INLINE doubles product(doubles a, doubles b) { return _mm512_mul_pd(a, b); }
INLINE doubles plus(doubles a, doubles b) { return _mm512_add_pd(a, b); }
INLINE doubles round_off(doubles a) {
    return _mm512_roundscale_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
INLINE doubles within(doubles a, double least, double most) {
    return _mm512_min_pd(_mm512_max_pd(a, _mm512_set1_pd(least)), _mm512_set1_pd(most));
}
INLINE int differing(doubles a, doubles b) {
    return __builtin_popcount(_mm512_cmp_pd_mask(a, b, _CMP_NEQ_OQ));
}
INLINE ints to_ints(doubles a) { return _mm512_cvtpd_epi32(a); }
INLINE ints shifted(ints a, int bits) { return _mm256_srai_epi32(a, (unsigned)bits); }
INLINE doubles look_up(const int32_t *table, ints places) {
    const ints least = _mm256_set1_epi32(-PLACES / 2), most = _mm256_set1_epi32(PLACES / 2 - 1);
    const ints kept = _mm256_min_epi32(_mm256_max_epi32(places, least), most);
    return _mm512_cvtepi32_pd(_mm256_i32gather_epi32(table + PLACES / 2, kept, 4));
}
INLINE void store_s16(int16_t *to, ints values) {
    _mm_storeu_si128((__m128i *)to, _mm256_cvtepi32_epi16(values));
}

static void nothing_for(int streams) { (void)streams; }
static void nothing(void) {}

#include "cell.h"

TARGET int avx512_advance(const struct cells *cells) { return advance(cells); }

/* 256 * high + low of 16 rows, added to what is there if anything is. */
INLINE void put(double *sums, __m512i high, __m512i low, int adds) {
    for (int half = 0; half < UNITS / LANES; half++) {
        const __m256i h = half ? _mm512_extracti64x4_epi64(high, 1) : _mm512_castsi512_si256(high);
        const __m256i l = half ? _mm512_extracti64x4_epi64(low, 1) : _mm512_castsi512_si256(low);
        doubles sum = plus(times(_mm512_cvtepi32_pd(h), 256.0), _mm512_cvtepi32_pd(l));
        if (adds) sum = plus(sum, load(sums + half * LANES));
        store(sums + half * LANES, sum);
    }
}

/* The sums of some streams; `count` is a constant. */
INLINE void multiply_some(const struct product *p, int from, const int count) {
    const int pairs = pairs_of(p->matrix);
    const size_t width = (size_t)pairs * PAIR;
    const int16_t *x = (const int16_t *)(p->operands + (size_t)from * p->operand_bytes);
    for (int first = 0; first < pairs; first += SEGMENT_PAIRS) {
        __m512i acc[STREAMS_AT_ONCE][PARTS][GATES];
        for (int n = 0; n < count * PARTS * GATES; n++)
            acc[n / GATES / PARTS][n / GATES % PARTS][n % GATES] = _mm512_setzero_si512();
        const int end = least(first + SEGMENT_PAIRS, pairs);
        for (int pair = first; pair < end; pair++) {
            const int16_t *line = (const int16_t *)p->weights + (size_t)pair * BLOCK * PAIR;
            __m512i weights[GATES];
            for (int gate = 0; gate < GATES; gate++)
                weights[gate] = _mm512_loadu_si512(line + gate * UNITS * PAIR);
            for (int n = 0; n < count; n++)
                for (int part = 0; part < PARTS; part++) {
                    int32_t two;
                    __builtin_memcpy(&two, x + (size_t)(n * PARTS + part) * width + pair * PAIR,
                                     sizeof two);
                    for (int gate = 0; gate < GATES; gate++)
                        acc[n][part][gate] = _mm512_dpwssd_epi32(
                            acc[n][part][gate], weights[gate], _mm512_set1_epi32(two));
                }
        }
        for (int n = 0; n < count; n++)
            for (int gate = 0; gate < GATES; gate++)
                put(p->sums + (size_t)(from + n) * p->stride + gate * UNITS, acc[n][0][gate],
                    acc[n][1][gate], first);
    }
}

TARGET static void multiply(const struct product *p) {
    int n = 0;
    for (; n + STREAMS_AT_ONCE <= p->count; n += STREAMS_AT_ONCE)
        multiply_some(p, n, STREAMS_AT_ONCE);
    for (; n < p->count; n++) multiply_some(p, n, 1);
}

const struct tier avx512_tier = {
    "avx512", &pairs_layout, is_here, nothing_for, nothing, multiply, avx512_advance,
};

#endif
