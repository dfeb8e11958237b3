"""flowlogs performance: rates, what became of connections, ports in use, zones crossed, drops."""

from __future__ import annotations

import argparse

from flowlogs import performance
from flowlogs.cli.common import Output, Parser, finish, footer, limit, scan

HELP = f"""Of each interface: bit/s and packet/s (half of the bins, 95 of 100, the most), connections a second, and the shares of
them that nobody answered, that were reset, and that were rejected. Of each service the same, and whether one server has more
than its part. Source ports in use to one destination (a NAT gateway has {performance.NAT_PORTS:,}, Linux {performance.LINUX_PORTS:,}), bytes across
zones, and what transit gateways dropped, where the format tells."""
EXAMPLE = "flowlogs performance tests/data/internet-noise-v2.log"
FILES = "FILES..."
FORMATS = ("table", "json")


def add_options(parser: Parser) -> None:
    parser.add_argument(
        "--bin", metavar="SPAN", default="auto", help="what rates are of: 1m, 5m, 1h (default: 1m; more if there are very many)"
    )
    parser.add_argument("-n", "--limit", metavar="N", type=limit, default=10, help="at most N of each list (default: 10)")
    parser.add_where()
    parser.add_output(FORMATS)
    parser.add_input_options()
    parser.add_strict()


def run(args: argparse.Namespace) -> int:
    with Output(args.output, FORMATS, pipe="table", zone=args.zone) as output:
        answer = performance.performance(scan(args), bin=args.bin, limit=args.limit)
        if output.format == "json":
            output.write_json(answer)
        else:
            output.write(answer.to_text(output.report_width, output.style))
            footer(args, output, answer["start"], answer["end"])
    return finish(args, answer._stats, matched=answer._stats.records if answer["start"] is not None else 0)
