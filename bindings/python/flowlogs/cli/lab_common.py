"""What the verbs of lab share: on AWS, or on an emulator of our own."""

from __future__ import annotations

import argparse

from flowlogs import lab
from flowlogs.aws.session import Session
from flowlogs.cli.aws_common import no_files
from flowlogs.cli.common import Parser


def add_place(parser: Parser) -> None:
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--emulated", action="store_true",
                        help="on an emulator of AWS (moto) on this machine, which `lab up` starts and `lab down` stops; needs no account")  # fmt: skip
    parser.add_caller()


def session_of(args: argparse.Namespace, verb: str) -> Session:
    no_files(args, verb)
    return lab.session_of(args.profile, args.region, args.role_arn, args.endpoint_url, None, args.emulated)


def is_own_emulator(args: argparse.Namespace) -> bool:
    return bool(args.emulated and args.endpoint_url is None)
