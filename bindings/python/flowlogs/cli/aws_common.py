"""What the verbs of aws share: who calls AWS and where, which resources, a plan that is shown and agreed to."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from flowlogs.aws.plan import Plan, Step
from flowlogs.cli.common import Output, Parser, UsageError, complain
from flowlogs.cli.terminal import style_of, width_of

FORMATS = ("table", "json")
_RESOURCES = {
    "vpc": "VPCs",
    "subnet": "subnets",
    "eni": "network interfaces",
    "tgw": "transit gateways",
    "tgw_attachment": "attachments of transit gateways",
    "nat_gateway": "regional NAT gateways",
}


def add_resources(parser: Parser) -> None:
    group = parser.add_argument_group("resources", "ID is an id, or all for those of the region.")
    for name, what in _RESOURCES.items():
        option = "--" + name.replace("_", "-")
        group.add_argument(option, metavar="ID", nargs="+", action="append", default=[], help=what)


def resources_of(args: argparse.Namespace) -> dict[str, list[str] | None]:
    """The resource options as the functions of flowlogs.aws take them."""
    found: dict[str, list[str] | None] = {}
    for option in _RESOURCES:
        ids = [one for some in getattr(args, option) for text in some for one in text.split(",") if one]
        if ids:
            found[option] = ids
    return found


def add_consent(parser: Parser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="show the plan, change nothing")
    parser.add_argument("--yes", "-y", action="store_true", help="do it without asking")


def no_files(args: argparse.Namespace, verb: str) -> None:
    if args.files:
        raise UsageError(f"{verb} reads no FILES, and is given '{args.files[0]}'")


def show(args: argparse.Namespace, answer: Any) -> None:
    """Writes an answer as -o says: as a report, in a pipe too, or as JSON."""
    with Output(args.output, FORMATS, pipe="table") as output:
        if output.format == "json":
            output.write_json(answer.to_dict())
        else:
            output.write(answer.to_text(output.width, output.style))


def carried_out(args: argparse.Namespace, plan: Plan, nothing: str) -> int | None:
    """Shows the plan and, if it is agreed to, does it. None: it is done; otherwise the exit code: nothing was changed.

    nothing: what is said if there is nothing to do. With -o the plan is shown by whoever has the rest of the answer.
    """
    if args.output is None or args.dry_run:
        show(args, plan)
    if args.dry_run:
        return 0
    if not plan.changes:
        complain(nothing)
    elif _agreed(args, plan):
        plan.apply(_say)
    else:
        complain("nothing was changed")
        return 2
    return None


def _agreed(args: argparse.Namespace, plan: Plan) -> bool:
    """Whether a plan is to be done: --yes, or a person says so."""
    if args.yes:
        return True
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("nothing was changed: give --yes to do this, or --dry-run to see the plan only", hint=False)
    if args.output is not None:  # the answer goes elsewhere, and whoever is asked has to see what
        sys.stderr.write(plan.to_text(width_of(sys.stderr), style_of(sys.stderr)))
    sys.stderr.write("Do this? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _say(step: Step) -> None:
    complain(f"{step.action} {step.kind} {step.name}")
