"""Flow logs on AWS: switched on, looked after, switched off. Needs boto3 (pip install 'flowlogs[aws]').

    import flowlogs as fl

    plan = fl.aws.enable(vpc="vpc-0123456789abcdef0", to="cloudwatch:/vpc/flow-logs", retention=30, dry_run=True)
    print(plan)                                              # what would be done, what it costs, what it rules out
    fl.aws.enable(vpc="vpc-0123456789abcdef0", to="cloudwatch:/vpc/flow-logs", retention=30)

Every function takes profile, region, role_arn, endpoint_url, or a boto3.Session as session. Nothing is done twice: what is
there already is kept. Errors are AwsError (an fl.Error) and its kinds: RequestError, with .problems, of what AWS would not
take, raised before anything is changed; AccessError, with .permission, of what the caller may not do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Union

from .errors import AccessError, AwsError, Problem, RequestError, SourceError, SourceWarning
from .plan import Plan, Step
from .session import Session

__all__ = [
    "AccessError",
    "AwsError",
    "Plan",
    "Problem",
    "RequestError",
    "Session",
    "SourceError",
    "SourceWarning",
    "disable",
    "enable",
    "inventory",
    "status",
    "streams",
]

_Ids = Union[str, Iterable[str], None]


def enable(
    *,
    to: str,
    vpc: _Ids = None,
    subnet: _Ids = None,
    eni: _Ids = None,
    tgw: _Ids = None,
    tgw_attachment: _Ids = None,
    nat_gateway: _Ids = None,
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
    dry_run: bool = False,
    wait: float | None = None,
    said: Callable[[Step], object] | None = None,
    profile: str | None = None,
    region: str | None = None,
    role_arn: str | None = None,
    endpoint_url: str | None = None,
    session: Any = None,
) -> Plan:
    """Switches flow logs on, and gives the plan of what was done. Run again, it does what is missing.

    vpc, subnet, eni, tgw, tgw_attachment, nat_gateway   an id, several, or "all" of the region
    to           cloudwatch:GROUP, s3://BUCKET/PREFIX or firehose:ARN
    name         the tag Name of the flow logs
    traffic      all (default), accept or reject; transit gateways have none
    interval     60 or 600 seconds at most to a record
    format       "recommended" (30 fields, what the verbs ask for), "default" (AWS's 14), "all" (tag fields as far as
                 tag_fields gives their keys), or fields. It cannot be changed later: the flow log is made anew
    tag_fields   {"instance": ["Name"]}: tags of instance, network-interface, auto-scaling-group in the records
    parquet, hive, hourly    how S3 has its files and folders
    retention    days that a log group keeps records; None: for ever, or as it is
    log_class    standard or infrequent-access, of a group that is made
    kms_key      ARN of the key that the group, or already the bucket, is encrypted with
    role_name, role_description    of the role that is made for CloudWatch Logs
    deliver_role    a role that is there, used as it is, instead
    cross_account_role    of the other account, for a Firehose stream there
    destination_account   whose the bucket is, if it is not this one's
    tags         of everything that is made
    dry_run      make the plan only
    wait         seconds to wait at most until records arrive
    said         called with each Step before it is done
    """
    from . import arrival, enabling, wish

    wanted = wish.Wish(
        resources={"vpc": vpc, "subnet": subnet, "eni": eni, "tgw": tgw, "tgw_attachment": tgw_attachment, "nat_gateway": nat_gateway},
        to=to, name=name, traffic=traffic, interval=interval, format=format, tag_fields=tag_fields, parquet=parquet, hive=hive,
        hourly=hourly, retention=retention, log_class=log_class, kms_key=kms_key, role_name=role_name,
        role_description=role_description, deliver_role=deliver_role, cross_account_role=cross_account_role,
        destination_account=destination_account, tags=tags,
    )  # fmt: skip
    caller = _session(profile, region, role_arn, endpoint_url, session)
    plan = enabling.plan(caller, wanted)
    if not dry_run:
        plan.apply(said)
        arrival.report(caller, plan, wanted.destination, wanted.resources, wait)
    return plan


def disable(
    *,
    vpc: _Ids = None,
    subnet: _Ids = None,
    eni: _Ids = None,
    tgw: _Ids = None,
    tgw_attachment: _Ids = None,
    nat_gateway: _Ids = None,
    to: str | None = None,
    everything: bool = False,
    keep_logs: bool = False,
    dry_run: bool = False,
    said: Callable[[Step], object] | None = None,
    profile: str | None = None,
    region: str | None = None,
    role_arn: str | None = None,
    endpoint_url: str | None = None,
    session: Any = None,
) -> Plan:
    """Switches flow logs off that enable() made, and removes what it made for them, once nothing else uses it.

    vpc, ...     only the flow logs of these
    to           only those to this destination
    everything   all that enable() made in the region; what lab.up() made is left to lab.down()
    keep_logs    log groups stay, with their records. Files in buckets always stay
    """
    from . import disabling

    plan = disabling.plan(
        _session(profile, region, role_arn, endpoint_url, session),
        resources={"vpc": vpc, "subnet": subnet, "eni": eni, "tgw": tgw, "tgw_attachment": tgw_attachment, "nat_gateway": nat_gateway},
        to=to, everything=everything, keep_logs=keep_logs,
    )  # fmt: skip
    if not dry_run:
        plan.apply(said)
    return plan


def status(
    *,
    profile: str | None = None,
    region: str | None = None,
    role_arn: str | None = None,
    endpoint_url: str | None = None,
    session: Any = None,
) -> Any:
    """What is logged and what is not: .flow_logs, .destinations, .resources, .not_covered. Prints as a report."""
    from . import reporting

    return reporting.status(_session(profile, region, role_arn, endpoint_url, session))


def streams(
    group: str,
    *,
    profile: str | None = None,
    region: str | None = None,
    role_arn: str | None = None,
    endpoint_url: str | None = None,
    session: Any = None,
) -> list[dict[str, Any]]:
    """The streams of a log group, one for each interface, those with the newest records first. group: its name, or its URL."""
    from . import arrival

    return arrival.streams(_session(profile, region, role_arn, endpoint_url, session), group)


def inventory(
    directory: str,
    *,
    profile: str | None = None,
    region: str | None = None,
    role_arn: str | None = None,
    endpoint_url: str | None = None,
    session: Any = None,
) -> dict[str, Any]:
    """Writes what AWS says of interfaces, instances, subnets, groups, ... into files of the directory; gives the manifest."""
    from . import collecting

    return collecting.collect(_session(profile, region, role_arn, endpoint_url, session), directory)


def _session(
    profile: str | None, region: str | None, role_arn: str | None, endpoint_url: str | None, session: Any
) -> Session:
    if isinstance(session, Session):
        return session
    return Session(profile=profile, region=region, role_arn=role_arn, endpoint_url=endpoint_url, boto=session)
