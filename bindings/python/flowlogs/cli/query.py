"""flowlogs query: any question."""

from __future__ import annotations

import argparse

import flowlogs as fl
from flowlogs import _core
from flowlogs.cli.common import Output, Parser, UsageError, finish, limit, scan

HELP = """Any question: filter, group, aggregate, sort.

Without --group-by and --agg the answer is the records' fields, as of `flowlogs records`."""
EXAMPLE = """flowlogs query --where "rejected" --group-by dstport \\
           --agg "flows=count(),sources=distinct(srcaddr)" --sort -flows --limit 5 tests/data/internet-noise-v2.log"""
FILES = "FILES..."
FORMATS = ("table", "csv", "tsv", "json", "ndjson")


def add_options(parser: Parser) -> None:
    parser.add_where()
    parser.add_argument("--group-by", metavar="KEYS", action="append", default=[],
                        help="fields, bin(start, 5m), prefix(srcaddr, 16), service, ...; separated by commas")  # fmt: skip
    parser.add_argument("--agg", metavar="AGGREGATES", action="append", default=[],
                        help="count(), sum(f), min(f), max(f), mean(f), distinct(f); named as in flows=count()")  # fmt: skip
    parser.add_argument("--having", metavar="FILTER", help=argparse.SUPPRESS)
    parser.add_argument("--sort", metavar="[-]COLUMN", action="append", default=[],
                        help="columns of the answer, separated by commas; - for descending")  # fmt: skip
    parser.allow_dash("--sort", "--having", "--group-by", "--agg")
    parser.add_argument("--limit", metavar="N", type=limit, help="at most N rows")
    parser.add_output(FORMATS)
    parser.add_input_options()
    parser.add_strict()


def run(args: argparse.Namespace) -> int:
    if args.having is not None:
        raise UsageError("--having is not built yet; filter the answer itself", hint=False)
    query = scan(args)
    keys, aggregates = split(args.group_by), split(args.agg)
    if keys:
        query = query.group_by(*keys)
    if aggregates:
        query = query.agg(*aggregates)
    for column in split(args.sort):
        name = column.lstrip("-+").strip()
        if not name:
            raise UsageError(f"--sort {column}: no column")
        query = query.sort(name, descending=column.startswith("-"))
    if args.limit is not None:
        query = query.head(args.limit)
    with Output(args.output, FORMATS) as output:
        if keys or aggregates or args.sort:
            table = query.collect()
            output.write_table(table)
            stats, rows = table.stats, len(table)
        else:
            stats, rows = stream(query, output)
    return finish(args, stats, matched=rows if keys or not aggregates else None)


def split(texts: list[str]) -> list[str]:
    """The items of lists that are separated by commas, outside of parentheses and quotes."""
    return [item for text in texts for item in _core._split_list(text) if item]


def stream(query: fl.Query, output: Output) -> tuple[fl.Stats, int]:
    """Writes rows while they are read."""
    tables = query._tables()
    rows = output.write_tables(tables)
    return tables.stats, rows
