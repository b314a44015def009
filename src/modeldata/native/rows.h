/* Columns as Arrow has them → rows of CSV. Part of shipper.c, which has the rules. */

enum Need { ANYWHERE = 1, FIRST = 2, LAST = 4 };

/* Where in a cell a character asks for quotes; `encode/quotes.py` has the same. */
static const unsigned char NEEDS[256] = {
    [0] = ANYWHERE, ['\n'] = ANYWHERE, ['\r'] = ANYWHERE, ['"'] = ANYWHERE, [','] = ANYWHERE,
    ['\t'] = FIRST | LAST, ['\f'] = FIRST | LAST, [' '] = FIRST | LAST, ['#'] = FIRST,
};

/* kind: as in Arrow's C data interface (`b` is bool, `c` int8, ... `u` text, `U` text with long offsets), `t` a text that never
   needs quotes, and `0` `3` `6` `9` times with so many digits behind the second. */
typedef struct {
    char kind;
    int64_t offset;
    Py_buffer valid, values, text;      /* `obj` is NULL where there is none */
    int64_t second;                     /* of the last time, and its text */
    char moment[32];
    int moment_size;
} CsvColumn;

/* Bytes of a value, 0 for single bits; and the longest text of one, 0 for text. */
static int
width_of(char kind, int *longest)
{
    switch (kind) {
    case 'b': *longest = 5; return 0;
    case 'c': case 'C': *longest = 4; return 1;
    case 's': case 'S': *longest = 6; return 2;
    case 'i': case 'I': *longest = 11; return 4;
    case 'l': case 'L': *longest = 20; return 8;
    case 'f': *longest = FLOAT_TEXT; return 4;
    case 'g': *longest = FLOAT_TEXT; return 8;
    case '0': case '3': case '6': case '9': *longest = 40; return 8;
    case 'u': *longest = 0; return 4;
    case 'U': case 't': *longest = 0; return 8;
    default: return -1;
    }
}

/* A value of `width` bytes, wherever it lies. */
static inline uint64_t
unsigned_value(const void *values, int64_t at, int width)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)values + at * width, (size_t)width);
    return value;
}

static inline int64_t
signed_value(const void *values, int64_t at, int width)
{
    int unused = 64 - 8 * width;
    return (int64_t)(unsigned_value(values, at, width) << unused) >> unused;
}

static char *
unsigned_text(char *to, uint64_t number)
{
    char all[20], *end = all + sizeof all, *first = digits_before(end, number);
    return put(to, first, (size_t)(end - first));
}

static char *
signed_text(char *to, int64_t number)
{
    if (number < 0)
        *to++ = '-';
    return unsigned_text(to, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

/* `number` in so many digits, which are enough. */
static char *
padded(char *to, uint64_t number, int digits)
{
    for (char *at = to + digits; at > to; number /= 10)
        *--at = (char)('0' + number % 10);
    return to + digits;
}

/* Day and clock of a second since 1970, of any year: the calendar repeats itself every 400 years, here begun with March. */
static char *
second_text(char *to, int64_t second)
{
    int64_t days = second / 86400, clock = second % 86400;
    if (clock < 0)
        clock += 86400, days--;
    days += 719468;
    int64_t cycle = (days >= 0 ? days : days - 146096) / 146097, day = days - cycle * 146097;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    int64_t month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5 - 1;
    year += 400 * cycle + (month > 9);
    month += month > 9 ? -9 : 3;
    if (year >= 0 && year <= 9999)
        to = padded(to, (uint64_t)year, 4);
    else if (year < 0 && year > -1000)
        to = padded(put(to, "-", 1), (uint64_t)-year, 3);
    else
        to = signed_text(to, year);
    to = padded(put(to, "-", 1), (uint64_t)month, 2);
    to = padded(put(to, "-", 1), (uint64_t)day, 2);
    to = padded(put(to, "T", 1), (uint64_t)clock / 3600, 2);
    to = padded(put(to, ":", 1), (uint64_t)clock / 60 % 60, 2);
    return padded(put(to, ":", 1), (uint64_t)clock % 60, 2);
}

static char *
time_text(char *to, CsvColumn *column, int64_t count, int digits)
{
    int64_t per_second = digits == 9 ? 1000000000 : digits == 6 ? 1000000 : digits == 3 ? 1000 : 1;
    int64_t second = count / per_second, rest = count % per_second;
    if (rest < 0)
        rest += per_second, second--;
    if (!column->moment_size || column->second != second) {
        column->second = second;
        column->moment_size = (int)(second_text(column->moment, second) - column->moment);
    }
    to = put(to, column->moment, (size_t)column->moment_size);
    return digits ? padded(put(to, ".", 1), (uint64_t)rest, digits) : to;
}

/* Where a text begins, which is where the one before it ends. */
static inline int64_t
text_start(const CsvColumn *column, int64_t at)
{
    return column->kind == 'u' ? signed_value(column->values.buf, at, 4) : signed_value(column->values.buf, at, 8);
}

/* A user's own text, with quotes where a reader needs them. */
static char *
cell_text(char *to, const char *text, int64_t size)
{
    int needs = 0;
    for (int64_t at = 0; at < size; at++)
        needs |= NEEDS[(unsigned char)text[at]];
    if (size && !(needs & ANYWHERE) && !(NEEDS[(unsigned char)text[0]] & FIRST) && !(NEEDS[(unsigned char)text[size - 1]] & LAST))
        return put(to, text, (size_t)size);
    *to++ = '"';
    for (int64_t at = 0; at < size; at++) {
        if (text[at] == '"')
            *to++ = '"';
        *to++ = text[at];
    }
    *to++ = '"';
    return to;
}

static inline char *
put_cell(char *to, CsvColumn *column, int64_t row)
{
    int64_t at = column->offset + row;
    const void *values = column->values.buf;
    if (column->valid.obj && !(((const uint8_t *)column->valid.buf)[at >> 3] >> (at & 7) & 1))
        return to;
    switch (column->kind) {
    case 'b': return ((const uint8_t *)values)[at >> 3] >> (at & 7) & 1 ? put(to, "True", 4) : put(to, "False", 5);
    case 'c': return signed_text(to, signed_value(values, at, 1));
    case 's': return signed_text(to, signed_value(values, at, 2));
    case 'i': return signed_text(to, signed_value(values, at, 4));
    case 'l': return signed_text(to, signed_value(values, at, 8));
    case 'C': return unsigned_text(to, unsigned_value(values, at, 1));
    case 'S': return unsigned_text(to, unsigned_value(values, at, 2));
    case 'I': return unsigned_text(to, unsigned_value(values, at, 4));
    case 'L': return unsigned_text(to, unsigned_value(values, at, 8));
    case 'f': return single_text(to, (uint32_t)unsigned_value(values, at, 4));
    case 'g': return double_text(to, unsigned_value(values, at, 8));
    case 'u': case 'U': case 't': {
        int64_t start = text_start(column, at), size = text_start(column, at + 1) - start;
        const char *text = (const char *)column->text.buf + start;
        return column->kind == 't' ? put(to, text, (size_t)size) : cell_text(to, text, size);
    }
    default: return time_text(to, column, signed_value(values, at, 8), column->kind - '0');
    }
}

/* The whole of a row, with the comma behind each cell and the line break behind the last. */
static char *
put_rows(char *to, CsvColumn *columns, Py_ssize_t count, Py_ssize_t rows)
{
    for (Py_ssize_t row = 0; row < rows; row++) {
        for (Py_ssize_t n = 0; n < count; n++) {
            to = put_cell(to, &columns[n], row);
            *to++ = ',';
        }
        to[-1] = '\n';
    }
    return to;
}

/* Do the places of texts lie behind each other, and within their buffer? How many bytes they have; -1 where not. */
static int64_t
text_bytes(const CsvColumn *column, Py_ssize_t rows)
{
    int64_t first = text_start(column, column->offset), last = first;
    for (Py_ssize_t row = 1; row <= rows; row++) {
        int64_t next = text_start(column, column->offset + row);
        if (next < last)
            return -1;
        last = next;
    }
    return first < 0 || last > column->text.len ? -1 : last - first;
}

/* The most bytes that a column's cells can have, the commas between them too; -1 where a buffer is too small for its rows. */
static int64_t
most_bytes(const CsvColumn *column, Py_ssize_t rows)
{
    int longest, width = width_of(column->kind, &longest);
    int64_t upto;
    if (width < 0 || column->offset < 0 || rows > PY_SSIZE_T_MAX / 64 || column->offset > PY_SSIZE_T_MAX / 64)
        return -1;
    upto = column->offset + rows;
    if (column->valid.obj && column->valid.len < (upto + 7) / 8)
        return -1;
    if (longest)
        return column->values.len < (width ? upto * width : (upto + 7) / 8) ? -1 : rows * (longest + 1);
    if (column->values.len < (upto + 1) * width)
        return -1;
    int64_t bytes = text_bytes(column, rows);
    return bytes < 0 ? -1 : (column->kind == 't' ? bytes : 2 * bytes + 2 * rows) + rows;
}

static int
lend(PyObject *from, Py_buffer *buffer)
{
    return from == Py_None ? 0 : PyObject_GetBuffer(from, buffer, PyBUF_SIMPLE);
}

static int
read_column(PyObject *from, CsvColumn *column)
{
    PyObject *valid, *values, *text;
    int kind;
    if (!PyTuple_Check(from)) {
        PyErr_SetString(PyExc_TypeError, "a column is (kind, offset, valid, values, text)");
        return -1;
    }
    if (!PyArg_ParseTuple(from, "CLOOO", &kind, &column->offset, &valid, &values, &text))
        return -1;
    column->kind = kind < 128 ? (char)kind : 0;
    return lend(valid, &column->valid) || lend(values, &column->values) || lend(text, &column->text) ? -1 : 0;
}

/* All rows, or NULL with an error. */
static PyObject *
made_rows(CsvColumn *columns, Py_ssize_t count, Py_ssize_t rows)
{
    int64_t room = 0, most;
    for (Py_ssize_t n = 0; n < count; n++) {
        most = most_bytes(&columns[n], rows);
        if (most < 0 || __builtin_add_overflow(room, most, &room) || room > PY_SSIZE_T_MAX / 2)
            return PyErr_Format(PyExc_ValueError, "column %zd has less in it than %zd rows", n, rows);
    }
    PyObject *lines = PyBytes_FromStringAndSize(NULL, room);
    if (!lines)
        return NULL;
    char *start = PyBytes_AS_STRING(lines), *end;
    Py_BEGIN_ALLOW_THREADS
    end = put_rows(start, columns, count, rows);
    Py_END_ALLOW_THREADS
    _PyBytes_Resize(&lines, end - start);
    return lines;
}

static PyObject *
csv_rows(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *given, *lines = NULL;
    Py_ssize_t rows, count, n = 0;
    if (!PyArg_ParseTuple(args, "O!n:csv_rows", &PyTuple_Type, &given, &rows))
        return NULL;
    count = PyTuple_GET_SIZE(given);
    if (!count || rows < 0)
        return PyErr_Format(PyExc_ValueError, "%zd columns of %zd rows are no rows", count, rows);
    CsvColumn *columns = PyMem_Calloc((size_t)count, sizeof *columns);
    if (!columns)
        return PyErr_NoMemory();
    while (n < count && !read_column(PyTuple_GET_ITEM(given, n), &columns[n]))
        n++;
    if (n == count)
        lines = made_rows(columns, count, rows);
    for (n = 0; n < count; n++) {
        PyBuffer_Release(&columns[n].valid);
        PyBuffer_Release(&columns[n].values);
        PyBuffer_Release(&columns[n].text);
    }
    PyMem_Free(columns);
    return lines;
}
