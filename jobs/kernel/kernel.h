/* The kernel: readings from bytes to columns, and statistics from columns.
 *
 * One shared library with a plain C ABI and no Python headers; all .c files of this folder are compiled as one unit in
 * alphabetical order, so names of static functions must differ between files. Exported functions are marked EXPORT.
 * Memory: no function reads outside what it was given, plus PADDING readable bytes behind an input buffer's end, and
 * none writes outside its own or its caller's arrays, whatever the bytes. No global state: callers own every object.
 */
#ifndef JOBS_KERNEL_H
#define JOBS_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Raised with every change of an exported function or a shared structure; library.py knows the same number. */
#define ABI_VERSION 4

/* How many bytes behind the end of an input buffer can be read (and mean nothing). */
#define PADDING 64

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the kernel reads numbers little-endian first; without it the reference path does all the work"
#endif

#endif
