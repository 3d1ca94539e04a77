/* Decimal numbers to the nearest double: the grammar of jobs/readings/numbers.py, never guessed.
 *
 * A number is m * 10^e with an integer m. Up to m < 2^53 and |e| <= 22 both m and 10^|e| are doubles and one division
 * or product rounds once (W. D. Clinger, How to read floating point numbers accurately, 1990). Up to m < 2^64 and
 * |e| <= 27, 5^|e| fits 64 bits and the quotient or product is exact in 128 bits, the remainder as a sticky bit; then it is
 * rounded once. Of more than 19 digits the first 19 are read as m: where m and m + 1 give the same double, what lies between
 * does too. All else is left to the reference path.
 */
#include "parsing.h"

typedef unsigned __int128 u128;

enum { EXACT_POWERS = 22, WIDE_POWERS = 27, MOST_DIGITS = 19 };

static const double TENS[EXACT_POWERS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                              1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Whether all bytes are digits. */
static inline bool eight_digits(uint64_t bytes)
{
    return ((bytes & ALL(0xf0)) | (((bytes + ALL(0x06)) & ALL(0xf0)) >> 4)) == ALL(0x33);
}

/* The value of eight digits, the first in the lowest byte. */
static inline uint64_t eight_digits_value(uint64_t bytes)
{
    bytes = (bytes & ALL(0x0f)) * 2561 >> 8;
    bytes = (bytes & 0x00ff00ff00ff00ffu) * 6553601 >> 16;
    return (bytes & 0x0000ffff0000ffffu) * 42949672960001u >> 32;
}

/* The highest bit of each byte that is zero; those above the lowest such bit may be wrong. */
static inline uint64_t zero_bytes(uint64_t bytes) { return (bytes - ALL(1)) & ~bytes & ALL(0x80); }

/* top * 2^exponent, with `sticky` for bits lost below top, to the nearest double; top has its highest bit set, and the
 * result is a normal number. */
static double rounded(uint64_t top, int exponent, bool sticky)
{
    uint64_t significand = top >> 11, rest = top & 0x7ff;
    if (rest > 0x400 || (rest == 0x400 && (sticky || (significand & 1)))) significand++;
    uint64_t bits = ((uint64_t)(exponent + 11 + 1075) << 52) + (significand - (1ull << 52));
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* mantissa * 10^power for |power| <= WIDE_POWERS and mantissa > 0. */
static double wide_number(uint64_t mantissa, int power)
{
    uint64_t five = 1;
    for (int i = power < 0 ? -power : power; i > 0; i--) five *= 5;
    int shift = __builtin_clzll(mantissa);
    mantissa <<= shift;
    if (power >= 0) {
        u128 product = (u128)mantissa * five;
        int high = (product >> 64) ? 64 - __builtin_clzll((uint64_t)(product >> 64)) : 0;
        u128 lost = product & (((u128)1 << high) - 1);
        return rounded((uint64_t)(product >> high), high + power - shift, lost != 0);
    }
    /* mantissa is in [2^63, 2^64); divided by five's own leading bits the quotient has 64 or 65 bits */
    int scale = 64 - __builtin_clzll(five);
    u128 numerator = (u128)mantissa << 64 >> (64 - scale), quotient = numerator / five;
    bool sticky = numerator % five != 0;
    if (quotient >> 64) /* the bit lost is 0 where nothing remains: five is odd, or 1 */
        return rounded((uint64_t)(quotient >> 1), 1 - scale + power - shift, sticky);
    return rounded((uint64_t)quotient, -scale + power - shift, sticky);
}

/* mantissa * 10^power to the nearest double; false if that is not certain. */
static bool scaled_number(uint64_t mantissa, int64_t power, double *value)
{
    while (power < -EXACT_POWERS && mantissa && mantissa % 10 == 0) mantissa /= 10, power++;
    *value = 0;
    if (!mantissa) return true;
    if (power < -WIDE_POWERS || power > WIDE_POWERS) return false;
    if (mantissa >> 53 || power < -EXACT_POWERS || power > EXACT_POWERS)
        *value = wide_number(mantissa, (int)power);
    else
        *value = power < 0 ? (double)mantissa / TENS[-power] : (double)mantissa * TENS[power];
    return true;
}

/* Any spelling, one byte after the other. */
static bool read_long_number(span text, uint8_t decimal, double *value)
{
    const uint8_t *at = text.at, *stop = text.at + text.size;
    bool negative = at < stop && *at == '-';
    if (at < stop && (*at == '-' || *at == '+')) at++;
    uint64_t mantissa = 0;
    int64_t digits = 0, significant = 0, power = 0;
    bool fraction = false, more = false;
    for (; at < stop; at++) {
        if (is_digit(*at)) {
            digits++;
            significant += significant || *at != '0';
            if (UNLIKELY(significant > MOST_DIGITS)) {
                more |= *at != '0';
                power += !fraction;
                continue;
            }
            mantissa = mantissa * 10 + (*at - '0');
            power -= fraction;
        } else if (*at == decimal && !fraction) {
            fraction = true;
        } else {
            break;
        }
    }
    if (!digits) return false;
    if (at < stop) {
        if (*at != 'e' && *at != 'E') return false;
        bool minus = ++at < stop && *at == '-';
        if (at < stop && (*at == '-' || *at == '+')) at++;
        if (at >= stop || stop - at > 6) return false;
        int64_t exponent = 0;
        for (; at < stop; at++) {
            if (!is_digit(*at)) return false;
            exponent = exponent * 10 + (*at - '0');
        }
        power += minus ? -exponent : exponent;
    }
    double magnitude, above;
    if (!scaled_number(mantissa, power, &magnitude)) return false;
    if (more && (!scaled_number(mantissa + 1, power, &above) || above != magnitude)) return false;
    *value = negative ? -magnitude : magnitude;
    return true;
}

#if defined(__SSE4_1__) && !defined(KERNEL_PLAIN)
#include <smmintrin.h>

/* Up to 16 bytes of digits with at most one mark, without a sign: the digits as an integer, and how many follow the mark. */
static inline bool short_number(const uint8_t *at, int64_t size, uint8_t decimal, uint64_t *mantissa, unsigned *power)
{
    static const uint8_t moves[32] = {128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
                                      0,   1,   2,   3,   4,   5,   6,   7,   8,   9,   10,  11,  12,  13,  14,  15};
    static const uint8_t ones[32] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    const __m128i tens = _mm_set1_epi16(1 << 8 | 10), hundreds = _mm_set1_epi32(1 << 16 | 100);
    __m128i text = _mm_loadu_si128((const __m128i *)at);
    text = _mm_shuffle_epi8(text, _mm_loadu_si128((const __m128i *)(moves + size))); /* up against the top */
    __m128i digits = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    __m128i good = _mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits);
    uint32_t mark = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8((char)decimal)));
    uint32_t place = 31 - (uint32_t)__builtin_clz(2 * mark | 1); /* behind the mark; 0 without one */
    uint32_t digit_bits = (uint32_t)_mm_movemask_epi8(good);
    if (UNLIKELY((digit_bits | mark) != (0xffffu & 0xffff0000u >> size) || (mark & (mark - 1)) || !digit_bits)) return false;
    digits = _mm_and_si128(digits, good);
    /* those before the mark moved one further, over it */
    __m128i before = _mm_loadu_si128((const __m128i *)(ones + 16 - place));
    digits = _mm_blendv_epi8(digits, _mm_slli_si128(digits, 1), before);
    digits = _mm_madd_epi16(_mm_maddubs_epi16(digits, tens), hundreds);
    digits = _mm_madd_epi16(_mm_packus_epi32(digits, digits), _mm_set1_epi32(1 << 16 | 10000));
    uint64_t halves = (uint64_t)_mm_cvtsi128_si64(digits);
    *mantissa = (halves & UINT32_MAX) * 100000000 + (halves >> 32);
    *power = place ? 16 - place : 0;
    return true;
}

/* How many bytes the number at `at` has, which is up to 15 digits, of JSON's spelling, with a point perhaps; 0 if it is
 * none, or may be longer. */
static inline int plain_number_size(const uint8_t *at)
{
    __m128i text = _mm_loadu_si128((const __m128i *)at), digits = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    uint32_t digit_bits = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits));
    uint32_t points = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('.')));
    int size = __builtin_ctz(~(digit_bits | points)); /* bit 16 is clear in both */
    points &= (UINT32_C(1) << size) - 1;
    int whole = __builtin_ctz(points | UINT32_C(1) << size); /* digits before the point */
    bool good = whole && size < 16 && !(points & (points - 1)) && !(points >> (size - 1)) && (*at != '0' || whole == 1);
    return LIKELY(good && (at[size] | 0x20) != 'e') ? size : 0;
}

#else

static inline int plain_number_size(const uint8_t *at)
{
    (void)at;
    return 0;
}

static inline bool short_number(const uint8_t *at, int64_t size, uint8_t decimal, uint64_t *mantissa, unsigned *power)
{
    if (LIKELY(size <= 8)) {
        /* the bytes moved up against the top; those before the mark moved one further, over it */
        uint64_t bytes = load_u64(at) << 8 * (8 - size), mark = zero_bytes(bytes ^ ALL(decimal));
        mark &= -mark;
        uint64_t before = ((mark >> 7) - 1) & -(uint64_t)(mark != 0), itself = (mark << 1) - (mark >> 7);
        bytes = (bytes & ~before & ~itself) | (bytes & before) << 8;
        unsigned digits = (unsigned)size - (mark != 0);
        bytes |= ALL('0') >> 4 * digits >> 4 * digits;
        if (UNLIKELY(!eight_digits(bytes) || !digits)) return false;
        *mantissa = eight_digits_value(bytes);
        *power = (63u - (unsigned)lowest_bit(mark | 1ull << 63)) >> 3;
        return true;
    }
    u128 bytes = ((u128)load_u64(at + 8) << 64 | load_u64(at)) << 8 * (16 - size);
    uint64_t low = zero_bytes((uint64_t)bytes ^ ALL(decimal)), high = zero_bytes((uint64_t)(bytes >> 64) ^ ALL(decimal));
    u128 mark = low ? (u128)(low & -low) : (u128)(high & -high) << 64;
    u128 before = ((mark >> 7) - 1) & -(u128)(mark != 0), itself = (mark << 1) - (mark >> 7);
    bytes = (bytes & ~before & ~itself) | (bytes & before) << 8;
    unsigned digits = (unsigned)size - (mark != 0);
    bytes |= ((u128)ALL('0') << 64 | ALL('0')) >> 4 * digits >> 4 * digits;
    uint64_t first = (uint64_t)bytes, second = (uint64_t)(bytes >> 64);
    if (UNLIKELY(!eight_digits(first) || !eight_digits(second))) return false;
    *mantissa = eight_digits_value(first) * 100000000 + eight_digits_value(second);
    unsigned place = low ? (unsigned)lowest_bit(low) : 64 + (unsigned)lowest_bit(high | 1ull << 63);
    *power = (127 - place) >> 3;
    return true;
}

#endif

static inline bool read_number(span text, uint8_t decimal, double *value)
{
    bool negative = *text.at == '-', sign = negative | (*text.at == '+');
    int64_t size = text.size - sign;
    uint64_t mantissa;
    unsigned power;
    if (UNLIKELY((uint64_t)(size - 1) >= 16) || UNLIKELY(!short_number(text.at + sign, size, decimal, &mantissa, &power)))
        return read_long_number(text, decimal, value);
    /* 16 digits, which may pass 2^53, leave no room for a mark: then only the conversion rounds */
    double magnitude = (double)(int64_t)mantissa / TENS[power];
    *value = negative ? -magnitude : magnitude;
    return true;
}

static inline int64_t digits_at(const uint8_t *at)
{
    for (int64_t count = 0;; count += 8) {
        uint64_t above = load_u64(at + count) ^ ALL('0');
        uint64_t other = (((above & ALL(0x7f)) + ALL(0x76)) | above) & ALL(0x80);
        if (LIKELY(other)) return count + (lowest_bit(other) >> 3);
    }
}

/* Where the number ends that begins at `at` as JSON spells numbers; NULL if none does. */
static inline const uint8_t *json_number_end(const uint8_t *at)
{
    at += *at == '-';
    int size = plain_number_size(at);
    if (LIKELY(size)) return at + size;
    int64_t digits = digits_at(at);
    if (!digits || (*at == '0' && digits > 1)) return NULL;
    at += digits;
    if (*at == '.') {
        digits = digits_at(++at);
        if (!digits) return NULL;
        at += digits;
    }
    if (UNLIKELY((*at | 0x20) == 'e')) {
        at++;
        at += *at == '-' || *at == '+';
        digits = digits_at(at);
        if (!digits) return NULL;
        at += digits;
    }
    return at;
}

/* Whether a text is nan, inf or infinity in any case, perhaps with a sign. */
static bool is_non_finite(span text)
{
    static const char *const names[] = {"nan", "inf", "infinity"};
    if (text.size > 0 && (*text.at == '+' || *text.at == '-')) text.at++, text.size--;
    for (int i = 0; i < 3; i++) {
        int64_t size = (int64_t)strlen(names[i]), same = 0;
        if (text.size != size) continue;
        while (same < size && (text.at[same] | 0x20) == names[i][same]) same++;
        if (same == size) return true;
    }
    return false;
}
