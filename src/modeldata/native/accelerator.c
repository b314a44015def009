/* The compiled way of the small call: `ModelDataCollector.collect` and `Lane.append`, for plain data and small frames.

   The rules of this file, and of `store.h`, `frame.h`, `pandas.h` and `ids.h`, which are parts of it

   1. Python's way is the reference. Whatever is not plainly the common case is left to it, before anything was changed.
      Both ways make the same bytes and use the same state: the slots of `Segment`, `Lane`, `Writer` and `SchemaCache`.
      Nothing of that state is kept here.
   2. The GIL is held from the first line to the last. Only for a data frame it may be given away, where pyarrow compares labels and
      pandas time zones: what is copied is looked at after that. From `find_place` on, no code of Python runs and nothing is allocated that
      the garbage collector looks after (in 3.11 that may run finalizers). So no other call comes between, and the lane may stay
      in its pool while it is written. The one exception is `gate`, with which tests stop or fail a store: it is called first,
      and everything is looked up after it.
   3. Nothing may fail between the store and the new numbers: both numbers are made before the store.
   4. A store first proves that the descriptor is still our file, whole and with one name, in the process that made it.
   5. Who owns what: arguments are borrowed from the caller. What is taken out of a slot or a dict is borrowed where no Python
      code can run before its last use, and owned (Py_INCREF) else.
   6. An error of a C call here is cleared, and Python's way is taken: it meets the same trouble and knows what to do. Only
      what `gate` raises is passed on.

   Free-threaded builds and subinterpreters do not load this file. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <fcntl.h>
#include <structmember.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NPY_NO_DEPRECATED_API NPY_1_22_API_VERSION
#include <numpy/ndarraytypes.h>

#define XXH_INLINE_ALL
#include "xxhash.h"

#ifdef Py_GIL_DISABLED
#error "this file relies on the GIL"
#endif
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "frames are little-endian, and so is this file"
#endif

#include "store.h"
#include "frame.h"


/* Where the state of both ways lies */

static PyTypeObject *Collector, *Writer, *Lane, *Segment, *SchemaCache, *BlockSchema, *Array;

static Slot collector_debug = {.name = "_debug"}, collector_enabled = {.name = "_enabled"}, collector_writer = {.name = "_writer"},
            collector_schemas = {.name = "_schemas"}, collector_most = {.name = "_max_row_bytes"};
static Slot schemas_rows = {.name = "rows"}, schemas_dicts = {.name = "dicts"}, schemas_blocks = {.name = "blocks"};
static Slot writer_free = {.name = "_free"};
static Slot lane_ours = {.name = "_ours"}, lane_from = {.name = "_calm_from"}, lane_until = {.name = "_calm_until"},
            lane_known = {.name = "_known"}, lane_segment = {.name = "segment"}, lane_sync = {.name = "_sync"};
static Slot segment_store = {.name = "_store"}, segment_end = {.name = "end"}, segment_limit = {.name = "limit"},
            segment_salt = {.name = "salt"};
static Slot block_little = {.name = "little"}, block_row_bytes = {.name = "row_bytes"};

/* What the lane says of where the frame goes. All borrowed. */
typedef struct {
    PyObject *segment;
    Store *store;
    PyObject *counter;
    long long sequence, end, limit, salt, definition;
} Place;

/* Everything that must hold before a store. False: it is not the common case. */
static int
find_place(PyObject *lane, PyObject *schema, long long now_ns, Place *place)
{
    long long from, until;
    PyObject *segment = get(lane, &lane_segment), *known = get(lane, &lane_known), *store;
    if (!segment || !Py_IS_TYPE(segment, Segment) || !known || !PyDict_CheckExact(known) || get(lane, &lane_sync) != Py_False)
        return 0;
    if (!as_number(get(lane, &lane_from), &from) || !as_number(get(lane, &lane_until), &until) || now_ns < from || now_ns >= until)
        return 0;
    store = get(segment, &segment_store);
    if (!store || !Py_IS_TYPE(store, &Store_Type) || ((Store *)store)->page.obj != get(lane, &lane_ours))
        return 0;
    known = PyDict_GetItemWithError(known, schema);     /* hashed by identity */
    if (!known || !PyTuple_CheckExact(known) || PyTuple_GET_SIZE(known) != 2)
        return 0;
    place->counter = PyTuple_GET_ITEM(known, 1);
    if (!PyList_CheckExact(place->counter) || PyList_GET_SIZE(place->counter) != 1)
        return 0;
    place->segment = segment;
    place->store = (Store *)store;
    return as_number(PyTuple_GET_ITEM(known, 0), &place->definition) && as_number(PyList_GET_ITEM(place->counter, 0), &place->sequence)
        && as_number(get(segment, &segment_end), &place->end) && as_number(get(segment, &segment_limit), &place->limit)
        && as_number(get(segment, &segment_salt), &place->salt);
}

/* Store the frame and count its rows. From here on no Python code runs, until the new numbers are in their places. */
static Outcome
store_at(const Place *place, Frame *frame, long long time_ns)
{
    Py_ssize_t size = seal(frame, (unsigned int)place->salt, place->sequence, time_ns, (unsigned int)place->definition);
    if (place->end + size > place->limit)
        return LEAVE_IT;
    PyObject *end = PyLong_FromLongLong(place->end + size), *sequence = PyLong_FromLongLong(place->sequence + frame->rows);
    if (!end || !sequence || !put(place->store, frame->bytes, size, place->end)) {
        Py_XDECREF(end);
        Py_XDECREF(sequence);
        return LEAVE_IT;
    }
    PyObject **slot = place_of(place->segment, &segment_end), *old_end = *slot;
    PyObject *old_sequence = PyList_GET_ITEM(place->counter, 0);
    *slot = end;
    PyList_SET_ITEM(place->counter, 0, sequence);
    Py_DECREF(old_end);     /* whole numbers, both: no code runs */
    Py_DECREF(old_sequence);
    return STORED;
}

static Outcome
append_to(PyObject *lane, Frame *frame, long long now_ns, long long time_ns)
{
    Place place;
    if (!Py_IS_TYPE(lane, Lane) || !find_place(lane, frame->schema, now_ns, &place))
        return LEAVE_IT;
    return store_at(&place, frame, time_ns);
}

/* For tests: what stops or fails a store of this lane. Borrowed; NULL where there is nothing of that kind. */
static Store *
gated_store(PyObject *lane)
{
    PyObject *segment = Py_IS_TYPE(lane, Lane) ? get(lane, &lane_segment) : NULL;
    PyObject *store = segment && Py_IS_TYPE(segment, Segment) ? get(segment, &segment_store) : NULL;
    return store && Py_IS_TYPE(store, &Store_Type) && ((Store *)store)->gate ? (Store *)store : NULL;
}


/* Captures: schema, rows and data of what was collected. False: Python's way. */

static inline int
found(Frame *frame, PyObject *schema, unsigned int rows)
{
    if (!schema)
        return 0;   /* not met before; or an error, which is cleared where the ways part */
    frame->schema = Py_NewRef(schema);
    frame->rows = rows;
    return 1;
}

static PyObject *row_keys[64];
/* Keys of `SchemaCache.rows`, made once each. */

static PyObject *
row_key(Py_ssize_t count)
{
    if (count >= 64)
        return Py_BuildValue("(nO)", count, Py_True);
    if (!row_keys[count])
        row_keys[count] = Py_BuildValue("(nO)", count, Py_True);
    return Py_XNewRef(row_keys[count]);
}

/* A list or a tuple of plain values: one row. */
static int
capture_sequence(Frame *frame, PyObject *data, PyObject *schemas)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(data);
    PyObject *rows = get(schemas, &schemas_rows);
    if (!count || count > MOST_DATA || !rows || !PyDict_CheckExact(rows))
        return 0;
    Py_INCREF(rows);
    PyObject *key = row_key(count);     /* may run finalizers: before the list is read */
    int is_known = key && found(frame, PyDict_GetItemWithError(rows, key), 1);
    Py_XDECREF(key);
    Py_DECREF(rows);
    if (!is_known || PySequence_Fast_GET_SIZE(data) != count)
        return 0;
    PyObject **items = PySequence_Fast_ITEMS(data);
    pack_length(frame, count, 16, 0x90, 0xdc, 2);
    for (Py_ssize_t i = 0; i < count; i++)
        if (!pack_value(frame, items[i]))
            return 0;
    return 1;
}

/* The keys of a dict, if all are exactly text: other keys may bring code of their own. */
static PyObject *
keys_of(PyObject *data, Py_ssize_t count)
{
    PyObject *keys = PyTuple_New(count), *key;
    Py_ssize_t at = 0, i = 0;
    if (!keys)
        return NULL;
    while (i < count && PyDict_Next(data, &at, &key, NULL)) {
        if (!PyUnicode_CheckExact(key))
            break;
        PyTuple_SET_ITEM(keys, i++, Py_NewRef(key));
    }
    if (i == count && PyDict_GET_SIZE(data) == count)
        return keys;
    Py_DECREF(keys);
    return NULL;
}

static int
pack_dict(Frame *frame, PyObject *data, Py_ssize_t count, PyObject *order)
{
    PyObject *value;
    Py_ssize_t at = 0;
    pack_length(frame, count, 16, 0x90, 0xdc, 2);
    if (order == Py_None) {
        while (PyDict_Next(data, &at, NULL, &value))
            if (!pack_value(frame, value))
                return 0;
        return 1;
    }
    if (!PyTuple_CheckExact(order) || PyTuple_GET_SIZE(order) != count)
        return 0;
    for (; at < count; at++) {
        value = PyDict_GetItemWithError(data, PyTuple_GET_ITEM(order, at));
        if (!value || !pack_value(frame, value))
            return 0;
    }
    return 1;
}

/* A dict of plain values: one row, in the order in which its keys came first. */
static int
capture_dict(Frame *frame, PyObject *data, PyObject *schemas)
{
    Py_ssize_t count = PyDict_GET_SIZE(data);
    PyObject *dicts = get(schemas, &schemas_dicts);
    if (!count || count > MOST_DATA || !dicts || !PyDict_CheckExact(dicts))
        return 0;
    Py_INCREF(dicts);
    PyObject *keys = keys_of(data, count);      /* may run finalizers, before the dict is read */
    PyObject *known = keys ? PyDict_GetItemWithError(dicts, keys) : NULL;
    int well = known && PyTuple_CheckExact(known) && PyTuple_GET_SIZE(known) == 2
        && found(frame, PyTuple_GET_ITEM(known, 0), 1) && pack_dict(frame, data, count, PyTuple_GET_ITEM(known, 1));
    Py_XDECREF(keys);
    Py_DECREF(dicts);
    return well;
}

/* The values of a table, row by row. `down` and `along`: from a row, and from a value, to the next. */
static void
put_cells(Frame *frame, const char *bytes, npy_intp rows, npy_intp down, npy_intp columns, npy_intp along, Py_ssize_t width)
{
    if (columns == 1 || along == width) {
        width *= columns;
        columns = 1;
    }
    if (columns == 1 && (rows == 1 || down == width)) {
        width *= rows;
        rows = 1;
    }
    for (npy_intp row = 0; row < rows; row++)
        for (npy_intp column = 0; column < columns; column++)
            put_bytes(frame, bytes + row * down + column * along, width);
}

/* A numpy array of 0 to 2 axes and a plain dtype: its bytes. */
static int
capture_array(Frame *frame, PyObject *object, PyObject *schemas)
{
    PyArrayObject *data = (PyArrayObject *)object;
    PyObject *blocks = get(schemas, &schemas_blocks);
    int axes = PyArray_NDIM(data), type = PyArray_TYPE(data), well = 0;
    npy_intp rows = axes > 1 ? PyArray_DIM(data, 0) : 1, columns = axes ? PyArray_DIM(data, axes - 1) : 1;
    long long row_bytes;
    if (axes > 2 || type < 0 || (type > NPY_DOUBLE && type != NPY_HALF) || rows < 1 || rows > MOST_DATA || columns < 1
        || !blocks || !PyDict_CheckExact(blocks))
        return 0;
    Py_INCREF(blocks);
    PyObject *key = Py_BuildValue("(O(n))", PyArray_DESCR(data), (Py_ssize_t)columns);  /* may run finalizers */
    PyObject *schema = key ? PyDict_GetItemWithError(blocks, key) : NULL;
    if (schema && Py_IS_TYPE(schema, BlockSchema) && get(schema, &block_little) == Py_None
        && as_number(get(schema, &block_row_bytes), &row_bytes) && row_bytes > 0 && row_bytes <= MOST_DATA / rows
        && PyArray_NDIM(data) == axes && (axes < 1 || PyArray_DIM(data, axes - 1) == columns)
        && (axes < 2 || PyArray_DIM(data, 0) == rows) && (PyObject *)PyArray_DESCR(data) == PyTuple_GET_ITEM(key, 0)) {
        put_cells(frame, PyArray_BYTES(data), rows, axes > 1 ? PyArray_STRIDE(data, 0) : 0, columns,
                  axes ? PyArray_STRIDE(data, axes - 1) : 0, (Py_ssize_t)(row_bytes / columns));
        well = found(frame, schema, (unsigned int)rows);
    }
    Py_XDECREF(key);
    Py_DECREF(blocks);
    return well;
}

#include "pandas.h"

static int
capture(Frame *frame, PyObject *data, PyObject *schemas)
{
    PyTypeObject *cls = Py_TYPE(data);
    if (cls == &PyList_Type || cls == &PyTuple_Type)
        return capture_sequence(frame, data, schemas);
    if (cls == &PyDict_Type)
        return capture_dict(frame, data, schemas);
    if (cls == DataFrame && DataFrame)
        return capture_frame(frame, data, schemas);
    return cls == Array && Array && capture_array(frame, data, schemas);
}


#include "ids.h"


/* The two methods */

static PyObject *time_name, *true_clock, *correlation_name;

typedef struct {
    PyObject_HEAD
    PyObject *python;       /* the function that takes all that is not taken here */
    PyObject *dict, *weakrefs;
    vectorcallfunc call;
} Method;

static PyTypeObject Method_Type;

static long long
clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* Does our module still have Python's own clock? Tests, and tools of theirs, put another one into its place. */
static int
clock_is_true(PyObject *python)
{
    return PyDict_GetItemWithError(PyFunction_GET_GLOBALS(python), time_name) == true_clock;
}

/* The lane that the next call would take. Owned; NULL where there is none. */
static PyObject *
next_lane(PyObject *writer)
{
    PyObject *pool = writer && Py_IS_TYPE(writer, Writer) ? get(writer, &writer_free) : NULL;
    Py_ssize_t size = pool ? PyObject_Size(pool) : 0;
    return size > 0 ? PySequence_GetItem(pool, size - 1) : NULL;
}

static int
small_enough(PyObject *most, const Frame *frame)
{
    long long bytes;
    return as_number(most, &bytes) && (bytes >= MOST_DATA || frame->data <= bytes * frame->rows);
}

static Outcome
collect_in(PyObject *self, PyObject *python, PyObject *data, PyObject *correlation, Frame *frame)
{
    PyObject *schemas = get(self, &collector_schemas), *lane;
    if (get(self, &collector_debug) != Py_False || get(self, &collector_enabled) != Py_True || !schemas
        || !Py_IS_TYPE(schemas, SchemaCache) || !clock_is_true(python))
        return LEAVE_IT;
    Py_INCREF(schemas);
    int captured = capture(frame, data, schemas);
    Py_DECREF(schemas);
    if (!captured || !put_ids(frame, correlation) || !small_enough(get(self, &collector_most), frame))
        return LEAVE_IT;
    lane = next_lane(get(self, &collector_writer));
    if (!lane)
        return LEAVE_IT;
    Store *store = gated_store(lane);
    Outcome outcome = store ? ask_gate(store) : STORED;
    if (store && outcome == STORED) {
        PyObject *again = next_lane(get(self, &collector_writer));
        outcome = again == lane ? STORED : LEAVE_IT;
        Py_XDECREF(again);
    }
    if (outcome == STORED) {
        long long now = clock_ns();
        outcome = append_to(lane, frame, now, now);
    }
    Py_DECREF(lane);
    return outcome;
}

/* collect(self, input_data, user_correlation_id="", *, ...): with any other argument by name it is left to Python. */
static PyObject *
collect_call(PyObject *callable, PyObject *const *args, size_t flags, PyObject *names)
{
    PyObject *python = ((Method *)callable)->python, *correlation = NULL;
    Py_ssize_t given = PyVectorcall_NARGS(flags), named = names ? PyTuple_GET_SIZE(names) : 0;
    Frame frame;
    if (given < 2 || given + named > 3 || !PyObject_TypeCheck(args[0], Collector))
        goto leave_it;
    if (named && PyUnicode_Compare(PyTuple_GET_ITEM(names, 0), correlation_name))
        goto leave_it;
    if (given + named == 3)
        correlation = args[2];
    begin(&frame);
    Outcome outcome = collect_in(args[0], python, args[1], correlation, &frame);
    Py_XDECREF(frame.schema);
    if (outcome == STORED)
        Py_RETURN_TRUE;
    if (outcome == RAISED)
        return NULL;
leave_it:
    PyErr_Clear();
    return PyObject_Vectorcall(python, args, flags, names);
}

/* append(self, schema, rows, data, correlation, request, now_ns, event_ns=None) */
static Outcome
append_in(PyObject *const *args, PyObject *event, Frame *frame)
{
    long long rows, now_ns, time_ns;
    if (!as_number(args[2], &rows) || rows < 1 || rows > 0xffffffffll || !as_number(args[6], &now_ns)
        || !as_number(event == Py_None ? args[6] : event, &time_ns))
        return LEAVE_IT;
    Py_ssize_t *sizes[] = {&frame->data, &frame->correlation, &frame->request};
    for (int i = 0; i < 3; i++) {
        if (!PyBytes_CheckExact(args[3 + i]) || !room(frame, PyBytes_GET_SIZE(args[3 + i])))
            return LEAVE_IT;
        *sizes[i] = PyBytes_GET_SIZE(args[3 + i]);
        put_bytes(frame, PyBytes_AS_STRING(args[3 + i]), *sizes[i]);
    }
    frame->rows = (unsigned int)rows;
    frame->schema = Py_NewRef(args[1]);
    Store *store = gated_store(args[0]);
    Outcome outcome = store ? ask_gate(store) : STORED;
    return outcome == STORED ? append_to(args[0], frame, now_ns, time_ns) : outcome;
}

static PyObject *
append_call(PyObject *callable, PyObject *const *args, size_t flags, PyObject *names)
{
    Py_ssize_t given = PyVectorcall_NARGS(flags);
    if ((given == 7 || given == 8) && !names) {
        Frame frame;
        begin(&frame);
        Outcome outcome = append_in(args, given == 8 ? args[7] : Py_None, &frame);
        Py_XDECREF(frame.schema);
        if (outcome == STORED)
            Py_RETURN_NONE;
        if (outcome == RAISED)
            return NULL;
        PyErr_Clear();
    }
    return PyObject_Vectorcall(((Method *)callable)->python, args, flags, names);
}

static PyObject *
new_method(PyObject *python, vectorcallfunc call)
{
    if (!PyFunction_Check(python)) {
        PyErr_SetString(PyExc_TypeError, "a function of Python is needed");
        return NULL;
    }
    Method *self = PyObject_GC_New(Method, &Method_Type);
    if (!self)
        return NULL;
    self->python = Py_NewRef(python);
    self->dict = self->weakrefs = NULL;
    self->call = call;
    PyObject_GC_Track((PyObject *)self);
    return (PyObject *)self;
}

static void
Method_dealloc(Method *self)
{
    PyObject_GC_UnTrack(self);
    if (self->weakrefs)
        PyObject_ClearWeakRefs((PyObject *)self);
    Py_CLEAR(self->python);
    Py_CLEAR(self->dict);
    PyObject_GC_Del(self);
}

static int
Method_traverse(Method *self, visitproc visit, void *arg)
{
    Py_VISIT(self->python);
    Py_VISIT(self->dict);
    return 0;
}

static PyObject *
Method_get(PyObject *self, PyObject *object, PyObject *Py_UNUSED(cls))
{
    return object && object != Py_None ? PyMethod_New(self, object) : Py_NewRef(self);
}

/* Copied and pickled by its name, as a function is. */
static PyObject *
Method_reduce(PyObject *self, PyObject *Py_UNUSED(none))
{
    return PyObject_GetAttrString(self, "__qualname__");
}

static PyMethodDef Method_methods[] = {
    {"__reduce__", Method_reduce, METH_NOARGS, NULL},
    {NULL},
};

static PyGetSetDef Method_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL},
};

static PyTypeObject Method_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "modeldata.native.accelerator.Method",
    .tp_basicsize = sizeof(Method),
    .tp_dictoffset = offsetof(Method, dict),
    .tp_weaklistoffset = offsetof(Method, weakrefs),
    .tp_vectorcall_offset = offsetof(Method, call),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
    .tp_dealloc = (destructor)Method_dealloc,
    .tp_traverse = (traverseproc)Method_traverse,
    .tp_call = PyVectorcall_Call,
    .tp_descr_get = Method_get,
    .tp_getset = Method_getset,
    .tp_methods = Method_methods,
};


/* The module */

static PyObject *
append(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *python, *lane, *segment;
    if (!PyArg_ParseTuple(args, "OOO:append", &python, &lane, &segment))
        return NULL;
    if (find_slots(lane, &Lane, SLOTS(&lane_ours, &lane_from, &lane_until, &lane_known, &lane_segment, &lane_sync))
        || find_slots(segment, &Segment, SLOTS(&segment_store, &segment_end, &segment_limit, &segment_salt)))
        return NULL;
    return new_method(python, append_call);
}

static PyObject *
collect(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *python, *collector, *writer, *schemas, *request, *variable, *running, *clock;
    if (!PyArg_ParseTuple(args, "OOOOOOO!O:collect", &python, &collector, &writer, &schemas, &request, &variable, &PyDict_Type, &running,
                          &clock))
        return NULL;
    if (!Lane || !PyContextVar_CheckExact(variable)) {
        PyErr_SetString(PyExc_TypeError, "`append` comes first, and the variable must be a ContextVar");
        return NULL;
    }
    if (find_slots(writer, &Writer, SLOTS(&writer_free))
        || find_slots(schemas, &SchemaCache, SLOTS(&schemas_rows, &schemas_dicts, &schemas_blocks))
        || find_slots(request, &Request, SLOTS(&request_ended, &request_bytes))
        || find_slots(collector, &Collector, SLOTS(&collector_debug, &collector_enabled, &collector_writer, &collector_schemas,
                                                   &collector_most)))
        return NULL;
    Py_XSETREF(request_variable, Py_NewRef(variable));
    Py_XSETREF(generators, Py_NewRef(running));
    Py_XSETREF(true_clock, Py_NewRef(clock));
    return new_method(python, collect_call);
}

static PyObject *
know_arrays(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *array, *schema;
    if (!PyArg_ParseTuple(args, "O!O:know_arrays", &PyType_Type, &array, &schema)
        || find_slots(schema, &BlockSchema, SLOTS(&block_little, &block_row_bytes)))
        return NULL;
    Py_XSETREF(Array, (PyTypeObject *)Py_NewRef(array));
    Py_RETURN_NONE;
}

static PyObject *
know_frames(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyTypeObject *frame, *manager, *placement, *arrow;
    PyObject *plan, *schemas;
    if (!PyArg_ParseTuple(args, "O!O!O!O!OO:know_frames", &PyType_Type, &frame, &PyType_Type, &manager, &PyType_Type, &placement,
                          &PyType_Type, &arrow, &plan, &schemas)
        || find_attribute(manager, "axes", &manager_axes) || find_attribute(manager, "blocks", &manager_blocks)
        || find_attribute(placement, "indexer", &placement_indexer) || find_slots(plan, &CopyPlan, SLOTS(&plan_compiled))
        || find_slots(schemas, &SchemaCache, SLOTS(&schemas_plans)))
        return NULL;
    Py_XSETREF(Manager, (PyTypeObject *)Py_NewRef(manager));
    Py_XSETREF(Placement, (PyTypeObject *)Py_NewRef(placement));
    Py_XSETREF(ArrowText, (PyTypeObject *)Py_NewRef(arrow));
    Py_XSETREF(DataFrame, (PyTypeObject *)Py_NewRef(frame));
    Py_RETURN_NONE;
}

static PyObject *
know_flask(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *flask, *asks, *variable, *request;
    if (!PyArg_ParseTuple(args, "O!O!O!O:know_flask", &PyModule_Type, &flask, &PyFunction_Type, &asks, &PyContextVar_Type, &variable, &request))
        return NULL;
    Py_XSETREF(flask_module, Py_NewRef(flask));
    Py_XSETREF(flask_asks, Py_NewRef(asks));
    Py_XSETREF(flask_variable, Py_NewRef(variable));
    Py_XSETREF(flask_request, Py_NewRef(request));
    Py_RETURN_NONE;
}

/* What is stored of a data frame, to be compared with what Python's way makes of it. */
static PyObject *
captured(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *data, *schemas, *answer;
    Frame frame;
    if (!PyArg_ParseTuple(args, "OO:captured", &data, &schemas))
        return NULL;
    begin(&frame);
    if (DataFrame && Py_IS_TYPE(data, DataFrame) && Py_IS_TYPE(schemas, SchemaCache) && capture_frame(&frame, data, schemas))
        answer = Py_BuildValue("(OIy#)", frame.schema, frame.rows, frame.bytes + HEADER, taken(&frame));
    else {
        PyErr_Clear();
        answer = Py_NewRef(Py_None);
    }
    Py_XDECREF(frame.schema);
    return answer;
}

static PyMethodDef methods[] = {
    {"append", append, METH_VARARGS, "append(function, Lane, Segment): `Lane.append`, compiled."},
    {"collect", collect, METH_VARARGS, "collect(function, Collector, Writer, SchemaCache, request, variable, generators, clock): compiled."},
    {"know_arrays", know_arrays, METH_VARARGS, "know_arrays(ndarray, BlockSchema): from now on arrays are taken, too."},
    {"know_frames", know_frames, METH_VARARGS,
     "know_frames(DataFrame, BlockManager, BlockPlacement, ArrowStringArray, CopyPlan, SchemaCache): they are taken, too."},
    {"know_flask", know_flask, METH_VARARGS, "know_flask(module, has_request_context, variable, request): its ids are taken, too."},
    {"captured", captured, METH_VARARGS, "captured(frame, schemas): (schema, rows, bytes), or None for what is left to Python."},
    {NULL},
};

/* The names of this module, made once. */
static int
make_names(void)
{
    static const struct { PyObject **place; const char *name; } names[] = {
        {&time_name, "time_ns"}, {&flask_name, "flask"}, {&correlation_name, "user_correlation_id"}, {&manager_name, "_mgr"},
        {&data_name, "_data"}, {&range_name, "_range"}, {&arrow_name, "_pa_array"}, {&array_name, "_ndarray"}, {&dtype_name, "_dtype"}, {&equals_name, "equals"},
        {&chunk_name, "chunk"}, {&list_name, "to_pylist"}, {&asks_name, "has_request_context"}, {&variable_name, "_cv_request"},
        {&request_name, "request"}, {&environ_name, "environ"}, {&id_name, "REQUEST_ID"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!(*names[i].place = PyUnicode_InternFromString(names[i].name)))
            return -1;
    return (zero = PyLong_FromLong(0)) ? 0 : -1;
}

static int
execute(PyObject *module)
{
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "only the main interpreter takes the compiled way");
        return -1;
    }
    if (make_names() || PyType_Ready(&Method_Type) || PyModule_AddType(module, &Store_Type) || PyModule_AddType(module, &FramePlan_Type))
        return -1;
    return PyModule_AddIntConstant(module, "MOST_FRAME", MOST_FRAME);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, execute},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "accelerator",
    .m_methods = methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit_accelerator(void)
{
    return PyModuleDef_Init(&module_definition);
}
