/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_EMBED_H
#define FORMAT_EMBED_H

/*
 * Puts a generated file (a path below PODFLAME_GEN, with its slash) into the program, by the assembler; or, with
 * EMBED_SOURCE, a file of the tree. NAME is its first byte, NAME_end the byte after the last. Use it at file scope, once
 * in a program. In the Makefile the object must depend on the file.
 */
#define EMBED(name, path) EMBED_SOURCE(name, PODFLAME_GEN path)
#define EMBED_SOURCE(name, path)                          \
        __asm__(".pushsection .rodata\n"                  \
                ".global " #name "\n" #name ":\n"         \
                ".incbin \"" path "\"\n"                  \
                ".global " #name "_end\n" #name "_end:\n" \
                ".byte 0\n"                               \
                ".popsection\n");                         \
        extern const char name[], name##_end[]

#endif
