# SPDX-License-Identifier: Apache-2.0
"""A test suite as projects have them, for overhead.py: docutils makes pages of documents.

DOCUMENTS says how many tests there are; each takes some 30 ms.
"""

import os

import pytest
from docutils.core import publish_string

SECTION = """
Section {0}
===========

Some *emphasis*, ``code`` and a `link <https://example.org/{0}>`_; see `Section 0`_.

* one
* two, with a footnote [#n{0}]_

  1. nested
  2. list

====  =======  ==============
 A       B          C
====  =======  ==============
 1    {0}      *some* text
 2    **b**    ``literal``
====  =======  ==============

.. note:: A directive, and in it::

       for i in range({0}):
           print(i)

.. [#n{0}] Of section {0}.
"""


@pytest.mark.parametrize("number", range(int(os.environ.get("DOCUMENTS", "10"))))
def test_page(number):
    text = "Title\n#####\n" + "".join(SECTION.format(i) for i in range(number % 4 + 3))
    page = publish_string(text, writer_name="html5", settings_overrides={"report_level": 5})
    assert page.count(b"<section") == number % 4 + 3
