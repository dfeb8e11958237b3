"""The flow logs themselves: kept, made, made anew where they cannot be changed, deleted."""

from __future__ import annotations

import time
import uuid
from typing import Any

from .._text import count
from . import facts, rules
from .draft import Part
from .errors import AccessError, AwsError, Problem, code_of
from .plan import Step
from .session import Session

_MOST_NAMES = 4  # of fields are told
_ASSUME_SECONDS = 45  # a new role is known everywhere after some seconds


class FlowLogSteps(Part):
    def steps(self, ids: dict[str, list[str]], existing: list[facts.FlowLog]) -> list[Step]:
        wish, steps, updates = self.wish, [], []
        wanted_tags = {**wish.tags, **({"Name": wish.name} if wish.name else {})}
        for kind, some in ids.items():
            fresh: list[str] = []
            stale: dict[str, list[facts.FlowLog]] = {}
            for resource in some:
                there = [log for log in existing if log.resource == resource]
                same = [log for log in there if log.destination == self.to]
                equal = [log for log in same if not self._differences(log)]
                old = [log for log in same if log.ours and log not in equal[:1]]
                foreign = [
                    log for log in same if not log.ours and log not in equal and log.traffic in (wish.traffic, "ALL")
                ]
                if foreign and not equal:
                    self.problems.append(Problem(
                        rules.RESOURCES[kind][0],
                        f"{foreign[0].id} on {resource} delivers to the same place ({'; '.join(self._differences(foreign[0]))}), "
                        "and it was not made by flowlogs", "remove it first, or give another destination"))  # fmt: skip
                others = [log for log in there if log.destination != self.to]
                if others:
                    self.notes.append(f"{resource} has {count(len(others), 'other flow log')} ({others[0].id} to {others[0].destination}): "
                                      "records are delivered, and paid, once for each")  # fmt: skip
                if len(there) >= rules.MOST_FLOW_LOGS and not equal:
                    self.problems.append(Problem(rules.RESOURCES[kind][0], f"{resource} has {len(there)} flow logs",
                                                 f"{rules.MOST_FLOW_LOGS} are possible"))  # fmt: skip
                if equal:
                    log = equal[0]
                    whose = "" if log.ours else ", not made by flowlogs"
                    steps.append(Step("keep", "flow log", log.id, f"of {resource}, to {self.to}{whose}"))
                    if log.ours and any(log.tags.get(key) != value for key, value in wanted_tags.items()):
                        updates.append(self._retag(log, wanted_tags))
                    for extra in old:
                        steps.append(self._delete([extra], f"of {resource}: another one delivers the same"))
                elif old:
                    stale[resource] = old
                else:
                    fresh.append(resource)
            most = rules.most_resources(kind)
            for begin in range(0, len(fresh), most):
                steps.append(self._create(kind, fresh[begin : begin + most], "create", self._described(), {}))
            for resource, old in stale.items():
                why = "; ".join(self._differences(old[-1]))
                detail = f"a flow log cannot be changed ({why}): a new one, then {', '.join(log.id for log in old)} is deleted"
                steps.append(self._create(kind, [resource], "recreate", detail, {resource: old}))
                if self.to.kind == "s3":
                    self.notes.append(f"{resource}: the new flow log has another id, so its files have other names than before")
                elif any(log.fields != wish.fields for log in old):
                    self.notes.append(f"{resource}: earlier records keep the old fields, which AWS does not tell once the old flow log is "
                                      "deleted: read them with --format")  # fmt: skip
        return steps + updates

    def _described(self) -> str:
        wish = self.wish
        traffic = f"{wish.traffic.lower()} traffic, " if wish.traffic else ""
        options = f", {wish.option_text.replace(' ', ', ')}" if wish.option_text else ""
        return f"{traffic}every {wish.interval} s, {len(wish.fields)} fields{options}, to {self.to}"

    def _differences(self, log: facts.FlowLog) -> list[str]:
        """What the flow log has and is not wanted so."""
        wish = self.wish
        found = []
        if log.traffic != wish.traffic and not (wish.transit and wish.traffic is None):
            found.append(f"traffic: {_word(log.traffic)} to {_word(wish.traffic)}")
        if log.interval != wish.interval:
            found.append(f"interval: {log.interval} to {wish.interval} s")
        if log.fields != wish.fields:
            found.append(_change_of(log.fields, wish.fields))
        if self.to.kind == "s3" and log.options != wish.option_text:
            found.append(f"files: {log.options or 'plain text'} to {wish.option_text or 'plain text'}")
        if log.ours and self.to.kind != "s3" and log.role != self.draft.role_arn:
            found.append(f"role: {log.role} to {self.draft.role_arn}")
        if log.cross_role and log.cross_role != wish.cross_role:
            found.append(f"role of the other account: {log.cross_role} to {wish.cross_role}")
        if log.tag_fields and log.tag_fields != wish.tag_fields:
            found.append("keys of the tag fields")
        return found

    def _retag(self, log: facts.FlowLog, tags: dict[str, str]) -> Step:
        def run() -> None:
            with self.session.doing(f"change the tags of {log.id}", "ec2"):
                self.session.client("ec2").create_tags(Resources=[log.id], Tags=facts.tag_list(tags))

        return Step("change", "tags", log.id, ", ".join(f"{key}={value}" for key, value in tags.items()), run)

    def _delete(self, logs: list[facts.FlowLog], detail: str) -> Step:
        return Step("delete", "flow log", ", ".join(log.id for log in logs), detail, lambda: delete(self.session, logs))

    def _create(self, kind: str, ids: list[str], action: str, detail: str, old: dict[str, list[facts.FlowLog]]) -> Step:
        request = self.wish.request(kind, ids, self.draft.role_arn)

        def run() -> None:
            left = self._try_create(request, ids)
            for resource in left:  # one of the same destination stands in the way
                delete(self.session, old.get(resource, []))
                if self._try_create({**request, "ResourceIds": [resource]}, [resource]):
                    raise AwsError(f"{resource}: AWS says that there is a flow log to {self.to} already, and lists none; "
                                   "run the same again in a minute")  # fmt: skip
            for resource, logs in old.items():
                if resource not in left:
                    delete(self.session, logs)

        return Step(action, "flow log", ", ".join(ids), detail, run)

    def _try_create(self, request: dict[str, Any], ids: list[str]) -> list[str]:
        """Creates them; returns the resources that have none since one of the same destination is there."""
        session, deadline = self.session, time.monotonic() + _ASSUME_SECONDS
        while True:
            try:
                with session.doing(f"create the flow log of {', '.join(ids)}", "ec2"):
                    try:
                        answer = session.client("ec2").create_flow_logs(**request, ClientToken=str(uuid.uuid4()))
                    except Exception as error:
                        if not hasattr(error, "response") or code_of(error) != "FlowLogAlreadyExists":
                            raise
                        answer = {
                            "Unsuccessful": [
                                {"ResourceId": one, "Error": {"Code": "FlowLogAlreadyExists"}} for one in ids
                            ]
                        }
                break
            except AwsError as error:
                unknown_yet = self.draft.role_is_new and "assume" in str(error).lower() and not isinstance(error, AccessError)
                if not unknown_yet or time.monotonic() > deadline:
                    raise
                time.sleep(3)
        refused = {item["ResourceId"]: item["Error"] for item in answer.get("Unsuccessful", [])}
        exists = [one for one, error in refused.items() if error.get("Code") == "FlowLogAlreadyExists"]
        others = [
            f"{one}: {error.get('Message') or error.get('Code')}" for one, error in refused.items() if one not in exists
        ]
        if others:
            raise AwsError(f"create the flow log of {'; '.join(others)}")
        if not exists:
            return []
        done = {
            log.resource
            for log in facts.flow_logs(session, exists)
            if log.destination == self.to and not self._differences(log)
        }
        return [one for one in exists if one not in done]


def _word(traffic: str | None) -> str:
    return "none" if traffic is None else traffic.lower()


def _change_of(had: list[str], wanted: list[str]) -> str:
    """fields: 30 to 31, with ecs-task-id."""
    parts = [f"fields: {len(had)} to {len(wanted)}"]
    for word, names in (("with", [n for n in wanted if n not in had]), ("without", [n for n in had if n not in wanted])):
        if names:
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            parts.append(f"{word} {' '.join(names[:_MOST_NAMES])}{more}")
    return ", ".join(parts if len(parts) > 1 else [*parts, "in another order"])


def delete(session: Session, logs: list[facts.FlowLog]) -> None:
    """Deletes flow logs; one that is gone already is none of our business."""
    for log in logs:
        with session.doing(f"delete the flow log {log.id}", "ec2"):
            try:
                answer = session.client("ec2").delete_flow_logs(FlowLogIds=[log.id])
            except Exception as error:
                if hasattr(error, "response") and code_of(error) == "InvalidFlowLogId.NotFound":
                    continue
                raise
        for item in answer.get("Unsuccessful", []):
            if item["Error"].get("Code") != "InvalidFlowLogId.NotFound":
                raise AwsError(f"delete the flow log {log.id}: {item['Error'].get('Message')}")
