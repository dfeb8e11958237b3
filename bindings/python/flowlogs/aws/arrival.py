"""What became of flow logs: whether they deliver, and whether records have arrived."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from . import diagnose, facts
from .errors import AwsError
from .plan import Plan
from .session import Session

_LOOK_SECONDS = 5


def report(session: Session, plan: Plan, to: facts.Destination, resources: Mapping[str, list[str] | None],
           wait: float | None = None, said: Callable[[str], object] | None = None) -> None:  # fmt: skip
    """Puts the flow logs and how they deliver into the plan; waits until each resource has records, if it is to.

    Raises AwsError, which names the permission that is missing, if the delivery fails; and if nothing came in time.
    """
    ids = None if None in resources.values() else [one for some in resources.values() for one in some or []]
    began, deadline = time.time(), time.monotonic() + (wait or 0)
    while True:
        logs = [log for log in facts.flow_logs(session, ids) if log.destination == to]
        plan["flow_logs"] = [
            {"id": log.id, "resource": log.resource, "status": log.status, "error": told(session, log)} for log in logs
        ]
        failed = [log for log in plan["flow_logs"] if log["error"]]
        if failed:
            raise AwsError(
                "\n".join(f"{log['id']} of {log['resource']}: nothing is delivered: {log['error']}" for log in failed)
            )
        if wait is None:
            return
        if any(log.ours for log in logs) and arrived(session, to, logs):
            plan["waited_seconds"] = round(time.time() - began)
            return
        if time.monotonic() >= deadline:
            raise AwsError(f"{to}: no record arrived in {round(wait)} s; without traffic there is none, and the first ones take "
                           "10 minutes or more; `flowlogs aws status` tells the rest")  # fmt: skip
        if said is not None:
            said("waiting for the first records")
        time.sleep(min(_LOOK_SECONDS, max(0.1, deadline - time.monotonic())))


def told(session: Session, log: facts.FlowLog) -> str | None:
    """Why the flow log does not deliver, with what is missing as far as it can be seen; None if it does."""
    if log.status != "FAILED" and not log.error:
        return None
    try:
        faults = diagnose.faults(session, log)
    except AwsError as error:  # who may not look cannot be told
        faults = [f"what is missing could not be looked at: {error}"]
    return ": ".join([log.error or "failed", *(["; ".join(faults)] if faults else [])])


def arrived(session: Session, to: facts.Destination, logs: list[facts.FlowLog]) -> bool:
    """Whether there is a record in the destination since the flow logs were made. Firehose does not tell: then, whether
    it delivers without an error."""
    if to.kind == "firehose":
        return all(log.status == "SUCCESS" for log in logs)
    if to.kind == "cloudwatch":
        since = min((log.created or 0 for log in logs if log.ours), default=0)
        newest = streams(session, to.name, newest_only=True)
        return any((stream["last_ingestion"] or stream["last_event"] or -1) >= since for stream in newest)
    return any(newest_object(session, log) is not None for log in logs)


def last_event(session: Session, group: str) -> int | None:
    """When the newest record of a log group is of, in epoch seconds."""
    found = [stream["last_event"] for stream in streams(session, group, newest_only=True) if stream["last_event"]]
    return max(found, default=None)


def streams(session: Session, group: str, newest_only: bool = False) -> list[dict[str, Any]]:
    """The log streams of a group, one for each interface, those with the newest records first.

    group: its name, cloudwatch:NAME as enable takes it, or cloudwatch://NAME as the verbs that read it do.
    """
    if group.startswith("cloudwatch:"):
        group = facts.destination_of(group).name
    options: dict[str, Any] = {"logGroupName": group, "orderBy": "LastEventTime", "descending": True}
    if newest_only:
        options["PaginationConfig"] = {"MaxItems": 50}
    found = []
    for item in session.pages("logs", "describe_log_streams", "logStreams", f"list the streams of {group}", **options):
        stream = item["logStreamName"]
        last, ingested = item.get("lastEventTimestamp"), item.get("lastIngestionTime")
        found.append(
            {
                "stream": stream,
                "interface": stream.rsplit("-", 1)[0]
                if stream.rsplit("-", 1)[-1] in ("all", "accept", "reject")
                else stream,
                "first_event": _seconds(item.get("firstEventTimestamp")),
                "last_event": _seconds(last),
                "last_ingestion": _seconds(ingested),
            }
        )
    return found


def _seconds(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds // 1000


def folder_of(session: Session, log: facts.FlowLog) -> str:
    """Where S3 has the files of the flow log's account and region: up to the year."""
    prefix = log.destination.prefix + "/" if log.destination.prefix else ""
    if "hive" in log.options:
        return f"{prefix}AWSLogs/aws-account-id={session.account}/aws-service=vpcflowlogs/aws-region={session.region}/"
    return f"{prefix}AWSLogs/{session.account}/vpcflowlogs/{session.region}/"


def newest_object(session: Session, log: facts.FlowLog) -> dict[str, Any] | None:
    """The newest file of the flow log of today and yesterday; None without one."""
    newest = None
    for item in objects_since(session, log, time.time() - 86400):
        if newest is None or item["LastModified"] > newest["LastModified"]:
            newest = item
    return newest


def objects_since(session: Session, log: facts.FlowLog, since: float) -> list[dict[str, Any]]:
    """The flow log's files of the last day or two that were written since a time."""
    found, bucket = [], log.destination.name
    for day in sorted({time.strftime("%Y-%m-%d", time.gmtime(since)), time.strftime("%Y-%m-%d", time.gmtime())}):
        year, month, date = day.split("-")
        part = f"year={year}/month={month}/day={date}/" if "hive" in log.options else f"{year}/{month}/{date}/"
        for item in session.pages("s3", "list_objects_v2", "Contents", f"list the files of the bucket {bucket}", Bucket=bucket,
                                  Prefix=folder_of(session, log) + part):  # fmt: skip
            if f"_{log.id}_" in item["Key"] and item["LastModified"].timestamp() >= since:
                found.append(item)
    return found
