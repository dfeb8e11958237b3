"""Windows of time: what --since and --until mean, which records belong to one, and what an answer says of its time."""

from __future__ import annotations

import re
import time

from . import _core
from ._text import Style, age, duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.]\d+)?)?\s*(Z|z|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)
_FORM = "write 2026-09-01, 2026-09-01T12:00:00Z, seconds since 1970, or 2h for two hours ago"
# How long AWS usually takes to deliver.
_LAG = "CloudWatch usually lags 5 min, S3 10 min"


def parse_time(text: str, now: int | None = None) -> int:
    """Seconds since 1970 of a time: ISO 8601 (UTC where it names no zone), seconds or milliseconds since 1970, now, or
    2h, -2h, 30m, 1d: so long before now. Fractions of a second are dropped. Raises ArgumentError.
    """
    text = text.strip()
    if now is None:
        now = int(time.time())
    if text.lower() == "now":
        return now
    ago = re.fullmatch(r"-?(\d{1,12})([smhd])", text, re.ASCII)
    if ago:
        return now - int(ago[1]) * _UNITS[ago[2]]
    if re.fullmatch(r"(19[7-9]|20)\d\d?(0[1-9]|1[0-2])?([0-3]\d)?", text) and len(text) in (4, 8):
        dashed = "-".join([text[:4], text[4:6] or "01", text[6:] or "01"])
        raise _core.ArgumentError(f"'{text}' would be seconds since 1970; write {dashed}")
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text) // 1000 if int(text) >= 10**11 else int(text)  # CONTRACT F6
    iso = _ISO.fullmatch(text)
    if iso is None:
        raise _core.ArgumentError(f"'{text}' is no time; {_FORM}")
    from datetime import datetime, timedelta, timezone

    zone = timezone.utc
    try:
        if iso[7] and iso[7] not in "Zz":
            hours, minutes = int(iso[7][1:3]), int(iso[7][3:].lstrip(":") or 0)
            if minutes > 59:
                raise ValueError("no such time zone")
            offset = timedelta(hours=hours, minutes=minutes)
            zone = timezone(-offset if iso[7][0] == "-" else offset)
        at = datetime(*(int(iso[i] or 0) for i in range(1, 7)), tzinfo=zone)  # type: ignore[misc, arg-type]
    except ValueError as error:
        raise _core.ArgumentError(f"'{text}' is no time: {error}") from None
    return int((at - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds())


class Window:
    """A span of time from `since`, which belongs to it, to `until`, which does not; None: without end.

    A record belongs to every window that it overlaps (CONTRACT V3).
    """

    __slots__ = ("since", "until")

    def __init__(self, since: int | None = None, until: int | None = None) -> None:
        if since is not None and until is not None and since >= until:
            style = Style()
            raise _core.ArgumentError(
                f"the window is empty: {style.time(since)} is not before {style.time(until)}"
            )
        self.since = since
        self.until = until

    @classmethod
    def parse(cls, text: str, now: int | None = None) -> Window:
        """FROM..TO or FROM/TO, where either may be missing, or a day: 2026-09-01. Raises ArgumentError."""
        begin, dots, end = text.partition(".." if ".." in text else "/")
        if dots:
            return cls(*(parse_time(part, now) if part.strip() else None for part in (begin, end)))
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip(), re.ASCII):
            day = parse_time(text, now)
            return cls(day, day + 86400)
        raise _core.ArgumentError(f"'{text}' is no window; write FROM..TO, or a day such as 2026-09-01")

    def __bool__(self) -> bool:
        return self.since is not None or self.until is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Window) and (self.since, self.until) == (other.since, other.until)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Window({self.since}, {self.until})"

    @property
    def seconds(self) -> int | None:
        """How long it is; None if it has no beginning or no end."""
        return None if self.since is None or self.until is None else self.until - self.since

    def filter(self, query: _core.Query) -> _core.Query:
        """The query's records that belong to the window."""
        tests = []
        if self.since is not None:
            tests.append(f"end >= {self.since}")
        if self.until is not None:
            tests.append(f"start < {self.until}")
        return query.filter(" and ".join(tests)) if tests else query

    def to_text(self, style: Style) -> str:
        if self.since is None and self.until is None:
            return "all times"
        if self.until is None:
            return f"since {style.time(self.since or 0)}"
        if self.since is None:
            return f"until {style.time(self.until)}"
        return f"{style.time(self.since)} {style.dash} {style.time(self.until)}"


def spoken(start: int | None, end: int | None, style: Style) -> str:
    """2026-09-01 00:00:00Z – 2026-09-01 01:00:00Z  (1 h)"""
    if start is None or end is None:
        return "unknown"
    return f"{style.time(start)} {style.dash} {style.time(end)}  ({duration(max(0, end - start))})"


def footer(
    start: int | None,
    end: int | None,
    window: Window | None,
    style: Style,
    told: bool = False,
    now: float | None = None,
) -> list[str]:
    """The last lines of an answer: the window, how old the newest record is, and how late records usually come.
    told: the answer has told already from when to when its records are.
    """
    lines = []
    if window:
        lines.append(f"asked    {window.to_text(style)}")
    if start is None or end is None:
        return lines
    if not told:
        lines.append(f"window   {spoken(start, end, style)}")
    late = int(time.time() if now is None else now) - end
    ago = f"{age(late)} ago" if late >= 0 else f"{age(-late)} in the future"
    lines.append(f"newest   {ago}; {_LAG}")
    return lines


def zone_of(name: str) -> Any:
    """The time zone of that name, as a tzinfo. Raises ArgumentError."""
    if name.upper() in ("UTC", "Z"):
        return None
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass
    known = zoneinfo.available_timezones()
    if not known:
        raise _core.ArgumentError(f"--tz {name}: this system has no time zones; pip install tzdata")
    import difflib

    lower = {zone.lower(): zone for zone in known}
    near = difflib.get_close_matches(name.lower(), [*lower, *(zone.rpartition("/")[2] for zone in lower)], n=1)
    hint = "write a name such as Europe/Berlin"
    if near:
        hint = "did you mean " + lower.get(near[0], next((z for z in sorted(known) if z.lower().endswith("/" + near[0])), "")) + "?"
    raise _core.ArgumentError(f"--tz {name}: no such time zone; {hint}")
