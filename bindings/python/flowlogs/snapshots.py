"""Directories that `flowlogs aws inventory` wrote, as tables: what stands behind ids and addresses, and since when.

Several directories of one account and region are snapshots: the last one not after a record's start counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ._core import ArgumentError, EnrichmentTable
from .enrichment import table_of
from .inventory import Inventory, addresses_of, blocks_of

_Row = dict[str, str]

# What is looked for in which fields.
_FIELDS = {
    "interface": ("interface-id", "next-hop-interface-id", "tgw-src-eni", "tgw-dst-eni"),
    "instance": ("instance-id",),
    "subnet": ("subnet-id", "next-hop-subnet-id", "tgw-src-subnet-id", "tgw-dst-subnet-id"),
    "vpc": ("vpc-id", "next-hop-vpc-id", "tgw-src-vpc-id", "tgw-dst-vpc-id"),
    "gateway": ("tgw-id",),
    "attachment": ("tgw-attachment-id", "tgw-pair-attachment-id"),
}


class _Snapshot:
    """What one directory says: rows of values by kind and key. The kind "address" has addresses and prefixes."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.time = 0
        self.names = Inventory([directory]).names
        self.owner = ("", "")  # account and region
        self.rows: dict[str, dict[str, _Row]] = {kind: {} for kind in (*_FIELDS, "address")}
        instances = {item["InstanceId"]: item for item in self._items("instances")}
        for item in self._items("network-interfaces"):
            self._add_interface(item, instances.get((item.get("Attachment") or {}).get("InstanceId", ""), {}))
        for key, item in instances.items():
            self._add("instance", key, _thing(item, _groups(item.get("SecurityGroups")), item.get("Placement", {}).get("AvailabilityZone")))
        for item in self._items("subnets"):
            row = _thing(item, "", item.get("AvailabilityZone"))
            self._add("subnet", item["SubnetId"], row)
            place = {"subnet": item["SubnetId"], "vpc": item.get("VpcId", ""), "zone": item.get("AvailabilityZone", "")}
            for block in blocks_of(item):
                self._add("address", block, place)
        for item in self._items("vpcs"):
            self._add("vpc", item["VpcId"], _thing(item, "", None))
            for block in blocks_of(item):
                if self.rows["address"].get(block, {}).get("vpc") != item["VpcId"]:  # else it is all one subnet
                    self._add("address", block, {"vpc": item["VpcId"]})
        for item in self._items("transit-gateways"):
            self._add("gateway", item["TransitGatewayId"], _thing(item, "", None))
        for item in self._items("transit-gateway-attachments"):
            self._add("attachment", item["TransitGatewayAttachmentId"], _thing(item, "", None))

    def _items(self, name: str) -> list[dict[str, Any]]:
        path = os.path.join(self.directory, name + ".json")
        try:
            with open(path, encoding="utf-8") as file:
                value = json.load(file)
            self.owner = (value.get("account", ""), value.get("region", ""))
            self.time = max(self.time, int(value.get("time", 0)))  # without one it holds for all records
            items: list[dict[str, Any]] = value["items"]
        except FileNotFoundError:
            return []  # it could not be listed: manifest.json says why
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArgumentError(f"inventory: {path}: {error}; write the inventory again") from None
        return items

    def _add_interface(self, item: dict[str, Any], instance: dict[str, Any]) -> None:
        row = _thing(item, _groups(item.get("Groups")), item.get("AvailabilityZone"))
        row["instance"] = instance.get("InstanceId") or (item.get("Attachment") or {}).get("InstanceId", "")
        tags = {**_tags(instance), **_tags(item)}
        row.update(tags)
        row["name"] = self.names.get(item["NetworkInterfaceId"]) or item.get("Description", "")
        self._add("interface", item["NetworkInterfaceId"], row)
        here = {**row, "interface": item["NetworkInterfaceId"]}
        for address in set(addresses_of(item)):
            self._add("address", address, here)

    def _add(self, kind: str, key: str | None, row: _Row) -> None:
        if key:
            rows = self.rows[kind]
            rows[key] = _agreed(rows[key], row) if key in rows else row


def _thing(item: dict[str, Any], groups: str, zone: str | None) -> _Row:
    tags = _tags(item)
    row = {"name": tags.get("tag.Name", ""), "vpc": item.get("VpcId", ""), "subnet": item.get("SubnetId", "")}
    return {**row, "zone": zone or "", "groups": groups, **tags}


def _tags(item: dict[str, Any]) -> _Row:
    return {f"tag.{tag['Key']}": tag["Value"] for tag in [*item.get("Tags", []), *item.get("TagSet", [])]}


def _groups(groups: Iterable[dict[str, Any]] | None) -> str:
    return " ".join(sorted(group.get("GroupName") or group["GroupId"] for group in groups or []))


def _agreed(a: _Row, b: _Row) -> _Row:
    """What two things that have one address share: VPCs may use the same prefixes."""
    return {name: a.get(name, "") if a.get(name) == b.get(name) else "" for name in {**a, **b}}


def tables(directories: Sequence[str]) -> list[EnrichmentTable]:
    """The tables of the directories, one for each kind of key."""
    owners: dict[tuple[str, str], list[_Snapshot]] = {}
    for directory in directories:
        snapshot = _Snapshot(directory)
        owners.setdefault(snapshot.owner, []).append(snapshot)
    for snapshots in owners.values():
        snapshots.sort(key=lambda snapshot: snapshot.time)
    times = sorted({snapshot.time for snapshots in owners.values() for snapshot in snapshots})
    made = [table_of(_history(list(owners.values()), times, "address"))]
    made += [table_of(_history(list(owners.values()), times, kind), fields) for kind, fields in _FIELDS.items()]
    return made


def _history(owners: list[list[_Snapshot]], times: list[int], kind: str) -> Iterator[tuple[str, _Row, int | None]]:
    """Entries for each time at which a key's row changes. An address that is gone says nothing from then on: another thing may
    have had it since. An id belongs to one thing for ever."""
    rows: dict[str, _Row] = {}
    for i, time in enumerate(times):
        now: dict[str, _Row] = {}
        for snapshots in owners:
            latest = [snapshot for snapshot in snapshots if snapshot.time <= time] or snapshots[:1]
            for key, row in latest[-1].rows[kind].items():
                now[key] = _agreed(now[key], row) if key in now else row
        if kind == "address":
            now.update({key: {} for key in rows if key not in now})
        for key, row in now.items():
            if rows.get(key) != row:
                yield key, row, None if i == 0 else time
        rows.update(now)
