"""How runs behave towards the process they are in: Ctrl-C, progress, threads, fork (CONTRACT P7)."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import flowlogs as fl
import pytest
from conftest import HEADER, interrupted, soon

pyarrow = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.parquet")


def threads_of_process():
    return set(os.listdir("/proc/self/task"))


def no_thread_since(before):
    """Whether those that were not there before have ended. The system shows one for a moment after it was joined."""
    deadline = time.monotonic() + 10
    while threads_of_process() - before and time.monotonic() < deadline:
        time.sleep(0.001)
    return not threads_of_process() - before


@pytest.fixture(scope="module")
def endless():
    """Sources that take longer to scan than any test has patience: the same bytes, again and again."""
    line = "2 123456789012 eni-0a 10.0.0.1 10.0.0.2 40001 443 6 7 800 1600000000 1600000059 ACCEPT OK\n"
    return [(line * 200_000).encode()] * 5_000


def exhaust(iterator):
    for _ in iterator:
        pass


RUNS = {
    "collect": lambda logs: logs.group_by("srcport").agg("distinct(dstaddr)").collect(),
    "collect rows": lambda logs: logs.filter("bytes > 800").select("srcaddr").collect(),
    "two passes": lambda logs: logs.once().agg("count()").collect(),
    "count": lambda logs: logs.filter("bytes > 800").count(),
    "check": lambda logs: logs.check(),
    "collect_all": lambda logs: fl.collect_all([logs.agg("count()"), logs.group_by("action")]),
    "records": lambda logs: exhaust(logs.records()),
    "no records": lambda logs: exhaust(logs.filter("bytes > 800").records()),
    "tables": lambda logs: exhaust(logs.filter("bytes > 800")._tables()),
    "summary": lambda logs: logs.summary(),
    "conversations": lambda logs: logs.conversations(),
    "to_arrow": lambda logs: logs.filter("bytes > 800").to_arrow(),
    "a reader of pyarrow": lambda logs: exhaust(pyarrow.RecordBatchReader.from_stream(logs.filter("bytes > 800"))),
}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_ends_a_scan_within_half_a_second(endless, run, threads):  # CONTRACT P7
    RUNS[run](fl.scan(endless[0][:1000]))  # pyarrow imports pandas with its first table: an interrupt then meets files half read
    before = threads_of_process()
    logs = fl.scan(endless, threads=threads)

    def work():
        # It knows no KeyboardInterrupt: it raises its own error, and then that comes.
        with contextlib.suppress(*[OSError] * (run == "a reader of pyarrow")):
            RUNS[run](logs)

    soon(lambda: interrupted(work))
    if "arrow" not in run:  # pyarrow has threads of its own
        assert no_thread_since(before)
    assert logs.head(3).collect().to_dicts() == fl.scan(endless[0]).head(3).collect().to_dicts()  # the plan runs again


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_ends_a_scan_while_pyarrow_reads_parquet(tmp_path, threads):  # CONTRACT P7
    path = str(tmp_path / "rows.parquet")
    log = fl.generate(records=100_000, seed=1)
    pyarrow.parquet.write_table(fl.scan(log).to_arrow(), path, compression="gzip")  # one group of rows: slow to begin, too
    for columns in ("srcaddr", "dstaddr"), ("bytes",):
        logs = fl.scan([path] * 300, threads=threads).group_by(*columns).agg("count()")
        soon(lambda: interrupted(logs.collect))
    assert fl.scan(path, threads=threads).count() == 100_000


def test_an_interrupt_that_a_generator_of_batches_meets_ends_the_scan():  # CONTRACT P7
    schema = pyarrow.schema([("srcaddr", pyarrow.string())])

    def batches():
        yield pyarrow.record_batch([["10.0.0.1"]], schema=schema)
        raise KeyboardInterrupt  # as Python's handler of signals raises it

    reader = pyarrow.RecordBatchReader.from_batches(schema, batches())
    with pytest.raises(KeyboardInterrupt):
        fl.scan(reader, threads=1, on_error="skip").count()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("begin, more", [(b"", b""), (HEADER.encode() + b"\n", b""), (HEADER.encode() + b"\n", b"2 \n")])
def test_an_interrupt_ends_a_scan_that_waits(fifo, threads, begin, more):  # CONTRACT P7
    logs = []

    def wait():
        logs.append(fl.scan(fifo(begin, more), threads=threads))
        logs[-1].count()

    soon(lambda: interrupted(wait))
    if begin:  # what was taken off a pipe cannot be read again
        with pytest.raises(fl.Error, match="only once"):
            logs[-1].count()


def test_an_interrupt_while_nobody_writes_loses_nothing(tmp_path, line):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    logs = fl.scan(path)
    soon(lambda: interrupted(logs.count))
    writer = threading.Thread(target=lambda: path.write_text(line() * 3))
    writer.start()
    assert logs.count() == 3
    writer.join()


def test_an_interrupt_of_feed_loses_nothing(line):
    text = line() * 1_000_000
    run = fl.scan(b"").agg("count()").start()
    fed = interrupts = 0

    def feed():
        nonlocal fed, interrupts
        interrupts += 1
        while True:
            fed += 1
            run.feed(text)

    soon(lambda: interrupted(feed, after=0.2), within=1)
    whole, part = divmod(run.finish()[0]["count"], 1_000_000)
    assert part == 0 and fed - interrupts <= whole <= fed


@pytest.mark.parametrize("threads", [1, 3])
def test_an_interrupt_reaches_a_file_that_waits(noise, threads):  # CONTRACT P7
    # In a process of its own: polars, once it is loaded, has interrupted reads of sockets begin again.
    program = f"""
import os, signal, socket, sys, threading, time
import flowlogs as fl
ours, theirs = socket.socketpair()
ours.sendall({noise.read_bytes()!r})
def send():
    time.sleep(0.3)
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)
sent = []
try:
    threading.Thread(target=send).start()
    fl.scan(theirs.makefile("rb"), threads={threads}).count()
except KeyboardInterrupt:
    print(time.monotonic() - sent[0])
"""

    def interrupt():
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
        assert (run.returncode, run.stderr) == (0, "")
        return float(run.stdout)  # nothing, if there was no KeyboardInterrupt

    soon(interrupt)


def test_a_signal_handler_that_raises_nothing_runs_and_the_scan_goes_on(line):
    seen = []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(True))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        data = line().encode() * 200_000
        assert fl.scan([data] * 100).count() == 20_000_000
        assert seen
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# ---- Progress --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_is_told_by_the_calling_thread_ten_times_a_second(line, threads):  # CONTRACT P7
    data = [(line() * 200_000).encode()] * 60
    total = sum(map(len, data))
    told = []
    logs = fl.scan(
        data, threads=threads, progress=lambda *figures: told.append((threading.get_ident(), time.monotonic(), *figures))
    )
    for run in (lambda: logs.check(), lambda: exhaust(logs._tables())):
        told.clear()
        begin = time.monotonic()
        run()
        elapsed = time.monotonic() - begin
        assert 1 <= len(told) <= 10 * elapsed + 1
        assert {each[0] for each in told} == {threading.get_ident()}
        assert told[-1][2:] == (total, total, 200_000 * 60)
        figures = [each[2:] for each in told]
        assert figures == sorted(figures) and all(total == each[1] for each in figures)


def test_progress_of_a_short_run_is_told_once(noise):
    told = []
    fl.scan(noise, progress=lambda *figures: told.append(figures)).count()
    assert told == [(noise.stat().st_size, noise.stat().st_size, 99)]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("run", [run for run in RUNS if run != "a reader of pyarrow"])
def test_an_exception_in_progress_ends_the_run_and_is_raised(endless, run, threads):  # CONTRACT P7
    class Enough(Exception):
        pass

    def progress(*_):
        raise Enough("no more")

    before = threads_of_process()
    with pytest.raises(Enough, match="no more"):
        RUNS[run](fl.scan(endless, threads=threads, progress=progress))
    if "arrow" not in run:
        assert no_thread_since(before)


def test_progress_may_scan_itself(noise, line):
    counts = []
    data = [(line() * 200_000).encode()] * 20
    fl.scan(data, progress=lambda *_: counts.append(fl.scan(noise).count())).check()
    assert set(counts) == {99}


def test_progress_that_cannot_be_called_is_an_error(noise):
    with pytest.raises(TypeError, match="done_bytes, total_bytes and records"):
        fl.scan(noise, progress=3)


# ---- Threads and processes -------------------------------------------------------------------------------------------


def test_an_iterator_that_is_dropped_ends_its_run(endless):  # CONTRACT P7
    before = threads_of_process()
    logs = fl.scan(endless, threads=3)

    def drop(make):
        iterator = make()
        next(iterator)
        assert threads_of_process() - before
        begin = time.monotonic()
        del iterator
        return time.monotonic() - begin

    for make in (logs.records, logs._tables, logs._chunks):
        soon(lambda: drop(make))
        assert no_thread_since(before)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_that_is_forked_after_a_scan_scans(samples):  # CONTRACT P7
    program = (
        "import flowlogs as fl, multiprocessing, sys\n"
        "def count(path): return fl.scan(path, threads=2).count()\n"
        "paths = sys.argv[1:]\n"
        "before = [count(path) for path in paths]\n"
        "iterator = fl.scan(paths, threads=2).records(); next(iterator); del iterator\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    assert pool.map(count, paths) == before\n"
        "print(sum(before))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *samples], capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.stderr) == ("112\n", "")
    assert "fork" in multiprocessing.get_all_start_methods()
