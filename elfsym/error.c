/* SPDX-License-Identifier: Apache-2.0 */
/* What elfsym's errors mean, as ends of sentences: "cannot read FILE: …". */
#include "elfsym.h"

#include <string.h>

static const char *const texts[] = {
        [0] = "success",
        [ELFSYM_E_NOT_ELF] = "not an ELF program or library, or a damaged one",
        [ELFSYM_E_FOREIGN] = "an ELF file for another kind of machine",
        [ELFSYM_E_NOT_FOUND] = "no such symbol, section or note",
        [ELFSYM_E_RANGE] = "outside of the file's segments",
};

const char *elfsym_strerror(int error)
{
        if (error < 0)
                return strerror(-error);
        if ((size_t)error < sizeof(texts) / sizeof(texts[0]))
                return texts[error];
        return "unknown error";
}
