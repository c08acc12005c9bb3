# SPDX-License-Identifier: Apache-2.0
"""A test that must skip says why; with CI=true it must not skip what Debian provides."""

import os

import pytest


def must_skip(reason, debian=True):
    """Skips. @debian: Debian's packages can provide what is missing, so CI has no excuse."""
    if debian and os.environ.get("CI") == "true":
        pytest.fail("may not be skipped under CI=true: " + reason, pytrace=False)
    pytest.skip(reason)
