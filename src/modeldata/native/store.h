/* Slots of Python objects, and `Store`: how small frames get into one open file. Part of accelerator.c, which has the rules. */

typedef enum { STORED, LEAVE_IT, RAISED } Outcome;
/* LEAVE_IT: nothing was changed, Python's way is to be taken. RAISED: an exception is set. */


/* Slots of Python objects */

typedef struct { const char *name; Py_ssize_t at; } Slot;

/* Where a slot lies in the objects of a class. -1, with an exception, where the class has none of that name. */
static int
find_slot(PyTypeObject *cls, Slot *slot)
{
    PyObject *found = PyObject_GetAttrString((PyObject *)cls, slot->name);
    if (!found)
        return -1;
    if (!Py_IS_TYPE(found, &PyMemberDescr_Type) || ((PyMemberDescrObject *)found)->d_member->type != T_OBJECT_EX) {
        PyErr_Format(PyExc_TypeError, "%s.%s is no slot", cls->tp_name, slot->name);
        Py_DECREF(found);
        return -1;
    }
    slot->at = ((PyMemberDescrObject *)found)->d_member->offset;
    Py_DECREF(found);
    return 0;
}

static int
find_slots(PyObject *cls, PyTypeObject **kept, Slot **slots)
{
    if (!PyType_Check(cls)) {
        PyErr_SetString(PyExc_TypeError, "a class is needed");
        return -1;
    }
    for (; *slots; slots++)
        if (find_slot((PyTypeObject *)cls, *slots))
            return -1;
    Py_XSETREF(*kept, (PyTypeObject *)Py_NewRef(cls));
    return 0;
}
#define SLOTS(...) ((Slot *[]){__VA_ARGS__, NULL})

/* Borrowed; NULL where it was never set. */
static inline PyObject **
place_of(PyObject *object, const Slot *slot)
{
    return (PyObject **)((char *)object + slot->at);
}

static inline PyObject *
get(PyObject *object, const Slot *slot)
{
    return *place_of(object, slot);
}

/* A whole number of Python's, exactly; false for anything else and for what does not fit. */
static inline int
as_number(PyObject *object, long long *number)
{
    int overflow;
    if (!object || !PyLong_CheckExact(object))
        return 0;
    *number = PyLong_AsLongLongAndOverflow(object, &overflow);
    return !overflow;
}


/* Store: how small frames get into one open file */

typedef struct {
    PyObject_HEAD
    int fd;
    struct statx seen;
    Py_buffer page;     /* of `ours`: its first byte is zero in a forked child */
    PyObject *gate;     /* NULL but in tests */
} Store;

static PyTypeObject Store_Type;

/* Not `fstat`: it also asks for the times, and a kernel from 6.13 on then has to note the next write's time exactly. That makes
   the write a half more expensive. */
static int
look(int fd, struct statx *seen)
{
    const unsigned int asked = STATX_INO | STATX_NLINK | STATX_SIZE;
    return !statx(fd, "", AT_EMPTY_PATH, asked, seen) && (seen->stx_mask & asked) == asked;
}

static int
still_ours(const Store *store)
{
    struct statx now;
    const struct statx *seen = &store->seen;
    return *(volatile const char *)store->page.buf && look(store->fd, &now) && now.stx_ino == seen->stx_ino
        && now.stx_dev_major == seen->stx_dev_major && now.stx_dev_minor == seen->stx_dev_minor
        && now.stx_size == seen->stx_size && now.stx_nlink == seen->stx_nlink;
}

static int
put(const Store *store, const void *data, Py_ssize_t size, long long offset)
{
    return still_ours(store) && pwrite(store->fd, data, (size_t)size, (off_t)offset) == size;
}

/* What a test has to say before a store. Python code runs: nothing that was looked up before counts. */
static Outcome
ask_gate(Store *store)
{
    PyObject *gate = Py_NewRef(store->gate), *answer = PyObject_CallNoArgs(gate);
    Py_DECREF(gate);
    if (!answer)
        return RAISED;
    int open = answer == Py_True;
    Py_DECREF(answer);
    return open ? STORED : LEAVE_IT;
}

static PyObject *
Store_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(named))
{
    int fd;
    long long size;
    PyObject *ours;
    if (!PyArg_ParseTuple(args, "iLO:Store", &fd, &size, &ours))
        return NULL;
    Store *self = (Store *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->fd = fd;
    if (PyObject_GetBuffer(ours, &self->page, PyBUF_SIMPLE))
        goto no;
    if (self->page.len < 1 || !look(fd, &self->seen) || self->seen.stx_size != (unsigned long long)size || self->seen.stx_nlink != 1) {
        PyErr_SetString(PyExc_ValueError, "the file is not as its segment made it");
        goto no;
    }
    return (PyObject *)self;
no:
    Py_DECREF(self);
    return NULL;
}

static void
Store_dealloc(Store *self)
{
    PyObject_GC_UnTrack(self);
    PyBuffer_Release(&self->page);
    Py_CLEAR(self->gate);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static int
Store_traverse(Store *self, visitproc visit, void *arg)
{
    Py_VISIT(self->page.obj);
    Py_VISIT(self->gate);
    return 0;
}

static int
Store_clear(Store *self)
{
    Py_CLEAR(self->gate);
    return 0;
}

static PyObject *
Store_call(Store *self, PyObject *args, PyObject *Py_UNUSED(named))
{
    PyObject *data;
    long long at;
    if (!PyArg_ParseTuple(args, "SL:store", &data, &at))
        return NULL;
    Outcome outcome = self->gate ? ask_gate(self) : STORED;
    if (outcome != STORED)
        return outcome == RAISED ? NULL : Py_NewRef(Py_False);
    return PyBool_FromLong(put(self, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), at));
}

static PyMemberDef Store_members[] = {
    {"gate", T_OBJECT, offsetof(Store, gate), 0, "Called before each store: True lets it go on."},
    {NULL},
};

static PyTypeObject Store_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "modeldata.native.accelerator.Store",
    .tp_doc = "Store(fd, size, ours): see keep_gil.cautious_store.",
    .tp_basicsize = sizeof(Store),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = Store_new,
    .tp_dealloc = (destructor)Store_dealloc,
    .tp_traverse = (traverseproc)Store_traverse,
    .tp_clear = (inquiry)Store_clear,
    .tp_call = (ternaryfunc)Store_call,
    .tp_members = Store_members,
};
