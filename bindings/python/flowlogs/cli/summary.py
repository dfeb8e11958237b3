"""flowlogs summary: what is in the logs."""

from __future__ import annotations

import argparse

from flowlogs import summary
from flowlogs.cli.common import Output, Parser, finish, footer, scan

HELP = (
    "What is in the logs: totals, window, actions, formats, and the top sources, destinations, services and protocols."
)
EXAMPLE = "flowlogs summary tests/data/internet-noise-v2.log"
FILES = "FILES..."


def add_options(parser: Parser) -> None:
    parser.add_input_options()
    parser.add_where()
    parser.add_output(("table", "json"))
    parser.add_strict()


def run(args: argparse.Namespace) -> int:
    with Output(args.output, ("table", "json"), pipe="table", zone=args.zone) as output:
        answer = summary.summarize(scan(args))
        if output.format == "json":
            output.write_json(answer)
        else:
            output.write(answer.to_text(output.width, output.style))
            footer(args, output, answer["start"], answer["end"], told=True)
    return finish(args, answer._stats, matched=answer["records"])
