/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/status has lines of "Key:\tvalue". The kernel escapes the name in it, so that a target cannot forge a line.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <stdlib.h>

/* The line of supplementary groups can hold 65 536 numbers (NGROUPS_MAX) of up to 11 characters. */
#define STATUS_MAX ((size_t)1 << 20)

struct fields {
        struct nsutil_status status;
        pid_t pid;
        bool has_pid, has_uid, has_cap;
};

static bool parse_pid(struct nsutil_text value, struct fields *fields)
{
        fields->has_pid = nsutil_text_pid(&value, &fields->pid);
        return fields->has_pid;
}

static bool parse_process(struct nsutil_text value, struct fields *fields)
{
        return nsutil_text_pid(&value, &fields->status.process);
}

/* Takes the effective UID out of four: real, effective, saved, and that of the file system. */
static bool parse_uid(struct nsutil_text value, struct fields *fields)
{
        uint64_t real, effective;

        if (!nsutil_text_u64(&value, 10, &real))
                return false;
        nsutil_text_blanks(&value);
        if (!nsutil_text_u64(&value, 10, &effective) || effective > UINT32_MAX)
                return false;
        fields->status.uid = (uid_t)effective;
        fields->has_uid = true;
        return true;
}

static bool parse_cap_eff(struct nsutil_text value, struct fields *fields)
{
        fields->has_cap = nsutil_text_u64(&value, 16, &fields->status.cap_eff);
        return fields->has_cap;
}

static bool parse_ns_pid(struct nsutil_text value, struct fields *fields)
{
        unsigned n = 0;

        for (; value.at < value.end; nsutil_text_blanks(&value)) {
                if (n == NSUTIL_MAX_NS_DEPTH || !nsutil_text_pid(&value, &fields->status.ns_pid[n]))
                        return false;
                n++;
        }
        fields->status.ns_depth = n;
        return n > 0;
}

static const struct {
        const char *key;
        bool (*parse)(struct nsutil_text value, struct fields *fields);
} keys[] = {
        { "Tgid:", parse_process }, { "Pid:", parse_pid },        { "Uid:", parse_uid },
        { "NSpid:", parse_ns_pid }, { "CapEff:", parse_cap_eff },
};

static bool parse_status_line(struct nsutil_text line, struct fields *fields)
{
        for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
                if (nsutil_text_prefix(&line, keys[i].key)) {
                        nsutil_text_blanks(&line);
                        return keys[i].parse(line, fields);
                }
        return true;
}

int nsutil_status_parse(const char *text, size_t len, struct nsutil_status *ret)
{
        struct nsutil_text rest = { text, text + len }, line;
        struct fields fields = { 0 };

        while (nsutil_text_line(&rest, &line))
                if (!parse_status_line(line, &fields))
                        return NSUTIL_E_MALFORMED;
        if (!fields.has_pid || !fields.has_uid || !fields.has_cap)
                return NSUTIL_E_MALFORMED;
        if (fields.status.ns_depth == 0) {
                fields.status.ns_depth = 1;
                fields.status.ns_pid[0] = fields.pid;
        }
        if (fields.status.process == 0)
                fields.status.process = fields.pid;
        *ret = fields.status;
        return 0;
}

int nsutil_status_read_at(pid_t pid, const char *name, struct nsutil_status *ret)
{
        char *text;
        size_t len;
        int r = nsutil_read_proc(pid, name, STATUS_MAX, &text, &len);

        if (r)
                return r;
        r = nsutil_status_parse(text, len, ret);
        free(text);
        return r;
}

int nsutil_status_read(pid_t pid, struct nsutil_status *ret)
{
        return nsutil_status_read_at(pid, "status", ret);
}

int nsutil_process_of(pid_t tid, pid_t *ret)
{
        struct nsutil_status status;
        int r = nsutil_status_read(tid, &status);

        if (!r)
                *ret = status.process;
        return r;
}
