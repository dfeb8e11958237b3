"""flowlogs cost: the paths that bytes take, what is charged on them, and what would save."""

from __future__ import annotations

import argparse

from flowlogs import cost
from flowlogs.cli.common import Output, Parser, finish, footer, inventory_of, limit, scan

HELP = """Every byte has one path (same-az, cross-az, internet-out, ...), counted once, also where NAT gateways, transit gateways and
both ends log the same packets; and any number of charges (NAT processing, each end of a zone's border, internet, ...). Where
the format cannot tell, the path is `unknown` with the fields that would. Prices have a date and a source; what has none is a
line. Hours of gateways and endpoints are not in flow logs."""
EXAMPLE = "flowlogs cost tests/data/internet-noise-v2.log"
FILES = "FILES..."
FORMATS = ("table", "csv", "tsv", "json", "ndjson")


def add_options(parser: Parser) -> None:
    parser.add_argument("--by", choices=cost.BY, default="interface", help="what costs are of (default: interface)")
    parser.add_argument("-n", "--limit", metavar="N", type=limit, default=10, help="at most N of them (default: 10)")
    parser.add_argument("--prices", metavar="FILE", help="your prices, as JSON of the form of flowlogs/cost/prices.json")
    parser.add_argument(
        "--ip-ranges", metavar="FILE", help="https://ip-ranges.amazonaws.com/ip-ranges.json, which tells AWS's addresses and regions"
    )
    parser.add_argument(
        "--map", metavar="FILE", action="append", default=[], dest="maps",
        help="CSV that tells of prefixes: prefix, and of az, region, vpc, kind what is known; kind is a path or a type of interface",
    )  # fmt: skip
    parser.add_argument("--cur", metavar="FILE", help="a Cost and Usage Report, CSV or Parquet: billed beside explained")
    parser.add_where()
    parser.add_output(FORMATS)
    parser.add_input_options()
    parser.add_strict()


def run(args: argparse.Namespace) -> int:
    with Output(args.output, FORMATS, pipe="table", zone=args.zone) as output:
        answer = cost.cost(
            scan(args),
            by=args.by,
            limit=args.limit,
            prices=args.prices,
            inventory=inventory_of(args),
            ip_ranges=args.ip_ranges,
            maps=args.maps,
            region=args.region,
            cur=args.cur,
        )
        if output.format == "json":
            output.write_json(answer)
        elif output.format != "table":
            output.write_table(answer.to_table())
        else:
            output.write(answer.to_text(output.report_width, output.style))
            footer(args, output, answer["start"], answer["end"], told=True)
    return finish(args, answer._stats, matched=answer["records"])
