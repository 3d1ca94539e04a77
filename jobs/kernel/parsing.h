/* What the parts of the parser share. Structures marked "shared" have a twin in jobs/readings/kernel_spec.py. */
#ifndef JOBS_KERNEL_PARSING_H
#define JOBS_KERNEL_PARSING_H

#include "kernel.h"
#include "simd.h"

/* A text in someone else's memory. Of a field, NULL says that it is not there; 16 bytes at `at` can always be read. */
typedef struct {
    const uint8_t *at;
    int64_t size;
} span;

/* ---- keys.c: texts and their codes ---- */

typedef struct {
    uint64_t head, tail; /* a text of up to 16 bytes, filled with zeros; a longer one's hash and last eight bytes */
    uint32_t size;
    int32_t code; /* -1 in an empty slot */
} key_slot;

/* Texts by code, in the order of first use: text i is texts[offsets[i]..offsets[i + 1]). */
typedef struct {
    key_slot *slots;
    uint64_t mask; /* slots - 1 */
    int32_t count;
    int32_t room; /* of offsets */
    int32_t *offsets;
    uint8_t *texts;
    int64_t texts_room;
} key_table;

enum { KEYS_DEVICES, KEYS_SERIES, KEYS_QUALITIES, KEYS_TABLES };

typedef struct {
    key_table table[KEYS_TABLES];
} key_store;

enum { KEY_UNKNOWN = -1, KEY_NO_MEMORY = -2 };

static int32_t key_find(const key_table *table, span text);
static int32_t key_add(key_table *table, span text);
static bool key_table_init(key_table *table);
static void key_table_free(key_table *table);

/* ---- text.c ---- */

/* How bytes become texts. utf8: NULL if they are UTF-8 already, else of each byte its length and up to three bytes of
 * UTF-8, from the lowest on; length 0 for a byte that stands for nothing. */
typedef struct {
    const uint8_t (*utf8)[4];
    uint8_t *buffer; /* of the last text that had to be converted, and room for one more of 16 bytes */
    int64_t room;
} text_decoder;

static inline bool is_ascii(span text);
static bool is_decodable(const text_decoder *decoder, span raw);
static bool decode(text_decoder *decoder, span raw, span *text);

/* ---- number.c ---- */

#define ALL(byte) (0x0101010101010101u * (uint64_t)(byte))

static inline bool is_digit(uint8_t byte) { return (uint8_t)(byte - '0') <= 9; }
static inline uint64_t eight_digits_value(uint64_t digits);

/* The double that a number stands for, if that is certain: grammar and rounding as jobs/readings/numbers.py. */
static inline bool read_number(span text, uint8_t decimal, double *value);
static inline const uint8_t *json_number_end(const uint8_t *at);
static bool is_non_finite(span text);

/* ---- time.c ---- */

enum { TIME_NONE, TIME_ISO, TIME_PATTERN, TIME_EPOCH };

/* Shared. How timestamps are read: spans of local time that are one instant each (ascending), limits in µs UTC. */
typedef struct {
    int32_t kind;
    int32_t exponent;       /* of an epoch: µs = number * 10^exponent */
    int32_t columns;        /* how many fields, the first of the record's needed ones in time_fields */
    int32_t spans;
    const int64_t *from, *to, *offset;
    int64_t min, max;
    const uint8_t *program; /* of patterns: see time.c */
} time_spec;

/* What was last read: the first 16 bytes of an ISO timestamp, their minute, and the span of local time it fell in. */
typedef struct {
    uint64_t head, tail;
    int64_t minute;
    int32_t span;
} time_memory;

static inline bool read_time(const time_spec *spec, time_memory *memory, const span *texts, int64_t *instant);
static inline bool read_iso(const time_spec *spec, time_memory *memory, span text, int64_t *instant); /* any range */

/* ---- fields.c: from a line to its needed fields ---- */

enum { LAYOUT_DELIMITED, LAYOUT_FIXED, LAYOUT_JSON };

/* Shared. What stands before a value that is needed as field `field` (-1: not needed), zeros behind it to a multiple of
 * eight bytes; its first 16 bytes also as words, the bytes beyond its end masked. */
typedef struct {
    const uint8_t *literal;
    int32_t size;
    int32_t field;
    uint64_t words[2], masks[2];
} json_segment;

/* Shared. The literals and values of a line, in its order; `tail` follows the last value. */
typedef struct {
    const json_segment *segments;
    int64_t count;
    span tail;
} json_template;

/* Shared. */
typedef struct {
    int32_t layout;
    int32_t fields;          /* how many fields are needed */
    const int32_t *columns;  /* of each needed field: its column (delimited), its first byte (fixed) */
    const int32_t *widths;   /* fixed */
    int32_t line_size;       /* fixed: the least */
    int32_t separators;      /* delimited: delimiters of a record */
    int32_t trailing_blanks; /* delimited: how many of the last fields must be empty */
    uint8_t delimiter;
    uint8_t quote; /* 0 for none */
    uint8_t newline_in_quotes;
    uint8_t strip_blanks;
    uint8_t skip_blank_rows;
    uint8_t has_comment;
    uint8_t comment; /* its first byte */
    const json_template *templates;
    int32_t template_count;
} layout_spec;

typedef enum { CUT_FIELDS, CUT_BLANK, CUT_EXCEPTION, CUT_LOST } cut;

/* A line being cut. stops: room for separators + 74 positions. */
typedef struct {
    const uint8_t *stop; /* where it ends, without its line end; set for CUT_EXCEPTION too */
    const uint8_t *next; /* where the next begins */
    int64_t newlines;    /* line ends passed, its own included */
    span *fields;
    uint32_t *stops;
    uint8_t *spare, *spare_at; /* for texts that differ from their bytes; NULL before a line's first */
    int64_t spare_room;
    bool quoted;       /* the last one had quotes */
    int32_t favourite; /* the template that fitted last */
    int32_t filled;    /* the template whose values are in `fields`, all others being NULL */
} line;

static inline cut exception(line *line, const uint8_t *begin);
static inline void end_line(line *line, const uint8_t *begin, const uint8_t *newline);
static uint8_t *spare_of(const layout_spec *spec, const uint8_t *at, line *line);
static span end_spare(line *line, uint8_t *text, uint8_t *stop);
static inline bool fits(const layout_spec *spec, const json_template *template, const uint8_t *at, line *line);
static inline cut cut_json(const layout_spec *spec, const uint8_t *at, line *line);

static inline cut cut_line(const layout_spec *spec, const uint8_t *at, const uint8_t *end, line *line);

#endif
