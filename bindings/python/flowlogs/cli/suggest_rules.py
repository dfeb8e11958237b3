"""flowlogs suggest-rules: rules of security groups that admit what was accepted."""

from __future__ import annotations

import argparse
from typing import Any

from flowlogs import suggest_rules
from flowlogs.cli.common import Output, Parser, finish, footer, inventory_of, limit, scan

HELP = f"""The fewest ingress and egress rules of a security group that admit what was accepted, and as little else as can be: for each
interface, or, with --inventory, each security group, or for what --for names. Rules name groups of the inventory, then
prefixes, at most --max-prefixes a service; they are replayed over the logs, and what they would admit of the rejected
traffic is told. Of rules that are there: when they were last used, or that no use was seen. AWS takes {suggest_rules.MAX_RULES}
rules in a direction by default."""
EXAMPLE = "flowlogs suggest-rules --for eni-0858304751c757b2e tests/data/internet-noise-v2.log"
FILES = "FILES..."
FORMATS = ("table", "csv", "tsv", "json", "ndjson", "terraform", "cli")


def add_options(parser: Parser) -> None:
    parser.add_argument(
        "--for", metavar="TARGET", action="append", default=[], dest="targets",
        help="eni-..., sg-..., i-..., subnet-..., an address, a prefix, a name of --inventory, @NAME of a set; again for more",
    )  # fmt: skip
    parser.add_argument(
        "--max-prefixes", metavar="N", type=limit, default=suggest_rules.MAX_PREFIXES,
        help="at most N prefixes for one service and direction, of IPv4 and of IPv6: neighbours are merged so that the fewest "
        f"addresses are admitted that were not seen (default: {suggest_rules.MAX_PREFIXES})",
    )  # fmt: skip
    parser.add_argument(
        "--max-ports", metavar="N", type=limit, default=suggest_rules.MAX_PORTS,
        help=f"at most N ranges of ports for one protocol and direction (default: {suggest_rules.MAX_PORTS})",
    )  # fmt: skip
    parser.add_argument(
        "--max-rules", metavar="N", type=limit, default=suggest_rules.MAX_RULES,
        help=f"at most N rules in a direction, of IPv4 and of IPv6 (default: {suggest_rules.MAX_RULES}, as AWS)",
    )  # fmt: skip
    parser.add_argument(
        "--public-threshold", metavar="N", type=limit, default=suggest_rules.PUBLIC,
        help="a port that N public clients and more were let in to, and none was kept from, is open to all: 0.0.0.0/0, ::/0 "
        f"(default: {suggest_rules.PUBLIC})",
    )  # fmt: skip
    parser.add_argument("--public-egress", action="store_true", help="the same of a port that so many public servers were asked for")
    parser.add_argument(
        "--change", metavar="RULE", action="append", default=[], dest="changes",
        help="tell which rejected traffic this rule would admit: 'ingress tcp/22 from 10.0.0.0/8', 'egress all to sg-...'",
    )  # fmt: skip
    parser.add_argument("-n", "--limit", metavar="N", type=limit, default=10, help="at most N rejected flows of a list (default: 10)")
    parser.add_where()
    parser.add_output(FORMATS)
    parser.add_argument("--as", metavar="FORMAT", dest="written_as", choices=FORMATS, help="the same as -o FORMAT; with -o FILE what is written there")
    parser.add_input_options()
    parser.add_strict()


def run(args: argparse.Namespace) -> int:
    wish = args.output if args.output is not None else args.written_as
    with Output(wish, FORMATS, pipe="table", zone=args.zone) as output:
        if args.output is not None and args.written_as is not None and output.path is not None:
            output.format = args.written_as
        answer = suggest_rules.suggest_rules(
            scan(args),
            args.targets,
            inventory=inventory_of(args),
            max_prefixes=args.max_prefixes,
            max_ports=args.max_ports,
            max_rules=args.max_rules,
            public_threshold=args.public_threshold,
            public_egress=args.public_egress,
            changes=args.changes,
            limit=args.limit,
        )
        _write(answer, output)
        if output.format == "table":
            footer(args, output, answer["start"], answer["end"])
    return finish(args, answer._stats, matched=answer["records"])


def _write(answer: Any, output: Output) -> None:
    if output.format == "json":
        output.write_json(answer)
    elif output.format == "terraform":
        output.write(answer.to_terraform())
    elif output.format == "cli":
        output.write(answer.to_cli())
    elif output.format != "table":
        output.write_table(answer.to_table())
    else:
        output.write(answer.to_text(output.report_width, output.style))

