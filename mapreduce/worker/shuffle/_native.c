/*
 * The loops over all lines of a job, compiled: partition, Merge and
 * count_newlines.
 *
 * python_loops.py does the same in Python; loops.py chooses one of the two.
 * Nothing here opens, reads or waits. All memory is Python's, so tracemalloc
 * counts it, and bounded by the blocks. The GIL is held, a millisecond or so.
 *
 * C99 and the limited API of Python 3.10: one build serves all later versions.
 * Words are put together from bytes: no alignment or byte order is assumed.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

/* ------------------------------------------------------------------------
 * MD5 (RFC 1321) of many keys side by side.
 *
 * Each step of MD5 waits for the one before it, so a processor that hashes one
 * key is idle for most of the time. Here a word is a vector with a lane for
 * each of 16 keys. Any compiler that has vectors turns an operation on one
 * into several instructions that do not wait for each other; one that has
 * none compiles the same code with one lane.
 */
#if defined(__GNUC__)
#define LANES 16
#define FEW_LANES 5 /* in use: then one key after the other is as fast */
typedef uint32_t Vector __attribute__((vector_size(4 * LANES)));
#else
#define LANES 1
#define FEW_LANES 0
typedef uint32_t Vector;
#endif

#define CHUNK 64 /* bytes that MD5 takes in at a time */
#define WORDS 16 /* of four bytes in a chunk */

/* The same word of all lanes, as a vector and one by one. */
typedef union {
    Vector vector;
    uint32_t lanes[LANES];
} Word;

static const uint32_t SINES[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a,
    0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be,
    0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340,
    0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
    0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c,
    0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
    0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92,
    0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
    0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};

#define F(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define G(x, y, z) F(z, x, y)
#define H(x, y, z) ((x) ^ (y) ^ (z))
#define I(x, y, z) ((y) ^ ((x) | ~(z)))

#define STEP(f, a, b, c, d, word, shift, step)                    \
    a += f(b, c, d) + WORD(message[(word) % WORDS]) + SINES[step]; \
    a = b + (a << (shift) | a >> (32 - (shift)));

/* 16 steps; each takes the word that is "next" words after the last. */
#define ROUND(f, word, next, s0, s1, s2, s3, step)                           \
    for (int i = 0; i < 16; i += 4) {                                        \
        STEP(f, a, b, c, d, (word) + i * (next), s0, (step) + i)             \
        STEP(f, d, a, b, c, (word) + (i + 1) * (next), s1, (step) + i + 1)   \
        STEP(f, c, d, a, b, (word) + (i + 2) * (next), s2, (step) + i + 2)   \
        STEP(f, b, c, d, a, (word) + (i + 3) * (next), s3, (step) + i + 3)   \
    }

/* Take a chunk of a message into a state; WORD picks the lanes of a word. */
#define HASH(type)                               \
    type a = WORD(state[0]), b = WORD(state[1]); \
    type c = WORD(state[2]), d = WORD(state[3]); \
    ROUND(F, 0, 1, 7, 12, 17, 22, 0)             \
    ROUND(G, 1, 5, 5, 9, 14, 20, 16)             \
    ROUND(H, 5, 3, 4, 11, 16, 23, 32)            \
    ROUND(I, 0, 7, 6, 10, 15, 21, 48)            \
    WORD(state[0]) += a, WORD(state[1]) += b;    \
    WORD(state[2]) += c, WORD(state[3]) += d;

static void hash_all_lanes(Word state[4], const Word message[WORDS]) {
#define WORD(word) (word).vector
    HASH(Vector)
#undef WORD
}

static void hash_lane(Word state[4], const Word message[WORDS], int lane) {
#define WORD(word) (word).lanes[lane]
    HASH(uint32_t)
#undef WORD
}

/* ------------------------------------------------------------------------
 * partition: the keys of a block, and the partitions of its lines.
 */
/* The line that a lane works on. */
typedef struct {
    const unsigned char *bytes;
    size_t length; /* bytes of its key */
    size_t hashed; /* bytes of the message that is made of the key */
    size_t size;   /* bytes of the line, with its newline */
    size_t number; /* of the line in the block */
} Line;

/* A block, and what is known of its lines. */
typedef struct {
    const char *next; /* the first line that no lane has got */
    const char *end;
    size_t number;        /* that of this line */
    uint64_t modulus;     /* the number of partitions */
    uint64_t powers[3];   /* 2^96, 2^64 and 2^32, by that modulus */
    uint32_t *partitions; /* of each line */
    size_t *sizes;        /* bytes of each partition */
} Block;

/* Return the end of a line: its newline, or the end of the block. */
static const char *end_of_line(const char *line, const char *end) {
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    return newline ? newline : end;
}

/* Return how many newlines there are. They are counted in runs that a byte can
 * count: a compiler that has vectors then looks at 16 bytes at once. */
static size_t newlines_in(const char *byte, const char *end) {
    size_t number = 0;
    while (byte < end) {
        size_t size = end - byte < 240 ? (size_t)(end - byte) : 240;
        unsigned char count = 0;
        for (size_t i = 0; i < size; i++)
            count += byte[i] == '\n';
        number += count;
        byte += size;
    }
    return number;
}

/* Give the next line of a block to a lane; return 0 if there is none. */
static int begin_line(Block *block, Line *line, Word state[4], int lane) {
    const char *begin = block->next;
    if (begin == block->end)
        return 0;
    const char *newline = end_of_line(begin, block->end);
    size_t length = (size_t)(newline - begin);
    const char *tab = memchr(begin, '\t', length);
    line->bytes = (const unsigned char *)begin;
    line->length = tab ? (size_t)(tab - begin) : length;
    line->hashed = 0;
    line->size = length + 1;
    line->number = block->number++;
    block->next = newline == block->end ? newline : newline + 1;
    state[0].lanes[lane] = 0x67452301, state[1].lanes[lane] = 0xefcdab89;
    state[2].lanes[lane] = 0x98badcfe, state[3].lanes[lane] = 0x10325476;
    return 1;
}

/* Put the next chunk of a line's message (its key, 0x80, zeros, its length)
 * into its lane, which is all zeros. Return whether that is the last chunk. */
static int load_chunk(Line *line, Word message[WORDS], int lane) {
    size_t done = line->hashed < line->length ? line->hashed : line->length;
    const unsigned char *bytes = line->bytes + done;
    size_t size = line->length - done < CHUNK ? line->length - done : CHUNK;
    for (size_t i = 0; i < size / 4; i++, bytes += 4)
        message[i].lanes[lane] = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8
            | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    if (size < CHUNK && line->hashed <= line->length) {
        uint32_t word = 0x80;
        for (size_t i = size % 4; i-- > 0;)
            word = word << 8 | bytes[i];
        message[size / 4].lanes[lane] = word;
    }
    line->hashed += CHUNK;
    if (line->length + 9 > line->hashed)
        return 0;
    uint64_t bits = (uint64_t)line->length * 8;
    message[WORDS - 2].lanes[lane] = (uint32_t)bits;
    message[WORDS - 1].lanes[lane] = (uint32_t)(bits >> 32);
    return 1;
}

/* Note the partition of the line whose key a lane has hashed to its end. */
static void end_line(Block *block, const Line *line, const Word state[4],
                     int lane) {
    uint64_t sum = 0;
    for (int i = 0; i < 4; i++) {
        /* The digest is big-endian, and its words are little-endian. */
        uint32_t word = state[i].lanes[lane];
        uint32_t value = word >> 24 | (word >> 8 & 0xff00)
            | (word & 0xff00) << 8 | word << 24;
        sum += i < 3 ? value * block->powers[i] : value;
    }
    uint32_t partition = (uint32_t)(sum % block->modulus);
    block->partitions[line->number] = partition;
    block->sizes[partition] += line->size;
}

/*
 * Find the partition of each line. A lane whose key has ended gets the next
 * line: so a long key does not hold up the others.
 */
static void find_partitions(Block *block) {
    Line lines[LANES];
    Word state[4], message[WORDS];
    int is_last[LANES];
    int used = 0;

    memset(state, 0, sizeof(state));
    while (used < LANES && begin_line(block, &lines[used], state, used))
        used++;
    while (used > 0) {
        memset(message, 0, sizeof(message));
        for (int lane = 0; lane < used; lane++)
            is_last[lane] = load_chunk(&lines[lane], message, lane);
        if (used > FEW_LANES)
            hash_all_lanes(state, message);
        else
            for (int lane = 0; lane < used; lane++)
                hash_lane(state, message, lane);
        /* Backwards, as the last lane in use moves to an empty place. */
        for (int lane = used - 1; lane >= 0; lane--) {
            if (!is_last[lane])
                continue;
            end_line(block, &lines[lane], state, lane);
            if (begin_line(block, &lines[lane], state, lane))
                continue;
            lines[lane] = lines[--used];
            for (int i = 0; i < 4; i++)
                state[i].lanes[lane] = state[i].lanes[used];
        }
    }
}

/* Return a list of bytes objects of these sizes, and where each begins. */
static PyObject *make_blocks(const size_t *sizes, char **places,
                             Py_ssize_t n) {
    PyObject *blocks = PyList_New(n);
    for (Py_ssize_t i = 0; blocks && i < n; i++) {
        PyObject *block = PyBytes_FromStringAndSize(
            NULL, (Py_ssize_t)sizes[i]);
        if (block) {
            places[i] = PyBytes_AsString(block);
            PyList_SetItem(blocks, i, block);
        } else {
            Py_CLEAR(blocks);
        }
    }
    return blocks;
}

/* Copy each line to the place of its partition, which moves on. */
static void copy_lines(const char *line, const char *end,
                       const uint32_t *partitions, char **places) {
    while (line < end) {
        const char *newline = end_of_line(line, end);
        size_t length = (size_t)(newline - line);
        char **place = &places[*partitions++];
        memcpy(*place, line, length);
        (*place)[length] = '\n';
        *place += length + 1;
        line = newline + 1;
    }
}

static PyObject *partition(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *bytes, *blocks = NULL;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "Sn:partition", &bytes, &n))
        return NULL;
    if (n < 1 || n > 1 << 20) /* The sum in end_line has 64 bits. */
        return PyErr_Format(PyExc_ValueError, "n must be from 1 to 2**20");
    const char *begin = PyBytes_AsString(bytes);
    const char *end = begin + PyBytes_Size(bytes);
    size_t lines = newlines_in(begin, end) + (begin < end && end[-1] != '\n');
    uint64_t modulus = (uint64_t)n;
    uint64_t power = ((uint64_t)1 << 32) % modulus;
    uint32_t *partitions = PyMem_Malloc(lines * sizeof(*partitions));
    size_t *sizes = PyMem_Calloc((size_t)n, sizeof(*sizes));
    char **places = PyMem_Malloc((size_t)n * sizeof(*places));
    if (partitions && sizes && places) {
        Block block = {
            begin, end, 0, modulus,
            {power * power % modulus * power % modulus,
             power * power % modulus, power},
            partitions, sizes};
        find_partitions(&block);
        blocks = make_blocks(sizes, places, n);
        if (blocks)
            copy_lines(begin, end, partitions, places);
    } else {
        PyErr_NoMemory();
    }
    PyMem_Free(places);
    PyMem_Free(sizes);
    PyMem_Free(partitions);
    return blocks;
}

/* ------------------------------------------------------------------------
 * Merge: a tree of losers (Knuth, volume 3, 5.4.1).
 *
 * Each stream is a leaf. An inner node holds the stream that lost there; the
 * winner of all is at node 0. When its line has gone out, its next one plays
 * against the losers on its way to the root, and no others.
 */
typedef struct {
    PyObject *iterator;  /* gives blocks of whole lines */
    PyObject *block;     /* the one that holds the line */
    const char *line;    /* the line that is next; NULL at the end */
    const char *newline; /* where the line ends */
    const char *end;     /* of the block */
} Stream;

/* Its first bytes nearly always decide, without a look at the line itself. */
typedef struct {
    uint64_t prefix; /* 8 bytes, the first one on top; zeros after the line */
    Stream *stream;
} Player;

typedef struct {
    PyObject_HEAD
    Py_ssize_t num_streams, num_playing;
    Stream *streams;
    Player *tree;
    char *buffer; /* for what has been merged of a block ... */
    size_t size;  /* ... which may have so many bytes */
    int is_taken; /* whether the winner's line has gone out */
    enum { PAUSED, RUNNING, ENDED } state;
} Merge;

/* Return the prefix of a stream's line; at the end, one that loses. */
static uint64_t prefix_of(const Stream *stream) {
    if (!stream->line)
        return UINT64_MAX;
    const unsigned char *bytes = (const unsigned char *)stream->line;
    size_t length = (size_t)(stream->newline - stream->line);
    uint64_t prefix = 0;
    for (size_t i = 0; i < 8; i++)
        prefix = prefix << 8 | (i < length ? bytes[i] : 0);
    return prefix;
}

/* Return whether a line comes before another; newlines are not compared. */
static int is_before(Player a, Player b) {
    if (a.prefix != b.prefix)
        return a.prefix < b.prefix;
    if (!a.stream->line || !b.stream->line)
        return a.stream->line != NULL;
    size_t a_length = (size_t)(a.stream->newline - a.stream->line);
    size_t b_length = (size_t)(b.stream->newline - b.stream->line);
    int order = memcmp(a.stream->line, b.stream->line,
                       a_length < b_length ? a_length : b_length);
    return order ? order < 0 : a_length < b_length;
}

/* Take the next block of a stream that is not empty; return -1 on an error. */
static int next_block(Stream *stream) {
    char *block;
    Py_ssize_t size;
    stream->line = NULL;
    do {
        Py_CLEAR(stream->block); /* before the next one is made */
        stream->block = PyIter_Next(stream->iterator);
        if (!stream->block)
            return PyErr_Occurred() ? -1 : 0;
        if (PyBytes_AsStringAndSize(stream->block, &block, &size) < 0)
            return -1;
    } while (size == 0);
    if (block[size - 1] != '\n') {
        PyErr_SetString(PyExc_ValueError, "a block must end with a newline");
        return -1;
    }
    stream->line = block;
    stream->end = block + size;
    stream->newline = end_of_line(stream->line, stream->end);
    return 0;
}

/*
 * Let a stream play against the losers on its way to the root. In a tree that
 * is not complete, the first one to come to a place stays there.
 */
static void play(Merge *self, Stream *stream) {
    Player winner = {prefix_of(stream), stream};
    Py_ssize_t node = (self->num_streams + (stream - self->streams)) / 2;
    for (; node > 0; node /= 2) {
        Player loser = self->tree[node];
        if (!loser.stream || is_before(loser, winner)) {
            self->tree[node] = winner;
            if (!loser.stream)
                return;
            winner = loser;
        }
    }
    self->tree[0] = winner;
}

/* Find the next winner when a line has gone out; return -1 on an error. */
static int advance(Merge *self) {
    Stream *stream = self->tree[0].stream;
    const char *line = stream->line;
    size_t size = (size_t)(stream->newline + 1 - line);
    if (stream->newline + 1 == stream->end) {
        if (next_block(stream) < 0)
            return -1;
    } else {
        stream->line += size;
        /* The same line again wins again: many texts repeat few lines. */
        if ((size_t)(stream->end - stream->line) >= size
                && memcmp(stream->line, line, size) == 0) {
            stream->newline += size;
            return 0;
        }
        stream->newline = end_of_line(stream->line, stream->end);
    }
    play(self, stream);
    return 0;
}

/* Return the next block; NULL at the end, or with an error set. */
static PyObject *merge_block(Merge *self) {
    size_t used = 0;
    for (; self->num_playing < self->num_streams; self->num_playing++) {
        Stream *stream = &self->streams[self->num_playing];
        if (next_block(stream) < 0)
            return NULL;
        play(self, stream);
    }
    for (;;) {
        /* Late: a long line that went out is gone before the next is read. */
        if (self->is_taken && advance(self) < 0)
            return NULL;
        self->is_taken = 0;
        const Stream *stream = self->tree[0].stream;
        if (!stream || !stream->line)
            break;
        size_t size = (size_t)(stream->newline + 1 - stream->line);
        if (size > self->size - used && used)
            break;
        self->is_taken = 1;
        if (size > self->size)
            return PyBytes_FromStringAndSize(stream->line, (Py_ssize_t)size);
        memcpy(self->buffer + used, stream->line, size);
        used += size;
    }
    return used ? PyBytes_FromStringAndSize(self->buffer, (Py_ssize_t)used)
                : NULL;
}

static PyObject *Merge_next(PyObject *object) {
    Merge *self = (Merge *)object;
    /* A stream, or another thread meanwhile, may ask for the next block. */
    if (self->state == RUNNING)
        return PyErr_Format(PyExc_ValueError, "Merge is already running");
    if (self->state == ENDED)
        return NULL;
    self->state = RUNNING;
    PyObject *block = merge_block(self);
    self->state = block ? PAUSED : ENDED;
    return block;
}

static void Merge_dealloc(PyObject *object) {
    Merge *self = (Merge *)object;
    PyTypeObject *type = Py_TYPE(object);
    for (Py_ssize_t i = 0; i < self->num_streams; i++) {
        Py_XDECREF(self->streams[i].iterator);
        Py_XDECREF(self->streams[i].block);
    }
    PyMem_Free(self->streams);
    PyMem_Free(self->tree);
    PyMem_Free(self->buffer);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyObject *Merge_new(PyTypeObject *type, PyObject *args,
                           PyObject *Py_UNUSED(kwargs)) {
    PyObject *list;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "O!n:Merge", &PyList_Type, &list, &size))
        return NULL;
    if (size < 1)
        return PyErr_Format(PyExc_ValueError, "size must be at least 1");
    Merge *self = (Merge *)PyType_GenericAlloc(type, 0);
    if (!self)
        return NULL;
    Py_ssize_t number = PyList_Size(list);
    self->size = (size_t)size;
    self->streams = PyMem_Calloc((size_t)number, sizeof(*self->streams));
    self->tree = PyMem_Calloc((size_t)number + 1, sizeof(*self->tree));
    self->buffer = PyMem_Malloc(self->size);
    if (!self->streams || !self->tree || !self->buffer) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    for (; self->num_streams < number; self->num_streams++) {
        PyObject *item = PyList_GetItem(list, self->num_streams);
        PyObject *iterator = item ? PyObject_GetIter(item) : NULL;
        if (!iterator) {
            Py_DECREF(self);
            return NULL;
        }
        self->streams[self->num_streams].iterator = iterator;
    }
    return (PyObject *)self;
}

static PyType_Slot Merge_slots[] = {
    {Py_tp_doc, "Merge(streams, size, /)"},
    {Py_tp_new, Merge_new},
    {Py_tp_dealloc, Merge_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, Merge_next},
    {0, NULL}};

/* No garbage collection: no stream of ours holds the Merge that reads it. */
static PyType_Spec Merge_spec = {
    "mapreduce.worker.shuffle._native.Merge", sizeof(Merge), 0,
    Py_TPFLAGS_DEFAULT, Merge_slots};

static PyObject *count_newlines(PyObject *Py_UNUSED(module), PyObject *block) {
    char *bytes;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(block, &bytes, &size) < 0)
        return NULL;
    return PyLong_FromSize_t(newlines_in(bytes, bytes + size));
}

static PyMethodDef methods[] = {
    {"partition", partition, METH_VARARGS, "partition(block, n, /)"},
    {"count_newlines", count_newlines, METH_O, "count_newlines(block, /)"},
    {NULL, NULL, 0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", NULL, -1, methods, 0, 0, 0, 0};

PyMODINIT_FUNC PyInit__native(void) {
    PyObject *module = PyModule_Create(&definition);
    PyObject *type = PyType_FromSpec(&Merge_spec);
    if (module && (!type || PyModule_AddObjectRef(module, "Merge", type) < 0))
        Py_CLEAR(module);
    Py_XDECREF(type);
    return module;
}
