/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The circumstances of the two sides' recordings. Shares mean different things with different interpreters, rates,
 * modes and architectures. Another CPU, kernel or image only makes it more likely that the difference does not come
 * from the program.
 */
#include "compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_SIZE sizeof(((struct compare_circumstance *)0)->values[0])
#define NS_PER_S 1e9

static void get_attribute(const struct profile *p, const char *key, char *ret)
{
        const char *value = profile_attribute(p, key);

        snprintf(ret, VALUE_SIZE, "%s", value ? value : "");
}

/* Takes "3.11" out of "3.11.2". */
static void get_minor(const struct profile *p, const char *key, char *ret)
{
        get_attribute(p, key, ret);

        char *dot = strchr(ret, '.');

        if (dot)
                dot[1 + strspn(dot + 1, "0123456789")] = '\0';
}

static void get_rate(const struct profile *p, const char *key, char *ret)
{
        const char *rate = profile_attribute(p, key);

        *ret = '\0';
        if (rate)
                snprintf(ret, VALUE_SIZE, "%s Hz", rate);
        else if (profile_settings(p)->period_ns > 0)
                snprintf(ret, VALUE_SIZE, "%.0f Hz", round(NS_PER_S / (double)profile_settings(p)->period_ns));
}

static void get_mode(const struct profile *p, const char *key, char *ret)
{
        (void)key;
        snprintf(ret, VALUE_SIZE, "%s", profile_has_settings(p) ? profile_mode_name(profile_settings(p)->mode) : "");
}

static void get_engine(const struct profile *p, const char *key, char *ret)
{
        (void)key;
        snprintf(ret, VALUE_SIZE, "%s", profile_settings(p)->engine ? profile_settings(p)->engine : "");
}

static const struct {
        const char *name;
        const char *key;
        bool must_agree;
        void (*get)(const struct profile *p, const char *key, char *ret);
} fields[COMPARE_CIRCUMSTANCES] = {
        { "interpreter", "process.runtime.version", true, get_minor },
        { "rate", "podflame.rate", true, get_rate },
        { "mode", "", true, get_mode },
        { "architecture", "host.arch", true, get_attribute },
        { "engine", "", false, get_engine },
        { "CPU", "host.cpu.model.name", false, get_attribute },
        { "kernel", "os.version", false, get_attribute },
        { "image", "container.image.name", false, get_attribute },
        { "commit", "vcs.ref.head.revision", false, get_attribute },
};

static void note_circumstance(const struct profile_set *set, size_t field, int side, struct compare_circumstance *ret)
{
        for (size_t i = 0; i < set->n; i++) {
                char value[VALUE_SIZE];

                fields[field].get(set->items[i], fields[field].key, value);
                if (!*ret->values[side])
                        memcpy(ret->values[side], value, VALUE_SIZE);
                else if (*value && strcmp(ret->values[side], value) != 0)
                        ret->varies[side] = true;
        }
}

void compare_circumstances(const struct profile_set sides[static COMPARE_SIDES],
                           struct compare_circumstance ret[static COMPARE_CIRCUMSTANCES])
{
        for (size_t i = 0; i < COMPARE_CIRCUMSTANCES; i++) {
                struct compare_circumstance *c = &ret[i];

                *c = (struct compare_circumstance){ .name = fields[i].name, .must_agree = fields[i].must_agree };
                for (int side = 0; side < COMPARE_SIDES; side++)
                        note_circumstance(&sides[side], i, side, c);
                c->differs = *c->values[COMPARE_BASE] && *c->values[COMPARE_NEW] &&
                             strcmp(c->values[COMPARE_BASE], c->values[COMPARE_NEW]) != 0;
        }
}
