"""What is new in a source since the last look: for tail and detect, with --follow."""

from __future__ import annotations

import argparse
import io
import os
from typing import Any

import flowlogs as fl
from flowlogs.cli.common import Parser, UsageError, items_of, caller_of, is_remote


def add_every(parser: Parser) -> None:
    parser.add_argument("--every", metavar="SECONDS", type=_seconds, default=None, help="between two looks (default: 30; files: 1)")


def pause_of(args: argparse.Namespace, follower: Any) -> float:
    """Seconds between two looks."""
    return float(args.every or (1 if isinstance(follower, Files) else 30))


def follower_of(args: argparse.Namespace) -> Any:
    """Of FILES. new() gives sources of what has come, the first time of what is there, and what is to be said; older(seconds)
    what came before; lag says how late records usually are.
    """
    if not args.files:
        raise UsageError("no FILES given")
    urls = [file for file in args.files if is_remote(file)]
    if urls and len(args.files) > 1:
        raise UsageError("of s3:// and cloudwatch:// one is given, and alone")
    if not urls:
        return Files(args.files, args.follow)
    from flowlogs.aws import following

    if urls[0].startswith("s3://"):
        return following.Objects(caller_of(args), urls[0], items_of(args.accounts), items_of(args.regions))
    return following.Events(caller_of(args), urls[0], args.log_format is not None, args.follow)


class Files:
    """Plain files that grow."""

    lag = ""

    def __init__(self, paths: list[str], follow: bool) -> None:
        self._paths, self._follow = paths, follow
        self._places: dict[str, int] | None = None

    def new(self) -> tuple[list[Any], list[str]]:
        if self._places is None:
            self._places = {path: _size(path) for path in self._paths}
            grows = {path for path in self._paths if self._follow and _grows(path)}
            return [_Beginning(path, size) if path in grows else path for path, size in self._places.items()], []
        fresh, told = [], []
        for path, place in self._places.items():
            if _size(path) < place:
                told.append(f"{path}: it became shorter; it is read from its beginning")
                place = 0
            try:
                with open(path, "rb") as file:
                    first = file.readline(1 << 16)
                    file.seek(place)
                    text = file.read()
            except OSError:
                continue  # it is being replaced
            whole = text[: text.rfind(b"\n") + 1]
            self._places[path] = place + len(whole)
            if whole:
                fresh.append((first if place > 0 and _is_header(first) else b"") + whole)
        return fresh, told

    def older(self, seconds: int) -> list[Any]:
        return []


def _grows(path: str) -> bool:
    """Whether it is a file of text, to which lines are added."""
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return not file.read(4).startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"))
    except OSError:
        return False


class _Beginning(io.RawIOBase):
    """The bytes of a file that were there: what is added while they are read is for the next look."""

    def __init__(self, path: str, size: int) -> None:
        self.name = path
        self._file = open(path, "rb", buffering=0)
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: self._left]
        n = self._file.readinto(view) if len(view) else 0
        self._left -= n
        return n

    def close(self) -> None:
        self._file.close()
        super().close()


def _size(path: str) -> int:
    """Where its last whole line ends."""
    try:
        with open(path, "rb") as file:
            end = os.fstat(file.fileno()).st_size
            while end > 0:
                begin = max(0, end - (1 << 16))
                file.seek(begin)
                found = file.read(end - begin).rfind(b"\n")
                if found >= 0:
                    return begin + found + 1
                end = begin
            return 0
    except OSError:
        return 0


def _is_header(line: bytes) -> bool:
    try:
        return len(fl.Format.from_header(line).fields) > 0
    except fl.FormatError:
        return False


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0.05 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds from 0.05 to 86400")
    return seconds
