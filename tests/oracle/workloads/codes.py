#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes and frees code objects in a loop (tests/targets/churn_code.py): codes.py --turns N.

Each turns so often. Every function is made_N of the file made_N.py, with the same N.
"""
import ledger

import churn_code

options = ledger.parse(turns=2000)


def work():
    churn_code.churn(ledger.running, options.turns)


ledger.main(work, {"churn": ["work"], "make": ["churn"], "made_#": ["churn"], "running": ["churn"]},
            files=["churn_code.py"])
