/* The commonest lines, one after the other: an ISO timestamp, a device and a metric met before, a value, and nothing else to
 * look at. The first line that is another, or not certain, is left to the rest of the parser.
 */
#include "parser.h"

enum { SIMPLE_SEPARATORS = 30 };

/* What every row asks for: copies, as the compiler must expect that storing a row changes what they were copied from. */
typedef struct {
    const time_spec *time;
    time_memory memory;
    const key_table *devices, *metrics;
    const int32_t *series;
    uint64_t missing_sizes;
    uint8_t decimal;
} simple_state;

static bool is_simple(const parse_spec *spec)
{
    const layout_spec *layout = &spec->layout;
    if (layout->layout == LAYOUT_FIXED || layout->separators > SIMPLE_SEPARATORS) return false;
    if (layout->strip_blanks || layout->trailing_blanks) return false;
    return spec->time.kind == TIME_ISO && spec->device_count == 1 && spec->metric >= 0 && spec->value_count == 1 &&
           spec->values->series < 0 && spec->values->scale == 1 && !spec->values->accept_count &&
           !spec->missing_count && !spec->utf8;
}

static inline bool simple_reading(simple_state *state, span time, span device, span metric, span text, reading *out)
{
    if (!time.at || !text.at || !device.size || !metric.size) return false;
    if (!read_iso(state->time, &state->memory, time, &out->timestamp)) return false;
    if (out->timestamp < state->time->min || out->timestamp > state->time->max) return false;
    if (state->missing_sizes >> (text.size < 63 ? text.size : 63) & 1) return false;
    if (!read_number(text, state->decimal, &out->value)) return false;
    int32_t known = key_find(state->metrics, metric);
    out->device = key_find(state->devices, device);
    if (UNLIKELY(known < 0 || out->device < 0)) return false;
    out->series = state->series[known];
    out->quality = KEY_UNKNOWN;
    return true;
}

static inline const uint8_t *simple_delimited(const parse_spec *spec, simple_state *state,
                                              const uint8_t *data, const uint8_t *at, const uint8_t *limit,
                                              int64_t base, parse_batch *out)
{
    const layout_spec *layout = &spec->layout;
    const int32_t *columns = layout->columns;
    const value_role *role = spec->values;
    const int32_t time = columns[*spec->time_fields], device = columns[*spec->device_fields];
    const int32_t metric = columns[spec->metric], value = columns[role->field];
    const int32_t unit = spec->unit < 0 ? -1 : columns[spec->unit], mark = role->quality < 0 ? -1 : columns[role->quality];
    const int32_t separators = layout->separators;
    const uint8_t delimiter = layout->delimiter, quote = quote_of(layout);
    const bool may_skip = layout->skip_blank_rows, has_comment = layout->has_comment;
    const uint8_t comment = layout->comment;
    const int64_t room = out->row_room;
    int64_t row = out->rows;
    uint32_t stops[SIMPLE_SEPARATORS + 2] = {UINT32_MAX}; /* field i lies behind stops[i] and before stops[i + 1] */
    for (; at < limit && row < room; row++) {
        if (has_comment && UNLIKELY(*at == comment)) break;
        if (may_skip && UNLIKELY(*at == delimiter || *at == ' ' || *at == '\t')) break;
        const uint8_t *newline = find_expected(at, separators, delimiter, quote, stops);
        if (UNLIKELY(!newline)) break;
        stops[separators + 1] = (uint32_t)(newline - at) - (newline[-1] == '\r');
#define FIELD(column) ((span){at + (uint32_t)(stops[column] + 1), (int64_t)(stops[(column) + 1] - (uint32_t)(stops[column] + 1))})
        if ((unit >= 0 && FIELD(unit).size) || (mark >= 0 && FIELD(mark).size)) break;
        reading found;
        if (UNLIKELY(!simple_reading(state, FIELD(time), FIELD(device), FIELD(metric), FIELD(value), &found))) break;
#undef FIELD
        found.offset = base + (at - data);
        put_row(out, row, found);
        at = newline + 1;
    }
    out->rows = row;
    return at;
}

static inline const uint8_t *simple_json(const parse_spec *spec, simple_state *state, line *line, const uint8_t *data,
                                         const uint8_t *at, const uint8_t *limit, int64_t base, parse_batch *out)
{
    const int64_t room = out->row_room;
    int64_t row = out->rows;
    for (; at < limit && row < room; row++) {
        const json_template *template = &spec->layout.templates[line->favourite];
        const span *fields = line->fields;
        if (!fits(&spec->layout, template, at, line)) break;
        if ((spec->unit >= 0 && fields[spec->unit].size)) break;
        if (spec->values->quality >= 0 && fields[spec->values->quality].size) break;
        reading found;
        span time = fields[*spec->time_fields], device = fields[*spec->device_fields];
        if (!simple_reading(state, time, device, fields[spec->metric], fields[spec->values->field], &found)) break;
        found.offset = base + (at - data);
        put_row(out, row, found);
        at = line->next;
    }
    out->rows = row;
    return at;
}

/* Takes lines from `at` on, up to the first that is not simple, or the batch's room; where it stopped. */
static const uint8_t *take_simple_lines(parser *parser, const uint8_t *data, const uint8_t *at, const uint8_t *limit,
                                        int64_t base, parse_batch *out)
{
    const parse_spec *spec = parser->spec;
    simple_state state = {.time = &spec->time,
                          .memory = parser->time,
                          .devices = &parser->keys->table[KEYS_DEVICES],
                          .metrics = &parser->by_metric.table,
                          .series = parser->by_metric.codes,
                          .missing_sizes = spec->values->missing_sizes,
                          .decimal = spec->decimal};
    line *line = &parser->line;
    int64_t newlines = line->newlines, rows = out->rows;
    if (spec->layout.layout == LAYOUT_DELIMITED) {
        if (!line->quoted) at = simple_delimited(spec, &state, data, at, limit, base, out);
    } else if (line->favourite < spec->layout.template_count && line->filled == line->favourite) {
        at = simple_json(spec, &state, line, data, at, limit, base, out);
    }
    line->newlines = newlines + (out->rows - rows); /* not of a line that was cut, but is left */
    out->lines += out->rows - rows;
    parser->time = state.memory;
    return at;
}
