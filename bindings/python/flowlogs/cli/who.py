"""flowlogs who: everything about one address."""

from __future__ import annotations

import argparse

from flowlogs import who
from flowlogs._text import shown
from flowlogs.cli.common import Output, Parser, UsageError, complain, finish, footer, inventory_of, limit, scan

HELP = """Everything about one address, prefix, interface, instance, subnet, VPC, account or @NAME (--inventory, --set): which services it serves and
uses, when and where it was seen, what it sent and received, what was rejected, its top peers, and what became of its
conversations. Bytes and packets are counted once, also where several interfaces saw them."""
EXAMPLE = "flowlogs who 10.0.0.138 tests/data/internet-noise-v2.log"
FILES = "ADDRESS|PREFIX|ID|@NAME FILES..."
FORMATS = ("table", "json")


def add_options(parser: Parser) -> None:
    parser.add_argument(
        "-n", "--limit", metavar="N", type=limit, default=10, help="at most N services and peers (default: 10)"
    )
    parser.add_where()
    parser.add_output(FORMATS)
    parser.add_input_options()
    parser.add_strict()


def run(args: argparse.Namespace) -> int:
    if len(args.files) < 2:
        raise UsageError("it needs an ADDRESS, PREFIX, ID or @NAME, then FILES")
    subject = args.files.pop(0)
    with Output(args.output, FORMATS, pipe="table", zone=args.zone) as output:
        answer = who.who(scan(args), subject, limit=args.limit, inventory=inventory_of(args))
        if output.format == "json":
            output.write_json(answer)
        else:
            output.write(answer.to_text(output.report_width, output.style))
            footer(args, output, answer["first_seen"], answer["last_seen"], told=True)
    code = finish(args, answer._stats)
    if answer["records"] == 0 and answer._stats.records:
        complain(f"'{shown(subject)}' is in none of {answer._stats.records:,} records" + (" that are asked for" if args.where or args.window else ""))
    return code
