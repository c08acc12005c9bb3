/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .gnu_debugdata: a small ELF file, packed with xz, that has the local functions which .dynsym lacks. Fedora puts one
 * into each file ("MiniDebugInfo" in GDB's manual). A forged one could unpack to 7000 times its size, so that both
 * sizes and the unpacker's memory are bounded.
 */
#include "internal.h"

#include <errno.h>
#include <lzma.h>
#include <stdlib.h>

#define PACKED_MAX ((uint64_t)4 << 20)
#define UNPACKED_MAX ((size_t)16 << 20)
#define UNPACKER_MAX ((uint64_t)20 << 20) /* xz -7 needs 17 MiB, its default of -6 needs 9 */
#define PIECE 65536

/* Bytes that are unpacked so far. */
struct unpacked {
        char *bytes;
        size_t len, size;
};

static int make_place(struct unpacked *out)
{
        size_t size = out->size ? out->size * 2 : PIECE * 4;
        char *bytes;

        if (out->len < out->size)
                return 0;
        if (out->size >= UNPACKED_MAX)
                return ELFSYM_E_NOT_FOUND;
        bytes = realloc(out->bytes, size);
        if (!bytes)
                return -ENOMEM;
        out->bytes = bytes;
        out->size = size;
        return 0;
}

static int error_of_lzma(lzma_ret r)
{
        return r == LZMA_OK || r == LZMA_STREAM_END ? 0 : r == LZMA_MEM_ERROR ? -ENOMEM : ELFSYM_E_NOT_FOUND;
}

/* Unpacks all that the stream has at hand. */
static lzma_ret unpack_piece(lzma_stream *stream, struct unpacked *out, int *ret_error)
{
        lzma_ret r = LZMA_OK;

        while (r == LZMA_OK && (stream->avail_in > 0 || stream->avail_out == 0)) {
                *ret_error = make_place(out);
                if (*ret_error != 0)
                        return LZMA_DATA_ERROR;
                stream->next_out = (uint8_t *)out->bytes + out->len;
                stream->avail_out = out->size - out->len;
                r = lzma_code(stream, LZMA_RUN);
                out->len = out->size - stream->avail_out;
        }
        *ret_error = error_of_lzma(r);
        return r;
}

static int unpack_section(const struct elfsym *elf, const GElf_Shdr *header, struct unpacked *out)
{
        lzma_stream stream = LZMA_STREAM_INIT;
        uint8_t piece[PIECE];
        lzma_ret done = LZMA_OK;
        int r = error_of_lzma(lzma_stream_decoder(&stream, UNPACKER_MAX, 0));

        for (uint64_t at = 0; r == 0 && done == LZMA_OK && at < header->sh_size; at += PIECE) {
                uint64_t left = header->sh_size - at;

                stream.next_in = piece;
                stream.avail_in = left < PIECE ? (size_t)left : PIECE;
                r = elfsym_read_at(elf, header->sh_offset + at, piece, stream.avail_in);
                if (r == 0)
                        done = unpack_piece(&stream, out, &r);
        }
        lzma_end(&stream);
        return r == 0 && done != LZMA_STREAM_END ? ELFSYM_E_NOT_FOUND : r;
}

int elfsym_open_debugdata(struct elfsym *elf, struct elfsym **ret)
{
        struct unpacked out = { 0 };
        GElf_Shdr header;
        int r = elfsym_section_of_name(elf, ".gnu_debugdata", &header);

        if (r == 0 && (header.sh_type == SHT_NOBITS || header.sh_size > PACKED_MAX))
                r = ELFSYM_E_NOT_FOUND;
        if (r == 0)
                r = unpack_section(elf, &header, &out);
        if (r == 0)
                r = elfsym_open_bytes(out.bytes, out.len, ret);
        else
                free(out.bytes);
        return r > 0 ? ELFSYM_E_NOT_FOUND : r;
}
