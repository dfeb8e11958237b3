"""A CloudWatch event, decoded and aggregated: flowlogs beside json, gzip and split in Python.

    .venv/bin/python benchmarks/envelope.py [RECORDS] [ROUNDS]        10000 records, 31 rounds

The event is what a Lambda function gets: JSON around base64 around gzip around JSON around records, made up by our own
generator. The question: bytes by dstport. All contenders give the same answer before anything is timed, then they take
turns in one process. A figure is the median, with the middle half of the runs; a ratio is one of medians.
"""

from __future__ import annotations

import base64
import gzip
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any, Callable, Dict, List

sys.path.insert(0, str(Path(__file__).resolve().parent))

import flowlogs as fl  # noqa: E402
from harness.statistics import spread  # noqa: E402

FIELDS = [field["name"] for field in fl.fields()][:14]  # the default format
TEXTS = {"account-id", "interface-id", "srcaddr", "dstaddr", "action", "log-status"}


def cloudwatch_payload(records: int) -> bytes:
    lines = fl.generate(records=records, seed=4, header=False).decode().splitlines()
    events = [
        {
            "id": str(37976342262953223179038144714945888722564951965555163136 + i),
            "timestamp": int(line.split()[10]) * 1000,
            "message": line,
        }
        for i, line in enumerate(lines)
    ]
    payload = {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": "/aws/vpc/flowlogs",
        "logStream": "eni-1235b8ca123456789-all",
        "subscriptionFilters": ["Destination"],
        "logEvents": events,
    }
    return json.dumps(payload, separators=(",", ":")).encode()


def lambda_event(payload: bytes) -> bytes:
    return json.dumps({"awslogs": {"data": base64.b64encode(gzip.compress(payload, 6)).decode()}}).encode()


def messages(event: bytes) -> List[str]:
    document = json.loads(event)
    if "awslogs" in document:
        document = json.loads(gzip.decompress(base64.b64decode(document["awslogs"]["data"])))
    return [entry["message"] for entry in document["logEvents"]]


def python_split(event: bytes) -> Dict[int, int]:
    """The least that gives the answer: two values of each record become numbers."""
    sums: Dict[str, int] = {}
    for message in messages(event):
        values = message.split(" ")
        if values[9] != "-":
            sums[values[6]] = sums.get(values[6], 0) + int(values[9])
    return {int(port): total for port, total in sums.items()}


def python_records(event: bytes) -> Dict[int, int]:
    """Decoded as a record is: every value by name, numbers as numbers, `-` as None."""
    sums: Dict[int, int] = {}
    for message in messages(event):
        record: Dict[str, Any] = {}
        for name, value in zip(FIELDS, message.split(" ")):
            record[name] = None if value == "-" else value if name in TEXTS else int(value)
        if record["bytes"] is not None:
            sums[record["dstport"]] = sums.get(record["dstport"], 0) + record["bytes"]
    return sums


def flowlogs_scan(event: bytes) -> Dict[int, int]:
    table = fl.scan(event).filter("bytes is not null").group_by("dstport").agg(bytes="sum(bytes)").collect()
    return dict(zip(table["dstport"], table["bytes"]))


CONTENDERS: Dict[str, Callable[[bytes], Dict[int, int]]] = {
    "flowlogs": flowlogs_scan,
    "Python, split and two numbers": python_split,
    "Python, all values of a record": python_records,
}


def main() -> int:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 31
    payload = cloudwatch_payload(records)
    print(f"{records} records; payload of {len(payload) / 1e6:.2f} MB; {fl._core.version_text()}")
    for what, event in (("Lambda event (base64, gzip)", lambda_event(payload)), ("payload as it is", payload)):
        answers = [contender(event) for contender in CONTENDERS.values()]
        if any(answer != answers[0] for answer in answers):
            print("the answers differ", file=sys.stderr)
            return 1
        seconds: Dict[str, List[float]] = {name: [] for name in CONTENDERS}
        for _ in range(rounds):
            for name, contender in CONTENDERS.items():
                begun = time.perf_counter()
                contender(event)
                seconds[name].append(time.perf_counter() - begun)
        print(f"{what}, {len(event) / 1e6:.2f} MB")
        for name, samples in seconds.items():
            ratio = median(samples) / median(seconds["flowlogs"])
            print(f"  {name:32} {median(samples) * 1e3:8.2f} ms +-{spread(samples) * 50:2.0f} %  {ratio:6.1f} x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
