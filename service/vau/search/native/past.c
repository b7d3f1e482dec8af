/* Hypotheses as the runs that they are in, and back to those that they come from. */
#include <math.h>
#include <string.h>

#include "search.h"

struct node node_of(const struct search *search, int64_t number) {
    const int64_t start = number / squared(search);
    const int run = (int)(number % squared(search));
    return (struct node){start, run / search->classes, run % search->classes,
                         (int)row_of(search, start)};
}

int64_t number_of(const struct search *search, struct node node) {
    return (node.start * search->classes + node.phoneme) * search->classes + node.before;
}

int go_to_parent(const struct search *search, struct node *node, int64_t root_start) {
    const int followed = search->followed;
    const uint8_t *endings = search->endings + node->row * followed;
    int rank = 0;
    while (rank < followed && endings[rank] != node->before) rank++;
    if (rank == followed) return 0;
    const int at = (node->row * search->classes + node->phoneme) * followed + rank;
    const int age = search->parent_age[at];
    const int64_t start = age == OLDEST ? root_start : node->start - age;
    if (start < 0 || start >= node->start) return 0; /* or a walk would never end */
    const int row = node->row - age + (node->row < age ? search->kept_frames : 0);
    *node = (struct node){start, node->before, search->parent_before[at],
                          row < 0 || age == OLDEST ? (int)row_of(search, start) : row};
    return 1;
}

int go_back_to(const struct search *search, struct node *node, int64_t frame, int64_t root_start) {
    while (node->start > frame)
        if (!go_to_parent(search, node, root_start)) return 0;
    return 1;
}

/* When a grown run began. */
static int64_t start_of(const struct search *search, size_t place, int64_t frame,
                        int64_t root_start) {
    const uint8_t age = search->grown_age[place];
    return age == OLDEST ? root_start : frame - age;
}

/* At which of the last frames the young runs of a layer began. */
static int64_t frame_of(const struct search *search, int layer, int64_t frame) {
    const int64_t ahead = frame % search->min_frames - layer;
    return frame - (ahead < 0 ? ahead + search->min_frames : ahead);
}

static size_t young_count(const struct search *search) {
    return (size_t)search->min_frames * (size_t)search->classes * (size_t)search->followed;
}

size_t place_count(const struct search *search) {
    return young_count(search) + (size_t)search->classes * (size_t)search->classes;
}

double *score_at(const struct search *search, size_t place) {
    const size_t young = young_count(search);
    return place < young ? search->young + place : search->grown + (place - young);
}

/* The node of a grown run, which is alive. */
static struct node grown_node(const struct search *search, int run, int64_t frame,
                              int64_t root_start) {
    const int64_t start = start_of(search, (size_t)run, frame, root_start);
    return (struct node){start, run / search->classes, run % search->classes,
                         (int)row_of(search, start)};
}

struct node node_at(const struct search *search, size_t place, int64_t frame, int64_t root_start) {
    const size_t young = young_count(search), classes = (size_t)search->classes;
    const size_t followed = (size_t)search->followed;
    if (place >= young) return grown_node(search, (int)(place - young), frame, root_start);
    const size_t run = place / followed, rank = place % followed;
    const int64_t start = frame_of(search, (int)(run / classes), frame);
    const size_t row = row_of(search, start);
    return (struct node){start, (int)(run % classes), search->endings[row * followed + rank],
                         (int)row};
}

/* Where in a row the best is, if it is better than what there was; the first of equals. */
static int better_in(const double *scores, int count, double gain, double *most) {
    const double here = most_of(scores, count) + gain;
    if (!(here > *most)) return -1;
    *most = here;
    int n = 0;
    while (scores[n] + gain < here) n++;
    return n;
}

int64_t best_node(const struct search *search, int64_t frame, const double *gain,
                  int64_t root_start) {
    const int classes = search->classes, followed = search->followed;
    double most = -INFINITY;
    int64_t best = -1;
    for (int layer = 0; layer < search->min_frames; layer++)
        for (int phoneme = 0; layer != frame % search->min_frames && phoneme < classes; phoneme++) {
            const int first = (layer * classes + phoneme) * followed;
            const int found = better_in(search->young + first, followed, gain[phoneme], &most);
            if (found >= 0) best = first + found;
        }
    for (int phoneme = 0; phoneme < classes; phoneme++) {
        const int first = phoneme * classes;
        const int found = better_in(search->grown + first, classes, gain[phoneme], &most);
        if (found >= 0) best = search->min_frames * classes * followed + first + found;
    }
    return best < 0 ? -1 : number_of(search, node_at(search, (size_t)best, frame, root_start));
}

size_t all_living(const struct search *search, int64_t frame, int64_t root_start, int64_t *places,
                  int64_t *nodes) {
    const size_t count = place_count(search);
    size_t found = 0;
    for (size_t place = 0; place < count; place++) {
        if (!(*score_at(search, place) > -INFINITY)) continue;
        places[found] = (int64_t)place;
        nodes[found++] = number_of(search, node_at(search, place, frame, root_start));
    }
    return found;
}

int path_back(const struct search *search, int64_t number, int64_t root_start, int64_t *path) {
    struct node node = node_of(search, number);
    int count = 0;
    path[count++] = number;
    while (node.start > root_start) {
        if (!go_to_parent(search, &node, root_start)) return UNSOUND;
        if (count == search->kept_frames) return NO_ROOM;
        path[count++] = number_of(search, node);
    }
    return count;
}

/* How many of the first runs of a path a node has, of ``most`` at the most, by where they end; the
 * path stands backwards. What has one of them comes from all that are before it.
 */
static int shared_with(const struct search *search, struct node node, const int64_t *path,
                       int count, int most, int64_t root_start) {
    for (; most > 0; most--) {
        const int64_t end = path[count - 1 - most] / squared(search);
        if (!go_back_to(search, &node, end, root_start)) return UNSOUND;
        if (node.start != end) continue;
        if (!go_to_parent(search, &node, root_start)) return UNSOUND;
        if (number_of(search, node) == path[count - most]) break;
    }
    return most;
}

/* The same of all young hypotheses of a layer. They began together, and many of them follow the
 * same node: one of these says it for all.
 */
static int shared_with_young(const struct search *search, int layer, const int64_t *path,
                             int count, int most, int64_t frame, int64_t root_start) {
    const int classes = search->classes, followed = search->followed;
    const int64_t start = frame_of(search, layer, frame);
    const size_t row = row_of(search, start);
    const size_t first = row * (size_t)classes * (size_t)followed;
    const double *score = search->young + layer * classes * followed;
    const uint8_t *endings = search->endings + row * (size_t)followed;
    uint8_t is_known[MOST_FOLLOWED * MOST_CLASSES];
    memset(is_known, 0, (size_t)followed * (size_t)classes);
    for (int run = 0; run < classes * followed && most > 0; run++) {
        if (!(score[run] > -INFINITY)) continue;
        const int rank = run % followed, before = search->parent_before[first + (size_t)run];
        if (before < classes && is_known[rank * classes + before]++) continue;
        const struct node node = {start, run / followed, endings[rank], (int)row};
        most = shared_with(search, node, path, count, most, root_start);
    }
    return most;
}

int shared_by_all(const struct search *search, int64_t frame, int64_t root_start,
                  const int64_t *path, int count) {
    const int classes = search->classes;
    int shared = count - 1;
    for (int layer = 0; layer < search->min_frames && shared > 0; layer++)
        shared = shared_with_young(search, layer, path, count, shared, frame, root_start);
    for (int run = 0; run < classes * classes && shared > 0; run++) {
        if (!(search->grown[run] > -INFINITY)) continue;
        const struct node node = grown_node(search, run, frame, root_start);
        shared = shared_with(search, node, path, count, shared, root_start);
    }
    return shared;
}
