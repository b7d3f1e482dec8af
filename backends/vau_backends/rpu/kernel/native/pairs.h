/* Weights of 16 bits, pair by pair of elements, for the instructions that multiply two numbers of
 * 16 bits by two others and add both products.
 *
 * An operand is 256 * high + low, both of which its pair has 16 bits for; low lies within -128
 * and 127, high within -128 and 128, so a product of either with a weight is at most 2^22, and 511
 * of them stay below 2^31.
 */
#ifndef VAU_PAIRS_H
#define VAU_PAIRS_H

#include "rpu.h"

enum {
    PAIR = 2,            /* elements */
    SEGMENT_PAIRS = 255, /* as many add up in 32 bits, both of each pair */
};

static inline int pairs_of(const struct matrix *matrix) { return ceil_div(matrix->columns, PAIR); }

#endif
