/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the tables of functions, and the build-id. The input is a file; or, if it is none, what a well-made file's
 * .gnu_debugdata has, packed or to be packed, so that the packer's checksums keep nobody out.
 */
#include "elfsym/elfsym.h"
#include "elfsym/internal.h"
#include "tests/unit/support/functionfile.c"

#include <stdlib.h>
#include <string.h>

static void ask_everything(char *bytes, size_t len)
{
        char id[ELFSYM_BUILD_ID_SIZE];
        struct elfsym_functions *functions;
        struct elfsym_function function;
        struct elfsym *elf;

        if (elfsym_open_bytes(bytes, len, &elf) != 0)
                return;
        if (elfsym_build_id(elf, id) == 0 && strlen(id) >= sizeof(id))
                abort();
        for (unsigned source = ELFSYM_SYMTAB; source <= ELFSYM_EXPORTED; source++) {
                if (elfsym_functions_load(elf, source, 4096, &functions) != 0)
                        continue;
                if (elfsym_functions_bytes(functions) > 4096)
                        abort();
                for (uint64_t value = 0; value < 0x1000; value += 0x40)
                        if (elfsym_function_at(functions, value, &function) == 0 &&
                            (value - function.start >= function.size ||
                             strlen(function.name) >= ELFSYM_FUNCTION_NAME_SIZE))
                                abort();
                elfsym_functions_free(functions);
        }
        elfsym_close(elf);
}

static void ask_with_debugdata(const char *debugdata, size_t len)
{
        static const struct functionfile_symbol dynsym[] = { { .name = "exported", .value = 0x100, .size = 8 }, { 0 } };
        struct functionfile spec = { .dynsym = dynsym, .debugdata = debugdata, .debugdata_len = len };
        size_t file_len;
        char *file = functionfile_write(&spec, &file_len);

        ask_everything(file, file_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy, *packed;
        size_t packed_len;

        if (size == 0)
                return 0;
        copy = malloc(size);
        if (!copy)
                abort();
        memcpy(copy, data, size);
        if (size % 2) {
                packed = functionfile_pack(copy, size, &packed_len);
                ask_with_debugdata(packed, packed_len);
                free(packed);
        } else {
                ask_with_debugdata(copy, size);
        }
        ask_everything(copy, size);
        return 0;
}
