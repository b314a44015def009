/* The ids of a call: what `request_id.py` finds. Part of accelerator.c, which has the rules. */

static PyTypeObject *Request;
static Slot request_ended = {.name = "_ended"}, request_bytes = {.name = "id_bytes"};
static PyObject *request_variable, *generators;

/* Flask, as it was when it was last met. */
static PyObject *flask_module, *flask_asks, *flask_variable, *flask_request;
static PyObject *flask_name, *asks_name, *variable_name, *request_name, *environ_name, *id_name;

/* Is this the Flask that is known, and does it still ask the variable that is known? Tests, and tools of theirs, put others into its place. */
static int
is_known_flask(PyObject *flask)
{
    if (flask != flask_module)
        return 0;
    PyObject *names = PyModule_GetDict(flask);
    return PyDict_GetItemWithError(names, asks_name) == flask_asks && PyDict_GetItemWithError(names, request_name) == flask_request
        && PyDict_GetItemWithError(PyFunction_GET_GLOBALS(flask_asks), variable_name) == flask_variable;
}

/* The id in Flask's environment of a request. The request may be of a class of the service's, and run its code. */
static int
put_environ_id(Frame *frame, PyObject *context)
{
    PyObject *request = PyObject_GetAttr(context, request_name), *environ = request ? PyObject_GetAttr(request, environ_name) : NULL;
    int well = 0;
    if (environ && PyDict_CheckExact(environ)) {
        PyObject *id = PyDict_GetItemWithError(environ, id_name);
        const char *before = frame->at;
        well = id && id != Py_None ? PyUnicode_CheckExact(id) && pack_text(frame, id, 0) : !PyErr_Occurred();
        frame->request = frame->at - before;
    }
    Py_XDECREF(environ);
    Py_XDECREF(request);
    return well;
}

/* The id of the request in which Flask is, if it is there and in one. */
static int
put_flask_id(Frame *frame)
{
    PyObject *flask = PyDict_GetItemWithError(PyImport_GetModuleDict(), flask_name), *context;
    if (!flask)
        return !PyErr_Occurred();
    if (!is_known_flask(flask) || PyContextVar_Get(flask_variable, NULL, &context))
        return 0;
    int well = !context || context == Py_None || put_environ_id(frame, context);
    Py_XDECREF(context);
    return well;
}

/* Correlation id and request id. False: they need a look by Python. */
static int
put_ids(Frame *frame, PyObject *correlation)
{
    PyObject *request, *id = NULL;
    frame->data = taken(frame);
    if (correlation) {
        if (!PyUnicode_CheckExact(correlation) || !pack_text(frame, correlation, 0))
            return 0;
    }
    frame->correlation = taken(frame) - frame->data;
    frame->request = 0;
    if (PyDict_GET_SIZE(generators) || PyContextVar_Get(request_variable, NULL, &request) || !request)
        return 0;
    int well;
    if (Py_IS_TYPE(request, Request)) {
        id = get(request, &request_bytes);
        well = id && PyBytes_CheckExact(id) && get(request, &request_ended) == Py_False && room(frame, PyBytes_GET_SIZE(id));
        if (well) {
            frame->request = PyBytes_GET_SIZE(id);
            put_bytes(frame, PyBytes_AS_STRING(id), frame->request);
        }
    } else
        well = request == Py_None && put_flask_id(frame);
    Py_DECREF(request);
    return well;
}
