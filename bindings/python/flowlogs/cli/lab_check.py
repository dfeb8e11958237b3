"""flowlogs lab check: whether each step of the tutorial holds."""

from __future__ import annotations

import argparse

from flowlogs.cli.aws_common import FORMATS, show
from flowlogs.cli.common import Parser
from flowlogs.cli.lab_common import add_place, session_of
from flowlogs.lab import checking

HELP = """Looks at each step of the tutorial: the network, the instances, their pages by public address, role, log group and flow log;
then opens the log stream of each interface and reads its records. Says of each step whether it holds: yes, NO, or ? for what
only time can show. Nothing is changed. Ends with 1 if a step does not hold."""
EXAMPLE = "flowlogs lab check --emulated"
FILES = ""


def add_options(parser: Parser) -> None:
    parser.add_output(FORMATS)
    add_place(parser)


def run(args: argparse.Namespace) -> int:
    answer = checking.check(session_of(args, "check"))
    show(args, answer)
    return 0 if answer["holds"] else 1
