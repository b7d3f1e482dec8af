/* The search of vau.decode for Python: arrays are measured here, and used in the other files. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000 /* one build for Python 3.11 and every later one */
#include <Python.h>

#include "arrays.h"
#include "search.h"

static inline int least(int a, int b) { return a < b ? a : b; }

/* Whether there is room for such a search; 0 with an exception set. */
static int fits(const struct search *search) {
    if (search->classes >= 1 && search->classes <= MOST_CLASSES && search->min_frames >= 1
        && search->followed >= 1 && search->followed <= least(MOST_FOLLOWED, search->classes)
        && search->kept_frames > search->min_frames && search->kept_frames <= MOST_KEPT_FRAMES
        && search->settling_frames >= 1 && search->look_back_frames >= 0
        && search->decided_frames >= search->look_back_frames
        && search->decided_frames < search->kept_frames)
        return 1;
    PyErr_Format(PyExc_ValueError,
                 "%d phonemes, %d followed, %d frames kept, %d at least; settled every %d, from %d "
                 "and %d frames ago: out of range",
                 search->classes, search->followed, search->kept_frames, search->min_frames,
                 search->settling_frames, search->look_back_frames, search->decided_frames);
    return 0;
}

/* Whether a number is one of a frame; 0 with an exception set. */
static int is_a_frame(long long frame) {
    if (frame >= 0 && frame <= MOST_FRAMES) return 1;
    PyErr_Format(PyExc_ValueError, "frame %lld: out of range", frame);
    return 0;
}

/* What is remembered of the hypotheses. */
struct remembered {
    PyObject *young, *grown, *grown_age, *endings, *parent_age, *parent_before;
};

/* What scores and confidences are made of. */
struct summed {
    PyObject *posterior_sums, *gains, *root_posterior_sums;
};

/* Where runs are told, and how many at the most. */
struct telling {
    int room;
    PyObject *runs, *confidences;
};

/* Readers of tuples, for O& in a format: 0 with an exception set. What they find lives as long as
 * the arguments do.
 */
static int is_a_tuple(PyObject *of) {
    if (PyTuple_Check(of)) return 1;
    PyErr_SetString(PyExc_TypeError, "an argument that is no tuple");
    return 0;
}

static int read_sizes(PyObject *of, void *to) {
    struct search *search = to;
    return is_a_tuple(of)
           && PyArg_ParseTuple(of, "iiiiiii", &search->classes, &search->min_frames,
                               &search->followed, &search->kept_frames, &search->settling_frames,
                               &search->look_back_frames, &search->decided_frames)
           && fits(search);
}

static int read_remembered(PyObject *of, void *to) {
    struct remembered *found = to;
    return is_a_tuple(of)
           && PyArg_ParseTuple(of, "OOOOOO", &found->young, &found->grown, &found->grown_age,
                               &found->endings, &found->parent_age, &found->parent_before);
}

static int read_summed(PyObject *of, void *to) {
    struct summed *found = to;
    return is_a_tuple(of)
           && PyArg_ParseTuple(of, "OOO", &found->posterior_sums, &found->gains,
                               &found->root_posterior_sums);
}

static int read_telling(PyObject *of, void *to) {
    struct telling *found = to;
    return is_a_tuple(of)
           && PyArg_ParseTuple(of, "iOO", &found->room, &found->runs, &found->confidences)
           && is_a_count(found->room);
}

/* Where it stands; 0 with an exception set. */
static int find_remembered(struct search *search, struct buffers *buffers,
                           const struct remembered *of, int flags) {
    const size_t classes = (size_t)search->classes, followed = (size_t)search->followed;
    const size_t table = classes * classes, rows = (size_t)search->kept_frames;
    const size_t young = (size_t)search->min_frames * classes * followed;
    const size_t nodes = rows * classes * followed;
    if (!(search->young = content(buffers, of->young, young, sizeof(double), flags))
        || !(search->grown = content(buffers, of->grown, table, sizeof(double), flags))
        || !(search->grown_age = content(buffers, of->grown_age, table, 1, flags))
        || !(search->endings = content(buffers, of->endings, rows * followed, 1, flags))
        || !(search->parent_age = content(buffers, of->parent_age, nodes, 1, flags))
        || !(search->parent_before = content(buffers, of->parent_before, nodes, 1, flags)))
        return 0;
    for (size_t n = 0; n < rows * followed; n++)
        if (search->endings[n] >= search->classes) {
            PyErr_SetString(PyExc_ValueError, "a phoneme that there is not");
            return 0;
        }
    return 1;
}

/* The same of the sums. */
static int find_summed(struct search *search, struct standing *standing, struct buffers *buffers,
                       const struct summed *of, int flags) {
    const size_t classes = (size_t)search->classes, row_bytes = classes * sizeof(double);
    return (search->posterior_sums = content(buffers, of->posterior_sums,
                                             (size_t)search->kept_frames, row_bytes, flags))
           && (standing->gains = content(buffers, of->gains, (size_t)search->min_frames,
                                         row_bytes, flags))
           && (standing->root_posterior_sums =
                   content(buffers, of->root_posterior_sums, 1, row_bytes, PyBUF_WRITABLE));
}

/* The same of the runs that are told. */
static int find_told(struct told *told, struct buffers *buffers, const struct telling *of) {
    told->room = of->room;
    return (told->runs = content(buffers, of->runs, (size_t)of->room, 3 * sizeof(int64_t),
                                 PyBUF_WRITABLE))
           && (told->confidences = content(buffers, of->confidences, (size_t)of->room,
                                           sizeof(double), PyBUF_WRITABLE));
}

/* Nothing, and why. */
static PyObject *failure(int reason) {
    const char *text = reason == NO_ROOM   ? "a path has more nodes than frames are kept"
                       : reason == NOTHING ? "no hypothesis is alive"
                                           : "a node follows one that is not before it";
    PyErr_SetString(PyExc_ValueError, text);
    return NULL;
}

static PyObject *push(PyObject *module, PyObject *args) {
    (void)module;
    struct search search;
    struct standing standing;
    struct told told = {.count = 0};
    struct remembered remembered;
    struct summed summed;
    struct telling telling;
    Py_ssize_t frames;
    long long frame, root_start;
    PyObject *follow_table, *prior, *ends, *kept_rows, *new_rows, *new_posteriors;
    if (!PyArg_ParseTuple(args, "O&dLLnOOO&OO&OOOO&", read_sizes, &search, &search.beam, &frame,
                          &root_start, &frames, &follow_table, &prior, read_remembered,
                          &remembered, &ends, read_summed, &summed, &kept_rows, &new_rows,
                          &new_posteriors, read_telling, &telling))
        return NULL;
    if (!is_a_frame(frame) || !is_a_frame(root_start)) return NULL;
    if (frames < 0 || frames > MOST_FRAMES)
        return PyErr_Format(PyExc_ValueError, "%zd frames: out of range", frames);
    standing.frame = frame;
    standing.root_start = root_start;
    const size_t classes = (size_t)search.classes, row_bytes = classes * sizeof(double);
    const size_t layers = (size_t)search.min_frames;
    struct buffers buffers = {.count = 0};
    const double *rows = NULL, *posteriors = NULL;
    const int is_there =
        (search.follow = content(&buffers, follow_table, classes, classes * row_bytes, 0))
        && (search.prior = content(&buffers, prior, 1, row_bytes, 0))
        && find_remembered(&search, &buffers, &remembered, PyBUF_WRITABLE)
        && (search.ends = content(&buffers, ends, layers * (size_t)search.followed, row_bytes,
                                  PyBUF_WRITABLE))
        && find_summed(&search, &standing, &buffers, &summed, PyBUF_WRITABLE)
        && (standing.rows = content(&buffers, kept_rows, layers - 1, classes * sizeof(float),
                                    PyBUF_WRITABLE))
        && (rows = content(&buffers, new_rows, (size_t)frames, row_bytes, 0))
        && (posteriors = content(&buffers, new_posteriors, (size_t)frames, row_bytes, 0))
        && find_told(&told, &buffers, &telling);
    int failed = 0;
    if (is_there) {
        Py_BEGIN_ALLOW_THREADS
        for (size_t n = 0; !failed && n < (size_t)frames; n++)
            failed = push_frame(&search, &standing, rows + n * classes, posteriors + n * classes,
                                &told);
        Py_END_ALLOW_THREADS
    }
    give_back(&buffers);
    if (!is_there) return NULL;
    if (failed) return failure(failed);
    return Py_BuildValue("Li", (long long)standing.root_start, told.count);
}

static PyObject *tell(PyObject *module, PyObject *args) {
    (void)module;
    struct search search;
    struct standing standing;
    struct told told = {.count = 0};
    struct remembered remembered;
    struct summed summed;
    struct telling telling;
    long long frame, root_start;
    if (!PyArg_ParseTuple(args, "O&LLO&O&O&", read_sizes, &search, &frame, &root_start,
                          read_remembered, &remembered, read_summed, &summed, read_telling,
                          &telling))
        return NULL;
    if (!is_a_frame(frame) || !is_a_frame(root_start)) return NULL;
    standing.frame = frame;
    standing.root_start = root_start;
    struct buffers buffers = {.count = 0};
    const int is_there = find_remembered(&search, &buffers, &remembered, 0)
                         && find_summed(&search, &standing, &buffers, &summed, 0)
                         && find_told(&told, &buffers, &telling);
    const int shared = is_there ? tell_best(&search, &standing, &told) : 0;
    give_back(&buffers);
    if (!is_there) return NULL;
    if (shared < 0) return failure(shared);
    return Py_BuildValue("Lii", (long long)standing.root_start, told.count, shared);
}

static PyObject *living(PyObject *module, PyObject *args) {
    (void)module;
    struct search search;
    struct remembered remembered;
    long long frame, root_start;
    PyObject *to_places, *to_nodes;
    if (!PyArg_ParseTuple(args, "O&LLO&OO", read_sizes, &search, &frame, &root_start,
                          read_remembered, &remembered, &to_places, &to_nodes))
        return NULL;
    if (!is_a_frame(frame) || !is_a_frame(root_start)) return NULL;
    struct buffers buffers = {.count = 0};
    const size_t count = place_count(&search);
    int64_t *places = NULL, *nodes = NULL;
    const int is_there =
        find_remembered(&search, &buffers, &remembered, 0)
        && (places = content(&buffers, to_places, count, sizeof *places, PyBUF_WRITABLE))
        && (nodes = content(&buffers, to_nodes, count, sizeof *nodes, PyBUF_WRITABLE));
    const size_t found = is_there ? all_living(&search, frame, root_start, places, nodes) : 0;
    give_back(&buffers);
    return is_there ? PyLong_FromSize_t(found) : NULL;
}

static PyObject *path_to(PyObject *module, PyObject *args) {
    (void)module;
    struct search search;
    struct remembered remembered;
    long long root_start, number;
    PyObject *to_path;
    if (!PyArg_ParseTuple(args, "O&LLO&O", read_sizes, &search, &root_start, &number,
                          read_remembered, &remembered, &to_path))
        return NULL;
    if (!is_a_frame(root_start)) return NULL;
    struct buffers buffers = {.count = 0};
    int64_t *path = NULL;
    const int is_there = find_remembered(&search, &buffers, &remembered, 0)
                         && (path = content(&buffers, to_path, (size_t)search.kept_frames,
                                            sizeof *path, PyBUF_WRITABLE));
    const int count = is_there ? path_back(&search, number, root_start, path) : 0;
    give_back(&buffers);
    if (!is_there) return NULL;
    return count < 0 ? failure(count) : PyLong_FromLong(count);
}

#define SIZES "(classes, min_frames, followed, kept_frames, settling, look_back, decided), "
#define REMEMBERED "(young, grown, grown_age, endings, parent_age, parent_before), "
#define SUMMED "(posterior_sums, gains, root_posterior_sums), "
#define TOLD "(room, runs, confidences)"

static PyMethodDef methods[] = {
    {"push", push, METH_VARARGS,
     "push(" SIZES "beam, frame, root_start, frames, follow, prior, " REMEMBERED "ends, " SUMMED
     "kept_rows, rows, posteriors, " TOLD ")\n\n"
     "Take hypotheses through frames, in place: where the root begins now, and how many runs were "
     "settled and written."},
    {"tell", tell, METH_VARARGS,
     "tell(" SIZES "frame, root_start, " REMEMBERED SUMMED TOLD ")\n\n"
     "Where the root begins now, how many runs of the best hypothesis were written, and how many "
     "first ones all share."},
    {"living", living, METH_VARARGS,
     "living(" SIZES "frame, root_start, " REMEMBERED "places, nodes)\n\n"
     "How many it wrote, in order."},
    {"path_to", path_to, METH_VARARGS,
     "path_to(" SIZES "root_start, node, " REMEMBERED "path)\n\n"
     "How many it wrote, from the node back to the root."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "_native", .m_methods = methods,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&module); }
