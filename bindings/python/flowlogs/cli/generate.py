"""flowlogs generate: made-up logs."""

from __future__ import annotations

import argparse
import sys

from flowlogs import synth
from flowlogs.cli.common import Output, Parser, UsageError

HELP = """A made-up flow log that looks like a real one: both directions of every conversation, scanners, NAT gateways, ECS tasks,
long connections, IPv6, NODATA and SKIPDATA. The same options give the same bytes everywhere; addresses stand for nobody."""
EXAMPLE = "flowlogs generate --records 1000 --seed 7 --format v5"
FILES = ""


def add_options(parser: Parser) -> None:
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--records", "-n", metavar="N", type=_number, default=None,
                        help="how many; k, M, G are powers of 1000 (default: 1000)")  # fmt: skip
    parser.add_argument("--seed", metavar="N", type=_number, default=0, help="another seed, another log (default: 0)")
    parser.add_argument("--format", "--log-format", metavar="FORMAT", dest="log_format", default="default",
                        help="default, tgw, all (the 54 VPC fields), v2 to v11 (v6: transit gateway), '${a} ${b}', or names")  # fmt: skip
    parser.add_argument("--start", metavar="TIME", default="2026-09-01T00:00:00Z",
                        help="when it begins: ISO 8601, UTC, or seconds since 1970 (default: 2026-09-01T00:00:00Z)")  # fmt: skip
    parser.add_argument("--hosts", metavar="N", type=_number, default=None,
                        help="size of the network; 200 hosts make about 50 records a second (default: 200; of a scenario 50)")  # fmt: skip
    parser.add_argument("--scenario", metavar="NAME", choices=("incidents", "past", "quiet-week"), default="",
                        help="days by the clock in place of --records: incidents (2 days), past (the 5 days before), quiet-week")  # fmt: skip
    parser.add_argument("--days", metavar="N", type=_number, default=0, help="another number of days")
    parser.add_argument("--truth", metavar="FILE", help="where to write what was planted (JSON)")
    parser.add_argument("--no-header", action="store_true", help="leave out the header line")
    parser.add_argument("--gzip", action="store_true", help="compress; a FILE that ends in .gz is always compressed")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to, as made-up.log.gz (default: standard output)")


def run(args: argparse.Namespace) -> int:
    if args.files:
        raise UsageError(f"generate reads no FILES, and is given '{args.files[0]}'")
    if args.scenario and args.records is not None:
        raise UsageError("--records does not go with --scenario; --days and --hosts say how much")
    path = None if args.output in (None, "-") else args.output
    gzip = args.gzip or synth._ends_in_gz(path)
    if gzip and path is None and sys.stdout.isatty():
        raise UsageError("compressed bytes are nothing for a terminal; give -o FILE")
    try:
        records = 1000 if args.records is None else args.records
        blocks = synth._blocks(records, args.seed, args.log_format, synth._seconds(args.start), args.hosts,
                               not args.no_header, gzip, args.scenario, args.days, args.truth)  # fmt: skip
    except OSError as error:
        raise UsageError(f"--truth: {args.truth}: {error.strerror}", hint=False) from None
    output = Output(None, ("raw",), terminal="raw", pipe="raw")
    output.path = path  # any name is welcome: what is written does not depend on its ending
    with output:
        for block in blocks:
            output.write(block)
    return 0


def _number(text: str) -> int:
    digits, factor = text, 1
    if text[-1:] in ("k", "M", "G"):
        digits, factor = text[:-1], {"k": 10**3, "M": 10**6, "G": 10**9}[text[-1]]
    if not digits.isascii() or not digits.isdigit() or len(digits) > 20:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number")
    return int(digits) * factor
