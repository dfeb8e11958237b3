"""benchmarks/recall.py: when a finding tells of what was planted, and how it is counted."""

import importlib.util
from pathlib import Path

import pytest

ENTRY = {"kind": "beaconing", "actor": "10.0.0.5", "targets": ["192.0.2.9"], "aliases": ["10.0.0.1"], "also": ["policy-violation"],
         "interface": "eni-1", "start": 100_000, "end": 110_000, "why": "planted"}  # fmt: skip
TRUTH = {"incidents": [ENTRY], "decoys": [{"kind": "beaconing", "actor": "10.0.0.7", "why": "NTP"}]}


def finding(**changes):
    return {"kind": "beaconing", "actor": "10.0.0.5", "targets": ["192.0.2.9"], "interface": "eni-1", "first_seen": 101_000,
            "last_seen": 102_000, "why": "because", **changes}  # fmt: skip


@pytest.fixture(scope="module")
def recall():
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "recall.py"
    spec = importlib.util.spec_from_file_location("recall", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        ({}, "right"),
        ({"actor": "10.0.0.1"}, "right"),  # the gateway
        ({"actor": "10.0.0.9"}, "right"),  # by the target
        ({"actor": "10.0.0.9", "targets": []}, "false"),
        ({"first_seen": 120_000, "last_seen": 130_000}, "false"),
        ({"kind": "policy-violation"}, "allowed"),
        ({"kind": "policy-violation", "actor": "10.0.0.9", "targets": ["10.0.0.8"]}, "false"),
        ({"kind": "port-scan"}, "false"),
    ],
)
def test_a_finding_is_right_allowed_or_false(recall, changes, counted):
    score = recall.Score()
    score.add(1, TRUTH, [finding(**changes)])
    counts = score.counts[finding(**changes)["kind"]]
    assert {name: counts[name] for name in ("right", "allowed", "false")} == {
        name: int(name == counted) for name in ("right", "allowed", "false")
    }
    assert score.counts["beaconing"]["found"] == (counted == "right")
    assert len(score.missed) == (counted != "right")


def test_two_findings_of_one_incident_find_it_once(recall):
    score = recall.Score()
    score.add(1, TRUTH, [finding(), finding(actor="10.0.0.1")])
    (row,) = score.rows()
    assert (row["planted"], row["found"], row["findings"], row["recall"], row["precision"]) == (1, 1, 2, 1.0, 1.0)


def test_what_was_taken_in_by_a_decoy_is_told(recall):
    score = recall.Score()
    score.add(3, TRUTH, [finding(actor="10.0.0.7", targets=[])])
    assert score.false == ["seed 3  beaconing  10.0.0.7: because  (looks like beaconing: NTP)"]
