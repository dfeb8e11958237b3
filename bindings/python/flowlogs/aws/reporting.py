"""What is logged and what is not: flow logs, how they deliver, what they cost, and every resource against them."""

from __future__ import annotations

import time
from typing import Any

from .._text import Grid, Style, age, aligned, count, human_bytes, iso_time, wrapped
from ..answers import Answer
from . import arrival, facts, formats, prices
from .errors import AwsError
from .session import Session

_DAY = 86400
_MOST_STREAMS = 10  # of a group are shown


class Status(Answer):
    """account, region, caller, time; flow_logs [{...}]; destinations [{...}]; resources [{kind, id, name, covered_by,
    traffic}]; not_covered [ids]; notes. A dict, ready for JSON, that prints as a report."""

    def __init__(self, values: dict[str, Any]) -> None:
        dict.__init__(self, values)

    def _lines(self, width: int, style: Style) -> list[str]:
        lines = [f"flow logs of account {self['account']} in {self['region']}, {style.time(self['time'])}", ""]
        lines += self._flow_log_lines(width, style) if self["flow_logs"] else ["  there are none"]
        for place in self["destinations"]:
            text = f"{place['destination']}: {_arrivals(place, self['time'], style)}"
            lines += ["", *("  " + part for part in wrapped(text, max(40, width - 2)))]
            lines += ["    " + line for line in _stream_lines(place, self["time"], style)]
        lines += ["", *self._coverage_lines(width, style)]
        for note in self["notes"]:
            first, *rest = wrapped(note, max(40, width - 4))
            lines += ["  - " + first, *("    " + part for part in rest)]
        return lines

    def _flow_log_lines(self, width: int, style: Style) -> list[str]:
        logs, grid = self["flow_logs"], Grid()
        grid.add("flow log", [log["id"] for log in logs])
        grid.add("of", [log["resource"] for log in logs])
        grid.add("delivery", [style.red(log["status"]) if log["error"] else log["status"] for log in logs])
        grid.add("made by", ["flowlogs" if log["ours"] else "others" for log in logs], rank=1)
        head, *rows = grid.lines(width - 2, style)
        lines = ["  " + head]
        for row, log in zip(rows, logs):
            lines.append("  " + row)
            for text in (_described(log), log["error"]):
                lines += ["      " + part for part in wrapped(text, max(40, width - 6))] if text else []
        return lines

    def _coverage_lines(self, width: int, style: Style) -> list[str]:
        lines, grid = [], Grid()
        shown = [one for one in self["resources"] if one["kind"] != "NetworkInterface"]
        if not shown:
            return ["there is nothing to be logged"]
        grid.add("resource", [one["id"] for one in shown])
        grid.add("name", [one["name"] for one in shown], rank=1, cut=True)
        grid.add("logged by", [", ".join(one["covered_by"]) or "-" for one in shown], cut=True)
        grid.add("traffic", [one["traffic"] or "none" for one in shown])
        grid.add("interfaces", [_share(one) for one in shown], side=">")
        lines += grid.lines(width, style)
        missing = self["not_covered"]
        if missing:
            text = f"not covered: {count(len(missing), 'resource')}: {', '.join(missing[:20])}{', ...' if len(missing) > 20 else ''}"
            lines += ["", *wrapped(text, max(40, width))]
        failed = [log["id"] for log in self["flow_logs"] if log["error"]]
        if failed:
            text = f"{count(len(failed), 'flow log')} that {'delivers' if len(failed) == 1 else 'deliver'} nothing: {', '.join(failed)}"
            lines += ["", *map(style.red, wrapped(text, max(40, width)))]
        if not missing and not failed:
            lines += ["", "everything is covered"]
        return lines


def _share(one: dict[str, Any]) -> str:
    return "-" if one["interfaces"] is None else f"{one['interfaces_covered']} of {one['interfaces']}"


def _described(log: dict[str, Any]) -> str:
    """Traffic, interval, format, kind of files, destination."""
    fields = count(len(log["fields"]), "field")
    if log["recommended"]:
        fields += " (recommended)"
    elif log["fields"] == formats.names_of("default", False):
        fields += " (default)"
    traffic = [f"{log['traffic']} traffic"] if log["traffic"] else []
    return ", ".join([*traffic, f"every {log['interval']} s", fields, *log["options"], f"to {log['destination']}"])


def _arrivals(place: dict[str, Any], now: int, style: Style) -> str:
    if place["kind"] == "firehose":
        return "Firehose does not tell what arrived"
    if place["last_event"] is None:
        text = "nothing has arrived yet"
    else:
        newest = "newest file" if place["kind"] == "s3" else "newest record"
        text = f"{newest} {style.time(place['last_event'])}, {age(max(0, now - place['last_event']))} ago"
    if place["streams"] is not None:
        text += f", {count(place['streams'], 'stream')}"
    if place["bytes_last_day"] is not None:
        text += f", {human_bytes(place['bytes_last_day'])} in the last day"
    elif place["last_event"] is not None:
        text += ", GB a day not told by CloudWatch's metrics"
    if place["usd_per_day"]:
        text += f", {'at least ' if place['kind'] == 's3' else ''}{place['usd_per_day']:.2g} USD"
    return text


def _stream_lines(place: dict[str, Any], now: int, style: Style) -> list[str]:
    """When each stream had its last record; of many, the newest."""
    streams = place["stream_list"]
    rows = []
    for one in streams[:_MOST_STREAMS]:
        last = one["last_event"]
        rows.append([one["stream"], *(["-", ""] if last is None else [style.time(last), f"{age(max(0, now - last))} ago"])])
    lines = [line.rstrip() for line in aligned(rows, "<<<")]
    if len(streams) > _MOST_STREAMS:
        group = place["destination"].partition(":")[2]
        lines.append(f"and {len(streams) - _MOST_STREAMS} more: `flowlogs aws streams {group}`")
    return lines


def status(session: Session) -> Status:
    """Reads everything; changes nothing."""
    now = int(time.time())
    _ = session.account  # first: errors tell who asked
    logs = facts.flow_logs(session)
    notes: list[str] = []
    return Status(
        {
            "account": session.account,
            "region": session.region,
            "caller": session.caller,
            "time": now,
            "flow_logs": [_flow_log(session, log) for log in logs],
            "destinations": _destinations(session, logs, now, notes),
            **_coverage(session, logs),
            "notes": notes,
        }
    )


def _flow_log(session: Session, log: facts.FlowLog) -> dict[str, Any]:
    return {
        "id": log.id,
        "name": log.tags.get("Name"),
        "resource": log.resource,
        "status": log.status,
        "error": arrival.told(session, log),
        "traffic": log.traffic.lower() if log.traffic else None,
        "interval": log.interval,
        "fields": log.fields,
        "recommended": log.fields == formats.names_of("recommended", log.transit),
        "destination": str(log.destination),
        "options": log.options.split(),
        "role": log.role,
        "created": log.created,
        "ours": log.ours,
    }


def _destinations(session: Session, logs: list[facts.FlowLog], now: int, notes: list[str]) -> list[dict[str, Any]]:
    """What arrived in each place, and what a day of it costs."""
    found = []
    for to in sorted({log.destination for log in logs}):
        place: dict[str, Any] = {"destination": str(to), "kind": to.kind, "last_event": None, "streams": None,
                                 "bytes_last_day": None, "usd_per_day": None, "stream_list": []}  # fmt: skip
        try:
            if to.kind == "cloudwatch":
                _look_at_group(session, to, place, now)
            elif to.kind == "s3":
                _look_at_bucket(session, to, [log for log in logs if log.destination == to], place, now)
        except AwsError as error:  # one place that cannot be seen hides none of the others
            notes.append(str(error))
        found.append(place)
    if any(place["kind"] == "s3" and place["bytes_last_day"] for place in found):
        notes.append("bytes in S3 are of compressed files; AWS bills what they hold, which is several times as much")
    if any(place["usd_per_day"] for place in found):
        notes.append(f"prices: {prices.REGION}, {prices.DATE}, {prices.SOURCE}")
    return found


def _look_at_group(session: Session, to: facts.Destination, place: dict[str, Any], now: int) -> None:
    group = facts.log_group(session, to.name)
    if group is None:
        return
    streams = arrival.streams(session, to.name)
    place["streams"], place["stream_list"] = len(streams), streams
    place["last_event"] = max((s["last_event"] for s in streams if s["last_event"] is not None), default=None)
    with session.doing(f"look how much arrived in {to.name}", "cloudwatch"):
        points = session.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Logs", MetricName="IncomingBytes", Dimensions=[{"Name": "LogGroupName", "Value": to.name}],
            StartTime=now - _DAY, EndTime=now, Period=_DAY, Statistics=["Sum"],
        )["Datapoints"]  # fmt: skip
    if points:
        total = int(sum(point["Sum"] for point in points))
        price = "cloudwatch-infrequent-access" if group.get("logGroupClass") == "INFREQUENT_ACCESS" else "cloudwatch"
        place["bytes_last_day"], place["usd_per_day"] = total, total / 1e9 * prices.per_gb(price)


def _look_at_bucket(
    session: Session, to: facts.Destination, logs: list[facts.FlowLog], place: dict[str, Any], now: int
) -> None:
    objects = [item for log in logs for item in arrival.objects_since(session, log, now - _DAY)]
    total = sum(item["Size"] for item in objects)
    place["bytes_last_day"], place["usd_per_day"] = total, total / 1e9 * prices.per_gb("s3")
    place["last_event"] = max((int(item["LastModified"].timestamp()) for item in objects), default=None)


# ---- Coverage --------------------------------------------------------------------------------------------------------


def _coverage(session: Session, logs: list[facts.FlowLog]) -> dict[str, Any]:
    """Every resource against the flow logs: an interface is covered by its own, its subnet's and its VPC's."""
    by_resource: dict[str, list[facts.FlowLog]] = {}
    for log in logs:
        by_resource.setdefault(log.resource, []).append(log)

    def covering(*ids: str) -> list[facts.FlowLog]:
        return [log for one in ids for log in by_resource.get(one, [])]

    found: list[dict[str, Any]] = []
    interfaces = facts.resources(session, "NetworkInterface")
    parts: dict[str, list[bool]] = {}
    for one in interfaces:
        above = [one.item.get("SubnetId", ""), one.item.get("VpcId", "")]
        cover = covering(one.id, *above)
        name = one.name or one.item.get("Description", "")
        found.append(_resource("NetworkInterface", one.id, name, cover))
        for place in above:
            parts.setdefault(place, []).append(bool(cover))
    for kind in ("VPC", "Subnet"):
        for one in facts.resources(session, kind):
            cover = covering(one.id, *([one.item.get("VpcId", "")] if kind == "Subnet" else []))
            resource = _resource(kind, one.id, one.name, cover)
            resource["interfaces"] = len(parts.get(one.id, []))
            resource["interfaces_covered"] = sum(parts.get(one.id, []))
            found.append(resource)
    for one in facts.resources(session, "TransitGateway"):
        found.append(_resource("TransitGateway", one.id, one.name, covering(one.id)))
    for one in facts.resources(session, "TransitGatewayAttachment"):
        found.append(
            _resource(
                "TransitGatewayAttachment", one.id, one.name, covering(one.id, one.item.get("TransitGatewayId", ""))
            )
        )
    order = {"VPC": 0, "Subnet": 1, "NetworkInterface": 2, "TransitGateway": 3, "TransitGatewayAttachment": 4}
    found.sort(key=lambda resource: (order[resource["kind"]], resource["id"]))
    missing = [one["id"] for one in found if not one["covered_by"] and not _is_covered_below(one)]
    return {"resources": found, "not_covered": missing}


def _is_covered_below(one: dict[str, Any]) -> bool:
    """All interfaces that there are have flow logs of their own; of new ones nothing is logged."""
    return bool(one["interfaces"]) and one["interfaces_covered"] == one["interfaces"]


def _resource(kind: str, id: str, name: str, logs: list[facts.FlowLog]) -> dict[str, Any]:
    traffic = {log.traffic for log in logs}
    both = "ALL" in traffic or None in traffic or {"ACCEPT", "REJECT"} <= traffic
    return {
        "kind": kind,
        "id": id,
        "name": name,
        "covered_by": [log.id for log in logs],
        "traffic": "all" if both and logs else "".join(t.lower() for t in traffic if t) or None,
        "interfaces": None,
        "interfaces_covered": None,
    }


class Streams(Answer):
    """The streams of a log group: {group, streams [{stream, interface, first_event, last_event, last_ingestion}]}."""

    def __init__(self, values: dict[str, Any]) -> None:
        dict.__init__(self, values)

    def _lines(self, width: int, style: Style) -> list[str]:
        rows, grid = self["streams"], Grid()
        if not rows:
            return [f"{self['group']} has no streams: no record has arrived yet"]
        grid.add("stream", [row["stream"] for row in rows])
        for name in ("first_event", "last_event"):
            grid.add(
                name.replace("_", " "), ["-" if row[name] is None else iso_time(row[name], style.zone) for row in rows]
            )
        return grid.lines(width, style)
