/* Data frames of pandas, by their blocks, as `snapshot/pandas_blocks.py` takes them. Part of accelerator.c, which has the rules.

   pandas does not promise what is read here. So Python makes a `FramePlan` for frames of one make that it has taken itself, and
   each frame is compared with it: classes exactly, labels, dtypes, places. First everything is held that the copy is made
   from: code of pyarrow may run, and another thread meanwhile. Then it is checked and copied, and no other code runs. */

enum { MOST_BLOCKS = 32, MOST_TEXT_ROWS = 16 };
static const unsigned int NO_TEXT = 0xffffffff;     /* `wire.NO_TEXT` */
/* MOST_TEXT_ROWS: from here on Python's way, which copies Arrow's memory, is faster. */

static PyTypeObject *DataFrame, *Manager, *Placement, *ArrowText, *CopyPlan;
static Slot plan_compiled = {.name = "compiled"}, schemas_plans = {.name = "copy_plans"};
static PyObject *manager_name, *data_name, *range_name, *arrow_name, *array_name, *dtype_name, *equals_name, *chunk_name, *list_name, *zero;


/* Attributes of extension types: given by C code, without a look at the type */

typedef struct { getter get; void *closure; } Attribute;

static Attribute manager_axes, manager_blocks, placement_indexer;

/* -1, with an exception, where the class has no such attribute. */
static int
find_attribute(PyTypeObject *cls, const char *name, Attribute *attribute)
{
    PyObject *found = PyObject_GetAttrString((PyObject *)cls, name);
    if (!found)
        return -1;
    PyGetSetDescrObject *descriptor = (PyGetSetDescrObject *)found;
    int well = Py_IS_TYPE(found, &PyGetSetDescr_Type) && PyType_IsSubtype(cls, PyDescr_TYPE(found)) && descriptor->d_getset->get;
    if (well)
        *attribute = (Attribute){descriptor->d_getset->get, descriptor->d_getset->closure};
    else
        PyErr_Format(PyExc_TypeError, "%s.%s is not given by C code", cls->tp_name, name);
    Py_DECREF(found);
    return well ? 0 : -1;
}

/* Owned. The class of `object` was compared. */
static inline PyObject *
ask(PyObject *object, const Attribute *attribute)
{
    return attribute->get(object, attribute->closure);
}


/* FramePlan: how the frames of one make become bytes */

typedef struct {
    PyTypeObject *block, *values;       /* their classes. Owned, as are `dtype` and `columns` */
    Attribute get_values, get_places;
    int type;               /* the number of numpy's dtype, where numpy has the memory */
    PyObject *dtype;        /* of times: their unit and zone. Else NULL */
    PyObject *columns;      /* a slice, or the bytes of their positions */
} BlockPlan;

typedef enum { RAW, TEXTS, OBJECTS, KINDS } Kind;

typedef struct { Py_ssize_t block, first, count; } Part;     /* columns of a block that lie behind each other */

typedef struct {
    PyObject_VAR_HEAD
    PyObject *schema, *labels;          /* owned, as are the next two */
    PyObject *latest;                   /* Arrow's labels that were found to be equal. NULL at first */
    PyTypeObject *index;
    Py_ssize_t blocks, parts[KINDS];    /* how many there are */
    BlockPlan block[MOST_BLOCKS];
    Part part[];                        /* kind by kind, in the order in which they are stored */
} FramePlan;

static PyTypeObject FramePlan_Type;

/* Bytes of a value; 0 where a dtype is not one whose bytes are stored as they lie. */
static int
width_of(int type)
{
    static const char widths[] = {1, 1, 1, 2, 2, 4, 4, 8, 8, 8, 8, 4, 8};   /* NPY_BOOL to NPY_DOUBLE */
    if (type == NPY_DATETIME || type == NPY_TIMEDELTA)
        return 8;
    return type == NPY_HALF ? 2 : type >= 0 && type < (int)sizeof widths ? widths[type] : 0;
}


/* How the values of a block are stored; KINDS where they are not taken here. */
static Kind
kind_of(const BlockPlan *block)
{
    int is_time = block->type == NPY_DATETIME || block->type == NPY_TIMEDELTA, is_object = block->type == NPY_OBJECT;
    if (block->values == Array)
        return is_object ? OBJECTS : width_of(block->type) && !is_time ? RAW : KINDS;
    return is_time ? (block->dtype ? RAW : KINDS) : is_object ? TEXTS : KINDS;
}

/* None where an array has nothing: numpy reads it so. Borrowed. */
static inline PyObject *
object_at(const char *at)
{
    PyObject *object;
    memcpy(&object, at, sizeof object);     /* it may lie anywhere */
    return object ? object : Py_None;
}


/* Is a frame of the make of a plan? */

static int
same_texts(PyObject *labels, PyObject *data)
{
    PyArrayObject *array = (PyArrayObject *)data;
    Py_ssize_t count = PyTuple_GET_SIZE(labels);
    if (!Py_IS_TYPE(data, Array) || PyArray_NDIM(array) != 1 || PyArray_TYPE(array) != NPY_OBJECT || PyArray_DIM(array, 0) != count)
        return 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *wanted = PyTuple_GET_ITEM(labels, i), *text = object_at(PyArray_BYTES(array) + i * PyArray_STRIDE(array, 0));
        if (text != wanted && (!PyUnicode_CheckExact(text) || PyUnicode_Compare(text, wanted)))
            return 0;
    }
    return 1;
}

/* pyarrow gives the GIL away while it compares. */
static int
same_arrow(FramePlan *plan, PyObject *data)
{
    PyObject *labels = Py_IS_TYPE(data, ArrowText) ? PyObject_GenericGetAttr(data, arrow_name) : NULL;
    if (!labels)
        return 0;
    int same = labels == plan->labels || labels == plan->latest;
    if (!same) {
        PyObject *answer = PyObject_CallMethodOneArg(plan->labels, equals_name, labels);
        same = answer == Py_True;
        Py_XDECREF(answer);
        if (same)
            Py_XSETREF(plan->latest, Py_NewRef(labels));
    }
    Py_DECREF(labels);
    return same;
}

static int
has_labels(FramePlan *plan, PyObject *index)
{
    int is_range = PyRange_Check(plan->labels), same;
    PyObject *data = Py_IS_TYPE(index, plan->index) ? PyObject_GenericGetAttr(index, is_range ? range_name : data_name) : NULL;
    if (!data)
        return 0;
    if (is_range)
        same = PyRange_Check(data) && PyObject_RichCompareBool(data, plan->labels, Py_EQ) == 1;
    else
        same = PyTuple_CheckExact(plan->labels) ? same_texts(plan->labels, data) : same_arrow(plan, data);
    Py_DECREF(data);
    return same;
}

static int
same_number(PyObject *one, PyObject *other)
{
    long long number, wanted;
    return as_number(one, &number) && as_number(other, &wanted) && number == wanted;
}

static int
same_columns(PyObject *columns, PyObject *indexer)
{
    if (PySlice_Check(columns)) {
        PySliceObject *wanted = (PySliceObject *)columns, *slice = (PySliceObject *)indexer;
        return PySlice_Check(indexer) && same_number(slice->start, wanted->start) && same_number(slice->stop, wanted->stop)
            && same_number(slice->step, wanted->step);
    }
    PyArrayObject *array = (PyArrayObject *)indexer;
    return Py_IS_TYPE(indexer, Array) && PyArray_NDIM(array) == 1 && PyArray_TYPE(array) == NPY_INTP && PyArray_IS_C_CONTIGUOUS(array)
        && PyArray_DIM(array, 0) * (Py_ssize_t)sizeof(npy_intp) == PyBytes_GET_SIZE(columns)
        && !memcmp(PyArray_BYTES(array), PyBytes_AS_STRING(columns), (size_t)PyBytes_GET_SIZE(columns));
}

static int
has_places(const BlockPlan *plan, PyObject *block)
{
    PyObject *places = ask(block, &plan->get_places);
    PyObject *indexer = places && Py_IS_TYPE(places, Placement) ? ask(places, &placement_indexer) : NULL;
    int same = indexer && same_columns(plan->columns, indexer);
    Py_XDECREF(indexer);
    Py_XDECREF(places);
    return same;
}

static int
has_dtype(PyObject *dtype, PyObject *values)
{
    PyObject *found = PyObject_GenericGetAttr(values, dtype_name);
    int same = found && PyObject_RichCompareBool(found, dtype, Py_EQ) == 1;
    Py_XDECREF(found);
    return same;
}

/* The memory of a block: an array of numpy, or Arrow's. Owned; NULL where it is of another make. */
static PyObject *
memory_of(const BlockPlan *plan, PyObject *block)
{
    if (!Py_IS_TYPE(block, plan->block) || !has_places(plan, block))
        return NULL;
    PyObject *values = ask(block, &plan->get_values), *memory = NULL;
    if (values && Py_IS_TYPE(values, plan->values) && (!plan->dtype || has_dtype(plan->dtype, values)))
        memory = plan->values == Array ? Py_NewRef(values)
            : PyObject_GenericGetAttr(values, plan->values == ArrowText ? arrow_name : array_name);
    Py_XDECREF(values);
    return memory;
}

/* -1, perhaps with an exception, where it has none. */
static Py_ssize_t
rows_in(const BlockPlan *plan, PyObject *memory)
{
    if (plan->values == ArrowText)
        return PyObject_Size(memory);
    PyArrayObject *array = (PyArrayObject *)memory;
    int axes = kind_of(plan) == TEXTS ? 1 : 2;
    if (!Py_IS_TYPE(memory, Array) || PyArray_NDIM(array) != axes || PyArray_TYPE(array) != plan->type || !PyArray_ISNOTSWAPPED(array))
        return -1;
    return PyArray_DIM(array, axes - 1);
}

/* The texts of Arrow's memory, in the place of that memory. */
static int
read_texts(PyObject **held)
{
    PyObject *chunk = PyObject_CallMethodOneArg(*held, chunk_name, zero);
    PyObject *texts = chunk ? PyObject_CallMethodNoArgs(chunk, list_name) : NULL;
    Py_XDECREF(chunk);
    if (!texts)
        return 0;
    Py_SETREF(*held, texts);
    return PyList_CheckExact(texts);
}

/* Hold what the copy is made from, in `held`, which owns it. How many rows there are; 0 where that is left to Python. */
static Py_ssize_t
hold(const FramePlan *plan, PyObject *blocks, PyObject **held)
{
    Py_ssize_t rows = -1;
    for (Py_ssize_t i = 0; i < plan->blocks; i++) {
        held[i] = memory_of(&plan->block[i], PyTuple_GET_ITEM(blocks, i));
        Py_ssize_t found = held[i] ? rows_in(&plan->block[i], held[i]) : -1;
        if (found < 1 || found > MOST_DATA)
            return 0;
        rows = found;
    }
    for (Py_ssize_t i = 0; i < plan->blocks; i++)
        if (plan->block[i].values == ArrowText && (rows > MOST_TEXT_ROWS || !read_texts(&held[i])))
            return 0;
    return rows;
}


/* Copies. From here on no other code runs. */

/* Is what was held still of this shape? Another thread may have given an array another one. */
static int
still_fits(const FramePlan *plan, PyObject **held, Py_ssize_t rows)
{
    for (Py_ssize_t i = 0; i < plan->blocks; i++)
        if ((PyList_CheckExact(held[i]) ? PyList_GET_SIZE(held[i]) : rows_in(&plan->block[i], held[i])) != rows)
            return 0;
    for (Py_ssize_t i = 0; i < Py_SIZE(plan); i++)
        if (kind_of(&plan->block[plan->part[i].block]) != TEXTS
            && plan->part[i].first + plan->part[i].count > PyArray_DIM((PyArrayObject *)held[plan->part[i].block], 0))
            return 0;
    return 1;
}

static int
copy_raw(Frame *frame, const Part *part, int width, PyArrayObject *array, Py_ssize_t rows)
{
    if (!room(frame, part->count * rows * width))
        return 0;
    put_cells(frame, PyArray_BYTES(array) + part->first * PyArray_STRIDE(array, 0), part->count, PyArray_STRIDE(array, 0), rows,
              PyArray_STRIDE(array, 1), width);
    return 1;
}

/* Columns of texts: all lengths, then all texts. Other values than text are missing. */
static int
copy_texts(Frame *frame, const Part *part, Py_ssize_t parts, PyObject **held, Py_ssize_t rows)
{
    Py_ssize_t cells = parts * rows;
    if (!room(frame, 4 * cells))
        return 0;
    char *lengths = frame->at;
    frame->at += 4 * cells;
    for (Py_ssize_t cell = 0; cell < cells; cell++) {
        PyObject *memory = held[part[cell / rows].block], *text;
        if (PyList_CheckExact(memory))
            text = PyList_GET_ITEM(memory, cell % rows);
        else
            text = object_at(PyArray_BYTES((PyArrayObject *)memory) + cell % rows * PyArray_STRIDE((PyArrayObject *)memory, 0));
        const char *before = frame->at;
        if (PyUnicode_Check(text) && !pack_text(frame, text, 0))
            return 0;
        unsigned int length = PyUnicode_Check(text) ? (unsigned int)(frame->at - before) : NO_TEXT;
        memcpy(lengths + 4 * cell, &length, 4);
    }
    return 1;
}

static int
copy_objects(Frame *frame, const Part *part, PyArrayObject *array, Py_ssize_t rows)
{
    if (!room(frame, 3))
        return 0;
    pack_length(frame, rows, 16, 0x90, 0xdc, 2);
    const char *at = PyArray_BYTES(array) + part->first * PyArray_STRIDE(array, 0);
    for (Py_ssize_t row = 0; row < rows; row++)
        if (!pack_value(frame, object_at(at + row * PyArray_STRIDE(array, 1))))
            return 0;
    return 1;
}

static int
copy(Frame *frame, const FramePlan *plan, PyObject **held, Py_ssize_t rows)
{
    const Part *part = plan->part, *texts = part + plan->parts[RAW], *objects = texts + plan->parts[TEXTS];
    if (!still_fits(plan, held, rows))
        return 0;
    for (; part < texts; part++)
        if (!copy_raw(frame, part, width_of(plan->block[part->block].type), (PyArrayObject *)held[part->block], rows))
            return 0;
    if (texts < objects && !copy_texts(frame, texts, plan->parts[TEXTS], held, rows))
        return 0;
    if (!plan->parts[OBJECTS])
        return 1;
    if (!room(frame, 3))
        return 0;
    pack_length(frame, plan->parts[OBJECTS], 16, 0x90, 0xdc, 2);
    for (part = objects; part < objects + plan->parts[OBJECTS]; part++)
        if (!copy_objects(frame, part, (PyArrayObject *)held[part->block], rows))
            return 0;
    return 1;
}


/* Captures */

static int
capture_by(Frame *frame, FramePlan *plan, PyObject *index, PyObject *blocks)
{
    PyObject *held[MOST_BLOCKS] = {NULL};
    if (PyTuple_GET_SIZE(blocks) != plan->blocks || !has_labels(plan, index))
        return 0;
    Py_ssize_t rows = hold(plan, blocks, held);
    begin(frame);
    int well = rows > 0 && copy(frame, plan, held, rows) && found(frame, plan->schema, (unsigned int)rows);
    for (Py_ssize_t i = 0; i < plan->blocks; i++)
        Py_XDECREF(held[i]);
    return well;
}

/* By the first plan that fits. `plans`, `index` and `blocks` are owned by the caller: another thread may put others in their place. */
static int
capture_by_any(Frame *frame, PyObject *plans, PyObject *index, PyObject *blocks)
{
    int well = 0;
    for (Py_ssize_t i = 0; !well && i < PyList_GET_SIZE(plans) && !PyErr_Occurred(); i++) {
        PyObject *plan = PyList_GET_ITEM(plans, i);
        PyObject *compiled = Py_IS_TYPE(plan, CopyPlan) ? get(plan, &plan_compiled) : NULL;
        if (compiled && Py_IS_TYPE(compiled, &FramePlan_Type)) {
            Py_INCREF(compiled);
            well = capture_by(frame, (FramePlan *)compiled, index, blocks);
            Py_DECREF(compiled);
        }
    }
    return well;
}

/* A data frame of a make that Python has met. */
static int
capture_frame(Frame *frame, PyObject *data, PyObject *schemas)
{
    PyObject *plans = Py_XNewRef(get(schemas, &schemas_plans)), *manager = PyObject_GenericGetAttr(data, manager_name);
    int is_known = manager && Py_IS_TYPE(manager, Manager) && plans && PyList_CheckExact(plans), well = 0;
    PyObject *axes = is_known ? ask(manager, &manager_axes) : NULL, *blocks = axes ? ask(manager, &manager_blocks) : NULL;
    if (blocks && PyTuple_CheckExact(blocks) && PyList_CheckExact(axes) && PyList_GET_SIZE(axes) == 2) {
        PyObject *index = Py_NewRef(PyList_GET_ITEM(axes, 0));
        well = capture_by_any(frame, plans, index, blocks);
        Py_DECREF(index);
    }
    Py_XDECREF(blocks);
    Py_XDECREF(axes);
    Py_XDECREF(manager);
    Py_XDECREF(plans);
    return well;
}


/* FramePlan(schema, index, labels, blocks, parts): see `pandas_compiled.py`. */

static int
read_block(PyObject *given, BlockPlan *block)
{
    PyObject *cls, *values, *dtype, *columns;
    if (!PyArg_ParseTuple(given, "O!O!iOO:block", &PyType_Type, &cls, &PyType_Type, &values, &block->type, &dtype, &columns))
        return -1;
    block->block = (PyTypeObject *)Py_NewRef(cls);
    block->values = (PyTypeObject *)Py_NewRef(values);
    block->dtype = dtype == Py_None ? NULL : Py_NewRef(dtype);
    block->columns = Py_NewRef(columns);
    if (!PySlice_Check(columns) && !PyBytes_CheckExact(columns)) {
        PyErr_SetString(PyExc_TypeError, "columns are a slice or bytes");
        return -1;
    }
    return find_attribute(block->block, "values", &block->get_values) || find_attribute(block->block, "_mgr_locs", &block->get_places);
}

static int
read_part(FramePlan *plan, PyObject *given, Part *part)
{
    if (!PyArg_ParseTuple(given, "nnn:part", &part->block, &part->first, &part->count))
        return -1;
    int makes_sense = part->block >= 0 && part->block < plan->blocks && part->first >= 0 && part->first < MOST_DATA && part->count > 0
        && part->count < MOST_DATA;
    Kind kind = makes_sense ? kind_of(&plan->block[part->block]) : KINDS;
    if (kind == KINDS || (kind < OBJECTS && plan->parts[OBJECTS]) || (kind < TEXTS && plan->parts[TEXTS])) {
        PyErr_SetString(PyExc_ValueError, "a part is not taken here, or not in its place");
        return -1;
    }
    plan->parts[kind]++;
    return 0;
}

static PyObject *
FramePlan_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(named))
{
    PyObject *schema, *index, *labels, *blocks, *parts;
    if (!PyArg_ParseTuple(args, "OO!OO!O!:FramePlan", &schema, &PyType_Type, &index, &labels, &PyTuple_Type, &blocks, &PyTuple_Type, &parts))
        return NULL;
    Py_ssize_t count = PyTuple_GET_SIZE(blocks);
    if (!Array || !DataFrame || count < 1 || count > MOST_BLOCKS)
        return PyErr_Format(PyExc_ValueError, "%zd blocks are not taken here", count);
    FramePlan *self = (FramePlan *)type->tp_alloc(type, PyTuple_GET_SIZE(parts));
    if (!self)
        return NULL;
    self->schema = Py_NewRef(schema);
    self->labels = Py_NewRef(labels);
    self->index = (PyTypeObject *)Py_NewRef(index);
    int failed = 0;
    for (; !failed && self->blocks < count; self->blocks++)
        failed = read_block(PyTuple_GET_ITEM(blocks, self->blocks), &self->block[self->blocks]);
    for (Py_ssize_t i = 0; !failed && i < Py_SIZE(self); i++)
        failed = read_part(self, PyTuple_GET_ITEM(parts, i), &self->part[i]);
    if (!failed)
        return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static void
FramePlan_dealloc(FramePlan *self)
{
    for (Py_ssize_t i = 0; i < MOST_BLOCKS; i++) {
        Py_XDECREF(self->block[i].block);
        Py_XDECREF(self->block[i].values);
        Py_XDECREF(self->block[i].dtype);
        Py_XDECREF(self->block[i].columns);
    }
    Py_XDECREF(self->schema);
    Py_XDECREF(self->labels);
    Py_XDECREF(self->latest);
    Py_XDECREF(self->index);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyTypeObject FramePlan_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "modeldata.native.accelerator.FramePlan",
    .tp_doc = "FramePlan(schema, index, labels, blocks, parts): see pandas_compiled.compiled_plan.",
    .tp_basicsize = offsetof(FramePlan, part),
    .tp_itemsize = sizeof(Part),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = FramePlan_new,
    .tp_dealloc = (destructor)FramePlan_dealloc,
};
