/* A frame in the making: values as msgpack, header and checksums. Part of accelerator.c, which has the rules. */

enum { HEADER = 48, MOST_FRAME = 8 * 1024 - 1, MOST_DATA = MOST_FRAME - HEADER - 7 };
/* MOST_FRAME: `segment.DIRECT_BYTES` are the first that go another way. A test compares them. */

/* A frame in the making */

typedef struct {
    PyObject *schema;       /* owned */
    unsigned int rows;
    Py_ssize_t data, correlation, request;      /* their sizes; the bytes lie in this order behind the header */
    char *at;               /* where the next byte goes */
    char *end;              /* nothing goes here */
    char bytes[MOST_FRAME + 1];
} Frame;

static inline void
begin(Frame *frame)
{
    frame->schema = NULL;
    frame->at = frame->bytes + HEADER;
    frame->end = frame->at + MOST_DATA;
}

static inline Py_ssize_t
taken(const Frame *frame)
{
    return frame->at - frame->bytes - HEADER;
}

/* Header, checksums and padding, as `frame.pack_data` makes them. The size of the whole. */
static Py_ssize_t
seal(Frame *frame, unsigned int salt, long long sequence, long long time_ns, unsigned int definition)
{
    char *head = frame->bytes;
    Py_ssize_t payload = taken(frame), size = HEADER + payload + (-payload & 7);
    unsigned int data = (unsigned int)frame->data;
    unsigned short ids[2] = {(unsigned short)frame->correlation, (unsigned short)frame->request};
    unsigned int check = (unsigned int)XXH3_64bits_withSeed(head + HEADER, (size_t)payload, salt);
    memcpy(head, "\xf5MDf\1\2\0\0", 8);     /* magic, DATA, CHECK_XXH3, no flags */
    memcpy(head + 8, &sequence, 8);
    memcpy(head + 16, &time_ns, 8);
    memcpy(head + 24, &frame->rows, 4);
    memcpy(head + 28, &definition, 4);
    memcpy(head + 32, &data, 4);
    memcpy(head + 36, ids, 4);
    memcpy(head + 40, &check, 4);
    check = (unsigned int)XXH3_64bits_withSeed(head, 44, salt);
    memcpy(head + 44, &check, 4);
    memset(head + HEADER + payload, 0, (size_t)(size - HEADER - payload));
    return size;
}

/* Values as msgpack */

static inline int
room(const Frame *frame, Py_ssize_t size)
{
    return size <= frame->end - frame->at;
}

static inline void
put_byte(Frame *frame, unsigned int byte)
{
    *frame->at++ = (char)byte;
}

/* `width` bytes of a number, the highest first. */
static inline void
put_number(Frame *frame, unsigned long long number, int width)
{
    number = __builtin_bswap64(number) >> (64 - 8 * width);
    memcpy(frame->at, &number, (size_t)width);
    frame->at += width;
}

static inline void
pack_int(Frame *frame, long long value)
{
    if (value >= -32 && value < 128)
        put_byte(frame, (unsigned int)value & 0xff);
    else {
        unsigned long long size = value < 0 ? ~(unsigned long long)value << 1 : (unsigned long long)value;
        int power = size < 1ull << 8 ? 0 : size < 1ull << 16 ? 1 : size < 1ull << 32 ? 2 : 3;
        put_byte(frame, (value < 0 ? 0xd0u : 0xccu) + (unsigned int)power);
        put_number(frame, (unsigned long long)value << (64 - (8 << power)) >> (64 - (8 << power)), 1 << power);
    }
}

/* The length of a text, of bytes or of a list, in its shortest form. `fix`: below this the length is part of the first byte. */
static inline void
pack_length(Frame *frame, Py_ssize_t length, Py_ssize_t fix, unsigned int small, unsigned int first, int least)
{
    if (length < fix)
        put_byte(frame, small | (unsigned int)length);
    else {
        int width = length < 1 << 8 ? 1 : 2;    /* more does not fit into a frame */
        width = width < least ? least : width;
        put_byte(frame, first + (unsigned int)(width > least));
        put_number(frame, (unsigned long long)length, width);
    }
}

static inline void
put_bytes(Frame *frame, const char *bytes, Py_ssize_t size)
{
    memcpy(frame->at, bytes, (size_t)size);
    frame->at += size;
}

/* UTF-8, as by `surrogatepass`. At most `4 * length` bytes, for which there must be room. */
static void
put_letters(Frame *frame, PyObject *text, Py_ssize_t length)
{
    int kind = PyUnicode_KIND(text);
    const void *letters = PyUnicode_DATA(text);
    for (Py_ssize_t i = 0; i < length; i++) {
        Py_UCS4 letter = PyUnicode_READ(kind, letters, i);
        if (letter < 0x80)
            put_byte(frame, letter);
        else if (letter < 0x800) {
            put_byte(frame, 0xc0 | letter >> 6);
            put_byte(frame, 0x80 | (letter & 0x3f));
        } else {
            if (letter < 0x10000)
                put_byte(frame, 0xe0 | letter >> 12);
            else {
                put_byte(frame, 0xf0 | letter >> 18);
                put_byte(frame, 0x80 | (letter >> 12 & 0x3f));
            }
            put_byte(frame, 0x80 | (letter >> 6 & 0x3f));
            put_byte(frame, 0x80 | (letter & 0x3f));
        }
    }
}

static Py_ssize_t
utf8_size(PyObject *text, Py_ssize_t length)
{
    int kind = PyUnicode_KIND(text);
    const void *letters = PyUnicode_DATA(text);
    Py_ssize_t size = 0;
    for (Py_ssize_t i = 0; i < length; i++) {
        Py_UCS4 letter = PyUnicode_READ(kind, letters, i);
        size += letter < 0x80 ? 1 : letter < 0x800 ? 2 : letter < 0x10000 ? 3 : 4;
    }
    return size;
}

/* A text, with its length where it is a value. False: no room. */
static int
pack_text(Frame *frame, PyObject *text, int is_value)
{
#if PY_VERSION_HEX < 0x030c0000
    if (PyUnicode_READY(text))
        return PyErr_Clear(), 0;
#endif
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    if (!room(frame, length))
        return 0;
    Py_ssize_t size = PyUnicode_IS_ASCII(text) ? length : utf8_size(text, length);
    if (!room(frame, size + 5))
        return 0;
    if (is_value)
        pack_length(frame, size, 32, 0xa0, 0xd9, 1);
    if (size == length)
        put_bytes(frame, (const char *)PyUnicode_DATA(text), size);
    else
        put_letters(frame, text, length);
    return 1;
}

/* False: it is not plain, or there is no room for it. */
static int
pack_value(Frame *frame, PyObject *value)
{
    if (!room(frame, 9))
        return 0;
    if (PyFloat_CheckExact(value)) {
        unsigned long long bits;
        double number = PyFloat_AS_DOUBLE(value);
        memcpy(&bits, &number, 8);
        put_byte(frame, 0xcb);
        put_number(frame, bits, 8);
        return 1;
    }
    if (PyLong_CheckExact(value)) {
        long long number;
        if (!as_number(value, &number))
            return 0;
        pack_int(frame, number);
        return 1;
    }
    if (PyUnicode_CheckExact(value))
        return pack_text(frame, value, 1);
    if (value == Py_None || PyBool_Check(value)) {
        put_byte(frame, value == Py_None ? 0xc0 : value == Py_True ? 0xc3 : 0xc2);
        return 1;
    }
    if (PyBytes_CheckExact(value)) {
        Py_ssize_t size = PyBytes_GET_SIZE(value);
        if (!room(frame, size + 5))
            return 0;
        pack_length(frame, size, 0, 0, 0xc4, 1);
        put_bytes(frame, PyBytes_AS_STRING(value), size);
        return 1;
    }
    return 0;
}
