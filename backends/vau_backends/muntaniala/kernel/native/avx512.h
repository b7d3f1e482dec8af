/* What the tiers of AVX-512 and AMX share: from the sums of dies to their rows. */
#ifndef VAU_AVX512_H
#define VAU_AVX512_H

#include "munt.h"
#include "x86.h"

#if VAU_X86

#define TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define INLINE_AVX512 static inline __attribute__((always_inline)) TARGET_AVX512

void avx512_multiply(const struct product *product);
void avx512_spread(struct step *step, enum part part, const int8_t *const *values);
void avx512_saturate(struct step *step, int group);
void avx512_cell(struct step *step, int group);

/* The sums of 32 lanes. */
struct halves {
    __m512i low, high;
};
/* The sums of one half, asked lane by lane; where no bound clears one, all are added again in
 * the order of the hardware. */
TARGET_AVX512 __m512i avx512_proven(struct step *step, struct place at, int stream, int half,
                                    __m512i sums);

/* What the sums of a die must stay below, in magnitude, to be beyond doubt; by stream, and
 * twice in 16 bits. */
struct limits {
    uint32_t twice[STREAMS];
};

/* How large a sum may be, and where 16 bits may have clamped it: those at the rail are always
 * looked at, which costs little and saves the sums' 32 bits. */
INLINE_AVX512 void set_limits(const struct step *step, struct place at, struct limits *limits) {
    const struct bound *bound = step->layer->bounds + index_of(step->layer, at);
    const __m512i most = _mm512_set1_epi32(TWICE_RAIL + 1 - bound->bias);
    const __m512i x = _mm512_set1_epi32(bound->x), h = _mm512_set1_epi32(bound->h);
    for (int first = 0; first < step->count; first += HALF) {
        const int n = at.column * STREAMS + first;
        const __m512i by_x = _mm512_mullo_epi32(x, _mm512_loadu_si512(step->length_of[X] + n));
        const __m512i by_h = _mm512_mullo_epi32(h, _mm512_loadu_si512(step->length_of[H] + n));
        const __m512i left = _mm512_sub_epi32(most, _mm512_add_epi32(by_x, by_h));
        const __m512i limit = _mm512_min_epi32(
            _mm512_max_epi32(left, _mm512_setzero_si512()), _mm512_set1_epi32(INT16_MAX));
        _mm512_storeu_si512(limits->twice + first,
                            _mm512_or_si512(limit, _mm512_slli_epi32(limit, 16)));
    }
}

#define LOW_UNITS 0x0F0F0F0Fu /* of a group: those in the low half, see unit_of */

/* The sums of a die in 16 bits, units in order. */
INLINE_AVX512 __m512i die_of(struct step *step, struct place at, uint32_t limit, int stream,
                      struct halves sums) {
    const __m512i packed = _mm512_packs_epi32(sums.low, sums.high);
    const __mmask32 is_large = _mm512_cmpge_epu16_mask(_mm512_abs_epi16(packed),
                                                       _mm512_set1_epi32((int32_t)limit));
    if (__builtin_expect(is_large == 0, 1)) return packed;
    if (is_large & LOW_UNITS) sums.low = avx512_proven(step, at, stream, 0, sums.low);
    if (is_large & ~LOW_UNITS) sums.high = avx512_proven(step, at, stream, 1, sums.high);
    return _mm512_packs_epi32(sums.low, sums.high);
}

INLINE_AVX512 int64_t differing(__m512i a, __m512i b) {
    return __builtin_popcount(_mm512_cmpneq_epi16_mask(a, b));
}

INLINE_AVX512 struct halves two_of(const int32_t *low, const int32_t *high) {
    return (struct halves){_mm512_loadu_si512(low), _mm512_loadu_si512(high)};
}

INLINE_AVX512 struct halves plus(struct halves a, struct halves b) {
    return (struct halves){_mm512_add_epi32(a.low, b.low), _mm512_add_epi32(a.high, b.high)};
}

/* `is_first`, of the columns, and `has_x`, that x was added up before, are constants. */
INLINE_AVX512 void join(struct step *step, struct place at, const struct limits *limits,
                 const int32_t *sums, const int is_first, const int has_x) {
    const struct halves start = two_of(start_of(step->layer, at), start_of(step->layer, at) + HALF);
    int16_t *rows = a_of(step, at.gate, 0);
    int64_t *events = step->events;
    for (int stream = 0; stream < step->count; stream++) {
        struct halves die = two_of(sums + stream * HALF, sums + HALF_SUMS + stream * HALF);
        if (has_x) {
            const int32_t *more = x_sums_of(step, at, stream);
            die = plus(die, two_of(more, more + HALF));
        }
        if (is_first) die = plus(die, start);
        const __m512i proven = die_of(step, at, limits->twice[stream], stream, die);
        int16_t *row = rows + stream * GROUP;
        if (is_first) {
            _mm512_storeu_si512(row, proven);
            continue;
        }
        const __m512i before = _mm512_loadu_si512(row);
        const __m512i kept = _mm512_adds_epi16(before, proven);
        events[stream] += differing(kept, _mm512_add_epi16(before, proven));
        _mm512_storeu_si512(row, kept);
    }
}

#endif
#endif
