/* Arrays that come from Python: their content, and lists of numbers. For one file of a module. */
#ifndef VAU_ARRAYS_H
#define VAU_ARRAYS_H

#include <stdint.h>

/* Python.h comes first, with its limits: whoever includes this has it. */

/* Buffers that were taken so far, to be given back together. */
enum { MOST_BUFFERS = 12 }; /* more than one layer, or a run, has */

struct buffers {
    Py_buffer taken[MOST_BUFFERS];
    int count;
};

static inline void give_back(struct buffers *buffers) {
    while (buffers->count) PyBuffer_Release(&buffers->taken[--buffers->count]);
}

/* The content of a contiguous buffer of exactly so many elements, of so many bytes each; NULL with
 * an exception set. A product that no size_t holds is the size of no buffer. */
static inline void *content(struct buffers *buffers, PyObject *object, size_t count, size_t size,
                            int flags) {
    if (buffers->count == MOST_BUFFERS)
        return PyErr_Format(PyExc_SystemError, "more than %d arrays", MOST_BUFFERS);
    Py_buffer *buffer = &buffers->taken[buffers->count];
    if (PyObject_GetBuffer(object, buffer, PyBUF_C_CONTIGUOUS | flags)) return NULL;
    buffers->count++;
    if (size && count > SIZE_MAX / size) {
        PyErr_Format(PyExc_ValueError, "an array of %zd bytes where %zu times %zu are needed",
                     buffer->len, count, size);
        return NULL;
    }
    if ((size_t)buffer->len == count * size) return buffer->buf;
    PyErr_Format(PyExc_ValueError, "an array of %zd bytes where %zu are needed", buffer->len,
                 count * size);
    return NULL;
}

/* Whether 32 bits hold how many there are of something; 0 with an exception set. */
static inline int is_a_count(Py_ssize_t count) {
    if (count >= 0 && count <= INT32_MAX) return 1;
    PyErr_Format(PyExc_ValueError, "%zd of something is out of range", count);
    return 0;
}

/* The numbers of a list, in memory of its own; NULL with an exception set. */
static inline int32_t *numbers(PyObject *list, Py_ssize_t count) {
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

/* Whether so many works have rows in a pool, and frames that add up to all there are. */
static inline int are_sound(Py_ssize_t works, const int32_t *lengths, const int32_t *rows,
                            size_t frames, size_t pool_rows) {
    size_t total = 0;
    for (Py_ssize_t work = 0; work < works; work++) {
        if ((size_t)rows[work] >= pool_rows) return 0;
        total += (size_t)lengths[work];
    }
    return total == frames;
}

#endif
