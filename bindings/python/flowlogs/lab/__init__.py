"""The tutorial, on AWS or on an emulator: a network of two instances that log what they say to each other.

    import flowlogs as fl

    fl.lab.up(emulated=True)               # VPC, subnets, gateway, routes, ACL, groups, role, log group, flow log, instances
    fl.lab.traffic(emulated=True)          # records: on AWS they are waited for, on an emulator they are written
    print(fl.lab.check(emulated=True))     # whether each step of the tutorial holds
    fl.lab.down(emulated=True)             # nothing is left

With emulated=True an emulator (moto) of our own is started by up() and ended by down(); needs flowlogs[aws,lab]. Otherwise, as
in fl.aws: profile, region, role_arn, endpoint_url, or a boto3.Session as session. Errors are fl.aws.AwsError and its kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..aws.errors import AwsError
from ..aws.plan import Step
from ..aws.session import Session

if TYPE_CHECKING:
    from .building import LabPlan
    from .checking import Check
    from .delivery import Traffic

__all__ = ["check", "down", "traffic", "up"]


def up(
    *,
    ttl: str = "2h",
    dry_run: bool = False,
    said: Callable[[Step], object] | None = None,
    emulated: bool = False,
    profile: str | None = None,
    region: str | None = None,
    role_arn: str | None = None,
    endpoint_url: str | None = None,
    session: Any = None,
) -> LabPlan:
    """Makes what is missing of the lab, and gives the plan of what was done: .steps, .instances, .usd_per_hour.

    ttl      the instances, which are what costs, end themselves after so long: 10m to 30d
    dry_run  make the plan only
    said     called with each Step before it is done
    """
    from . import building, found

    caller = session_of(profile, region, role_arn, endpoint_url, session, emulated, start=True)
    plan = building.up(caller, ttl)
    if not dry_run:
        plan.apply(said)
        plan["instances"] = found.hosts_of(caller)
    return plan


def traffic(
    *,
    wait: float = 900,
    said: Callable[[str], object] | None = None,
    emulated: bool = False,
    profile: str | None = None,
    region: str | None = None,
    role_arn: str | None = None,
    endpoint_url: str | None = None,
    session: Any = None,
) -> Traffic:
    """Sees to it that there are records: visits the instances and waits; on an emulator writes what AWS would have delivered.

    wait     seconds to wait at most
    """
    from . import delivery

    return delivery.traffic(session_of(profile, region, role_arn, endpoint_url, session, emulated), wait, said)


def check(
    *,
    emulated: bool = False,
    profile: str | None = None,
    region: str | None = None,
    role_arn: str | None = None,
    endpoint_url: str | None = None,
    session: Any = None,
) -> Check:
    """Whether each step of the tutorial holds: .holds, .steps, .streams."""
    from . import checking

    return checking.check(session_of(profile, region, role_arn, endpoint_url, session, emulated))


def down(
    *,
    dry_run: bool = False,
    said: Callable[[Step], object] | None = None,
    emulated: bool = False,
    profile: str | None = None,
    region: str | None = None,
    role_arn: str | None = None,
    endpoint_url: str | None = None,
    session: Any = None,
) -> LabPlan | None:
    """Removes everything of the lab, looks whether nothing is left, and ends an emulator of our own. None: none ran."""
    from . import emulator, removing

    own = emulated and endpoint_url is None and session is None
    if own and emulator.running() is None:
        return None
    plan = removing.down(session_of(profile, region, role_arn, endpoint_url, session, emulated))
    if not dry_run:
        plan.apply(said)
        if own:
            emulator.stop()
    return plan


def session_of(profile: str | None, region: str | None, role_arn: str | None, endpoint_url: str | None, session: Any, emulated: bool,
               start: bool = False) -> Session:  # fmt: skip
    """The session that the options mean. start: an emulator is started if none runs."""
    from . import emulator

    if isinstance(session, Session):
        return session
    if not emulated or endpoint_url is not None:
        return Session(profile=profile, region=region, role_arn=role_arn, endpoint_url=endpoint_url, boto=session)
    if profile is not None or role_arn is not None or session is not None:
        raise AwsError("--emulated: the emulator has no profiles and roles of yours; leave --profile and --role-arn out")
    found = emulator.start() if start else emulator.running()
    if found is None:
        raise AwsError("no emulator runs; `flowlogs lab up --emulated` starts one")
    return emulator.session(found["url"], region)
