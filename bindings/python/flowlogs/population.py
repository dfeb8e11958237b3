"""What there is to be logged: VPCs, interfaces, groups and ACLs, as AWS says now or an inventory said (`flowlogs aws
inventory -o DIR`), each list with the call that gave it, whose it is, and when. Without either, what the records show.
"""

from __future__ import annotations

import os
import time

from . import _core
from .inventory import read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

KINDS = ("flow-logs", "vpcs", "network-interfaces", "security-groups", "network-acls")
# SSH and RDP, which the CIS benchmark names.
_PORTS = (22, 3389)
_WORLD = ("0.0.0.0/0", "::/0")


def of_inventories(directories: Iterable[str]) -> tuple[dict[str, list[dict[str, Any]]], dict[str, str]]:
    """The lists of inventories, and why some are missing. Raises ArgumentError."""
    lists: dict[str, list[dict[str, Any]]] = {}
    missing: dict[str, str] = {}
    for directory in directories:
        manifest = read_file(directory, "manifest", "write it with `flowlogs aws inventory -o DIR`")
        for kind in KINDS:
            if kind in manifest.get("files", {}):
                found = read_file(directory, kind, "write the inventory again")
                if not isinstance(found.get("items"), list):
                    raise _core.ArgumentError(f"inventory: {os.path.join(directory, kind)}.json: it has no items; write the inventory again")
                lists.setdefault(kind, []).append(found)
            else:
                missing[kind] = str(manifest.get("missing", {}).get(kind, f"{directory} has no {kind}.json"))
    for kind in missing:
        lists.pop(kind, None)  # a part of the population would be taken for all of it
    return lists, missing


def files_of(directories: Iterable[str]) -> list[str]:
    """The files that of_inventories() reads."""
    paths = (os.path.join(directory, f"{name}.json") for directory in directories for name in ("manifest", *KINDS))
    return [path for path in paths if os.path.isfile(path)]


def of_session(session: Any) -> tuple[dict[str, list[dict[str, Any]]], dict[str, str]]:
    """What AWS says now. What may not be asked is missing."""
    from .aws import collecting
    from .aws.errors import AwsError

    lists: dict[str, list[dict[str, Any]]] = {}
    missing: dict[str, str] = {}
    for kind in KINDS:
        service, operation, key = collecting.KINDS[kind]
        call = f"{service}:{collecting.camel(operation)}"
        asked = int(time.time())
        try:
            items = list(session.pages(service, operation, key, f"list {kind.replace('-', ' ')}"))
            account = session.account
        except AwsError as error:
            missing[kind] = str(error)
            continue
        lists[kind] = [{"account": account, "region": session.region, "call": call, "time": asked, "items": items}]
    return lists, missing


def described(
    source: str, lists: dict[str, list[dict[str, Any]]], missing: dict[str, str], seen: set[str] | None, ends: int | None
) -> dict[str, Any]:
    """The population of an Audit. source: "aws", "inventory" or "records"; seen: the interfaces of the records, None if they
    are not told; ends: when the records end.
    """
    made: dict[str, Any] = {
        "source": source if "network-interfaces" in lists and seen is not None else "records",
        "lists": {
            kind: [{**{key: one.get(key) for key in ("account", "region", "call", "time")}, "items": len(one["items"])} for one in some]
            for kind, some in sorted(lists.items())
        },
        "missing": dict(sorted(missing.items())),
        "interfaces": None if seen is None else len(seen),
        "not_logged": [],
        "silent": [],
        "gone": [],
        "vpcs": [],
        "open": [],
    }
    logs: dict[Any, list[dict[str, Any]]] = {}
    for log in _items(lists, "flow-logs"):
        logs.setdefault(log.get("ResourceId"), []).append(log)
    if "vpcs" in lists and "flow-logs" in lists:
        made["vpcs"] = sorted((_vpc(vpc, logs.get(vpc["VpcId"], [])) for vpc in _items(lists, "vpcs")), key=lambda vpc: str(vpc["id"]))
    if "network-interfaces" in lists and seen is not None:
        made.update(_interfaces(lists, logs if "flow-logs" in lists else None, seen, ends))
    made["open"] = sorted(
        [*_open_groups(_items(lists, "security-groups")), *_open_acls(_items(lists, "network-acls"))],
        key=lambda row: (row["kind"], row["id"], row["cidr"], row["port"]),
    )
    return made


def _items(lists: dict[str, list[dict[str, Any]]], kind: str) -> Iterator[dict[str, Any]]:
    for one in lists.get(kind, ()):
        yield from one["items"]


def _vpc(vpc: dict[str, Any], logs: list[dict[str, Any]]) -> dict[str, Any]:
    working = [log for log in logs if log.get("FlowLogStatus", "ACTIVE") == "ACTIVE" and log.get("DeliverLogsStatus") != "FAILED"]
    traffic = {log.get("TrafficType") or "ALL" for log in working}
    kind = "ALL" if "ALL" in traffic or {"ACCEPT", "REJECT"} <= traffic else next(iter(traffic), None)
    return {"id": vpc["VpcId"], "flow_logs": sorted(log["FlowLogId"] for log in logs), "delivers": bool(working), "traffic": kind}


def _interfaces(
    lists: dict[str, list[dict[str, Any]]], logs: dict[Any, Any] | None, seen: set[str], ends: int | None
) -> dict[str, Any]:
    """Those in use: without a flow log, or logged without a record; and those of the records that are no more."""
    used, not_logged, silent, every = 0, [], [], set()
    for one in _items(lists, "network-interfaces"):
        id = one["NetworkInterfaceId"]
        every.add(id)
        if one.get("Status") != "in-use":
            continue
        used += 1
        if logs is not None and not any(logs.get(place) for place in (id, one.get("SubnetId"), one.get("VpcId"))):
            not_logged.append(id)
        elif id not in seen and (ends is None or _seconds((one.get("Attachment") or {}).get("AttachTime")) < ends):
            silent.append(id)
    gone = sorted(seen - every)
    return {"interfaces": used, "not_logged": sorted(not_logged), "silent": sorted(silent), "gone": gone}


def _seconds(at: Any) -> float:
    """Of a time as boto3 gives it, or as an inventory writes it."""
    if at is None:
        return 0
    if isinstance(at, str):
        from .windows import parse_time

        try:
            return parse_time(at)
        except _core.Error:
            return 0
    return float(at.timestamp())


def _covers(low: Any, high: Any, port: int) -> bool:
    return low is None or low == -1 or low <= port <= (low if high is None else high)


def _open_groups(groups: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for group in groups:
        for rule in group.get("IpPermissions", []):
            if str(rule.get("IpProtocol")) not in ("-1", "tcp", "6", "udp", "17"):
                continue
            cidrs = [one.get("CidrIp") for one in rule.get("IpRanges", [])] + [one.get("CidrIpv6") for one in rule.get("Ipv6Ranges", [])]
            for cidr in cidrs:
                for port in _PORTS:
                    if cidr in _WORLD and (str(rule["IpProtocol"]) == "-1" or _covers(rule.get("FromPort"), rule.get("ToPort"), port)):
                        yield {"kind": "security-groups", "id": group["GroupId"], "cidr": cidr, "port": port, "default": False}


def _open_acls(acls: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What the first entry for everybody says of a port."""
    for acl in acls:
        entries = sorted((entry for entry in acl.get("Entries", []) if not entry.get("Egress")), key=lambda entry: int(entry.get("RuleNumber", 0)))
        for cidr in _WORLD:
            for port in _PORTS:
                for entry in entries:
                    ports = entry.get("PortRange") or {}
                    covers = str(entry.get("Protocol")) == "-1" or (
                        str(entry.get("Protocol")) in ("6", "tcp") and _covers(ports.get("From"), ports.get("To"), port)
                    )
                    if covers and cidr in (entry.get("CidrBlock"), entry.get("Ipv6CidrBlock")):
                        if entry.get("RuleAction") == "allow":
                            yield {"kind": "network-acls", "id": acl["NetworkAclId"], "cidr": cidr, "port": port,
                                   "default": bool(acl.get("IsDefault"))}  # fmt: skip
                        break
