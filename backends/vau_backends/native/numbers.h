/* Small numbers, and the order of works by them. */
#ifndef VAU_NUMBERS_H
#define VAU_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

static inline int least(int a, int b) { return a < b ? a : b; }
static inline int largest(int a, int b) { return a > b ? a : b; }
static inline int ceil_div(int total, int parts) { return (total + parts - 1) / parts; }

/* Sort works by their lengths, the longest first; equal ones stay as they come. By rank: which work
 * it is, and where its frames begin if those of all works lie one after the other. */
static inline void sort_works(int works, const int32_t *lengths, int *order, size_t *first_frame) {
    size_t frame = 0;
    for (int work = 0; work < works; work++) {
        int rank = work;
        for (; rank && lengths[order[rank - 1]] < lengths[work]; rank--) {
            order[rank] = order[rank - 1];
            first_frame[rank] = first_frame[rank - 1];
        }
        order[rank] = work;
        first_frame[rank] = frame;
        frame += (size_t)lengths[work];
    }
}

#endif
