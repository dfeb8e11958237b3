"""The inputs, made by our own generator and kept in build/bench/data for as long as the generator makes the same.

A file is read from disk once before anything is timed: written back, dropped from the page cache, read with readahead.
So its pages lie in the cache as those of a file that was copied here some time ago, whatever wrote it.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List


@dataclass
class Input:
    name: str
    path: Path  # a file, or a glob
    records: int
    fields: int
    text_bytes: int
    stored_bytes: int

    def describe(self) -> Dict[str, Any]:
        return {"name": self.name, "records": self.records, "fields": self.fields, "text_bytes": self.text_bytes,
                "stored_bytes": self.stored_bytes}  # fmt: skip


class Inputs:
    def __init__(self, flowlogs: Any, directory: Path, scale: float) -> None:
        self.fl, self.directory, self.scale = flowlogs, directory, scale
        directory.mkdir(parents=True, exist_ok=True)
        sample = flowlogs.generate(records=2000) + flowlogs.generate(records=2000, format="all")
        self.version = hashlib.sha256(sample).hexdigest()[:12]
        for old in directory.iterdir():  # of another generator
            if self.version not in old.name:
                old.unlink()

    def make(self, name: str, records: int, form: Any = "default", **options: Any) -> Input:
        records = int(records * self.scale)
        path = self.directory / f"{name}-{records}-{self.version}.log"
        self._write(path, lambda part: self.fl.generate(records=records, format=form, output=part, **options))
        fields = len(self.fl.scan(path).columns)
        return Input(name, path, records, fields, path.stat().st_size, path.stat().st_size)

    def default(self) -> Input:
        return self.make("default", 5_000_000)

    def custom_29(self) -> Input:
        columns = [f["column"] for f in self.fl.fields() if f["since"] <= 5 and f["product"] in ("vpc", "both")]
        random.Random(29).shuffle(columns)
        return self.make("custom-29", 1_000_000, columns)

    def all_54(self) -> Input:
        return self.make("all-54", 1_000_000, "all")

    def small(self) -> Input:
        return self.make("small", 44_000)

    def for_loops(self) -> Input:
        return self.make("loop", 500_000)

    def compressed(self, text: Input) -> Input:
        path = Path(f"{text.path}.gz")

        def compress(part: str) -> None:
            with open(text.path, "rb") as source, open(part, "wb") as out, gzip.GzipFile("", "wb", 6, out, 0) as gz:
                for block in iter(lambda: source.read(1 << 20), b""):
                    gz.write(block)

        self._write(path, compress)
        return Input(text.name + "-gzip", path, text.records, text.fields, text.text_bytes, path.stat().st_size)

    def eight_compressed(self) -> Input:
        records = int(625_000 * self.scale)
        text_bytes = 0
        paths: List[Path] = []
        for i in range(8):
            path = self.directory / f"part-{i}-{records}-{self.version}.log.gz"
            self._write(path, lambda part, i=i: self.fl.generate(records=records, seed=i + 1, output=part, gzip=True))
            text_bytes += _inflated_size(path)
            paths.append(path)
        stored = sum(path.stat().st_size for path in paths)
        glob = self.directory / f"part-*-{records}-{self.version}.log.gz"
        return Input("default-gzip-8", glob, 8 * records, 14, text_bytes, stored)

    def _write(self, path: Path, write: Callable[[str], None]) -> None:
        if not path.exists():
            print(f"making {path.name}", flush=True)
            part = f"{path}.{os.getpid()}.part-{self.version}"
            write(part)
            os.replace(part, path)
        read_from_disk(path)


def _inflated_size(path: Path) -> int:
    with open(path, "rb") as file:
        file.seek(-4, os.SEEK_END)
        return int.from_bytes(file.read(4), "little")


def read_from_disk(path: Path) -> None:
    with open(path, "rb", buffering=0) as file:
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        buffer = bytearray(1 << 20)
        while file.readinto(buffer):
            pass
