/* The exact moments of a group, in integers: jobs/partials/exact.py defines windows and words. */
#ifndef JOBS_EXACT_H
#define JOBS_EXACT_H

#include "kernel.h"

enum { SUM_LIMBS = 3, SQUARE_LIMBS = 6, WINDOW = 108, LOWEST_EXPONENT = -44 };

typedef unsigned __int128 wide_t;

/* Two cache lines. place: see group_place. The sums are integers in two's complement, in units of 2^-96 and 2^-192 of
   the window; 64-bit limbs, the lowest first. min, max: images of doubles; first, last: timestamps. */
typedef struct {
    int32_t device, series;
    int64_t place, count, min, max, first, last;
    uint64_t sum[SUM_LIMBS], squares[SQUARE_LIMBS];
} moments_t;

/* A double as significand · 2^(shift - 96) in its window, negative: all bits set, or none. */
typedef struct {
    uint64_t significand, negative;
    uint32_t shift;
    int32_t window;
} scaled_t;

static inline uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The integer that compares as the double does, -0.0 below +0.0. */
static inline int64_t image_of(uint64_t bits) { return (int64_t)(bits ^ ((0 - (bits >> 63)) & (UINT64_MAX >> 1))); }

/* floor(log2 |x|) and the 53-bit significand; -1 and 0 for zero. */
static inline int32_t exponent_of(uint64_t bits, uint64_t *significand) {
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int32_t biased = (int32_t)(bits >> 52 & 0x7FF);
    if (LIKELY(biased)) {
        *significand = fraction | UINT64_C(1) << 52;
        return biased - 1023;
    }
    *significand = 0;
    if (!fraction) return -1;
    int32_t raise = __builtin_clzll(fraction) - 11;
    *significand = fraction << raise;
    return -1022 - raise;
}

static inline scaled_t scaled_of(uint64_t bits) {
    scaled_t x;
    int32_t above = exponent_of(bits, &x.significand) - LOWEST_EXPONENT;
    x.negative = 0 - (bits >> 63);
    x.window = LIKELY((uint32_t)above < WINDOW) ? 0 : above >= 0 ? above / WINDOW : -((WINDOW - 1 - above) / WINDOW);
    x.shift = (uint32_t)(above - WINDOW * x.window);
    return x;
}

static inline wide_t load_wide(const uint64_t *limbs) { return (wide_t)limbs[1] << 64 | limbs[0]; }

static inline void store_wide(uint64_t *limbs, wide_t value) {
    limbs[0] = (uint64_t)value;
    limbs[1] = (uint64_t)(value >> 64);
}

static inline void add_value(moments_t *m, scaled_t x) {
    uint32_t at = x.shift >> 6; /* 0 or 1 */
    wide_t sign = (wide_t)x.negative << 64 | x.negative;
    wide_t value = (((wide_t)x.significand << (x.shift & 63)) ^ sign) - sign;
    wide_t sum = load_wide(m->sum + at) + value;
    store_wide(m->sum + at, sum);
    m->sum[2] += at ? 0 : (uint64_t)((int64_t)(value >> 64) >> 63) + (sum < value);
}

static inline void add_square(moments_t *m, scaled_t x) {
    wide_t square = (wide_t)x.significand * x.significand;
    uint32_t bits = 2 * x.shift & 63, at = 2 * x.shift >> 6; /* at <= 3 */
    uint64_t *limb = &m->squares[at], top = (uint64_t)(square >> 65 >> (63 - bits));
    wide_t value = square << bits, sum = load_wide(limb) + value;
    store_wide(limb, sum);
    top += sum < value;
    limb[2] += top;
    bool carry = limb[2] < top;
    for (uint32_t i = at + 3; UNLIKELY(carry) && i < SQUARE_LIMBS; i++) carry = ++m->squares[i] == 0;
}

static inline void add_reading(moments_t *m, int64_t time, uint64_t bits, scaled_t x) {
    int64_t image = image_of(bits);
    m->count++;
    m->min = image < m->min ? image : m->min;
    m->max = image > m->max ? image : m->max;
    m->first = time < m->first ? time : m->first;
    m->last = time > m->last ? time : m->last;
    add_value(m, x);
    add_square(m, x);
}

/* Limbs as words 32 bits apart, normalised: `count` words, `stride` apart. */
static inline void put_words(const uint64_t *limbs, int count, int64_t *words, int64_t stride) {
    for (int i = 0; i < count - 1; i++) words[i * stride] = (int64_t)(limbs[i / 2] >> 32 * (i & 1) & UINT32_MAX);
    int top = count - 1;
    words[top * stride] = (int64_t)(top & 1 ? limbs[top / 2] >> 32 | limbs[top / 2 + 1] << 32 : limbs[top / 2]);
}

#endif
