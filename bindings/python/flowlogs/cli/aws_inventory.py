"""flowlogs aws inventory: what stands behind the ids in the records, in files."""

from __future__ import annotations

import argparse

from flowlogs._text import count
from flowlogs.aws import collecting
from flowlogs.cli.aws_common import no_files
from flowlogs.cli.common import Parser, UsageError, WriteError, caller_of, complain

HELP = """Writes what AWS says of interfaces, instances, subnets, groups, ACLs, routes, gateways, endpoints, load balancers,
attachments and flow logs into files of a directory, as JSON, with account, region, caller, call and time.
Every verb that reads logs knows them by --inventory DIR: `in @NAME` by id or name, and its VPCs are `internal`."""
EXAMPLE = "flowlogs aws inventory -o inventory"
FILES = "-o DIR"


def add_options(parser: Parser) -> None:
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument(
        "-o", "--output", metavar="DIR", required=True, help="the directory; it is made if it is not there"
    )
    parser.add_caller()


def run(args: argparse.Namespace) -> int:
    no_files(args, "inventory")
    if not args.output:
        raise UsageError("-o needs the name of a directory")
    try:
        manifest = collecting.collect(caller_of(args), args.output)
    except OSError as error:
        raise WriteError(f"{args.output}: cannot be written: {error.strerror}") from None
    for name, number in manifest["files"].items():
        print(f"{args.output}/{name}.json  {count(number, 'item')}")
    for name, why in manifest["missing"].items():
        complain(f"{name} is missing: {why}")
    return 2 if manifest["missing"] else 0
