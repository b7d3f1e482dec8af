/* One frame of the search: numpy needs two dozen calls for it. */
#include <math.h>

#include "search.h"

/* A loop over whole tables is compiled once for each of these; the loader takes the best. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__) \
    && !defined(__SANITIZE_ADDRESS__)
#define ON_ANY_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define ON_ANY_PROCESSOR
#endif

enum { LANES = 8 };

/* A hypothesis that may end, by the phoneme before its own. */
struct ending {
    int before;
    double score;
};

/* Everything is a frame older. */
ON_ANY_PROCESSOR static void age(uint8_t *ages, int count) {
    for (int n = 0; n < count; n++) ages[n] = (uint8_t)(ages[n] + (ages[n] < OLDEST));
}

/* Let those that have become long enough take the place of a grown one that is worse. */
static void ripen(const struct search *search, const double *young, const uint8_t *endings) {
    for (int phoneme = 0; phoneme < search->classes; phoneme++) {
        double *grown = search->grown + (size_t)phoneme * (size_t)search->classes;
        uint8_t *ages = search->grown_age + (size_t)phoneme * (size_t)search->classes;
        for (int rank = 0; rank < search->followed; rank++) {
            const double score = young[phoneme * search->followed + rank];
            const int before = endings[rank];
            if (!(score > grown[before])) continue;
            grown[before] = score;
            ages[before] = (uint8_t)search->min_frames;
        }
    }
}

/* The best score with which each phoneme may end; return the best of all. */
ON_ANY_PROCESSOR static double rate(const struct search *search, const double *gain,
                                    double *best) {
    const int classes = search->classes;
    double best_of_all = -INFINITY;
    for (int phoneme = 0; phoneme < classes; phoneme++) {
        const double *row = search->grown + phoneme * classes;
        double most[LANES]; /* side by side, which is what a compiler may turn into a vector */
        for (int lane = 0; lane < LANES; lane++) most[lane] = -INFINITY;
        int n = 0;
        for (; n + LANES <= classes; n += LANES)
            for (int lane = 0; lane < LANES; lane++)
                most[lane] = row[n + lane] > most[lane] ? row[n + lane] : most[lane];
        for (; n < classes; n++) most[0] = row[n] > most[0] ? row[n] : most[0];
        for (int lane = 1; lane < LANES; lane++)
            most[0] = most[lane] > most[0] ? most[lane] : most[0];
        best[phoneme] = most[0] + gain[phoneme];
        best_of_all = best[phoneme] > best_of_all ? best[phoneme] : best_of_all;
    }
    return best_of_all;
}

/* Give up what is below a limit. */
ON_ANY_PROCESSOR static void prune(const struct search *search, const double *gain, double limit) {
    const int classes = search->classes;
    for (int phoneme = 0; phoneme < classes; phoneme++)
        for (int n = 0; n < classes; n++) {
            double *score = search->grown + phoneme * classes + n;
            *score = *score + gain[phoneme] < limit ? -INFINITY : *score;
        }
}

/* The phonemes that end best, in their own order; of equal ones the later is better. */
static void choose(const struct search *search, const double *best, uint8_t *chosen) {
    int ranked[MOST_FOLLOWED], count = 0; /* from the worst on */
    for (int phoneme = 0; phoneme < search->classes; phoneme++) {
        int at = count;
        if (count == search->followed) {
            if (best[phoneme] < best[ranked[0]]) continue;
            for (at = 0; at + 1 < count && best[phoneme] >= best[ranked[at + 1]]; at++)
                ranked[at] = ranked[at + 1];
            ranked[at] = phoneme;
            continue;
        }
        for (; at && best[phoneme] < best[ranked[at - 1]]; at--) ranked[at] = ranked[at - 1];
        ranked[at] = phoneme;
        count++;
    }
    for (int n = 0; n < count; n++) {
        int at = n;
        for (; at && chosen[at - 1] > ranked[n]; at--) chosen[at] = chosen[at - 1];
        chosen[at] = (uint8_t)ranked[n];
    }
}

/* Begin every run that may follow the phoneme of a rank. */
static void follow(const struct search *search, int rank, int64_t frame, const double *gain) {
    const int classes = search->classes, followed = search->followed;
    const size_t squared = (size_t)classes * (size_t)classes, row = row_of(search, frame);
    const size_t layer = (size_t)(frame % search->min_frames);
    const int phoneme = search->endings[row * (size_t)followed + (size_t)rank];
    const double *ends =
        search->ends + (layer * (size_t)followed + (size_t)rank) * (size_t)classes;
    struct ending endings[MOST_CLASSES];
    int count = 0;
    for (int n = 0; n < classes; n++)
        if (ends[n] > -INFINITY) endings[count++] = (struct ending){n, ends[n]};
    const double *table = search->follow + (size_t)phoneme * squared;
    const uint8_t *ages = search->grown_age + (size_t)phoneme * (size_t)classes;
    double *young = search->young + layer * (size_t)classes * (size_t)followed;
    uint8_t *parent_age = search->parent_age + row * (size_t)classes * (size_t)followed;
    uint8_t *parent_before = search->parent_before + row * (size_t)classes * (size_t)followed;
    for (int next = 0; next < classes; next++) {
        const double *scores = table + (size_t)next * (size_t)classes;
        double most = -INFINITY;
        int context = 0;
        for (int n = 0; n < count; n++) {
            const double reached = scores[endings[n].before] + endings[n].score;
            if (reached > most) {
                most = reached;
                context = endings[n].before;
            }
        }
        young[next * followed + rank] = most - gain[next];
        parent_age[next * followed + rank] = ages[context];
        parent_before[next * followed + rank] = (uint8_t)context;
    }
}

void advance_frame(const struct search *search, int64_t frame, const double *gain,
                   const double *posterior_sum) {
    const int classes = search->classes, followed = search->followed;
    const size_t layer = (size_t)(frame % search->min_frames), row = row_of(search, frame);
    uint8_t *endings = search->endings + row * (size_t)followed;
    double *ends = search->ends + layer * (size_t)followed * (size_t)classes;
    double best[MOST_CLASSES];
    age(search->grown_age, classes * classes);
    ripen(search, search->young + layer * (size_t)classes * (size_t)followed,
          search->endings + row_of(search, frame - search->min_frames) * (size_t)followed);
    const double best_of_all = rate(search, gain, best);
    choose(search, best, endings);
    for (int rank = 0; rank < followed; rank++) { /* given up or not, they are followed once more */
        const double *grown = search->grown + endings[rank] * classes;
        for (int n = 0; n < classes; n++)
            ends[rank * classes + n] = grown[n] + gain[endings[rank]];
    }
    prune(search, gain, best_of_all - search->beam);
    for (int rank = 0; rank < followed; rank++) follow(search, rank, frame, gain);
    double *sums = search->posterior_sums + row * (size_t)classes;
    for (int n = 0; n < classes; n++) sums[n] = posterior_sum[n];
}
