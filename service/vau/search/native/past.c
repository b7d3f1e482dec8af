/* Hypotheses as the runs that they are in, and back to those that they come from. */
#include <math.h>

#include "search.h"

struct node node_of(const struct search *search, int64_t number) {
    const int64_t squared = (int64_t)search->classes * search->classes, start = number / squared;
    const int run = (int)(number % squared);
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

int64_t best_node(const struct search *search, int64_t frame, const double *gain,
                  int64_t root_start) {
    const int classes = search->classes, followed = search->followed;
    double most = -INFINITY;
    int layer_found = -1, found = 0;
    const double *score = search->young;
    for (int layer = 0; layer < search->min_frames; layer++)
        for (int run = 0, phoneme = 0; phoneme < classes; phoneme++)
            for (int rank = 0; rank < followed; rank++, run++, score++)
                if (*score + gain[phoneme] > most && layer != frame % search->min_frames) {
                    most = *score + gain[phoneme];
                    layer_found = layer;
                    found = run;
                }
    int is_grown = 0;
    score = search->grown;
    for (int run = 0, phoneme = 0; phoneme < classes; phoneme++)
        for (int n = 0; n < classes; n++, run++, score++)
            if (*score + gain[phoneme] > most) {
                most = *score + gain[phoneme];
                is_grown = 1;
                found = run;
            }
    if (is_grown) {
        const int64_t start = start_of(search, (size_t)found, frame, root_start);
        return start * classes * classes + found;
    }
    if (layer_found < 0) return -1;
    const int64_t start = frame_of(search, layer_found, frame);
    const uint8_t *endings = search->endings + row_of(search, start) * (size_t)followed;
    return (start * classes + found / followed) * classes + endings[found % followed];
}

size_t all_living(const struct search *search, int64_t frame, int64_t root_start, int64_t *places,
                  int64_t *nodes) {
    const int classes = search->classes, followed = search->followed;
    size_t found = 0;
    int64_t place = 0;
    for (int layer = 0; layer < search->min_frames; layer++) {
        const int64_t start = frame_of(search, layer, frame);
        const uint8_t *endings = search->endings + row_of(search, start) * (size_t)followed;
        for (int phoneme = 0; phoneme < classes; phoneme++)
            for (int rank = 0; rank < followed; rank++, place++)
                if (search->young[place] > -INFINITY) {
                    places[found] = place;
                    nodes[found++] = (start * classes + phoneme) * classes + endings[rank];
                }
    }
    for (int run = 0; run < classes * classes; run++, place++)
        if (search->grown[run] > -INFINITY) {
            const int64_t start = start_of(search, (size_t)run, frame, root_start);
            places[found] = place;
            nodes[found++] = start * classes * classes + run;
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
    const int64_t squared = (int64_t)search->classes * search->classes;
    for (; most > 0; most--) {
        const int64_t end = path[count - 1 - most] / squared;
        if (!go_back_to(search, &node, end, root_start)) return UNSOUND;
        if (node.start != end) continue;
        if (!go_to_parent(search, &node, root_start)) return UNSOUND;
        if (number_of(search, node) == path[count - most]) break;
    }
    return most;
}

int shared_by_all(const struct search *search, int64_t frame, int64_t root_start,
                  const int64_t *path, int count) {
    const int classes = search->classes, followed = search->followed;
    int shared = count - 1;
    const double *score = search->young;
    for (int layer = 0; layer < search->min_frames; layer++) {
        const int64_t start = frame_of(search, layer, frame);
        const size_t row = row_of(search, start);
        const uint8_t *endings = search->endings + row * (size_t)followed;
        for (int phoneme = 0; phoneme < classes; phoneme++)
            for (int rank = 0; rank < followed; rank++, score++) {
                if (shared <= 0) return shared;
                if (!(*score > -INFINITY)) continue;
                const struct node node = {start, phoneme, endings[rank], (int)row};
                shared = shared_with(search, node, path, count, shared, root_start);
            }
    }
    for (int run = 0; run < classes * classes && shared > 0; run++) {
        if (!(search->grown[run] > -INFINITY)) continue;
        const int64_t start = start_of(search, (size_t)run, frame, root_start);
        const struct node node = {start, run / classes, run % classes,
                                  (int)row_of(search, start)};
        shared = shared_with(search, node, path, count, shared, root_start);
    }
    return shared;
}
