/* Statistics of readings by (device, series, bucket of time, window), exact whatever the order; and their sketch.
 *
 * Batches go through in small steps, so that the cache misses of many rows overlap: hash and ask for the table's line;
 * look up and ask for the group's lines; add.
 */
#include "exact.h"
#include "time_buckets.h"

enum { GROUPS_STEP = 32, GROUPS_CHUNK_BITS = 13, GROUPS_CHUNK = 1 << GROUPS_CHUNK_BITS, GROUPS_TABLE_BITS = 12,
       GROUPS_SPARSE_BITS = 17 };
enum { GROUPS_OK = 0, GROUPS_NO_MEMORY = -1, GROUPS_TIME = -2 };
enum { PLACE_WINDOWS = 32, PLACE_BIAS = 16 }; /* windows go from -10 to 9 */

/* key: group number + 1 in the high half, index of the sketch in the low; 0 is free. */
typedef struct {
    uint64_t key;
    int64_t count;
} cell_t;

typedef struct {
    uint64_t *table; /* hash in the high half, group number + 1 in the low; 0 is free */
    uint32_t table_bits, used, chunk_count, chunk_room;
    moments_t **chunks;
    cell_t *cells;
    uint32_t cell_bits;
    int32_t per_octave;
    int64_t cells_used;
    time_buckets_t buckets;
} groups_t;

/* One row on its way in. */
typedef struct {
    scaled_t x;
    uint64_t bits;
    int64_t place;
    uint32_t hash, at, group;
} row_t;

EXPORT void groups_free(groups_t *g) {
    if (!g) return;
    for (uint32_t i = 0; i < g->chunk_count; i++) free(g->chunks[i]);
    free(g->chunks);
    free(g->table);
    free(g->cells);
    free(g->buckets.starts);
    free(g->buckets.shifts);
    free(g->buckets.numbers);
    free(g);
}

static int64_t *groups_copy(const int64_t *from, int64_t n) {
    int64_t *copy = malloc((size_t)n * sizeof *copy);
    if (copy) memcpy(copy, from, (size_t)n * sizeof *copy);
    return copy;
}

/* Groups by buckets: see time_buckets.h; spans >= 1. per_octave: buckets of the sketch in each octave, 0 for no sketch.
   NULL where memory is short. */
EXPORT groups_t *groups_new(int64_t spans, const int64_t *starts, const int64_t *shifts, const int64_t *numbers,
                            int64_t size, int64_t cycle, int32_t per_octave) {
    groups_t *g = calloc(1, sizeof *g);
    if (!g) return NULL;
    g->table_bits = GROUPS_TABLE_BITS;
    g->cell_bits = GROUPS_TABLE_BITS;
    g->per_octave = per_octave;
    g->table = calloc((size_t)1 << g->table_bits, sizeof *g->table);
    g->cells = per_octave ? calloc((size_t)1 << g->cell_bits, sizeof *g->cells) : NULL;
    g->buckets = (time_buckets_t){.spans = spans, .size = size, .cycle = cycle};
    g->buckets.starts = groups_copy(starts, spans);
    g->buckets.shifts = groups_copy(shifts, spans);
    g->buckets.numbers = groups_copy(numbers, spans);
    bool copied = g->buckets.starts && g->buckets.shifts && g->buckets.numbers;
    if (g->table && (g->cells || !per_octave) && copied) return g;
    groups_free(g);
    return NULL;
}

static inline moments_t *group_at(const groups_t *g, uint32_t number) {
    return &g->chunks[number >> GROUPS_CHUNK_BITS][number & (GROUPS_CHUNK - 1)];
}

static inline uint32_t group_hash(int32_t device, int32_t series, int64_t place) {
    uint64_t x = (uint64_t)(uint32_t)device << 32 | (uint32_t)series;
    x = (x ^ (uint64_t)place * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xD6E8FEB86659FD93);
    return (uint32_t)((x ^ x >> 32) * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

/* Room in the table for a step's groups: at most half full, and a quarter while it is small, as groups that share a place
   cost a wrong guess of the processor. */
static bool groups_grow_table(groups_t *g) {
    for (uint64_t wanted = (uint64_t)g->used + GROUPS_STEP;;) {
        uint64_t times = g->table_bits < GROUPS_SPARSE_BITS ? 4 : 2;
        if (times * wanted <= UINT64_C(1) << g->table_bits) return true;
        uint32_t bits = g->table_bits + 1, mask = (UINT32_C(1) << bits) - 1;
        if (bits > 31) return false;
        uint64_t *table = calloc((size_t)1 << bits, sizeof *table);
        if (!table) return false;
        for (size_t i = 0; i < (size_t)1 << g->table_bits; i++) {
            if (!g->table[i]) continue;
            uint32_t at = (uint32_t)(g->table[i] >> 32) >> (32 - bits);
            while (table[at]) at = (at + 1) & mask;
            table[at] = g->table[i];
        }
        free(g->table);
        g->table = table;
        g->table_bits = bits;
    }
}

/* Room in the chunks for a step's groups. */
static bool groups_grow_chunks(groups_t *g) {
    while ((uint64_t)g->used + GROUPS_STEP > (uint64_t)g->chunk_count << GROUPS_CHUNK_BITS) {
        if (g->chunk_count == g->chunk_room) {
            uint32_t room = g->chunk_room ? 2 * g->chunk_room : 16;
            moments_t **chunks = realloc(g->chunks, room * sizeof *chunks);
            if (!chunks) return false;
            g->chunks = chunks;
            g->chunk_room = room;
        }
        moments_t *chunk = aligned_alloc(128, GROUPS_CHUNK * sizeof *chunk);
        if (!chunk) return false;
        g->chunks[g->chunk_count++] = chunk;
    }
    return true;
}

static inline uint32_t cell_place(uint64_t key, uint32_t bits) {
    uint64_t x = key * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)((x ^ x >> 32) * UINT64_C(0xD6E8FEB86659FD93) >> (64 - bits));
}

static bool groups_grow_cells(groups_t *g) {
    while ((g->cells_used + GROUPS_STEP) * 2 > INT64_C(1) << g->cell_bits) {
        uint32_t bits = g->cell_bits + 1, mask = (UINT32_C(1) << bits) - 1;
        if (bits > 31) return false;
        cell_t *cells = calloc((size_t)1 << bits, sizeof *cells);
        if (!cells) return false;
        for (size_t i = 0; i < (size_t)1 << g->cell_bits; i++) {
            if (!g->cells[i].key) continue;
            uint32_t at = cell_place(g->cells[i].key, bits);
            while (cells[at].key) at = (at + 1) & mask;
            cells[at] = g->cells[i];
        }
        free(g->cells);
        g->cells = cells;
        g->cell_bits = bits;
    }
    return true;
}

/* The group of a row, made if it is new; `at` is where its search goes on. */
static inline uint32_t group_find(groups_t *g, const row_t *row, int32_t device, int32_t series) {
    uint32_t at = row->at, mask = (UINT32_C(1) << g->table_bits) - 1;
    for (uint64_t entry; (entry = g->table[at]); at = (at + 1) & mask) {
        if ((uint32_t)(entry >> 32) != row->hash) continue;
        const moments_t *m = group_at(g, (uint32_t)entry - 1);
        if (m->place == row->place && m->device == device && m->series == series) return (uint32_t)entry - 1;
    }
    g->table[at] = (uint64_t)row->hash << 32 | (g->used + 1);
    *group_at(g, g->used) = (moments_t){.device = device, .series = series, .place = row->place, .min = INT64_MAX,
                                        .max = INT64_MIN, .first = INT64_MAX, .last = INT64_MIN};
    return g->used++;
}

/* The index of a double in the sketch: jobs/partials/sketch.py; the operations and their order are the same. */
static inline int32_t sketch_index(uint64_t bits, int32_t per_octave) {
    uint64_t significand;
    int32_t exponent = exponent_of(bits, &significand);
    if (!significand) return 0;
    double s = (double)(int64_t)(significand - (UINT64_C(1) << 52)) * 0x1p-52;
    int32_t bucket = (int32_t)((((6.0 / 35.0) * s + -3.0 / 5.0) * s + 10.0 / 7.0) * s * per_octave);
    int32_t index = 1 + per_octave * (exponent + 1074) + (bucket < per_octave ? bucket : per_octave - 1);
    return bits >> 63 ? -index : index;
}

static void groups_count(groups_t *g, int32_t n, row_t *rows) {
    uint64_t key[GROUPS_STEP];
    for (int32_t i = 0; i < n; i++) {
        key[i] = (uint64_t)(rows[i].group + 1) << 32 | (uint32_t)sketch_index(rows[i].bits, g->per_octave);
        rows[i].at = cell_place(key[i], g->cell_bits);
        __builtin_prefetch(&g->cells[rows[i].at], 1);
    }
    uint32_t mask = (UINT32_C(1) << g->cell_bits) - 1;
    for (int32_t i = 0; i < n; i++) {
        uint32_t at = rows[i].at;
        while (g->cells[at].key && g->cells[at].key != key[i]) at = (at + 1) & mask;
        g->cells_used += !g->cells[at].key;
        g->cells[at].key = key[i];
        g->cells[at].count++;
    }
}

static int groups_step(groups_t *g, int32_t n, const int64_t *time, const int32_t *device, const int32_t *series,
                       const double *value) {
    row_t rows[GROUPS_STEP];
    uint32_t shift = 32 - g->table_bits, mask = (UINT32_C(1) << g->table_bits) - 1;
    for (int32_t i = 0; i < n; i++) {
        row_t *row = &rows[i];
        int64_t bucket;
        if (!time_bucket(&g->buckets, time[i], &bucket)) return GROUPS_TIME;
        row->bits = bits_of(value[i]);
        row->x = scaled_of(row->bits);
        row->place = bucket * PLACE_WINDOWS + (row->x.window + PLACE_BIAS);
        row->hash = group_hash(device[i], series[i], row->place);
        row->at = row->hash >> shift;
        __builtin_prefetch(&g->table[row->at]);
    }
    for (int32_t i = 0; i < n; i++) {
        uint32_t at = rows[i].at;
        uint64_t entry;
        while ((entry = g->table[at]) && (uint32_t)(entry >> 32) != rows[i].hash) at = (at + 1) & mask;
        rows[i].at = at;
        if (!entry) continue;
        const char *lines = (const char *)group_at(g, (uint32_t)entry - 1);
        __builtin_prefetch(lines, 1);
        __builtin_prefetch(lines + 64, 1);
    }
    for (int32_t i = 0; i < n; i++) {
        rows[i].group = group_find(g, &rows[i], device[i], series[i]);
        add_reading(group_at(g, rows[i].group), time[i], rows[i].bits, rows[i].x);
    }
    if (g->per_octave) groups_count(g, n, rows);
    return GROUPS_OK;
}

/* Takes n readings in. After GROUPS_NO_MEMORY, or GROUPS_TIME (a timestamp or bucket out of range), the groups hold a
   part of them and are good for nothing but groups_free. */
EXPORT int32_t groups_add(groups_t *g, int64_t n, const int64_t *time, const int32_t *device, const int32_t *series,
                          const double *value) {
    for (int64_t from = 0; from < n; from += GROUPS_STEP) {
        int32_t step = n - from < GROUPS_STEP ? (int32_t)(n - from) : GROUPS_STEP;
        if (!groups_grow_table(g) || !groups_grow_chunks(g) || (g->per_octave && !groups_grow_cells(g)))
            return GROUPS_NO_MEMORY;
        int32_t done = groups_step(g, step, time + from, device + from, series + from, value + from);
        if (done != GROUPS_OK) return done;
    }
    return GROUPS_OK;
}

EXPORT int64_t groups_used(const groups_t *g) { return g->used; }
EXPORT int64_t groups_cells(const groups_t *g) { return g->cells_used; }

/* The memory that the groups take up: their own, and the tables. */
EXPORT int64_t groups_bytes(const groups_t *g) {
    int64_t cells = g->cells ? (int64_t)sizeof *g->cells << g->cell_bits : 0;
    return (int64_t)g->used * (int64_t)sizeof(moments_t) + ((int64_t)sizeof *g->table << g->table_bits) + cells;
}

static inline int64_t group_bucket(int64_t place, int64_t *window) {
    int64_t rest = (int64_t)((uint64_t)place & (PLACE_WINDOWS - 1));
    int64_t bucket = (place - rest) / PLACE_WINDOWS;
    *window = rest - PLACE_BIAS;
    return bucket == -BUCKET_LIMIT ? NO_TIME : bucket;
}

/* Writes the n groups from number `from` on as columns of n integers, one behind the other: device,
   series, bucket, window, count, min, max, first, last, s0..s4, q0..q9. */
EXPORT void groups_stats(const groups_t *g, int64_t from, int64_t n, int64_t *columns) {
    for (int64_t i = 0; i < n; i++) {
        const moments_t *m = group_at(g, (uint32_t)(from + i));
        int64_t *out = columns + i, window;
        out[0] = m->device;
        out[n] = m->series;
        out[2 * n] = group_bucket(m->place, &window);
        out[3 * n] = window;
        out[4 * n] = m->count;
        out[5 * n] = m->min;
        out[6 * n] = m->max;
        out[7 * n] = m->first;
        out[8 * n] = m->last;
        put_words(m->sum, 5, out + 9 * n, n);
        put_words(m->squares, 10, out + 14 * n, n);
    }
}

/* Writes the sketch's next n cells, from place `from` of the table on, as columns of n integers: device, series, bucket,
   index, count. There must be so many. The place to go on from. */
EXPORT int64_t groups_sketch(const groups_t *g, int64_t from, int64_t n, int64_t *columns) {
    int64_t *out = columns, places = INT64_C(1) << g->cell_bits;
    for (; from < places && out < columns + n; from++) {
        const cell_t *cell = &g->cells[from];
        if (!cell->key) continue;
        const moments_t *m = group_at(g, (uint32_t)(cell->key >> 32) - 1);
        int64_t window;
        out[0] = m->device;
        out[n] = m->series;
        out[2 * n] = group_bucket(m->place, &window);
        out[3 * n] = (int32_t)(uint32_t)cell->key;
        out[4 * n] = cell->count;
        out++;
    }
    return from;
}

/* Empties the groups. Their memory stays for the next; the tables are halved, so that one that had just grown does not
   count as full when it is empty. False where memory is short. */
EXPORT bool groups_clear(groups_t *g) {
    g->table_bits -= g->table_bits > GROUPS_TABLE_BITS;
    free(g->table);
    g->table = calloc((size_t)1 << g->table_bits, sizeof *g->table);
    if (g->per_octave) {
        g->cell_bits -= g->cell_bits > GROUPS_TABLE_BITS;
        free(g->cells);
        g->cells = calloc((size_t)1 << g->cell_bits, sizeof *g->cells);
    }
    g->used = 0;
    g->cells_used = 0;
    return g->table && (g->cells || !g->per_octave);
}
