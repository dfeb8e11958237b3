"""A plan: what there is, what will be done, what it costs and rules out. It is shown before anything is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._text import Style, aligned, count, wrapped
from ..answers import Answer


class Step:
    """One thing: create, keep, change, recreate, delete or check it. run: does it; None: there is nothing to do."""

    def __init__(self, action: str, kind: str, name: str, detail: str, run: Callable[[], None] | None = None) -> None:
        self.action, self.kind, self.name, self.detail, self.run = action, kind, name, detail, run

    def to_dict(self) -> dict[str, str]:
        return {"action": self.action, "kind": self.kind, "name": self.name, "detail": self.detail}


class Plan(Answer):
    """What `enable` or `disable` will do. A dict, ready for JSON, that prints as a report.

    verb, account, region, caller; steps [{action, kind, name, detail}] in their order; notes [str]: what to know before;
    estimate {...} and policies {name: policy} of `enable`; applied: whether it was done; flow_logs [{id, resource, status,
    error}] once it was.
    """

    def __init__(self, verb: str, account: str, region: str, caller: str, steps: list[Step]) -> None:
        dict.__init__(self, verb=verb, account=account, region=region, caller=caller, notes=[], estimate=None, policies={},
                      applied=False, flow_logs=[])  # fmt: skip
        self._steps = steps
        self["steps"] = [step.to_dict() for step in steps]

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return any(step.run is not None and step.action != "check" for step in self._steps)

    def apply(self, said: Callable[[Step], object] | None = None) -> None:
        """Does the steps, one after another. Where it ends before its time, the same plan made anew does the rest."""
        for step in self._steps if self.changes else []:
            if step.run is not None:
                if said is not None:
                    said(step)
                step.run()
        self["applied"] = True

    def _lines(self, width: int, style: Style) -> list[str]:
        lines = [f"{self['verb']}: account {self['account']}, {self['region']}, as {self['caller']}", ""]
        if not self._steps:
            lines.append("  nothing to do")
        colours = {"create": style.green, "delete": style.red, "recreate": style.red}
        rows = [[f"  {colours.get(s.action, str)(s.action)}", s.kind, s.name] for s in self._steps]
        for line, step in zip(aligned(rows, "<<<"), self._steps):
            lines.append(line.rstrip())
            lines += ["            " + part for part in wrapped(step.detail, max(40, width - 12)) if part]
        estimate = self["estimate"]
        if estimate:
            lines += ["", *_estimate_lines(estimate, width)]
        if self["notes"]:
            lines += ["", "to know before:"]
            for note in self["notes"]:
                first, *rest = wrapped(note, max(40, width - 4))
                lines += ["  - " + first, *("    " + part for part in rest)]
        for flow_log in self["flow_logs"]:
            state = flow_log["status"] + (f": {flow_log['error']}" if flow_log["error"] else "")
            lines.append(f"  {flow_log['id']}  {flow_log['resource']}  {state}")
        return lines


def _estimate_lines(estimate: dict[str, Any], width: int) -> list[str]:
    def amount(name: str) -> str:
        part = estimate[name]
        return f"{part['gb_per_day']:.3g} GB and {part['usd_per_day']:.2g} USD a day"

    records = estimate["records_per_interface_and_minute"]
    prices = estimate["prices"]
    if not estimate["interfaces"]:
        return wrapped("expected: nothing, as there is no interface yet.", max(40, width))
    text = (
        f"expected, of {count(estimate['interfaces'], 'interface')} and records of {estimate['bytes_per_record']} bytes: "
        f"{amount('idle')} with {records['idle']} record an interface and minute (idle), {amount('quiet')} with "
        f"{records['quiet']} (little traffic). {estimate['usd_per_gb']:g} USD a GB, list price of {prices['region']} "
        f"of {prices['date']} ({prices['source']}); storage and other regions' prices come on top."
    )
    return wrapped(text, max(40, width))
