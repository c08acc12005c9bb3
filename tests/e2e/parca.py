# SPDX-License-Identifier: Apache-2.0
"""Questions to Parca's own server, by the JSON that its gateway offers."""

import datetime
import json
import urllib.parse
import urllib.request
from collections import Counter

from program import MARGIN_SECONDS

CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds:delta"
WALL = "wall:wall:nanoseconds:wall:nanoseconds:delta"
CONFIG = 'object_storage: {bucket: {type: FILESYSTEM, config: {directory: "%s"}}}\n'


def arguments(folder, port):
    """Everything on 127.0.0.1 and below @folder. It stores all in memory, where 100 MB are enough."""
    config = folder / "parca.yaml"
    config.write_text(CONFIG % (folder / "data"))
    return ("--config-path", config, "--http-address", "127.0.0.1:%d" % port, "--storage-active-memory", 100 << 20,
            "--storage-path", folder / "store", "--debuginfo-cache-dir", folder / "cache",
            "--debuginfod-upstream-servers", "")


class Parca:
    def __init__(self, port):
        self.url = "http://127.0.0.1:%d" % port

    def get(self, path, **query):
        url = self.url + "/api/profiles/" + path + ("?" + urllib.parse.urlencode(query) if query else "")
        with urllib.request.urlopen(url, timeout=MARGIN_SECONDS) as answer:
            return json.load(answer)

    def types(self):
        """NAME:TYPE:UNIT:PERIOD TYPE:PERIOD UNIT:delta of all profiles."""
        keys = ("name", "sampleType", "sampleUnit", "periodType", "periodUnit")
        return {":".join([*(one[key] for key in keys), *(["delta"] if one.get("delta") else [])])
                for one in self.get("types").get("types", [])}

    def labels(self):
        return set(self.get("labels").get("labelNames", []))

    def values(self, label):
        return set(self.get("labels/%s/values" % label).get("labelValues", []))

    def leaves(self, kind=CPU, **labels):
        """What each function has itself, of all samples of that type in the last hour."""
        now = datetime.datetime.now(datetime.timezone.utc)
        begin, end = ((now + datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ") for hours in (-1, 1))
        matchers = ",".join('%s="%s"' % item for item in labels.items())
        answer = self.get("query", mode="MODE_MERGE", report_type="REPORT_TYPE_TOP",
                          **{"merge.query": "%s{%s}" % (kind, matchers), "merge.start": begin, "merge.end": end})
        leaves = Counter()
        for row in answer["top"]["list"]:
            leaves[row["meta"]["function"]["name"]] += int(row["flat"])
        return +leaves
