/* One block of memory for many arrays. */
#ifndef VAU_ARENA_H
#define VAU_ARENA_H

#include <stddef.h>
#include <stdlib.h>

enum { ARENA_ALIGNMENT = 64 };

/* Where the address sanitizer looks on, it stops whoever leaves a part for the next one. */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
enum { ARENA_FENCE = 4 * ARENA_ALIGNMENT };
#else
enum { ARENA_FENCE = 0 };
#define ASAN_POISON_MEMORY_REGION(from, bytes) ((void)(from), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(from, bytes) ((void)(from), (void)(bytes))
#endif

/* Hands out parts of a block; without one (base NULL) it finds how much is needed. */
struct arena {
    char *base;
    size_t used;
};

static inline void *take(struct arena *arena, size_t bytes) {
    const size_t whole =
        (bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT + ARENA_FENCE;
    char *part = arena->base ? arena->base + arena->used : NULL;
    if (part) {
        ASAN_UNPOISON_MEMORY_REGION(part, bytes);
        ASAN_POISON_MEMORY_REGION(part + bytes, whole - bytes);
    }
    arena->used += whole;
    return part;
}

/* Memory that calls work in; kept, and grown when one needs more. */
struct workspace {
    void *memory;
    size_t bytes;
};

static inline int grown(struct workspace *workspace, size_t bytes) {
    if (bytes <= workspace->bytes) return 1;
    void *memory = aligned_alloc(ARENA_ALIGNMENT, bytes);
    if (!memory) return 0;
    free(workspace->memory);
    workspace->memory = memory;
    workspace->bytes = bytes;
    return 1;
}

#endif
