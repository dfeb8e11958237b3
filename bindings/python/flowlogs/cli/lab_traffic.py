"""flowlogs lab traffic: records of the tutorial's network."""

from __future__ import annotations

import argparse

from flowlogs.cli.aws_common import FORMATS, show
from flowlogs.cli.common import Parser, complain
from flowlogs.cli.lab_common import add_place, session_of
from flowlogs.lab import delivery

HELP = """Sees to it that there are records in the log streams. On AWS: visits both pages by their public addresses, knocks at SSH, which
the security groups reject, and waits until records arrive. On an emulator, which moves no packets: writes what AWS would
have delivered of this network in the last five minutes, and says so; run again it writes the minutes that are new."""
EXAMPLE = "flowlogs lab traffic --emulated"
FILES = ""


def add_options(parser: Parser) -> None:
    parser.add_argument("--wait", metavar="SECONDS", type=_seconds, default=900, help="on AWS, wait for records so long at most (default: 900)")
    parser.add_output(FORMATS)
    add_place(parser)


def run(args: argparse.Namespace) -> int:
    show(args, delivery.traffic(session_of(args, "traffic"), args.wait, complain))
    return 0


def _seconds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds")
    return int(text)
