"""flowlogs records: the records themselves."""

from __future__ import annotations

import argparse

import flowlogs as fl
from flowlogs.cli.common import TABLE_FORMATS, Output, Parser, UsageError, complain, complain_of_twice, finish, limit, scan
from flowlogs.cli.query import split, stream
from flowlogs.raw_lines import RawLines

HELP = """The records themselves, in input order: all their fields, or those of --fields, or, with -o raw, the original
lines under their header, which flowlogs reads again. Written while it is read, in little memory."""
EXAMPLE = """flowlogs records --where "action = 'REJECT' and dstport = 3389" -o raw tests/data/internet-noise-v2.log"""
FILES = "FILES..."
FORMATS = (*TABLE_FORMATS, "raw")


def add_options(parser: Parser) -> None:
    parser.add_where()
    parser.add_once()
    parser.add_argument(
        "--fields",
        metavar="FIELDS",
        action="append",
        default=[],
        help="fields and other columns, separated by commas: srcaddr,net=prefix(dstaddr, 16)",
    )
    parser.allow_dash("--fields")
    parser.add_argument("--limit", metavar="N", type=limit, help="at most N records")
    parser.add_output(FORMATS)
    parser.add_input_options()
    parser.add_strict()


def run(args: argparse.Namespace) -> int:
    columns = split(args.fields)
    query = scan(args)
    if columns:
        query = query.select(*columns)
    if args.limit is not None:
        query = query.head(args.limit)
    with Output(args.output, FORMATS, zone=args.zone) as output:
        if output.format == "raw":
            if columns:
                raise UsageError("-o raw writes whole lines; leave out --fields, or choose another format")
            stats, rows = write_raw(query, output)
        else:
            stats, rows = stream(query, output)
    complain_of_twice(stats)
    return finish(args, stats, matched=rows)


def write_raw(query: fl.Query, output: Output) -> tuple[fl.Stats, int]:
    """Writes the lines as they stand in the input, under their header; again when the format changes."""
    lines = RawLines(query)
    for piece in lines:
        output.write(piece)
    for header in lines.unreadable:
        complain(f"the header '{header}' will not be known as one; read the output with --format '{header}'")
    return lines.stats, lines.records
