/* Which bucket of local time an instant falls into: jobs/partials/buckets.py. */
#ifndef JOBS_TIME_BUCKETS_H
#define JOBS_TIME_BUCKETS_H

#include "kernel.h"

#define NO_TIME INT64_MIN
#define TIME_LIMIT (INT64_C(1) << 61)   /* instants beyond are refused, so that nothing overflows */
#define BUCKET_LIMIT (INT64_C(1) << 58) /* and so are buckets beyond; -BUCKET_LIMIT stands for no time */

/* The bucket of begin <= t < begin + length is remembered. */
typedef struct {
    int64_t spans, size, cycle; /* numbers are taken modulo cycle, unless that is 0 */
    int64_t *starts, *shifts, *numbers; /* an instant t from starts[i] on: numbers[i] + floor((t + shifts[i]) / size) */
    int64_t begin, bucket;
    uint64_t length;
} time_buckets_t;

static inline bool time_bucket_find(time_buckets_t *b, int64_t time) {
    if (time <= -TIME_LIMIT || time >= TIME_LIMIT) {
        b->begin = NO_TIME;
        b->length = 1;
        b->bucket = -BUCKET_LIMIT;
        return time == NO_TIME;
    }
    int64_t low = 0, high = b->spans; /* the last span that starts at or before the instant, else the first */
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (b->starts[middle] <= time) low = middle;
        else high = middle;
    }
    int64_t shift = b->shifts[low], local = time + shift;
    int64_t bucket = local / b->size - (local % b->size < 0);
    int64_t begin = bucket * b->size - shift, end = begin + b->size;
    bucket += b->numbers[low];
    if (b->cycle) bucket = (bucket % b->cycle + b->cycle) % b->cycle;
    if (low > 0 && b->starts[low] > begin) begin = b->starts[low];
    if (low + 1 < b->spans && b->starts[low + 1] < end) end = b->starts[low + 1];
    b->begin = begin;
    b->length = (uint64_t)end - (uint64_t)begin;
    b->bucket = bucket;
    return bucket > -BUCKET_LIMIT && bucket < BUCKET_LIMIT;
}

/* False where the instant is out of range. */
static inline bool time_bucket(time_buckets_t *b, int64_t time, int64_t *bucket) {
    if (UNLIKELY((uint64_t)time - (uint64_t)b->begin >= b->length) && !time_bucket_find(b, time)) return false;
    *bucket = b->bucket;
    return true;
}

#endif
