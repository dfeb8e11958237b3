"""Contenders as processes, and rounds of them.

A run is asked for, and its answer compared, before anything is timed; that is also the discarded warm-up. Then each
round asks every contender once. Answers are compared in the rounds, too.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

from harness.statistics import rounds_for, schedule

PEERS = Path(__file__).resolve().parents[1] / "peers"

Samples = List[float]

LONGEST_SECONDS = 300


class NotRun(Exception):
    """Why there is no figure."""


class Worker:
    """A process that speaks as peers/worker.py says. `missing`: why it cannot be started."""

    def __init__(self, command: List[str], missing: str = "", **environment: str) -> None:
        self.command = command
        self.missing = missing
        self.environment = environment
        self.version = ""
        self._process: Optional[subprocess.Popen[str]] = None

    def start(self) -> None:
        """Starts the process unless it runs. Raises NotRun."""
        if self.missing:
            raise NotRun(self.missing)
        if self._process is not None:
            return
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **self.environment}
        try:
            self._process = subprocess.Popen(self.command, env=environment, text=True, bufsize=1, stdin=subprocess.PIPE,
                                             stdout=subprocess.PIPE)  # fmt: skip
            self.version = self._reply()["version"]
        except (OSError, NotRun) as why:
            self.missing = str(why)
            self.stop()
            raise NotRun(self.missing) from None

    def run(self, work: str, path: Path) -> Tuple[float, Any]:
        self.start()
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(f"{work}\t{path}\n")
        except BrokenPipeError:
            raise NotRun("it ended") from None
        reply = self._reply()
        return reply["seconds"], reply["answer"]

    def stop(self) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        self._process.stdout.close()
        self._process.wait()
        self._process = None

    def _reply(self) -> Dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], LONGEST_SECONDS)[0]:
            self._process.kill()
            raise NotRun(f"no answer after {LONGEST_SECONDS} s")
        line = self._process.stdout.readline()
        if not line:
            raise NotRun(f"it ended with exit code {self._process.wait()}")
        reply: Dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise NotRun(reply["error"])
        return reply


def peer(name: str, *options: str, **environment: str) -> Worker:
    return Worker([sys.executable, str(PEERS / f"{name}_peer.py"), *options], **environment)


class Contender:
    """Somebody who does one work on one input.

    checked   its answer is one to compare with the others'
    needed    the benchmark ends without it
    """

    def __init__(self, name: str, worker: Worker, work: str, path: Path, *, checked: bool = True,
                 needed: bool = False) -> None:  # fmt: skip
        self.name, self.worker, self.work, self.path = name, worker, work, path
        self.checked, self.needed = checked, needed

    def run(self) -> Tuple[float, Any]:
        return self.worker.run(self.work, self.path)


class Measured:
    """Seconds by contender, and why others have none."""

    def __init__(self) -> None:
        self.samples: Dict[str, Samples] = {}
        self.not_run: Dict[str, str] = {}


def measure(contenders: List[Contender], check: Callable[[Any], Optional[str]], quick: bool) -> Measured:
    """`check` says what is wrong with an answer. A wrong answer ends the whole benchmark."""
    measured = Measured()
    by_name = {contender.name: contender for contender in contenders}
    rounds: Dict[str, int] = {}

    def checked_run(contender: Contender) -> float:
        seconds, answer = contender.run()
        wrong = check(answer) if contender.checked else None
        if wrong:
            raise SystemExit(f"bench: {contender.name}: {contender.work} of {contender.path}: {wrong}")
        return seconds

    for contender in contenders:
        try:
            rounds[contender.name] = rounds_for(checked_run(contender), quick)
        except NotRun as why:
            if contender.needed:
                raise SystemExit(f"bench: {contender.name}: {contender.work} of {contender.path}: {why}") from None
            measured.not_run[contender.name] = str(why)
    measured.samples = {name: [] for name in rounds}
    for names in schedule(rounds):
        for name in names:
            measured.samples[name].append(checked_run(by_name[name]))
    return measured


def difference(answer: List[List[Any]], right: List[List[Any]], limit: int) -> Optional[str]:
    """What is wrong with an answer. Of a question with a limit, `right` holds every row that ties with the last one."""
    key = [json.dumps(row) for row in answer]
    known = [json.dumps(row) for row in right]
    if limit == 0:
        return None if sorted(key) == sorted(known) else f"{_sample(key, known)} (of {len(key)} and {len(known)} rows)"
    wanted = [row[-1] for row in right[:limit]]
    if [row[-1] for row in answer] != wanted:
        return f"the values are {[row[-1] for row in answer]}, not {wanted}"
    if len(set(key)) != len(key) or not set(key) <= set(known):
        return _sample(key, known)
    return None


def _sample(key: List[str], known: List[str]) -> str:
    extra, missing = set(key) - set(known), set(known) - set(key)
    return f"wrong rows, such as {sorted(extra)[:2]}; missing rows, such as {sorted(missing)[:2]}"
