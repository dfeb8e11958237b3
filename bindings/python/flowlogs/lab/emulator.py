"""What stands in for AWS: a moto server on this machine, in a process of its own, which stays until it is stopped.

The process belongs to no terminal and holds none of its caller's files. What is known of it lies in the user's state directory
(XDG_STATE_HOME, ~/.local/state): flowlogs/lab/emulator.json, and the server's log beside it. The process holds a lock on the
file `lock` there as long as it lives: so one that is gone, or another one that got its number, is never taken for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..aws.errors import AwsError
from ..aws.session import Session

_START_SECONDS = 30
_STOP_SECONDS = 5


def directory() -> str:
    """Where the emulator's state lies."""
    home = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(home):  # as the specification says: others are to be ignored
        home = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(home, "flowlogs", "lab")


def running() -> dict[str, Any] | None:
    """The emulator: url, pid, since; None if there is none."""
    try:
        if not _is_alive():
            return None
        with open(_path("emulator.json"), encoding="utf-8") as file:
            found: dict[str, Any] = json.load(file)
            return found
    except FileNotFoundError:
        return None  # it is not ready yet


def start() -> dict[str, Any]:
    """The emulator that runs, or else a new one. `started` tells which. Raises AwsError if it does not start."""
    import importlib.util

    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask") is None:
        raise AwsError("--emulated needs moto's server: pip install 'flowlogs[aws,lab]'")
    place = directory()
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        with _alone():
            return _start()
    except OSError as error:
        raise AwsError(f"{error.filename or place}: {error.strerror}; set XDG_STATE_HOME to a folder that can be written") from None


def _start() -> dict[str, Any]:
    found = running()
    if found is not None:
        return {**found, "started": False}
    _forget()
    # No credential of the caller's goes along, and nothing that makes moto another AWS than it is by itself.
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("AWS_", "MOTO_", "INITIAL_NO_AUTH", "PYTHONWARNINGS"))}  # fmt: skip
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    kept["PYTHONPATH"] = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    with open(_path("emulator.log"), "wb") as log, open(_path("lock"), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([sys.executable, "-m", "flowlogs.lab.emulator", _path("emulator.json")], stdin=subprocess.DEVNULL, stdout=log,
                       stderr=log, cwd="/", env=kept, close_fds=True, pass_fds=[lock.fileno()], check=False)  # fmt: skip
    # From here on the lock is the new process's alone.
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        alive, found = _is_alive(), running()
        if found is not None:
            return {**found, "started": True}
        if not alive:
            break
        time.sleep(0.05)
    stop()
    raise AwsError(f"the emulator did not start: {_last_line(_path('emulator.log')) or f'not in {_START_SECONDS} s'}")


def stop() -> bool:
    """Ends the emulator, and with it everything in it; False if there was none."""
    found = running()
    if found is None:
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(found["pid"], number)
        except ProcessLookupError:
            pass
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            if not _is_alive():
                with _alone():
                    if not _is_alive():
                        _forget()
                return True
            time.sleep(0.02)
    raise AwsError(f"the emulator, process {found['pid']}, does not end")


def session(url: str, region: str | None) -> Session:
    """A session of the emulator. The caller's credentials, profile and configuration are not looked at."""
    try:
        import boto3  # type: ignore[import-untyped,import-not-found,unused-ignore]
        import botocore.session  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        raise AwsError("this needs boto3: pip install 'flowlogs[aws]'") from None
    unset = (None, None, None, None)
    inner = botocore.session.Session(
        session_vars={"profile": unset, "config_file": (None, None, os.devnull, None), "credentials_file": (None, None, os.devnull, None)}
    )
    name = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    boto = boto3.Session("emulated", "emulated", region_name=name, botocore_session=inner)
    return Session(boto=boto, region=name, endpoint_url=url)


# ---- The process -----------------------------------------------------------------------------------------------------


def _serve(path: str) -> None:
    """Goes into the background, then serves until it is told to end. path: where it says what it is."""
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    from moto.server import ThreadedMotoServer  # type: ignore[import-untyped,import-not-found,unused-ignore]

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump({"url": f"http://127.0.0.1:{port}", "pid": os.getpid(), "since": int(time.time())}, file)
    os.replace(path + ".new", path)
    signal.sigwait(ends)
    os._exit(0)


# ---- Files -----------------------------------------------------------------------------------------------------------


def _path(name: str) -> str:
    return os.path.join(directory(), name)


def _is_alive() -> bool:
    """Whether a process holds the lock."""
    try:
        with open(_path("lock"), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True


def _forget() -> None:
    """Removes what a process that is gone left."""
    for name in ("emulator.json", "emulator.json.new", "emulator.log", "lock"):
        try:
            os.unlink(_path(name))
        except FileNotFoundError:
            pass


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time starts or stops an emulator."""
    folder = os.open(directory(), os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _last_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file if line.strip()]
    except OSError:
        return ""
    return lines[-1] if lines else ""


if __name__ == "__main__":
    _serve(sys.argv[1])
