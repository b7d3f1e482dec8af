/* The cell on AVX-512, 32 units at a time, by tables of words. */
#include "avx512.h"

#if VAU_X86

#define TARGET TARGET_AVX512
#define INLINE INLINE_AVX512

struct table {
    __m512i part[4]; /* entries for k from 0 to 127 */
};

INLINE struct table table_of(const int16_t *up) {
    struct table table;
    for (int n = 0; n < 4; n++) table.part[n] = _mm512_loadu_si512(up + n * 32);
    return table;
}

/* Entries at k, -256 to 255; below 0 they are `sum` minus those at -1 - k. */
INLINE __m512i look_up(const struct table *table, __m512i k, __m512i sum) {
    const __m512i below = _mm512_srai_epi16(k, 15);
    const __m512i up =
        _mm512_min_epi16(_mm512_xor_si512(k, below), _mm512_set1_epi16(TABLE / 2 - 1));
    const __m512i near = _mm512_permutex2var_epi16(table->part[0], up, table->part[1]);
    const __m512i far = _mm512_permutex2var_epi16(table->part[2], up, table->part[3]);
    const __mmask32 is_far = _mm512_test_epi16_mask(up, _mm512_set1_epi16(TABLE / 4));
    const __m512i entry = _mm512_mask_mov_epi16(near, is_far, far);
    const __m512i negated = _mm512_sub_epi16(_mm512_xor_si512(entry, below), below);
    return _mm512_add_epi16(negated, _mm512_and_si512(below, sum));
}

/* (a * b) >> FRACTION_BITS, which fits 16 bits where either is an entry of a table. */
INLINE __m512i scaled_product(__m512i a, __m512i b) {
    return _mm512_or_si512(_mm512_slli_epi16(_mm512_mulhi_epi16(a, b), 16 - FRACTION_BITS),
                           _mm512_srli_epi16(_mm512_mullo_epi16(a, b), FRACTION_BITS));
}

TARGET void avx512_cell(struct step *step, int group) {
    if (step->layer->peephole) {
        portable_cell(step, group);
        return;
    }
    const struct table tanh = table_of(step->network->tables.tanh_up);
    const struct table sigmoid = table_of(step->network->tables.sigmoid_up);
    const __m512i one = _mm512_set1_epi16(1 << FRACTION_BITS), zero = _mm512_setzero_si512();
    for (int stream = 0; stream < step->count; stream++) {
        __m512i gates[GATES];
        for (int gate = 0; gate < GATES; gate++) {
            const __m512i a = _mm512_loadu_si512(a_of(step, gate, stream));
            gates[gate] = gate == G ? look_up(&tanh, _mm512_srai_epi16(a, TANH_SHIFT), zero)
                                    : look_up(&sigmoid, _mm512_srai_epi16(a, SIGMOID_SHIFT), one);
        }
        int16_t *c = step->c[stream] + group * GROUP;
        const __m512i kept = scaled_product(gates[F], _mm512_loadu_si512(c));
        const __m512i added = scaled_product(gates[I], gates[G]);
        const __m512i now = _mm512_adds_epi16(kept, added);
        step->events[stream] += differing(now, _mm512_add_epi16(kept, added));
        _mm512_storeu_si512(c, now);
        const __m512i seen = look_up(&tanh, _mm512_srai_epi16(now, TANH_SHIFT), zero);
        const __m512i h = _mm512_srai_epi16(_mm512_mulhi_epi16(gates[O], seen), HIDDEN_SHIFT - 16);
        _mm256_storeu_si256((__m256i *)(step->h[stream] + group * GROUP),
                            _mm512_cvtepi16_epi8(h));
    }
}

#endif
