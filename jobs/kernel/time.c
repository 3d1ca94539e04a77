/* Timestamps to µs UTC: the formats of jobs/readings/timestamps.py, where they are certain.
 *
 * A pattern is a program, the columns' one after the other, each ended by 0: 'Y' four digits; 'm' 'd' 'H' 'M' 'S' and how
 * few digits they may have (1 or 2; never more than two); 'f' one to nine digits; 'z' an offset; 'L', a length, and as
 * many bytes that stand for themselves. Digits are taken greedily, as the reference's regular expression tries first.
 * Second 60, a local time that is not one instant, and whatever fails are for the reference path.
 */
#include "parsing.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define DAY (86400 * SECOND)

/* Days since 1970-01-01 of a date; false for one that is not in the calendar (H. Hinnant, chrono-compatible low-level
 * date algorithms). */
static inline bool days_of(unsigned year, unsigned month, unsigned day, int64_t *days)
{
    static const uint8_t lengths[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year - 1 > 9998 || month - 1 > 11) return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day - 1 >= lengths[month] + (unsigned)(leap && month == 2)) return false;
    year -= month <= 2;
    unsigned era = year / 400, of_era = year % 400, of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    *days = (int64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    return true;
}

static inline bool two_digits(const uint8_t *at, unsigned *value)
{
    unsigned tens = at[0] - (unsigned)'0', ones = at[1] - (unsigned)'0';
    *value = 10 * tens + ones;
    return tens <= 9 && ones <= 9;
}

static inline bool four_digits(const uint8_t *at, unsigned *value)
{
    unsigned high, low;
    bool good = two_digits(at, &high) & two_digits(at + 2, &low);
    *value = 100 * high + low;
    return good;
}

/* One to nine digits of a fraction, as µs; how many they are, 0 if there are none or more. */
static inline int fraction_digits(const uint8_t *at, int64_t room, int64_t *micros)
{
    uint64_t bytes = load_u64(at), above = bytes ^ ALL('0');
    uint64_t other = (((above & ALL(0x7f)) + ALL(0x76)) | above) & ALL(0x80);
    int digits = other ? lowest_bit(other) >> 3 : 8;
    if (digits > room) digits = (int)room;
    if (digits == 0) return 0;
    uint64_t kept = ~(uint64_t)0 >> (64 - 8 * digits);
    *micros = (int64_t)(eight_digits_value((bytes & kept) | (ALL('0') & ~kept)) / 100);
    if (digits == 8 && room > 8 && is_digit(at[8])) digits += 1 + (room > 9 && is_digit(at[9]));
    return digits == 10 ? 0 : digits;
}

/* The offset that begins at `at` and has at most `room` bytes; how many it has, 0 if it is none. */
static inline int64_t read_offset(const uint8_t *at, int64_t room, int64_t *offset)
{
    unsigned hours, minutes = 0;
    int64_t size = 3;
    if (room < 1) return 0;
    *offset = 0;
    if (*at == 'Z') return 1;
    if ((*at != '+' && *at != '-') || room < 3 || !two_digits(at + 1, &hours) || hours > 23) return 0;
    if (room >= 6 && at[3] == ':' && two_digits(at + 4, &minutes))
        size = 6;
    else if (room >= 5 && two_digits(at + 3, &minutes))
        size = 5;
    else
        minutes = 0;
    if (minutes > 59) return 0;
    *offset = (*at == '-' ? -1 : 1) * (int64_t)(hours * 60 + minutes) * MINUTE;
    return size;
}

/* The instant of a local time; false where clocks show it never, twice, or the table does not tell. */
static inline bool local_to_utc(const time_spec *spec, time_memory *memory, int64_t local, int64_t *instant)
{
    int32_t span = memory->span;
    if (UNLIKELY(local < spec->from[span] || local >= spec->to[span])) {
        int32_t low = 0, high = spec->spans;
        while (high - low > 1) {
            int32_t middle = low + (high - low) / 2;
            if (spec->from[middle] <= local)
                low = middle;
            else
                high = middle;
        }
        if (local < spec->from[low] || local >= spec->to[low]) return false;
        memory->span = span = low;
    }
    *instant = local - spec->offset[span];
    return true;
}

static bool read_iso_minute(const uint8_t *at, int64_t size, int64_t *minute)
{
    unsigned year, month, day, hour = 0, minutes = 0;
    int64_t days;
    if (size < 10 || !four_digits(at, &year) || at[4] != '-' || !two_digits(at + 5, &month) || at[7] != '-' ||
        !two_digits(at + 8, &day) || !days_of(year, month, day, &days))
        return false;
    if (size > 10) {
        if (size < 16 || (at[10] != 'T' && at[10] != ' ') || !two_digits(at + 11, &hour) || at[13] != ':' ||
            !two_digits(at + 14, &minutes) || hour > 23 || minutes > 59)
            return false;
    }
    *minute = days * DAY + (hour * 60 + minutes) * MINUTE;
    return true;
}

/* What follows `:` in an ISO time, as µs: two digits of seconds and perhaps a mark and one to nine digits of a fraction,
 * of which the first six and the seconds are eight digits in one word. How many bytes it has, 0 if it is no such. */
static inline int64_t read_seconds(const uint8_t *at, int64_t room, int64_t *micros)
{
    uint64_t word = load_u64(at), seconds = word & 0xffff;
    int64_t size = 2;
    if (room < 2) return 0;
    if (LIKELY(room > 3 && (at[2] == '.' || at[2] == ','))) {
        word = seconds | ((word >> 8) & 0x00ffffffffff0000u) | (uint64_t)at[8] << 56;
        uint64_t above = word ^ ALL('0'), other = (((above & ALL(0x7f)) + ALL(0x76)) | above) & ALL(0x80);
        int64_t digits = other ? lowest_bit(other) >> 3 : 8;
        if (digits > room - 1) digits = room - 1;
        if (digits < 3) return 0;
        size = digits + 1;
        uint64_t kept = ~(uint64_t)0 >> (64 - 8 * digits);
        seconds = (word & kept) | (ALL('0') & ~kept);
        if (UNLIKELY(digits == 8)) {
            while (size < room && is_digit(at[size])) size++;
            if (size > 12) return 0;
        }
    } else {
        if (!is_digit(at[0]) || !is_digit(at[1])) return 0;
        seconds |= ALL('0') << 16;
    }
    *micros = (int64_t)eight_digits_value(seconds);
    return *micros < MINUTE ? size : 0;
}

static bool read_any_iso(const time_spec *spec, time_memory *memory, span text, int64_t *instant)
{
    const uint8_t *at = text.at;
    uint64_t head = load_u64(at), tail = load_u64(at + 8);
    if (UNLIKELY(((head ^ memory->head) | (tail ^ memory->tail)) || text.size < 16)) {
        int64_t minute;
        if (!read_iso_minute(at, text.size, &minute)) return false;
        if (text.size < 16) return local_to_utc(spec, memory, minute, instant);
        *memory = (time_memory){head, tail, minute, memory->span};
    }
    int64_t local = memory->minute, room = text.size - 16, micros, offset;
    at += 16;
    if (LIKELY(room > 0 && *at == ':')) {
        int64_t size = read_seconds(at + 1, room - 1, &micros);
        if (!size) return false;
        at += 1 + size, room -= 1 + size;
        local += micros;
    }
    *instant = local;
    if (LIKELY(room == 1 && *at == 'Z')) return true;
    if (room == 0) return local_to_utc(spec, memory, local, instant);
    if (read_offset(at, room, &offset) != room) return false;
    *instant = local - offset;
    return true;
}

/* The commonest end of an ISO time, `:SS.mmmZ`, as µs; false where it is another. */
static inline bool read_milliseconds(const uint8_t *at, int64_t *micros)
{
    static const uint8_t form[8] = ":00.000Z", above[8] = {0x7f, 0x76, 0x76, 0x7f, 0x76, 0x76, 0x76, 0x7f};
    uint64_t digits = load_u64(at) ^ load_u64(form); /* 0 to 9 where a digit is due, else 0 */
    if (((digits + load_u64(above)) | digits) & ALL(0x80)) return false;
    uint64_t seconds = (digits >> 8 & 0xff) * 10 + (digits >> 16 & 0xff);
    uint64_t thousandths = (digits >> 32 & 0xff) * 100 + (digits >> 40 & 0xff) * 10 + (digits >> 48 & 0xff);
    *micros = (int64_t)(seconds * 1000000 + thousandths * 1000);
    return seconds < 60;
}

static inline bool read_iso(const time_spec *spec, time_memory *memory, span text, int64_t *instant)
{
    uint64_t other = (load_u64(text.at) ^ memory->head) | (load_u64(text.at + 8) ^ memory->tail);
    int64_t micros;
    if (UNLIKELY(text.size != 24 || other || !read_milliseconds(text.at + 16, &micros)))
        return read_any_iso(spec, memory, text, instant);
    *instant = memory->minute + micros;
    return true;
}

static inline bool read_pattern(const time_spec *spec, time_memory *memory, const span *texts, int64_t *instant)
{
    unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
    int64_t micros = 0, offset = 0, days;
    bool has_offset = false;
    const uint8_t *step = spec->program;
    for (int32_t column = 0; column < spec->columns; column++) {
        const uint8_t *at = texts[column].at;
        int64_t room = texts[column].size, taken;
        for (; *step; at += taken, room -= taken) {
            unsigned value;
            uint8_t directive = *step++;
            switch (directive) {
            case 'L':
                taken = *step++;
                if (room < taken || memcmp(at, step, (size_t)taken) != 0) return false;
                step += taken;
                break;
            case 'Y':
                if (room < 4 || !four_digits(at, &year)) return false;
                taken = 4;
                break;
            case 'f':
                taken = fraction_digits(at, room, &micros);
                if (!taken) return false;
                break;
            case 'z':
                taken = read_offset(at, room, &offset);
                if (!taken) return false;
                has_offset = true;
                break;
            default: {
                uint8_t least = *step++;
                if (room >= 2 && two_digits(at, &value)) {
                    taken = 2;
                } else if (least == 1 && room >= 1 && is_digit(*at)) {
                    value = *at - '0';
                    taken = 1;
                } else {
                    return false;
                }
                switch (directive) {
                case 'm': month = value; break;
                case 'd': day = value; break;
                case 'H': hour = value; break;
                case 'M': minute = value; break;
                default: second = value; break;
                }
            }
            }
        }
        if (room) return false;
        step++;
    }
    if (hour > 23 || minute > 59 || second > 59 || !days_of(year, month, day, &days)) return false;
    int64_t local = days * DAY + (hour * 3600 + minute * 60 + second) * SECOND + micros;
    if (!has_offset) return local_to_utc(spec, memory, local, instant);
    *instant = local - offset;
    return true;
}

static inline bool read_epoch(int32_t exponent, span text, int64_t *instant)
{
    const uint8_t *at = text.at, *stop = at + text.size;
    bool negative = text.size > 0 && *at == '-', cut = false;
    at += negative;
    const uint8_t *first = at;
    int64_t number = 0;
    for (; at < stop && is_digit(*at); at++) {
        if (at - first >= 18) return false;
        number = number * 10 + (*at - '0');
    }
    int64_t digits = at - first;
    if (digits == 0 || digits + exponent > 18) return false;
    if (exponent < 0) {
        cut = number % 1000 != 0;
        number /= 1000;
    }
    int32_t wanted = exponent > 0 ? exponent : 0;
    if (at < stop) {
        if (*at++ != '.' || at >= stop) return false;
        for (; at < stop; at++) {
            if (!is_digit(*at)) return false;
            if (wanted > 0) {
                number = number * 10 + (*at - '0');
                wanted--;
            } else {
                cut |= *at != '0';
            }
        }
    }
    for (; wanted > 0; wanted--) number *= 10;
    *instant = negative ? -number - cut : number;
    return true;
}

static inline bool read_time(const time_spec *spec, time_memory *memory, const span *texts, int64_t *instant)
{
    bool good;
    if (LIKELY(spec->kind == TIME_ISO))
        good = read_iso(spec, memory, *texts, instant);
    else if (spec->kind == TIME_PATTERN)
        good = read_pattern(spec, memory, texts, instant);
    else
        good = read_epoch(spec->exponent, *texts, instant);
    return good && *instant >= spec->min && *instant <= spec->max;
}
