"""flowlogs timeline: bytes, packets and records over time."""

from __future__ import annotations

import argparse

from flowlogs import timeline
from flowlogs.cli.common import TABLE_FORMATS, Output, Parser, finish, footer, limit, scan

HELP = """Bytes, packets and records over time. Bytes and packets of a record are spread evenly over its time, so that a
ten-minute record is no spike; all sums stay exact. They are counted once, also where several interfaces saw them."""
EXAMPLE = "flowlogs timeline --bin 1m --by action tests/data/internet-noise-v2.log"
FILES = "FILES..."
FORMATS = TABLE_FORMATS


def add_options(parser: Parser) -> None:
    parser.add_argument("--bin", metavar="SPAN", default="auto", help="30s, 5m, 1h, 1d (default: auto)")
    parser.add_argument(
        "--by", metavar="KEY", help="a line for each value of a field or key: action, service, prefix(srcaddr, 16)"
    )
    parser.allow_dash("--by")
    parser.add_argument(
        "-n", "--limit", metavar="N", type=limit, default=5, help="at most N of these lines, and one for the others (default: 5)"
    )
    parser.add_where()
    parser.add_output(FORMATS)
    parser.add_input_options()
    parser.add_strict()


def run(args: argparse.Namespace) -> int:
    with Output(args.output, FORMATS, zone=args.zone) as output:
        answer = timeline.timeline(
            scan(args),
            bin=args.bin,
            by=args.by,
            limit=args.limit,
            since=args.window.since,
            until=args.window.until,
        )
        if output.format == "json":
            output.write_json(answer)
        elif output.format == "table":
            output.write(answer.to_text(output.width, output.style))
            footer(args, output, answer["first"], answer["last"])
        else:
            output.write_table(answer.to_table())
    return finish(args, answer._stats, matched=answer["totals"]["records"])
