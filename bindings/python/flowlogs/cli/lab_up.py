"""flowlogs lab up: the tutorial's network is made."""

from __future__ import annotations

import argparse

from flowlogs.cli.aws_common import FORMATS, add_consent, carried_out, no_files, show
from flowlogs.cli.common import Output, Parser, UsageError, complain
from flowlogs.cli.lab_common import add_place, is_own_emulator, session_of
from flowlogs.lab import building, emulator, topology
from flowlogs.lab.found import hosts_of

HELP = """The network of the flow logs tutorial: a VPC with two public subnets, internet gateway, routes, network ACL, security groups;
a role, a log group and a flow log; two small instances, each of which serves its own page and asks the other for its.
First the plan, with what an hour costs; then, with --yes or your word, what is missing of it. Run again it changes
nothing, and finishes what was interrupted."""
EXAMPLE = "flowlogs lab up --emulated --yes"
FILES = ""


def add_options(parser: Parser) -> None:
    parser.add_argument("--ttl", metavar="TIME", default="2h", help="new instances end themselves after so long: 10m to 30d (default: 2h)")
    add_consent(parser)
    parser.add_output(FORMATS)
    add_place(parser)


def run(args: argparse.Namespace) -> int:
    no_files(args, "up")
    topology.minutes_of(args.ttl)
    started = False
    if is_own_emulator(args):
        place = emulator.start()
        started = place["started"]
        if started:
            complain(f"an emulator of AWS is started: {place['url']}, process {place['pid']}; `flowlogs lab down --emulated` ends it")
    code: int | None = 2
    plan = None
    try:
        session = session_of(args, "up")
        plan = building.up(session, args.ttl)
        code = carried_out(args, plan, "everything is there already")
    except UsageError:  # nobody agreed
        raise
    except BaseException:
        if plan is not None:
            code = None  # what is made stays, and is finished by the next run
        raise
    finally:
        if started and code is not None:
            emulator.stop()
            complain("nothing was made in the emulator, and it is ended")
    if code is not None:
        return code
    plan["instances"] = hosts_of(session)
    if args.output is not None:
        show(args, plan)
        return 0
    with Output(None, FORMATS, pipe="table") as output:
        lines = ["", *plan.outcome(), "next: flowlogs lab traffic" + (" --emulated" if args.emulated else "")]
        output.write("\n".join(lines) + "\n")
    return 0
