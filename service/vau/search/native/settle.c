/* What is settled of the past, and what is given up for it. */
#include <math.h>
#include <string.h>

#include "search.h"

/* Tell the runs of a path, which stands backwards; its last run ends at a frame. */
static int tell_runs(const struct search *search, const struct standing *standing,
                     const int64_t *path, int count, int64_t end, struct told *told) {
    for (int n = count - 1; n >= 0; n--) {
        if (told->count == told->room) return NO_ROOM;
        const int64_t start = path[n] / squared(search);
        const int64_t behind = n ? path[n - 1] / squared(search) : end;
        const size_t phoneme = (size_t)(path[n] / search->classes % search->classes);
        const size_t classes = (size_t)search->classes;
        const double until_end =
            search->posterior_sums[row_of(search, behind) * classes + phoneme];
        const double until_start =
            start == standing->root_start
                ? standing->root_posterior_sums[phoneme]
                : search->posterior_sums[row_of(search, start) * classes + phoneme];
        int64_t *run = told->runs + 3 * told->count;
        run[0] = (int64_t)phoneme;
        run[1] = start;
        run[2] = behind;
        told->confidences[told->count++] = (until_end - until_start) / (double)(behind - start);
    }
    return 0;
}

/* Let the last node of a path be the root, if it is a later one. */
static void move_root(const struct search *search, struct standing *standing, int64_t node) {
    const int64_t start = node / squared(search);
    const size_t classes = (size_t)search->classes;
    if (start <= standing->root_start) return;
    memcpy(standing->root_posterior_sums,
           search->posterior_sums + row_of(search, start) * classes, classes * sizeof(double));
    standing->root_start = start;
}

/* Settle the runs of a path but its last, and tell them. */
static int settle(const struct search *search, struct standing *standing, const int64_t *path,
                  int count, struct told *told) {
    const int64_t start = path[0] / squared(search);
    if (start <= standing->root_start) return 0;
    const int failed = tell_runs(search, standing, path + 1, count - 1, start, told);
    if (!failed) move_root(search, standing, path[0]);
    return failed;
}

/* Give up whatever is not in a node at a frame or, if `has_ended`, did not leave it there. */
static int keep_those_in(const struct search *search, const struct standing *standing,
                         int64_t number, int64_t frame, int has_ended) {
    const size_t places = place_count(search);
    for (size_t place = 0; place < places; place++) {
        double *score = score_at(search, place);
        if (!(*score > -INFINITY)) continue;
        struct node node = node_at(search, place, standing->frame, standing->root_start);
        if (!go_back_to(search, &node, frame, standing->root_start)) return UNSOUND;
        int stays = !has_ended || node.start == frame;
        if (has_ended && stays && !go_to_parent(search, &node, standing->root_start))
            return UNSOUND;
        stays = stays && number_of(search, node) == number;
        if (!stays) *score = -INFINITY;
    }
    return 0;
}

/* What was under way too long ago: all that lives has to agree with the best about it. */
static int decide(const struct search *search, struct standing *standing, int64_t best,
                  struct told *told) {
    const int64_t decided = standing->frame - search->decided_frames;
    if (decided <= standing->root_start) return 0;
    struct node node = node_of(search, best);
    if (!go_back_to(search, &node, decided, standing->root_start)) return UNSOUND;
    const int64_t of_best = number_of(search, node);
    int64_t path[MOST_KEPT_FRAMES];
    int count = keep_those_in(search, standing, of_best, decided, 0);
    if (!count) count = path_back(search, of_best, standing->root_start, path);
    return count < 0 ? count : settle(search, standing, path, count, told);
}

/* What ended long enough ago in the best: all that lives has to have ended it there, too. */
static int end_runs(const struct search *search, struct standing *standing, int64_t best,
               struct told *told) {
    const int64_t ended = standing->frame - search->look_back_frames;
    int64_t nodes[MOST_KEPT_FRAMES], *path = nodes;
    int count = path_back(search, best, standing->root_start, path);
    for (; count > 0 && *path / squared(search) > ended; path++) count--;
    if (count < 0) return count;
    if (count < 2) return 0;
    const int64_t end = path[0] / squared(search);
    const int failed = keep_those_in(search, standing, path[1], end, 1);
    return failed ? failed : settle(search, standing, path, count, told);
}

/* Sum up what a frame says, beside what was until the one before it. */
static void sum_up(const struct search *search, struct standing *standing, const double *row,
                   const double *posterior, double *posterior_sum) {
    const size_t classes = (size_t)search->classes, kept = (size_t)search->min_frames - 1;
    const double *until_now =
        search->posterior_sums + row_of(search, standing->frame) * classes;
    double *gain = standing->gains + kept * classes;
    double next[MOST_CLASSES];
    for (size_t n = 0; n < classes; n++) {
        next[n] = gain[n] + (row[n] - search->prior[n]);
        posterior_sum[n] = until_now[n] + posterior[n];
    }
    memmove(standing->gains, standing->gains + classes, kept * classes * sizeof(double));
    memcpy(gain, next, classes * sizeof(double));
    if (!kept) return;
    memmove(standing->rows, standing->rows + classes, (kept - 1) * classes * sizeof(float));
    float *last = standing->rows + (kept - 1) * classes;
    for (size_t n = 0; n < classes; n++) last[n] = (float)row[n];
}

int push_frame(const struct search *search, struct standing *standing, const double *row,
               const double *posterior, struct told *told) {
    double posterior_sum[MOST_CLASSES];
    sum_up(search, standing, row, posterior, posterior_sum);
    const double *gain =
        standing->gains + (size_t)(search->min_frames - 1) * (size_t)search->classes;
    standing->frame++;
    advance_frame(search, standing->frame, gain, posterior_sum);
    if (standing->frame % search->settling_frames) return 0;
    const int64_t best = best_node(search, standing->frame, gain, standing->root_start);
    if (best < 0) return NOTHING;
    const int failed = decide(search, standing, best, told);
    return failed ? failed : end_runs(search, standing, best, told);
}

int tell_best(const struct search *search, struct standing *standing, struct told *told) {
    const double *gain =
        standing->gains + (size_t)(search->min_frames - 1) * (size_t)search->classes;
    const int64_t best = best_node(search, standing->frame, gain, standing->root_start);
    if (best < 0) return NOTHING;
    int64_t path[MOST_KEPT_FRAMES];
    const int count = path_back(search, best, standing->root_start, path);
    if (count < 0) return count;
    const int shared = shared_by_all(search, standing->frame, standing->root_start, path, count);
    if (shared < 0) return shared;
    const int failed = tell_runs(search, standing, path, count, standing->frame, told);
    if (failed) return failed;
    move_root(search, standing, path[count - 1 - shared]);
    return shared;
}
