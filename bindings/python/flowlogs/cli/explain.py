"""flowlogs explain: one line in words."""

from __future__ import annotations

import argparse
from typing import Any

import flowlogs as fl
from flowlogs import _core
from flowlogs._text import human_bytes, iso_time
from flowlogs.cli.common import Output, Parser, UsageError, complain, finish

HELP = """One line of a flow log, field by field: its value, its name in words, its meaning. - reads lines from standard
input; they may have a header."""
EXAMPLE = '''flowlogs explain \\
           "2 123456789010 eni-1235b8ca 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK"'''
FILES = "LINE | -"
FORMATS = ("table", "csv", "tsv", "json", "ndjson")

_TRAFFIC_PATH = {
    1: "same VPC",
    2: "internet gateway or gateway endpoint",
    3: "virtual private gateway",
    4: "peering in the region",
    5: "peering between regions",
    6: "Local or Wavelength Zone",
    7: "gateway endpoint",
    8: "internet gateway",
}
_ENCRYPTION = {
    0: "not encrypted",
    1: "encrypted by Nitro",
    2: "encrypted by the application",
    3: "by Nitro and application",
}


def add_options(parser: Parser) -> None:
    parser.add_argument("files", nargs="*", metavar="LINE", help=argparse.SUPPRESS)
    parser.add_argument(
        "--format",
        "--log-format",
        metavar="FORMAT",
        dest="log_format",
        help="the format of the line, as '${version} ${srcaddr} ...' or plain names",
    )
    parser.add_output(FORMATS)


def run(args: argparse.Namespace) -> int:
    if not args.files:
        raise UsageError("no LINE given; - is standard input")
    if args.files == ["-"]:
        records = fl.scan("-", format=args.log_format, on_error="skip").records()
        rows = [{"line": record.line_number, **row} for record in records for row in explain(record)]
        stats = records.stats
        columns = [("line", "int64"), *_COLUMNS]
        code = finish(argparse.Namespace(where=[], strict=True), stats)
    else:
        columns = _COLUMNS
        rows = explain(parse(" ".join(args.files), args.log_format))
        code = 0
    bad = [row for row in rows if row["name"] == _BAD]
    with Output(args.output, FORMATS) as output:
        output.write_table(fl.Table._from_rows(columns, rows))
    for row in bad[:10]:
        complain(f"bad value: {row['field']} {row['value']!r} is not of the field's type")
    return 1 if bad else code


_COLUMNS = [("field", "text"), ("value", "text"), ("name", "text"), ("meaning", "text")]
_BAD = "bad value"


def parse(line: str, log_format: str | None) -> fl.Record:
    """A record whose values may be bad: they are shown as such. Any other fault is an error."""
    try:
        return fl.parse(line, log_format)
    except fl.ParseError:
        text = line.encode("utf-8", "surrogateescape")
        try:
            records = list(fl.scan(text, format=log_format, threads=1).head(2).records())
        except fl.Error:
            records = []
        if len(records) != 1:
            raise
        return records[0]


def explain(record: fl.Record) -> list[dict[str, Any]]:
    meanings = {field["name"]: field["meaning"] for field in fl.fields()}
    rows: list[dict[str, Any]] = []
    for field in record.format:
        value, raw = record[field], record.raw(field)
        if value is None:
            text, name = (None, None) if raw == "-" else (raw, _BAD)
        else:
            text, name = str(value), name_of(record, field)
        rows.append(
            {"field": field, "value": text, "name": name, "meaning": meanings.get(field, "not a documented field")}
        )
    return rows


def name_of(record: fl.Record, field: str) -> str | None:
    """What a value says, where that is more than the value itself."""
    value = record[field]
    if not isinstance(value, int):
        return _core._scope(value) if field in ("srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr") and value else None
    if field in ("start", "end"):
        return iso_time(value)
    if field == "bytes":
        return human_bytes(value) if value >= 1000 else None
    if field in ("srcport", "dstport"):
        protocol = record.get("protocol")
        return _core._service(value, protocol) or None if isinstance(protocol, int) else None
    if field == "tcp-flags":
        return record.name(field) or "no flags, or ACK alone"
    if field == "traffic-path":
        return _TRAFFIC_PATH.get(value)
    if field == "encryption-status":
        return _ENCRYPTION.get(value)
    return record.name(field)
