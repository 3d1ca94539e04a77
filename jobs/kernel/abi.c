/* What the library says of itself. */
#include "kernel.h"

#ifndef KERNEL_DIGEST
#define KERNEL_DIGEST ""
#endif

/* Found in the file by build.py, which builds again only where sources or flags have changed. */
EXPORT const char kernel_digest[] = "sensor-jobs kernel " KERNEL_DIGEST;

EXPORT int32_t kernel_abi(void) { return ABI_VERSION; }
