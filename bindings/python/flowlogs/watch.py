"""Detections while records come. flowlogs.watch.Watch is the way in; `flowlogs detect --follow` is made of it.

What has come of the last `keep` seconds is kept as text in a temporary folder, and judged anew as a whole each time that
something comes: a finding is then the same as one of all of that time at once, whatever came first. Records count by their
ends, beside the newest. A finding is told once, however it grows: again only on another day, or of none of the targets that were told.
"""

from __future__ import annotations

import os
import shutil
import tempfile

from . import _core
from .detect import detect
from .raw_lines import RawLines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .detect import Detections

KEEP = 6 * 3600
_MOST_FILES = 100
_DAY = 86400


class Watch:
    """Finds in records that come piece by piece what Query.detect() finds in all of them.

        with flowlogs.watch.Watch(baseline="week.json") as watch:
            for lines in pieces:
                for finding in watch.feed(lines):
                    page_someone(finding["why"])

    keep     seconds: records that ended longer ago than that before the newest are forgotten
    scan     options of flowlogs.scan() for what is fed: {"format": ..., "internal": [...], "inventory": ...}
    options  those of Query.detect()

    newest   int or None: the end of the newest record that came
    records  int: those that are kept
    folder   str: where; it goes with close()
    background  the text of Detections.background: what no finding tells of
    """

    def __init__(self, *, keep: float = KEEP, scan: dict[str, Any] | None = None, **options: Any) -> None:
        self._keep, self._scan, self._options = keep, dict(scan or {}), options
        self._judge(b"srcaddr dstaddr start\n")  # a wrong option or file is an error now, and not when something comes
        self.folder = tempfile.mkdtemp(prefix="flowlogs-watch-")
        self._files: list[tuple[str, int, int]] = []  # path, end of the newest record, records
        self._made = 0
        self._told: dict[tuple[str, str, int], set[str]] = {}
        self.newest: int | None = None
        self.background = ""

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self._files = []

    @property
    def records(self) -> int:
        return sum(records for *_, records in self._files)

    def feed(self, source: Any) -> list[dict[str, Any]]:
        """The findings that are new with these records: a source as flowlogs.scan() takes it, or a query of one with its
        filters. Raises as Query.detect() does; what was read of a damaged source is kept.
        """
        import flowlogs

        query = source if isinstance(source, _core.Query) else flowlogs.scan(source, **{"on_error": "skip", **self._scan})
        if not self._add(query):
            return []
        answer = self._judge([path for path, *_ in self._files])
        self.background = answer["background"]["text"]
        return [finding for finding in answer["findings"] if self._is_new(finding)]

    def _judge(self, source: Any) -> Detections:
        import flowlogs

        known = {name: self._scan[name] for name in ("internal", "inventory") if name in self._scan}
        return detect(flowlogs.scan(source, **known), **self._options)

    def _add(self, query: _core.Query) -> int:
        """Keeps the query's records. How many there were."""
        import flowlogs

        path = os.path.join(self.folder, f"{self._made:08}.log")
        self._made += 1
        lines = RawLines(query)
        with open(path, "wb") as file:
            for piece in lines:
                file.write(piece)
        if lines.unreadable:
            raise _core.ArgumentError(f"watch: records of the format '{lines.unreadable[0]}' cannot be kept; log more fields")
        if lines.records == 0:
            os.unlink(path)
            return 0
        kept = flowlogs.scan(path)
        ends = [name for name in ("end", "start") if name in kept.columns][:1]
        newest = kept.agg(newest=f"max({ends[0]})").collect()[0]["newest"] if ends else None
        if newest is not None and (self.newest is None or newest > self.newest):
            self.newest = newest
        self._files.append((path, newest if newest is not None else self.newest or 0, lines.records))
        self._forget()
        return lines.records

    def _forget(self) -> None:
        if self.newest is None:
            return
        old = [item for item in self._files if item[1] < self.newest - self._keep]
        for path, *_ in old:
            os.unlink(path)
        self._files = [item for item in self._files if item not in old]
        # Neighbours in time become one file: each begins with its header.
        if len(self._files) > _MOST_FILES:
            self._files.sort(key=lambda item: item[1])
            pairs = [self._files[i : i + 2] for i in range(0, len(self._files), 2)]
            self._files = [self._joined(pair) for pair in pairs]
        for key in [key for key in self._told if key[2] < (self.newest - self._keep) // _DAY - 1]:
            del self._told[key]

    @staticmethod
    def _joined(pair: list[tuple[str, int, int]]) -> tuple[str, int, int]:
        first, *others = pair
        for path, *_ in others:
            with open(first[0], "ab") as file, open(path, "rb") as more:
                shutil.copyfileobj(more, file)
            os.unlink(path)
        return first[0], max(item[1] for item in pair), sum(item[2] for item in pair)

    def _is_new(self, finding: dict[str, Any]) -> bool:
        key = finding["kind"], finding["actor"], finding["last_seen"] // _DAY
        targets = {finding["id"], *finding["targets"]}
        known = self._told.get(key) or self._told.get((*key[:2], key[2] - 1))
        is_new = known is None or known.isdisjoint(targets)
        self._told.setdefault(key, set()).update(targets)
        return is_new

