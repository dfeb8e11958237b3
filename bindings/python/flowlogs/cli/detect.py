"""flowlogs detect: what deserves a look."""

from __future__ import annotations

import argparse
import re
from typing import Any

import flowlogs as fl
from flowlogs import detect
from flowlogs._text import count
from flowlogs.cli.common import (
    Output,
    Parser,
    UsageError,
    complain,
    exit_code,
    finish,
    footer,
    inventory_of,
    is_remote,
    items_of,
    rerun_of,
    scan,
    sets_of,
)
from flowlogs.cli.follow import add_every

HELP = """What in the logs deserves a look: scans, brute force, exfiltration, beaconing, exposed ports, and more, each with the
numbers that decided and a command that shows the records behind it. The noise of the internet is one line. Exits with 1 if
there are findings. docs/detect.md tells of every kind and threshold.

Kinds that compare with a past (exfiltration, traffic-spike, new-talker) need --baseline, or more than a day of logs.

With --follow it goes on with what comes, until Ctrl-C: each finding is told once, and sent to every --notify."""
EXAMPLE = "flowlogs detect tests/data/internet-noise-v2.log"
FILES = "FILES..."
FORMATS = ("table", "csv", "tsv", "json", "ndjson")


def add_options(parser: Parser) -> None:
    parser.add_argument("--kind", metavar="KIND,...", action="append", default=[], help="only these kinds")
    parser.add_fail_on("SEVERITY", tuple(reversed(detect.SEVERITIES)), "low", "a finding")
    parser.add_argument("--baseline", metavar="FILE", help="the past to compare with: what --save-baseline wrote")
    parser.add_argument("--save-baseline", metavar="FILE", help="write what was normal in these logs")
    parser.add_argument(
        "--policy", metavar="FILE", help="who may talk to whom: lines `zone NAME PREFIX...` and `allow FROM -> TO SERVICES`"
    )
    parser.add_argument("--suppress", metavar="FILE", help="findings to leave out: JSON rules with match, reason, expires")
    parser.add_argument(
        "--resolver", metavar="CIDR,...", action="append", default=[], help="outside DNS resolvers that hosts may ask"
    )
    parser.add_argument(
        "--threshold",
        metavar="NAME=N",
        action="append",
        default=[],
        help="another threshold, as port-scan.ports=30; `--threshold help` lists them",
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes; -o is table or ndjson")
    add_every(parser)
    parser.add_argument(
        "--keep", metavar="SPAN", type=_span, default=None, help="with --follow: the records that are judged together (default: 6h)"
    )
    parser.add_argument(
        "--notify",
        metavar="WHERE",
        action="append",
        default=[],
        help="with --follow: sns:ARN, webhook:URL, or exec:COMMAND, which gets the finding as JSON on its standard input",
    )
    parser.add_where()
    parser.add_output(FORMATS)
    parser.add_input_options()
    parser.add_strict()


def run(args: argparse.Namespace) -> int:
    if "help" in args.threshold:
        for name, value, meaning in fl._core._thresholds():
            print(f"{name:<28}{value:>12g}  {meaning}")
        return 0
    if args.follow:
        from flowlogs.cli import detect_follow

        return detect_follow.run(args, options_of)
    if args.notify or args.keep or args.every:
        raise UsageError("--notify, --keep and --every go with --follow")
    logs = scan(args)
    with Output(args.output, FORMATS, pipe="table", zone=args.zone) as output:
        answer = detect.detect(logs, **options_of(args))
        if output.format == "table":
            output.write(answer.to_text(output.report_width, output.style))
            footer(args, output, *answer._window)
        elif output.format == "json":
            output.write_json(answer)
        elif output.format == "ndjson":
            output.write_ndjson(answer["findings"])
        else:
            output.write_table(answer.to_table())
    if args.save_baseline:
        try:
            answer.save_baseline(args.save_baseline)
        except OSError as error:
            raise UsageError(f"--save-baseline: {args.save_baseline}: {error.strerror}", hint=False) from None
    if answer["background"]["share_of_flows"] < 1 and output.format != "table":
        complain(f"too many flows: of outside clients about {answer['background']['share_of_flows']:.2%} were looked at")
    return exit_code(args, finish(args, answer._stats, _matched(args, logs, answer)), answer.worst())


def _matched(args: argparse.Namespace, logs: fl.Query, answer: detect.Detections) -> int | None:
    """How many records there were to judge, if that may be none and can be told. (NODATA has no time in the answer either.)"""
    can_be_none = answer._window == (None, None) and (args.where or args.window)
    if not can_be_none or any(file == "-" or is_remote(file) for file in args.files):
        return None
    try:
        return logs.count()
    except fl.Error:
        return None  # it was told before


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of flowlogs.detect.detect()."""
    return {
        "baseline": args.baseline,
        "lists": {name: _addresses(name, values) for name, values in sets_of(args).items()},
        "policy": args.policy,
        "inventory": inventory_of(args),
        "suppress": args.suppress,
        "resolvers": items_of(args.resolver),
        "kinds": items_of(args.kind),
        "thresholds": _thresholds(args.threshold),
        "rerun": rerun_of(args),
    }


def _span(text: str) -> int:
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if not found or int(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no span of time; write 30m, 6h, 2d")
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


_ADDRESS = re.compile(r"\d+(\.\d+){3,}|[0-9.]+/\d+|[0-9a-fA-F]*:[0-9a-fA-F:.]*(/\d+)?")


def _addresses(name: str, values: list[str]) -> list[str]:
    """Of a set, which may hold other things, for --where: accounts, ports, interfaces."""
    found: list[str] = []
    others: list[str] = []
    for value in values:
        (found if _ADDRESS.fullmatch(value) else others).append(value)
    if found and others:
        told = f"{count(len(others), 'value')} of {len(values):,}, as '{others[0]}'"
        complain(f"set {name}: no address or prefix, and not looked for: {told}")
    return found


def _thresholds(texts: list[str]) -> dict[str, float]:
    made = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            made[name] = float(value)
        except ValueError:
            raise UsageError(f"--threshold {text}: it is NAME=NUMBER; `--threshold help` lists them") from None
    return made
