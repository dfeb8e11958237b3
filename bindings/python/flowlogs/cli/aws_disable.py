"""flowlogs aws disable: flow logs switched off."""

from __future__ import annotations

import argparse

from flowlogs.aws import disabling
from flowlogs.cli.aws_common import (
    FORMATS,
    add_consent,
    add_resources,
    carried_out,
    no_files,
    resources_of,
    show,
)
from flowlogs.cli.common import Parser, caller_of

HELP = """Removes the flow logs that enable made, and their role, log group, and statements in the policies of buckets and keys,
once nothing else uses them. What others made stays, and so do files in buckets. First the plan, then, with --yes or your
word, the rest."""
EXAMPLE = "flowlogs aws disable --all --dry-run"
FILES = ""


def add_options(parser: Parser) -> None:
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    add_resources(parser)
    parser.add_argument(
        "--to", metavar="WHERE", help="only flow logs to cloudwatch:GROUP, s3://BUCKET/PREFIX or firehose:ARN"
    )
    parser.add_argument(
        "--all", action="store_true", dest="everything", help="everything that enable made in the region (not what lab up made)"
    )
    parser.add_argument("--keep-logs", action="store_true", help="log groups stay, with their records")
    add_consent(parser)
    parser.add_output(FORMATS)
    parser.add_caller()


def run(args: argparse.Namespace) -> int:
    no_files(args, "disable")
    session = caller_of(args)
    plan = disabling.plan(
        session, resources=resources_of(args), to=args.to, everything=args.everything, keep_logs=args.keep_logs
    )
    code = carried_out(args, plan, "there is nothing to remove")
    if code is not None:
        return code
    if args.output is not None:
        show(args, plan)
    return 0
