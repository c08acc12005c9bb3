/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The id of a profile. It is a hash of what a request says of it. Samples and attributes are added up, so that their
 * order does not matter. Names are hashed as they are written, and native code by its address alone, since a reader
 * may call it otherwise. A hash of 128 bits that is equal by chance is no concern; there is no defence against forgers.
 */
#include "agent/base/base.h"
#include "format.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Adds to a sum of hashes, modulo 2^128. */
static void add_hash(XXH128_hash_t *sum, XXH128_hash_t hash)
{
        sum->low64 += hash.low64;
        sum->high64 += hash.high64 + (sum->low64 < hash.low64);
}

static uint64_t hash_text(const char *text, uint64_t seed)
{
        char *clean = escape_clean(text);
        uint64_t hash = clean ? XXH3_64bits_withSeed(clean, strlen(clean), seed) : 0;

        free(clean);
        return hash;
}

static uint64_t hash_function(const struct profile_function *function)
{
        return function->kind == PROFILE_PYTHON ? hash_text(function->name, hash_text(function->file, 0)) : 0;
}

/* The hashes of all functions, by their ids. NULL if memory ran out. */
static uint64_t *hash_functions(const struct profile *p)
{
        uint64_t *hashes = calloc(profile_functions(p) + 1, sizeof(*hashes));

        for (size_t i = 1; hashes && i <= profile_functions(p); i++)
                hashes[i] = hash_function(profile_function(p, (profile_id)i));
        return hashes;
}

static uint64_t hash_stack(const struct profile *p, profile_id id, const uint64_t *functions)
{
        uint64_t hash = 0;
        size_t n;
        const profile_id *stack = profile_stack(p, id, &n);

        for (size_t i = 0; i < n; i++) {
                const struct profile_frame *frame = profile_frame(p, stack[i]);
                const uint64_t words[] = { functions ? functions[frame->function] : 0, frame->line, frame->address };

                hash = XXH3_64bits_withSeed(words, sizeof(words), hash);
        }
        return hash;
}

static XXH128_hash_t hash_sample(const struct profile *p, const struct profile_sample *sample,
                                 const uint64_t *functions)
{
        bool cpu = profile_settings(p)->mode == PROFILE_MODE_CPU;
        const char *name;
        uint64_t tid = 0;

        if (sample->thread)
                profile_thread(p, sample->thread, &tid, &name);
        const uint64_t words[] = { hash_stack(p, sample->stack, functions), tid, sample->state,
                                   cpu ? sample->count : sample->nanoseconds };
        return XXH3_128bits(words, sizeof(words));
}

static XXH128_hash_t hash_attribute(const char *key, const char *value)
{
        const uint64_t words[] = { hash_text(key, 0), hash_text(value, 1) };

        return XXH3_128bits(words, sizeof(words));
}

void format_profile_id(const struct profile *p, uint8_t ret[static FORMAT_ID_SIZE])
{
        const struct profile_settings *settings = profile_settings(p);
        const uint64_t words[] = { settings->mode, settings->period_ns, settings->start_ns, settings->duration_ns };
        XXH128_hash_t sum = XXH3_128bits(words, sizeof(words));
        uint64_t *functions = hash_functions(p);
        XXH128_canonical_t canonical;

        for (size_t i = 0; i < profile_attributes(p); i++) {
                const char *key, *value;

                profile_attribute_at(p, i, &key, &value);
                add_hash(&sum, hash_attribute(key, value));
        }
        for (size_t i = 0; i < profile_samples(p); i++)
                add_hash(&sum, hash_sample(p, profile_sample(p, i), functions));
        free(functions);
        XXH128_canonicalFromHash(&canonical, XXH3_128bits(&sum, sizeof(sum)));
        memcpy(ret, canonical.digest, FORMAT_ID_SIZE);
}
