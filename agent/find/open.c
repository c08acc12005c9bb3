/* SPDX-License-Identifier: Apache-2.0 */
/* find_open(): a find that opens processes with pystack. */
#include "agent/find/internal.h"

static const struct find_ops pystack_ops = {
        .open = pystack_open,
        .close = pystack_close,
        .may_be_python = pystack_file_may_be_python,
};

int find_open(const struct find_config *config, struct find **ret)
{
        return find_open_with(config, &pystack_ops, ret);
}
