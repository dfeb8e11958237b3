"""flowlogs lab down: nothing of the tutorial is left."""

from __future__ import annotations

import argparse

from flowlogs.cli.aws_common import FORMATS, add_consent, carried_out, no_files, show
from flowlogs.cli.common import Parser, complain
from flowlogs.cli.lab_common import add_place, is_own_emulator, session_of
from flowlogs.lab import emulator, removing

HELP = """Removes what `lab up` made, which is known by its tags, the log group with its records included, and nothing else; then looks
whether anything is left. With --emulated the emulator ends too. First the plan; then, with --yes or your word, the rest."""
EXAMPLE = "flowlogs lab down --emulated --yes"
FILES = ""


def add_options(parser: Parser) -> None:
    add_consent(parser)
    parser.add_output(FORMATS)
    add_place(parser)


def run(args: argparse.Namespace) -> int:
    no_files(args, "down")
    own = is_own_emulator(args)
    if own and emulator.running() is None:
        complain("there is nothing to remove: no emulator runs")
        return 0
    plan = removing.down(session_of(args, "down"))
    code = carried_out(args, plan, "there is nothing to remove")
    if code is not None:
        return code
    if plan.changes:
        complain("nothing of the lab is left")
    if own and emulator.stop():
        complain("the emulator is ended")
    if args.output is not None:
        show(args, plan)
    return 0
