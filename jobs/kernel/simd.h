/* Sixty-four bytes at a time: which of them are a given byte, as a bit each (bit 0 is the first). */
#ifndef JOBS_KERNEL_SIMD_H
#define JOBS_KERNEL_SIMD_H

#include "kernel.h"

static inline uint64_t load_u64(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* KERNEL_PLAIN: without vector instructions, as on other processors. */
#if defined(__SSE2__) && !defined(KERNEL_PLAIN)
#include <emmintrin.h>

typedef struct {
    __m128i part[4];
} bytes64;

static inline bytes64 load_bytes64(const uint8_t *at)
{
    bytes64 bytes;
    for (int i = 0; i < 4; i++) bytes.part[i] = _mm_loadu_si128((const __m128i *)(at + 16 * i));
    return bytes;
}

static inline uint64_t equal_bits(bytes64 bytes, uint8_t byte)
{
    __m128i wanted = _mm_set1_epi8((char)byte);
    uint64_t bits = 0;
    for (int i = 0; i < 4; i++)
        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes.part[i], wanted)) << (16 * i);
    return bits;
}

/* Which of them are one of three given bytes. */
static inline uint64_t any_bits(bytes64 bytes, uint8_t first, uint8_t second, uint8_t third)
{
    __m128i one = _mm_set1_epi8((char)first), two = _mm_set1_epi8((char)second), three = _mm_set1_epi8((char)third);
    uint64_t bits = 0;
    for (int i = 0; i < 4; i++) {
        __m128i part = bytes.part[i], found = _mm_or_si128(_mm_cmpeq_epi8(part, one), _mm_cmpeq_epi8(part, two));
        found = _mm_or_si128(found, _mm_cmpeq_epi8(part, three));
        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(found) << (16 * i);
    }
    return bits;
}

/* A bit for each of 16 bytes that can end a JSON string or must not stand in it: quote, backslash, control bytes. */
static inline uint32_t string_marks(const uint8_t *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)at);
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i escape = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, escape), control));
}

#elif defined(__ARM_NEON) && defined(__aarch64__) && !defined(KERNEL_PLAIN)
#include <arm_neon.h>

typedef struct {
    uint8x16_t part[4];
} bytes64;

static inline bytes64 load_bytes64(const uint8_t *at)
{
    bytes64 bytes;
    for (int i = 0; i < 4; i++) bytes.part[i] = vld1q_u8(at + 16 * i);
    return bytes;
}

static inline uint8x16_t bit_weights(void)
{
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    return vld1q_u8(weights);
}

static inline uint64_t equal_bits(bytes64 bytes, uint8_t byte)
{
    uint8x16_t wanted = vdupq_n_u8(byte), weights = bit_weights(), part[4];
    for (int i = 0; i < 4; i++) part[i] = vandq_u8(vceqq_u8(bytes.part[i], wanted), weights);
    uint8x16_t sums = vpaddq_u8(vpaddq_u8(part[0], part[1]), vpaddq_u8(part[2], part[3]));
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)), 0);
}

static inline uint64_t any_bits(bytes64 bytes, uint8_t first, uint8_t second, uint8_t third)
{
    uint8x16_t weights = bit_weights(), part[4];
    for (int i = 0; i < 4; i++) {
        uint8x16_t found = vorrq_u8(vceqq_u8(bytes.part[i], vdupq_n_u8(first)), vceqq_u8(bytes.part[i], vdupq_n_u8(second)));
        part[i] = vandq_u8(vorrq_u8(found, vceqq_u8(bytes.part[i], vdupq_n_u8(third))), weights);
    }
    uint8x16_t sums = vpaddq_u8(vpaddq_u8(part[0], part[1]), vpaddq_u8(part[2], part[3]));
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)), 0);
}

static inline uint32_t string_marks(const uint8_t *at)
{
    uint8x16_t bytes = vld1q_u8(at);
    uint8x16_t marks = vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('"')), vceqq_u8(bytes, vdupq_n_u8('\\')));
    marks = vandq_u8(vorrq_u8(marks, vcltq_u8(bytes, vdupq_n_u8(0x20))), bit_weights());
    uint8x16_t sums = vpaddq_u8(marks, marks);
    sums = vpaddq_u8(sums, sums);
    return vgetq_lane_u16(vreinterpretq_u16_u8(vpaddq_u8(sums, sums)), 0);
}

#else

typedef struct {
    uint64_t part[8];
} bytes64;

static inline bytes64 load_bytes64(const uint8_t *at)
{
    bytes64 bytes;
    memcpy(&bytes, at, sizeof bytes);
    return bytes;
}

static inline uint64_t equal_bits(bytes64 bytes, uint8_t byte)
{
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t rest = bytes.part[i] ^ (0x0101010101010101u * byte);
        uint64_t other = (((rest & 0x7f7f7f7f7f7f7f7fu) + 0x7f7f7f7f7f7f7f7fu) | rest) & 0x8080808080808080u;
        bits |= (((other ^ 0x8080808080808080u) >> 7) * 0x0102040810204080u >> 56) << (8 * i);
    }
    return bits;
}

static inline uint64_t any_bits(bytes64 bytes, uint8_t first, uint8_t second, uint8_t third)
{
    return equal_bits(bytes, first) | equal_bits(bytes, second) | equal_bits(bytes, third);
}

static inline uint32_t string_marks(const uint8_t *at)
{
    uint32_t bits = 0;
    for (int i = 0; i < 16; i++) bits |= (uint32_t)(at[i] == '"' || at[i] == '\\' || at[i] < 0x20) << i;
    return bits;
}

#endif

static inline int lowest_bit(uint64_t bits) { return __builtin_ctzll(bits); }

#endif
