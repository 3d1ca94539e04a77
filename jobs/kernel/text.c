/* Bytes to texts: UTF-8 checked as strictly as Python's decoder, single-byte encodings by a table. */
#include "parsing.h"

static inline bool is_ascii(span text)
{
    int64_t i = 0;
    for (; i + 8 <= text.size; i += 8)
        if (load_u64(text.at + i) & 0x8080808080808080u) return false;
    for (; i < text.size; i++)
        if (text.at[i] & 0x80) return false;
    return true;
}

/* Well-formed by table 3-7 of the Unicode standard: no surrogates, nothing overlong, nothing beyond U+10FFFF. */
static bool is_utf8(span text)
{
    const uint8_t *at = text.at, *stop = at + text.size;
    while (at < stop) {
        uint8_t lead = *at++, low = 0x80, high = 0xbf;
        int more = lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : -1;
        if (more < 0 || stop - at < more) return false;
        if (lead == 0xe0) low = 0xa0;
        if (lead == 0xed) high = 0x9f;
        if (lead == 0xf0) low = 0x90;
        if (lead == 0xf4) high = 0x8f;
        for (; more > 0; more--, at++) {
            if (*at < low || *at > high) return false;
            low = 0x80, high = 0xbf;
        }
    }
    return true;
}

static bool is_decodable(const text_decoder *decoder, span raw)
{
    if (LIKELY(is_ascii(raw))) return true;
    if (!decoder->utf8) return is_utf8(raw);
    for (int64_t i = 0; i < raw.size; i++)
        if (!decoder->utf8[raw.at[i]][0]) return false;
    return true;
}

/* The text that bytes stand for, in `raw` itself or in the decoder's buffer; false if they cannot be decoded or there is
 * no memory to do it in. */
static bool decode(text_decoder *decoder, span raw, span *text)
{
    *text = raw;
    if (!decoder->utf8 || is_ascii(raw)) return !decoder->utf8 ? is_decodable(decoder, raw) : true;
    if (3 * raw.size + 16 > decoder->room) {
        uint8_t *buffer = realloc(decoder->buffer, (size_t)(6 * raw.size + 16));
        if (!buffer) return false;
        decoder->buffer = buffer;
        decoder->room = 6 * raw.size + 16;
    }
    uint8_t *out = decoder->buffer;
    for (int64_t i = 0; i < raw.size; i++) {
        const uint8_t *image = decoder->utf8[raw.at[i]];
        if (!image[0]) return false;
        for (int j = 1; j <= image[0]; j++) *out++ = image[j];
    }
    memset(out, 0, 16);
    *text = (span){decoder->buffer, out - decoder->buffer};
    return true;
}
