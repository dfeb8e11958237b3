"""flowlogs query: any question."""

from __future__ import annotations

import argparse

import flowlogs as fl
from flowlogs import _core
from flowlogs.cli.common import TABLE_FORMATS, Output, Parser, UsageError, complain_of_twice, finish, footer, limit, scan, times_of

HELP = """Any question: filter, group, aggregate, sort.

Without --group-by and --agg the answer is the records' fields, as of `flowlogs records`."""
EXAMPLE = """flowlogs query --where "rejected" --group-by dstport \\
           --agg "flows=count(),sources=distinct(srcaddr)" --sort -flows --limit 5 tests/data/internet-noise-v2.log"""
FILES = "FILES..."
FORMATS = TABLE_FORMATS


def add_options(parser: Parser) -> None:
    parser.add_where()
    parser.add_once()
    parser.add_argument(
        "--group-by",
        metavar="KEYS",
        action="append",
        default=[],
        help="fields, bin(start, 5m), prefix(srcaddr, 16), service, ...; separated by commas",
    )
    parser.add_argument(
        "--agg",
        metavar="AGGREGATES",
        action="append",
        default=[],
        help="count(), connections(), sum(f), min(f), max(f), mean(f), distinct(f), quantile(f, 0.95), first(f), last(f); "
        "named as in flows=count()",
    )
    parser.add_argument(
        "--having",
        metavar="FILTER",
        action="append",
        default=[],
        help="only groups for which this is true; its names are those of keys and aggregates: flows > 10",
    )
    parser.add_argument(
        "--sort",
        metavar="[-]COLUMN",
        action="append",
        default=[],
        help="columns of the answer, separated by commas; - for descending",
    )
    parser.allow_dash("--sort", "--having", "--group-by", "--agg")
    parser.add_argument("--limit", metavar="N", type=limit, help="at most N rows")
    parser.add_output(FORMATS)
    parser.add_input_options()
    parser.add_strict()


def run(args: argparse.Namespace) -> int:
    logs = query = scan(args)
    keys, aggregates = split(args.group_by), split(args.agg)
    if keys:
        query = query.group_by(*keys)
    if aggregates:
        query = query.agg(*aggregates)
    for expression in args.having:
        query = query.having(expression)
    for column in split(args.sort):
        name = column.lstrip("-+").strip()
        if not name:
            raise UsageError(f"--sort {column}: no column")
        query = query.sort(name, descending=column.startswith("-"))
    if args.limit is not None:
        query = query.head(args.limit)
    with Output(args.output, FORMATS, zone=args.zone) as output:
        if keys or aggregates or args.sort:
            # One row comes without groups, whether anything matched or not.
            matched = logs.agg(n="count()") if not keys and (args.where or args.window) else None
            times = times_of(logs) if output.for_people and (keys or aggregates) else None
            table, *more = _core._collect_each([query, *(each for each in (matched, times) if each is not None)])
            output.write_table(table)
            if times is not None:
                footer(args, output, **more[-1][0])
            stats, rows = table.stats, len(table) if matched is None else more[0][0]["n"]
        else:
            stats, rows = stream(query, output)
    complain_of_twice(stats)
    return finish(args, stats, matched=rows)


def split(texts: list[str]) -> list[str]:
    """The items of lists that are separated by commas, outside of parentheses and quotes."""
    return [item for text in texts for item in _core._split_list(text) if item]


def stream(query: fl.Query, output: Output) -> tuple[fl.Stats, int]:
    """Writes rows while they are read."""
    tables = query._tables()
    rows = output.write_tables(tables)
    return tables.stats, rows
