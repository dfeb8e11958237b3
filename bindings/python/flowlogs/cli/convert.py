"""flowlogs convert: records in other formats."""

from __future__ import annotations

import argparse

from flowlogs import convert
from flowlogs._text import count, shown
from flowlogs.cli.common import Output, Parser, UsageError, complain, finish, scan
from flowlogs.cli.query import split

HELP = """The records as NDJSON, CSV, TSV, Parquet or Arrow (these need pyarrow: pip install 'flowlogs[frames]'; in a pipe
Arrow is a stream), with the column names and types of AWS's own Parquet files. Written while it is read, in little memory."""
EXAMPLE = "flowlogs convert -o ndjson --fields srcaddr,dstaddr,service,bytes tests/data/internet-noise-v2.log"
FILES = "-o FILE|FORMAT FILES..."


def add_options(parser: Parser) -> None:
    parser.add_argument(
        "-o", "--output", metavar="FORMAT|FILE", help="FILE.parquet, .arrow, .ndjson, .csv, .tsv; or the format, for standard output"
    )
    parser.add_argument(
        "--fields",
        metavar="FIELDS",
        action="append",
        default=[],
        help="fields and other columns, separated by commas (default: all fields)",
    )
    parser.allow_dash("--fields")
    parser.add_where()
    parser.add_once()
    parser.add_input_options()
    parser.add_strict()


def run(args: argparse.Namespace) -> int:
    if args.output is None:
        raise UsageError("it needs -o FILE or -o FORMAT")
    output = Output(args.output, convert.FORMATS)
    columns = split(args.fields)
    logs = scan(args)
    with output:
        tables = (logs.select(*columns) if columns else logs)._tables()
        rows = output.write_tables(tables)
    stats = tables.stats
    if stats.new_fields and not columns:
        names = ", ".join(shown(name) for name in stats.new_fields)
        complain(f"{count(len(stats.new_fields), 'field')} that no input begins with left out: {names}; --fields names what is wanted")
    return finish(args, stats, matched=rows)
