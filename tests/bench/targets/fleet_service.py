"""One of 20 services that answer requests: fleet_service.py NUMBER.

Each has other work to do, of Python's own library, so that stacks and functions are as many as in a small service: it parses,
asks a database, writes pages and logs. It is busy for 1 to 20 % of the time.
"""

import ast
import csv
import decimal
import difflib
import email
import email.policy
import fractions
import html.parser
import io
import json
import logging
import pathlib
import pickle
import random
import re
import sqlite3
import string
import sys
import textwrap
import time
import tokenize
import urllib.parse
import xml.etree.ElementTree as tree

SOURCE = pathlib.Path(textwrap.__file__).read_text()
NUMBER = int(sys.argv[1])
BUSY = (0.01, 0.02, 0.05, 0.1, 0.2)[NUMBER % 5]
RANDOM = random.Random(NUMBER)


def parse_json(n):
    return json.loads(json.dumps([{"id": i, "name": "item %d" % i, "tags": ["a", "b"]} for i in range(n)], indent=2))


def read_table(n):
    rows = list(csv.DictReader(io.StringIO("a,b,c\n" + "1,2,3\n" * n)))
    return sorted(rows, key=lambda row: row["b"])


def query_database(n):
    with sqlite3.connect(":memory:") as db:
        db.execute("create table t (i integer, s text)")
        db.executemany("insert into t values (?, ?)", ((i, str(i)) for i in range(n)))
        return db.execute("select s, count(*) from t group by i % 7").fetchall()


def render_page(n):
    page = string.Template("<li class=$kind>$text</li>")
    return "".join(page.substitute(kind="k%d" % i, text="text " * 5) for i in range(n))


def read_page(n):
    class Links(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            self.seen = tag, dict(attributes)
    Links().feed("<p><a href='/x?y=%d'>link</a> &amp; more</p>" * n)


def read_mail(n):
    text = "From: a@example.org\r\nTo: b@example.org\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\n\r\n" + "line\r\n" * n
    return email.message_from_string(text, policy=email.policy.default)["subject"]


def parse_code(n):
    return sum(isinstance(node, ast.Call) for node in ast.walk(ast.parse(SOURCE[:n * 40].rpartition("\nclass")[0] or "x")))


def read_tokens(n):
    try:
        return list(tokenize.generate_tokens(io.StringIO(SOURCE[:n * 10]).readline))
    except (tokenize.TokenError, SyntaxError):
        return []


def build_tree(n):
    root = tree.Element("list")
    for i in range(n):
        tree.SubElement(root, "item", id=str(i)).text = "text"
    return tree.fromstring(tree.tostring(root))


def compare_texts(n):
    lines = SOURCE.splitlines()[:n]
    return list(difflib.unified_diff(lines, lines[::2], "a", "b"))


def count_money(n):
    total = decimal.Decimal(0)
    for i in range(n):
        total += fractions.Fraction(i, 7).limit_denominator(3).numerator * decimal.Decimal("1.07")
    return total.quantize(decimal.Decimal("0.01"))


def find_words(n):
    return [re.sub(r"(\w+) (\w+)", r"\2 \1", line) for line in textwrap.wrap(SOURCE[:n * 20], 60)]


def keep_state(n):
    return pickle.loads(pickle._dumps({i: [str(i)] * 3 for i in range(n)}))


def split_addresses(n):
    return [urllib.parse.parse_qs(urllib.parse.urlsplit("https://example.org/p%d?a=1&b=%%20%d" % (i, i)).query) for i in range(n)]


LOG = logging.getLogger("service")
LOG.addHandler(logging.StreamHandler(io.StringIO()))
LOG.setLevel(logging.INFO)


def write_log(n):
    for i in range(n):
        LOG.info("request %d took %.3f s", i, i / 7)
    LOG.handlers[0].stream.truncate(0)


WORK = [parse_json, read_table, query_database, render_page, read_page, read_mail, parse_code, read_tokens, build_tree,
        compare_texts, count_money, find_words, keep_state, split_addresses, write_log]
MINE = RANDOM.sample(WORK, 5 + NUMBER % 6)


def authenticate(request, handler):
    return handler(request)


def handle(request):
    for step in MINE:
        step(request["size"])


def serve(request):
    return authenticate(request, handle)


def main():
    begin = time.monotonic() - time.process_time() / BUSY
    while True:
        serve({"size": RANDOM.randrange(5, 40)})
        time.sleep(max(0, time.process_time() / BUSY - (time.monotonic() - begin)))


main()
