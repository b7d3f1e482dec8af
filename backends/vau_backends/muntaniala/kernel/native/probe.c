/* What a machine can do at best, for a bench to set the kernel beside. */
#define _POSIX_C_SOURCE 199309L /* clock_gettime */
#include "munt.h"
#include "x86.h"

#include <time.h>

double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* All words of the weights, by exclusive or. */
static uint64_t all_words(const struct network *network) {
    enum { WORDS = LINE / 8, AHEAD = 64 }; /* words of a cache line; lines asked for early */
    uint64_t total[WORDS] = {0};
    const struct layer *layer = network->layers;
    for (; layer < network->layers + network->layer_count; layer++) {
        const uint64_t *word = (const uint64_t *)layer->weights;
        const uint64_t *end = word + places_of(layer) * panel_bytes(layer) / 8;
        for (; word < end; word += WORDS) {
            __builtin_prefetch(word + AHEAD * WORDS);
            for (int n = 0; n < WORDS; n++) total[n] ^= word[n];
        }
    }
    for (int n = 1; n < WORDS; n++) total[0] ^= total[n];
    return total[0];
}

double read_all_s(const struct network *network) {
    const double started_s = now_s();
    const uint64_t seen = all_words(network);
    __asm__ volatile("" ::"r"(seen)); /* or the compiler would leave out what nobody wants */
    return now_s() - started_s;
}
