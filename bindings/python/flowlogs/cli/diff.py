"""flowlogs diff: what changed."""

from __future__ import annotations

import argparse
import os

import flowlogs as fl
from flowlogs import diff
from flowlogs.answers import greatest, least
from flowlogs.cli.common import TABLE_FORMATS, Output, Parser, UsageError, complain, finish, footer, limit_or_all, scan, scan_of
from flowlogs.windows import Window

HELP = """What changed from A to B: keys that are new, gone, grown or shrunk, the largest difference first.

A and B are two files or quoted globs, or, with FILES behind them, two times: a day such as 2026-09-01, or FROM..TO with
times as --since takes them:

  flowlogs diff 'monday/*.gz' 'tuesday/*.gz'
  flowlogs diff 2026-09-01 2026-09-02 logs/*.gz
  flowlogs diff 2h..1h 1h..now --by srcaddr logs/*.gz

Bytes and packets are counted once, also where several interfaces saw them. A record that belongs to both times counts in
both."""
EXAMPLE = """flowlogs diff 2021-09-02T21:44:00Z..2021-09-02T21:45:00Z 2021-09-02T21:45:00Z..2021-09-02T21:46:00Z \\
           --by srcaddr -n 5 tests/data/internet-noise-v2.log"""
FILES = "A B [FILES...]"
FORMATS = TABLE_FORMATS


def add_options(parser: Parser) -> None:
    parser.add_argument(
        "--by",
        metavar="KEYS",
        help="fields, prefix(srcaddr, 16), service, ...; separated by commas (default: server,service; srcaddr where "
        "there are no ports)",
    )
    parser.allow_dash("--by")
    parser.add_argument("--measure", choices=diff.MEASURES, default="bytes", help="what is compared (default: bytes)")
    parser.add_argument("--rate", action="store_true", help="compare rates, for times of different length")
    parser.add_argument(
        "--factor", metavar="N", type=_factor, default=2.0, help="grown and shrunk: N times at least (default: 2)"
    )
    parser.add_argument(
        "--min", metavar="N", type=_least, default=0, help="leave out keys with less on both sides (default: 0)"
    )
    parser.add_argument(
        "-n", "--limit", metavar="N", type=limit_or_all, default=20, help="at most N rows, or all (default: 20)"
    )
    parser.add_where()
    parser.add_output(FORMATS)
    parser.add_input_options()
    parser.add_strict()


def run(args: argparse.Namespace) -> int:
    before, after, sides = _sides(args)
    with Output(args.output, FORMATS, zone=args.zone) as output:
        answer = diff.diff(
            before,
            after,
            by=args.by,
            measure=args.measure,
            factor=args.factor,
            min=args.min,
            rate=args.rate,
            limit=args.limit,
            windows=sides,
        )
        if output.format == "table":
            output.write(answer.to_text(output.report_width, output.style))
            both = answer["before"], answer["after"]
            footer(args, output, least(side["start"] for side in both), greatest(side["end"] for side in both), told=True)
        else:
            output.write_table(answer.to_table())
    if sides is None:
        codes = []
        for file, (stats, records) in zip(args.files, answer._sides):
            codes.append(finish(argparse.Namespace(**{**vars(args), "files": [file]}), stats, matched=records))
        return max(codes)
    for name, side in zip("AB", ("before", "after")):
        if answer[side]["records"] == 0:
            complain(f"no record is in {name}")
    return finish(args, answer._stats)


def _sides(args: argparse.Namespace) -> tuple[fl.Query, fl.Query, tuple[Window, Window] | None]:
    files = args.files
    if len(files) < 2:
        raise UsageError("it needs A and B: two files or quoted globs, or two times and FILES")
    times = [_window(text) for text in files[:2]]
    if None not in times:
        args.files = files[2:]
        logs = scan(args)
        first, second = times
        return first.filter(logs), second.filter(logs), (first, second)  # type: ignore[union-attr, return-value]
    if len(files) > 2:
        raise UsageError("of A and B each is one file or glob, in quotes: diff 'monday/*.gz' 'tuesday/*.gz'")
    queries = []
    for file in files:
        args.files = [file]
        queries.append(scan(args))
    args.files = files
    return queries[0], queries[1], None


def _window(text: str) -> Window | None:
    if os.path.exists(text):
        return None
    try:
        return Window.parse(text)
    except fl.ArgumentError:
        # What looks like a time is one, and told what is wrong with it.
        if text[:4].isdigit() and not text.endswith((".log", ".gz", ".zst", ".txt", ".csv")) and "*" not in text:
            raise
        return None


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0
    if not 1 < factor < 1e18:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 1")
    return factor


def _least(text: str) -> int:
    from flowlogs.cli.common import _quantity

    return 0 if text == "0" else _quantity(text)
