"""flowlogs troubleshoot: why two hosts cannot talk."""

from __future__ import annotations

import argparse

from flowlogs import troubleshoot
from flowlogs.cli.common import Output, Parser, exit_code, finish, footer, inventory_of, limit, scan

HELP = """Why --from cannot talk to --to: where the request or the reply is rejected, whether nobody answers, refuses or drops it, or
why the logs do not tell. With the first second that fails, the records that decided, and what to do. Exits with 1 if it fails
or is not seen. With one of the two, or neither: all that fails of own hosts; the internet's probes are one line.
--inventory DIR names the rule that rejects, and what would let it pass. docs/troubleshoot.md tells of every verdict."""
EXAMPLE = "flowlogs troubleshoot --from 10.0.0.138 --to 10.0.0.33:6379 tests/data/internet-noise-v2.log"
FILES = "FILES..."
FORMATS = ("table", "csv", "tsv", "json", "ndjson")


def add_options(parser: Parser) -> None:
    parser.add_argument("--from", metavar="END", dest="source", help="who asks: an address, prefix, eni-..., i-..., or a name of the inventory")
    parser.add_argument("--to", metavar="END[:PORT]", dest="target", help="who is asked; IPv6 with a port is [2001:db8::1]:443")
    parser.add_argument("--protocol", metavar="NAME", help="tcp, udp, icmp, or a number (default: any)")
    parser.add_argument("-n", "--limit", metavar="N", type=limit, default=20, help="without both ends: at most N clients and services (default: 20)")
    parser.add_fail_on("CONFIDENCE", troubleshoot.CONFIDENCES, "possible", "a failure")
    parser.add_where()
    parser.add_output(FORMATS)
    parser.add_input_options()
    parser.add_strict()


def run(args: argparse.Namespace) -> int:
    logs = scan(args)
    with Output(args.output, FORMATS, pipe="table", zone=args.zone) as output:
        answer = troubleshoot.troubleshoot(
            logs, from_=args.source, to=args.target, protocol=args.protocol, inventory=inventory_of(args), limit=args.limit
        )
        verdicts = [answer] if isinstance(answer, troubleshoot.Verdict) else list(answer)
        if output.format == "table":
            output.write(answer.to_text(output.report_width, output.style))
            footer(args, output, *answer._seen)
        elif output.format == "json":
            output.write_json(answer)
        elif output.format == "ndjson":
            output.write_ndjson(verdicts)
        else:
            output.write_table(answer.to_table())
    return exit_code(args, finish(args, answer._stats, matched=answer._matched), troubleshoot.worst_of(verdicts))
