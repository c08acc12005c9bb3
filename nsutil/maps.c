/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/maps: "START-END PERM OFFSET MAJOR:MINOR INODE   PATH". Newlines in
 * a path are escaped by the kernel (\012), so a target cannot forge a line.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

static bool parse_range(struct nsutil_text *line, struct nsutil_map *map)
{
        return nsutil_text_u64(line, 16, &map->start) && nsutil_text_prefix(line, "-") &&
               nsutil_text_u64(line, 16, &map->end) && nsutil_text_prefix(line, " ") && map->start < map->end;
}

/* "rwxp": the fourth says private or shared. */
static bool parse_prot(struct nsutil_text *line, struct nsutil_map *map)
{
        struct nsutil_text prot;

        if (!nsutil_text_until(line, ' ', &prot) || prot.end - prot.at != 4)
                return false;
        map->prot = (prot.at[0] == 'r' ? PROT_READ : 0u) | (prot.at[1] == 'w' ? PROT_WRITE : 0u) |
                    (prot.at[2] == 'x' ? PROT_EXEC : 0u);
        return true;
}

static bool parse_file(struct nsutil_text *line, struct nsutil_map *map)
{
        uint64_t major, minor, inode;

        if (!nsutil_text_u64(line, 16, &map->offset) || !nsutil_text_prefix(line, " ") ||
            !nsutil_text_u64(line, 16, &major) || !nsutil_text_prefix(line, ":") ||
            !nsutil_text_u64(line, 16, &minor) || !nsutil_text_prefix(line, " ") ||
            !nsutil_text_u64(line, 10, &inode) || major > UINT32_MAX || minor > UINT32_MAX)
                return false;
        map->dev = makedev((unsigned)major, (unsigned)minor);
        map->inode = inode;
        return true;
}

/* Parses a line. Ends the path in place: writes a NUL over the newline, or over the first byte of " (deleted)". */
static bool parse_map(struct nsutil_text line, char *newline, struct nsutil_map *ret)
{
        struct nsutil_map map = { 0 };

        if (!parse_range(&line, &map) || !parse_prot(&line, &map) || !parse_file(&line, &map))
                return false;
        nsutil_text_blanks(&line);
        map.deleted = nsutil_text_suffix(&line, " (deleted)");
        map.path = line.at;
        newline[line.end - newline] = '\0';
        *ret = map;
        return true;
}

static int append_map(struct nsutil_maps *maps, size_t *size, const struct nsutil_map *map)
{
        if (maps->n == *size) {
                size_t new_size = *size ? *size * 2 : 64;
                struct nsutil_map *new_maps = reallocarray(maps->maps, new_size, sizeof(*new_maps));

                if (!new_maps)
                        return -ENOMEM;
                maps->maps = new_maps;
                *size = new_size;
        }
        maps->maps[maps->n++] = *map;
        return 0;
}

int nsutil_maps_parse(char *text, size_t len, struct nsutil_maps *ret)
{
        struct nsutil_text rest = { text, text + len }, line;
        struct nsutil_maps maps = { 0 };
        struct nsutil_map map;
        uint64_t last_end = 0;
        size_t size = 0;
        int r = 0;

        while (!r && rest.at < rest.end) {
                if (!nsutil_text_until(&rest, '\n', &line) || !parse_map(line, text + (line.end - text), &map) ||
                    map.start < last_end) {
                        r = NSUTIL_E_MALFORMED;
                } else {
                        r = append_map(&maps, &size, &map);
                        last_end = map.end;
                }
        }
        if (r) {
                free(maps.maps);
                return r;
        }
        maps.text = text;
        *ret = maps;
        return 0;
}

int nsutil_maps_read(pid_t pid, struct nsutil_maps *ret)
{
        char *text;
        size_t len;
        int r = nsutil_read_proc(pid, "maps", NSUTIL_MAPS_MAX, &text, &len);

        if (r)
                return r;
        r = nsutil_maps_parse(text, len, ret);
        if (r)
                free(text);
        return r;
}

void nsutil_maps_deinit(struct nsutil_maps *maps)
{
        free(maps->maps);
        free(maps->text);
        *maps = (struct nsutil_maps){ 0 };
}
