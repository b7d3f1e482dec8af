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
        && search->kept_frames > search->min_frames && search->kept_frames <= MOST_KEPT_FRAMES)
        return 1;
    PyErr_Format(PyExc_ValueError,
                 "%d phonemes, %d followed, %d frames kept, %d at least: out of range",
                 search->classes, search->followed, search->kept_frames, search->min_frames);
    return 0;
}

/* Whether a number is one of a frame; 0 with an exception set. */
static int is_a_frame(long long frame) {
    if (frame >= 0 && frame <= MOST_FRAMES) return 1;
    PyErr_Format(PyExc_ValueError, "frame %lld: out of range", frame);
    return 0;
}

static size_t young_count(const struct search *search) {
    return (size_t)search->min_frames * (size_t)search->classes * (size_t)search->followed;
}

static size_t table_count(const struct search *search) {
    return (size_t)search->classes * (size_t)search->classes;
}

/* Where what is remembered of the runs stands in Python; 0 with an exception set. */
static int remembered(struct search *search, struct buffers *buffers, PyObject *endings,
                      PyObject *parent_age, PyObject *parent_before, int flags) {
    const size_t rows = (size_t)search->kept_frames, followed = (size_t)search->followed;
    const size_t nodes = rows * (size_t)search->classes * followed;
    return (search->endings = content(buffers, endings, rows * followed, 1, flags))
           && (search->parent_age = content(buffers, parent_age, nodes, 1, flags))
           && (search->parent_before = content(buffers, parent_before, nodes, 1, flags));
}

/* Whether these are phonemes; 0 with an exception set. */
static int are_phonemes(const struct search *search) {
    for (int n = 0; n < search->kept_frames * search->followed; n++)
        if (search->endings[n] >= search->classes) {
            PyErr_SetString(PyExc_ValueError, "a phoneme that there is not");
            return 0;
        }
    return 1;
}

static PyObject *advance(PyObject *module, PyObject *args) {
    (void)module;
    struct search search;
    Py_ssize_t frames;
    long long first;
    PyObject *follow_table, *young, *grown, *grown_age, *endings, *parent_age, *parent_before;
    PyObject *ends, *sums, *gains, *posterior_sums;
    if (!PyArg_ParseTuple(args, "iiiidLnOOOOOOOOOOO", &search.classes, &search.min_frames,
                          &search.followed, &search.kept_frames, &search.beam, &first, &frames,
                          &follow_table, &young, &grown, &grown_age, &endings, &parent_age,
                          &parent_before, &ends, &sums, &gains, &posterior_sums))
        return NULL;
    if (!fits(&search) || !is_a_frame(first)) return NULL;
    if (frames < 0 || frames > MOST_FRAMES)
        return PyErr_Format(PyExc_ValueError, "%zd frames: out of range", frames);
    const size_t classes = (size_t)search.classes, table = table_count(&search);
    const size_t row_bytes = classes * sizeof(double);
    const size_t layers = (size_t)search.min_frames, rows = (size_t)search.kept_frames;
    struct buffers buffers = {.count = 0};
    const double *gain, *posterior_sum;
    const int is_there =
        (search.follow = content(&buffers, follow_table, classes, table * sizeof(double), 0))
        && (search.young = content(&buffers, young, young_count(&search), sizeof(double),
                                   PyBUF_WRITABLE))
        && (search.grown = content(&buffers, grown, table, sizeof(double), PyBUF_WRITABLE))
        && (search.grown_age = content(&buffers, grown_age, table, 1, PyBUF_WRITABLE))
        && remembered(&search, &buffers, endings, parent_age, parent_before, PyBUF_WRITABLE)
        && (search.ends = content(&buffers, ends, layers * (size_t)search.followed, row_bytes,
                                  PyBUF_WRITABLE))
        && (search.posterior_sums = content(&buffers, sums, rows, row_bytes, PyBUF_WRITABLE))
        && (gain = content(&buffers, gains, (size_t)frames, row_bytes, 0))
        && (posterior_sum = content(&buffers, posterior_sums, (size_t)frames, row_bytes, 0))
        && are_phonemes(&search);
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

/* Where the hypotheses stand in Python; 0 with an exception set. */
static int hypotheses(struct search *search, struct buffers *buffers, PyObject *young,
                      PyObject *grown, PyObject *grown_age, PyObject *endings) {
    const size_t table = table_count(search);
    const size_t kept = (size_t)search->kept_frames * (size_t)search->followed;
    return (search->young = content(buffers, young, young_count(search), sizeof(double), 0))
           && (search->grown = content(buffers, grown, table, sizeof(double), 0))
           && (search->grown_age = content(buffers, grown_age, table, 1, 0))
           && (search->endings = content(buffers, endings, kept, 1, 0));
}

static PyObject *best(PyObject *module, PyObject *args) {
    (void)module;
    struct search search;
    long long frame, root_start;
    PyObject *young, *grown, *grown_age, *endings, *gains;
    if (!PyArg_ParseTuple(args, "iiiiLLOOOOO", &search.classes, &search.min_frames,
                          &search.followed, &search.kept_frames, &frame, &root_start, &young,
                          &grown, &grown_age, &endings, &gains))
        return NULL;
    if (!fits(&search) || !is_a_frame(frame) || !is_a_frame(root_start)) return NULL;
    struct buffers buffers = {.count = 0};
    const double *gain = NULL;
    const int is_there =
        hypotheses(&search, &buffers, young, grown, grown_age, endings)
        && (gain = content(&buffers, gains, (size_t)search.classes, sizeof(double), 0));
    const int64_t found = is_there ? best_node(&search, frame, gain, root_start) : 0;
    give_back(&buffers);
    return is_there ? PyLong_FromLongLong(found) : NULL;
}

static PyObject *living(PyObject *module, PyObject *args) {
    (void)module;
    struct search search;
    long long frame, root_start;
    PyObject *young, *grown, *grown_age, *endings, *to_places, *to_nodes;
    if (!PyArg_ParseTuple(args, "iiiiLLOOOOOO", &search.classes, &search.min_frames,
                          &search.followed, &search.kept_frames, &frame, &root_start, &young,
                          &grown, &grown_age, &endings, &to_places, &to_nodes))
        return NULL;
    if (!fits(&search) || !is_a_frame(frame) || !is_a_frame(root_start)) return NULL;
    struct buffers buffers = {.count = 0};
    const size_t count = young_count(&search) + table_count(&search);
    int64_t *places = NULL, *nodes = NULL;
    const int is_there =
        hypotheses(&search, &buffers, young, grown, grown_age, endings)
        && (places = content(&buffers, to_places, count, sizeof *places, PyBUF_WRITABLE))
        && (nodes = content(&buffers, to_nodes, count, sizeof *nodes, PyBUF_WRITABLE));
    const size_t found = is_there ? all_living(&search, frame, root_start, places, nodes) : 0;
    give_back(&buffers);
    return is_there ? PyLong_FromSize_t(found) : NULL;
}

static PyObject *unsound(void) {
    PyErr_SetString(PyExc_ValueError, "a node follows one that is not before it");
    return NULL;
}

static PyObject *go_back(PyObject *module, PyObject *args) {
    (void)module;
    struct search search = {.min_frames = 1};
    Py_ssize_t count;
    long long frame, root_start;
    PyObject *of_nodes, *endings, *parent_age, *parent_before;
    if (!PyArg_ParseTuple(args, "iiiLLnOOOO", &search.classes, &search.followed,
                          &search.kept_frames, &frame, &root_start, &count, &of_nodes, &endings,
                          &parent_age, &parent_before))
        return NULL;
    if (!fits(&search) || !is_a_frame(frame) || !is_a_frame(root_start) || !is_a_count(count))
        return NULL;
    struct buffers buffers = {.count = 0};
    int64_t *nodes = content(&buffers, of_nodes, (size_t)count, sizeof *nodes, PyBUF_WRITABLE);
    const int is_there =
        nodes && remembered(&search, &buffers, endings, parent_age, parent_before, 0);
    int is_sound = 1;
    for (Py_ssize_t n = 0; is_there && is_sound && n < count; n++) {
        struct node node = node_of(&search, nodes[n]);
        is_sound = go_back_to(&search, &node, frame, root_start);
        nodes[n] = number_of(&search, node);
    }
    give_back(&buffers);
    if (!is_there) return NULL;
    return is_sound ? Py_NewRef(Py_None) : unsound();
}

static PyObject *passing(PyObject *module, PyObject *args) {
    (void)module;
    struct search search = {.min_frames = 1};
    Py_ssize_t count;
    long long from, frame, root_start;
    PyObject *of_nodes, *endings, *parent_age, *parent_before, *to_passing;
    if (!PyArg_ParseTuple(args, "iiiLLLnOOOOO", &search.classes, &search.followed,
                          &search.kept_frames, &from, &frame, &root_start, &count, &of_nodes,
                          &endings, &parent_age, &parent_before, &to_passing))
        return NULL;
    if (!fits(&search) || !is_a_frame(frame) || !is_a_frame(root_start) || !is_a_count(count))
        return NULL;
    struct buffers buffers = {.count = 0};
    const int64_t *nodes = content(&buffers, of_nodes, (size_t)count, sizeof *nodes, 0);
    uint8_t *is_passing =
        nodes ? content(&buffers, to_passing, (size_t)count, 1, PyBUF_WRITABLE) : NULL;
    const int is_there =
        is_passing && remembered(&search, &buffers, endings, parent_age, parent_before, 0);
    int is_sound = 1;
    for (Py_ssize_t n = 0; is_there && is_sound && n < count; n++) {
        struct node node = node_of(&search, nodes[n]);
        is_sound = go_back_to(&search, &node, frame, root_start);
        is_passing[n] = 0;
        if (!is_sound || node.start != frame) continue;
        is_sound = go_to_parent(&search, &node, root_start);
        is_passing[n] = number_of(&search, node) == from;
    }
    give_back(&buffers);
    if (!is_there) return NULL;
    return is_sound ? Py_NewRef(Py_None) : unsound();
}

/* A count for Python, or what is wrong instead. */
static PyObject *counted(int count) {
    if (count == UNSOUND) return unsound();
    if (count >= 0) return PyLong_FromLong(count);
    PyErr_SetString(PyExc_ValueError, "a path has more nodes than frames are kept");
    return NULL;
}

static PyObject *path_to(PyObject *module, PyObject *args) {
    (void)module;
    struct search search = {.min_frames = 1};
    long long root_start, number;
    PyObject *endings, *parent_age, *parent_before, *to_path;
    if (!PyArg_ParseTuple(args, "iiiLLOOOO", &search.classes, &search.followed,
                          &search.kept_frames, &root_start, &number, &endings, &parent_age,
                          &parent_before, &to_path))
        return NULL;
    if (!fits(&search) || !is_a_frame(root_start)) return NULL;
    struct buffers buffers = {.count = 0};
    int64_t *path =
        content(&buffers, to_path, (size_t)search.kept_frames, sizeof *path, PyBUF_WRITABLE);
    const int is_there =
        path && remembered(&search, &buffers, endings, parent_age, parent_before, 0);
    const int count = is_there ? path_back(&search, number, root_start, path) : 0;
    give_back(&buffers);
    return is_there ? counted(count) : NULL;
}

static PyObject *best_path(PyObject *module, PyObject *args) {
    (void)module;
    struct search search;
    int is_shared_wanted;
    long long frame, root_start;
    PyObject *young, *grown, *grown_age, *endings, *parent_age, *parent_before, *gains, *to_path;
    if (!PyArg_ParseTuple(args, "iiiiLLpOOOOOOOO", &search.classes, &search.min_frames,
                          &search.followed, &search.kept_frames, &frame, &root_start,
                          &is_shared_wanted, &young, &grown, &grown_age, &endings, &parent_age,
                          &parent_before, &gains, &to_path))
        return NULL;
    if (!fits(&search) || !is_a_frame(frame) || !is_a_frame(root_start)) return NULL;
    struct buffers buffers = {.count = 0};
    const double *gain = NULL;
    int64_t *path = NULL;
    const int is_there =
        hypotheses(&search, &buffers, young, grown, grown_age, endings)
        && remembered(&search, &buffers, endings, parent_age, parent_before, 0)
        && (gain = content(&buffers, gains, (size_t)search.classes, sizeof(double), 0))
        && (path = content(&buffers, to_path, (size_t)search.kept_frames, sizeof *path,
                           PyBUF_WRITABLE));
    int count = 0, shared = 0;
    if (is_there) {
        const int64_t best = best_node(&search, frame, gain, root_start);
        count = path_back(&search, best, root_start, path);
        if (is_shared_wanted && count > 0)
            shared = shared_by_all(&search, frame, root_start, path, count);
    }
    give_back(&buffers);
    if (!is_there) return NULL;
    if (count < 0 || shared < 0) return counted(count < 0 ? count : shared);
    return Py_BuildValue("ii", count, shared);
}

static PyMethodDef methods[] = {
    {"advance", advance, METH_VARARGS,
     "advance(classes, min_frames, followed, kept_frames, beam, first, frames, follow, young, "
     "grown, grown_age, endings, parent_age, parent_before, ends, posterior_sums, gains, sums)\n\n"
     "Take hypotheses through frames, in place."},
    {"best", best, METH_VARARGS,
     "best(classes, min_frames, followed, kept_frames, frame, root_start, young, grown, grown_age, "
     "endings, gain): its node; -1 if there is none."},
    {"living", living, METH_VARARGS,
     "living(classes, min_frames, followed, kept_frames, frame, root_start, young, grown, "
     "grown_age, endings, places, nodes): how many it wrote, in order."},
    {"go_back", go_back, METH_VARARGS,
     "go_back(classes, followed, kept_frames, frame, root_start, count, nodes, endings, "
     "parent_age, parent_before): to what had begun at a frame or before, in place."},
    {"passing", passing, METH_VARARGS,
     "passing(classes, followed, kept_frames, node, frame, root_start, count, nodes, endings, "
     "parent_age, parent_before, passing): whether each left a node at a frame."},
    {"path_to", path_to, METH_VARARGS,
     "path_to(classes, followed, kept_frames, root_start, node, endings, parent_age, "
     "parent_before, path): how many it wrote, from the node back to the root."},
    {"best_path", best_path, METH_VARARGS,
     "best_path(classes, min_frames, followed, kept_frames, frame, root_start, is_shared_wanted, "
     "young, grown, grown_age, endings, parent_age, parent_before, gain, path): how many it wrote "
     "from the best node back to the root, and how many of the first runs all share."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "_native", .m_methods = methods,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&module); }
