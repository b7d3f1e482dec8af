/* The tables of a search, and what is done with them. What they are, and what a frame does, is in
 * ../__init__.py and ../numpy_search.py, whose bits these are: the same additions in the same
 * order, and of equal scores the first.
 */
#ifndef VAU_SEARCH_H
#define VAU_SEARCH_H

#include <stddef.h>
#include <stdint.h>

/* A loop over whole tables is compiled once for each of these; the loader takes the best. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__) \
    && !defined(__SANITIZE_ADDRESS__)
#define ON_ANY_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define ON_ANY_PROCESSOR
#endif

enum { MOST_CLASSES = 256, MOST_FOLLOWED = 16, MOST_KEPT_FRAMES = 254, OLDEST = 255 };

static const int64_t MOST_FRAMES = INT64_C(1) << 40; /* 64 bits then hold the number of any node */

struct search {
    int classes, min_frames, followed, kept_frames;
    int settling_frames, look_back_frames, decided_frames;
    double beam;
    const double *follow;   /* [phoneme][before][next] */
    const double *prior;    /* [phoneme] */
    double *young;          /* [min_frames][phoneme][rank] */
    double *grown;          /* [phoneme][before] */
    uint8_t *grown_age;     /* the same */
    uint8_t *endings;       /* [row][rank] */
    uint8_t *parent_age;    /* [row][phoneme][rank] */
    uint8_t *parent_before; /* the same */
    double *ends;           /* [min_frames][rank][before] */
    double *posterior_sums; /* [row][phoneme] */
};

struct standing {
    int64_t frame, root_start;
    double *gains;               /* [min_frames][phoneme] */
    float *rows;                 /* [min_frames - 1][phoneme] */
    double *root_posterior_sums; /* [phoneme] */
};

/* Runs that are told, and room for more. */
struct told {
    int64_t *runs; /* [room][phoneme, start, end] */
    double *confidences;
    int room, count;
};

/* What there is instead of a count. */
enum { UNSOUND = -1, NO_ROOM = -2, NOTHING = -3 };

/* Take all hypotheses through one frame, and settle the past if it is time; 0, or what is wrong. */
int push_frame(const struct search *search, struct standing *standing, const double *row,
               const double *posterior, struct told *told);

/* Tell the runs of the best hypothesis from the root on; return how many of them all share, and
 * settle these; or what is wrong.
 */
int tell_best(const struct search *search, struct standing *standing, struct told *told);

/* Take all hypotheses through one frame. */
void advance_frame(const struct search *search, int64_t frame, const double *gain,
                   const double *posterior_sum);

/* The most of a row of scores; -INFINITY if there are none. */
double most_of(const double *scores, int count);

/* The beginning of a run, taken apart, and the row of its frame. */
struct node {
    int64_t start;
    int phoneme, before, row;
};

struct node node_of(const struct search *search, int64_t number);
int64_t number_of(const struct search *search, struct node node);

/* Go on to what a node followed; 0 if that is nothing before it. */
int go_to_parent(const struct search *search, struct node *node, int64_t root_start);

/* Go back to what had begun at a frame, or before; 0 as above. */
int go_back_to(const struct search *search, struct node *node, int64_t frame, int64_t root_start);

/* All places, where a hypothesis may stand; its score, and its node if it is alive. */
size_t place_count(const struct search *search);
double *score_at(const struct search *search, size_t place);
struct node node_at(const struct search *search, size_t place, int64_t frame, int64_t root_start);

/* The node of the best hypothesis whose last run began before a frame; the first of equal ones;
 * -1 if there is none.
 */
int64_t best_node(const struct search *search, int64_t frame, const double *gain,
                  int64_t root_start);

/* Write the places and the nodes of all hypotheses, in order; return how many. */
size_t all_living(const struct search *search, int64_t frame, int64_t root_start, int64_t *places,
                  int64_t *nodes);

/* Write the nodes from one back to the root, ``kept_frames`` at most; return how many, or UNSOUND,
 * or NO_ROOM.
 */
int path_back(const struct search *search, int64_t number, int64_t root_start, int64_t *path);

/* How many of the first runs of a path, written as above, end alike in all hypotheses; UNSOUND as
 * above. The last run of the path has no end yet.
 */
int shared_by_all(const struct search *search, int64_t frame, int64_t root_start,
                  const int64_t *path, int count);

/* Nodes of a frame, by their numbers. */
static inline int64_t squared(const struct search *search) {
    return (int64_t)search->classes * search->classes;
}

/* The row of a frame, which may be before the first. */
static inline size_t row_of(const struct search *search, int64_t frame) {
    const int64_t row = frame % search->kept_frames;
    return (size_t)(row < 0 ? row + search->kept_frames : row);
}

#endif
