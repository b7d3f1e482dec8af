/* The kernel as a Python module: networks that are packed once, and run. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000 /* one build for Python 3.11 and every later one */
#include <Python.h>

#include "arrays.h"
#include "rpu.h"
#include "x86.h"

#include "network.h"

const struct tier *const all_tiers[] = {
#if VAU_X86
#if VAU_AMX
    &amx_tier,
#endif
    &avx512_tier, &avx2_tier,
#endif
    NULL,
};

static int read_tables(struct tables *tables, PyObject *sigmoid, PyObject *tanh) {
    struct buffers buffers = {.count = 0};
    const size_t size = sizeof *tables->sigmoid;
    const void *of_sigmoid = content(&buffers, sigmoid, PLACES, size, 0);
    const void *of_tanh = of_sigmoid ? content(&buffers, tanh, PLACES, size, 0) : NULL;
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
    return has_size(layer) ? read_arrays(buffers, layer, w_x, w_h, bias) : 0;
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
    Network *self = tier ? empty_network(type, tier, classes) : NULL;
    if (!self) return NULL;
    struct network *network = &self->network;
    network->out_scale = out_scale;
    if (read_tables(&network->tables, sigmoid, tanh) || pack(network, layers, w_out, b_out)) {
        Py_DECREF((PyObject *)self);
        return NULL;
    }
    return (PyObject *)self;
}

static PyObject *answer_of(const struct call *call) {
    (void)call;
    return Py_NewRef(Py_None);
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

static int fill(PyObject *module) { return add_network(module, &network_spec); }

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill}, {0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "_native", .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&module); }
