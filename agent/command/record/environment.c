/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what the machine is, and makes attributes of it. */
#include "environment.h"

#include "nsutil/nsutil.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* Enough for 2700 CPUs of 1.5 KiB each. Only the first model is needed. */
#define CPUINFO_MAX_SIZE ((size_t)4 << 20)

static const struct {
        const char *uname, *arch;
} arches[] = {
        { "x86_64", "amd64" },
        { "aarch64", "arm64" },
};

static const char *arch_of(const char *machine)
{
        for (size_t i = 0; i < sizeof arches / sizeof *arches; i++)
                if (strcmp(arches[i].uname, machine) == 0)
                        return arches[i].arch;
        return machine;
}

void environment_parse_cpuinfo(const char *text, char *ret, size_t size)
{
        static const char key[] = "model name";

        *ret = '\0';
        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                size_t len = strcspn(line, "\n");
                const char *colon = memchr(line, ':', len);
                if (strncmp(line, key, strlen(key)) != 0 || !colon)
                        continue;
                colon += 1 + strspn(colon + 1, " \t");
                snprintf(ret, size, "%.*s", (int)(line + len - colon), colon);
                return;
        }
}

static void read_cpu(char *ret, size_t size)
{
        char *text = NULL;
        size_t len;

        *ret = '\0';
        if (nsutil_read_file_at(AT_FDCWD, "/proc/cpuinfo", CPUINFO_MAX_SIZE, &text, &len) == 0)
                environment_parse_cpuinfo(text, ret, size);
        free(text);
}

void environment_read(struct environment *ret)
{
        struct utsname name = { .machine = "" };

        *ret = (struct environment){ .revision = "" };
        uname(&name);
        snprintf(ret->arch, sizeof ret->arch, "%s", arch_of(name.machine));
        snprintf(ret->kernel, sizeof ret->kernel, "%s", name.release);
        read_cpu(ret->cpu, sizeof ret->cpu);
        revision_read(".", ret->revision);
}

int environment_describe(const struct environment *environment, unsigned run, unsigned rate, struct profile *profile)
{
        char run_text[16], rate_text[16];
        const struct {
                const char *key, *value;
        } attributes[] = {
                { "host.arch", environment->arch },    { "host.cpu.model.name", environment->cpu },
                { "os.version", environment->kernel }, { "vcs.ref.head.revision", environment->revision },
                { "podflame.run", run_text },          { "podflame.rate", rate_text },
        };
        int r = 0;

        snprintf(run_text, sizeof run_text, "%u", run);
        snprintf(rate_text, sizeof rate_text, "%u", rate);
        for (size_t i = 0; r == 0 && i < sizeof attributes / sizeof *attributes; i++)
                if (*attributes[i].value)
                        r = profile_set_attribute(profile, attributes[i].key, attributes[i].value);
        return r;
}
