"""Ctrl-C while AWS is waited for. Measured: nothing else runs beside it (tests/CMakeLists.txt)."""

import flowlogs as fl
from conftest import interrupted, soon

from . import delivery as made


def test_a_read_that_waits_is_stopped_within_half_a_second(aws, proxy):  # CONTRACT P7
    made.Delivery(aws).file(1764331200)
    proxy.fail(made.silence, times=100)
    soon(lambda: interrupted(fl.scan("s3://vpc-logs").agg("count()").collect))
    assert proxy.gets()  # it was asked for, and nothing came
