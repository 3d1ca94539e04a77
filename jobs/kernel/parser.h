/* The parser: a dialect applied to an object's columns, and the columns of readings that it fills. Structures marked
 * "shared" have a twin in jobs/readings/kernel_spec.py or kernel_lines.py. */
#ifndef JOBS_KERNEL_PARSER_H
#define JOBS_KERNEL_PARSER_H

#include "parsing.h"

/* Shared. A column of values. Markers and marks are texts[first .. first + count). */
typedef struct {
    int32_t field;
    int32_t quality; /* its field, -1 for none */
    int32_t series;  /* -1: by the record's metric and unit */
    int32_t first_missing, missing_count;
    int32_t first_accept, accept_count;
    int32_t unused;
    uint64_t missing_sizes; /* bit i: a marker has i bytes; bit 63: 63 or more */
    double scale;
} value_role;

/* Shared. A text that goes with a metric: its unit, or a missing marker. */
typedef struct {
    span metric, text;
} metric_text;

/* Shared. A dialect applied to the columns of an object; fields are indices of the record's needed ones, -1 for none. */
typedef struct {
    layout_spec layout;
    time_spec time;
    const int32_t *time_fields;
    const int32_t *device_fields;
    int32_t device_count; /* 0: `device` is the code of every record's device */
    int32_t device;
    span join;
    int32_t metric;
    int32_t unit;
    span constant_metric;
    const metric_text *units; /* UTF-8 */
    int64_t unit_count;
    const metric_text *missing; /* raw bytes */
    int64_t missing_count;
    const value_role *values;
    int64_t value_count;
    const span *texts;
    const uint8_t (*utf8)[4];
    uint8_t decimal;
    uint8_t non_finite_missing;
} parse_spec;

/* Shared. Columns to fill (quality may be NULL), exceptions as (begin, stop, line number), and what the last call did. */
typedef struct {
    int64_t *timestamp;
    int32_t *device, *series;
    double *value;
    int64_t *offset;
    int32_t *quality;
    int64_t *exceptions;
    int64_t row_room, exception_room;
    int64_t absent;      /* whether missing values are wanted as rows too, whose value is NaN */
    int64_t rows, exception_count, lines, missing, excluded;
    int64_t position;    /* where to go on */
    int64_t line_number; /* of the line there; to be set before the first call */
} parse_batch;

typedef enum { PARSE_DONE, PARSE_FULL, PARSE_LOST, PARSE_NO_MEMORY } parse_status;

/* Codes by the raw bytes of metric and unit. */
typedef struct {
    key_table table;
    int32_t *codes;
    int32_t room;
} series_memory;

typedef struct {
    const parse_spec *spec;
    key_store *keys;
    time_memory time;
    line line;
    span *time_texts;
    text_decoder decoder;
    series_memory by_metric, by_metric_and_unit;
    uint8_t *scratch[2];
    int64_t scratch_room[2];
    bool no_memory;
} parser;

static const span NOTHING = {(const uint8_t *)"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 0};

/* ---- codes.c: names to codes, negative where there is none or no memory (parser->no_memory) ---- */

static inline bool same_text(span a, span b);
static inline int32_t code_of(parser *parser, int which, span raw);
static inline int32_t device_code(parser *parser, const span *fields);
static inline int32_t series_code(parser *parser, span metric, span unit);

/* ---- records.c: fields to readings ---- */

typedef struct {
    int64_t timestamp;
    int32_t device, series;
    double value;
    int64_t offset;
    int32_t quality;
} reading;

static inline void put_row(parse_batch *out, int64_t row, reading reading);
static bool take_record(parser *parser, const span *fields, int64_t offset, parse_batch *out);

/* ---- simple.c: the same for the commonest lines ---- */

static bool is_simple(const parse_spec *spec);
static const uint8_t *take_simple_lines(parser *parser, const uint8_t *data, const uint8_t *at, const uint8_t *limit,
                                        int64_t base, parse_batch *out);

#endif
