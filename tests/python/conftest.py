"""What the tests of the package and of the command share."""

import contextlib
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from unittest import mock

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

# All servers of tests are on this machine.
for name in ("http_proxy", "https_proxy", "all_proxy"):
    os.environ.pop(name, None)
    os.environ.pop(name.upper(), None)

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


def run(words, stdin=b"", encoding="utf-8", **options):
    """The finished process of the words: returncode, and stdout and stderr as text."""
    process = subprocess.run(words, input=stdin, capture_output=True, timeout=300, **options)  # no more than an end of what hangs
    return checked(process, encoding)


def checked(process, encoding):
    if encoding:
        process.stdout = process.stdout.decode(encoding)
    process.stderr = process.stderr.decode("utf-8")
    assert "Traceback" not in process.stderr, process.stderr
    assert process.returncode in (0, 1, 2), process.stderr
    return process


@pytest.fixture
def command_process():
    """Runs `python -m flowlogs` in a process of its own."""

    def run_it(*arguments, env=(), **options):
        environment = {**os.environ, "PYTHONWARNINGS": "error", **dict(env)}
        return run([sys.executable, "-m", "flowlogs", *map(str, arguments)], env=environment, **options)

    return run_it


@pytest.fixture
def command():
    """Runs the command and gives it as a finished process: returncode, and stdout and stderr as text. It runs in this process,
    with files of its own as 0, 1 and 2, standard input a pipe: a process takes ten times as long to start as most verbs run."""
    from flowlogs.cli import main

    def run_it(*arguments, stdin=b"", encoding="utf-8", cwd=".", env=()):
        words = list(map(str, arguments))
        reader, writer = os.pipe()

        def feed():
            with contextlib.suppress(BrokenPipeError), open(writer, "wb") as file:
                file.write(stdin)

        feeder = threading.Thread(target=feed)
        feeder.start()
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(file) for file in (open(reader, "rb"), tempfile.TemporaryFile(), tempfile.TemporaryFile())]
            for number, (name, file) in enumerate(zip(("stdin", "stdout", "stderr"), files)):
                before = os.dup(number)
                stack.callback(os.close, before)
                stack.callback(os.dup2, before, number)
                os.dup2(file.fileno(), number)
                stream = open(number, "w" if number else "r", encoding="utf-8", errors="backslashreplace" if number == 2 else None,
                              closefd=False)  # fmt: skip
                stack.enter_context(mock.patch.object(sys, name, stream))
                stack.callback(stream.close)
            files[0].close()
            stack.enter_context(mock.patch.dict(os.environ, env))
            stack.callback(os.chdir, os.getcwd())
            os.chdir(cwd)
            code = main(words)
            sys.stdout.flush()
            sys.stderr.flush()
            outputs = []
            for file in files[1:]:
                file.seek(0)
                outputs.append(file.read())
        feeder.join()
        return checked(subprocess.CompletedProcess(words, code, *outputs), encoding)

    return run_it
