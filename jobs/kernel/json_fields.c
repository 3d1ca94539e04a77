/* JSON lines to fields, by templates: the literals that a writer repeats in each line, with values between them. */
#include "parsing.h"

static inline bool starts_with(const uint8_t *at, const uint8_t *literal, int64_t size)
{
    for (; size > 8; at += 8, literal += 8, size -= 8)
        if (load_u64(at) != load_u64(literal)) return false;
    return size == 0 || ((load_u64(at) ^ load_u64(literal)) << 8 * (8 - size)) == 0;
}

/* Four hexadecimal digits; -1 if there are none. */
static int32_t four_hex(const uint8_t *at)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t byte = at[i] | 0x20;
        bool letter = byte >= 'a' && byte <= 'f';
        if (!is_digit(at[i]) && !letter) return -1;
        value = value << 4 | (letter ? byte - 'a' + 10 : at[i] - '0');
    }
    return value;
}

static uint8_t *append_utf8(uint8_t *out, uint32_t point)
{
    if (point < 0x80) {
        *out++ = (uint8_t)point;
        return out;
    }
    int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    *out++ = (uint8_t)(0xff00u >> (more + 1) | point >> 6 * more);
    while (more--) *out++ = (uint8_t)(0x80 | (point >> 6 * more & 0x3f));
    return out;
}

/* The character of the escape behind `\u`, of which two stand for one beyond 16 bits; -1 for half a pair. */
static int32_t json_character(const uint8_t **at)
{
    int32_t high = four_hex(*at), low;
    if (high < 0 || (high >= 0xdc00 && high < 0xe000)) return -1;
    *at += 4;
    if (high < 0xd800 || high >= 0xe000) return high;
    if ((*at)[0] != '\\' || (*at)[1] != 'u') return -1;
    low = four_hex(*at + 2);
    if (low < 0xdc00 || low >= 0xe000) return -1;
    *at += 6;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* A string with escapes whose first byte is at `at`, in the line that begins at `begin`. */
static const uint8_t *json_escaped(const layout_spec *spec, const uint8_t *begin, const uint8_t *at, line *line,
                                   span *value)
{
    static const uint8_t names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    uint8_t *text = spare_of(spec, begin, line), *out = text;
    if (!text) return NULL;
    for (;;) {
        uint8_t byte = *at++;
        if (byte < 0x20) return NULL;
        if (byte == '"') break;
        if (byte != '\\') {
            *out++ = byte;
            continue;
        }
        const uint8_t *name = *at ? (const uint8_t *)strchr((const char *)names, *at) : NULL;
        at++;
        if (name) {
            *out++ = meant[name - names];
        } else {
            int32_t point = at[-1] == 'u' ? json_character(&at) : -1;
            if (point < 0) return NULL;
            out = append_utf8(out, (uint32_t)point);
        }
    }
    *value = end_spare(line, text, out);
    return at;
}

/* The JSON value at `at`, a string without its quotes and escapes; where it ends, NULL if it is none that is certain. */
static inline const uint8_t *json_value(const layout_spec *spec, const uint8_t *begin, const uint8_t *at, line *line,
                                        span *value)
{
    if (LIKELY(*at == '"')) {
        const uint8_t *first = ++at;
        uint32_t marks; /* of 32 bytes at once, as most strings are shorter */
        while (UNLIKELY(!(marks = string_marks(at) | string_marks(at + 16) << 16))) at += 32;
        at += lowest_bit(marks);
        if (UNLIKELY(*at != '"')) return *at == '\\' ? json_escaped(spec, begin, first, line, value) : NULL;
        *value = (span){first, at - first};
        return at + 1;
    }
    const uint8_t *stop = json_number_end(at);
    if (LIKELY(stop)) {
        *value = (span){at, stop - at};
        return stop;
    }
    static const uint8_t words[3][8] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        int64_t size = i == 1 ? 5 : 4;
        *value = i == 2 ? (span){NULL, 0} : (span){at, size};
        if (starts_with(at, words[i], size)) return at + size;
    }
    return NULL;
}

static inline bool fits(const layout_spec *spec, const json_template *template, const uint8_t *at, line *line)
{
    const uint8_t *begin = at;
    line->spare_at = NULL;
    for (int64_t i = 0; i < template->count; i++) {
        const json_segment *segment = &template->segments[i];
        span value;
        if (((load_u64(at) ^ segment->words[0]) & segment->masks[0]) |
            ((load_u64(at + 8) ^ segment->words[1]) & segment->masks[1]))
            return false;
        if (UNLIKELY(segment->size > 16) && !starts_with(at + 16, segment->literal + 16, segment->size - 16)) return false;
        uint8_t *spare_at = line->spare_at;
        at = json_value(spec, begin, at + segment->size, line, &value);
        if (!at) return false;
        if (segment->field >= 0)
            line->fields[segment->field] = value;
        else if (spare_at)
            line->spare_at = spare_at;
    }
    if (!starts_with(at, template->tail.at, template->tail.size)) return false;
    at += template->tail.size;
    at += *at == '\r';
    if (*at != '\n') return false;
    end_line(line, begin, at);
    return true;
}

static inline cut cut_json(const layout_spec *spec, const uint8_t *at, line *line)
{
    int32_t choice = line->favourite;
    for (int32_t i = 0; i < spec->template_count; i++, choice = choice + 1 < spec->template_count ? choice + 1 : 0) {
        if (UNLIKELY(line->filled != choice)) { /* what this template does not fill stays empty from line to line */
            for (int32_t field = 0; field < spec->fields; field++) line->fields[field] = (span){NULL, 0};
            line->filled = choice;
        }
        if (LIKELY(fits(spec, &spec->templates[choice], at, line))) {
            line->favourite = choice;
            return CUT_FIELDS;
        }
    }
    return exception(line, at);
}
