/* A network as a Python type: what the modules of all kernels have in common.
 *
 * Whoever includes this, one file of a module, has Python.h, arrays.h, and the header of a kernel,
 * which defines GATES; the structs tier, network, call and plain_layer; and pack_network,
 * run_network and free_network. It defines what is declared static here.
 */
#ifndef VAU_NETWORK_H
#define VAU_NETWORK_H

#include "arena.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WIDTH = 1 << 24 }; /* of a layer: 32 bits number its bytes, and those of its tiles */

/* Every tier that was compiled, as they are tried; behind the last one, NULL. */
extern const struct tier *const all_tiers[];

/* One layer from its tuple, with an exception set if it is none. What has no size stays unread. */
static int read_layer(struct buffers *buffers, PyObject *tuple, struct plain_layer *layer);

/* What Network.run returns. */
static PyObject *answer_of(const struct call *call);

typedef struct {
    PyObject_HEAD
    struct network network;
    struct workspace workspace;
    atomic_flag is_busy;
} Network;

/* --- tiers --------------------------------------------------------------------------- */

static const struct tier *tier_named(const char *name) {
    for (const struct tier *const *tier = all_tiers; *tier; tier++)
        if (!strcmp((*tier)->name, name) && (*tier)->is_here()) return *tier;
    PyErr_Format(PyExc_ValueError, "no tier %s on this machine", name);
    return NULL;
}

static PyObject *tiers(PyObject *module, PyObject *none) {
    (void)module, (void)none;
    PyObject *names = PyList_New(0);
    for (const struct tier *const *tier = all_tiers; names && *tier; tier++) {
        if (!(*tier)->is_here()) continue;
        PyObject *name = PyUnicode_FromString((*tier)->name);
        if (!name || PyList_Append(names, name)) Py_CLEAR(names);
        Py_XDECREF(name);
    }
    return names;
}

/* --- packing ------------------------------------------------------------------------- */

/* A network without weights, or NULL with an exception set. */
static Network *empty_network(PyTypeObject *type, const struct tier *tier, int classes) {
    if (classes < 1 || classes > MOST_WIDTH) {
        PyErr_Format(PyExc_ValueError, "%d classes", classes);
        return NULL;
    }
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Network *self = (Network *)allocate(type, 0);
    if (!self) return NULL;
    atomic_flag_clear(&self->is_busy);
    self->network.tier = tier;
    self->network.classes = classes;
    return self;
}

static void dealloc(PyObject *object) {
    Network *self = (Network *)object;
    PyTypeObject *type = Py_TYPE(object);
    free_network(&self->network);
    free(self->workspace.memory);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

static int has_size(const struct plain_layer *layer) {
    return layer->inputs >= 1 && layer->inputs <= MOST_WIDTH && layer->hidden >= 1
           && layer->hidden <= MOST_WIDTH;
}

/* The arrays that a layer of any kernel has. Returns 0, or -1 with an exception set. */
static int read_arrays(struct buffers *buffers, struct plain_layer *layer, PyObject *w_x,
                       PyObject *w_h, PyObject *bias) {
    const size_t rows = (size_t)GATES * (size_t)layer->hidden;
    const size_t x_bytes = (size_t)layer->inputs * sizeof *layer->w_x;
    const size_t h_bytes = (size_t)layer->hidden * sizeof *layer->w_h;
    layer->w_x = content(buffers, w_x, rows, x_bytes, 0);
    layer->w_h = layer->w_x ? content(buffers, w_h, rows, h_bytes, 0) : NULL;
    layer->bias = layer->w_h ? content(buffers, bias, rows, sizeof *layer->bias, 0) : NULL;
    return layer->bias ? 0 : -1;
}

/* Whether each layer has a size, and reads what the one below it writes. */
static int fit(const struct plain_layer *layers, int count) {
    for (int n = 0; n < count; n++)
        if (!has_size(&layers[n]) || layers[n].hidden != layers[0].hidden
            || (n && layers[n].inputs != layers[0].hidden))
            return 0;
    return count > 0;
}

static int pack_read(struct network *network, const struct plain_layer *plain, PyObject *w_out,
                     PyObject *b_out) {
    network->inputs = plain[0].inputs;
    network->hidden = plain[0].hidden;
    const size_t classes = (size_t)network->classes;
    const size_t row_bytes = (size_t)network->hidden * sizeof *plain->w_x;
    struct buffers buffers = {.count = 0};
    const void *w = content(&buffers, w_out, classes, row_bytes, 0);
    const void *b = w ? content(&buffers, b_out, classes, sizeof *plain->bias, 0) : NULL;
    const int failed = !b || pack_network(network, plain, w, b);
    give_back(&buffers);
    return failed;
}

/* Read and pack all weights. Returns 0, or -1 with an exception set. */
static int pack(struct network *network, PyObject *layers, PyObject *w_out, PyObject *b_out) {
    if (!is_a_count(PyList_Size(layers))) return -1;
    const int count = network->layer_count = (int)PyList_Size(layers);
    struct plain_layer *plain = calloc((size_t)count + 1, sizeof *plain);
    struct buffers *buffers = calloc((size_t)count + 1, sizeof *buffers); /* of each layer */
    int failed = !plain || !buffers;
    for (int n = 0; !failed && n < count; n++) {
        PyObject *tuple = PyList_GetItem(layers, n); /* borrowed */
        failed = !tuple || read_layer(&buffers[n], tuple, &plain[n]);
    }
    if (!failed && !fit(plain, count)) {
        PyErr_SetString(PyExc_ValueError, "layers are empty or do not fit each other");
        failed = 1;
    }
    failed = failed || pack_read(network, plain, w_out, b_out);
    for (int n = 0; buffers && n < count; n++) give_back(&buffers[n]);
    free(buffers);
    free(plain);
    if (failed && !PyErr_Occurred()) PyErr_NoMemory();
    return failed ? -1 : 0;
}

/* --- running ------------------------------------------------------------------------- */

/* The numbers of a list, in memory of its own; NULL with an exception set. */
static int32_t *numbers(PyObject *list, Py_ssize_t count) {
    int32_t *values = PyMem_Malloc(((size_t)count + 1) * sizeof *values);
    if (!values) PyErr_NoMemory();
    for (Py_ssize_t n = 0; values && n < count; n++) {
        const long value = PyLong_AsLong(PyList_GetItem(list, n)); /* borrowed */
        if (value < 0 || value > INT32_MAX) {
            if (!PyErr_Occurred()) PyErr_Format(PyExc_ValueError, "%ld is out of range", value);
            PyMem_Free(values);
            return NULL;
        }
        values[n] = (int32_t)value;
    }
    return values;
}

/* Whether all works have rows in a pool, and frames that add up to all there are. */
static int are_sound(const struct call *call, size_t frames, size_t pool_rows) {
    size_t total = 0;
    for (int work = 0; work < call->works; work++) {
        if ((size_t)call->pool_rows[work] >= pool_rows) return 0;
        total += (size_t)call->lengths[work];
    }
    return total == frames;
}

/* Run without the lock of the interpreter. */
static PyObject *run_alone(Network *self, struct call *call) {
    int failed;
    if (atomic_flag_test_and_set(&self->is_busy)) {
        PyErr_SetString(PyExc_RuntimeError, "another thread is running this network");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    failed = run_network(&self->network, &self->workspace, call);
    Py_END_ALLOW_THREADS
    atomic_flag_clear(&self->is_busy);
    return failed ? PyErr_NoMemory() : answer_of(call);
}

/* (frames, pool_rows, lengths, rows, inputs, h, c, logits, clamps): advance states in place, write
 * logits and clamps. */
static PyObject *run(PyObject *object, PyObject *args) {
    Network *self = (Network *)object;
    const struct network *network = &self->network;
    const size_t inputs = (size_t)network->inputs, classes = (size_t)network->classes;
    const size_t layers = (size_t)network->layer_count, units = layers * (size_t)network->hidden;
    Py_ssize_t frames, pool_rows;
    PyObject *lengths, *rows, *x, *h, *c, *logits, *clamps;
    if (!PyArg_ParseTuple(args, "nnO!O!OOOOO", &frames, &pool_rows, &PyList_Type, &lengths,
                          &PyList_Type, &rows, &x, &h, &c, &logits, &clamps))
        return NULL;
    const Py_ssize_t works = PyList_Size(lengths);
    if (!is_a_count(frames) || !is_a_count(pool_rows) || !is_a_count(works)) return NULL;
    int32_t *of_works = PyList_Size(rows) == works ? numbers(lengths, works) : NULL;
    int32_t *of_rows = of_works ? numbers(rows, works) : NULL;
    struct call call = {.works = (int)works, .lengths = of_works, .pool_rows = of_rows};
    struct buffers taken = {.count = 0};
    const int to_write = PyBUF_WRITABLE;
    const size_t f = (size_t)frames, pool = (size_t)pool_rows, w = (size_t)works;
    const int is_there =
        of_rows && (call.inputs = content(&taken, x, f, inputs * sizeof *call.inputs, 0))
        && (call.h = content(&taken, h, pool, units * sizeof *call.h, to_write))
        && (call.c = content(&taken, c, pool, units * sizeof *call.c, to_write))
        && (call.logits = content(&taken, logits, f, classes * sizeof *call.logits, to_write))
        && (call.clamps = content(&taken, clamps, w, layers * sizeof *call.clamps, to_write));
    PyObject *answer = NULL;
    if (is_there && are_sound(&call, f, pool))
        answer = run_alone(self, &call);
    else if (!PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "lengths or rows do not fit the arrays");
    give_back(&taken);
    PyMem_Free(of_works);
    PyMem_Free(of_rows);
    return answer;
}

/* --- the module ---------------------------------------------------------------------- */

static int add_network(PyObject *module, PyType_Spec *spec) {
    PyObject *type = PyType_FromSpec(spec);
    if (!type) return -1;
    const int failed = PyModule_AddObjectRef(module, "Network", type);
    Py_DECREF(type);
    return failed;
}

#endif
