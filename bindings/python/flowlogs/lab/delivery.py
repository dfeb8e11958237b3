"""What AWS delivers of the lab: on AWS it is waited for, on an emulator, which moves no packets, it is written.

Made-up records are those that the topology gives: the two instances ask each other for their pages, which each of the two
interfaces sees in both directions; visitors from the internet are served; others knock at SSH, which the security groups
reject; and the first minute of an interface has no data. Streams, times, fields and their order are AWS's own.
"""

from __future__ import annotations

import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

from .. import _core, _text
from ..answers import Answer
from ..aws import facts
from ..aws.errors import AwsError, code_of
from ..aws.session import Session
from . import topology
from .building import emulator_of
from .found import Found, stream_of
from .topology import CALL_SECONDS, HOSTS, SSH, TO, WEB, Host, other

MINUTES = 5  # of records that are there at once
MOST_MINUTES = 60  # that are caught up with by a later run
_LOOK_SECONDS = 10
_KNOCK_SECONDS = 2
# Of the prefixes that are kept for documentation: nobody's addresses.
VISITORS = ("203.0.113.24", "203.0.113.81")
PROBERS = ("198.51.100.7", "198.51.100.130", "198.51.100.201")

FIN, SYN, SYN_ACK = 1, 2, 18
VPC_PATH, INTERNET_PATH = 1, 8


class Traffic(Answer):
    """account, region, emulator; visits [{name, url, page, ssh}] on AWS; waited_seconds; streams [{stream, name, interface,
    written, from, until}]: records that are new, and their time."""

    def __init__(self, session: Session) -> None:
        dict.__init__(self, account=session.account, region=session.region, emulator=emulator_of(session), visits=[],
                      waited_seconds=None, streams=[])  # fmt: skip

    def _lines(self, width: int, style: _text.Style) -> list[str]:
        where = f"lab traffic: account {self['account']}, {self['region']}"
        if not self["emulator"]:
            lines = [where, ""]
            for visit in self["visits"]:
                lines.append(f"  {visit['name']}: {visit['url']} {visit['page']}; port {SSH} {visit['ssh']}")
            rows = [[f"  {one['stream']}", f"of {one['name']}", "records since then"] for one in self["streams"]]
            return [*lines, "", *(line.rstrip() for line in _text.aligned(rows, "<<<"))]
        lines = [where + f", emulated at {self['emulator']}", ""]
        lines += _text.wrapped("No packet moved: the emulator runs no instances. These records stand in for what AWS would have delivered "
                               f"into {TO.name}, had the instances run for the last {MINUTES} minutes.", max(40, width))  # fmt: skip
        rows = []
        for one in self["streams"]:
            told = f"{_text.count(one['written'], 'record')}, {_text.iso_time(one['from'])} to {_text.iso_time(one['until'])}" if one["written"] else "nothing new: the minutes until now are there"  # fmt: skip
            rows.append([f"  {one['stream']}", f"of {one['name']}", told])
        return [*lines, "", *(line.rstrip() for line in _text.aligned(rows, "<<<"))]


def traffic(session: Session, wait: float = 900, said: Callable[[str], object] | None = None) -> Traffic:
    """On an emulator writes what is missing of the last minutes; on AWS visits both pages, knocks at SSH, and waits."""
    found = Found(session)
    log = found.flow_log()
    hosts = found.hosts()
    if log is None or len(hosts) != len(HOSTS):
        raise AwsError("the lab is not complete; `flowlogs lab up` makes what is missing")
    answer = Traffic(session)
    if answer["emulator"]:
        _write(session, answer, found, log, hosts)
        return answer
    began = int(time.time())
    for host in hosts:
        if said is not None:
            said(f"visiting {host['url']}")
        answer["visits"].append({"name": host["name"], "url": host["url"], "page": _visit(host["url"]), "ssh": _knock(host["public"])})
    await_records(session, answer, log, hosts, began, wait, said)
    return answer


# ---- On AWS ----------------------------------------------------------------------------------------------------------


def fetch(url: str, seconds: float = 5) -> str:
    """The page. Raises OSError if there is none."""
    with urllib.request.urlopen(url, timeout=seconds) as answer:
        content: bytes = answer.read(65536)
    return content.decode("utf-8", "replace")


def _visit(url: str) -> str:
    try:
        return f"gave {len(fetch(url).encode())} bytes"
    except OSError as error:
        return f"gave nothing: {getattr(error, 'reason', error)}"


def _knock(address: str) -> str:
    import socket

    try:
        socket.create_connection((address, SSH), _KNOCK_SECONDS).close()
    except OSError:
        return "does not answer, as it should"
    return "is open"


def await_records(session: Session, answer: Traffic, log: facts.FlowLog, hosts: list[dict[str, Any]], began: int, wait: float,
                  said: Callable[[str], object] | None = None) -> None:  # fmt: skip
    """Until each interface has records that begin a minute before `began` or later. Raises AwsError if none come in time."""
    start, deadline = time.monotonic(), time.monotonic() + wait
    while True:
        lacking = []
        for host in hosts:
            stream = stream_of(host["interface"], log.traffic)
            if not any(page["events"] for page in events(session, TO.name, stream, since=began - 60, limit=1)):
                lacking.append(stream)
        if not lacking:
            break
        if time.monotonic() >= deadline:
            raise AwsError(f"no record arrived in {round(wait)} s in {' and '.join(lacking)}; the first ones take 10 minutes or more: run the "
                           "same again; `flowlogs aws status` tells what fails")  # fmt: skip
        if said is not None:
            said("waiting for records; they come about 5 minutes after the packets, the first ones later")
        time.sleep(min(_LOOK_SECONDS, max(0.1, deadline - time.monotonic())))
    answer["waited_seconds"] = round(time.monotonic() - start)
    answer["streams"] = [
        {"stream": stream_of(h["interface"], log.traffic), "name": h["name"], "interface": h["interface"], "written": None, "from": began, "until": None}
        for h in hosts
    ]  # fmt: skip


def events(session: Session, group: str, stream: str, since: int | None = None, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """The answers of FilterLogEvents for a stream, page by page; one without events if there is no such stream."""
    arguments: dict[str, Any] = {"logGroupName": group, "logStreamNames": [stream]}
    if since is not None:
        arguments["startTime"] = since * 1000
    if limit is not None:
        arguments["PaginationConfig"] = {"MaxItems": limit}
    with session.doing(f"read the stream {stream}", "logs"):
        try:
            for page in session.client("logs").get_paginator("filter_log_events").paginate(**arguments):
                yield {"events": page.get("events", [])}
        except Exception as error:
            if not hasattr(error, "response") or code_of(error) != "ResourceNotFoundException":
                raise
            yield {"events": []}


def scan(session: Session, log: facts.FlowLog, stream: str) -> _core.Query:
    """The records of a stream, to be asked: the library reads the answers of the API as they are."""
    from .. import scan as scan_of

    pages = [json.dumps(page).encode() for page in events(session, log.destination.name, stream)]
    return scan_of(pages, format=log.format)


# ---- On an emulator --------------------------------------------------------------------------------------------------


def _write(session: Session, answer: Traffic, found: Found, log: facts.FlowLog, hosts: list[dict[str, Any]]) -> None:
    """Minutes that a stream has are not written again: run twice it changes nothing."""
    logs = session.client("logs")
    last = int(time.time()) // 60
    common = _common(session, found, log)
    pages = {host: len(topology.page(host)) for host in HOSTS}
    streams = {one["logStreamName"]: one for one in session.pages(
        "logs", "describe_log_streams", "logStreams", f"list the streams of {TO.name}", logGroupName=TO.name)}  # fmt: skip
    for host in HOSTS:
        row = next(one for one in hosts if one["name"] == host.name)
        name = stream_of(row["interface"], log.traffic)
        newest = streams.get(name, {}).get("lastEventTimestamp")
        first = last - MINUTES if newest is None else max(last - MOST_MINUTES, newest // 60000 + 1)
        records: list[dict[str, Any]] = []
        for minute in range(first, last):
            records += minute_of(host, minute, newest is None and minute == first, pages)
        records = [record for record in records if log.traffic in (None, "ALL", record["action"]) or record["log-status"] == "NODATA"]
        records.sort(key=lambda record: (record["start"], record["end"]))
        if name not in streams:
            with session.doing(f"create the log stream {name}", "logs"):
                logs.create_log_stream(logGroupName=TO.name, logStreamName=name)
        if records:
            lines = [{"timestamp": record["start"] * 1000, "message": line_of(record, common[host], log.fields)} for record in records]
            with session.doing(f"write into the log stream {name}", "logs"):
                logs.put_log_events(logGroupName=TO.name, logStreamName=name, logEvents=lines)
        answer["streams"].append({"stream": name, "name": host.name, "interface": row["interface"], "written": len(records),
                                  "from": first * 60 if records else None, "until": last * 60 if records else None})  # fmt: skip


def _common(session: Session, found: Found, log: facts.FlowLog) -> dict[Host, dict[str, Any]]:
    """What all records of an interface share; under `places`, zone, subnet and interface by private address."""
    since = {str(field["name"]): int(field["since"]) for field in _core.fields()}
    version = max((since.get(name, 2) for name in log.fields), default=2)
    zones = {str(item["SubnetId"]): item.get("AvailabilityZoneId") for item in found.items["subnet"]}
    rows = {row["name"]: row for row in found.hosts()}
    zone_of = {host.address: zones.get(rows[host.name]["subnet"]) for host in HOSTS}
    subnet_of = {host.address: rows[host.name]["subnet"] for host in HOSTS}
    interface_of = {host.address: rows[host.name]["interface"] for host in HOSTS}
    places = {"zone": zone_of, "subnet": subnet_of, "interface": interface_of}
    return {
        host: {
            "version": version, "account-id": session.account, "interface-id": rows[host.name]["interface"], "vpc-id": found.vpc,
            "subnet-id": rows[host.name]["subnet"], "instance-id": rows[host.name]["instance"], "region": session.region,
            "az-id": zone_of[host.address], "places": places,
        }
        for host in HOSTS
    }  # fmt: skip


def minute_of(host: Host, minute: int, is_first: bool, pages: dict[Host, int]) -> list[dict[str, Any]]:
    """The records of a minute at the host's interface. A function of the minute: both interfaces tell of the same packets."""
    begin = minute * 60
    if is_first:
        return [{"start": begin + 2, "end": begin + 58, "action": None, "log-status": "NODATA"}]
    records: list[dict[str, Any]] = []
    for asking in HOSTS:
        chance = random.Random(f"{asking.name} {minute}")
        for second in range(chance.randrange(CALL_SECONDS), 60, CALL_SECONDS):
            asked, port = other(asking), chance.randrange(32768, 61000)
            records += _exchange(begin + second, asking.address, asked.address, port, pages[asked], host == asked, VPC_PATH)
    chance = random.Random(f"internet {host.name} {minute}")
    for _ in range(chance.randrange(1, 3)):
        visitor, port = chance.choice(VISITORS), chance.randrange(49152, 65535)
        records += _exchange(begin + chance.randrange(58), visitor, host.address, port, pages[host], True, INTERNET_PATH)
    for prober in PROBERS[: chance.randrange(1, 4)]:
        second, packets = begin + chance.randrange(50), chance.randrange(1, 4)
        records.append(_record(second, second + (0, 1, 3)[packets - 1], prober, host.address, chance.randrange(1024, 65535), SSH, packets, 60 * packets,
                               SYN, None, "REJECT"))  # fmt: skip
    return records


def _exchange(second: int, client: str, server: str, port: int, page: int, at_server: bool, path: int) -> list[dict[str, Any]]:
    """A page that is asked for and given, as one interface tells it. path: of what leaves. TCP with time stamps: packets of 60
    bytes to open, of 52 and what they carry then."""
    end = second + 1 if second % 60 < 59 else second
    ask = (6, 60 + 5 * 52 + 78)
    give = (5, 60 + 4 * 52 + 187 + page)
    to_server, to_client = (None, path) if at_server else (path, None)
    return [
        _record(second, end, client, server, port, WEB, *ask, SYN | FIN, to_server, "ACCEPT"),
        _record(second, end, server, client, WEB, port, *give, SYN_ACK | FIN, to_client, "ACCEPT"),
    ]


def _record(start: int, end: int, source: str, target: str, source_port: int, target_port: int, packets: int, size: int, flags: int,
            path: int | None, action: str) -> dict[str, Any]:  # fmt: skip
    """path: of a packet that leaves; None: it comes."""
    return {
        "start": start, "end": end, "srcaddr": source, "dstaddr": target, "pkt-srcaddr": source, "pkt-dstaddr": target,
        "srcport": source_port, "dstport": target_port, "protocol": 6, "packets": packets, "bytes": size, "tcp-flags": flags, "type": "IPv4",
        "flow-direction": "ingress" if path is None else "egress", "traffic-path": path, "action": action, "log-status": "OK",
    }  # fmt: skip


def line_of(record: dict[str, Any], common: dict[str, Any], fields: list[str]) -> str:
    """The record as a flow log of these fields delivers it. What does not apply is a hyphen."""
    if record["log-status"] == "NODATA":  # has little more than whose it is
        values = {**{name: common[name] for name in ("version", "account-id", "interface-id")}, **record}
    else:
        peer = record["dstaddr"] if record["flow-direction"] == "egress" else record["srcaddr"]
        hop = {name: places.get(peer) for name, places in common["places"].items()}
        values = {
            **common, **record, "next-hop-az-id": hop["zone"], "next-hop-subnet-id": hop["subnet"],
            "next-hop-interface-id": hop["interface"], "next-hop-vpc-id": common["vpc-id"] if hop["subnet"] else None,
        }  # fmt: skip
    return " ".join("-" if values.get(name) is None else str(values[name]) for name in fields)
