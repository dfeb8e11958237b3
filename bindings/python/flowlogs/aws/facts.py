"""What there is on AWS: flow logs, resources, roles, log groups, buckets, keys. Only reads."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from .. import _core
from . import policies, rules
from .errors import Problem, RequestError, code_of
from .session import Session

# On everything that is made here; what lacks it is never changed in its nature, nor removed.
MADE_BY = "flowlogs:made-by"
MADE = "flowlogs"
# On what `lab up` made, which `lab down` removes.
LAB = "flowlogs:lab"
# Of a flow log into S3: its options, for emulators that forget them.
OPTIONS = "flowlogs:options"
# Roles of ours have a path of their own, so that they are found without asking each role for its tags.
ROLE_PATH = "/flowlogs/"


class Destination(NamedTuple):
    """kind: cloudwatch, s3 or firehose; name: group, bucket or ARN; prefix: folder of the bucket, without slashes."""

    kind: str
    name: str
    prefix: str = ""

    def __str__(self) -> str:
        if self.kind == "s3":
            return f"s3://{self.name}" + (f"/{self.prefix}" if self.prefix else "")
        return f"{self.kind}:{self.name}"

    @property
    def aws_kind(self) -> str:
        return {"cloudwatch": "cloud-watch-logs", "s3": "s3", "firehose": "kinesis-data-firehose"}[self.kind]


def destination_of(text: str) -> Destination:
    """cloudwatch:GROUP, s3://BUCKET/PREFIX, firehose:ARN, or the ARN of one. Raises RequestError."""
    text = text if isinstance(text, str) else repr(text)
    arn = re.fullmatch(r"(?:cloudwatch:|firehose:|s3:)?(arn:aws[a-z-]*:(logs|s3|firehose):.*)", text)
    if arn is not None:
        return _destination_of_arn(arn[1], arn[2])
    if text.startswith("cloudwatch:"):
        name = text[len("cloudwatch:") :]
        return Destination("cloudwatch", name[2:] if name.startswith("//") else name)
    if text.startswith("s3://"):
        bucket, _, prefix = text[len("s3://") :].partition("/")
        return Destination("s3", bucket, prefix[:-1] if prefix.endswith("/") else prefix)
    raise RequestError(
        [Problem("--to", f"'{text}' is no destination", "give cloudwatch:GROUP, s3://BUCKET/PREFIX or firehose:ARN")]
    )


def _destination_of_arn(arn: str, service: str) -> Destination:
    if service == "s3":
        bucket, _, prefix = arn.split(":", 5)[5].partition("/")
        return Destination("s3", bucket, prefix.strip("/"))
    if service == "firehose":
        return Destination("firehose", arn)
    group = arn.split(":", 6)[6] if arn.count(":") >= 6 else ""
    return Destination("cloudwatch", group[:-2] if group.endswith(":*") else group)


def tags_of(tags: Iterable[dict[str, str]] | None) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags or []}


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


# ---- Flow logs -------------------------------------------------------------------------------------------------------


class FlowLog:
    """An item of DescribeFlowLogs."""

    def __init__(self, item: dict[str, Any]) -> None:
        self.item = item
        self.id: str = item["FlowLogId"]
        self.resource: str = item.get("ResourceId", "")
        self.traffic: str | None = item.get("TrafficType")
        self.interval: int = int(item.get("MaxAggregationInterval") or 600)
        self.format: str = item.get("LogFormat", "")
        self.role: str | None = item.get("DeliverLogsPermissionArn")
        self.cross_role: str | None = item.get("DeliverCrossAccountRole")
        self.tags = tags_of(item.get("Tags"))
        self.ours = self.tags.get(MADE_BY) == MADE
        self.status: str = item.get("DeliverLogsStatus") or "unknown"
        self.error: str | None = item.get("DeliverLogsErrorMessage")
        self.created = int(item["CreationTime"].timestamp()) if item.get("CreationTime") else None
        place = item.get("LogDestination")
        if item.get("LogGroupName") and item.get("LogDestinationType", "cloud-watch-logs") == "cloud-watch-logs":
            self.destination = Destination("cloudwatch", item["LogGroupName"])
        elif place and place.startswith("arn:"):
            self.destination = _destination_of_arn(place, place.split(":")[2])
        else:
            self.destination = Destination("cloudwatch", item.get("LogGroupName", place or ""))
        options = item.get("DestinationOptions")
        self.options = (
            option_text(options) if options else self.tags.get(OPTIONS, "" if self.destination.kind == "s3" else "")
        )
        self.tag_fields = {
            spec["ResourceType"]: list(spec.get("TagKeys") or spec.get("TagKeySet") or [])
            for spec in item.get("TagFieldSpecifications") or []
        }

    @property
    def fields(self) -> list[str]:
        try:
            return list(_core.Format.parse(self.format).fields)
        except _core.FormatError:
            return self.format.split()

    @property
    def transit(self) -> bool:
        return self.resource.startswith("tgw-")


def option_text(options: dict[str, Any] | None) -> str:
    """DestinationOptions as words: "parquet hive hourly"."""
    options = options or {}
    words = [
        ("parquet", options.get("FileFormat") == "parquet"),
        ("hive", bool(options.get("HiveCompatiblePartitions"))),
        ("hourly", bool(options.get("PerHourPartition"))),
    ]
    return " ".join(word for word, is_set in words if is_set)


def flow_logs(session: Session, resources: Iterable[str] | None = None) -> list[FlowLog]:
    """All flow logs of the region, or those of the resources, the oldest first."""
    found = []
    for filters in _chunks("resource-id", resources):
        items = session.pages(
            "ec2", "describe_flow_logs", "FlowLogs", "look for flow logs", **({"Filter": filters} if filters else {})
        )
        found += [FlowLog(item) for item in items]
    return sorted(found, key=lambda flow_log: (flow_log.created or 0, flow_log.id))


def _chunks(name: str, values: Iterable[str] | None) -> list[list[dict[str, Any]]]:
    """Filters of at most 200 values each, which is what EC2 takes; [[]] for everything."""
    if values is None:
        return [[]]
    every = list(values)
    return [[{"Name": name, "Values": every[begin : begin + 200]}] for begin in range(0, len(every), 200)]


# ---- Resources -------------------------------------------------------------------------------------------------------

# How each kind is listed: operation, key of the answer, key of the id, name of the filter, parameter of filters.
_LISTS = {
    "VPC": ("describe_vpcs", "Vpcs", "VpcId", "vpc-id", "Filters"),
    "Subnet": ("describe_subnets", "Subnets", "SubnetId", "subnet-id", "Filters"),
    "NetworkInterface": ("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId", "network-interface-id", "Filters"),
    "TransitGateway": ("describe_transit_gateways", "TransitGateways", "TransitGatewayId", "transit-gateway-id", "Filters"),
    "TransitGatewayAttachment": ("describe_transit_gateway_attachments", "TransitGatewayAttachments",
                                 "TransitGatewayAttachmentId", "transit-gateway-attachment-id", "Filters"),
    "RegionalNatGateway": ("describe_nat_gateways", "NatGateways", "NatGatewayId", "nat-gateway-id", "Filter"),
}  # fmt: skip


class Resource(NamedTuple):
    kind: str
    id: str
    name: str
    owner: str
    item: dict[str, Any]


def resources(session: Session, kind: str, ids: Iterable[str] | None = None) -> list[Resource]:
    """The resources of a kind, or those of the ids that there are."""
    operation, key, id_key, filter_name, parameter = _LISTS[kind]
    found = []
    for filters in _chunks(filter_name, ids):
        step = f"look for {rules.RESOURCES[kind][0][2:]} resources"
        for item in session.pages("ec2", operation, key, step, **({parameter: filters} if filters else {})):
            if item.get("State") in ("deleted", "deleting"):
                continue
            name = tags_of(item.get("Tags") or item.get("TagSet")).get("Name", "")
            owner = item.get("OwnerId") or item.get("ResourceOwnerId") or ""
            found.append(Resource(kind, item[id_key], name, owner, item))
    if ids is not None:  # an emulator may not know the filter
        wanted = set(ids)
        found = [resource for resource in found if resource.id in wanted]
    return sorted(found, key=lambda resource: resource.id)


def count_interfaces(session: Session, kind: str, ids: list[str]) -> int:
    """How many interfaces write records; of what has none that we see, one each."""
    if kind not in ("VPC", "Subnet"):
        return len(ids)
    total = 0
    for filters in _chunks("vpc-id" if kind == "VPC" else "subnet-id", ids):
        step = "count the interfaces"
        total += sum(
            1 for _ in session.pages("ec2", "describe_network_interfaces", "NetworkInterfaces", step, Filters=filters)
        )
    return total


# ---- What a flow log stands on ---------------------------------------------------------------------------------------


def role(session: Session, name: str) -> dict[str, Any] | None:
    return _found(session, "iam", "get_role", "Role", ("NoSuchEntity",), f"look at the role {name}", RoleName=name)


def role_policy(session: Session, name: str, policy: str) -> policies.Policy | None:
    text = _found(session, "iam", "get_role_policy", "PolicyDocument", ("NoSuchEntity",),
                  f"look at the permissions of the role {name}", RoleName=name, PolicyName=policy)  # fmt: skip
    return None if text is None else policies.document_of(text)


def inline_names(session: Session, name: str) -> list[str]:
    return list(
        session.pages(
            "iam", "list_role_policies", "PolicyNames", f"list the permissions of the role {name}", RoleName=name
        )
    )


def attached(session: Session, name: str) -> list[str]:
    step = f"list the policies of the role {name}"
    found = session.pages("iam", "list_attached_role_policies", "AttachedPolicies", step, RoleName=name)
    return [item["PolicyArn"] for item in found]


def role_documents(session: Session, name: str) -> list[policies.Policy]:
    """All policies of a role, its own and attached ones."""
    found = [role_policy(session, name, policy) for policy in inline_names(session, name)]
    for arn in attached(session, name):
        with session.doing(f"look at the policy {arn}", "iam"):
            iam = session.client("iam")
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        found.append(policies.document_of(document))
    return [document for document in found if document is not None]


def log_group(session: Session, name: str) -> dict[str, Any] | None:
    """The log group with its tags (key tags); None if there is none."""
    step = f"look for the log group {name}"
    for group in session.pages("logs", "describe_log_groups", "logGroups", step, logGroupNamePrefix=name):
        if group["logGroupName"] == name:
            arn = group.get("logGroupArn") or re.sub(r":\*$", "", group["arn"])
            with session.doing(f"look at the tags of the log group {name}", "logs"):
                tags = session.client("logs").list_tags_for_resource(resourceArn=arn).get("tags", {})
            return {**group, "tags": tags}
    return None


def bucket_region(session: Session, name: str) -> str | None:
    """The bucket's region; None if there is no such bucket. Raises AccessError if it belongs to somebody else."""
    found = _found(session, "s3", "get_bucket_location", None, ("NoSuchBucket", "404"), f"look for the bucket {name}",
                   Bucket=name, ExpectedBucketOwner=session.account)  # fmt: skip
    return None if found is None else str(found.get("LocationConstraint") or "us-east-1")


def bucket_policy(session: Session, name: str) -> policies.Policy | None:
    text = _found(session, "s3", "get_bucket_policy", "Policy", ("NoSuchBucketPolicy", "NoSuchBucket"),
                  f"look at the policy of the bucket {name}", Bucket=name)  # fmt: skip
    return None if text is None else policies.document_of(text)


def bucket_key(session: Session, name: str) -> str | None:
    """The KMS key that the bucket encrypts with by itself, as it is written there; None without one of one's own."""
    found = _found(session, "s3", "get_bucket_encryption", "ServerSideEncryptionConfiguration",
                   ("ServerSideEncryptionConfigurationNotFoundError", "NoSuchBucket"),
                   f"look at the encryption of the bucket {name}", Bucket=name)  # fmt: skip
    for rule in (found or {}).get("Rules", []):
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        if str(default.get("SSEAlgorithm", "")).startswith("aws:kms"):
            return default.get("KMSMasterKeyID")
    return None


def key_policy(session: Session, arn: str) -> policies.Policy | None:
    text = _found(session, "kms", "get_key_policy", "Policy", ("NotFoundException",), f"look at the policy of the key {arn}",
                  KeyId=arn, PolicyName="default")  # fmt: skip
    return None if text is None else policies.document_of(text)


def delivery_stream(session: Session, arn: str) -> dict[str, Any] | None:
    name = re.split(r"deliverystream[/:]", arn)[-1]
    return _found(session, "firehose", "describe_delivery_stream", "DeliveryStreamDescription", ("ResourceNotFoundException",),
                  f"look for the Firehose stream {name}", DeliveryStreamName=name)  # fmt: skip


def _found(session: Session, service: str, operation: str, key: str | None, absent: tuple[str, ...], step: str,
           **arguments: Any) -> Any:  # fmt: skip
    """The answer, or its part `key`; None if it is an error of one of the codes `absent`."""
    with session.doing(step, service):
        try:
            answer = getattr(session.client(service), operation)(**arguments)
        except Exception as error:
            if hasattr(error, "response") and code_of(error) in absent:
                return None
            raise
    return answer if key is None else answer[key]
