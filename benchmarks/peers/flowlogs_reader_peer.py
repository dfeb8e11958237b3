"""flowlogs-reader: one record after another, read from a file as its S3 reader does."""

import csv
import warnings

import worker

try:
    from flowlogs_reader import FlowRecord
except ImportError:
    worker.give_up("flowlogs-reader is not installed (pip install 'flowlogs[bench]')")

warnings.simplefilter("ignore")  # it calls datetime.utcfromtimestamp() for every record


def records(path):
    count = sources = total = 0
    with open(path, newline="") as file:
        reader = csv.DictReader(file, delimiter=" ")
        reader.fieldnames = [name.replace("-", "_") for name in reader.fieldnames]
        for row in reader:
            record = FlowRecord(row)
            count += 1
            sources += record.srcaddr is not None
            total += record.bytes or 0
    return [[count, sources, total]]


def version():
    from importlib.metadata import version

    return "flowlogs-reader " + version("flowlogs-reader")


worker.serve(version(), {"records": records})
