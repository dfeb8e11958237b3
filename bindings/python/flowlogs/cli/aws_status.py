"""flowlogs aws status: what is logged, and what is not."""

from __future__ import annotations

import argparse

from flowlogs.aws import reporting
from flowlogs.cli.aws_common import FORMATS, no_files, show
from flowlogs.cli.common import Parser, caller_of

HELP = """Every VPC, subnet, interface and transit gateway of the region against the flow logs that cover it; how these deliver,
and if they do not, which permission is missing; what arrived, and what a day of it costs."""
EXAMPLE = "flowlogs aws status"
FILES = ""


def add_options(parser: Parser) -> None:
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    parser.add_output(FORMATS)
    parser.add_caller()


def run(args: argparse.Namespace) -> int:
    no_files(args, "status")
    show(args, reporting.status(caller_of(args)))
    return 0
