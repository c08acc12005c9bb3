# SPDX-License-Identifier: Apache-2.0
"""axe-core, an accessibility checker, in a page that is open."""

from skips import must_skip
from testbed import PROJECT

AXE = PROJECT / "build/npm/node_modules/axe-core/axe.min.js"
RUN = """
const done = arguments[0];
axe.run(document, {resultTypes: ["violations"]}).then(found => done(found.violations.map(
    violation => [violation.id, violation.nodes.map(node => node.html.slice(0, 200) + " " + node.failureSummary)])));
"""


def violations(page):
    """[(rule, [elements and what is wrong with them])]"""
    if not AXE.exists():  # a tarball's pages are bundled already, without npm
        must_skip("axe-core is missing: npm fetches it when the pages are bundled", debian=False)
    page.execute_script(AXE.read_text())
    return page.execute_async_script(RUN)


def in_both_themes(page):
    """The violations in light and in dark."""
    found = []
    for theme in ("light", "dark"):
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": theme}, {"name": "prefers-reduced-motion", "value": "reduce"}]})
        found += [(theme, *violation) for violation in violations(page)]
    return found
