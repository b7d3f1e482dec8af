/* The kernel as a Python module: networks that are packed once, and run. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000 /* one build for Python 3.11 and every later one */
#include <Python.h>

#include <stdatomic.h>
#include <string.h>

#include "arrays.h"
#include "rpu.h"
#include "x86.h"

static const struct tier *const all_tiers[] = {
#if VAU_X86
#if VAU_AMX
    &amx_tier,
#endif
    &avx512_tier, &avx2_tier,
#endif
    NULL,
};

static const struct tier *tier_named(const char *name) {
    for (const struct tier *const *tier = all_tiers; *tier; tier++)
        if (!strcmp((*tier)->name, name) && (*tier)->is_here()) return *tier;
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

typedef struct {
    PyObject_HEAD
    struct network network;
    struct workspace workspace;
    atomic_flag is_busy;
} Network;

static void dealloc(PyObject *object) {
    Network *self = (Network *)object;
    PyTypeObject *type = Py_TYPE(object);
    rpu_free(&self->network);
    free(self->workspace.memory);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

static int read_tables(struct tables *tables, PyObject *sigmoid, PyObject *tanh) {
    struct buffers buffers = {.count = 0};
    const void *of_sigmoid = content(&buffers, sigmoid, 1, sizeof tables->sigmoid, 0);
    const void *of_tanh = of_sigmoid ? content(&buffers, tanh, 1, sizeof tables->tanh, 0) : NULL;
    if (of_tanh) {
        memcpy(tables->sigmoid, of_sigmoid, sizeof tables->sigmoid);
        memcpy(tables->tanh, of_tanh, sizeof tables->tanh);
    }
    give_back(&buffers);
    return of_tanh ? 0 : -1;
}

static int read_layer(struct buffers *buffers, PyObject *tuple, struct plain_layer *layer) {
    PyObject *w_x, *w_h, *bias;
    if (!PyArg_ParseTuple(tuple, "iiOOOdd", &layer->hidden, &layer->inputs, &w_x, &w_h, &bias,
                          &layer->scale.of_x, &layer->scale.of_h))
        return -1;
    if (layer->hidden < 1 || layer->inputs < 1) return 0; /* which `fit` will say */
    const size_t rows = (size_t)GATES * (size_t)layer->hidden, size = sizeof(int16_t);
    layer->w_x = content(buffers, w_x, rows, (size_t)layer->inputs * size, 0);
    layer->w_h = layer->w_x ? content(buffers, w_h, rows, (size_t)layer->hidden * size, 0) : NULL;
    layer->bias = layer->w_h ? content(buffers, bias, rows, sizeof(double), 0) : NULL;
    return PyErr_Occurred() ? -1 : 0;
}

/* Whether each layer has a size, and reads what the one below it writes. */
static int fit(const struct plain_layer *layers, int count) {
    for (int n = 0; n < count; n++)
        if (layers[n].inputs < 1 || layers[n].hidden < 1 || layers[n].hidden != layers[0].hidden
            || (n && layers[n].inputs != layers[0].hidden))
            return 0;
    return count > 0;
}

static int pack_read(Network *self, const struct plain_layer *plain, PyObject *w_out,
                     PyObject *b_out) {
    struct network *network = &self->network;
    const size_t classes = (size_t)network->classes;
    network->hidden = plain[0].hidden;
    network->inputs = plain[0].inputs;
    struct buffers buffers = {.count = 0};
    const int16_t *w =
        content(&buffers, w_out, classes, (size_t)plain[0].hidden * sizeof(int16_t), 0);
    const double *b = w ? content(&buffers, b_out, classes, sizeof(double), 0) : NULL;
    const int failed = !b || rpu_pack(network, plain, w, b);
    give_back(&buffers);
    return failed;
}

static int pack(Network *self, PyObject *layers, PyObject *w_out, PyObject *b_out) {
    const int count = self->network.layer_count;
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
    failed = failed || pack_read(self, plain, w_out, b_out);
    for (int n = 0; buffers && n < count; n++) give_back(&buffers[n]);
    free(buffers);
    free(plain);
    if (failed && !PyErr_Occurred()) PyErr_NoMemory();
    return failed ? -1 : 0;
}

static PyObject *new_network(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    (void)keywords;
    const char *tier_name;
    int classes;
    double out_scale;
    PyObject *sigmoid, *tanh, *layers, *w_out, *b_out;
    if (!PyArg_ParseTuple(args, "sOOO!iOOd", &tier_name, &sigmoid, &tanh, &PyList_Type, &layers,
                          &classes, &w_out, &b_out, &out_scale))
        return NULL;
    const struct tier *tier = tier_named(tier_name);
    if (!tier) return PyErr_Format(PyExc_ValueError, "no tier %s on this machine", tier_name);
    if (classes < 1) return PyErr_Format(PyExc_ValueError, "%d classes", classes);
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Network *self = (Network *)allocate(type, 0);
    if (!self) return NULL;
    atomic_flag_clear(&self->is_busy);
    self->network.tier = tier;
    self->network.classes = classes;
    self->network.out_scale = out_scale;
    self->network.layer_count = (int)PyList_Size(layers);
    if (read_tables(&self->network.tables, sigmoid, tanh) || pack(self, layers, w_out, b_out)) {
        Py_DECREF((PyObject *)self);
        return NULL;
    }
    return (PyObject *)self;
}

/* Run without the lock of the interpreter. */
static PyObject *run_alone(Network *self, struct call *call) {
    int failed;
    if (atomic_flag_test_and_set(&self->is_busy)) {
        PyErr_SetString(PyExc_RuntimeError, "another thread is running this network");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    failed = rpu_run(&self->network, &self->workspace, call);
    Py_END_ALLOW_THREADS
    atomic_flag_clear(&self->is_busy);
    if (failed) return PyErr_NoMemory();
    return Py_NewRef(Py_None);
}

static PyObject *run(PyObject *object, PyObject *args) {
    Network *self = (Network *)object;
    const struct network *network = &self->network;
    const size_t layers = (size_t)network->layer_count, size = sizeof(int16_t);
    Py_ssize_t frames, pool_rows;
    PyObject *lengths, *rows, *inputs, *h, *c, *logits, *clamps;
    if (!PyArg_ParseTuple(args, "nnO!O!OOOOO", &frames, &pool_rows, &PyList_Type, &lengths,
                          &PyList_Type, &rows, &inputs, &h, &c, &logits, &clamps))
        return NULL;
    const Py_ssize_t works = PyList_Size(lengths);
    if (!is_a_count(frames) || !is_a_count(pool_rows) || !is_a_count(works)) return NULL;
    int32_t *of_works = PyList_Size(rows) == works ? numbers(lengths, works) : NULL;
    int32_t *of_rows = of_works ? numbers(rows, works) : NULL;
    struct call call = {.works = (int)works, .lengths = of_works, .pool_rows = of_rows};
    struct buffers buffers = {.count = 0};
    const size_t w = (size_t)works, f = (size_t)frames;
    const size_t pool = (size_t)pool_rows, state_bytes = layers * (size_t)network->hidden * size;
    const size_t score_bytes = (size_t)network->classes * sizeof(int32_t);
    const int is_there =
        of_rows
        && (call.inputs = content(&buffers, inputs, f, (size_t)network->inputs * size, 0))
        && (call.h = content(&buffers, h, pool, state_bytes, PyBUF_WRITABLE))
        && (call.c = content(&buffers, c, pool, state_bytes, PyBUF_WRITABLE))
        && (call.logits = content(&buffers, logits, f, score_bytes, PyBUF_WRITABLE))
        && (call.clamps = content(&buffers, clamps, w, layers * sizeof(int64_t), PyBUF_WRITABLE));
    PyObject *answer = NULL;
    if (is_there && are_sound(works, of_works, of_rows, f, pool))
        answer = run_alone(self, &call);
    else if (!PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "lengths or rows do not fit the arrays");
    give_back(&buffers);
    PyMem_Free(of_works);
    PyMem_Free(of_rows);
    return answer;
}

static PyMethodDef network_methods[] = {
    {"run", run, METH_VARARGS,
     "run(frames, pool_rows, lengths, rows, inputs, h, c, logits, clamps)\n\n"
     "Advance states in place; write logits and clamps."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot network_slots[] = {
    {Py_tp_doc, "Network(tier, sigmoid, tanh, layers, classes, w_out, b_out, out_scale)"},
    {Py_tp_new, new_network},
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, network_methods},
    {0, NULL},
};

static PyType_Spec network_spec = {
    .name = "vau_backends.rpu.kernel._native.Network",
    .basicsize = sizeof(Network),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = network_slots,
};

static PyMethodDef module_methods[] = {
    {"tiers", tiers, METH_NOARGS, "The tiers that this processor has, as they are tried."},
    {NULL, NULL, 0, NULL},
};

static int fill(PyObject *module) {
    PyObject *type = PyType_FromSpec(&network_spec);
    if (!type) return -1;
    const int failed = PyModule_AddObjectRef(module, "Network", type);
    Py_DECREF(type);
    return failed;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill}, {0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "_native", .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&module); }
