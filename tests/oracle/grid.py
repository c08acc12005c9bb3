# SPDX-License-Identifier: Apache-2.0
"""Tables of Markdown that read as plain text too."""


def padded(rows):
    """@rows: lists of texts, the heads first."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(text.ljust(width) for text, width in zip(row, widths)) + " |" for row in rows)
