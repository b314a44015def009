/* What costs the shipper most, compiled: finding whole frames in a segment, and making CSV of columns.

   The rules of this file, and of `floats.h` and `rows.h`, which are parts of it

   1. Python's way is the reference, and gives the same bytes: `spool/bulk.py` for frames, `encode/text.py` and `encode/quotes.py`
      for cells. What is not plain is left to it before anything is written.
   2. It reads only what Arrow or Python owns and lends us by the buffer protocol, and gives back new bytes. Nothing is kept.
   3. No size, offset or length is believed: each is held against the size of the buffer that it is about, before it is
      used. What comes from the disk may be damaged, and what comes from Arrow is checked alike.
   4. The room for the longest text that the columns can have is there before the first byte is written. So the loop over cells
      has no error to meet.
   5. The GIL is given away in the long loops: the shipper may be a thread of the service, whose requests should not wait for
      a round of it. In them nothing of Python is touched. Buffers can't change meanwhile: Arrow's are not written to, and bytes
      never change.

   Free-threaded builds and subinterpreters do not load this file. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include "xxhash.h"

#ifdef Py_GIL_DISABLED
#error "nobody has shown this file right without the GIL"
#endif
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "frames are little-endian, and so is this file"
#endif

#include "floats.h"
#include "rows.h"

/* Frames of a segment */

enum { HEAD = 48, END = 4, CHECK_XXH3 = 2 };

static inline uint64_t
little(const char *at, size_t width)
{
    uint64_t number = 0;
    memcpy(&number, at, width);
    return number;
}

/* Bytes from a frame to the next, padding included; 0 where no whole frame is, or its checksums do not hold. */
static size_t
whole_frame(const char *at, size_t left, uint32_t salt)
{
    if (left < HEAD || memcmp(at, "\xf5MDf", 4) || at[5] != CHECK_XXH3)
        return 0;
    if ((uint32_t)XXH3_64bits_withSeed(at, HEAD - 4, salt) != little(at + 44, 4))
        return 0;
    size_t payload = little(at + 32, 4) + little(at + 36, 2) + little(at + 38, 2), size = (HEAD + payload + 7) & ~(size_t)7;
    if (size > left || (uint32_t)XXH3_64bits_withSeed(at + HEAD, payload, salt) != little(at + 40, 4))
        return 0;
    return size;
}

/* Where frames begin, as many as are whole before the first that is not, up to END. -1 where there is no memory for them. */
static Py_ssize_t
find_frames(const char *content, size_t size, uint32_t salt, int64_t **starts)
{
    Py_ssize_t count = 0, room = 0;
    size_t at = 0, step;
    int kind = 0;
    while (kind != END && (step = whole_frame(content + at, size - at, salt))) {
        if (count == room) {
            room = room ? 2 * room : 256;
            int64_t *more = PyMem_RawRealloc(*starts, (size_t)room * sizeof **starts);
            if (!more)
                return -1;
            *starts = more;
        }
        (*starts)[count++] = (int64_t)at;
        kind = content[at + 4];
        at += step;
    }
    return count;
}

static PyObject *
frames(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *content, *places = NULL, *heads = NULL, *found = NULL;
    unsigned int salt;
    int64_t *starts = NULL;
    Py_ssize_t count;
    if (!PyArg_ParseTuple(args, "SI:frames", &content, &salt))
        return NULL;
    const char *data = PyBytes_AS_STRING(content);
    size_t size = (size_t)PyBytes_GET_SIZE(content) & ~(size_t)7;
    Py_BEGIN_ALLOW_THREADS
    count = find_frames(data, size, salt, &starts);
    Py_END_ALLOW_THREADS
    if (count < 0)
        PyErr_NoMemory();
    else if ((heads = PyBytes_FromStringAndSize(NULL, count * HEAD))) {
        for (Py_ssize_t n = 0; n < count; n++) {
            memcpy(PyBytes_AS_STRING(heads) + n * HEAD, data + starts[n], HEAD);
            starts[n] += HEAD;
        }
        places = PyBytes_FromStringAndSize((const char *)starts, count * (Py_ssize_t)sizeof *starts);
        found = places ? PyTuple_Pack(2, places, heads) : NULL;
    }
    PyMem_RawFree(starts);
    Py_XDECREF(places);
    Py_XDECREF(heads);
    return found;
}

static PyObject *
know_powers(PyObject *Py_UNUSED(module), PyObject *table)
{
    if (!PyBytes_Check(table) || PyBytes_GET_SIZE(table) != (Py_ssize_t)sizeof powers)
        return PyErr_Format(PyExc_ValueError, "the table of powers has %zd bytes", (Py_ssize_t)sizeof powers);
    memcpy(powers, PyBytes_AS_STRING(table), sizeof powers);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"frames", frames, METH_VARARGS, "frames(content, salt): where payloads of whole frames begin (int64), and their headers."},
    {"csv_rows", csv_rows, METH_VARARGS, "csv_rows(columns, rows): each row a line. A column: (kind, offset, valid, values, text)."},
    {"know_powers", know_powers, METH_O, "know_powers(table): of ten, which the text of floats needs."},
    {NULL},
};

static PyModuleDef_Slot module_slots[] = {
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "shipper",
    .m_methods = methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit_shipper(void)
{
    return PyModuleDef_Init(&module_definition);
}
