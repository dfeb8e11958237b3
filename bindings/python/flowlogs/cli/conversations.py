"""flowlogs conversations: who talked to whom, and what became of it."""

from __future__ import annotations

import argparse

from flowlogs import conversations
from flowlogs.cli.common import TABLE_FORMATS, Output, Parser, UsageError, finish, footer, limit_or_all, scan

HELP = """One row a conversation (client, server, the server's port and protocol), the largest first: packets and bytes each
way, and what became of it:

  answered    packets were let through both ways
  reset       the client began (SYN) and the server answered with RST alone
  rejected    what the client sent was rejected, all of it, or else every answer was
  no reply    the client's packets were let through and nothing came back
  no request  the server's packets were let through, and the client's are not in the logs

Bytes and packets are counted once, also where several interfaces saw them. -o dot draws the rows as a graph for Graphviz;
--graph -o json gives its nodes and edges.

  flowlogs conversations -n all -o net.dot LOG && dot -Tsvg net.dot >net.svg"""
EXAMPLE = "flowlogs conversations --state answered -n 5 tests/data/internet-noise-v2.log"
FILES = "FILES..."
FORMATS = (*TABLE_FORMATS, "dot")


def add_options(parser: Parser) -> None:
    parser.add_argument("--state", metavar="STATE", help=f"only these: {', '.join(conversations.STATES)}")
    parser.add_argument("--ports", action="store_true", help="each connection on its own: with the client's port")
    parser.add_argument("--graph", action="store_true", help="with -o json: nodes and edges instead of rows")
    parser.add_argument(
        "-n", "--limit", metavar="N", type=limit_or_all, default=20, help="at most N rows, or all (default: 20)"
    )
    parser.add_where()
    parser.add_output(FORMATS)
    parser.add_input_options()
    parser.add_strict()


def run(args: argparse.Namespace) -> int:
    state = args.state.replace("-", " ") if args.state else None
    with Output(args.output, FORMATS, zone=args.zone) as output:
        if args.graph and output.format not in ("json", "dot"):
            raise UsageError("--graph: add -o json, -o dot, or a file of such an ending")
        answer = conversations.conversations(
            scan(args), limit=args.limit, ports=args.ports, state=state
        )
        if output.format == "table":
            output.write(answer.to_text(output.report_width, output.style))
            footer(args, output, answer["start"], answer["end"])
        elif output.format == "dot":
            output.write(answer.to_dot())
        elif args.graph:
            output.write_json(answer.graph())
        else:
            output.write_table(answer.to_table())
    return finish(args, answer._stats, matched=answer["conversations"])
