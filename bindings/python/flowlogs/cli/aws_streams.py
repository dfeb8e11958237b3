"""flowlogs aws streams: the streams of a log group."""

from __future__ import annotations

import argparse

import flowlogs as fl
from flowlogs.aws import arrival, reporting
from flowlogs.cli.common import Output, Parser, UsageError, caller_of

HELP = """The log streams of a log group, one for each network interface, with their first and last record, the newest first."""
EXAMPLE = "flowlogs aws streams /vpc/flow-logs"
FILES = "GROUP"
FORMATS = ("table", "csv", "tsv", "json", "ndjson")
_COLUMNS = [("stream", "text"), ("interface", "text"), ("first_event", "time"), ("last_event", "time"), ("last_ingestion", "time")]


def add_options(parser: Parser) -> None:
    parser.add_argument("files", nargs="*", metavar="GROUP", help="the name of a log group")
    parser.add_output(FORMATS)
    parser.add_caller()


def run(args: argparse.Namespace) -> int:
    if len(args.files) != 1:
        raise UsageError("it needs one GROUP")
    group = args.files[0].removeprefix("cloudwatch:").removeprefix("//")
    with Output(args.output, FORMATS, pipe="table") as output:
        answer = reporting.Streams({"group": group, "streams": arrival.streams(caller_of(args), group)})
        if output.format == "table":
            output.write(answer.to_text(output.width, output.style))
        elif output.format == "json":
            output.write_json(answer.to_dict())
        else:
            output.write_table(fl.Table._from_rows(_COLUMNS, answer["streams"]))
    return 0
