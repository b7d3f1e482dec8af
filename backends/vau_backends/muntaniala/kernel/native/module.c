/* The kernel as a Python module: networks that are packed once, and run. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000 /* one build for Python 3.11 and every later one */
#include <Python.h>

#include "arrays.h"
#include "munt.h"
#include "x86.h"

#include "network.h"

const struct tier *const all_tiers[] = {
#if VAU_X86
#if VAU_AMX
    &amx_tier,
#endif
    &avx512_tier, &avx2_tier,
#endif
    &portable_tier, NULL,
};

/* The tables, of which the tiers keep one half: the other must be its mirror. */
static int set_tables(struct tables *tables, const int16_t *tanh, const int16_t *sigmoid) {
    memcpy(tables->tanh, tanh, sizeof tables->tanh);
    memcpy(tables->sigmoid, sigmoid, sizeof tables->sigmoid);
    for (int k = 0; k < TABLE / 2; k++) {
        tables->tanh_up[k] = tanh[TABLE / 2 + k];
        tables->sigmoid_up[k] = sigmoid[TABLE / 2 + k];
        if (tanh[TABLE / 2 - 1 - k] != -tables->tanh_up[k]
            || sigmoid[TABLE / 2 - 1 - k] != (1 << FRACTION_BITS) - tables->sigmoid_up[k]) {
            PyErr_SetString(PyExc_ValueError, "a table is not symmetric about 0");
            return -1;
        }
    }
    return 0;
}

static int read_tables(struct tables *tables, PyObject *tanh, PyObject *sigmoid) {
    struct buffers buffers = {.count = 0};
    const int16_t *of_tanh = content(&buffers, tanh, TABLE, sizeof *of_tanh, 0);
    const int16_t *of_sigmoid =
        of_tanh ? content(&buffers, sigmoid, TABLE, sizeof *of_sigmoid, 0) : NULL;
    const int failed = !of_sigmoid || set_tables(tables, of_tanh, of_sigmoid);
    give_back(&buffers);
    return failed;
}

static int read_layer(struct buffers *buffers, PyObject *tuple, struct plain_layer *layer) {
    PyObject *w_x, *w_h, *bias, *peephole;
    if (!PyArg_ParseTuple(tuple, "iiiOOOO", &layer->hidden, &layer->inputs, &layer->columns,
                          &w_x, &w_h, &bias, &peephole))
        return -1;
    if (layer->columns < 1 || layer->columns > MOST_WIDTH) {
        PyErr_Format(PyExc_ValueError, "%d die columns", layer->columns);
        return -1;
    }
    if (!has_size(layer)) return 0;
    if (read_arrays(buffers, layer, w_x, w_h, bias)) return -1;
    if (peephole == Py_None) return 0;
    layer->peephole = content(buffers, peephole, PEEPHOLE_GATES, (size_t)layer->hidden, 0);
    return layer->peephole ? 0 : -1;
}

static PyObject *new_network(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    (void)keywords;
    const char *tier_name;
    int acc, classes;
    PyObject *tanh, *sigmoid, *layers, *w_out, *b_out;
    if (!PyArg_ParseTuple(args, "siOOO!iOO", &tier_name, &acc, &tanh, &sigmoid, &PyList_Type,
                          &layers, &classes, &w_out, &b_out))
        return NULL;
    if (acc < SAT || acc > WIDE) return PyErr_Format(PyExc_ValueError, "accumulator %d", acc);
    const struct tier *tier = tier_named(tier_name);
    Network *self = tier ? empty_network(type, tier, classes) : NULL;
    if (!self) return NULL;
    struct network *network = &self->network;
    network->acc = (enum accumulator)acc;
    if (read_tables(&network->tables, tanh, sigmoid) || pack(network, layers, w_out, b_out)) {
        Py_DECREF((PyObject *)self);
        return NULL;
    }
    return (PyObject *)self;
}

static PyObject *answer_of(const struct call *call) {
    return Py_BuildValue("LL", (long long)call->lanes, (long long)call->doubtful);
}

static PyObject *read_s(PyObject *object, PyObject *none) {
    (void)none;
    return PyFloat_FromDouble(read_all_s(&((Network *)object)->network));
}

static PyObject *peak(PyObject *module, PyObject *none) {
    (void)module, (void)none;
    return PyFloat_FromDouble(amx_peak());
}

static PyMethodDef network_methods[] = {
    {"read_s", read_s, METH_NOARGS, "Seconds to read every weight once."},
    {"run", run, METH_VARARGS,
     "run(frames, pool_rows, lengths, rows, inputs, h, c, logits, clamps)\n\n"
     "Advance states in place; write logits and clamps. Returns lanes, and how many were in "
     "doubt."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot network_slots[] = {
    {Py_tp_doc, "Network(tier, acc, tanh, sigmoid, layers, classes, w_out, b_out)"},
    {Py_tp_new, new_network},
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, network_methods},
    {0, NULL},
};

static PyType_Spec network_spec = {
    .name = "vau_backends.muntaniala.kernel._native.Network",
    .basicsize = sizeof(Network),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = network_slots,
};

static PyMethodDef module_methods[] = {
    {"tiers", tiers, METH_NOARGS, "The tiers that this processor has, as they are tried."},
    {"amx_peak", peak, METH_NOARGS,
     "Multiplications a second that the tiles of AMX do at best; 0 without them."},
    {NULL, NULL, 0, NULL},
};

static int fill(PyObject *module) { return add_network(module, &network_spec); }

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill}, {0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "_native", .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&module); }
