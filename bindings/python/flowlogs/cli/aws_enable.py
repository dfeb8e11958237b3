"""flowlogs aws enable: flow logs switched on."""

from __future__ import annotations

import argparse

from flowlogs.aws import arrival, enabling
from flowlogs.aws.wish import Wish
from flowlogs.cli.aws_common import (
    FORMATS,
    add_consent,
    add_resources,
    carried_out,
    no_files,
    resources_of,
    show,
)
from flowlogs.cli.common import Parser, UsageError, caller_of, complain

HELP = """Switches flow logs on: for CloudWatch Logs with the role and the log group that it needs, for S3 with the bucket's policy.
First the plan (what is made, kept, changed; what it costs; what the choices rule out), then, with --yes or your word, the
rest. Run again it changes nothing, and finishes what was interrupted. What AWS would refuse is refused before anything
is changed."""
EXAMPLE = "flowlogs aws enable --vpc all --to cloudwatch:/vpc/flow-logs --retention 30 --dry-run"
FILES = ""
WAIT_SECONDS = 900


def add_options(parser: Parser) -> None:
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    add_resources(parser)
    group = parser.add_argument_group("flow log")
    group.add_argument(
        "--to", metavar="WHERE", required=True, help="cloudwatch:GROUP, s3://BUCKET/PREFIX or firehose:ARN"
    )
    group.add_argument("--name", default="flowlogs", help="the tag Name of the flow logs (default: flowlogs)")
    group.add_argument("--traffic", metavar="all|accept|reject", help="(default: all)")
    group.add_argument("--interval", metavar="SECONDS", type=_number, default=60,
                       help="a record spans at most 60 or 600 seconds (default: 60)")  # fmt: skip
    group.add_argument("--format", "--log-format", metavar="FORMAT", dest="log_format", default="recommended",
                       help="recommended (30 fields), default (AWS's 14), all, '${a} ${b}', or names; it cannot be changed later")  # fmt: skip
    group.add_argument("--tag-field", metavar="KIND=KEY,KEY", action="append", default=[],
                       help="tags in the records; KIND is instance, network-interface or auto-scaling-group")  # fmt: skip
    group.add_argument(
        "--tag", metavar="KEY=VALUE", action="append", default=[], help="a tag of everything that is made"
    )
    group = parser.add_argument_group("CloudWatch Logs")
    group.add_argument(
        "--retention", metavar="DAYS", type=_number, help="how long the log group keeps records (default: for ever)"
    )
    group.add_argument(
        "--log-class", metavar="standard|infrequent-access", help="of a group that is made (default: standard)"
    )
    group.add_argument("--role-name", metavar="NAME", help="of the role that is made (default: one for each group)")
    group.add_argument("--role-description", metavar="TEXT", help="of the role that is made")
    group.add_argument(
        "--deliver-role", metavar="ARN", help="a role that is there, used as it is; for Firehose elsewhere too"
    )
    group = parser.add_argument_group("S3 and Firehose")
    group.add_argument("--parquet", action="store_true", help="files of Parquet instead of text")
    group.add_argument("--hive", action="store_true", help="folders as year=2026/month=09/")
    group.add_argument("--hourly", action="store_true", help="a folder for each hour")
    group.add_argument("--destination-account", metavar="ID", help="whose the bucket is, if it is not this account's")
    group.add_argument("--cross-account-role", metavar="ARN", help="role of the account that has the Firehose stream")
    group = parser.add_argument_group("both")
    group.add_argument(
        "--kms-key", metavar="ARN", help="the key that the group is, or the bucket already is, encrypted with"
    )
    add_consent(parser)
    parser.add_argument("--wait", metavar="SECONDS", type=_number, nargs="?", const=WAIT_SECONDS,
                        help=f"wait until records arrive (default: {WAIT_SECONDS})")  # fmt: skip
    parser.add_output(FORMATS)
    parser.add_caller()


def run(args: argparse.Namespace) -> int:
    no_files(args, "enable")
    wish = Wish(
        resources=resources_of(args),
        to=args.to,
        name=args.name,
        traffic=args.traffic,
        interval=args.interval,
        format=args.log_format,
        tag_fields=_tag_fields(args.tag_field),
        parquet=args.parquet,
        hive=args.hive,
        hourly=args.hourly,
        retention=args.retention,
        log_class=args.log_class,
        kms_key=args.kms_key,
        role_name=args.role_name,
        role_description=args.role_description,
        deliver_role=args.deliver_role,
        cross_account_role=args.cross_account_role,
        destination_account=args.destination_account,
        tags=_tags(args.tag),
    )
    session = caller_of(args)
    plan = enabling.plan(session, wish)
    code = carried_out(args, plan, "everything is there already")
    if code is not None:
        return code
    arrival.report(session, plan, wish.destination, wish.resources, args.wait, complain)
    if args.output is not None:  # JSON, or a file: one answer, at the end
        show(args, plan)
    return 0


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number")
    return int(text)


def _tags(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        key, equal, value = text.partition("=")
        if not equal:
            raise UsageError(f"--tag {text}: it is KEY=VALUE")
        if key in found:
            raise UsageError(f"--tag {text}: the key '{key}' is given twice")
        found[key] = value
    return found


def _tag_fields(given: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in given:
        kind, equal, keys = text.partition("=")
        if not equal:
            raise UsageError(f"--tag-field {text}: it is KIND=KEY or KIND=KEY,KEY")
        found.setdefault(kind, []).extend(keys.split(","))
    return found
