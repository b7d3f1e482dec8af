/* One block of memory for many arrays. */
#ifndef VAU_ARENA_H
#define VAU_ARENA_H

#include <stddef.h>

enum { ARENA_ALIGNMENT = 64 };

/* Hands out parts of a block; without one (base NULL) it finds how much is needed. */
struct arena {
    char *base;
    size_t used;
};

static inline void *take(struct arena *arena, size_t bytes) {
    void *part = arena->base ? arena->base + arena->used : NULL;
    arena->used += (bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    return part;
}

#endif
