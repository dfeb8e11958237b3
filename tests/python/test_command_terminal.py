"""The command and what surrounds it: terminals, closed pipes, full disks, interrupts, memory."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest
from conftest import soon

pty = pytest.importorskip("pty")

FLOWLOGS = [sys.executable, "-m", "flowlogs"]


def on_terminal(*arguments, columns=100, env=()):
    """Runs the command with a terminal as stdout and stderr; gives the exit code and what was shown."""
    import fcntl
    import struct
    import termios

    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    environment.update({"TERM": "xterm", "PYTHONUTF8": "1"}, **dict(env))
    process = subprocess.Popen(
        [*FLOWLOGS, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=inner, stderr=inner, env=environment
    )
    os.close(inner)
    shown = b""
    while True:
        try:
            piece = os.read(outer, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(outer)
    return process.wait(), shown.decode().replace("\r\n", "\n")


@pytest.fixture
def big(line, tmp_path):
    path = tmp_path / "big.log"
    path.write_text("".join(line(srcport=port, bytes=port) for port in range(20_000)))
    return path


def test_a_terminal_gets_a_table(noise):  # CONTRACT V2
    code, shown = on_terminal("query", "--group-by", "action", noise)
    assert code == 0
    assert shown.startswith("\x1b[1maction  count\x1b[0m\nACCEPT     32\nREJECT     67\n")


def test_colours_are_light_and_can_be_switched_off(noise):  # CONTRACT V4
    _, shown = on_terminal(noise)
    assert "\x1b[1m99 records\x1b[0m" in shown
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        _, plain = on_terminal(noise, env=env)
        assert "\x1b" not in plain and "99 records" in plain


def test_the_report_uses_the_width_of_the_terminal(noise):
    for columns, side_by_side in ((80, False), (130, True)):
        _, shown = on_terminal(noise, columns=columns)
        assert any("Top sources" in line and "Top destinations" in line for line in shown.splitlines()) == side_by_side


def test_an_ascii_terminal_gets_ascii(noise):
    code, shown = on_terminal(
        noise, env={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    )
    assert code == 0 and shown.isascii() and "####" in shown


def test_log_content_cannot_drive_the_terminal(tmp_path):
    path = tmp_path / "evil\x1b[2J.log"
    path.write_bytes(b"version interface-id action\n2 \x1b[31mred ACC\x1b]0;EPT\x07\n2 2 3 4\n")
    for arguments in (["records"], ["summary"], ["check"], ["top", "interface-id", "--by", "flows"], ["query"]):
        _, shown = on_terminal(*arguments, path, env={"NO_COLOR": "1"})
        assert "\x1b" not in shown and "\x07" not in shown, arguments


def test_a_closed_pipe_is_quiet(big):  # CONTRACT V5
    for arguments in (
        ["records"],
        ["query", "--group-by", "bytes"],
        ["records", "-o", "raw"],
        ["records", "-o", "json"],
    ):
        process = subprocess.Popen([*FLOWLOGS, *arguments, str(big)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0
        process.stderr.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_an_error(noise, big):
    for arguments in (["fields"], ["summary", str(noise)], ["records", str(big)], ["--version"], ["--help"]):
        with open("/dev/full", "wb") as full:
            process = subprocess.run([*FLOWLOGS, *arguments], stdout=full, stderr=subprocess.PIPE)
        assert process.returncode == 2
        assert process.stderr == b"flowlogs: standard output: cannot be written: No space left on device\n"


def test_closed_standard_streams_are_no_error(noise):
    process = subprocess.run(["sh", "-c", 'exec "$0" -m flowlogs "$1" >&- 2>&-', sys.executable, str(noise)])
    assert process.returncode == 0


@pytest.fixture
def slow(fifo, line):
    """A FIFO that brings 6,000 lines in 1.2 s."""
    return fifo(b"", line().encode() * 50, times=120)


def test_what_takes_longer_than_half_a_second_shows_how_far_it_is(slow):  # CONTRACT V4
    begin = time.monotonic()
    code, shown = on_terminal("query", "--agg", "count()", slow)
    elapsed = time.monotonic() - begin
    assert code == 0
    bars = re.findall(r"\r([^\r]*) records\x1b\[K", shown)
    counts = [int(bar.split(", ")[-1].replace(",", "")) for bar in bars]
    assert 3 <= len(bars) <= 10 * elapsed and counts == sorted(counts) and 0 < counts[0] < counts[-1] <= 6000
    assert re.search(r"\r\x1b\[K[^\r]*count[^\r]*6000[^\r]*$", shown)  # the bar is gone when the answer comes


def test_what_is_quick_or_no_terminal_shows_no_bar(noise, slow):
    assert "\r" not in on_terminal("query", "--agg", "count()", noise)[1]
    done = subprocess.run([*FLOWLOGS, "query", "--agg", "count()", slow], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("count\n6000\n", "")


def until_interrupted(process, ready):
    """Ctrl-C for a process, once it is ready and a moment later: (seconds until its end, what it wrote to stderr)."""
    try:
        deadline = time.monotonic() + 120
        while not ready():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.3)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        return time.monotonic() - begin, errors
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("verb", [["records"], ["convert"], ["query", "--agg", "count()"]])
def test_an_interrupt_leaves_no_file_behind(fifo, line, tmp_path, verb):  # CONTRACT V5
    if verb == ["convert"]:
        pytest.importorskip("pyarrow")
    output = tmp_path / "out" / ("answer.parquet" if verb == ["convert"] else "answer.csv")
    output.parent.mkdir()

    def interrupt():
        log = fifo(b"", line().encode() * 50)
        process = subprocess.Popen([*FLOWLOGS, *verb, "-o", output, log], stderr=subprocess.PIPE)
        seconds, errors = until_interrupted(process, lambda: list(output.parent.iterdir()))
        assert (process.returncode, errors) == (130, b"")
        assert not list(output.parent.iterdir())
        return seconds

    soon(interrupt)


def test_an_interrupt_ends_the_command_without_a_traceback(line):
    def interrupt():
        process = subprocess.Popen([*FLOWLOGS, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(line().encode() * 10_000)  # more than a pipe holds: it is reading when this returns
        process.stdin.flush()
        seconds, errors = until_interrupted(process, lambda: True)
        assert process.returncode in (-signal.SIGINT, 130) and b"Traceback" not in errors
        return seconds

    soon(interrupt)


def test_a_long_input_takes_little_memory(line):  # the run is bounded, whatever comes
    piece = "".join(line(srcport=port, bytes=port) for port in range(10_000)).encode()
    assert len(piece) * 100 > 64 << 20
    # The process tells its own peak: that of wait4() would hold what this one had when it was forked.
    program = (
        "import re, sys; from flowlogs.cli import main; code = main(sys.argv[1:]);"
        "print(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr); sys.exit(code)"
    )
    for arguments in (["summary", "-"], ["records", "-"], ["check", "-"]):
        words = [sys.executable, "-c", program, *arguments]
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            for _ in range(100):
                process.stdin.write(piece)
            process.stdin.close()
            peak = int(process.stderr.read().split()[-1])
        assert process.returncode == 0
        assert peak < 64 * 1024, arguments  # KiB


def test_the_script_is_the_module():
    from flowlogs.cli import main

    assert callable(main)
    scripts = pathlib.Path(sys.executable).parent / "flowlogs"
    if scripts.exists():
        assert subprocess.run([str(scripts), "--version"], capture_output=True).stdout.startswith(b"flowlogs ")
