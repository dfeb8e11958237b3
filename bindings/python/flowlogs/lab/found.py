"""What there is of the lab on AWS, by its tag. Only reads."""

from __future__ import annotations

from typing import Any

from ..aws import facts
from ..aws.errors import AwsError
from ..aws.session import Session
from . import topology
from .topology import HOSTS, TAG, VALUE, Host

# How each kind is listed: operation, key of the answer, key of the id.
KINDS = {
    "VPC": ("describe_vpcs", "Vpcs", "VpcId"),
    "internet gateway": ("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "route table": ("describe_route_tables", "RouteTables", "RouteTableId"),
    "subnet": ("describe_subnets", "Subnets", "SubnetId"),
    "network ACL": ("describe_network_acls", "NetworkAcls", "NetworkAclId"),
    "security group": ("describe_security_groups", "SecurityGroups", "GroupId"),
    "instance": ("describe_instances", "Reservations", "InstanceId"),
}
_FILTERS = [{"Name": f"tag:{TAG}", "Values": [VALUE]}]


class Found:
    """The lab's resources, by kind, as AWS describes them. Instances that have ended are none."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.items: dict[str, list[dict[str, Any]]] = {}
        self.ending: list[dict[str, Any]] = []  # instances that are not gone yet
        for kind, (operation, key, id_key) in KINDS.items():
            if kind == "instance":
                items, self.ending = instances_of(session)
            else:
                items = list(session.pages("ec2", operation, key, f"look for the lab's {kind}s", Filters=_FILTERS))
            self.items[kind] = sorted(items, key=lambda item: str(item[id_key]))

    def first(self, kind: str, name: str | None = None) -> dict[str, Any] | None:
        """The resource of the kind; name: as its tag Name says."""
        return next((one for one in self.items[kind] if name is None or facts.tags_of(one.get("Tags")).get("Name") == name), None)

    def id(self, kind: str, name: str | None = None) -> str | None:
        one = self.first(kind, name)
        return None if one is None else str(one[KINDS[kind][2]])

    def instance(self, host: Host) -> dict[str, Any] | None:
        return self.first("instance", host.full_name)

    @property
    def anything(self) -> bool:
        return any(self.items.values())

    @property
    def vpc(self) -> str:
        """The id of the VPC. Raises AwsError if there is none."""
        found = self.id("VPC")
        if found is None:
            raise AwsError(f"there is no lab in {self.session.region}; `flowlogs lab up` makes it")
        return found

    def flow_log(self) -> facts.FlowLog | None:
        """The flow log of the VPC into the lab's log group."""
        logs = [log for log in facts.flow_logs(self.session, [self.vpc]) if log.destination == topology.TO]
        return logs[-1] if logs else None

    def hosts(self) -> list[dict[str, Any]]:
        """As hosts_of()."""
        return _rows(self.items["instance"])


def hosts_of(session: Session) -> list[dict[str, Any]]:
    """The instances: name, instance, interface, subnet, private, public, url, state, expires. Asks for these alone."""
    return _rows(instances_of(session)[0])


def instances_of(session: Session) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The lab's instances, and those that are ending."""
    reservations = session.pages("ec2", "describe_instances", "Reservations", "look for the lab's instances", Filters=_FILTERS)
    every = [instance for reservation in reservations for instance in reservation["Instances"]]
    ending = [one for one in every if one["State"]["Name"] == "shutting-down"]
    return [one for one in every if one["State"]["Name"] not in ("shutting-down", "terminated")], ending


def _rows(instances: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for host in HOSTS:
        for instance in instances:
            tags = facts.tags_of(instance.get("Tags"))
            if tags.get("Name") != host.full_name:
                continue
            interface = (instance.get("NetworkInterfaces") or [{}])[0]
            public = instance.get("PublicIpAddress")
            rows.append({
                "name": host.name, "instance": instance["InstanceId"], "interface": interface.get("NetworkInterfaceId"),
                "subnet": instance.get("SubnetId"), "private": instance.get("PrivateIpAddress"), "public": public,
                "url": f"http://{public}/" if public else None, "state": instance["State"]["Name"],
                "expires": tags.get(topology.EXPIRES),
            })  # fmt: skip
            break
    return rows


def stream_of(interface: str, traffic: str | None) -> str:
    """The log stream that the flow logs of an interface are delivered into."""
    return f"{interface}-{(traffic or 'all').lower()}"


def opened(group: dict[str, Any]) -> list[tuple[str, int, int]]:
    """What a security group lets in from anywhere: (protocol, first port, last port)."""
    return [
        (permission["IpProtocol"], permission.get("FromPort", 0), permission.get("ToPort", 65535))
        for permission in group.get("IpPermissions", [])
        if any(item.get("CidrIp") == topology.ANYWHERE for item in permission.get("IpRanges", []))
    ]
