"""The progress bar: on stderr, only when it is a terminal, only for what takes longer than half a second."""

from __future__ import annotations

import os
import sys
import time
from typing import Callable

_PATIENCE = 0.5  # seconds before it appears
_bar: _Bar | None = None


def start() -> Callable[[int, int, int], None] | None:
    """What fl.scan() takes as progress=; None where no bar is wanted."""
    global _bar
    stop()
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return None
    _bar = _Bar()
    return _bar.show


def pause(for_good: bool = False) -> None:
    """Takes the bar off the screen, before something else is written; for_good: it does not come back."""
    if _bar is not None:
        _bar.clear()
    if for_good:
        stop()


def stop() -> None:
    global _bar
    if _bar is not None:
        _bar.clear()
        _bar.stopped = True
        _bar = None


class _Bar:
    def __init__(self) -> None:
        self.stopped = False
        self._begin = time.monotonic()
        self._shown = False
        self._done = 0
        self._pass = 1

    def show(self, done: int, total: int, records: int) -> None:
        """How far the run is: bytes of the inputs as stored, of how many (0: unknown), and records."""
        if done < self._done:
            self._pass += 1  # who began, and who saw what, is found out first
        self._done = done
        if self.stopped or time.monotonic() - self._begin < _PATIENCE:
            return
        from flowlogs._text import Style, cut, human_bytes
        from flowlogs.cli.terminal import style_of, width_of

        style: Style = style_of(sys.stderr)
        width = width_of(sys.stderr)
        text = f"{records:,} records"
        if self._pass > 1:
            text += ", second pass"
        if total > 0:
            part = min(done, total)
            room = min(30, width - len(text) - 30)
            bar = f"{style.bar(part, total, room):<{room}} " if room >= 8 else ""
            text = f"{bar}{100 * part // total:3} %  {human_bytes(done)} of {human_bytes(total)}, {text}"
        else:
            text = f"{human_bytes(done)}, {text}"
        sys.stderr.write("\r" + cut(text, width - 1, style) + "\x1b[K")
        sys.stderr.flush()
        self._shown = True

    def clear(self) -> None:
        if self._shown:
            self._shown = False
            try:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()
            except OSError:
                pass
