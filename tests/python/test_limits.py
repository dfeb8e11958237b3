"""Limits and LimitError: CONTRACT P4, V4, F3."""

import gzip
import subprocess
import sys

import flowlogs as fl
import pytest
from conftest import HEADER


@pytest.fixture(scope="module")
def many():
    """A log of 300,000 records, each with a source of its own."""
    line = "2 123456789012 eni-0a 10.{}.{}.{} 10.0.0.2 40001 443 6 7 800 1600000000 1600000059 ACCEPT OK"
    lines = [line.format(i >> 16, i >> 8 & 255, i & 255) for i in range(300_000)]
    return "\n".join([HEADER, *lines, ""]).encode()


@pytest.mark.parametrize("threads", [1, 2])
def test_more_groups_than_allowed_is_a_limit_error(many, threads):  # CONTRACT P4
    logs = fl.scan([many] * 3, threads=threads, max_group_bytes=4 << 20)
    for query in (logs.group_by("srcaddr"), logs.agg(fl.distinct("srcaddr"))):
        with pytest.raises(fl.LimitError, match=r"over max_group_bytes \(4194304\).*raise the limit"):
            query.collect()
    assert logs.group_by("dstaddr").collect()[0]["count"] == 900_000
    assert len(logs.agg(n="approx_distinct(srcaddr)").collect()) == 1
    with pytest.raises(fl.LimitError):
        logs.group_by("srcaddr").start().feed(many)


def test_a_limit_keeps_the_memory_bounded(many):
    program = (
        "import flowlogs as fl, re, sys\n"
        "def peak(): return int(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1]) >> 10\n"
        "data = sys.stdin.buffer.read()\n"
        "before = peak()\n"
        "for query in ('srcaddr', 'srcaddr, srcport'):\n"
        "    try: fl.scan(data, max_group_bytes=8 << 20).group_by(*query.split(', ')).collect()\n"
        "    except fl.LimitError: print(peak() - before < 24)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], input=many, capture_output=True, timeout=300)
    assert (done.stdout, done.stderr) == (b"True\nTrue\n", b"")


def test_the_command_tells_the_limit(many, command):  # CONTRACT V4, V5
    done = command("query", "--group-by", "srcaddr", "--limit-group-bytes", "1Mi", "-", stdin=many)
    assert done.returncode == 2
    assert "over max_group_bytes (1048576)" in done.stderr and done.stdout == ""
    assert "half of what the process may use" in " ".join(command("query", "--help").stdout.split())


def test_a_compressed_input_ends_at_its_limits(noise):
    packed = gzip.compress(noise.read_bytes())
    with pytest.raises(fl.InputError, match="max_inflated_bytes") as raised:
        fl.scan(packed, max_inflated_bytes=5_000).agg("count()").collect()
    assert 0 < raised.value.table[0]["count"] < 99
    bomb = gzip.compress(b"\n" * (20 << 20), 9) * 10
    with pytest.raises(fl.InputError, match="max_inflate_ratio"):
        fl.scan(bomb, max_inflate_ratio=100).count()


def test_a_line_over_the_limit_is_a_problem(noise):  # CONTRACT F3
    stats = fl.scan([noise, (HEADER + "\n" + "x" * 5_000 + "\n").encode()], max_line_bytes=4_096).check()
    assert stats.problems == {"line-too-long": 1}


def test_a_format_of_too_many_fields_is_an_error():
    with pytest.raises(fl.FormatError, match="more than 256 fields"):
        fl.Format.parse(" ".join(f"field-{i}" for i in range(257)))


def test_a_pattern_of_too_much_memory_is_an_error(noise):  # CONTRACT L7
    with pytest.raises(fl.ExpressionError, match="more than 8 MiB of memory"):
        fl.scan(noise).filter("interface-id ~ '" + "[^a]{1000}" * 60 + "'")
