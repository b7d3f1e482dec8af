/* AVX-512 with VNNI: vectors of 16 lanes for sums, of 32 units behind them. */
#include "avx512.h"

#if VAU_X86

#define TARGET TARGET_AVX512
#define INLINE INLINE_AVX512

enum { STREAMS_AT_ONCE = 12 };
enum { OFFSET = 128 }; /* vpdpbusd takes weights without sign: w + 128 */

static int is_here(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
           && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
           && __builtin_cpu_supports("avx512vnni");
}
static void nothing(void) {}
static void nothing_for(int streams) { (void)streams; }

/* --- products ------------------------------------------------------------------------- */

INLINE __m512i four_of(const int8_t *x) {
    int32_t four;
    __builtin_memcpy(&four, x, sizeof four);
    return _mm512_set1_epi32(four);
}

INLINE __m512i with_offset(const int8_t *w) {
    return _mm512_xor_si512(_mm512_loadu_si512(w), _mm512_set1_epi8((char)OFFSET));
}

/* What the offset of the weights adds to every lane of a stream, to begin with. */
INLINE __m512i without_offset(const struct product *p, int stream) {
    const int32_t sum = (p->sum_x ? p->sum_x[stream] : 0) + (p->sum_h ? p->sum_h[stream] : 0);
    return _mm512_set1_epi32(-OFFSET * sum);
}

/* `count` is a constant wherever this is called, so that the sums stay in registers. */
INLINE void multiply_some(const struct product *p, int first, const int count) {
    __m512i low[STREAMS_AT_ONCE], high[STREAMS_AT_ONCE];
    for (int n = 0; n < count; n++) low[n] = high[n] = without_offset(p, first + n);
    const int8_t *x = p->operands + (size_t)first * p->stride;
    for (int row = p->from_row; row < p->to_row; row++) {
        const int8_t *w = p->panel + row_offset(row, 0);
        const __m512i w_low = with_offset(w), w_high = with_offset(w + LINE);
        for (int n = 0; n < count; n++) {
            const __m512i four = four_of(x + (size_t)n * p->stride + row * ROW_ELEMENTS);
            low[n] = _mm512_dpbusd_epi32(low[n], w_low, four);
            high[n] = _mm512_dpbusd_epi32(high[n], w_high, four);
        }
    }
    for (int n = 0; n < count; n++) {
        _mm512_storeu_si512(sums_of(p, 0, first + n), low[n]);
        _mm512_storeu_si512(sums_of(p, 1, first + n), high[n]);
    }
}

TARGET void avx512_multiply(const struct product *p) {
    int first = 0;
    for (; first + STREAMS_AT_ONCE <= p->count; first += STREAMS_AT_ONCE)
        multiply_some(p, first, STREAMS_AT_ONCE);
    for (; first + 4 <= p->count; first += 4) multiply_some(p, first, 4);
    for (; first < p->count; first++) multiply_some(p, first, 1);
}

/* Copy elements; return their sums and those of their squares, by lanes. */
struct measure {
    __m512i sums, squares;
};

INLINE struct measure copy(int8_t *to, const int8_t *from, int count) {
    struct measure found = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    for (int first = 0; first < count; first += 64) {
        const __mmask64 there = count - first >= 64 ? ~0ull : (1ull << (count - first)) - 1;
        const __m512i v = _mm512_maskz_loadu_epi8(there, from + first);
        const __m512i low = _mm512_cvtepi8_epi16(_mm512_castsi512_si256(v));
        const __m512i high = _mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64(v, 1));
        _mm512_mask_storeu_epi8(to + first, there, v);
        found.sums = _mm512_dpbusd_epi32(found.sums, _mm512_set1_epi8(1), v);
        found.squares = _mm512_dpwssd_epi32(found.squares, low, low);
        found.squares = _mm512_dpwssd_epi32(found.squares, high, high);
    }
    return found;
}

/* Add neighbouring lanes of two vectors, so that sixteen vectors become one of their totals. */
INLINE __m512i by_32(__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}
INLINE __m512i by_64(__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}
INLINE __m512i by_128(__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xDD));
}

INLINE __m512i totals(const __m512i *v) {
    __m512i four[4];
    for (int n = 0; n < 4; n++) { /* of vectors n * 4 .. n * 4 + 3, in each 128 bits */
        const __m512i *at = v + n * 4;
        four[n] = by_64(by_32(at[0], at[1]), by_32(at[2], at[3]));
    }
    return by_128(by_128(four[0], four[1]), by_128(four[2], four[3]));
}

INLINE __m512i lengths_of(__m512i squares) {
    const __m512d low = _mm512_cvtepi32_pd(_mm512_castsi512_si256(squares));
    const __m512d high = _mm512_cvtepi32_pd(_mm512_extracti64x4_epi64(squares, 1));
    const __m256i floor_low = _mm512_cvttpd_epi32(_mm512_sqrt_pd(low));
    const __m256i floor_high = _mm512_cvttpd_epi32(_mm512_sqrt_pd(high));
    const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(floor_low), floor_high, 1);
    return _mm512_add_epi32(both, _mm512_set1_epi32(1));
}

TARGET void avx512_spread(struct step *step, enum part part, const int8_t *const *values) {
    for (int column = 0; column < step->layer->columns; column++) {
        const struct share share = share_of(step->layer, part, column);
        int8_t *to = (int8_t *)operands_of(step, column, 0) + share.first;
        const size_t stride = (size_t)step->layer->tiles * TILE_ELEMENTS;
        for (int first = 0; first < step->count; first += HALF) {
            __m512i sums[HALF], squares[HALF];
            for (int n = 0; n < HALF; n++) {
                const int stream = least(first + n, step->count - 1); /* the last one again */
                const struct measure found =
                    copy(to + (size_t)stream * stride, values[stream] + share.from, share.count);
                sums[n] = found.sums;
                squares[n] = found.squares;
            }
            const int at = column * STREAMS + first;
            _mm512_storeu_si512(step->sums_of[part] + at, totals(sums));
            _mm512_storeu_si512(step->length_of[part] + at, lengths_of(totals(squares)));
        }
    }
}

/* --- what no bound cleared ------------------------------------------------------------- */

/* Sixteen lanes in the order of the hardware. They live in the low halves of 32 bits. */
TARGET static __m512i in_order(struct step *step, struct place at, int stream, int half) {
    const struct layer *layer = step->layer;
    const int8_t *panel = panel_of(layer, at), *x = operands_of(step, at.column, stream);
    __m512i acc = _mm512_loadu_si512(start_of(layer, at) + half * HALF);
    __m512i events = _mm512_setzero_si512();
    const __m512i one = _mm512_set1_epi32(1);
    for (int row = 0; row < layer->x_rows + layer->h_rows; row++) {
        const __m512i w = _mm512_loadu_si512(panel + row_offset(row, half));
        const __m512i weights[ROW_ELEMENTS] = {
            _mm512_srai_epi32(_mm512_slli_epi32(w, 24), 24),
            _mm512_srai_epi32(_mm512_slli_epi32(w, 16), 24),
            _mm512_srai_epi32(_mm512_slli_epi32(w, 8), 24),
            _mm512_srai_epi32(w, 24),
        };
        for (int n = 0; n < ROW_ELEMENTS; n++) {
            const __m512i element = _mm512_set1_epi32(x[row * ROW_ELEMENTS + n]);
            const __m512i product = _mm512_mullo_epi16(weights[n], element);
            const __m512i exact = _mm512_add_epi16(acc, product);
            acc = _mm512_adds_epi16(acc, product);
            const __mmask32 clamped = _mm512_cmpneq_epi16_mask(acc, exact);
            events = _mm512_mask_add_epi16(events, clamped, events, one);
        }
    }
    step->events[stream] += _mm512_reduce_add_epi32(events);
    return _mm512_srai_epi32(_mm512_slli_epi32(acc, 16), 16);
}

/* The plain sums of the start and of x. */
TARGET static __m512i sums_by_x(const struct step *step, struct place at, int stream, int half) {
    const struct layer *layer = step->layer;
    const int8_t *panel = panel_of(layer, at), *x = operands_of(step, at.column, stream);
    const __m512i start = _mm512_loadu_si512(start_of(layer, at) + half * HALF);
    const int32_t sum = step->sums_of[X][at.column * STREAMS + stream];
    __m512i sums = _mm512_add_epi32(start, _mm512_set1_epi32(-OFFSET * sum));
    for (int row = 0; row < layer->x_rows; row++)
        sums = _mm512_dpbusd_epi32(sums, with_offset(panel + row_offset(row, half)),
                                   four_of(x + row * ROW_ELEMENTS));
    return sums;
}

/* Lane by lane: the prefixes of x, and those of h behind it; repair what is not proven. */
TARGET __m512i avx512_proven(struct step *step, struct place at, int stream, int half,
                             __m512i sums) {
    const struct layer *layer = step->layer;
    const size_t index = index_of(layer, at) * GROUP + (size_t)half * HALF;
    const int of_column = at.column * STREAMS + stream;
    const __m512i start = _mm512_loadu_si512(start_of(layer, at) + half * HALF);
    const __m512i by_x = sums_by_x(step, at, stream, half);
    const __m512i by_both = _mm512_add_epi32(by_x, sums);
    const __m512i length_x = _mm512_set1_epi32(step->length_of[X][of_column]);
    const __m512i length_h = _mm512_set1_epi32(step->length_of[H][of_column]);
    const __m512i products_x =
        _mm512_mullo_epi32(_mm512_loadu_si512(layer->norm_x + index), length_x);
    const __m512i reach_x = _mm512_add_epi32(_mm512_abs_epi32(start), products_x);
    const __m512i reach_h =
        _mm512_mullo_epi32(_mm512_loadu_si512(layer->norm_h + index), length_h);
    const __m512i far_x = _mm512_add_epi32(_mm512_abs_epi32(by_x), reach_x);
    const __m512i far_h = _mm512_add_epi32(_mm512_abs_epi32(by_both), reach_h);
    const __mmask16 doubtful = _mm512_cmpgt_epi32_mask(_mm512_max_epi32(far_x, far_h),
                                                       _mm512_set1_epi32(TWICE_RAIL));
    if (!doubtful) return sums;
    step->doubtful += __builtin_popcount(doubtful);
    return in_order(step, at, stream, half);
}

/* --- the rows of dies ------------------------------------------------------------------ */

/* One stream waits for the weights alone: ask for those of the next die early, and let the four
 * gates share its operands. The product is that of the first gate, whose panel the other three
 * follow. */
INLINE void multiply_one(const struct product *p, size_t panel_bytes, struct halves sums[GATES]) {
    for (int gate = 0; gate < GATES; gate++)
        sums[gate] = (struct halves){without_offset(p, 0), without_offset(p, 0)};
    for (int row = p->from_row; row < p->to_row; row++) {
        const __m512i four = four_of(p->operands + row * ROW_ELEMENTS);
        for (int gate = 0; gate < GATES; gate++) {
            const int8_t *w = p->panel + (size_t)gate * panel_bytes + row_offset(row, 0);
            _mm_prefetch((const char *)w + GATES * panel_bytes, _MM_HINT_T0);
            _mm_prefetch((const char *)w + GATES * panel_bytes + LINE, _MM_HINT_T0);
            sums[gate].low = _mm512_dpbusd_epi32(sums[gate].low, with_offset(w), four);
            sums[gate].high = _mm512_dpbusd_epi32(sums[gate].high, with_offset(w + LINE), four);
        }
    }
}

TARGET static void saturate_one(struct step *step, int group) {
    struct halves sums[GATES];
    struct limits limits;
    for (int column = 0; column < step->layer->columns; column++) {
        const struct product product = product_of(step, (struct place){group, column, 0}, NULL);
        multiply_one(&product, panel_bytes(step->layer), sums);
        for (int gate = 0; gate < GATES; gate++) {
            const struct place at = {group, column, gate};
            int16_t *row = a_of(step, gate, 0);
            const __m512i before = column ? _mm512_loadu_si512(row) : _mm512_setzero_si512();
            const int32_t *start = start_of(step->layer, at), *more = x_sums_of(step, at, 0);
            set_limits(step, at, &limits);
            if (more) sums[gate] = plus(sums[gate], two_of(more, more + HALF));
            if (column == 0) sums[gate] = plus(sums[gate], two_of(start, start + HALF));
            const __m512i die = die_of(step, at, limits.twice[0], 0, sums[gate]);
            const __m512i kept = _mm512_adds_epi16(before, die);
            step->events[0] += differing(kept, _mm512_add_epi16(before, die));
            _mm512_storeu_si512(row, kept);
        }
    }
}

/* `join` with its constants. */
TARGET static void join_some(struct step *step, struct place at, const struct limits *limits,
                             const int32_t *sums) {
    if (step->x_sums && at.column)
        join(step, at, limits, sums, 0, 1);
    else if (step->x_sums)
        join(step, at, limits, sums, 1, 1);
    else if (at.column)
        join(step, at, limits, sums, 0, 0);
    else
        join(step, at, limits, sums, 1, 0);
}

TARGET void avx512_saturate(struct step *step, int group) {
    if (step->count == 1) {
        saturate_one(step, group);
        return;
    }
    for (int column = 0; column < step->layer->columns; column++)
        for (int gate = 0; gate < GATES; gate++) {
            const struct place at = {group, column, gate};
            const struct product product = product_of(step, at, step->sums);
            struct limits limits;
            set_limits(step, at, &limits);
            avx512_multiply(&product);
            join_some(step, at, &limits, step->sums);
        }
}

const struct tier avx512_tier = {
    "avx512",        is_here,        nothing_for,     nothing,
    avx512_multiply, avx512_spread,   avx512_saturate, avx512_cell,
};

#endif
