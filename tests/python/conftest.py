"""What the tests of the package and of the command share."""

import os
import pathlib
import subprocess
import sys

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

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)


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
            timeout=60,
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
