/* Memory for weights. Whoever includes this defines _GNU_SOURCE first, for madvise. */
#ifndef VAU_HUGE_H
#define VAU_HUGE_H

#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

enum { HUGE_PAGE = 2 << 20 };

/* A zeroed block on huge pages, if the system has any to give; NULL if there is no memory. */
static inline void *huge_block(size_t bytes) {
    const size_t whole = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *memory = aligned_alloc(HUGE_PAGE, whole);
    if (!memory) return NULL;
#if defined(MADV_HUGEPAGE)
    madvise(memory, whole, MADV_HUGEPAGE); /* a refusal costs time alone */
#endif
    return memset(memory, 0, whole);
}

#endif
