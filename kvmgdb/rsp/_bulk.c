/* kvmgdb.rsp.bulk, compiled: what has to look at every byte of a packet. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

#define ESCAPE '}'
#define ESCAPE_XOR 0x20

static PyObject *checksum(PyObject *Py_UNUSED(module), PyObject *data)
{
    char *bytes;
    Py_ssize_t length;
    unsigned char sum = 0;
    if (PyBytes_AsStringAndSize(data, &bytes, &length) < 0)
        return NULL;
    for (Py_ssize_t i = 0; i < length; i++)
        sum += (unsigned char)bytes[i];
    return PyLong_FromLong(sum);
}

static PyObject *unescape(PyObject *Py_UNUSED(module), PyObject *data)
{
    char *from, *to, *start;
    const char *end, *mark;
    Py_ssize_t length;
    PyObject *plain;
    if (PyBytes_AsStringAndSize(data, &from, &length) < 0)
        return NULL;
    plain = PyBytes_FromStringAndSize(NULL, length);
    if (plain == NULL)
        return NULL;
    to = start = PyBytes_AS_STRING(plain);
    end = from + length;
    while ((mark = memchr(from, ESCAPE, end - from)) != NULL && mark + 1 < end) {
        memcpy(to, from, mark - from);
        to += mark - from;
        *to++ = mark[1] ^ ESCAPE_XOR;
        from = (char *)mark + 2;
    }
    memcpy(to, from, end - from); /* an escape at the end has nothing to undo */
    to += end - from;
    if (_PyBytes_Resize(&plain, to - start) < 0)
        return NULL;
    return plain;
}

static PyMethodDef methods[] = {
    {"checksum", checksum, METH_O, "Sum of all bytes, modulo 256."},
    {"unescape", unescape, METH_O, "Undo escapes; any byte may come escaped."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "_bulk", .m_doc = "What has to look at every byte of a packet.",
    .m_size = 0, .m_methods = methods,
};

PyMODINIT_FUNC PyInit__bulk(void) { return PyModuleDef_Init(&module); }
