"""flowlogs tail: the last records, and each that comes, once."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from . import delivery as made

GROUP = "/vpc/flow-logs"


@pytest.fixture
def logs(aws):
    delivery = made.Delivery(aws)
    delivery.group(GROUP)
    return delivery


class Following:
    """`flowlogs tail --follow`, running."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flowlogs", "tail", "--follow", "--every", "0.2", "-o", "csv", "--fields", "bytes", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = ""

    def numbers(self, count):
        """The records that were written, once there are so many, and a moment later still."""
        deadline = time.monotonic() + 120
        more_until = None
        while time.monotonic() < deadline and (more_until is None or time.monotonic() < more_until):
            self.text += (self.process.stdout.read() or b"").decode()
            if more_until is None and len(self.text.split()) > count:
                more_until = time.monotonic() + 0.8
            time.sleep(0.05)
        return [int(word) for word in self.text.split()[1:]]

    def end(self):
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(60)
        return code, self.process.stderr.read().decode()


@pytest.fixture
def following():
    running = []

    def start(*arguments):
        running.append(Following(*arguments))
        return running[-1]

    yield start
    for each in running:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()
        each.process.stdout.close()
        each.process.stderr.close()


def test_the_last_records_of_a_bucket_and_how_late_they_are(logs, command):  # CONTRACT V1
    now = int(time.time())
    for minutes in (3000, 50, 20, 8):
        logs.file(now - minutes * 60, 4)
    ran = command("tail", "-n", 6, "-o", "csv", "--fields", "bytes", "s3://vpc-logs")
    assert ran.stdout.split() == ["bytes", "11", "12", "13", "14", "15", "16"] or sorted(
        map(int, ran.stdout.split()[1:])
    )[2:] == [13, 14, 15, 16]
    told = re.search("the newest record ended ([0-9]+) min ago; S3 usually lags 10 min", ran.stderr)
    assert told and 8 <= int(told[1]) <= (time.time() - now) / 60 + 8, ran.stderr
    assert len(command("tail", "-n", 14, "-o", "csv", "--fields", "bytes", "s3://vpc-logs").stdout.split()) == 15
    rejected = command("tail", "--where", "rejected", "-o", "csv", "--fields", "bytes", "s3://vpc-logs").stdout.split()
    assert sorted(map(int, rejected[1:])) == [1, 5, 9, 13]


def test_objects_that_come_are_followed_each_record_once(logs, following):
    now = int(time.time())
    logs.file(now - 600, 3)
    run = following("s3://vpc-logs")
    assert sorted(run.numbers(3)) == [1, 2, 3]
    logs.file(now - 300, 3)
    logs.file(now - 3000, 2)  # late
    assert sorted(run.numbers(8)) == list(range(1, 9))
    logs.file(now, 1)
    assert sorted(run.numbers(9)) == list(range(1, 10))
    code, told = run.end()
    assert code == 130 and "S3 usually lags 10 min" in told


def test_events_that_come_are_followed_each_record_once(logs, following):
    now = int(time.time())
    logs.events(GROUP, "eni-1-all", logs.records.make(3, now - 400), now - 460)
    logs.events(GROUP, "eni-1-all", logs.records.make(2, now - 40_000), now - 40_060)
    run = following(f"cloudwatch://{GROUP}")
    assert sorted(run.numbers(5)) == [1, 2, 3, 4, 5]
    logs.events(GROUP, "eni-1-all", logs.records.make(3, now - 300), now - 360)
    logs.events(GROUP, "eni-2-all", logs.records.make(1, now - 300), now - 360)
    assert sorted(run.numbers(9)) == list(range(1, 10))
    logs.events(GROUP, "eni-1-all", logs.records.make(1, now - 500), now - 560)  # late
    assert sorted(run.numbers(10)) == list(range(1, 11))
    code, told = run.end()
    assert code == 130 and "CloudWatch usually lags 5 min" in told


def test_a_file_that_grows_is_followed(following, tmp_path):
    records = made.Records()
    path = tmp_path / "a.log"
    path.write_bytes(made.content(records.make(4, 1764331200, made.CUSTOM), made.CUSTOM))
    run = following(str(path))
    assert run.numbers(4) == [1, 2, 3, 4]
    with open(path, "a") as file:
        file.write("\n".join(records.make(2, 1764331260, made.CUSTOM)) + "\nhalf of")
    assert run.numbers(6) == [1, 2, 3, 4, 5, 6]
    assert run.end()[0] == 130


def test_nothing_and_wrong_calls_are_told(logs, command):
    ran = command("tail", "s3://vpc-logs")
    assert ran.returncode == 0 and "no record was found of the last 7 days" in ran.stderr
    assert "of s3:// and cloudwatch:// one is given" in command("tail", "s3://vpc-logs", "x.log").stderr
    assert command("tail", f"cloudwatch://{GROUP}/none").returncode == 2
    logs.events(GROUP, "eni-1-all", logs.records.make(2, int(time.time()) - 60), int(time.time()) - 60)
    ran = command("tail", f"cloudwatch://{GROUP}?stream=none")
    assert ran.returncode == 2 and "it has no stream none" in ran.stderr
    ran = command("tail", "-o", "json", "--fields", "bytes", f"cloudwatch://{GROUP}")
    assert [sorted(row) for row in json.loads(ran.stdout)] == [["bytes"]] * 2
    assert "-o ndjson writes a line" in command("tail", "--follow", "-o", "json", f"cloudwatch://{GROUP}").stderr
    assert "is not a number of seconds" in command("tail", "--every", "x", "s3://vpc-logs").stderr
