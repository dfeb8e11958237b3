"""Switching flow logs on: a plan that can be read, then what is missing, and nothing twice.

The order of the steps is the order in which things need each other, and each step is found again by what it made: so a run
that was killed between two calls is finished by the next one.
"""

from __future__ import annotations

from . import facts, formats, prices, rules
from .caller_policy import caller_policy
from .draft import Draft, Part
from .errors import Problem, RequestError
from .flow_log_steps import FlowLogSteps
from .plan import Plan
from .session import Session
from .to_cloudwatch import ToCloudWatch
from .to_firehose import ToFirehose
from .to_s3 import ToS3
from .wish import Wish


def plan(session: Session, wish: Wish) -> Plan:
    """What is to be done. Reads only. Raises RequestError for what AWS would not take, AccessError, AwsError."""
    wish.check_with(session.account, session.region, session.partition)
    return _Planner(Draft(session, wish)).plan()


_PLACES: dict[str, type[ToCloudWatch] | type[ToS3] | type[ToFirehose]]
_PLACES = {"cloudwatch": ToCloudWatch, "s3": ToS3, "firehose": ToFirehose}


class _Planner(Part):
    def plan(self) -> Plan:
        session, wish = self.session, self.wish
        ids = self._resources()
        existing = facts.flow_logs(session, [one for some in ids.values() for one in some])
        # What the destination needs is planned first, as the flow logs name the role.
        to = _PLACES[self.to.kind](self.draft)
        needed = to.steps()
        logs = FlowLogSteps(self.draft).steps(ids, existing)
        if self.problems:
            raise RequestError(self.problems)
        made = [step for step in logs if step.run is not None]
        ours_stay = any(log.ours and log.destination == self.to for log in existing)
        steps = (needed if made or ours_stay else []) + logs
        if isinstance(to, ToS3) and not to.is_foreign and any(step.action in ("create", "recreate") for step in made):
            steps.append(to.check_again())
        answer = Plan("enable", session.account, session.region, session.caller, steps)
        interfaces = sum(facts.count_interfaces(session, kind, some) for kind, some in ids.items())
        price = self.to.kind + ("-infrequent-access" if wish.log_class == "INFREQUENT_ACCESS" else "")
        answer["estimate"] = prices.estimate(
            price, interfaces, formats.bytes_per_record(wish.fields), "parquet" in wish.option_text
        )
        answer["notes"] = self.notes + ruled_out(wish)
        mine = caller_policy("enable", session.partition, session.account, session.region, self.to, wish.kms_key)
        answer["policies"] = {**self.policies, "permissions of whoever runs this": mine}
        return answer

    def _resources(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for kind, wanted in self.wish.resources.items():
            option = rules.RESOURCES[kind][0]
            there = facts.resources(self.session, kind, wanted)
            for missing in sorted(set(wanted or []) - {resource.id for resource in there}):
                self.problems.append(
                    Problem(option, f"there is no {missing} in {self.session.region}", "check the id and --region")
                )
            for resource in there:
                if (
                    resource.owner
                    and resource.owner != self.session.account
                    and kind not in ("NetworkInterface", *rules.TRANSIT)
                ):
                    self.problems.append(Problem(option, f"{resource.id} is of account {resource.owner}",
                                                 "its owner has to switch it on"))  # fmt: skip
                if resource.item.get("AvailabilityMode", "regional") != "regional":
                    self.problems.append(
                        Problem(option, f"{resource.id} is a zonal NAT gateway", "give its interface to --eni")
                    )
            if wanted is None and not there:
                self.problems.append(Problem(option, f"there is none in {self.session.region}", "check --region"))
            found[kind] = [resource.id for resource in there]
        if self.problems:
            raise RequestError(self.problems)
        return found


def ruled_out(wish: Wish) -> list[str]:
    """What will not be possible with these choices."""
    found = []
    if wish.traffic in ("ACCEPT", "REJECT"):
        other = "rejected" if wish.traffic == "ACCEPT" else "accepted"
        found.append(f"only {wish.traffic.lower()}ed traffic: nothing of {other} traffic will be known, and whether both directions "
                     "passed cannot be told")  # fmt: skip
    if wish.interval == 600:
        found.append("an interval of 600 s: when something happened is known to ten minutes (interfaces of Nitro instances have "
                     "60 s all the same)")  # fmt: skip
    if wish.log_class == "INFREQUENT_ACCESS":
        found.append("the class infrequent-access: no subscription filters, metric filters, live tail nor export to S3, and "
                     "records are read by Logs Insights alone, not by flowlogs")  # fmt: skip
    if "parquet" in wish.option_text:
        found.append("Parquet: the files are not lines; flowlogs reads them through pyarrow, polars or DuckDB")
    if wish.destination.kind == "s3":
        found.append("S3: records come after about 10 minutes (CloudWatch: 5)")
    if wish.destination.kind == "firehose":
        found.append("Firehose: plain text only, and what the stream does with the records is its own")
    if not wish.transit:
        found += formats.losses_of(wish.fields)
    return found
