"""What AWS takes and what it does not, checked before the first call.

A wrong request would otherwise be found late (half of what was asked for is there already), or never: emulators take almost
anything, and of AWS's own faults many show only when no record arrives. check_request() looks at exactly what CreateFlowLogs
is given; the other functions at what it stands on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from . import formats
from .errors import Problem

# ResourceType of CreateFlowLogs: our option, and what its ids look like.
RESOURCES = {
    "VPC": ("--vpc", r"vpc"),
    "Subnet": ("--subnet", r"subnet"),
    "NetworkInterface": ("--eni", r"eni"),
    "TransitGateway": ("--tgw", r"tgw"),
    "TransitGatewayAttachment": ("--tgw-attachment", r"tgw-attach"),
    "RegionalNatGateway": ("--nat-gateway", r"nat"),
}
TRANSIT = ("TransitGateway", "TransitGatewayAttachment")
TRAFFIC = ("ACCEPT", "REJECT", "ALL")
DESTINATIONS = ("cloud-watch-logs", "s3", "kinesis-data-firehose")
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
LOG_CLASSES = ("STANDARD", "INFREQUENT_ACCESS")
TAGGED = ("network-interface", "instance", "auto-scaling-group")
CROSS_ACCOUNT_ROLE = "AWSLogDeliveryFirehoseCrossAccountRole"
MOST_POLICY_BYTES = 20 * 1024  # of a bucket
MOST_FLOW_LOGS = 250  # of one resource

_PARAMETERS = {
    "ResourceIds", "ResourceType", "TrafficType", "LogDestinationType", "LogDestination", "LogGroupName",
    "DeliverLogsPermissionArn", "DeliverCrossAccountRole", "LogFormat", "MaxAggregationInterval", "DestinationOptions",
    "TagFieldSpecifications", "TagSpecifications", "ClientToken", "DryRun",
}  # fmt: skip
_ROLE = r"arn:aws[a-z-]*:iam::(\d{12}):role/([\w+=,.@/-]*/)?([\w+=,.@-]{1,64})"
_FIREHOSE = r"arn:aws[a-z-]*:firehose:([a-z0-9-]+):(\d{12}):deliverystream[/:]([A-Za-z0-9_.-]{1,64})"
_LOG_GROUP = r"arn:aws[a-z-]*:logs:([a-z0-9-]+):(\d{12}):log-group:([^:*]{1,512})(?::\*)?"
_KMS_KEY = r"arn:aws[a-z-]*:kms:([a-z0-9-]+):(\d{12}):key/[A-Za-z0-9-]{1,64}"


def most_resources(kind: str) -> int:
    """How many resources one call may name."""
    return 25 if kind in TRANSIT else 300


def check_request(request: Mapping[str, Any], account: str = "") -> list[Problem]:
    """Everything about the parameters of CreateFlowLogs that AWS does not take. account: of the caller, if it is known."""
    found = [
        Problem(name, "CreateFlowLogs has no such parameter", "leave it out")
        for name in request
        if name not in _PARAMETERS
    ]
    kind = request.get("ResourceType")
    if kind not in RESOURCES:
        return [*found, Problem("ResourceType", f"'{kind}' is none", f"take one of {', '.join(RESOURCES)}")]
    transit = kind in TRANSIT
    found += _check_resources(kind, request.get("ResourceIds") or [])
    traffic = request.get("TrafficType")
    if transit and traffic is not None:
        found.append(Problem("--traffic", "a transit gateway has no accepted and rejected traffic", "leave it out"))
    elif not transit and traffic not in TRAFFIC:
        found.append(Problem("--traffic", f"'{traffic}' is none", "take all, accept or reject"))
    interval = request.get("MaxAggregationInterval", 60 if transit else 600)
    if isinstance(interval, bool) or interval not in (60, 600):
        found.append(Problem("--interval", f"{interval!r} s is not possible", "take 60 or 600"))
    elif transit and interval != 60:
        found.append(Problem("--interval", f"{interval} s is not possible for a transit gateway", "take 60"))
    if "LogFormat" in request:
        found += formats.problems_of(str(request["LogFormat"]), transit)
    found += _check_destination(request, account)
    found += _check_tag_fields(request, transit)
    found += _check_tags(request)
    token = request.get("ClientToken", "")
    if len(token) > 64 or not token.isascii():
        found.append(Problem("ClientToken", "it is at most 64 characters of ASCII", "take a UUID"))
    return found


def _check_resources(kind: str, ids: list[str]) -> list[Problem]:
    option, prefix = RESOURCES[kind]
    if not ids:
        return [Problem(option, "no resource is named", f"give an id, as {prefix}-0123456789abcdef0")]
    found = []
    for one in ids:
        if not re.fullmatch(prefix + r"-([0-9a-f]{8}|[0-9a-f]{17})", one):
            other = next(
                (its for its, its_prefix in RESOURCES.values() if re.match(its_prefix + r"-[0-9a-f]+$", one)), ""
            )
            fix = f"give it to {other}" if other not in ("", option) else f"ids are as {prefix}-0123456789abcdef0"
            found.append(Problem(option, f"'{one}' is no id of a {kind}", fix))
    for one in sorted({one for one in ids if ids.count(one) > 1}):
        found.append(Problem(option, f"{one} is named twice", "name it once"))
    if len(ids) > most_resources(kind):
        found.append(
            Problem(option, f"{len(ids)} resources in one call", f"at most {most_resources(kind)} are possible")
        )
    return found


def _check_destination(request: Mapping[str, Any], account: str) -> list[Problem]:
    kind = request.get("LogDestinationType", "cloud-watch-logs")
    place, group = request.get("LogDestination"), request.get("LogGroupName")
    role, cross = request.get("DeliverLogsPermissionArn"), request.get("DeliverCrossAccountRole")
    if kind not in DESTINATIONS:
        return [
            Problem("--to", f"'{kind}' is no destination", "take cloudwatch:GROUP, s3://BUCKET/PREFIX or firehose:ARN")
        ]
    found = []
    if group is not None and kind != "cloud-watch-logs":
        found.append(Problem("LogGroupName", f"{kind} has no log group", "leave it out"))
    if place is None and (group is None or kind != "cloud-watch-logs"):
        found.append(
            Problem("--to", "no destination is named", "give cloudwatch:GROUP, s3://BUCKET/PREFIX or firehose:ARN")
        )
    elif place is not None and group is not None and kind == "cloud-watch-logs":
        found.append(Problem("--to", "LogGroupName and LogDestination are both given", "give one of them"))
    elsewhere = False
    if kind == "cloud-watch-logs":
        if place is not None:
            matched = re.fullmatch(_LOG_GROUP, place)
            if matched is None:
                found.append(Problem("--to", f"'{place}' is no ARN of a log group", "give cloudwatch:GROUP"))
            else:
                found += check_group(matched[3])
        elif group is not None:
            found += check_group(group)
        if role is None:
            found.append(Problem("--deliver-role", "CloudWatch Logs needs a role that the service assumes", "give one"))
    elif kind == "s3":
        if place is not None:
            found += _check_s3_arn(place)
        if role is not None:
            found.append(
                Problem("--deliver-role", "delivery to S3 takes no role (a bucket policy allows it)", "leave it out")
            )
    elif place is not None:
        matched = re.fullmatch(_FIREHOSE, place)
        if matched is None:
            found.append(Problem("--to", f"'{place}' is no ARN of a Firehose stream",
                                 "it is as arn:aws:firehose:eu-west-1:123456789012:deliverystream/NAME"))  # fmt: skip
        elif account and matched[2] != account:
            elsewhere = True
            if role is None or cross is None:
                found.append(Problem("--to", f"the stream is of account {matched[2]}",
                                     "give --deliver-role of this account and --cross-account-role of the other"))  # fmt: skip
    if role is not None and kind != "s3":
        found += _check_role_arn("--deliver-role", role, account)
    if cross is not None:
        matched = re.fullmatch(_ROLE, cross)
        if kind != "kinesis-data-firehose":
            found.append(Problem("--cross-account-role", "only Firehose in another account takes it", "leave it out"))
        elif matched is None or not matched[3].startswith(CROSS_ACCOUNT_ROLE):
            found.append(Problem("--cross-account-role", f"'{cross}' is not of the name that AWS wants",
                                 f"it is the ARN of a role whose name begins with {CROSS_ACCOUNT_ROLE}"))  # fmt: skip
        elif account and not elsewhere:
            found.append(Problem("--cross-account-role", "the stream is of this account", "leave it out"))
    found += _check_options(request.get("DestinationOptions"), kind)
    return found


def _check_role_arn(option: str, arn: str, account: str) -> list[Problem]:
    matched = re.fullmatch(_ROLE, arn)
    if matched is None:
        return [Problem(option, f"'{arn}' is no role", "give its ARN, as arn:aws:iam::123456789012:role/NAME")]
    if account and matched[1] != account:
        return [
            Problem(option, f"{arn} is of another account than this ({account})", "the role must be of this account")
        ]
    return []


def _check_s3_arn(arn: str) -> list[Problem]:
    matched = re.fullmatch(r"arn:aws[a-z-]*:s3:::([^/]*)(/.*)?", arn)
    if matched is None:
        return [Problem("--to", f"'{arn}' is no ARN of a bucket", "give s3://BUCKET or s3://BUCKET/PREFIX")]
    folder = (matched[2] or "")[1:]
    return check_bucket(matched[1], folder[:-1] if folder.endswith("/") else folder)


def check_bucket(bucket: str, prefix: str) -> list[Problem]:
    """The rules for names of buckets, and of folders that flow logs may go to."""
    found = []
    name = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
    if not re.fullmatch(name, bucket) or ".." in bucket or re.fullmatch(r"[\d.]+", bucket):
        found.append(Problem("--to", f"'{bucket}' is no name of a bucket",
                             "3 to 63 small letters, digits, hyphens and single dots"))  # fmt: skip
    parts = prefix.split("/") if prefix else []
    if "AWSLogs" in parts:
        found.append(Problem("--to", "the folder AWSLogs is AWS's own, it is added by the delivery", "leave it out"))
    if "" in parts or any(ord(character) < 32 for character in prefix):
        found.append(Problem("--to", f"'{prefix}' has an empty folder or control characters in it", "give it as a/b"))
    if re.search(r"[*?]|\$\{", prefix):
        found.append(Problem("--to", f"'{prefix}' has * ? or ${{ in it, which the bucket's policy would take for others' names",
                             "give a folder without them"))  # fmt: skip
    if len(prefix) > 700:  # a key has 1024 bytes, of which the delivery needs up to 250
        found.append(Problem("--to", f"the folder's name has {len(prefix)} characters", "give a shorter one"))
    return found


def _check_options(options: Any, kind: str) -> list[Problem]:
    if options is None:
        return []
    found = []
    if kind != "s3":
        found.append(
            Problem("--parquet, --hive, --hourly", f"{kind} has no such options, only S3 has", "leave them out")
        )
    for name, value in options.items():
        if name == "FileFormat":
            if value not in ("plain-text", "parquet"):
                found.append(Problem("FileFormat", f"'{value}' is none", "take plain-text or parquet"))
        elif name not in ("HiveCompatiblePartitions", "PerHourPartition"):
            found.append(Problem(name, "it is no option of a destination", "leave it out"))
        elif not isinstance(value, bool):
            found.append(Problem(name, f"{value!r} is neither true nor false", "give one of them"))
    return found


def _check_tag_fields(request: Mapping[str, Any], transit: bool) -> list[Problem]:
    where = "--tag-field"
    given = request.get("TagFieldSpecifications")
    names = formats.names_of(request["LogFormat"], transit) if _is_readable(request.get("LogFormat")) else []
    wanted = formats.tag_fields_of(names)
    if given is None:
        return [
            Problem(where, f"the format has tags of {kind}, and no key is given", f"give {where} {kind}=KEY")
            for kind in wanted
        ]
    found = []
    if transit:
        found.append(Problem(where, "transit gateways have no tag fields", "leave it out"))
    if not 1 <= len(given) <= 3:
        found.append(Problem(where, f"{len(given)} kinds of resource", "one to three are possible"))
    kinds = [item.get("ResourceType") for item in given]
    for kind in sorted({str(kind) for kind in kinds if kinds.count(kind) > 1}):
        found.append(Problem(where, f"{kind} is given twice", f"give its keys together: {where} {kind}=KEY,KEY"))
    for item in given:
        kind, keys = item.get("ResourceType"), item.get("TagKeys") or []
        if kind not in TAGGED:
            found.append(
                Problem(where, f"'{kind}' is no kind of resource with tag fields", f"take one of {', '.join(TAGGED)}")
            )
            continue
        if not 1 <= len(keys) <= 2 or len(set(keys)) < len(keys):
            found.append(Problem(where, f"{kind} has {len(keys)} keys", "one or two different ones are possible"))
        found += [
            Problem(where, f"the key of {len(key)} characters", "a key has 1 to 128")
            for key in keys
            if not 1 <= len(key) <= 128
        ]
        if not transit and names and wanted.get(kind, 0) != len(keys):
            stem = {"network-interface": "interface"}.get(kind, "asg" if kind == "auto-scaling-group" else kind)
            found.append(Problem(where, f"{len(keys)} keys of {kind}, and {wanted.get(kind, 0)} such fields in the format",
                                 f"the first key is {stem}-tag, the second {stem}-tag-2: name as many"))  # fmt: skip
    for kind in wanted:
        if kind not in kinds:
            found.append(
                Problem(where, f"the format has tags of {kind}, and no key is given", f"give {where} {kind}=KEY")
            )
    return found


def _is_readable(text: Any) -> bool:
    return (
        isinstance(text, str) and not any("form" in p.what for p in formats.problems_of(text, False)) and "${" in text
    )


def _check_tags(request: Mapping[str, Any]) -> list[Problem]:
    found = []
    for item in request.get("TagSpecifications") or []:
        if item.get("ResourceType") != "vpc-flow-log":
            found.append(
                Problem("TagSpecifications", f"'{item.get('ResourceType')}' is not what is made", "it is vpc-flow-log")
            )
        tags = item.get("Tags") or []
        found += check_tags([(tag.get("Key", ""), tag.get("Value", "")) for tag in tags])
    return found


def check_tags(tags: list[tuple[str, str]]) -> list[Problem]:
    """The rules for tags of flow logs, log groups and roles, which are the strictest of the three."""
    found = []
    keys = [key for key, _ in tags]
    if len(tags) > 50:
        found.append(Problem("--tag", f"{len(tags)} tags", "at most 50 are possible"))
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        found.append(Problem("--tag", f"the key '{key}' is given twice", "give it once"))
    for key, value in tags:
        if not 1 <= len(key) <= 128 or key.lower().startswith("aws:"):
            found.append(Problem("--tag", f"'{key[:130]}' is no key", "1 to 128 characters, not beginning with aws:"))
        if len(value) > 256:
            found.append(
                Problem("--name" if key == "Name" else "--tag", f"the value of '{key}' has {len(value)} characters", "at most 256 are possible")
            )
        if not re.fullmatch(r"[\w\s.:/=+@-]*", key + value):
            found.append(
                Problem("--name" if key == "Name" else "--tag", f"'{key}={value[:60]}'", "letters, digits, blanks and _ . : / = + - @ are possible")
            )
    return found


def check_group(name: str, retention: int | None = None, log_class: str = "STANDARD", kms_key: str | None = None,
                region: str = "") -> list[Problem]:  # fmt: skip
    """The rules for a log group."""
    found = []
    if not re.fullmatch(r"[.\-_/#A-Za-z0-9]{1,512}", name):
        found.append(
            Problem("--to", f"'{name[:80]}' is no name of a log group", "1 to 512 letters, digits and . - _ / #")
        )
    if name.startswith("aws/"):
        found.append(Problem("--to", f"'{name[:80]}': names may not begin with aws/", f"did you mean /{name[:80]}?"))
    if retention is not None and (not isinstance(retention, int) or isinstance(retention, bool)):
        found.append(Problem("--retention", f"{retention!r} is no number of days", "give a number, as 30"))
    elif retention is not None and retention not in RETENTION_DAYS:
        near = min(RETENTION_DAYS, key=lambda days: (abs(days - retention), days))
        found.append(Problem("--retention", f"{retention} days are not possible",
                             f"take {near}, or another of {', '.join(map(str, RETENTION_DAYS))}"))  # fmt: skip
    if log_class not in LOG_CLASSES:
        found.append(
            Problem("--log-class", f"'{log_class}' is no class for flow logs", "take standard or infrequent-access")
        )
    if kms_key is not None:
        found += check_key(kms_key, region)
    return found


def check_key(arn: str, region: str = "") -> list[Problem]:
    """The rules for a KMS key: with an id or an alias nothing is delivered ("LogDestination undeliverable")."""
    matched = re.fullmatch(_KMS_KEY, arn)
    if matched is None:
        return [Problem("--kms-key", f"'{arn}' is not the ARN of a key", "ids and aliases do not work: give "
                        "arn:aws:kms:REGION:ACCOUNT:key/ID")]  # fmt: skip
    if region and matched[1] != region:
        return [Problem("--kms-key", f"the key is in {matched[1]}, and this is {region}", "take one of this region")]
    return []


def check_role(name: str, description: str = "") -> list[Problem]:
    """The rules for a role that is made."""
    found = []
    if not re.fullmatch(r"[\w+=,.@-]{1,64}", name, re.ASCII):
        found.append(
            Problem("--role-name", f"'{name[:80]}' is no name of a role", "1 to 64 letters, digits and _ + = , . @ -")
        )
    if len(description) > 1000 or not re.fullmatch("[\t\n\r\x20-\x7e\xa1-\xff]*", description):
        found.append(Problem("--role-description", "it is too long or has characters that IAM does not take",
                             "at most 1000 characters of Latin-1"))  # fmt: skip
    return found
