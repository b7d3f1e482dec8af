/* One frame of the search: numpy needs two dozen calls for it. */
#include <math.h>

#include "search.h"

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

ON_ANY_PROCESSOR double most_of(const double *scores, int count) {
    double most[LANES]; /* side by side, which is what a compiler may turn into a vector */
    for (int lane = 0; lane < LANES; lane++) most[lane] = -INFINITY;
    int n = 0;
    for (; n + LANES <= count; n += LANES)
        for (int lane = 0; lane < LANES; lane++)
            most[lane] = scores[n + lane] > most[lane] ? scores[n + lane] : most[lane];
    for (; n < count; n++) most[0] = scores[n] > most[0] ? scores[n] : most[0];
    for (int lane = 1; lane < LANES; lane++)
        most[0] = most[lane] > most[0] ? most[lane] : most[0];
    return most[0];
}

/* The best score with which each phoneme may end; return the best of all. */
static double rate(const struct search *search, const double *gain, double *best) {
    double best_of_all = -INFINITY;
    for (int phoneme = 0; phoneme < search->classes; phoneme++) {
        best[phoneme] =
            most_of(search->grown + phoneme * search->classes, search->classes) + gain[phoneme];
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

/* The best way into each next phoneme behind those that may end, and the first of equal ones. */
ON_ANY_PROCESSOR static void reach(const double *table, int classes, const struct ending *endings,
                                   int count, double *most, int64_t *context) {
    for (int next = 0; next < classes; next++) {
        most[next] = -INFINITY;
        context[next] = 0;
    }
    for (int n = 0; n < count; n++) {
        const double *scores = table + (size_t)endings[n].before * (size_t)classes;
        const double score = endings[n].score;
        const int64_t before = endings[n].before;
        for (int next = 0; next < classes; next++) {
            const double reached = scores[next] + score;
            const int is_better = reached > most[next];
            most[next] = is_better ? reached : most[next];
            context[next] = is_better ? before : context[next];
        }
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
    double most[MOST_CLASSES];
    int64_t context[MOST_CLASSES];
    reach(search->follow + (size_t)phoneme * squared, classes, endings, count, most, context);
    const uint8_t *ages = search->grown_age + (size_t)phoneme * (size_t)classes;
    double *young = search->young + layer * (size_t)classes * (size_t)followed;
    uint8_t *parent_age = search->parent_age + row * (size_t)classes * (size_t)followed;
    uint8_t *parent_before = search->parent_before + row * (size_t)classes * (size_t)followed;
    for (int next = 0; next < classes; next++) {
        young[next * followed + rank] = most[next] - gain[next];
        parent_age[next * followed + rank] = ages[context[next]];
        parent_before[next * followed + rank] = (uint8_t)context[next];
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
