/* Fields to readings: what Roles.read of jobs/readings/record.py says of a record, where that is certain. */
#include "parser.h"

static inline void put_row(parse_batch *out, int64_t row, reading reading)
{
    out->timestamp[row] = reading.timestamp;
    out->device[row] = reading.device;
    out->series[row] = reading.series;
    out->value[row] = reading.value;
    out->offset[row] = reading.offset;
    if (out->quality) out->quality[row] = reading.quality;
}

/* Whether `text` is among the marks; they are few. */
static inline bool is_among(const parse_spec *spec, int32_t first, int32_t count, span text)
{
    for (int32_t i = first; i < first + count; i++)
        if (same_text(spec->texts[i], text)) return true;
    return false;
}

static bool is_missing_for_metric(const parse_spec *spec, span text, span metric)
{
    for (int64_t i = 0; i < spec->missing_count; i++)
        if (same_text(spec->missing[i].text, text) && same_text(spec->missing[i].metric, metric)) return true;
    return false;
}

static inline bool record_time(parser *parser, const span *fields, int64_t *instant)
{
    const time_spec *spec = &parser->spec->time;
    if (spec->kind == TIME_NONE) return true;
    for (int32_t i = 0; i < spec->columns; i++) {
        parser->time_texts[i] = fields[parser->spec->time_fields[i]];
        if (!parser->time_texts[i].at) return false;
    }
    return read_time(spec, &parser->time, parser->time_texts, instant);
}

static inline bool is_missing(const parse_spec *spec, const value_role *role, span text, span metric)
{
    if (!text.at) return true;
    if (role->missing_sizes >> (text.size < 63 ? text.size : 63) & 1)
        if (is_among(spec, role->first_missing, role->missing_count, text)) return true;
    return UNLIKELY(spec->missing_count) && is_missing_for_metric(spec, text, metric);
}

/* The readings of a record, appended to the batch; false if it is not certain what they are. */
static bool take_record(parser *parser, const span *fields, int64_t offset, parse_batch *out)
{
    const parse_spec *spec = parser->spec;
    int64_t instant = INT64_MIN, row = out->rows, missing = 0, excluded = 0;
    if (!record_time(parser, fields, &instant)) return false;
    for (int32_t i = 0; i < spec->device_count; i++)
        if (fields[spec->device_fields[i]].size == 0) return false;
    span metric = spec->metric < 0 ? spec->constant_metric : fields[spec->metric];
    if (spec->metric >= 0 && metric.size == 0) return false;
    span unit = spec->unit < 0 || !fields[spec->unit].at ? NOTHING : fields[spec->unit];
    int32_t device = KEY_UNKNOWN;
    for (const value_role *role = spec->values; role < spec->values + spec->value_count; role++) {
        span text = fields[role->field], quality = NOTHING;
        if (role->quality >= 0 && fields[role->quality].at) quality = fields[role->quality];
        bool absent = is_missing(spec, role, text, metric);
        double value = 0;
        if (!absent && role->accept_count && !is_among(spec, role->first_accept, role->accept_count, quality)) {
            excluded++;
            if (!is_decodable(&parser->decoder, quality) || !is_decodable(&parser->decoder, text)) return false;
            continue;
        }
        if (!absent && UNLIKELY(!read_number(text, spec->decimal, &value))) {
            if (!spec->non_finite_missing || !is_non_finite(text)) return false;
            absent = true;
        }
        if (absent) {
            missing++;
            if (!is_decodable(&parser->decoder, quality)) return false;
            if (LIKELY(!out->absent)) continue;
            value = __builtin_nan("");
            quality = NOTHING;
        }
        int32_t mark = KEY_UNKNOWN;
        if (quality.size) {
            mark = code_of(parser, KEYS_QUALITIES, quality);
            if (mark < 0) return false;
        }
        if (device < 0) device = device_code(parser, fields);
        int32_t series = role->series >= 0 ? role->series : series_code(parser, metric, unit);
        if (UNLIKELY(device < 0 || series < 0)) return false;
        put_row(out, row++, (reading){instant, device, series, value / role->scale, offset, mark});
    }
    if (UNLIKELY(row == out->rows)) { /* nothing told yet whether the texts can be decoded */
        if (!is_decodable(&parser->decoder, metric) || !is_decodable(&parser->decoder, unit)) return false;
        for (int32_t i = 0; i < spec->device_count; i++)
            if (!is_decodable(&parser->decoder, fields[spec->device_fields[i]])) return false;
    }
    out->rows = row;
    out->missing += missing;
    out->excluded += excluded;
    out->lines++;
    return true;
}
