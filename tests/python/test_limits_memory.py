"""Hostile inputs end at a limit with memory bounded, and nothing is read past it: CONTRACT P4, L7, F3."""

import gzip
import json
import subprocess
import sys

import pytest
from conftest import HEADER

# Runs `ask` in a process of its own; prints what it answered and by how many MiB it grew the process's peak.
PROGRAM = """
import json, re, sys, time
import flowlogs as fl
# Not getrusage(): its peak is that of the process which started this one, if that was larger.
def peak(): return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) >> 10
source = sys.stdin.buffer
HEADER = {header!r}.encode()
fl.scan(HEADER + b"\\n").count()  # what a first scan loads is no part of it
before, began = peak(), time.monotonic()
try:
    answer = (lambda: {ask})()
except fl.Error as error:
    answer = [type(error).__name__, str(error)]
print(json.dumps([answer, peak() - before, time.monotonic() - began]))
"""


def measure(ask, feed=()):
    """The answer of `ask`, MiB, seconds, and how many of the bytes of `feed` the process took from its standard input."""
    program = PROGRAM.format(header=HEADER, ask=ask)
    command = [sys.executable, "-c", program]
    # Without a buffer: what is written was taken by the pipe, at least.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        fed = 0
        try:
            for piece in feed:
                fed += process.stdin.write(piece)
        except BrokenPipeError:
            pass  # the process has seen enough
        process.stdin.close()
        out = process.stdout.read()
        assert process.wait(timeout=300) == 0
    answer, grown, seconds = json.loads(out)
    print(f"{ask}: {grown} MiB, {seconds:.1f} s, {fed} bytes fed")  # seen with pytest -s
    return answer, grown, seconds, fed


def test_a_line_of_a_gigabyte_is_a_problem_in_bounded_memory():  # CONTRACT F3
    piece = b"x" * (1 << 20)

    def feed():
        yield HEADER.encode() + b"\n"
        for _ in range(1024):
            yield piece
        yield b"\n"

    answer, grown, _, _ = measure("fl.scan('-').check().to_dict()['problems']", feed())
    assert answer == {"line-too-long": 1}
    assert grown < 32


@pytest.fixture(scope="module")
def bomb(tmp_path_factory):
    """A gigabyte of line ends in a megabyte of gzip, and then in a thousand bytes."""
    path = tmp_path_factory.mktemp("bombs") / "bomb.log.gz"
    packed = gzip.compress(b"\n" * (64 << 20), 9)
    path.write_bytes(packed * 16)
    return path


def test_a_bomb_ends_at_the_ratio_in_bounded_memory(bomb):
    answer, grown, seconds, _ = measure(f"fl.scan({str(bomb)!r}, max_inflate_ratio=500).check().to_dict()['errors']")
    assert "max_inflate_ratio (500)" in answer[0]["message"] and "raise the limit" in answer[0]["message"]
    # What comes behind the first step at which the ratio is looked at was not read.
    assert answer[0]["offset"] < bomb.stat().st_size / 8
    assert grown < 64 and seconds < 10


def test_a_bomb_in_a_bomb_is_refused_before_it_is_inflated(bomb, tmp_path):
    path = tmp_path / "twice.log.gz"
    path.write_bytes(gzip.compress(bomb.read_bytes(), 9))
    answer, grown, seconds, _ = measure(f"fl.scan({str(path)!r}, max_inflated_bytes=1 << 20).check().to_dict()['errors']")
    assert answer
    assert grown < 64 and seconds < 10


def test_groups_without_end_are_a_limit_error_and_the_rest_is_not_read():  # CONTRACT P4
    def feed():
        yield HEADER.encode() + b"\n"
        for i in range(2000):  # 10 million groups, 900 MB
            yield b"".join(
                b"2 123456789012 eni-0a 10.%d.%d.%d 10.0.0.2 %d 443 6 7 800 1600000000 1600000059 ACCEPT OK\n"
                % (i % 256, k >> 8, k & 255, 1024 + i // 256)
                for k in range(5000)
            )

    answer, grown, _, fed = measure("len(fl.scan('-', max_group_bytes=32 << 20).group_by('srcaddr', 'srcport').collect())", feed())
    assert answer[0] == "LimitError" and "over max_group_bytes (33554432)" in answer[1]
    assert grown < 96
    assert fed < 200 << 20


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*x", "((a{0,30}){0,30})$", "(x+x+)+y"])
def test_a_monster_of_a_pattern_takes_linear_time(pattern):  # CONTRACT L7
    line = "2 123456789012 eni-" + "a" * 1_000_000 + "! 10.0.0.1 10.0.0.2 40001 443 6 7 800 1600000000 1600000059 ACCEPT OK\n"
    answer, grown, seconds, _ = measure(
        f"fl.scan(source.read(), max_line_bytes=2 << 20).filter(\"interface-id ~ '{pattern}'\").count()",
        [(HEADER + "\n" + line * 2).encode()],
    )
    assert answer in (0, 2)
    assert grown < 64 and seconds < 5


def test_patterns_that_need_too_much_memory_are_refused_before_anything_is_read():  # CONTRACT L7
    answer, grown, seconds, _ = measure(
        "fl.scan('-').filter(\"interface-id ~ '\" + \"((a{0,100}){0,100}){0,100}\" + \"'\").count()"
    )
    assert answer[0] == "ExpressionError"
    assert grown < 32 and seconds < 2
