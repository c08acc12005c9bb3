/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flame graph as one static picture: the root is at the top, as py-spy draws it. The title of a frame, which viewers
 * show at the pointer, has all of its name, its place and its share. What would be narrower than a tenth of a pixel, or
 * too deep, or one of too many, is left out, and the picture says how many frames that are.
 */
#include "agent/base/base.h"
#include "flat.h"
#include "formats.h"
#include "trie.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 1200.0
#define ROW 17
#define HEAD 44
#define FOOT 26
#define WIDTH_MIN 0.1     /* of a frame, in pixels */
#define CHARACTER 7.0     /* the width of a character, about */
#define DEPTH_MAX 1000    /* rows */
#define FRAMES_MAX 50000u /* frames that are drawn */

struct picture {
        const struct profile *profile;
        const struct trie *trie;
        double *x; /* by node: where its next child begins, as a part of the whole */
        uint32_t rows, drawn, left_out;
        bool timed;
        FILE *out;
};

/* Names are clean text after this, and cannot end the text that they stand in. */
static void write_xml(const char *text, size_t max, FILE *out)
{
        static const char *const entities[128] = {
                ['<'] = "&lt;", ['>'] = "&gt;", ['&'] = "&amp;", ['"'] = "&quot;", ['\''] = "&#39;",
        };

        for (size_t n = 0; *text && n < max; n++) {
                char clean[ESCAPE_MAX];
                size_t len = escape_next(&text, clean);
                const char *entity = len == 1 && (unsigned char)clean[0] < 128 ? entities[(unsigned char)clean[0]]
                                                                               : NULL;

                if (entity)
                        fputs(entity, out);
                else
                        fwrite(clean, 1, len, out);
        }
}

static double share_of(const struct picture *p, uint64_t weight)
{
        uint64_t whole = p->trie->nodes[0].weight;

        return whole ? (double)weight / (double)whole : 0;
}

/* A colour that a function always has: warm for Python, blue for C, green for the kernel. */
static void write_colour(const struct profile_function *function, FILE *out)
{
        static const unsigned hues[PROFILE_KINDS] = {
                [PROFILE_PYTHON] = 12, [PROFILE_C] = 200, [PROFILE_KERNEL] = 130
        };
        unsigned hash = 5381;

        for (const char *c = function->name; *c; c++)
                hash = hash * 33 + (unsigned char)*c;
        fprintf(out, "hsl(%u,%u%%,%u%%)", hues[function->kind] + hash % 36, 70 + hash / 36 % 20, 62 + hash / 720 % 10);
}

static void write_title(const struct picture *p, const struct trie_node *node, const struct profile_function *function,
                        uint32_t line)
{
        fputs("<title>", p->out);
        write_xml(function->name, SIZE_MAX, p->out);
        if (*function->file) {
                fputs(" (", p->out);
                write_xml(function->file, SIZE_MAX, p->out);
                if (line)
                        fprintf(p->out, ":%" PRIu32, line);
                putc(')', p->out);
        }
        fprintf(p->out, ": %" PRIu64 " samples", node->count);
        if (p->timed)
                fprintf(p->out, ", %.3f s", (double)node->weight / 1e9);
        fprintf(p->out, ", %.2f %%</title>", 100 * share_of(p, node->weight));
}

/* The label, as much of it as there is room for. */
static void write_label(const struct picture *p, double x, uint32_t depth, double width,
                        const struct profile_function *function, uint32_t line)
{
        size_t room = (size_t)(width / CHARACTER), len = strlen(function->name);

        if (room < 3)
                return;
        fprintf(p->out, "<text x=\"%.2f\" y=\"%d\">", x + 3, HEAD + (int)depth * ROW - 5);
        write_xml(function->name, len > room ? room - 2 : room, p->out);
        if (len > room)
                fputs("..", p->out);
        const char *base = profile_base_name(function->file);
        if (*base && line && len + strlen(base) + 12 < room) {
                fputs(" (", p->out);
                write_xml(base, SIZE_MAX, p->out);
                fprintf(p->out, ":%" PRIu32 ")", line);
        }
        fputs("</text>", p->out);
}

static void draw_node(struct picture *p, uint32_t i)
{
        const struct trie_node *node = &p->trie->nodes[i];
        const struct profile_frame *frame = profile_frame(p->profile, node->frame);
        const struct profile_function *function = profile_function(p->profile, frame->function);
        double part = share_of(p, node->weight), x = WIDTH * p->x[node->parent], width = WIDTH * part;

        p->x[i] = p->x[node->parent];
        p->x[node->parent] += part;
        if (width < WIDTH_MIN || node->depth > DEPTH_MAX || p->drawn == FRAMES_MAX) {
                p->left_out++;
                return;
        }
        p->drawn++;
        fputs("<g>", p->out);
        write_title(p, node, function, frame->line);
        fprintf(p->out, "<rect x=\"%.4f\" y=\"%d\" width=\"%.4f\" height=\"%d\" rx=\"1\" fill=\"", x,
                HEAD + (int)(node->depth - 1) * ROW, width, ROW - 1);
        write_colour(function, p->out);
        fputs("\"/>", p->out);
        write_label(p, x, node->depth, width, function, frame->line);
        fputs("</g>\n", p->out);
}

static void count_rows(struct picture *p)
{
        for (size_t i = 1; i < p->trie->n; i++) {
                const struct trie_node *node = &p->trie->nodes[i];

                if (node->depth > p->rows && node->depth <= DEPTH_MAX && WIDTH * share_of(p, node->weight) >= WIDTH_MIN)
                        p->rows = node->depth;
        }
}

static void draw_picture(struct picture *p)
{
        int height;

        count_rows(p);
        height = HEAD + (int)p->rows * ROW + FOOT;
        fprintf(p->out,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
                "height=\"%d\" viewBox=\"0 0 %.0f %d\" font-family=\"monospace\" font-size=\"11\">\n"
                "<rect width=\"100%%\" height=\"100%%\" fill=\"#fffdf8\"/>\n"
                "<text x=\"3\" y=\"18\" font-size=\"14\">podflame: %" PRIu64 " samples",
                WIDTH, height, WIDTH, height, p->trie->nodes[0].count);
        if (p->timed)
                fprintf(p->out, ", %.3f s", (double)p->trie->nodes[0].weight / 1e9);
        fputs("</text>\n<text x=\"3\" y=\"35\">The width of a frame is its share of the time. The root is at the "
              "top.</text>\n",
              p->out);
        for (uint32_t i = 1; i < p->trie->n; i++)
                draw_node(p, i);
        if (p->trie->nodes[0].count == 0)
                fprintf(p->out, "<text x=\"3\" y=\"%d\">There are no samples.</text>\n", height - 9);
        if (p->left_out)
                fprintf(p->out,
                        "<text x=\"3\" y=\"%d\">%" PRIu32
                        " frames are left out: too narrow, too deep or too many</text>\n",
                        height - 9, p->left_out);
        fputs("</svg>\n", p->out);
}

static int svg_write(const struct profile_set *set, FILE *out)
{
        struct flat flat;
        struct trie trie;
        int r = flat_init(&flat, set);

        if (r)
                return r;
        r = trie_init(&trie, flat.profile, flat.timed);
        if (r == 0) {
                struct picture p = { .profile = flat.profile,
                                     .trie = &trie,
                                     .x = calloc(trie.n, sizeof(*p.x)),
                                     .timed = flat.timed && trie.nodes[0].count > 0,
                                     .out = out };

                if (p.x)
                        draw_picture(&p);
                r = p.x ? 0 : -ENOMEM;
                free(p.x);
                trie_deinit(&trie);
        }
        flat_deinit(&flat);
        return r ? r : escape_finish(out);
}

const struct format format_svg = {
        .name = "svg",
        .endings = { ".svg" },
        .summary = "a flame graph as a picture",
        .write = svg_write,
};
