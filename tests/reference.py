"""The oracle: what docs/CONTRACT.md says about reading and querying flow logs, written down a second time.

Plain, slow and in one direction: bytes -> lines -> events -> records -> rows. It shares no code with the library and
was written from the contract alone (rules F and L are cited), so that where the two disagree one of them is wrong.
Standard library only.

    result = reference.read(b"version srcaddr\\n2 10.0.0.1\\n")       # Result: .records, .stats, .events
    rows = reference.run(result, Query(where=..., keys=..., aggregates=...))
    python3 tests/reference.py FILE.log [FORMAT]                      # prints the golden JSON of a log

Values are None (missing or bad), int, bytes (text), or Address. Text leaves through `to_text`.
Raises InputError where the contract asks for an input error, and Unsettled where it leaves the answer open (a format
that has most lines but not the majority): tests leave such inputs out.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import pathlib
import re
import sys
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

# ---- Fields (CONTRACT F1) -------------------------------------------------------------------------------------------

DEFAULT = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
).split()

VPC = DEFAULT + (
    "vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr "
    "region az-id sublocation-type sublocation-id "
    "pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path "
    "ecs-cluster-arn ecs-cluster-name ecs-container-instance-arn ecs-container-instance-id ecs-container-id "
    "ecs-second-container-id ecs-service-name ecs-task-definition-arn ecs-task-arn ecs-task-id "
    "reject-reason resource-id encryption-status "
    "instance-tag instance-tag-2 interface-tag interface-tag-2 asg-tag asg-tag-2 "
    "interface-type next-hop-interface-id next-hop-subnet-id next-hop-az-id next-hop-vpc-id next-hop-interface-type"
).split()

TRANSIT_GATEWAY = (
    "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id "
    "tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id "
    "tgw-dst-az-id tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end log-status "
    "type packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags "
    "region flow-direction pkt-src-aws-service pkt-dst-aws-service"
).split()

FIELDS = VPC + [name for name in TRANSIT_GATEWAY if name not in VPC]

_TYPES = {
    "int32": "version srcport dstport protocol tcp-flags traffic-path encryption-status",
    "int64": "packets bytes packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded "
    "packets-lost-ttl-expired",
    "time": "start end",
    "address": "srcaddr dstaddr pkt-srcaddr pkt-dstaddr",
    "tag": "instance-tag instance-tag-2 interface-tag interface-tag-2 asg-tag asg-tag-2",
}
TYPE_OF = {name: kind for kind, names in _TYPES.items() for name in names.split()}


def type_of(name: str) -> str:
    """'int32', 'int64', 'time', 'address', 'tag' or 'text' (also of names that are no field)."""
    return TYPE_OF.get(name, "text")


def known_field(token: bytes) -> Optional[str]:
    """AWS's name of a token that is a field name with hyphens or underscores, else None."""
    name = token.decode("latin-1").replace("_", "-")
    return name if name in FIELDS else None


def column_name(name: str) -> str:
    return name.replace("-", "_")


# ---- Values (CONTRACT F4 to F8) -------------------------------------------------------------------------------------


class Address(NamedTuple):
    """Sorts as F7 says: IPv4 before IPv6, each by its number."""

    version: int
    number: int


class Bad:
    """A value that is not of its field's type."""


BAD = Bad()
Value = Union[None, int, bytes, Address, Bad]


def read_ipv4(text: str) -> Optional[int]:
    octets = text.split(".")
    if len(octets) != 4 or not all(re.fullmatch("0|[1-9][0-9]{0,2}", octet) and int(octet) <= 255 for octet in octets):
        return None
    return sum(int(octet) << shift for octet, shift in zip(octets, (24, 16, 8, 0)))


def read_address(token: bytes) -> Optional[Address]:
    if not re.fullmatch(rb"[0-9A-Fa-f:.]+", token):  # no zone, no prefix length
        return None
    text = token.decode("ascii")
    number = read_ipv4(text)
    if number is not None:
        return Address(4, number)
    tail = text.rpartition(":")[2]
    if ":" not in text or ("." in tail and read_ipv4(tail) is None):
        return None
    try:
        number = int(ipaddress.IPv6Address(text))
    except ValueError:
        return None
    return Address(4, number & 0xFFFFFFFF) if number >> 32 == 0xFFFF else Address(6, number)


def read_integer(token: bytes, limit: int) -> Optional[int]:
    if not re.fullmatch(rb"[0-9]+", token):
        return None
    value = int(token.lstrip(b"0")[:40] or b"0")  # 40 digits are more than any limit
    return value if value <= limit else None


def decode_tag(token: bytes) -> bytes:
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes([int(m.group(1), 16)]), token)


def read_value(kind: str, token: bytes) -> Value:
    """None for a missing value (`-`, or an empty cell of a comma file), BAD, or the value."""
    if token in (b"-", b""):
        return None
    if kind == "text":
        return token
    if kind == "tag":
        return decode_tag(token)
    if kind == "address":
        address = read_address(token)
        return BAD if address is None else address
    number = read_integer(token, 2**31 - 1 if kind == "int32" else 2**63 - 1)
    if number is None:
        return BAD
    return number // 1000 if kind == "time" and number >= 10**11 else number


def to_text(value: bytes) -> str:
    """Bytes that are not UTF-8 leave as \\xNN."""
    return value.decode("utf-8", "backslashreplace")


def to_python(value: Value) -> Union[None, int, float, str]:
    """What a program sees."""
    if isinstance(value, Address):
        return str(ipaddress.IPv4Address(value.number) if value.version == 4 else ipaddress.IPv6Address(value.number))
    if isinstance(value, bytes):
        return to_text(value)
    return None if isinstance(value, Bad) else value


# ---- Formats and headers (CONTRACT F2) ------------------------------------------------------------------------------


class Format(NamedTuple):
    """Names with hyphens for known fields, as written for others."""

    names: Tuple[str, ...]
    comma: bool = False
    leading_time: bool = False

    def width(self) -> int:
        return len(self.names) + self.leading_time

    def columns(self) -> List[str]:
        return [column_name(name) for name in self.names]


def split_lines(data: bytes) -> List[bytes]:
    """Lines without their ends: LF, and one CR before it or at the very end."""
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [line[:-1] if line.endswith(b"\r") else line for line in lines]


def is_blank(line: bytes) -> bool:
    return line.strip(b" \t\r") == b""


def split_cells(line: bytes) -> List[bytes]:
    cells = [cell.strip(b" \t") for cell in line.split(b",")]
    return [cell[1:-1] if len(cell) >= 2 and cell[:1] == cell[-1:] == b'"' else cell for cell in cells]


def split_values(line: bytes, comma: bool) -> List[bytes]:
    """Runs of blanks and tabs separate values. So they do inside the cells of a comma file (no value of a flow log has
    a blank in it), where an empty cell is a value, too."""
    if not comma:
        return [token for token in re.split(rb"[ \t]+", line) if token]
    return [token for cell in split_cells(line) for token in split_values(cell, False) or [b""]]


def is_number(token: bytes) -> bool:
    return re.fullmatch(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", token) is not None


def header_of(line: bytes, first_line: bool) -> Optional[Format]:
    """The format that a line sets, or None if it is no header. Every condition of F2 in turn."""
    comma = b"," in line
    line = line.replace(b"\r", b" ")  # blank space between names; in records it is text
    tokens = split_cells(line) if comma else split_values(line, False)
    if comma and any(re.search(rb'[ \t"]', token) for token in tokens):
        return None  # a cell that is no name
    if any(token in (b"", b"-") or is_number(token) or read_address(token) is not None for token in tokens):
        return None
    known = [known_field(token) for token in tokens]
    names = [name or to_text(token) for name, token in zip(known, tokens)]
    if len({column_name(name) for name in names}) != len(names):
        return None
    count = sum(name is not None for name in known)
    if not (count >= 2 and 2 * count >= len(tokens)) and not (first_line and len(tokens) == 1 and count == 1):
        return None
    return Format(tuple(names), comma)


def parse_format(text: str) -> Format:
    """`${a} ${b}`, `$${a}`, or plain names separated by blanks or commas. For formats that are right."""
    names = re.findall(r"\$\{([^}]*)\}", text) or re.split(r"[ \t,]+", text.strip())
    return Format(tuple(known_field(name.encode()) or name for name in names))


# ---- Reading (CONTRACT F2, F3, F5, F9) ------------------------------------------------------------------------------

PREFIX_BYTES = 64 << 10
MAX_LINE_BYTES = 1 << 20


class InputError(Exception):
    """The input has no format."""


class Unsettled(Exception):
    """The contract does not say what the format is."""


@dataclasses.dataclass
class Record:
    line: int
    format: Format
    tokens: List[bytes]

    def value(self, name: str) -> Value:
        """None if the format lacks the field; BAD stays BAD. By AWS's name, or an unknown name as written."""
        if name == "duration":  # CONTRACT D1
            start, end = self.present("start"), self.present("end")
            return end - start if isinstance(start, int) and isinstance(end, int) else None
        if name not in self.format.names:
            return None
        return read_value(type_of(name), self.tokens[self.format.names.index(name)])

    def present(self, name: str) -> Value:
        value = self.value(name)
        return None if isinstance(value, Bad) else value

    def to_dict(self) -> Dict[str, Any]:
        return {column_name(name): to_python(self.value(name)) for name in self.format.names}

    def bad_columns(self) -> List[str]:
        return [column_name(name) for name in self.format.names if isinstance(self.value(name), Bad)]


@dataclasses.dataclass
class Event:
    """A line and what it is: 'record', 'header', 'blank', or the reason of a problem."""

    line: int
    text: bytes
    kind: str
    record: Optional[Record] = None
    format: Optional[Format] = None  # of a header


@dataclasses.dataclass
class Result:
    events: List[Event]
    first_format: Optional[Format]

    @property
    def records(self) -> List[Record]:
        return [event.record for event in self.events if event.record is not None]

    @property
    def stats(self) -> Dict[str, Any]:
        """As Stats after a full check (CONTRACT P6), of the counts that the lines alone decide."""
        stats: Dict[str, Any] = {"lines": len(self.events), "records": 0, "headers": 0, "blank": 0}
        problems: Dict[str, int] = {}
        bad_values: Dict[str, int] = {}
        formats: List[Dict[str, Any]] = []
        status = {b"NODATA": 0, b"SKIPDATA": 0}

        def count_format(format: Optional[Format], records: int) -> None:
            assert format is not None
            fields = list(format.names)
            entry = next((entry for entry in formats if entry["fields"] == fields), None)
            if entry is None:
                entry = {"fields": fields, "records": 0}
                formats.append(entry)
            entry["records"] += records

        for event in self.events:
            if event.kind == "header":
                stats["headers"] += 1
                count_format(event.format, 0)  # a header alone is seen, too: an empty file of S3
            elif event.kind == "blank":
                stats["blank"] += 1
            elif event.record is None:
                problems[event.kind] = problems.get(event.kind, 0) + 1
            if event.record is None:
                continue
            stats["records"] += 1
            for column in event.record.bad_columns():
                bad_values[column] = bad_values.get(column, 0) + 1
            value = event.record.value("log-status")
            if value in status:
                status[value] += 1
            count_format(event.record.format, 1)
        stats["problems"] = problems
        stats["bad_values"] = bad_values
        stats["nodata"] = status[b"NODATA"]
        stats["skipdata"] = status[b"SKIPDATA"]
        stats["formats"] = formats
        return stats


def has_leading_time(line: bytes) -> bool:
    """An ISO 8601 time, or an epoch number of at least ten digits, before the first blank."""
    first = split_values(line, False)[0]
    return re.fullmatch(rb"[0-9]{10,}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}.*", first) is not None


def find_format(data: bytes, given: Optional[Format]) -> Optional[Format]:
    """The format in force before the first header; None if there is none. The majority of the first 64 KiB (F2)."""
    prefix = data[:PREFIX_BYTES]
    if len(data) > PREFIX_BYTES and b"\n" in prefix:
        prefix = prefix[: prefix.rindex(b"\n") + 1]  # a line that is cut says nothing
    widths: Dict[Tuple[int, bool], int] = {}  # number of values, in cells or not -> lines
    timed: Dict[int, int] = {}  # number of values -> lines that begin with a time
    header_follows = False
    for number, line in enumerate(split_lines(prefix)):
        if is_blank(line):
            continue
        if header_of(line, number == 0) is not None:
            header_follows = True
            break
        comma = b"," in line and not re.search(rb"[ \t]", line)
        width = len(split_values(line, comma))
        widths[width, comma] = widths.get((width, comma), 0) + 1
        if not comma and has_leading_time(line):
            timed[width] = timed.get(width, 0) + 1
    total = sum(widths.values())
    for format in [given] if given else [Format(tuple(DEFAULT)), Format(tuple(TRANSIT_GATEWAY))]:
        width = len(format.names)
        for fitting, count in (
            (format, widths.get((width, False), 0)),
            (format._replace(comma=True), widths.get((width, True), 0)),
            (format._replace(leading_time=True), timed.get(width + 1, 0)),
        ):
            if count * 2 > total and not (given and header_follows and fitting != given):
                return fitting
            if count == max(widths.values(), default=-1) or (count > 0 and fitting.leading_time):
                raise Unsettled("the format that has most lines has not the majority")
    if given is None and total > 0 and not header_follows:
        raise InputError("no header: give the format")
    return given


def read(data: bytes, format: Optional[Format] = None) -> Result:
    current = find_format(data, format)
    first = current
    events: List[Event] = []
    for number, line in enumerate(split_lines(data), start=1):
        record = None
        if len(line) > MAX_LINE_BYTES:
            kind = "line-too-long"
        elif is_blank(line):
            kind = "blank"
        elif header_of(line, number == 1) is not None:
            kind = "header"
            current = header_of(line, number == 1)
            if all(event.kind == "blank" for event in events):
                first = None  # no line stands under the given format
            first = first or current
        elif current is None:
            kind = "no-format"
        else:
            tokens = split_values(line, current.comma)
            kind = "record"
            if len(tokens) < current.width():
                kind = "too-few-values"
            elif len(tokens) > current.width():
                kind = "too-many-values"
            else:
                record = Record(number, current, tokens[1:] if current.leading_time else tokens)
        events.append(Event(number, line, kind, record, current if kind == "header" else None))
    return Result(events, first)


# ---- Filters (CONTRACT L1 to L4, L7), as trees: True, False or None (unknown) ---------------------------------------
#
#   ("=", name, value)  and != < <= > >=        ("in", name, [items], negated)     ("between", name, low, high, negated)
#   ("like", name, pattern, negated)            ("has", name, bits, negated)       ("null", name, negated)
#   ("and", [tests])  ("or", [tests])  ("not", test)
# Values are int, bytes or Address; items also ("prefix", address, length) and ("scope", word).

SYNONYMS = {
    "addr": ["srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr"],
    "src": ["srcaddr", "pkt-srcaddr"],
    "dst": ["dstaddr", "pkt-dstaddr"],
    "port": ["srcport", "dstport"],
    "sport": ["srcport"],
    "dport": ["dstport"],
    "proto": ["protocol"],
    "eni": ["interface-id"],
}

_SCOPES = {
    "private": "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 169.254.0.0/16 127.0.0.0/8 fc00::/7 fe80::/10 "
    "::1/128",
    "multicast": "224.0.0.0/4 ff00::/8",
    "none": "0.0.0.0/8 240.0.0.0/4 ::/128",
}


def in_prefix(address: Address, base: Address, length: int) -> bool:
    shift = (32 if base.version == 4 else 128) - length
    return address.version == base.version and address.number >> shift == base.number >> shift


def scope_of(address: Address) -> Optional[str]:
    for word, prefixes in _SCOPES.items():
        for prefix in prefixes.split():
            text, _, length = prefix.partition("/")
            base = read_address(text.encode())
            assert base is not None
            if in_prefix(address, base, int(length)):
                return None if word == "none" else word
    return "public"


def _item_matches(value: Any, item: Any) -> bool:
    if isinstance(item, tuple) and item[0] == "prefix":
        return in_prefix(value, item[1], item[2])
    if isinstance(item, tuple) and item[0] == "scope":
        return scope_of(value) == item[1]
    return bool(value == item)


def _like(pattern: bytes) -> "re.Pattern[bytes]":
    parts = {b"%"[0]: b".*", b"_"[0]: b"."}
    return re.compile(b"".join(parts.get(c, re.escape(bytes([c]))) for c in pattern), re.DOTALL)


def _test_value(test: Any, value: Any) -> bool:
    """A positive test of one present value."""
    kind = test[0]
    if kind in ("=", "!="):
        return bool(value == test[2])
    if kind in ("<", "<=", ">", ">="):
        return {"<": value < test[2], "<=": value <= test[2], ">": value > test[2], ">=": value >= test[2]}[kind]
    if kind == "in":
        return any(_item_matches(value, item) for item in test[2])
    if kind == "between":
        return bool(test[2] <= value <= test[3])
    if kind == "like":
        return _like(test[2]).fullmatch(value) is not None
    assert kind == "has"
    return (value & test[2]) == test[2]


def evaluate(test: Any, record: Record) -> Optional[bool]:
    kind = test[0]
    if kind == "not":
        inner = evaluate(test[1], record)
        return None if inner is None else not inner
    if kind in ("and", "or"):
        results = [evaluate(inner, record) for inner in test[1]]
        decisive = kind == "or"
        if decisive in results:
            return decisive
        return None if None in results else not decisive
    values = [record.present(name) for name in SYNONYMS.get(test[1], [test[1]])]
    values = [value for value in values if value is not None]
    if kind == "null":
        return (not values) != test[2]
    if not values:
        return None
    negated = kind == "!=" or (kind not in ("=", "!=", "<", "<=", ">", ">=") and test[-1])
    return any(_test_value(test, value) for value in values) != negated


# ---- Queries (CONTRACT L8 to L10, L12) ------------------------------------------------------------------------------
#
# Keys: ("field", name)  ("bin", name, seconds)  ("prefix", name, n4, n6)  ("scope", name, (address, length))
# The prefix of a scope is `internal`.
# Aggregates: ("count",)  ("count", name)  and sum, min, max, mean, distinct


class Overflow(Exception):
    """A sum beyond int64 (CONTRACT L9)."""


@dataclasses.dataclass
class Query:
    where: Any = None
    select: Optional[List[Tuple[str, Any]]] = None  # (column, key); None with keys None: every column
    keys: Optional[List[Tuple[str, Any]]] = None  # (column, key)
    aggregates: Optional[List[Tuple[str, Any]]] = None  # (column, aggregate)
    sort: Optional[Tuple[str, bool]] = None  # column, descending
    head: Optional[int] = None


def key_value(key: Any, record: Record) -> Value:
    value = record.present(key[1])
    if value is None or key[0] == "field":
        return value
    if key[0] == "bin":
        assert isinstance(value, int)
        return value // key[2] * key[2]
    assert isinstance(value, Address)
    if key[0] == "scope":
        scope = "internal" if in_prefix(value, *key[2]) else scope_of(value)
        return scope.encode() if scope else None
    assert key[0] == "prefix"
    bits, length = (32, key[2]) if value.version == 4 else (128, key[3])
    network = Address(value.version, value.number >> (bits - length) << (bits - length))
    return ("%s/%d" % (to_python(network), length)).encode()


def aggregate_value(aggregate: Any, records: List[Record]) -> Any:
    if aggregate == ("count",):
        return len(records)
    values: List[Any] = [v for v in (record.present(aggregate[1]) for record in records) if v is not None]
    kind = aggregate[0]
    if kind == "count":
        return len(values)
    if kind == "distinct":
        return len(set(values))
    if not values:
        return None
    if kind == "sum":
        return sum(values)
    if kind == "mean":
        return sum(values) / len(values)
    return {"min": min, "max": max}[kind](values)


def _ascending(value: Value) -> Tuple[bool, Any]:
    return (value is None, value if value is not None else 0)


def _sorted(rows: List[Dict[str, Any]], column: str, descending: bool) -> List[Dict[str, Any]]:
    """Stable; nulls last both ways."""
    present = [row for row in rows if row[column] is not None]
    missing = [row for row in rows if row[column] is None]
    return sorted(present, key=lambda row: row[column], reverse=descending) + missing


def run(results: Union[Result, List[Result]], query: Query) -> List[Dict[str, Any]]:
    """Rows as Table.to_dicts() gives them. Several results are several inputs, in order."""
    inputs = results if isinstance(results, list) else [results]
    records = [record for result in inputs for record in result.records]
    if query.where is not None:
        records = [record for record in records if evaluate(query.where, record) is True]
    if query.keys is not None or query.aggregates is not None:
        keys = query.keys or []
        aggregates = query.aggregates or [("count", ("count",))]
        groups: Dict[Tuple[Value, ...], List[Record]] = {} if keys else {(): []}
        for record in records:
            groups.setdefault(tuple(key_value(key, record) for _, key in keys), []).append(record)
        rows = []
        for group in sorted(groups, key=lambda values: [_ascending(value) for value in values]):
            row: Dict[str, Any] = {name: value for (name, _), value in zip(keys, group)}
            row.update({name: aggregate_value(aggregate, groups[group]) for name, aggregate in aggregates})
            rows.append(row)
    else:
        columns = query.select
        if columns is None:
            formats = [result.first_format for result in inputs if result.first_format]
            names = list(dict.fromkeys(name for format in formats for name in format.names))
            columns = [(column_name(name), ("field", name)) for name in names]
        rows = [{name: key_value(key, record) for name, key in columns} for record in records]
    if query.sort is not None:
        rows = _sorted(rows, *query.sort)
    if query.head is not None:
        rows = rows[: query.head]
    for row in rows:
        if any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in row.values()):
            raise Overflow("a sum beyond int64 in the answer")
    return [{name: to_python(value) for name, value in row.items()} for row in rows]


# ---- Golden files ---------------------------------------------------------------------------------------------------


def _json(value: Any, indent: Optional[int] = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def golden_json(data: bytes, given: Optional[str]) -> str:
    """The JSON file of a case, one record a line for the eye."""
    case: Dict[str, Any] = {"input": {} if given is None else {"format": given}}
    try:
        result = read(data, None if given is None else parse_format(given))
    except InputError as error:
        case["error"] = str(error)
        return _json(case, indent=1) + "\n"
    lines = ["{", ' "input": %s,' % _json(case["input"]), ' "records": [']
    lines.append(",\n".join("  " + _json(record.to_dict()) for record in result.records))
    lines.append(" ],")
    lines.append(' "stats": {')
    stats = [(key, value) for key, value in result.stats.items() if key != "formats"]
    lines += ["  %s: %s," % (_json(key), _json(value)) for key, value in stats]
    lines.append('  "formats": [')
    lines.append(",\n".join("   " + _json(entry) for entry in result.stats["formats"]))
    lines += ["  ]", " }", "}"]
    return "\n".join(line for line in lines if line) + "\n"


if __name__ == "__main__":
    log = pathlib.Path(sys.argv[1]).read_bytes()
    sys.stdout.write(golden_json(log, sys.argv[2] if len(sys.argv) > 2 else None))
