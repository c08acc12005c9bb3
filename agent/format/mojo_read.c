/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads MOJO, the binary format of Austin, version 3, which Austin 4 writes. A byte names an event, then come its fields:
 * numbers of variable length, and strings that end in a NUL. Strings and frames are defined once, and referred to by keys
 * of their process. A sample is a stack event, its frames from the outermost on, and its time in microseconds.
 */
#include "read.h"
#include "reading.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define MOJO_HEAD "MOJ\x03"
#define MOJO_FIELDS_MAX 7
#define MOJO_KEYS_MAX (1u << 20) /* strings and frames that are defined, some 100 bytes each */

enum mojo_event {
        MOJO_METADATA = 1,
        MOJO_STACK,
        MOJO_FRAME,
        MOJO_INVALID,
        MOJO_REFERENCE,
        MOJO_KERNEL,
        MOJO_GC,
        MOJO_IDLE,
        MOJO_TIME,
        MOJO_MEMORY,
        MOJO_STRING,
        MOJO_STRING_REFERENCE,
        MOJO_EVENTS,
};

struct mojo_key {
        uint64_t key[3]; /* whether it is a frame, the process, the number */
        const char *text;
        profile_id frame;
        UT_hash_handle hh;
};

struct mojo_field {
        uint64_t number;
        const char *text;
};

struct mojo {
        struct reading *reading;
        const char *at, *begin, *end;
        struct mojo_key *keys;
        uint64_t pid, interval_us;
        profile_id thread;
        bool invalid; /* the stack could not be read whole */
        struct mojo_field fields[MOJO_FIELDS_MAX];
};

static int refuse_event(struct mojo *m, const char *what)
{
        return reading_refuse(m->reading, "MOJO: at byte %zu: %s", (size_t)(m->at - m->begin), what);
}

/* Six bits and a sign in the first byte, seven in the others, the lowest first. The highest bit says that one follows. */
static int take_varint(struct mojo *m, uint64_t *ret)
{
        unsigned shift = 6;
        unsigned char byte;

        if (m->at == m->end)
                return refuse_event(m, "it is cut off");
        byte = (unsigned char)*m->at++;
        *ret = byte & 0x3f;
        if (byte & 0x40)
                return refuse_event(m, "a number is negative");
        for (; byte & 0x80; shift += 7) {
                if (m->at == m->end || shift > 55)
                        return refuse_event(m, "a number is cut off, or too long");
                byte = (unsigned char)*m->at++;
                *ret |= (uint64_t)(byte & 0x7f) << shift;
        }
        return 0;
}

static int take_string(struct mojo *m, const char **ret)
{
        const char *end = memchr(m->at, '\0', (size_t)(m->end - m->at));

        if (!end)
                return refuse_event(m, "a string is cut off");
        *ret = m->at;
        m->at = end + 1;
        return 0;
}

static struct mojo_key *look_up_key(const struct mojo *m, bool frame, uint64_t number)
{
        const uint64_t key[3] = { frame, m->pid, number };
        struct mojo_key *found;

        HASH_FIND(hh, m->keys, key, sizeof(key), found);
        return found;
}

static int define_key(struct mojo *m, bool frame, uint64_t number, const char *text, profile_id id)
{
        struct mojo_key *key = look_up_key(m, frame, number);

        if (!key) {
                if (HASH_COUNT(m->keys) == MOJO_KEYS_MAX)
                        return refuse_event(m, "it defines too many strings and frames");
                key = calloc(1, sizeof(*key));
                if (!key)
                        return -ENOMEM;
                key->key[0] = frame;
                key->key[1] = m->pid;
                key->key[2] = number;
                HASH_ADD(hh, m->keys, key, sizeof(key->key), key);
        }
        key->text = text;
        key->frame = id;
        return 0;
}

static const char *get_key_text(const struct mojo *m, uint64_t number)
{
        const struct mojo_key *key = look_up_key(m, false, number);

        return key && key->text ? key->text : "<unknown>";
}

/* ---- events ---------------------------------------------------------------------------- */

static int take_metadata(struct mojo *m)
{
        if (strcmp(m->fields[0].text, "interval") == 0)
                m->interval_us = strtoull(m->fields[1].text, NULL, 10);
        if (m->interval_us > 0 && m->interval_us < UINT32_MAX)
                m->reading->period_ns = m->interval_us * 1000;
        return 0;
}

static int take_stack(struct mojo *m)
{
        m->pid = m->fields[0].number;
        m->reading->n = 0;
        m->invalid = false;
        return profile_intern_thread(m->reading->profile, strtoull(m->fields[2].text, NULL, 16), m->fields[2].text,
                                     &m->thread);
}

static int take_frame(struct mojo *m)
{
        uint64_t line = m->fields[3].number;
        profile_id frame;
        int r = read_named_frame(m->reading->profile, get_key_text(m, m->fields[2].number),
                                 get_key_text(m, m->fields[1].number), line < UINT32_MAX ? (uint32_t)line : 0, &frame);

        return r < 0 ? r : define_key(m, true, m->fields[0].number, NULL, frame);
}

static int take_invalid(struct mojo *m)
{
        m->invalid = true;
        return 0;
}

static int take_reference(struct mojo *m)
{
        const struct mojo_key *key = look_up_key(m, true, m->fields[0].number);

        return key ? reading_push(m->reading, key->frame) : refuse_event(m, "it refers to a frame that is not there");
}

static int push_mark(struct mojo *m, const char *name, const char *file)
{
        profile_id frame;
        int r = read_named_frame(m->reading->profile, name, file, 0, &frame);

        return r < 0 ? r : reading_push(m->reading, frame);
}

static int take_kernel(struct mojo *m)
{
        return push_mark(m, m->fields[0].text, "[kernel]");
}

static int take_gc(struct mojo *m)
{
        return push_mark(m, "GC", "");
}

static int take_time(struct mojo *m)
{
        uint64_t us = m->fields[0].number;
        double times = m->interval_us ? round((double)us / (double)m->interval_us) : 1;

        if (m->invalid || us == 0)
                return 0;
        return reading_count(m->reading, m->thread, times < 1 ? 1 : (uint64_t)times, reading_ns((double)us, 1e3));
}

static int take_memory(struct mojo *m)
{
        return refuse_event(m, "it is a profile of memory: only times can be read");
}

static int take_definition(struct mojo *m)
{
        return define_key(m, false, m->fields[0].number, m->fields[1].text, 0);
}

/* An event's fields, a letter each: number or string. An event that nothing takes says nothing of a stack. */
static const struct mojo_kind {
        const char *fields;
        int (*take)(struct mojo *m);
} mojo_kinds[MOJO_EVENTS] = {
        [MOJO_METADATA] = { "ss", take_metadata },
        [MOJO_STACK] = { "nns", take_stack },
        [MOJO_FRAME] = { "nnnnnnn", take_frame },
        [MOJO_INVALID] = { "", take_invalid },
        [MOJO_REFERENCE] = { "n", take_reference },
        [MOJO_KERNEL] = { "s", take_kernel },
        [MOJO_GC] = { "", take_gc },
        [MOJO_IDLE] = { "", NULL },
        [MOJO_TIME] = { "n", take_time },
        [MOJO_MEMORY] = { "n", take_memory },
        [MOJO_STRING] = { "ns", take_definition },
        [MOJO_STRING_REFERENCE] = { "n", NULL },
};

static int read_mojo_event(struct mojo *m)
{
        unsigned char event = (unsigned char)*m->at;
        int r = 0;

        if (event >= MOJO_EVENTS || !mojo_kinds[event].fields)
                return refuse_event(m, "there is no such event");
        m->at++;
        for (size_t i = 0; r == 0 && mojo_kinds[event].fields[i]; i++)
                r = mojo_kinds[event].fields[i] == 'n' ? take_varint(m, &m->fields[i].number)
                                                       : take_string(m, &m->fields[i].text);
        return r < 0 || !mojo_kinds[event].take ? r : mojo_kinds[event].take(m);
}

bool is_mojo(const char *bytes, size_t len)
{
        return len >= strlen(MOJO_HEAD) && memcmp(bytes, MOJO_HEAD, strlen(MOJO_HEAD)) == 0;
}

int read_mojo(const char *bytes, size_t len, struct profile_set *ret, const char **ret_error)
{
        struct mojo m = { .reading = malloc(sizeof(*m.reading)),
                          .begin = bytes,
                          .at = bytes + strlen(MOJO_HEAD),
                          .end = bytes + len };
        struct mojo_key *key, *next;
        int r = m.reading ? reading_init(m.reading) : -ENOMEM;

        if (r == 0) {
                while (r == 0 && m.at < m.end)
                        r = read_mojo_event(&m);
                if (r == 0)
                        r = reading_finish(m.reading, ret);
                if (r == -EINVAL)
                        *ret_error = m.reading->error;
                reading_deinit(m.reading);
        }
        HASH_ITER(hh, m.keys, key, next) {
                HASH_DEL(m.keys, key);
                free(key);
        }
        free(m.reading);
        return r;
}
