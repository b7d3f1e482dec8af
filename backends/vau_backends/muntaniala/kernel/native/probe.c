/* What a machine can do at best, for the bench to set the kernel beside. */
#include "munt.h"
#include "x86.h"

/* Read every weight once, as fast as memory gives them; the answer only keeps it honest. */
uint64_t munt_read(const struct network *network) {
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
