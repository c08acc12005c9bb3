/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of nsutil's errors, and the translation of procfs's errno to them. */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <errno.h>
#include <string.h>

static const char *const sentences[] = {
        [0] = "no error",
        [NSUTIL_E_GONE] = "the process has ended",
        [NSUTIL_E_DENIED] = "the kernel refuses access",
        [NSUTIL_E_NOT_FOUND] = "it is not there",
        [NSUTIL_E_MALFORMED] = "its text is not what the kernel writes",
        [NSUTIL_E_TOO_BIG] = "it is bigger than podflame reads",
        [NSUTIL_E_HANGS] = "it lies on a file system that may never answer, or its memory does not answer",
};

const char *nsutil_strerror(int error)
{
        if (error < 0)
                return strerror(-error);
        if ((size_t)error >= sizeof(sentences) / sizeof(*sentences))
                return "unknown error";
        return sentences[error];
}

int nsutil_proc_error(int error)
{
        switch (error) {
        case ENOENT:
        case ESRCH:
                return NSUTIL_E_GONE;
        case EACCES:
        case EPERM:
                return NSUTIL_E_DENIED;
        default:
                return -error;
        }
}
