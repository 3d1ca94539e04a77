/* Texts and their codes: an open-addressing table whose slots hold short texts themselves. */
#include "parsing.h"

enum { FIRST_SLOTS = 64, FIRST_TEXTS = 1024, SPARSE_SLOTS = 1 << 15 };

static inline uint64_t key_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t key_hash_long(const uint8_t *at, int64_t size)
{
    uint64_t hash = 0x9e3779b97f4a7c15u;
    for (; size > 16; at += 16, size -= 16)
        hash = key_mix(load_u64(at) ^ 0xa0761d6478bd642fu ^ hash, load_u64(at + 8) ^ 0xe7037ed1a0b428dbu);
    /* the last 16 bytes, which may overlap what was hashed */
    return key_mix(load_u64(at + size - 16) ^ hash, load_u64(at + size - 8) ^ 0x8ebc6af09c88c6e3u);
}

/* From byte 16 - size on: of sixteen bytes the first `size` are kept. */
static const uint8_t KEY_KEPT[32] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

/* The slot that a text would have, its code apart. */
static inline key_slot key_image(span text)
{
    key_slot slot = {0, 0, (uint32_t)text.size, KEY_UNKNOWN};
    if (LIKELY(text.size <= 16)) {
        const uint8_t *kept = KEY_KEPT + 16 - text.size;
        slot.head = load_u64(text.at) & load_u64(kept);
        slot.tail = load_u64(text.at + 8) & load_u64(kept + 8);
    } else {
        slot.head = key_hash_long(text.at, text.size);
        slot.tail = load_u64(text.at + text.size - 8);
    }
    return slot;
}

static inline uint64_t key_place(const key_table *table, const key_slot *image)
{
    return key_mix(image->head ^ 0x9e3779b97f4a7c15u, image->tail ^ 0xd6e8feb86659fd93u ^ image->size) & table->mask;
}

static inline bool key_same(const key_table *table, const key_slot *slot, const key_slot *image, span text)
{
    if (slot->head != image->head || slot->tail != image->tail || slot->size != image->size) return false;
    return text.size <= 16 || memcmp(table->texts + table->offsets[slot->code], text.at, (size_t)text.size) == 0;
}

/* The code of a text, KEY_UNKNOWN without one. */
static inline int32_t key_find(const key_table *table, span text)
{
    key_slot image = key_image(text);
    for (uint64_t place = key_place(table, &image);; place = (place + 1) & table->mask) {
        const key_slot *slot = &table->slots[place];
        if (slot->code < 0) return KEY_UNKNOWN;
        if (LIKELY(key_same(table, slot, &image, text))) return slot->code;
    }
}

static void key_put(const key_table *table, key_slot slot)
{
    uint64_t place = key_place(table, &slot);
    while (table->slots[place].code >= 0) place = (place + 1) & table->mask;
    table->slots[place] = slot;
}

static bool key_grow_slots(key_table *table)
{
    uint64_t size = table->slots ? 2 * (table->mask + 1) : FIRST_SLOTS;
    key_slot *slots = malloc(size * sizeof *slots);
    if (!slots) return false;
    for (uint64_t i = 0; i < size; i++) slots[i] = (key_slot){0, 0, 0, KEY_UNKNOWN};
    key_table old = *table;
    table->slots = slots;
    table->mask = size - 1;
    for (uint64_t i = 0; old.slots && i <= old.mask; i++)
        if (old.slots[i].code >= 0) key_put(table, old.slots[i]);
    free(old.slots);
    return true;
}

/* Whether there are slots for one more text: at least twice as many as texts, and four times while they are few, as
 * texts that share a place cost a wrong guess of the processor. */
static inline bool key_has_slot(const key_table *table)
{
    uint64_t slots = table->mask + 1, texts = (uint64_t)table->count + 1;
    return (slots < SPARSE_SLOTS ? 4 : 2) * texts <= slots;
}

/* Room for one more text of `size` bytes. Texts together stay below 2 GiB, as Arrow's strings need it. */
static bool key_reserve(key_table *table, int64_t size)
{
    int64_t used = table->offsets[table->count];
    if (size > INT32_MAX - used || table->count == INT32_MAX - 1) return false;
    if (table->count + 1 >= table->room) {
        int64_t room = 2 * (int64_t)table->room > INT32_MAX ? INT32_MAX : 2 * (int64_t)table->room;
        int32_t *offsets = realloc(table->offsets, (size_t)room * sizeof *offsets);
        if (!offsets) return false;
        table->offsets = offsets;
        table->room = (int32_t)room;
    }
    if (used + size > table->texts_room) {
        int64_t room = 2 * (used + size);
        uint8_t *texts = realloc(table->texts, (size_t)room);
        if (!texts) return false;
        table->texts = texts;
        table->texts_room = room;
    }
    return key_has_slot(table) || key_grow_slots(table);
}

/* The code of a text, given one if it has none yet; KEY_NO_MEMORY if there is no room. */
static int32_t key_add(key_table *table, span text)
{
    int32_t code = key_find(table, text);
    if (code >= 0) return code;
    if (!key_reserve(table, text.size)) return KEY_NO_MEMORY;
    key_slot slot = key_image(text);
    slot.code = table->count++;
    int32_t begin = table->offsets[slot.code];
    memcpy(table->texts + begin, text.at, (size_t)text.size);
    table->offsets[slot.code + 1] = begin + (int32_t)text.size;
    key_put(table, slot);
    return slot.code;
}

static bool key_table_init(key_table *table)
{
    *table = (key_table){.room = FIRST_SLOTS, .texts_room = FIRST_TEXTS};
    table->offsets = calloc(FIRST_SLOTS, sizeof *table->offsets);
    table->texts = malloc(FIRST_TEXTS);
    if (table->offsets && table->texts && key_grow_slots(table)) return true;
    key_table_free(table);
    return false;
}

static void key_table_free(key_table *table)
{
    free(table->slots);
    free(table->offsets);
    free(table->texts);
    *table = (key_table){0};
}

EXPORT void keys_free(key_store *keys)
{
    for (int i = 0; keys && i < KEYS_TABLES; i++) key_table_free(&keys->table[i]);
    free(keys);
}

/* Empty tables of devices, series and qualities; NULL without memory. */
EXPORT key_store *keys_new(void)
{
    key_store *keys = calloc(1, sizeof *keys);
    for (int i = 0; keys && i < KEYS_TABLES; i++)
        if (!key_table_init(&keys->table[i])) {
            keys_free(keys);
            return NULL;
        }
    return keys;
}

/* Codes of texts that lie one after the other, text i being data[offsets[i]..offsets[i + 1]); -2 stands for no memory,
 * which also ends the work. */
EXPORT int32_t keys_add(key_store *keys, int32_t which, const uint8_t *data, const int32_t *offsets, int64_t count,
                        int32_t *codes)
{
    key_table *table = &keys->table[which];
    uint8_t padded[16] = {0};
    for (int64_t i = 0; i < count; i++) {
        span text = {data + offsets[i], offsets[i + 1] - offsets[i]};
        if (text.size < 16) {
            if (text.size) memcpy(padded, text.at, (size_t)text.size);
            text.at = padded;
        }
        codes[i] = key_add(table, text);
        if (codes[i] < 0) return codes[i];
    }
    return 0;
}

EXPORT int32_t keys_count(const key_store *keys, int32_t which) { return keys->table[which].count; }

/* How many bytes all texts of a table have. */
EXPORT int64_t keys_size(const key_store *keys, int32_t which)
{
    const key_table *table = &keys->table[which];
    return table->offsets[table->count];
}

/* Copies count + 1 offsets and all texts. */
EXPORT void keys_copy(const key_store *keys, int32_t which, int32_t *offsets, uint8_t *texts)
{
    const key_table *table = &keys->table[which];
    memcpy(offsets, table->offsets, ((size_t)table->count + 1) * sizeof *offsets);
    memcpy(texts, table->texts, (size_t)table->offsets[table->count]);
}
