"""What the tests of the package and of the command share."""

import contextlib
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, settings

# The same commit, the same cases, whatever the machine's speed: FLOWLOGS_RANDOM=1 looks for new ones.
settings.register_profile(
    "flowlogs",
    derandomize="FLOWLOGS_RANDOM" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("flowlogs")

# What a shell runs in the background has Ctrl-C ignored, and hands that on to what it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)


def soon(run, within=0.5):
    """run() gives how many seconds passed until something ended, which has to be soon. A machine that is busy at that moment
    is late: then the second time decides."""
    seconds = run()
    assert seconds < within or run() < within, f"{seconds:.2f} s"


def interrupted(run, after=0.3, raises=KeyboardInterrupt):
    """Seconds until run() was over, after it was sent SIGINT: for soon()."""
    sent = []

    def send():
        time.sleep(after)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=send)
    try:
        with pytest.raises(raises):
            sender.start()
            run()
        return time.monotonic() - sent[0]
    finally:
        sender.join()


@pytest.fixture
def fifo(tmp_path):
    """Makes a FIFO that is written to by a thread: first `begin`, then `more` every 10 ms, so many times, or until nobody reads
    any more."""
    stop = threading.Event()
    writers = []

    def make(begin, more=b"", times=None):
        path = tmp_path / f"fifo{len(writers)}"
        os.mkfifo(path)

        def write():
            with contextlib.suppress(BrokenPipeError), open(path, "wb", buffering=0) as file:
                file.write(begin)
                for _ in itertools.count() if times is None else range(times):
                    if stop.wait(0.01):
                        break
                    file.write(more)

        writers.append((path, threading.Thread(target=write)))
        writers[-1][1].start()
        return path

    yield make
    stop.set()
    for path, writer in writers:
        while writer.is_alive():  # perhaps nobody opened it, or it is full
            reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            writer.join(0.01)
            with contextlib.suppress(BlockingIOError):
                os.read(reader, 1 << 20)
            os.close(reader)


@pytest.fixture
def noise():
    """A sample log: a header and 99 records."""
    return DATA / "internet-noise-v2.log"


@pytest.fixture
def samples():
    """The three sample logs: plain, gzip, and without header: 99 + 3 + 10 records."""
    return sorted(str(path) for path in DATA.glob("*.log*"))


@pytest.fixture
def line():
    """Makes a line of the default format; every value distinct."""

    def make(**values):
        record = dict(
            zip(
                HEADER.split(),
                "2 123456789012 eni-0a 10.0.0.1 10.0.0.2 40001 443 6 7 800 1600000000 1600000059 ACCEPT OK".split(),
            )
        )
        for name, value in values.items():
            record[name.replace("_", "-")] = str(value)
        return " ".join(record.values()) + "\n"

    return make


@pytest.fixture
def command():
    """Runs `python -m flowlogs` and gives the finished process: returncode, and stdout and stderr as text."""

    def run(*arguments, stdin=b"", encoding="utf-8", **options):
        environment = {**os.environ, "PYTHONWARNINGS": "error", **options.pop("env", {})}
        process = subprocess.run(
            [sys.executable, "-m", "flowlogs", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            timeout=300,  # no more than an end of what hangs
            env=environment,
            **options,
        )
        if encoding:
            process.stdout = process.stdout.decode(encoding)
        process.stderr = process.stderr.decode("utf-8")
        assert "Traceback" not in process.stderr, process.stderr
        assert process.returncode in (0, 1, 2), process.stderr
        return process

    return run
