"""What somebody wants: the options of `enable`, made into requests of CreateFlowLogs, and checked before the first call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Union

from .. import _core
from . import facts, formats, policies, rules
from .errors import Problem, RequestError

KINDS = {
    "vpc": "VPC",
    "subnet": "Subnet",
    "eni": "NetworkInterface",
    "tgw": "TransitGateway",
    "tgw_attachment": "TransitGatewayAttachment",
    "nat_gateway": "RegionalNatGateway",
}
Ids = Union[str, Iterable[str], None]


class Wish:
    """The options, normalised. Raises RequestError with everything that is wrong; nothing is called."""

    def __init__(
        self,
        *,
        resources: Mapping[str, Ids],
        to: str,
        name: str = "flowlogs",
        traffic: str | None = None,
        interval: int = 60,
        format: Any = "recommended",
        tag_fields: Mapping[str, Any] | None = None,
        parquet: bool = False,
        hive: bool = False,
        hourly: bool = False,
        retention: int | None = None,
        log_class: str | None = None,
        kms_key: str | None = None,
        role_name: str | None = None,
        role_description: str | None = None,
        deliver_role: str | None = None,
        cross_account_role: str | None = None,
        destination_account: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self.partition = "aws"  # until it is known who calls
        self.resources = selection(resources)
        if not self.resources:
            raise RequestError([Problem("--vpc", "no resource is named", "give --vpc ID..., or --vpc all")])
        self.transit = any(kind in rules.TRANSIT for kind in self.resources)
        problems: list[Problem] = []
        if self.transit and any(kind not in rules.TRANSIT for kind in self.resources):  # nothing else would fit both
            raise RequestError(
                [
                    Problem(
                        "--tgw", "transit gateways have other fields than VPCs", "switch them on by a call of their own"
                    )
                ]
            )
        self.destination = facts.destination_of(to)
        self.tags = dict(tags or {})
        if name not in (facts.MADE, self.tags.get("Name", name)):
            problems.append(Problem("--tag", f"Name is {self.tags['Name']}, and --name is {name}", "give either"))
        self.name = self.tags.get("Name", name)
        self.traffic = None if self.transit and traffic is None else (traffic or "all").upper()
        self.interval = interval
        self.tag_fields = {
            kind: [keys] if isinstance(keys, str) else list(keys) for kind, keys in (tag_fields or {}).items()
        }
        try:
            self.fields = formats.names_of(format, self.transit)
        except _core.FormatError as error:
            text = str(error).replace("format: ", "", 1)
            what, _, fix = text.partition("; ")
            problems.append(Problem("--format", what, fix or "`flowlogs fields` lists those there are"))
            self.fields = formats.names_of("recommended", self.transit)  # to find what else is wrong
        if format in ("recommended", "all"):  # the keys that are given are wanted in the records, and AWS takes no others
            self.fields = [one for one in self.fields if not formats.tag_fields_of([one])]
            for kind, keys in self.tag_fields.items():
                if kind not in rules.TAGGED:
                    continue  # which is told
                stem = {"network-interface": "interface", "auto-scaling-group": "asg"}.get(kind, kind)
                self.fields += [f"{stem}-tag", f"{stem}-tag-2"][: len(keys)]
        self.format = formats.log_format(self.fields)
        self.options: dict[str, Any] | None = None
        if self.destination.kind == "s3" or parquet or hive or hourly:
            self.options = {
                "FileFormat": "parquet" if parquet else "plain-text",
                "HiveCompatiblePartitions": hive,
                "PerHourPartition": hourly,
            }
        self.retention, self.kms_key = retention, kms_key
        self.log_class = log_class.upper().replace("-", "_") if log_class else None
        self.role_name, self.role_description = role_name, role_description
        self.deliver_role, self.cross_role = deliver_role, cross_account_role
        self.destination_account = destination_account
        problems += self._check()
        if problems:
            raise RequestError(problems)

    @property
    def option_text(self) -> str:
        return facts.option_text(self.options)

    def own_tags(self) -> dict[str, str]:
        """The tags of everything that is made."""
        return {**self.tags, facts.MADE_BY: facts.MADE}

    def request(self, kind: str, ids: list[str], role_arn: str | None) -> dict[str, Any]:
        """The parameters of CreateFlowLogs, without its ClientToken."""
        tags = {**self.own_tags(), **({"Name": self.name} if self.name else {})}
        if self.destination.kind == "s3" and self.option_text:
            tags[facts.OPTIONS] = self.option_text
        made: dict[str, Any] = {
            "ResourceIds": ids,
            "ResourceType": kind,
            "LogDestinationType": self.destination.aws_kind,
            "LogFormat": self.format,
            "MaxAggregationInterval": self.interval,
            "TagSpecifications": [{"ResourceType": "vpc-flow-log", "Tags": facts.tag_list(tags)}],
        }
        if self.traffic is not None:
            made["TrafficType"] = self.traffic
        if self.destination.kind == "cloudwatch":
            made["LogGroupName"] = self.destination.name
        elif self.destination.kind == "firehose":
            made["LogDestination"] = self.destination.name
        else:
            folder = f"/{self.destination.prefix}/" if self.destination.prefix else ""
            made["LogDestination"] = f"arn:{self.partition}:s3:::{self.destination.name}{folder}"
        if role_arn is not None:
            made["DeliverLogsPermissionArn"] = role_arn
        if self.cross_role is not None:
            made["DeliverCrossAccountRole"] = self.cross_role
        if self.options is not None:
            made["DestinationOptions"] = self.options
        if self.tag_fields:
            made["TagFieldSpecifications"] = [
                {"ResourceType": kind, "TagKeys": keys} for kind, keys in self.tag_fields.items()
            ]
        return made

    def role_of(self, region: str) -> str:
        """The name of the role that is made: one for each group and region, unless it is given."""
        if self.role_name is not None:
            return self.role_name
        slug = re.sub(r"[^A-Za-z0-9]+", "-", self.destination.name).strip("-")[:30]
        return f"flowlogs-{region}-{slug}-{policies.mark(region, self.destination.name)[:4]}"

    def _check(self, account: str = "", region: str = "") -> list[Problem]:
        needs_role = self.destination.kind == "cloudwatch"
        found: list[Problem] = []
        for kind, ids in self.resources.items():
            option, prefix = rules.RESOURCES[kind]
            ids = ids if ids is not None else [prefix + "-00000000"]
            role = self.deliver_role or (
                f"arn:aws:iam::{account or '0' * 12}:role/{facts.MADE}" if needs_role else None
            )
            most = rules.most_resources(kind)  # more are named in several calls
            for problem in rules.check_request(self.request(kind, ids[:most], role), account):
                if problem not in found:
                    found.append(problem)
            for one in sorted({one for one in ids[most:] if one in ids[:most]}):
                found.append(Problem(option, f"{one} is named twice", "name it once"))
        if needs_role:
            found += [
                problem
                for problem in rules.check_group(
                    self.destination.name, self.retention, self.log_class or "STANDARD", self.kms_key, region
                )
                if problem not in found
            ]
            if self.deliver_role is None:
                found += rules.check_role(self.role_of(region or "eu-west-1"), self.role_description or "")
            elif self.role_name is not None or self.role_description is not None:
                found.append(Problem("--deliver-role", "--role-name and --role-description are of a role that is made",
                                     "give either"))  # fmt: skip
        else:
            for option, value in (("--retention", self.retention), ("--log-class", self.log_class),
                                  ("--role-name", self.role_name), ("--role-description", self.role_description)):  # fmt: skip
                if value is not None:
                    found.append(Problem(option, f"{self.destination.kind} has nothing of the kind", "leave it out"))
            if self.kms_key is not None and self.destination.kind == "s3":
                found += rules.check_key(self.kms_key)
            elif self.kms_key is not None:
                found.append(Problem("--kms-key", "Firehose encrypts as its stream says", "leave it out"))
        if self.destination_account is not None and (
            self.destination.kind != "s3" or not re.fullmatch(r"\d{12}", self.destination_account)
        ):
            found.append(
                Problem(
                    "--destination-account",
                    f"'{self.destination_account}'",
                    "it is the account of an S3 bucket, 12 digits",
                )
            )
        return found

    def check_with(self, account: str, region: str, partition: str) -> None:
        """What depends on who calls, and where. Raises RequestError."""
        self.partition = partition
        problems = self._check(account, region)
        if problems:
            raise RequestError(problems)


def selection(resources: Mapping[str, Any]) -> dict[str, list[str] | None]:
    """{"vpc": "vpc-1"} as {"VPC": ["vpc-1"]}; None stands for "all"."""
    found: dict[str, list[str] | None] = {}
    for option, ids in resources.items():
        if ids is None:
            continue
        every = ids.replace(",", " ").split() if isinstance(ids, str) else list(ids)
        if every:
            found[KINDS[option]] = None if every == ["all"] else every
    return found
