"""flowlogs detect --follow: findings as records come, told once, sent on."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from flowlogs import watch
from flowlogs._text import age, count, shown
from flowlogs.cli import UNFINISHED
from flowlogs.cli.common import Output, UsageError, complain, inventory_of, items_of, scan_of, warnings_told
from flowlogs.cli.follow import follower_of, pause_of
from flowlogs.notify import NotifyError, channel_of

FORMATS = ("table", "ndjson")


def run(args: argparse.Namespace, options_of: Callable[[argparse.Namespace], dict[str, Any]]) -> int:
    if args.window:
        raise UsageError("--since and --until do not go with --follow; --keep says how far back records are judged together")
    if args.save_baseline:
        raise UsageError("--save-baseline does not go with --follow")
    follower = follower_of(args)
    channels = [channel_of(text, lambda region: _session(args, region)) for text in args.notify]
    pause = pause_of(args, follower)
    outbox = _Outbox(channels)
    with Output(args.output, FORMATS, pipe="ndjson", zone=args.zone) as output:
        known = {"internal": items_of(args.internal) or None, "inventory": inventory_of(args)}
        judge = watch.Watch(keep=args.keep or watch.KEEP, scan=known, **options_of(args))
        UNFINISHED.add(judge.folder)
        try:
            while True:
                with warnings_told():
                    fresh, told = follower.new()
                for text in told:
                    complain(text)
                if fresh:
                    logs = scan_of(args, fresh)
                    for expression in args.where:
                        logs = logs.filter(expression)
                    if args.dedup:
                        logs = logs.dedup()
                    for finding in judge.feed(logs):
                        output.write(_line(finding, output))
                        outbox.add(finding)
                    sys.stdout.flush()
                    _tell_lag(judge, follower)
                outbox.send()
                time.sleep(pause)
        finally:
            judge.close()


def _line(finding: dict[str, Any], output: Output) -> str:
    if output.format == "ndjson":
        return json.dumps(finding, ensure_ascii=False) + "\n"
    return f"{output.style.time(finding['last_seen'])}  {finding['severity']:<6}  {finding['kind']}  {shown(finding['why'])}\n"


def _tell_lag(judge: watch.Watch, follower: Any) -> None:
    if judge.newest is None:
        return
    late = int(time.time()) - judge.newest
    ago = f"{age(late)} ago" if late >= 0 else f"{age(-late)} in the future"
    usual = f"; {follower.lag}" if follower.lag else ""
    complain(f"{count(judge.records, 'record')} judged together; the newest ended {ago}{usual}")


class _Outbox:
    """Findings on their way. What does not arrive is tried again at the next look."""

    def __init__(self, channels: list[Any]) -> None:
        self._waiting: list[tuple[Any, list[dict[str, Any]]]] = [(channel, []) for channel in channels]
        self._failures: dict[int, str] = {}

    def add(self, finding: dict[str, Any]) -> None:
        for _, findings in self._waiting:
            findings.append(finding)

    def send(self) -> None:
        for number, (channel, findings) in enumerate(self._waiting):
            try:
                while findings:
                    channel(findings[0])
                    findings.pop(0)
                self._failures.pop(number, None)
            except NotifyError as error:
                if self._failures.get(number) != str(error):
                    complain(f"not sent, tried again at each look: {error}")
                self._failures[number] = str(error)


def _session(args: argparse.Namespace, region: str) -> Any:
    from flowlogs.aws.session import Session

    return Session(profile=args.profile, region=region, role_arn=args.role_arn, endpoint_url=args.endpoint_url)
