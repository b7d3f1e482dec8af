/* Frames of the search of vau.decode, in one call: numpy needs two dozen for each.
 *
 * What a frame does, and what the tables are, is in ../numpy_search.py, whose bits these are:
 * the same additions in the same order, and of equal scores the first.
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000 /* one build for Python 3.11 and every later one */
#include <Python.h>

#include <math.h>
#include <stdint.h>

#include "arrays.h"

static inline int least(int a, int b) { return a < b ? a : b; }

/* A loop over whole tables is compiled once for each of these; the loader takes the best. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__) \
    && !defined(__SANITIZE_ADDRESS__)
#define ON_ANY_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define ON_ANY_PROCESSOR
#endif

enum { MOST_CLASSES = 256, MOST_FOLLOWED = 16, LANES = 8 };

static const int64_t MOST_FRAMES = INT64_C(1) << 40; /* 64 bits then hold the number of any node */

struct search {
    int classes, min_frames, followed, kept_frames;
    double beam;
    const double *follow;     /* [phoneme][next][before] */
    double *score;            /* [min_frames + 1][phoneme][before] */
    int64_t *start;           /* the same */
    int64_t *before;          /* [kept_frames][next][phoneme] */
    double *posterior_sums;   /* [kept_frames][phoneme] */
    int64_t *endings;         /* [min_frames][followed] */
    double *ends;             /* [min_frames][followed][before] */
};

/* A hypothesis that may end, by the phoneme before its own. */
struct ending {
    int before;
    double score;
};

/* Move the runs that have become long enough to those that may end. */
ON_ANY_PROCESSOR static void age(double *score, int64_t *start, double *longest,
                                 int64_t *longest_start, int count) {
    for (int n = 0; n < count; n++) {
        const int is_better = score[n] > longest[n];
        longest_start[n] = is_better ? start[n] : longest_start[n];
        longest[n] = is_better ? score[n] : longest[n];
        score[n] = -INFINITY;
    }
}

/* The best score with which each phoneme may end; return the best of all. */
ON_ANY_PROCESSOR static double rate(const struct search *search, const double *longest,
                                    const double *gain, double *best) {
    const int classes = search->classes;
    double best_of_all = -INFINITY;
    for (int phoneme = 0; phoneme < classes; phoneme++) {
        const double *row = longest + phoneme * classes;
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
ON_ANY_PROCESSOR static void prune(const struct search *search, double *longest,
                                   const double *gain, double limit) {
    const int classes = search->classes;
    for (int phoneme = 0; phoneme < classes; phoneme++)
        for (int n = 0; n < classes; n++) {
            double *score = longest + phoneme * classes + n;
            *score = *score + gain[phoneme] < limit ? -INFINITY : *score;
        }
}

/* The phonemes that end best, from the worst of them on; of equal ones the later is better. */
static void choose(const struct search *search, const double *best, int *chosen) {
    int count = 0;
    for (int phoneme = 0; phoneme < search->classes; phoneme++) {
        int at = count;
        if (count == search->followed) {
            if (best[phoneme] < best[chosen[0]]) continue;
            for (at = 0; at + 1 < count && best[phoneme] >= best[chosen[at + 1]]; at++)
                chosen[at] = chosen[at + 1];
            chosen[at] = phoneme;
            continue;
        }
        for (; at && best[phoneme] < best[chosen[at - 1]]; at--) chosen[at] = chosen[at - 1];
        chosen[at] = phoneme;
        count++;
    }
}

/* Begin every run that may follow a phoneme. */
static void follow(const struct search *search, int phoneme, const double *ends, int layer,
                   int64_t frame, const double *gain) {
    const int classes = search->classes;
    const int64_t squared = (int64_t)classes * classes;
    struct ending endings[MOST_CLASSES];
    int count = 0;
    for (int n = 0; n < classes; n++)
        if (ends[n] > -INFINITY) endings[count++] = (struct ending){n, ends[n]};
    const double *table = search->follow + (size_t)phoneme * (size_t)squared;
    double *score = search->score + (size_t)layer * (size_t)squared;
    const int64_t *starts =
        search->start + ((size_t)search->min_frames * (size_t)classes + (size_t)phoneme) * classes;
    int64_t *before = search->before + (size_t)(frame % search->kept_frames) * (size_t)squared;
    for (int next = 0; next < classes; next++) {
        const double *row = table + (size_t)next * (size_t)classes;
        double most = -INFINITY;
        int context = 0;
        for (int n = 0; n < count; n++) {
            const double reached = row[endings[n].before] + endings[n].score;
            if (reached > most) {
                most = reached;
                context = endings[n].before;
            }
        }
        score[next * classes + phoneme] = most - gain[next];
        before[next * classes + phoneme] =
            starts[context] * squared + (int64_t)phoneme * classes + context;
    }
}

static void advance_frame(const struct search *search, int64_t frame, const double *gain,
                          const double *posterior_sum) {
    const int classes = search->classes, layer = (int)(frame % search->min_frames);
    const size_t table = (size_t)classes * (size_t)classes;
    double *score = search->score + (size_t)layer * table;
    int64_t *start = search->start + (size_t)layer * table;
    double *longest = search->score + (size_t)search->min_frames * table;
    int64_t *longest_start = search->start + (size_t)search->min_frames * table;
    int64_t *endings = search->endings + (size_t)layer * (size_t)search->followed;
    double *ends = search->ends + (size_t)layer * (size_t)search->followed * (size_t)classes;
    double best[MOST_CLASSES];
    int chosen[MOST_FOLLOWED];
    age(score, start, longest, longest_start, (int)table);
    const double best_of_all = rate(search, longest, gain, best);
    choose(search, best, chosen);
    for (int n = 0; n < search->followed; n++) { /* given up or not, they are followed once more */
        endings[n] = chosen[n];
        for (int before = 0; before < classes; before++)
            ends[n * classes + before] = longest[chosen[n] * classes + before] + gain[chosen[n]];
    }
    prune(search, longest, gain, best_of_all - search->beam);
    for (int n = 0; n < (int)table; n++) start[n] = frame;
    for (int n = 0; n < search->followed; n++)
        follow(search, chosen[n], ends + n * classes, layer, frame, gain);
    double *sums = search->posterior_sums + (size_t)(frame % search->kept_frames) * (size_t)classes;
    for (int n = 0; n < classes; n++) sums[n] = posterior_sum[n];
}

static PyObject *advance(PyObject *module, PyObject *args) {
    (void)module;
    struct search search;
    Py_ssize_t frames;
    long long first;
    PyObject *follow_table, *score, *start, *before, *sums, *endings, *ends;
    PyObject *gains, *posterior_sums;
    if (!PyArg_ParseTuple(args, "iiiidLnOOOOOOOOO", &search.classes, &search.min_frames,
                          &search.followed, &search.kept_frames, &search.beam, &first, &frames,
                          &follow_table, &score, &start, &before, &sums, &endings, &ends, &gains,
                          &posterior_sums))
        return NULL;
    if (search.classes < 1 || search.classes > MOST_CLASSES || search.min_frames < 1
        || search.followed < 1 || search.followed > least(MOST_FOLLOWED, search.classes)
        || search.kept_frames < 1)
        return PyErr_Format(PyExc_ValueError, "%d phonemes, %d followed: out of range",
                            search.classes, search.followed);
    if (frames < 0 || frames > MOST_FRAMES || first < 0 || first > MOST_FRAMES)
        return PyErr_Format(PyExc_ValueError, "%zd frames from %lld on: out of range", frames,
                            first);
    const size_t classes = (size_t)search.classes, table = classes * classes;
    const size_t row_bytes = classes * sizeof(double), table_bytes = table * sizeof(double);
    const size_t layers = (size_t)search.min_frames + 1, kept = (size_t)search.kept_frames;
    const size_t chosen = (size_t)search.min_frames * (size_t)search.followed;
    struct buffers buffers = {.count = 0};
    const double *gain, *posterior_sum;
    const int is_there =
        (search.follow = content(&buffers, follow_table, classes, table_bytes, 0))
        && (search.score = content(&buffers, score, layers, table_bytes, PyBUF_WRITABLE))
        && (search.start =
                content(&buffers, start, layers, table * sizeof(int64_t), PyBUF_WRITABLE))
        && (search.before =
                content(&buffers, before, kept, table * sizeof(int64_t), PyBUF_WRITABLE))
        && (search.posterior_sums = content(&buffers, sums, kept, row_bytes, PyBUF_WRITABLE))
        && (search.endings = content(&buffers, endings, chosen, sizeof(int64_t), PyBUF_WRITABLE))
        && (search.ends = content(&buffers, ends, chosen, row_bytes, PyBUF_WRITABLE))
        && (gain = content(&buffers, gains, (size_t)frames, row_bytes, 0))
        && (posterior_sum = content(&buffers, posterior_sums, (size_t)frames, row_bytes, 0));
    if (is_there) {
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t n = 0; n < frames; n++)
            advance_frame(&search, first + n, gain + (size_t)n * classes,
                          posterior_sum + (size_t)n * classes);
        Py_END_ALLOW_THREADS
    }
    give_back(&buffers);
    return is_there ? Py_NewRef(Py_None) : NULL;
}

/* Where the best hypothesis is whose last run has a frame at least; the first of equal ones. */
static PyObject *best(PyObject *module, PyObject *args) {
    (void)module;
    int classes, layers;
    long long frame;
    PyObject *of_score, *of_start, *of_gain;
    if (!PyArg_ParseTuple(args, "iiLOOO", &classes, &layers, &frame, &of_score, &of_start,
                          &of_gain))
        return NULL;
    if (classes < 1 || classes > MOST_CLASSES || layers < 1)
        return PyErr_Format(PyExc_ValueError, "%d phonemes, %d layers: out of range", classes,
                            layers);
    const size_t rows = (size_t)layers * (size_t)classes, count = rows * (size_t)classes;
    struct buffers buffers = {.count = 0};
    const double *score = content(&buffers, of_score, count, sizeof *score, 0);
    const int64_t *start = score ? content(&buffers, of_start, count, sizeof *start, 0) : NULL;
    const double *gain =
        start ? content(&buffers, of_gain, (size_t)classes, sizeof *gain, 0) : NULL;
    size_t found = 0;
    double most = -INFINITY;
    for (size_t row = 0; gain && row < rows; row++)
        for (size_t n = row * (size_t)classes; n < (row + 1) * (size_t)classes; n++) {
            const double reached = score[n] + gain[row % (size_t)classes];
            if (reached > most && start[n] < frame) {
                most = reached;
                found = n;
            }
        }
    give_back(&buffers);
    return gain ? PyLong_FromSize_t(found) : NULL;
}

/* Write where there are hypotheses, in order; return how many. */
static PyObject *living(PyObject *module, PyObject *args) {
    (void)module;
    Py_ssize_t count;
    PyObject *of_score, *of_places;
    if (!PyArg_ParseTuple(args, "nOO", &count, &of_score, &of_places)) return NULL;
    if (!is_a_count(count)) return NULL;
    struct buffers buffers = {.count = 0};
    const double *score = content(&buffers, of_score, (size_t)count, sizeof *score, 0);
    int64_t *places =
        score ? content(&buffers, of_places, (size_t)count, sizeof *places, PyBUF_WRITABLE) : NULL;
    Py_ssize_t found = 0;
    for (Py_ssize_t n = 0; places && n < count; n++)
        if (score[n] > -INFINITY) places[found++] = n;
    give_back(&buffers);
    return places ? PyLong_FromSsize_t(found) : NULL;
}

/* Go from nodes, in place, back to those that began before a frame. */
static PyObject *go_back(PyObject *module, PyObject *args) {
    (void)module;
    Py_ssize_t count, links;
    long long later;
    PyObject *of_nodes, *of_before;
    if (!PyArg_ParseTuple(args, "nLnOO", &count, &later, &links, &of_nodes, &of_before))
        return NULL;
    if (!is_a_count(count) || !is_a_count(links)) return NULL;
    if (!links || later < 0)
        return PyErr_Format(PyExc_ValueError, "back to before %lld: out of range", later);
    struct buffers buffers = {.count = 0};
    int64_t *nodes = content(&buffers, of_nodes, (size_t)count, sizeof *nodes, PyBUF_WRITABLE);
    const int64_t *before =
        nodes ? content(&buffers, of_before, (size_t)links, sizeof *before, 0) : NULL;
    int is_sound = 1;
    for (Py_ssize_t n = 0; before && is_sound && n < count; n++)
        while (is_sound && nodes[n] >= later) {
            const int64_t earlier = before[nodes[n] % links];
            is_sound = earlier < nodes[n]; /* or it would never end */
            nodes[n] = earlier;
        }
    give_back(&buffers);
    if (!before) return NULL;
    if (is_sound) return Py_NewRef(Py_None);
    PyErr_SetString(PyExc_ValueError, "a node follows one that is not before it");
    return NULL;
}

static PyMethodDef methods[] = {
    {"best", best, METH_VARARGS, "best(classes, layers, frame, score, start, gain): its place."},
    {"living", living, METH_VARARGS, "living(count, score, places): how many it wrote."},
    {"go_back", go_back, METH_VARARGS, "go_back(count, later, links, nodes, before), in place."},
    {"advance", advance, METH_VARARGS,
     "advance(classes, min_frames, followed, kept_frames, beam, first, frames, follow, score, "
     "start, before, posterior_sums, endings, ends, gains, sums)\n\n"
     "Take hypotheses through frames, in place."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "_native", .m_methods = methods,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&module); }
