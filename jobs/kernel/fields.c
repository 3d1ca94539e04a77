/* Lines to fields. A line is cut where its layout is certain; every other line is an exception, and its end is told.
 *
 * The input ends with a newline, so that no loop that stops at one runs over its end. A line end is LF with a CR before
 * it dropped.
 */
#include "parsing.h"

static inline const uint8_t *find_newline(const uint8_t *at)
{
    for (;; at += 64) {
        uint64_t newlines = equal_bits(load_bytes64(at), '\n');
        if (newlines) return at + lowest_bit(newlines);
    }
}

/* The line ends at the newline `at`. */
static inline void end_line(line *line, const uint8_t *begin, const uint8_t *at)
{
    line->next = at + 1;
    line->stop = at - (at > begin && at[-1] == '\r');
    line->newlines++;
}

static inline cut exception(line *line, const uint8_t *begin)
{
    end_line(line, begin, find_newline(begin));
    return CUT_EXCEPTION;
}

/* Where a text of the line at `at` can be written that differs from its bytes and is not longer, with 16 more; NULL
 * without memory. `end_spare` ends it, so that the next stands behind it. */
static uint8_t *spare_of(const layout_spec *spec, const uint8_t *at, line *line)
{
    if (!line->spare_at) {
        int64_t room = (spec->layout == LAYOUT_JSON ? find_newline(at) : line->stop) - at;
        room += 16 * ((int64_t)spec->fields + 1);
        if (room > line->spare_room) {
            uint8_t *spare = realloc(line->spare, (size_t)(2 * room));
            if (!spare) return NULL;
            line->spare = spare;
            line->spare_room = 2 * room;
        }
        line->spare_at = line->spare;
    }
    return line->spare_at;
}

static span end_spare(line *line, uint8_t *text, uint8_t *stop)
{
    memset(stop, 0, 16);
    line->spare_at = stop + 16;
    return (span){text, stop - text};
}

/* Bit i: whether bits 0..i have an odd number of ones. */
static inline uint64_t odd_prefixes(uint64_t bits)
{
    for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
    return bits;
}

static inline bool is_blank(uint8_t byte) { return byte == ' ' || byte == '\t'; }

static inline span stripped(span text)
{
    while (text.size > 0 && is_blank(*text.at)) text.at++, text.size--;
    while (text.size > 0 && is_blank(text.at[text.size - 1])) text.size--;
    return text;
}

/* The quote, or, where there is none, a byte that is looked for anyway. */
static inline uint8_t quote_of(const layout_spec *spec) { return spec->quote ? spec->quote : spec->delimiter; }

/* Where the delimiters of the line at `at` are, whose line ends before any quote and has as many as it should: the
 * commonest; stops[1 .. separators]. Where its newline is; NULL, with nothing told, where it is another line. */
static inline const uint8_t *find_expected(const uint8_t *at, int32_t separators, uint8_t delimiter, uint8_t quote,
                                           uint32_t *stops)
{
    uint32_t base = 0, stop;
    uint64_t bits = any_bits(load_bytes64(at), '\n', delimiter, quote);
    for (int32_t field = 0;;) {
        while (UNLIKELY(!bits)) bits = any_bits(load_bytes64(at + (base += 64)), '\n', delimiter, quote);
        stop = base + (uint32_t)lowest_bit(bits);
        if (at[stop] != delimiter || field == separators) return field == separators && at[stop] == '\n' ? at + stop : NULL;
        stops[++field] = stop;
        bits &= bits - 1;
    }
}

/* Positions of the bits, added to those already known; there is room for 72 more. */
static inline uint32_t add_positions(uint32_t *stops, uint32_t count, uint32_t base, uint64_t bits)
{
    uint32_t *out = stops + count;
    count += (uint32_t)__builtin_popcountll(bits);
    while (bits) {
        for (int i = 0; i < 4; i++) { /* a fixed number of steps costs less than a branch that is hard to foresee */
            out[i] = base + (uint32_t)lowest_bit(bits | 1ull << 63);
            bits &= bits - 1;
        }
        out += 4;
    }
    return count;
}

/* Where the delimiters of the line at `at` are, up to its newline; false where it has quotes. line->stop and `count` are
 * set; positions beyond the expected ones are not kept. */
static inline bool find_plain(const layout_spec *spec, const uint8_t *at, line *line, uint32_t *count)
{
    uint32_t found = 0, expected = (uint32_t)spec->separators;
    bool many = false;
    for (uint32_t base = 0;; base += 64) {
        bytes64 bytes = load_bytes64(at + base);
        uint64_t newlines = equal_bits(bytes, '\n'), delimiters = equal_bits(bytes, spec->delimiter);
        uint64_t below = newlines ^ (newlines - 1); /* up to the newline; all without one */
        if (UNLIKELY(equal_bits(bytes, spec->quote) & below) && spec->quote) return false;
        found = add_positions(line->stops + 1, found, base, delimiters & below);
        if (UNLIKELY(found > expected)) found = 0, many = true;
        if (LIKELY(newlines)) {
            end_line(line, at, at + base + lowest_bit(newlines));
            *count = many ? UINT32_MAX : found;
            return true;
        }
    }
}

/* The same for a line with quotes: delimiters and, if they can be, newlines after an odd number of quotes stand inside a
 * field. `quotes` says how many there are. False where the input ends inside a field. */
static bool find_quoted(const layout_spec *spec, const uint8_t *at, const uint8_t *end, line *line, uint32_t *count,
                        uint64_t *quotes)
{
    uint32_t found = 0, expected = (uint32_t)spec->separators;
    uint64_t inside = 0, total = 0;
    bool many = false;
    for (uint32_t base = 0; at + base < end; base += 64) {
        bytes64 bytes = load_bytes64(at + base);
        uint64_t marks = equal_bits(bytes, spec->quote), within = odd_prefixes(marks) ^ inside;
        uint64_t all_newlines = equal_bits(bytes, '\n'), newlines = all_newlines;
        if (spec->newline_in_quotes) newlines &= ~within;
        uint64_t below = newlines ? (newlines & -newlines) - 1 : ~(uint64_t)0;
        found = add_positions(line->stops + 1, found, base, equal_bits(bytes, spec->delimiter) & ~within & below);
        if (UNLIKELY(found > expected)) found = 0, many = true;
        total += (uint64_t)__builtin_popcountll(marks & below);
        if (newlines) {
            const uint8_t *newline = at + base + lowest_bit(newlines);
            if (newline >= end) return false;
            line->newlines += __builtin_popcountll(all_newlines & below);
            end_line(line, at, newline);
            *count = many ? UINT32_MAX : found;
            *quotes = total;
            return true;
        }
        line->newlines += __builtin_popcountll(all_newlines);
        inside = 0 - (within >> 63);
    }
    return false;
}

/* Whether the quotes of a line are those around whole fields, and pairs inside them, of which `doubled` tells. */
static bool is_well_quoted(const layout_spec *spec, const uint8_t *at, const line *line, uint64_t quotes, bool *doubled)
{
    for (int pass = 0; pass < 2; pass++) {
        const uint8_t *begin = at;
        for (int32_t i = 0; i <= spec->separators; i++) {
            const uint8_t *stop = i < spec->separators ? at + line->stops[i + 1] : line->stop;
            if (*begin == spec->quote && stop - begin >= 2 && stop[-1] == spec->quote) {
                quotes -= pass ? 0 : 2;
                for (const uint8_t *inner = begin + 1; pass && inner < stop - 1; inner++) {
                    if (*inner != spec->quote) continue;
                    if (inner + 1 == stop - 1 || *++inner != spec->quote) return false;
                    quotes -= 2;
                }
            }
            begin = stop + 1;
        }
        *doubled = pass > 0;
        if (quotes == 0) return true;
    }
    return false;
}

/* Whether a line has nothing but delimiters, quotes and blanks, so that all its fields may be empty. */
static bool is_hollow(const layout_spec *spec, const uint8_t *at, int64_t size)
{
    while (size > 0 && (*at == spec->delimiter || *at == spec->quote || is_blank(*at))) at++, size--;
    return size == 0;
}

/* Takes the quotes around fields, one of each pair inside them, and then blanks off the fields; false without memory. */
static bool bare_fields(const layout_spec *spec, const uint8_t *at, line *line, bool quotes, bool doubled)
{
    for (int32_t i = 0; i < spec->fields; i++) {
        span *field = &line->fields[i];
        if (quotes && field->size >= 2 && *field->at == spec->quote) {
            field->at++, field->size -= 2;
            if (doubled && memchr(field->at, spec->quote, (size_t)field->size)) {
                uint8_t *text = spare_of(spec, at, line), *out = text;
                if (!text) return false;
                for (int64_t j = 0; j < field->size; j++) {
                    *out++ = field->at[j];
                    j += field->at[j] == spec->quote;
                }
                *field = end_spare(line, text, out);
            }
        }
        if (spec->strip_blanks) *field = stripped(*field);
    }
    return true;
}

static inline cut cut_delimited(const layout_spec *spec, const uint8_t *at, const uint8_t *end, line *line)
{
    uint32_t count = (uint32_t)spec->separators;
    uint64_t quotes = 0;
    bool doubled = false;
    const uint8_t *newline = NULL;
    if (LIKELY(!line->quoted))
        newline = find_expected(at, spec->separators, spec->delimiter, quote_of(spec), line->stops);
    if (LIKELY(newline)) {
        end_line(line, at, newline);
    } else if (line->quoted || !find_plain(spec, at, line, &count)) {
        int64_t newlines = line->newlines;
        if (!find_quoted(spec, at, end, line, &count, &quotes)) {
            line->newlines = newlines;
            return CUT_LOST;
        }
        line->quoted = quotes > 0;
        bool good = count == (uint32_t)spec->separators && is_well_quoted(spec, at, line, quotes, &doubled);
        if (!good && quotes && spec->newline_in_quotes) {
            line->newlines = newlines;
            return CUT_LOST;
        }
        if (!good) return CUT_EXCEPTION;
    }
    int64_t size = line->stop - at;
    if (UNLIKELY(count != (uint32_t)spec->separators)) return CUT_EXCEPTION;
    if (spec->skip_blank_rows && UNLIKELY(*at == spec->delimiter || *at == spec->quote || is_blank(*at))) {
        if (size == spec->separators) return CUT_BLANK;
        if (is_hollow(spec, at, size)) return CUT_EXCEPTION;
    }
    uint32_t *stops = line->stops; /* field i lies behind stops[i] and before stops[i + 1] */
    stops[0] = UINT32_MAX;
    stops[count + 1] = (uint32_t)size;
    for (int32_t i = 0; i < spec->trailing_blanks; i++)
        if (stops[count + 1 - (uint32_t)i] != stops[count - (uint32_t)i] + 1) return CUT_EXCEPTION;
    for (int32_t i = 0; i < spec->fields; i++) {
        uint32_t first = stops[spec->columns[i]] + 1;
        line->fields[i] = (span){at + first, stops[spec->columns[i] + 1] - first};
    }
    bool bare = !quotes && !spec->strip_blanks;
    return LIKELY(bare) || bare_fields(spec, at, line, quotes > 0, doubled) ? CUT_FIELDS : CUT_EXCEPTION;
}

static inline cut cut_fixed(const layout_spec *spec, const uint8_t *at, line *line)
{
    end_line(line, at, find_newline(at));
    if (line->stop - at < spec->line_size) return CUT_EXCEPTION;
    for (int32_t i = 0; i < spec->fields; i++) {
        span field = {at + spec->columns[i], spec->widths[i]};
        line->fields[i] = spec->strip_blanks ? stripped(field) : field;
    }
    return CUT_FIELDS;
}

/* Cuts the line at `at` of an input that ends at `end`. CUT_LOST: where it ends is for the reference path to find. */
static inline cut cut_line(const layout_spec *spec, const uint8_t *at, const uint8_t *end, line *line)
{
    line->spare_at = NULL;
    if (spec->has_comment && UNLIKELY(*at == spec->comment)) {
        return spec->newline_in_quotes ? CUT_LOST : exception(line, at);
    }
    if (LIKELY(spec->layout == LAYOUT_DELIMITED)) return cut_delimited(spec, at, end, line);
    return spec->layout == LAYOUT_FIXED ? cut_fixed(spec, at, line) : cut_json(spec, at, line);
}
