"""flowlogs aws streams: the streams of a log group."""

from __future__ import annotations

import argparse

from flowlogs.aws import arrival, reporting
from flowlogs.cli.aws_common import FORMATS, show
from flowlogs.cli.common import Parser, UsageError, caller_of

HELP = """The log streams of a log group, one for each network interface, with their first and last record, the newest first."""
EXAMPLE = "flowlogs aws streams /vpc/flow-logs"
FILES = "GROUP"


def add_options(parser: Parser) -> None:
    parser.add_argument("files", nargs="*", metavar="GROUP", help="the name of a log group")
    parser.add_output(FORMATS)
    parser.add_caller()


def run(args: argparse.Namespace) -> int:
    if len(args.files) != 1:
        raise UsageError("it needs one GROUP")
    group = args.files[0].removeprefix("cloudwatch:")
    show(args, reporting.Streams({"group": group, "streams": arrival.streams(caller_of(args), group)}))
    return 0
