"""Whether the tutorial holds: each of its steps is looked at where it shows, up to the records in the streams."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .. import _core, _text
from ..answers import Answer
from ..aws import diagnose, facts
from ..aws.session import Session
from . import delivery, topology
from .building import emulator_of
from .found import Found, opened, stream_of
from .topology import HOSTS, SSH, TO, WEB, Host, other

# What is counted of a stream: in the words of the filter language, of a host {h} and the other one {o}.
SEEN = {
    "asked": "srcaddr = {h} and dstaddr = {o} and dstport = 80 and accepted",
    "was_answered": "srcaddr = {o} and dstaddr = {h} and srcport = 80 and accepted",
    "was_asked": "srcaddr = {o} and dstaddr = {h} and dstport = 80 and accepted",
    "answered": "srcaddr = {h} and dstaddr = {o} and srcport = 80 and accepted",
    "visited": "dstaddr = {h} and dstport = 80 and srcaddr in public and accepted",
    "served": "srcaddr = {h} and srcport = 80 and dstaddr in public and accepted",
    "probed": "dstaddr = {h} and dstport = 22 and srcaddr in public and rejected",
    "no_data": "log-status = NODATA",
}
# One record of each of these is shown.
_SHOWN = ("was_asked", "probed")


class Check(Answer):
    """account, region, emulator; holds: whether all does; steps [{step, holds, evidence [str]}], holds being null for what
    only time can show; streams [{stream, name, interface, records, problems, bad_values, of_others, first, last,
    seen {what: n}, examples [line]}]."""

    def __init__(self, session: Session) -> None:
        dict.__init__(self, account=session.account, region=session.region, emulator=emulator_of(session), holds=False, steps=[],
                      streams=[])  # fmt: skip

    def say(self, step: str, holds: bool | None, *evidence: str) -> None:
        self["steps"].append({"step": step, "holds": holds, "evidence": list(evidence)})

    def _lines(self, width: int, style: _text.Style) -> list[str]:
        where = f"lab check: account {self['account']}, {self['region']}"
        lines = [where + (f", emulated at {self['emulator']}" if self["emulator"] else "")]
        if self["emulator"]:
            lines += ["", *_text.wrapped("The emulator keeps resources and streams, but runs no instance and moves no packet: where something "
                                         "stands in, it is said.", max(40, width))]  # fmt: skip
        lines.append("")
        words = {True: style.green("yes"), False: style.red("NO "), None: " ? "}
        indent = " " * 29
        for one in self["steps"]:
            told = [part for text in one["evidence"] for part in _text.wrapped(text, max(40, width - len(indent)))] or [""]
            lines.append(f"  {words[one['holds']]}  {one['step']:<22}{told[0]}".rstrip())
            lines += [indent + part for part in told[1:]]
        failed = [one["step"] for one in self["steps"] if one["holds"] is False]
        open_ = [one["step"] for one in self["steps"] if one["holds"] is None]
        if self["emulator"] and self["streams"]:
            lines += ["", "other verbs see it too, as:",
                      f"  AWS_ENDPOINT_URL={self['emulator']} AWS_REGION={self['region']} AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any \\",
                      f"  flowlogs aws streams {TO.name}"]  # fmt: skip
        lines.append("")
        if failed:
            lines += _text.wrapped(f"does not hold: {', '.join(failed)}", max(40, width))
        else:
            lines.append("every step of the tutorial holds" + (f", as far as can be seen yet ({', '.join(open_)})" if open_ else ""))
        return lines


def check(session: Session) -> Check:
    """Looks at each step; nothing is changed. Raises AwsError if there is no lab at all."""
    found = Found(session)
    answer = Check(session)
    _network(answer, found, found.vpc)
    hosts = found.hosts()
    _instances(answer, hosts)
    _pages(answer, session, hosts)
    log = found.flow_log()
    _destination(answer, session, log)
    if log is None:
        answer.say("log streams", False, "without a flow log there are none")
    else:
        _streams(answer, session, log, hosts)
    answer["holds"] = all(step["holds"] is not False for step in answer["steps"])
    return answer


def _network(answer: Check, found: Found, vpc: str) -> None:
    answer.say("VPC", True, f"{vpc}, {topology.VPC_CIDR}")
    subnets = found.items["subnet"]
    ids = {str(item["SubnetId"]) for item in subnets}
    public = [item for item in subnets if item.get("MapPublicIpOnLaunch")]
    answer.say("public subnets", len(public) == len(HOSTS),
               *(f"{s['SubnetId']}, {s['CidrBlock']}, in {s['AvailabilityZone']}" for s in subnets))  # fmt: skip
    gateway = found.first("internet gateway") or {}
    attached = [one["VpcId"] for one in gateway.get("Attachments", [])]
    answer.say("internet gateway", vpc in attached, f"{gateway.get('InternetGatewayId', 'none')}, "
               + (f"attached to {', '.join(attached)}" if attached else "not attached"))  # fmt: skip
    table = found.first("route table") or {}
    out = [r for r in table.get("Routes", []) if r.get("DestinationCidrBlock") == topology.ANYWHERE]
    ways = [str(route.get("GatewayId")) for route in out if route.get("State", "active") == "active"]
    routed = _subnets_of(table) & ids
    answer.say("route table", ways == [gateway.get("InternetGatewayId")] and routed == ids and bool(ids),
               f"{table.get('RouteTableId', 'none')}: {topology.ANYWHERE} by {', '.join(ways) or 'nothing'}, for {_text.count(len(routed), 'subnet')}")  # fmt: skip
    acl = found.first("network ACL") or {}
    rules = {(e["RuleNumber"], e["Egress"]) for e in acl.get("Entries", []) if e["RuleAction"] == "allow"}
    wanted = {*((number, False) for number, _, _ in topology.ACL_IN), (topology.ACL_OUT, True)}
    guarded = _subnets_of(acl) & ids
    answer.say("network ACL", wanted <= rules and guarded == ids and bool(ids),
               f"{acl.get('NetworkAclId', 'none')}: lets in TCP {WEB}, {SSH} and replies, and everything out, for {_text.count(len(guarded), 'subnet')}"
               if wanted <= rules else f"{acl.get('NetworkAclId', 'none')} lacks rules")  # fmt: skip
    groups = found.items["security group"]
    lets_in = {str(group["GroupId"]): opened(group) for group in groups}
    answer.say("security groups", len(groups) == len(HOSTS) and all(one == [("tcp", WEB, WEB)] for one in lets_in.values()),
               *(f"{group}: lets in " + (", ".join(f"{p} {a}" + (f"-{b}" if b != a else "") for p, a, b in some) or "nothing") + " from anywhere"
                 for group, some in lets_in.items()))  # fmt: skip


def _subnets_of(item: dict[str, Any]) -> set[str]:
    return {str(one["SubnetId"]) for one in item.get("Associations", []) if one.get("SubnetId")}


def _instances(answer: Check, hosts: list[dict[str, Any]]) -> None:
    up = [host for host in hosts if host["state"] == "running" and host["public"]]
    first = min((h["expires"] for h in hosts if h["expires"]), default="").replace("T", " ")
    ends = f"; they end themselves at {first}" if first else ""
    told = [f"{h['name']}: {h['instance']}, {h['private']}, public {h['public'] or '-'}, {h['state']}" for h in hosts]
    answer.say("two EC2 instances", len(up) == len(HOSTS), *(told or ["none; `flowlogs lab up` makes them" + ends]))
    if told and ends:
        answer["steps"][-1]["evidence"].append(ends[2:])


def _pages(answer: Check, session: Session, hosts: list[dict[str, Any]]) -> None:
    told, fine = [], len(hosts) == len(HOSTS)
    for row in hosts:
        host = _host(row)
        place, note = row["url"], ""
        try:
            if answer["emulator"]:
                with _stand_in(session, row["instance"]) as place:
                    content = delivery.fetch(place)
                note = f"; stands in for {row['url']}: the page of the instance's user data, served by this command"
            elif place is None:
                raise OSError("it has no public address")
            else:
                content = delivery.fetch(place)
            own = content == topology.page(host)
            told.append(f"{host.name}: {place} gives {'its own page' if own else 'another page'}, {len(content.encode())} bytes{note}")
        except OSError as error:
            own = False
            told.append(f"{host.name}: {place}: {getattr(error, 'reason', error)}; a new instance needs a minute or two")
        fine = fine and own
    answer.say("pages", fine, *told)


@contextmanager
def _stand_in(session: Session, instance: str) -> Iterator[str]:
    """Serves the page that is in the instance's user data, on this machine, and gives its URL."""
    with session.doing(f"look at the user data of {instance}", "ec2"):
        attribute = session.client("ec2").describe_instance_attribute(InstanceId=instance, Attribute="userData")
    script = base64.b64decode(attribute.get("UserData", {}).get("Value", "")).decode("utf-8", "replace")
    page = topology.page_in(script)
    if page is None:
        raise OSError("its user data has no page")
    content = page.encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def _destination(answer: Check, session: Session, log: facts.FlowLog | None) -> None:
    if log is None or not log.role:
        answer.say("IAM role", False, "the flow log has none" if log else "without a flow log it is not known")
    else:
        faults = diagnose.role_faults(session, log.role, TO.name)
        answer.say("IAM role", not faults, *(faults or [f"{log.role.rpartition('/')[2]}: vpc-flow-logs.amazonaws.com may assume it, and write "
                                                        f"into {TO.name}"]))  # fmt: skip
    group = facts.log_group(session, TO.name)
    kept = group.get("retentionInDays") if group else None
    answer.say("log group", group is not None, f"{TO.name}, " + (f"keeps records {_text.count(kept, 'day')}" if kept else "keeps records for ever")
               if group else f"there is no {TO.name}")  # fmt: skip
    if log is None:
        answer.say("flow log", False, f"the VPC has none to {TO}; `flowlogs lab up` makes it")
        return
    fault = None if log.status != "FAILED" and not log.error else log.error or "failed"
    answer.say("flow log", fault is None, f"{log.id} of {log.resource}: {str(log.traffic).lower()} traffic, every {log.interval} s, "
               f"{len(log.fields)} fields, delivery {log.status}" + (f": {fault}" if fault else ""))  # fmt: skip


def _streams(answer: Check, session: Session, log: facts.FlowLog, hosts: list[dict[str, Any]]) -> None:
    for row in hosts:
        host = _host(row)
        answer["streams"].append(_read(session, log, host, row))
    streams = answer["streams"]
    later = "none yet: `flowlogs lab traffic` " + ("writes what stands in" if answer["emulator"] else "waits for them")
    full = [one for one in streams if one["records"]]
    answer.say("log streams", len(full) == len(HOSTS), *(
        f"{one['stream']}: the interface of {one['name']}, " + (f"{_text.iso_time(one['first'])} to {_text.iso_time(one['last'])}" if one["records"] else later)
        for one in streams))  # fmt: skip
    if not full:
        return
    wrong = sum(one["problems"] + one["bad_values"] + one["of_others"] for one in full)
    stands_in = ", written by lab traffic in AWS's place" if answer["emulator"] else ""
    evidence = []
    for one in full:
        faults = f"; {one['problems']} problems, {one['bad_values']} bad values, {one['of_others']} of other interfaces" if wrong else ""
        evidence.append(f"{one['name']}: {_text.count(one['records'], 'record')}, read by flowlogs in the flow log's format{stands_in}{faults}")
        evidence += one["examples"]
    answer.say("records", not wrong, *evidence)

    def tell(step: str, holds: bool | None, text: str) -> None:
        answer.say(step, holds, *(f"at {one['name']}: " + text.format(**one["seen"], o=other(_host(one)).name) for one in full))

    def seen(*names: str) -> bool:
        return len(full) == len(HOSTS) and all(one["seen"][name] for one in full for name in names)

    tell("each asks the other", seen("asked", "was_answered", "was_asked", "answered"),
         "{asked} requests to {o}, {was_answered} answers; {was_asked} requests from {o}, {answered} answers")  # fmt: skip
    # The internet comes when it likes.
    tell("visitors are served", seen("visited", "served") or None, "{visited} requests from outside, {served} answers")
    tell("SSH is rejected", seen("probed") or None, "{probed} probes rejected")
    quiet = sum(one["seen"]["no_data"] for one in full)
    answer.say("minutes without data", True if quiet else None, f"{_text.count(quiet, 'record')} with NODATA: nothing passed, and that is logged too")


def _told(record: dict[str, Any]) -> str:
    return (f"{_text.iso_time(record['start'])} {record['srcaddr']}:{record['srcport']} to {record['dstaddr']}:{record['dstport']}, "
            f"{_text.count(record['packets'], 'packet')}, {_text.count(record['bytes'], 'byte')}, {record['action']}")  # fmt: skip


def _host(row: dict[str, Any]) -> Host:
    return next(one for one in HOSTS if one.name == row["name"])


def _read(session: Session, log: facts.FlowLog, host: Host, row: dict[str, Any]) -> dict[str, Any]:
    """What the stream of an interface holds."""
    stream = stream_of(str(row["interface"]), log.traffic)
    logs = delivery.scan(session, log, stream)
    names = {"h": f"'{host.address}'", "o": f"'{other(host).address}'"}
    queries = {what: logs.filter(text.format(**names)).agg(n="count()") for what, text in SEEN.items()}
    whole = logs.agg(first="min(start)", last="max(end)", n="count()")
    foreign = logs.filter(f"interface-id != '{row['interface']}'").agg(n="count()")
    tables = _core.collect_all([whole, foreign, *queries.values()])
    examples = [logs.filter(SEEN[what].format(**names)).head(1).collect() for what in _SHOWN]
    stats = tables[0].stats
    return {
        "stream": stream, "name": host.name, "interface": row["interface"], "records": tables[0][0]["n"],
        "problems": sum(stats.problems.values()), "bad_values": sum(stats.bad_values.values()), "of_others": tables[1][0]["n"],
        "first": tables[0][0]["first"], "last": tables[0][0]["last"],
        "seen": {what: table[0]["n"] for what, table in zip(queries, tables[2:])},
        "examples": [_told(table[0]) for table in examples if len(table)],
    }  # fmt: skip
