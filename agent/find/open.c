/* SPDX-License-Identifier: Apache-2.0 */
/* find_open(): a find that opens processes with pystack. */
#include "agent/find/internal.h"

static int open_with_pystack(pid_t pid, struct pystack **ret, struct pystack_info *ret_info)
{
        return pystack_open(&(struct pystack_options){ .pid = pid }, ret, ret_info);
}

static const struct find_ops pystack_ops = {
        .open = open_with_pystack,
        .close = pystack_close,
};

int find_open(const struct find_config *config, struct find **ret)
{
        return find_open_with(config, &pystack_ops, ret);
}
