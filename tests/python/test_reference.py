"""The module against the oracle (tests/reference.py) on random logs and queries, and the promised numbers.

FLOWLOGS_CASES=20000 runs more random cases than the 300 of `make test`; FLOWLOGS_SEED=17 runs one of them.
"""

import collections
import gzip
import io
import json
import math
import os
import pathlib
import random
import re
import subprocess
import sys
import time

import pytest

import flowlogs as fl

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
import reference  # noqa: E402

DATA = TESTS / "data"
NOISE = DATA / "internet-noise-v2.log"
HEADERLESS = DATA / "no-header-no-final-newline-v2.log"
S3 = DATA / "s3-delivery-v2.log.gz"

CASES = int(os.environ.get("FLOWLOGS_CASES", "300"))
GROUPS = 10
UNKNOWN_NAMES = ["my-column", "region2", "x__note", "tier_0"]

# ---- Random logs ----------------------------------------------------------------------------------------------------

ADDRESSES = (
    "10.0.0.1 10.0.0.2 10.1.0.1 172.16.5.4 172.32.0.1 192.168.1.1 100.64.0.9 169.254.169.254 127.0.0.1 8.8.8.8 "
    "52.95.128.179 203.0.113.5 224.0.0.251 239.255.255.250 255.255.255.255 0.0.0.0 240.0.0.1 9.255.255.255 11.0.0.0 "
    ":: ::1 2001:db8::1 2001:DB8:0:0:0:0:0:1 2001:db8:0:1:1:1:1:1 2001:db8:ffff::7 fc00::1 fdff::9 fe80::1 febf::1 "
    "ff02::1 ::ffff:10.0.0.1 ::FFFF:0A00:0002 ::10.0.0.1 64:ff9b::8.8.8.8 1:2:3:4:5:6:7::"
).split()
BAD_ADDRESSES = (
    "10.0.0.01 10.0.0.256 10.0.0 10.0.0.1/32 host fe80::1%eth0 1::2::3 1:2:3:4:5:6:7 ::ffff:1.2.3.04 12345::"
).split()
BAD_NUMBERS = (
    "x 1_0 +5 -1 0x10 1.5 1e3 ,5 2147483648 9223372036854775808 18446744073709551616 99999999999999999999999 6\x00"
).split()
WORDS = {
    "action": ["ACCEPT", "REJECT"],
    "log-status": ["OK", "OK", "OK", "OK", "NODATA", "SKIPDATA"],
    "flow-direction": ["ingress", "egress"],
    "type": ["IPv4", "IPv6", "EFA"],
}
TEXTS = "eni-1 eni-2 eni-10 vpc-0a 000123 123456789010 unknown a b%20c %2D Zz café ü it's -- use1-az1 ~".split()
TAGS = "my%2Dapp my-app team%20a %2D %zz 100% %c3%a9 é %25 a%2 x %FF".split()
HOSTILE = [b"\x00", b"\x01\x02", b"\xff\xfe", b"\xe2\x82", b"\xed\xa0\x80", b"\x7f", b"\x0b", b"\xc2\xa0"]
HOSTILE += [b"q\x1fq", b"e\rf", b"\x80" * 33]
HOSTILE += [b"z" * size for size in (15, 16, 17, 31, 32, 33, 63, 64, 65, 300, 5000)]
START = 1_700_000_000


def random_token(rng, name, kind, hostile):
    """A value of a field: mostly a good one from a small pool, so that groups have several records."""
    chance = rng.random()
    if chance < 0.12:
        return b"-"
    bad = chance < 0.12 + hostile
    if kind == "address":
        return rng.choice(BAD_ADDRESSES if bad else ADDRESSES).encode()
    if kind in ("int32", "int64", "time"):
        if bad:
            return rng.choice(BAD_NUMBERS).encode()
        if kind == "time":
            value = START + rng.randrange(-400, 4000)
            return b"%d" % (value * 1000 + rng.randrange(1000) if rng.random() < 0.1 else value)
        if name in ("protocol", "tcp-flags"):
            return rng.choice([b"6", b"17", b"1", b"58", b"0", b"2", b"18", b"19", b"3"])
        if rng.random() < 0.03:
            return rng.choice([b"2147483647", b"007", b"0", b"00000000000000000000000000000012"])
        if kind == "int64" and rng.random() < hostile / 4:
            return rng.choice([b"9223372036854775807", b"9223372036854775806", b"4611686018427387904"])
        return b"%d" % rng.choice([0, 1, 22, 53, 80, 443, 443, 3389, 1000, 2048, rng.randrange(65536)])
    if bad:
        return rng.choice(HOSTILE)
    if kind == "tag":
        return rng.choice(TAGS).encode()
    return rng.choice(WORDS.get(name, TEXTS)).encode()


def random_format(rng):
    chance = rng.random()
    if chance < 0.3:
        return reference.Format(tuple(reference.DEFAULT))
    if chance < 0.37:
        return reference.Format(tuple(reference.TRANSIT_GATEWAY))
    if chance < 0.42:
        return reference.Format(tuple(reference.VPC))
    names = rng.sample(reference.FIELDS, rng.randrange(1, 5)) + rng.sample(
        "srcaddr dstaddr dstport bytes start end action log-status tcp-flags pkt-srcaddr instance-tag".split(), 5
    )
    names = list(dict.fromkeys(names))
    names += rng.sample(UNKNOWN_NAMES, rng.choice([0, 0, 1, 2]))
    rng.shuffle(names)
    return reference.Format(tuple(names), comma=rng.random() < 0.12)


def header_line(rng, format):
    names = list(format.names)
    for i, name in enumerate(names):
        if name in reference.FIELDS and rng.random() < 0.3:
            names[i] = name.replace("-", "_")
    return (("," if format.comma else " ").join(names)).encode()


def random_line(rng, format, hostile):
    tokens = [random_token(rng, name, reference.type_of(name), hostile) for name in format.names]
    if rng.random() < hostile / 3:
        if rng.random() < 0.5 and len(tokens) > 1:
            tokens.pop(rng.randrange(len(tokens)))
        else:
            tokens.insert(rng.randrange(len(tokens)), rng.choice([b"extra", b"1", b"-"]))
    if format.comma:
        cells = [token.replace(b",", b".") for token in tokens]
        cells = [b"" if c == b"-" and rng.random() < 0.5 else b'"%s"' % c if rng.random() < 0.1 else c for c in cells]
        return rng.choice([b",", b",", b", ", b" ,\t"]).join(cells)
    if format.leading_time:
        tokens.insert(0, rng.choice([b"2023-11-14T22:13:20.000Z", b"1700000000000", b"1700000000"]))
    if rng.random() >= hostile:
        return b" ".join(tokens)
    line = b"".join(token + rng.choice([b" ", b"  ", b"\t", b" \t "]) for token in tokens)
    line = rng.choice([b"", b" ", b"\t"]) + line
    return line.rstrip(b" \t") if rng.random() < 0.7 else line


JUNK = [b"", b" ", b"\t", b"\r", b" \r", b"#", b"# a comment of some words", b"-", b"srcaddr", b"version srcaddr 7"]
JUNK += [b"\x00", b"srcaddr srcaddr bytes", b"x" * 700]
JUNK += [b"2 " * 13, b"2 " * 15, b",,,", b'","', b"version,srcaddr,-", b"a, b srcaddr"]
JUNK += [b"\xff\xfe"]


def random_log(rng):
    """(bytes, format to be given or None). Reads as something: InputError and Unsettled are the caller's business."""
    hostile = rng.choice([0, 0.005, 0.02, 0.1, 0.3])
    end = rng.choice([b"\n", b"\n", b"\n", b"\r\n"])
    format = random_format(rng)
    given = None
    lines = []
    opening = rng.random()
    if opening < 0.5:
        lines.append(header_line(rng, format))
    elif opening < 0.75:
        names = rng.choice([reference.DEFAULT, reference.TRANSIT_GATEWAY])
        format = reference.Format(tuple(names), leading_time=rng.random() < 0.3)
    elif opening < 0.95:
        format = format._replace(comma=False)
        given = format
        format = format._replace(leading_time=rng.random() < 0.15)
    for _ in range(rng.choice([0, 1, 3, 20, 60, 120]) if rng.random() < 0.99 else 1500):
        chance = rng.random()
        if chance < hostile / 2:
            lines.append(rng.choice(JUNK))
        elif chance < 0.01 + hostile / 4:
            lines.append(header_line(rng, format))  # again: `zcat *.gz`
            format = format._replace(leading_time=False)
        elif chance < 0.02 + hostile / 3:
            names = list(format.names)
            rng.shuffle(names)
            format = format._replace(names=tuple(names), leading_time=False)
            if rng.random() < 0.6:
                format = random_format(rng)
            lines.append(header_line(rng, format))
        else:
            lines.append(random_line(rng, format, hostile))
    data = b"".join(line + (end if rng.random() > hostile / 4 else b"\r\n") for line in lines)
    if rng.random() < 0.3 and data.endswith(b"\n"):
        data = data[:-1]
    return (b"x" + data if data.startswith(b"\xff\xfe") else data), given  # not what looks like UTF-16


# ---- Random queries -------------------------------------------------------------------------------------------------


def quoted(rng, text):
    quote = rng.choice("'\"")
    return quote + text.replace(quote, quote * 2) + quote


def any_case(rng, word):
    return "".join(rng.choice([c.lower(), c.upper()]) for c in word) if rng.random() < 0.3 else word


# What a scan calls `internal`, so that no key depends on which addresses are an interface's own: a run that is fed cannot
# know that before its end (CONTRACT D1).
INTERNAL = (reference.read_address(b"10.0.0.0"), 16)


class QueryMaker:
    """Filters, keys and aggregates over the fields of some records: trees for the oracle, text for the module."""

    def __init__(self, rng, results):
        self.rng = rng
        self.records = [record for result in results for record in result.records]
        first = {name for result in results for name in (result.first_format.names if result.first_format else ())}
        names = {name for record in self.records for name in record.format.names}
        # CONTRACT L11: an unknown name has to be in the first format of some input.
        self.names = sorted(name for name in names if name in reference.FIELDS or name in first)
        if any({"start", "end"} <= set(record.format.names) for record in self.records):
            self.names.append("duration")

    def kind(self, name):
        return "duration" if name == "duration" else reference.type_of(name)

    def name_text(self, name):
        return name.replace("-", "_") if name in reference.FIELDS and self.rng.random() < 0.4 else name

    def sample(self, names):
        """A value that some record has in one of the fields, or None."""
        for record in self.rng.sample(self.records, min(20, len(self.records))):
            for name in names:
                if record.present(name) is not None:
                    return record.present(name)
        return None

    def number(self, name):
        """(value, text)"""
        rng = self.rng
        value = self.sample([name])
        if value is None or rng.random() < 0.2:
            value = rng.choice([0, 1, 443, 2000, START])
        value = min(max(0, value + rng.choice([0, 0, 0, 1, -1])), 2**63 - 1)
        if self.kind(name) == "time" and rng.random() < 0.3 and value < 10**10:
            return value, quoted(rng, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(value)))
        if name in ("bytes", "packets") and rng.random() < 0.2:
            return rng.choice([(2000, "2k"), (2048, "2Ki"), (1500, "1.5k"), (10**6, "1M")])
        if name == "duration" and rng.random() < 0.3:
            return rng.choice([(60, "60s"), (120, "2m"), (3600, "1h")])
        if name == "protocol" and rng.random() < 0.3:
            return rng.choice([(6, "tcp"), (17, "UDP"), (1, "'icmp'")])
        return value, str(value)

    def address(self, names):
        value = self.sample(names) or reference.Address(4, 0x0A000001)
        return value, self.rng.choice(["%s", "'%s'"]) % reference.to_python(value)

    def text(self, name):
        """(bytes, text), or None if no value can be written in a query."""
        if name in WORDS:
            word = self.rng.choice(WORDS[name])
            written = any_case(self.rng, word)
            return word.encode(), written if self.rng.random() < 0.5 else quoted(self.rng, written)
        value = self.sample([name])
        if value is None or self.rng.random() < 0.1:
            value = b"eni-1"
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            return None
        return None if any(c < " " for c in text) else (value, quoted(self.rng, text))

    def test(self):
        """(tree, text) of one comparison."""
        rng = self.rng
        name = rng.choice(self.names)
        if rng.random() < 0.15:
            synonym = rng.choice(["addr", "src", "dst", "port"])
            if any(field in self.names for field in reference.SYNONYMS[synonym]):
                name = synonym
        fields = reference.SYNONYMS.get(name, [name])
        kind = self.kind(fields[0])
        written = self.name_text(name)
        negated = rng.random() < 0.3
        no = any_case(rng, "not ") if negated else ""
        if rng.random() < 0.1:
            return ("null", name, negated), "%s %s %s%s" % (written, any_case(rng, "is"), no, any_case(rng, "null"))
        if name == "action" and rng.random() < 0.3:
            word = rng.choice(["rejected", "accepted"])
            return ("=", name, {"rejected": b"REJECT", "accepted": b"ACCEPT"}[word]), any_case(rng, word)
        if kind == "address":
            if rng.random() < 0.3:
                operator = rng.choice(["=", "==", "!=", "<>"])
                value, text = self.address(fields)
                return ("=" if operator in ("=", "==") else "!=", name, value), "%s %s %s" % (written, operator, text)
            items, texts = [], []
            for _ in range(rng.choice([1, 1, 2, 3])):
                item, text = self.address_item(fields)
                items.append(item)
                texts.append(text)
            inner = texts[0] if len(texts) == 1 and rng.random() < 0.7 else "(" + ", ".join(texts) + ")"
            return ("in", name, items, negated), "%s %s%s %s" % (written, no, any_case(rng, "in"), inner)
        if kind in ("int32", "int64", "time", "duration"):
            make = lambda: self.number(fields[0])  # noqa: E731
        else:
            make = lambda: self.text(name)  # noqa: E731
        choices = ["compare", "in"]
        if kind in ("int32", "int64", "time", "duration"):
            choices += ["compare", "between", "order"]
            if name == "tcp-flags":
                choices += ["has", "has"]
        elif name not in WORDS:
            choices += ["like", "order", "between"]
        choice = rng.choice(choices)
        made = [make() for _ in range(3)]
        if None in made:
            return ("null", name, negated), "%s is %snull" % (written, no)
        if choice == "compare":
            operator = rng.choice(["=", "==", "!=", "<>"])
            tree = "=" if operator in ("=", "==") else "!=", name, made[0][0]
            return tree, written + rng.choice([" %s ", "%s"]) % operator + made[0][1]
        if choice == "order":
            operator = rng.choice(["<", "<=", ">", ">="])
            return (operator, name, made[0][0]), "%s %s %s" % (written, operator, made[0][1])
        if choice == "in":
            count = rng.randrange(1, 4)
            texts = ", ".join(text for _, text in made[:count])
            inner = texts if count == 1 and rng.random() < 0.3 else "(" + texts + ")"
            tree = "in", name, [value for value, _ in made[:count]], negated
            return tree, "%s %s%s %s" % (written, no, any_case(rng, "in"), inner)
        if choice == "between":
            (low, low_text), (high, high_text) = sorted(made[:2])
            return ("between", name, low, high, negated), "%s %sbetween %s and %s" % (written, no, low_text, high_text)
        if choice == "has":
            bits, text = rng.choice([(2, "SYN"), (18, "syn-ack"), (3, "SYN,FIN"), (16, "ACK"), (4, "'RST'")])
            return ("has", name, bits, negated), "%s %shas %s" % (written, no, text)
        value = made[0][0].decode("utf-8")
        cut = rng.randrange(len(value) + 1)
        pattern = rng.choice([value[:cut] + "%", "%" + value[cut:], "%" + value[cut : cut + 2] + "%", value])
        ascii_only = all((record.present(name) or b"").isascii() for record in self.records)
        if pattern and ascii_only and rng.random() < 0.3:
            pattern = "_" + pattern[1:]
        if "_" in pattern and not ascii_only:
            pattern = pattern.replace("_", "%")
        return ("like", name, pattern.encode(), negated), "%s %slike %s" % (written, no, quoted(rng, pattern))

    def address_item(self, fields):
        rng = self.rng
        if rng.random() < 0.3:
            word = rng.choice(["private", "public", "multicast"])
            return ("scope", word), any_case(rng, word)
        value, text = self.address(fields)
        if rng.random() < 0.3:
            return value, text
        bits = 32 if value.version == 4 else 128
        length = rng.choice([0, 1, 7, 8, 12, 16, 24, 31, bits, bits - 1, bits // 2])
        base = value._replace(number=value.number >> (bits - length) << (bits - length))
        if base.version == 6 and base.number >> 32 == 0xFFFF:
            return value, text  # would be read as an IPv4 address
        return ("prefix", base, length), "%s/%d" % (reference.to_python(base), length)

    def filter(self, depth=2):
        rng = self.rng
        if depth == 0 or rng.random() < 0.35:
            return self.test()
        if rng.random() < 0.25:
            tree, text = self.filter(depth - 1)
            return ("not", tree), rng.choice(["not (%s)", "NOT (%s)", "!(%s)", "not not not (%s)"]) % text
        word = rng.choice(["and", "or"])
        parts = [self.filter(depth - 1) for _ in range(rng.choice([2, 2, 3]))]
        written = rng.choice([word, word.upper(), {"and": "&&", "or": "||"}[word]])
        return (word, [tree for tree, _ in parts]), (" %s " % written).join("(%s)" % text for _, text in parts)

    def key(self):
        """(key, text)"""
        rng = self.rng
        name = rng.choice(self.names)
        written = self.name_text(name)
        kind = self.kind(name)
        if kind == "time" and rng.random() < 0.7:
            seconds, text = rng.choice([(60, "1m"), (300, "5m"), (3600, "1h"), (7, "7s"), (86400, "1d")])
            return ("bin", name, seconds), "bin(%s, %s)" % (written, text)
        if kind == "address" and rng.random() < 0.5:
            if rng.random() < 0.4:
                return ("scope", name, INTERNAL), "scope(%s)" % written
            n4, n6 = rng.choice([0, 8, 15, 16, 24, 32]), rng.choice([None, 0, 32, 64, 65, 128])
            text = "prefix(%s, %d%s)" % (written, n4, "" if n6 is None else rng.choice([", %d", ", n6=%d"]) % n6)
            return ("prefix", name, n4, 64 if n6 is None else n6), text
        return ("field", name), written

    def keys(self, count):
        """[(column, key)], [text], {name: text}; columns differ."""
        pairs, texts, named = [], [], {}
        for i in range(count):
            key, text = self.key()
            column = default_name(text)
            if self.rng.random() < 0.3 or column in [name for name, _ in pairs]:
                column = "k%d" % i
                named[column] = text
            else:
                texts.append((column, key, text))
            pairs.append((column, key))
        # Positional ones come first.
        pairs = [(column, key) for column, key, _ in texts] + [pair for pair in pairs if pair[0] in named]
        return pairs, [text for _, _, text in texts], named

    def aggregates(self):
        pairs, named = [], {}
        for i in range(self.rng.randrange(1, 5)):
            name = self.rng.choice(self.names)
            kinds = ["count", "min", "max", "distinct"]
            if self.kind(name) in ("int32", "int64", "duration"):
                kinds += ["sum", "sum", "mean"]
            kind = self.rng.choice(kinds)
            column = "a%d" % i
            if self.rng.random() < 0.25:
                pairs.append((column, ("count",)))
                named[column] = fl.count()
            else:
                pairs.append((column, (kind, name)))
                named[column] = getattr(fl, kind)(self.name_text(name))
        return pairs, named

    def query(self):
        """(oracle query, function that makes the module's query from a scan, description)"""
        rng = self.rng
        steps = []  # (method, arguments, named)
        asked = reference.Query()
        if self.names and rng.random() < 0.7:
            asked.where, text = self.filter()
            steps.append(("filter", [text], {}))
        columns = []
        if not self.names or (rng.random() < 0.15 and asked.where is None):
            asked.aggregates = [("n", ("count",))]
            steps.append(("agg", [], {"n": fl.count()}))
            columns = ["n"]
        elif rng.random() < 0.6:
            if rng.random() < 0.85:
                asked.keys, texts, named = self.keys(rng.choice([1, 1, 2, 3]))
                steps.append(("group_by", texts, named))
                columns += [name for name, _ in asked.keys]
            asked.aggregates, named = self.aggregates()
            steps.append(("agg", [], named))
            columns += [name for name, _ in asked.aggregates]
        else:
            asked.select, texts, named = self.keys(rng.choice([1, 2, 4]))
            steps.append(("select", texts, named))
            columns = [name for name, _ in asked.select]
        if rng.random() < 0.4:
            asked.sort = rng.choice(columns), rng.random() < 0.5
            steps.append(("sort", [asked.sort[0]], {"descending": asked.sort[1]}))
        if rng.random() < 0.2:
            asked.head = rng.choice([1, 2, 5, 1000])
            steps.append(("head", [asked.head], {}))

        def plan(scan):
            for method, arguments, named in steps:
                scan = getattr(scan, method)(*arguments, **named)
            return scan

        return asked, plan, repr(steps)


def default_name(text):
    """CONTRACT L8: every run of other characters than letters and digits is one underscore, none at the end."""
    return re.sub("_$", "", re.sub("[^A-Za-z0-9]+", "_", text))


# ---- Comparing ------------------------------------------------------------------------------------------------------


def same_rows(found, expected):
    if [list(row) for row in found] != [list(row) for row in expected]:
        return False
    for row, other in zip(found, expected):
        for value, wanted in zip(row.values(), other.values()):
            if isinstance(wanted, float):  # a mean
                if not isinstance(value, float) or not math.isclose(value, wanted, rel_tol=1e-12):
                    return False
            elif value != wanted or type(value) is not type(wanted):
                return False
    return True


def expected_stats(results):
    """Stats of several inputs in order, as check() gives them."""
    total = collections.Counter()
    problems, bad_values = collections.Counter(), collections.Counter()
    formats = []
    for result in results:
        stats = result.stats
        total.update({key: stats[key] for key in ("lines", "records", "headers", "blank", "nodata", "skipdata")})
        problems.update(stats["problems"])
        bad_values.update(stats["bad_values"])
        for entry in stats["formats"]:
            known = next((f for f in formats if f["fields"] == entry["fields"]), None)
            if known:
                known["records"] += entry["records"]
            else:
                formats.append(dict(entry))
    keys = ("lines", "records", "headers", "blank", "nodata", "skipdata")
    counts = {key: total[key] for key in keys}
    return dict(counts, problems=dict(problems), bad_values=dict(bad_values), formats=formats)


def assert_conservation(stats):
    # CONTRACT F9
    assert stats["lines"] == stats["records"] + stats["headers"] + stats["blank"] + sum(stats["problems"].values())


def check_stats(stats, expected, bad_values):
    found = stats.to_dict()
    assert_conservation(found)
    for key, value in expected.items():
        if key != "bad_values" or bad_values:
            assert found[key] == value, key
    assert found["complete"] is True


def expected_samples(results):
    samples = []
    for result in results:
        for event in result.events:
            if event.record is not None:
                samples += [(event.line, "bad-value: " + column) for column in sorted(event.record.bad_columns())]
            elif event.kind not in ("header", "blank"):
                samples.append((event.line, event.kind))
    return samples


def random_pieces(rng, data):
    pieces, at = [], 0
    most = rng.choice([1, 5, 100, 5000])
    while at < len(data):
        size = rng.randrange(0, most + 1)
        pieces.append(data[at : at + size])
        at += size
    return pieces


def run_case(seed):
    rng = random.Random(seed)
    while True:
        logs = [random_log(rng)]
        if rng.random() < 0.15:
            logs.append((random_log(rng)[0], None))
            logs = [(data, logs[0][1]) for data, _ in logs]
        try:
            results = [reference.read(data, given) for data, given in logs]
        except reference.Unsettled:
            continue
        except reference.InputError:
            if len(logs) > 1:
                continue
            results = None
        break
    given = " ".join("${%s}" % name for name in logs[0][1].names) if logs[0][1] else None
    sources = logs[0][0] if len(logs) == 1 else [data for data, _ in logs]

    def scan(threads):
        return fl.scan(sources, format=given, threads=threads, block_bytes=rng.randrange(1, 301), internal=["10.0.0.0/16"])

    if results is None:
        for threads in (1, 2, 7):
            with pytest.raises(fl.InputError, match="give the format"):
                scan(threads).agg(n=fl.count()).collect()
        return

    expected = expected_stats(results)
    samples = expected_samples(results)
    for threads in (1, 2, 7):
        stats = scan(threads).check()
        check_stats(stats, expected, bad_values=True)
        found = [(sample["line"], sample["reason"].replace("-", "_")) for sample in stats.to_dict()["samples"]]
        assert found == [(line, reason.replace("-", "_")) for line, reason in samples[:100]]

    maker = QueryMaker(rng, results)
    asked, plan, description = maker.query()
    try:
        rows = reference.run(results, asked)
    except reference.Overflow:
        for threads in (1, 2, 7):
            with pytest.raises(fl.Error, match="sum"):  # CONTRACT L9
                plan(scan(threads)).collect()
        return
    for threads in (1, 2, 7):
        table = plan(scan(threads)).collect()
        assert same_rows(table.to_dicts(), rows), (description, table.to_dicts(), rows)
        if asked.head is None:
            check_stats(table.stats, expected, bad_values=False)
    if len(logs) == 1:
        options = {"threads": rng.choice([1, 2, 7]), "block_bytes": rng.randrange(1, 301), "internal": ["10.0.0.0/16"]}
        unread = fl.scan(b"", format=given, **options)
        run = plan(unread).start()
        for piece in random_pieces(rng, logs[0][0]):
            run.feed(piece)
        table = run.finish()
        assert same_rows(table.to_dicts(), rows), ("push", description, table.to_dicts(), rows)
        if asked.head is None:
            check_stats(table.stats, expected, bad_values=False)


def seeds(group):
    if "FLOWLOGS_SEED" in os.environ:
        return [int(os.environ["FLOWLOGS_SEED"])] if group == 0 else []
    return range(group, CASES, GROUPS)


@pytest.mark.parametrize("group", range(GROUPS))
def test_random_logs_and_queries_give_what_the_oracle_says(group):
    # CONTRACT F2 to F10, L1 to L12: equal rows and stats with any threads, blocks and pieces.
    for seed in seeds(group):
        try:
            run_case(seed)
        except BaseException as error:
            raise AssertionError("case %d: reproduce it with FLOWLOGS_SEED=%d" % (seed, seed)) from error


def test_a_line_over_the_limit_is_a_problem_and_the_next_one_a_record():
    long_text = b"x" * ((1 << 20) + 100)
    data = b"version srcaddr interface-id\n2 10.0.0.1 %s\n2 10.0.0.2 %s\n2 10.0.0.3 c\n"
    data %= (long_text, long_text[: 1 << 19])
    result = reference.read(data)
    assert result.stats["problems"] == {"line-too-long": 1}
    for threads in (1, 2, 7):
        for block_bytes in (100, 1 << 16, 1 << 22):
            stats = fl.scan(data, threads=threads, block_bytes=block_bytes).check()
            check_stats(stats, expected_stats([result]), bad_values=True)
            assert [(s["line"], s["reason"]) for s in stats.to_dict()["samples"]] == [(2, "line-too-long")]


def test_the_format_is_found_in_the_first_64_kib_only():
    # CONTRACT F2: a header behind them makes no difference to the lines before it.
    line = reference.split_lines(HEADERLESS.read_bytes())[0] + b"\n"
    data = line * (70000 // len(line)) + b"srcaddr bytes\n10.0.0.1 5\n"
    result = reference.read(data)
    stats = fl.scan(data).check()
    check_stats(stats, expected_stats([result]), bad_values=True)
    assert stats.to_dict()["records"] == 70000 // len(line) + 1


# ---- What the project promises --------------------------------------------------------------------------------------


def command(*arguments, stdin=b"", expect=0):
    command_line = [sys.executable, "-m", "flowlogs", *map(str, arguments)]
    done = subprocess.run(command_line, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == expect, (done.returncode, done.stderr.decode())
    return done.stdout


def test_plain_gzip_and_headerless_samples_are_112_records_in_one_call():
    files = [str(path) for path in (NOISE, HEADERLESS, S3)]
    assert fl.scan(files).count() == 112
    assert [fl.scan(file).count() for file in files] == [99, 10, 3]
    assert fl.scan(str(DATA / "*.log*")).count() == 112
    stats = fl.scan(files).check().to_dict()
    assert (stats["inputs"], stats["records"], stats["headers"], stats["problems"]) == (3, 112, 2, {})
    assert json.loads(command(*files, "-o", "json"))["records"] == 112


def test_the_gzip_sample_three_times_over_on_stdin_is_9_records_and_3_headers():
    plain = gzip.decompress(S3.read_bytes()) * 3
    for stdin in (plain, S3.read_bytes() * 3):  # zcat's output, and three gzip members
        stats = json.loads(command("check", "-", "-o", "json", stdin=stdin))
        assert (stats["records"], stats["headers"], stats["problems"]) == (9, 3, {})
        query = ["query", "--group-by", "action", "--agg", "n=count()", "-o", "json", "-"]
        rows = json.loads(command(*query, stdin=stdin))
        assert sum(row["n"] for row in rows) == 9
        assert "action" not in [row["action"] for row in rows]
        assert rows == fl.scan(stdin).group_by("action").agg(n=fl.count()).collect().to_dicts()


def test_rejected_flows_by_port_are_those_of_an_independent_count():
    flows, sources = collections.Counter(), collections.defaultdict(set)
    for line in NOISE.read_text().splitlines()[1:]:
        values = line.split()
        if values[12] == "REJECT":
            flows[int(values[6])] += 1
            sources[int(values[6])].add(values[3])
    counted = [{"dstport": port, "flows": n, "sources": len(sources[port])} for port, n in flows.items()]
    counted = sorted(counted, key=lambda row: (-row["flows"], row["dstport"]))[:5]
    query = fl.scan(str(NOISE)).filter("rejected").group_by("dstport")
    query = query.agg(flows=fl.count(), sources=fl.distinct("srcaddr")).sort("flows", descending=True).head(5)
    assert query.collect().to_dicts() == counted
    output = command(
        *["query", "--where", "rejected", "--group-by", "dstport", "--agg", "flows=count(),sources=distinct(srcaddr)"],
        *["--sort", "-flows", "--limit", "5", "-o", "json", NOISE],
    )
    assert json.loads(output) == counted


def test_parse_of_a_nodata_line_has_none_for_the_missing_and_keeps_start():
    record = fl.parse("2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA").to_dict()
    missing = ["srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "action"]
    assert [name for name, value in record.items() if value is None] == missing
    assert (record["start"], record["end"], record["log_status"]) == (1431280876, 1431280934, "NODATA")


@pytest.fixture
def damaged_log(tmp_path):
    """999 good lines, one of 13 values (line 400), one with x as destination port (line 700)."""
    good = "2 123456789010 eni-1 10.0.0.%d 10.0.1.1 %d 443 6 20 4249 1418530010 1418530070 ACCEPT OK"
    lines = [good % (i % 250, 1024 + i) for i in range(999)]
    lines.insert(399, lines[0].rsplit(" ", 1)[0])
    lines.insert(699, lines[0].replace(" 443 ", " x "))
    path = tmp_path / "damaged.log"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_line_of_13_values_is_a_problem_and_x_as_port_a_bad_value(damaged_log):
    # CONTRACT F3, F4, V5: check exits 1 and names both lines; query answers and exits 0.
    for threads in (1, 2, 7):
        stats = fl.scan(str(damaged_log), threads=threads, block_bytes=1000).check().to_dict()
        assert (stats["lines"], stats["records"]) == (1001, 1000)
        assert (stats["problems"], stats["bad_values"]) == ({"too-few-values": 1}, {"dstport": 1})
        samples = [(sample["line"], sample["reason"]) for sample in stats["samples"]]
        assert samples == [(400, "too-few-values"), (700, "bad-value: dstport")]
    stats = json.loads(command("check", damaged_log, "-o", "json", expect=1))
    assert (stats["records"], stats["problems"], stats["bad_values"]) == (1000, {"too-few-values": 1}, {"dstport": 1})
    assert [s["line"] for s in stats["samples"]] == [400, 700]
    rows = json.loads(command("query", "--group-by", "dstport", "--agg", "n=count()", "-o", "json", damaged_log))
    assert rows == [{"dstport": 443, "n": 999}, {"dstport": None, "n": 1}]


def test_without_keys_there_is_one_row_also_on_no_input():
    # CONTRACT L10
    assert fl.scan(b"").agg(n=fl.count()).collect().to_dicts() == [{"n": 0}]
    assert fl.scan(b"\n\n").agg(n=fl.count()).collect().to_dicts() == [{"n": 0}]
    header = b"srcaddr bytes\n"
    query = fl.scan(header).agg(n=fl.count(), s=fl.sum("bytes"), least=fl.min("srcaddr"), d=fl.distinct("srcaddr"))
    assert query.collect().to_dicts() == [{"n": 0, "s": None, "least": None, "d": 0}]


def test_a_record_that_ends_before_it_starts_has_a_negative_duration():
    # CONTRACT D1: end - start; SPEC 6.6: both may be off by a minute.
    data = b"start end bytes\n10 5 1\n5 10 2\n7 7 3\n- 7 4\n"

    def kept(where):
        return [row["bytes"] for row in fl.scan(data).filter(where).select("bytes").collect().to_dicts()]

    assert [kept("duration < 3"), kept("duration >= 0"), kept("not (duration < 3)")] == [[1, 3], [2, 3], [2]]
    assert [kept("duration != 5"), kept("duration between -5 and 0"), kept("duration = -5")] == [[1, 3], [1, 3], [1]]
    rows = fl.scan(data).agg(least=fl.min("duration"), total=fl.sum("duration")).collect().to_dicts()
    assert rows == [{"least": -5, "total": 0}]


def test_a_truncated_gzip_file_keeps_what_was_read_and_conserves_lines():
    # CONTRACT F3, F9, P5
    rng = random.Random(5)
    line = b"2 1 eni-%d 10.0.0.1 10.0.0.2 %d 443 6 1 40 1 2 ACCEPT OK\n"
    text = b"".join(line % (i, rng.randrange(60000)) for i in range(5000))
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
        file.write(text)
    for length in (len(packed.getvalue()) // 2, len(packed.getvalue()) - 9):
        logs = fl.scan(packed.getvalue()[:length], on_error="skip", threads=2, block_bytes=300)
        table = logs.select("interface-id").collect()
        stats = table.stats.to_dict()
        assert_conservation(stats)
        assert set(stats["problems"]) <= {"unfinished-line"}
        assert stats["complete"] is False and len(stats["errors"]) == 1
        assert [row["interface_id"] for row in table.to_dicts()] == ["eni-%d" % i for i in range(stats["records"])]
        assert stats["records"] > 1000
