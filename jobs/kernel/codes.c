/* Names to codes: devices, series of metric and unit, quality marks. */
#include "parser.h"

static uint8_t *scratch_of(parser *parser, int which, int64_t size)
{
    if (UNLIKELY(size + 16 > parser->scratch_room[which])) {
        uint8_t *scratch = realloc(parser->scratch[which], (size_t)(2 * size + 16));
        if (!scratch) {
            parser->no_memory = true;
            return NULL;
        }
        parser->scratch[which] = scratch;
        parser->scratch_room[which] = 2 * size + 16;
    }
    return parser->scratch[which];
}

static inline uint8_t *append(uint8_t *out, span text)
{
    if (text.size) memcpy(out, text.at, (size_t)text.size);
    return out + text.size;
}

static inline bool same_text(span a, span b)
{
    return a.size == b.size && (a.size == 0 || (*a.at == *b.at && memcmp(a.at, b.at, (size_t)a.size) == 0));
}

/* The code of what `raw` stands for; negative if that is nothing. */
static inline int32_t code_of(parser *parser, int which, span raw)
{
    key_table *table = &parser->keys->table[which];
    bool exact = !parser->decoder.utf8 || is_ascii(raw);
    int32_t code = exact ? key_find(table, raw) : KEY_UNKNOWN;
    if (LIKELY(code >= 0)) return code;
    span text;
    if (!decode(&parser->decoder, raw, &text)) return KEY_UNKNOWN;
    code = key_add(table, text);
    parser->no_memory |= code == KEY_NO_MEMORY;
    return code;
}

static inline int32_t device_code(parser *parser, const span *fields)
{
    const parse_spec *spec = parser->spec;
    if (spec->device_count == 0) return spec->device;
    if (LIKELY(spec->device_count == 1)) return code_of(parser, KEYS_DEVICES, fields[spec->device_fields[0]]);
    int64_t size = 0;
    for (int32_t i = 0; i < spec->device_count; i++) {
        span part = fields[spec->device_fields[i]];
        /* parts that are no texts might make one together */
        if (!spec->join.size && !is_ascii(part)) return KEY_UNKNOWN;
        size += part.size + spec->join.size;
    }
    uint8_t *scratch = scratch_of(parser, 0, size), *out = scratch;
    if (!scratch) return KEY_NO_MEMORY;
    for (int32_t i = 0; i < spec->device_count; i++) {
        if (i) out = append(out, spec->join);
        out = append(out, fields[spec->device_fields[i]]);
    }
    return code_of(parser, KEYS_DEVICES, (span){scratch, out - scratch});
}

/* The code of a series that was not met before in these bytes: a key of the series' table is the metric's length in four
 * bytes, the metric, and, where there is a unit, a byte 1 and the unit. */
static int32_t new_series(parser *parser, span raw_metric, span raw_unit)
{
    const parse_spec *spec = parser->spec;
    span metric, unit = raw_unit;
    if (!is_decodable(&parser->decoder, raw_unit) || !decode(&parser->decoder, raw_metric, &metric)) return KEY_UNKNOWN;
    bool has_unit = raw_unit.size > 0;
    for (int64_t i = 0; !has_unit && i < spec->unit_count; i++)
        if (same_text(spec->units[i].metric, metric)) {
            unit = spec->units[i].text;
            has_unit = true;
        }
    uint8_t *scratch = scratch_of(parser, 1, 8 + metric.size + 3 * unit.size), *out = scratch;
    if (!scratch) return KEY_NO_MEMORY;
    uint32_t size = (uint32_t)metric.size;
    memcpy(out, &size, sizeof size);
    out = append(out + sizeof size, metric);
    if (has_unit) {
        if (raw_unit.size > 0 && !decode(&parser->decoder, raw_unit, &unit)) return KEY_UNKNOWN;
        *out++ = 1;
        out = append(out, unit);
    }
    int32_t code = key_add(&parser->keys->table[KEYS_SERIES], (span){scratch, out - scratch});
    parser->no_memory |= code == KEY_NO_MEMORY;
    return code;
}

static int32_t remember_series(parser *parser, series_memory *memory, span raw, int32_t code)
{
    int32_t place = key_add(&memory->table, raw);
    if (place >= memory->room) {
        int32_t room = place + 1 + place / 2;
        int32_t *codes = realloc(memory->codes, (size_t)room * sizeof *codes);
        if (!codes) {
            parser->no_memory = true;
            return KEY_NO_MEMORY;
        }
        memory->codes = codes;
        memory->room = room;
    }
    if (place < 0)
        parser->no_memory = true;
    else
        memory->codes[place] = code;
    return code;
}

static inline int32_t series_code(parser *parser, span metric, span unit)
{
    series_memory *memory = &parser->by_metric;
    span raw = metric;
    if (UNLIKELY(unit.size)) {
        memory = &parser->by_metric_and_unit;
        uint8_t *key = scratch_of(parser, 0, metric.size + unit.size + 8), *out = key;
        if (!key) return KEY_NO_MEMORY;
        uint32_t long_size = (uint32_t)metric.size;
        *out++ = long_size < 255 ? (uint8_t)long_size : 255;
        if (long_size >= 255) out = append(out, (span){(const uint8_t *)&long_size, 4});
        out = append(append(out, metric), unit);
        raw = (span){key, out - key};
    }
    int32_t place = key_find(&memory->table, raw);
    if (LIKELY(place >= 0)) return memory->codes[place];
    int32_t code = new_series(parser, metric, unit);
    return code < 0 ? code : remember_series(parser, memory, raw, code);
}
