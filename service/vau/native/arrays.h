/* Arrays that come from Python, and how large they are. For one file of a module. */
#ifndef VAU_ARRAYS_H
#define VAU_ARRAYS_H

#include <stdint.h>

/* Python.h comes first, with its limits: whoever includes this has it. */

/* Buffers that were taken so far, to be given back together. */
enum { MOST_BUFFERS = 20 }; /* more than one layer, or a search, has */

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

#endif
