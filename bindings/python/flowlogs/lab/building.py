"""The lab is built: a plan that can be read, then what is missing.

Every resource gets its tag with the call that makes it, the VPC is made first and goes last: so a run that was killed
between two calls is finished by the next one, and what nobody finds again is never made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from .. import _text
from ..aws import enabling, facts, prices
from ..aws.caller_policy import lab_policy
from ..aws.errors import AwsError, clean, code_of
from ..aws.plan import Plan, Step
from ..aws.session import Session
from ..aws.wish import Wish
from . import topology
from .found import KINDS, Found, hosts_of, instances_of, opened
from .topology import ANYWHERE, HOSTS, NAME, SSH, TAG, TO, VALUE, WEB, Host

_PATIENCE_SECONDS = 30  # for what AWS does not know everywhere yet, or still believes to be in use
_INSTANCES_SECONDS = 300
_SPECIFICATIONS = {"VPC": "vpc", "network ACL": "network-acl"}  # others: the kind, hyphened


class LabPlan(Plan):
    """What `up` or `down` will do, or did: a Plan with more keys.

    emulator: the URL of what stands in for AWS, or None; usd_per_hour, prices: what the lab costs; instances [{name,
    instance, interface, subnet, private, public, url, state, expires}] once `up` was done.
    """

    def __init__(self, verb: str, session: Session, steps: list[Step]) -> None:
        super().__init__(verb, session.account, session.region, session.caller, steps)
        self.update(emulator=emulator_of(session), usd_per_hour=None, prices=None, instances=[])

    def _lines(self, width: int, style: _text.Style) -> list[str]:
        lines = super()._lines(width, style)
        if self["emulator"]:
            lines.insert(1, f"emulated at {self['emulator']}: nothing of AWS is looked at or changed")
        if self["usd_per_hour"] is not None:
            lines += ["", *_text.wrapped(_money(self), max(40, width))]
        if self["applied"] and self["verb"] == "lab up":
            lines += ["", *self.outcome()]
        return lines

    def outcome(self) -> list[str]:
        """The instances, and what comes next."""
        rows = [["  instance", "page", "private address", "interface"]]
        rows += [[f"  {i['name']} {i['instance']}", i["url"] or "-", i["private"], i["interface"]] for i in self["instances"]]
        return [line.rstrip() for line in _text.aligned(rows, "<<<<")] + ["", f"log group: {TO.name}"]


def _money(plan: LabPlan) -> str:
    amount = plan["prices"]
    text = (
        f"money: {plan['usd_per_hour']:.3f} USD an hour while the instances run: {len(HOSTS)} {topology.INSTANCE_TYPE}, their "
        f"public addresses, disks and records; list price of {amount['region']} of {amount['date']} ({amount['source']}). "
        "Network, role and log group cost nothing."
    )
    return text + (" In the emulator it is all free." if plan["emulator"] else "")


def emulator_of(session: Session) -> str | None:
    """The URL of what stands in for AWS; None for AWS itself."""
    url = str(session.client("ec2").meta.endpoint_url)
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
    is_aws = host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".amazonwebservices.com.cn"))
    return None if is_aws else clean(url)


def up(session: Session, ttl: str = "2h") -> LabPlan:
    """What is to be made. Reads only."""
    return _Builder(session, topology.minutes_of(ttl)).plan()


class _Builder:
    def __init__(self, session: Session, minutes: int) -> None:
        self.session, self.minutes = session, minutes
        self.found = Found(session)
        self.ids: dict[tuple[str, str], str] = {}
        self.steps: list[Step] = []
        for kind, (_, _, id_key) in KINDS.items():
            for item in self.found.items[kind]:
                self.ids.setdefault((kind, facts.tags_of(item.get("Tags")).get("Name", "")), str(item[id_key]))

    def plan(self) -> LabPlan:
        self._vpc()
        self._gateway()
        self._subnets()
        self._route_table()
        self._acl()
        self._groups()
        self._flow_log()
        self._instances()
        answer = LabPlan("lab up", self.session, self.steps)
        answer["notes"] = self._notes()
        answer["usd_per_hour"] = prices.instances_per_hour(topology.INSTANCE_TYPE, len(HOSTS), topology.DISK_GB)
        answer["prices"] = {"region": prices.REGION, "date": prices.DATE, "source": prices.INSTANCE_SOURCE}
        answer["instances"] = self.found.hosts()
        session = self.session
        answer["policies"] = {"permissions of whoever runs this": lab_policy(session.partition, session.account, session.region, TO, (TAG, VALUE))}
        return answer

    def _notes(self) -> list[str]:
        notes = []
        there = [host for host in self.found.hosts() if host["expires"]]
        if there:
            ends = ", ".join(f"{host['name']} at {host['expires'].replace('T', ' ')}" for host in there)
            notes.append(f"the instances end themselves, {ends}, as was said when they were made")
        if len(there) < len(HOSTS):
            there_too = "; the emulator only notes it" if emulator_of(self.session) else ""
            notes.append(f"new instances end themselves, for good, after {_text.duration(self.minutes * 60)} (--ttl){there_too}; `flowlogs "
                         "lab down` removes everything")  # fmt: skip
        if not emulator_of(self.session):
            notes.append(f"the pages are open to everybody: TCP port {WEB} from {ANYWHERE}")
        return notes

    # One thing: it is made, then its parts are; of one that is there, only the parts that it lacks are made.

    def _thing(self, kind: str, name: str, detail: str, make: Callable[[], str], parts: Iterable[Callable[[], None]]) -> None:
        there = self.ids.get((kind, name))
        lacking = list(parts)

        def run() -> None:
            if there is None:
                self.ids[kind, name] = make()
            for part in lacking:
                part()

        shown = f"{name} {there}" if there else name
        if there is not None and not lacking:
            self.steps.append(Step("keep", kind, shown, detail))
        else:
            self.steps.append(Step("create" if there is None else "change", kind, shown, detail, run))

    def _id(self, kind: str, name: str = NAME) -> str:
        return self.ids[kind, name]

    def _tags(self, kind: str, name: str) -> list[dict[str, Any]]:
        tags = {"Name": name, TAG: VALUE, facts.MADE_BY: facts.MADE}
        return [{"ResourceType": _SPECIFICATIONS.get(kind, kind.replace(" ", "-")), "Tags": facts.tag_list(tags)}]

    def _call(self, what: str, operation: str, **arguments: Any) -> Any:
        """What was made a moment ago may not be known everywhere yet."""
        return patient(self.session, what, operation, ".NotFound", **arguments)

    def _vpc(self) -> None:
        def make() -> str:
            answer = self._call("create the VPC", "create_vpc", CidrBlock=topology.VPC_CIDR, TagSpecifications=self._tags("VPC", NAME))
            return str(answer["Vpc"]["VpcId"])

        self._thing("VPC", NAME, topology.VPC_CIDR, make, [])

    def _gateway(self) -> None:
        there = self.found.first("internet gateway", NAME)

        def make() -> str:
            answer = self._call("create the internet gateway", "create_internet_gateway",
                                TagSpecifications=self._tags("internet gateway", NAME))  # fmt: skip
            return str(answer["InternetGateway"]["InternetGatewayId"])

        def attach() -> None:
            self._call("attach the internet gateway", "attach_internet_gateway",
                       InternetGatewayId=self._id("internet gateway"), VpcId=self._id("VPC"))  # fmt: skip

        attached = there is not None and there.get("Attachments")
        self._thing("internet gateway", NAME, "the way to the internet, attached to the VPC", make, [] if attached else [attach])

    def _subnets(self) -> None:
        for host in HOSTS:
            there = self.found.first("subnet", host.full_name)

            def make(host: Host = host) -> str:
                answer = self._call(f"create the subnet {host.full_name}", "create_subnet", VpcId=self._id("VPC"), CidrBlock=host.subnet,
                                    AvailabilityZone=self._zone(host), TagSpecifications=self._tags("subnet", host.full_name))  # fmt: skip
                return str(answer["Subnet"]["SubnetId"])

            def publish(host: Host = host) -> None:
                self._call(f"let the subnet {host.full_name} give public addresses", "modify_subnet_attribute",
                           SubnetId=self._id("subnet", host.full_name), MapPublicIpOnLaunch={"Value": True})  # fmt: skip

            public = there is not None and there.get("MapPublicIpOnLaunch")
            detail = f"{host.subnet}, gives public addresses" + (f", in {there['AvailabilityZone']}" if there else "")
            self._thing("subnet", host.full_name, detail, make, [] if public else [publish])

    def _zone(self, host: Host) -> str:
        """A zone that has such instances, another one for each subnet where there are two."""
        found = self.session.pages(
            "ec2", "describe_instance_type_offerings", "InstanceTypeOfferings", f"look for zones that have {topology.INSTANCE_TYPE}",
            LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [topology.INSTANCE_TYPE]}])  # fmt: skip
        zones = sorted({offering["Location"] for offering in found})
        if not zones:
            raise AwsError(f"no zone of {self.session.region} has instances of the type {topology.INSTANCE_TYPE}; take another --region")
        return str(zones[HOSTS.index(host) % len(zones)])

    def _route_table(self) -> None:
        there = self.found.first("route table", NAME) or {}
        parts = []

        def make() -> str:
            answer = self._call("create the route table", "create_route_table", VpcId=self._id("VPC"),
                                TagSpecifications=self._tags("route table", NAME))  # fmt: skip
            return str(answer["RouteTable"]["RouteTableId"])

        def route() -> None:
            self._call("create the route to the internet", "create_route", RouteTableId=self._id("route table"),
                       DestinationCidrBlock=ANYWHERE, GatewayId=self._id("internet gateway"))  # fmt: skip

        if not any(r.get("DestinationCidrBlock") == ANYWHERE for r in there.get("Routes", [])):
            parts.append(route)
        for host in HOSTS:

            def associate(host: Host = host) -> None:
                self._call(f"give the subnet {host.full_name} its routes", "associate_route_table",
                           RouteTableId=self._id("route table"), SubnetId=self._id("subnet", host.full_name))  # fmt: skip

            if not _associated(there, self.ids.get(("subnet", host.full_name))):
                parts.append(associate)
        self._thing("route table", NAME, f"{ANYWHERE} by the internet gateway, for both subnets", make, parts)

    def _acl(self) -> None:
        there = self.found.first("network ACL", NAME) or {}
        entries = {(entry["RuleNumber"], entry["Egress"]) for entry in there.get("Entries", [])}
        parts: list[Callable[[], None]] = []

        def make() -> str:
            answer = self._call("create the network ACL", "create_network_acl", VpcId=self._id("VPC"),
                                TagSpecifications=self._tags("network ACL", NAME))  # fmt: skip
            return str(answer["NetworkAcl"]["NetworkAclId"])

        def allow(number: int, egress: bool, **match: Any) -> None:
            self._call("create a rule of the network ACL", "create_network_acl_entry", NetworkAclId=self._id("network ACL"),
                       RuleNumber=number, RuleAction="allow", Egress=egress, CidrBlock=ANYWHERE, **match)  # fmt: skip

        for number, first, last in topology.ACL_IN:
            if (number, False) not in entries:
                ports = {"From": first, "To": last}
                parts.append(lambda n=number, p=ports: allow(n, False, Protocol="6", PortRange=p))  # type: ignore[misc]
        if (topology.ACL_OUT, True) not in entries:
            parts.append(lambda: allow(topology.ACL_OUT, True, Protocol="-1"))
        for host in HOSTS:

            def take(host: Host = host) -> None:
                use_acl(self.session, self._id("subnet", host.full_name), self._id("network ACL"))

            if not _associated(there, self.ids.get(("subnet", host.full_name))):
                parts.append(take)
        self._thing("network ACL", NAME, f"in: TCP {WEB}, {SSH} and replies; out: everything; for both subnets", make, parts)

    def _groups(self) -> None:
        for host in HOSTS:
            there = self.found.first("security group", host.full_name)

            def make(host: Host = host) -> str:
                answer = self._call(f"create the security group {host.full_name}", "create_security_group", VpcId=self._id("VPC"),
                                    GroupName=host.full_name, Description=f"The page of instance {host.name}; made by flowlogs lab",
                                    TagSpecifications=self._tags("security group", host.full_name))  # fmt: skip
                return str(answer["GroupId"])

            def permit(host: Host = host) -> None:
                web = {"IpProtocol": "tcp", "FromPort": WEB, "ToPort": WEB, "IpRanges": [{"CidrIp": ANYWHERE, "Description": "the page"}]}
                self._call(f"open port {WEB} in the security group {host.full_name}", "authorize_security_group_ingress",
                           GroupId=self._id("security group", host.full_name), IpPermissions=[web])  # fmt: skip

            is_open = there is not None and ("tcp", WEB, WEB) in opened(there)
            detail = f"in: TCP {WEB} from {ANYWHERE}, nothing else: SSH is rejected; out: everything"
            self._thing("security group", host.full_name, detail, make, [] if is_open else [permit])

    def _flow_log(self) -> None:
        """As `aws enable` does it."""
        vpc = self.ids.get(("VPC", NAME))
        if vpc is not None:
            plan = enabling.plan(self.session, wish_of(vpc))
            self.steps += plan._steps
            return
        wish = wish_of("vpc-00000000")

        def run() -> None:
            enabling.plan(self.session, wish_of(self._id("VPC"))).apply()

        role = wish.role_of(self.session.region)
        self.steps += [
            Step("create", "role", role, f"vpc-flow-logs.amazonaws.com may assume it for flow logs of {self.session.account} in "
                 f"{self.session.region} only, and write into {TO.name}"),
            Step("create", "log group", TO.name, f"class standard; records are kept {_text.count(topology.RETENTION_DAYS, 'day')}"),
            Step("create", "flow log", f"of the VPC {NAME}", f"all traffic, every {wish.interval} s, {len(wish.fields)} fields, to {TO}", run),
        ]  # fmt: skip

    def _instances(self) -> None:
        missing = [host for host in HOSTS if self.found.instance(host) is None]
        for host in HOSTS:
            there = self.found.instance(host)
            detail = f"{topology.INSTANCE_TYPE}, {host.address}: serves its page on port {WEB}, asks {topology.other(host).name} for its own"
            if there is None:
                self.steps.append(Step("create", "instance", host.full_name, detail, lambda host=host: self._launch(host)))  # type: ignore[misc]
            elif there["State"]["Name"] in ("stopping", "stopped"):
                why = "it is stopped, and started again it would not end itself: a new one"
                self.steps.append(Step("recreate", "instance", f"{host.full_name} {there['InstanceId']}", why,
                                       lambda host=host, id=str(there["InstanceId"]): self._launch(host, id)))  # type: ignore[misc]
                missing.append(host)
            else:
                self.steps.append(Step("keep", "instance", f"{host.full_name} {there['InstanceId']}", detail))
        if missing:
            self.steps.append(Step("check", "instances", NAME, "until both run and have a public address", self._wait))

    def _launch(self, host: Host, old: str | None = None) -> None:
        if old is not None:
            end(self.session, [old])
        with self.session.doing("look for the newest Amazon Linux", "ssm"):
            image = self.session.client("ssm").get_parameter(Name=topology.IMAGE)["Parameter"]["Value"]
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.minutes * 60))
        tags = {"Name": host.full_name, TAG: VALUE, facts.MADE_BY: facts.MADE}
        more = {"instance": {topology.EXPIRES: ends}, "volume": {}, "network-interface": {}}
        # No second one is made by a run that does not see the first yet: the private address would be in use.
        self._call(
            f"create the instance {host.full_name}", "run_instances", ImageId=image, InstanceType=topology.INSTANCE_TYPE,
            MinCount=1, MaxCount=1, UserData=topology.user_data(host, self.minutes),
            InstanceInitiatedShutdownBehavior="terminate", MetadataOptions={"HttpTokens": "required"},
            NetworkInterfaces=[{
                "DeviceIndex": 0, "SubnetId": self._id("subnet", host.full_name), "PrivateIpAddress": host.address,
                "Groups": [self._id("security group", host.full_name)], "AssociatePublicIpAddress": True, "DeleteOnTermination": True,
            }],
            TagSpecifications=[{"ResourceType": kind, "Tags": facts.tag_list({**tags, **extra})} for kind, extra in more.items()],
        )  # fmt: skip

    def _wait(self) -> None:
        deadline = time.monotonic() + _INSTANCES_SECONDS
        while True:
            rows = hosts_of(self.session)
            if len(rows) == len(HOSTS) and all(row["state"] == "running" and row["public"] for row in rows):
                return
            if time.monotonic() > deadline:
                states = ", ".join(f"{row['name']} {row['state']}" for row in rows) or "none is there"
                raise AwsError(f"the instances do not run after {_INSTANCES_SECONDS} s ({states}); run the same again, or `flowlogs lab down`")
            time.sleep(3)


def wish_of(vpc: str) -> Wish:
    """The flow log of the tutorial, with its role and its log group."""
    return Wish(resources={"vpc": vpc}, to=str(TO), name=NAME, retention=topology.RETENTION_DAYS,
                role_description=topology.ROLE_DESCRIPTION, tags={TAG: VALUE})  # fmt: skip


def _associated(item: dict[str, Any], subnet: str | None) -> bool:
    return any(subnet is not None and one.get("SubnetId") == subnet for one in item.get("Associations", []))


def use_acl(session: Session, subnet: str, acl: str) -> None:
    """A subnet has one network ACL always: another takes its place."""
    filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
    for item in session.pages("ec2", "describe_network_acls", "NetworkAcls", "look for the subnet's network ACL", Filters=filters):
        for one in item["Associations"]:
            if one.get("SubnetId") == subnet and item["NetworkAclId"] != acl:
                patient(session, "give the subnet its network ACL", "replace_network_acl_association",
                         AssociationId=one["NetworkAclAssociationId"], NetworkAclId=acl)  # fmt: skip


def patient(session: Session, what: str, operation: str, again: str | None = None, gone: tuple[str, ...] = (), **arguments: Any) -> Any:
    """The answer of a call of EC2. Errors whose code ends with `again` are a matter of time, and it is called once more for some
    seconds; those of `gone` are no errors."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with session.doing(what, "ec2"):
            try:
                return getattr(session.client("ec2"), operation)(**arguments)
            except Exception as error:
                code = code_of(error) if hasattr(error, "response") else ""
                if gone and code.endswith(gone):
                    return None
                if again is None or not code.endswith(again) or time.monotonic() > deadline:
                    raise
        time.sleep(2)


def end(session: Session, ids: list[str], ending: list[str] | None = None) -> None:
    """Ends the instances, and waits until they, and those that are ending, are gone."""
    if ids:
        patient(session, "end the instances", "terminate_instances", InstanceIds=ids)
    deadline = time.monotonic() + _INSTANCES_SECONDS
    while True:
        left = {str(one["InstanceId"]) for some in instances_of(session) for one in some}
        if not left & {*ids, *(ending or [])}:
            return
        if time.monotonic() > deadline:
            raise AwsError(f"the instances have not ended after {_INSTANCES_SECONDS} s; run the same again")
        time.sleep(3)
