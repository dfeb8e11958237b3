"""flowlogs top: the values with the most."""

from __future__ import annotations

import argparse
import re

import flowlogs as fl
from flowlogs._text import count
from flowlogs.cli.common import (
    TABLE_FORMATS,
    Output,
    Parser,
    UsageError,
    complain,
    complain_of_twice,
    finish,
    footer,
    limit,
    scan,
    times_of,
)

HELP = """The values of a field, or of another key such as service or prefix(srcaddr, 16), with the most bytes, packets
or flows (records), and their share of all of them. Records without a value are left out, and counted on stderr."""
EXAMPLE = "flowlogs top srcaddr --by flows -n 5 tests/data/internet-noise-v2.log"
FILES = "FIELD FILES..."
FORMATS = TABLE_FORMATS


def add_options(parser: Parser) -> None:
    parser.add_argument("--by", choices=("bytes", "packets", "flows"), default="bytes", help="(default: bytes)")
    parser.add_argument("-n", "--limit", metavar="N", type=limit, default=10, help="at most N rows (default: 10)")
    parser.add_where()
    parser.add_once()
    parser.add_output(FORMATS)
    parser.add_input_options()
    parser.add_strict()


def run(args: argparse.Namespace) -> int:
    if len(args.files) < 2:
        raise UsageError("it needs a FIELD, then FILES")
    field = args.files.pop(0)
    logs = scan(args)
    sums = {"bytes": "sum(bytes)", "packets": "sum(packets)", "flows": "count()"}
    columns = set(logs.columns)
    # The one that is asked for is always asked for: if the input lacks it, that is an error, not an empty answer.
    sums = {name: sums[name] for name in sums if name in columns or name in ("flows", args.by)}
    groups = logs.group_by(field).agg(**sums).sort(args.by, descending=True).head(args.limit + 1)
    present = counted_column(field)
    totals = logs.agg(**sums, **({"present": f"count({present})"} if present else {}))
    with Output(args.output, FORMATS, zone=args.zone) as output:
        times = times_of(logs) if output.for_people else None
        answer, total, *window = fl._core._collect_each([groups, totals, *([times] if times is not None else [])])
        key = answer.columns[0]
        whole = total[0][args.by] or 0
        rows = [row for row in answer if row[key] is not None][: args.limit]
        for row in rows:
            row["percent"] = round(100 * (row[args.by] or 0) / whole, 2) if whole else None
        output.write_table(fl.Table._from_rows([*answer._kinds, ("percent", "double")], rows))
        if window:
            footer(args, output, **window[0][0])
    missing = total[0]["flows"] - total[0]["present"] if present else 0
    if missing:
        complain(f"{count(missing, 'record')} without {key} left out")
    complain_of_twice(answer.stats)
    return finish(args, answer.stats, matched=total[0]["flows"])


def counted_column(key: str) -> str | None:
    """The column whose presence a key's presence depends on: srcaddr of prefix(srcaddr, 16)."""
    match = re.fullmatch(r"\s*(?:\w+\s*=\s*)?(?:\w+\s*\(\s*)?([\w.-]+)\s*(?:[,)].*)?", key)
    return match[1] if match else None
