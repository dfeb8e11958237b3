"""flowlogs audit: what the logs prove, and audit verify: whether an evidence pack is as it was written."""

from __future__ import annotations

import argparse

from flowlogs import audit, controls, evidence
from flowlogs.cli.common import (
    Output,
    Parser,
    UsageError,
    caller_of,
    complain,
    exit_code,
    finish,
    footer,
    inventory_of,
    is_remote,
    items_of,
    limit,
    rerun_of,
    scan,
)

HELP = f"""What the logs prove, and what they do not: the time that is covered, gaps by interface, what AWS skipped, the oldest record,
administration ports that answered the internet, who reached an address; and the controls of {', '.join(controls.FRAMEWORKS)} that this
supports, each PASS, WARN, FAIL or MANUAL (it cannot be known from what was given). Exits with 1 if one is FAIL.

--inventory tells what there is to be logged. Of s3:// and cloudwatch:// sources, or with --profile, --region, --role-arn or --endpoint-url, AWS is asked
for that, and how bucket or log group keep the logs. docs/audit.md tells of controls, thresholds and evidence packs.

`flowlogs audit verify PACK` finds every change of an evidence pack."""
EXAMPLE = "flowlogs audit tests/data/internet-noise-v2.log"
FILES = "FILES... | verify PACK"
FORMATS = ("table", "csv", "tsv", "json", "ndjson")


def add_options(parser: Parser) -> None:
    parser.add_argument(
        "--controls", metavar="NAME,...", action="append", default=[], help=f"of {', '.join(controls.FRAMEWORKS)} (default: all)"
    )
    parser.add_argument("--who", metavar="ADDRESS|PREFIX|@NAME", help="who reached this address (@NAME: of --inventory or --set), and when")
    parser.add_argument(
        "--allow", metavar="CIDR,...", action="append", default=[], help="outside networks that may reach administration ports"
    )
    parser.add_argument(
        "--interval", metavar="SECONDS", type=int, choices=(60, 600), help="of aggregation (default: as the flow logs say, or 600)"
    )
    parser.add_argument("--retention", metavar="DAYS", type=limit, help="so long records have to be kept (default: 365)")
    parser.add_argument("--pack", metavar="FILE.zip|DIR", help="write an evidence pack")
    parser.add_argument("--expect", metavar="FINGERPRINT", help="of verify: what was noted when the pack was written")
    parser.add_argument("--sources", action="store_true", help="of verify: read the sources again, and compare them too")
    parser.add_fail_on("STATUS", ("fail", "warn"), "fail", "a control")
    parser.add_argument("-n", "--limit", metavar="N", type=limit, default=10, help="at most N of each list (default: 10)")
    parser.add_where(dedup=False)
    parser.add_output(FORMATS)
    parser.add_input_options()
    parser.add_strict()


def run(args: argparse.Namespace) -> int:
    if args.files[:1] == ["verify"]:
        return _verify(args)
    if args.expect or args.sources:
        raise UsageError("--expect and --sources go with `audit verify PACK`")
    logs = scan(args)
    with Output(args.output, FORMATS, pipe="table", zone=args.zone) as output:
        answer = audit.audit(
            logs,
            controls=items_of(args.controls) or None,
            who=args.who,
            allow=items_of(args.allow),
            inventory=inventory_of(args),
            aws=_caller(args, args.files),
            interval=args.interval,
            since=args.window.since,
            until=args.window.until,
            retention_days=args.retention,
            limit=args.limit,
            pack=args.pack,
            rerun=rerun_of(args),
        )
        if output.format == "json":
            output.write_json(answer)
        elif output.format == "table":
            output.write(answer.to_text(output.report_width, output.style))
            footer(args, output, answer["period"]["start"], answer["period"]["end"], told=True)
        else:
            output.write_table(answer.to_table())
    if args.pack:
        pack = answer["pack"]
        complain(f"wrote {pack['path']}; note its fingerprint where nobody can change it: {pack['fingerprint']}")
    worst = answer.worst()
    return exit_code(args, finish(args, answer._stats, matched=answer["period"]["records"]), worst and worst.lower())


def _verify(args: argparse.Namespace) -> int:
    if len(args.files) != 2:
        raise UsageError("verify takes one PACK, a ZIP file or a directory; a file of logs called verify is ./verify")
    found = evidence.verify(args.files[1], expect=args.expect, sources=args.sources, aws=_caller(args, ["s3://"]) if args.sources else None)
    with Output(args.output, ("table", "json"), pipe="table") as output:
        if output.format == "json":
            output.write_json(found)
        else:
            output.write(evidence.report(found))
    return 1 if found["problems"] else 0


def _caller(args: argparse.Namespace, files: list[str]) -> object:
    """Who asks AWS: none is, of files on a disk, unless an option says who."""
    asked = args.profile or args.region or args.role_arn or args.endpoint_url
    if not asked and not any(map(is_remote, files)):
        return None
    if files == ["s3://"] and not asked:
        return None
    return caller_of(args)
