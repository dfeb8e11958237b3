"""The benchmark's own arithmetic, its talk with peers, its comparison of answers and its tables."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from guard import Headline  # noqa: E402
from harness import report, statistics, workers  # noqa: E402


# ---- Statistics ------------------------------------------------------------------------------------------------------
def test_one_disturbed_run_does_not_widen_the_spread():
    assert statistics.spread([1.0] * 9) == 0
    assert statistics.spread([1.0] * 8 + [50.0]) == 0
    assert statistics.spread([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(2 / 3)
    assert statistics.median_error([1.0, 2.0, 3.0, 4.0, 5.0] * 4) < statistics.median_error([1.0, 2.0, 3.0, 4.0, 5.0])


def test_a_geometric_mean_treats_twice_and_half_alike():
    assert statistics.geometric_mean([2.0, 0.5]) == pytest.approx(1)
    assert statistics.geometric_mean([8.0, 2.0]) == pytest.approx(4)


def test_contenders_take_turns_and_the_slow_ones_are_spread_over_the_rounds():
    rounds = statistics.schedule({"a": 6, "b": 6, "slow": 3})
    assert len(rounds) == 6
    assert [sum(name in names for names in rounds) for name in ("a", "b", "slow")] == [6, 6, 3]
    assert ["slow" in names for names in rounds] == [False, True, False, True, False, True]
    assert {names[0] for names in rounds} == {"a", "b", "slow"}
    assert statistics.schedule({}) == []


# ---- Workers ---------------------------------------------------------------------------------------------------------
def echo(body, hello='{"version": "1"}'):
    code = f"print('{hello}', flush=True)\nimport sys\nfor request in sys.stdin: print({body}, flush=True)"
    return workers.Worker([sys.executable, "-c", code])


def contender(worker, name="somebody"):
    return workers.Contender(name, worker, "work", Path("file"))


def test_every_run_of_a_contender_is_compared_and_the_first_is_not_timed():
    seen = []
    worker = echo("""'{"seconds": 0.6, "answer": [["' + '-'.join(request.split()) + '"]]}'""")
    try:
        measured = workers.measure([contender(worker)], lambda answer: seen.append(answer), quick=False)
    finally:
        worker.stop()
    assert measured.samples == {"somebody": [0.6] * 5} and measured.not_run == {}
    assert seen == [[["work-file"]]] * 6


def test_a_wrong_answer_ends_the_benchmark():
    worker = echo("""'{"seconds": 1, "answer": [[1]]}'""")
    try:
        with pytest.raises(SystemExit, match="somebody: work of file: no"):
            workers.measure([contender(worker)], lambda answer: "no", quick=True)
    finally:
        worker.stop()


@pytest.mark.parametrize("worker, why", [
    (echo("1", hello='{"error": "not installed"}'), "not installed"),
    (workers.Worker(["/no/such/program"]), "No such file"),
    (workers.Worker([], missing="cargo is not there"), "cargo is not there"),
    (workers.Worker([sys.executable, "-c", "raise SystemExit(3)"]), "exit code 3"),
])  # fmt: skip
def test_a_peer_that_cannot_run_is_a_row_that_says_why(worker, why):
    for _ in range(2):
        measured = workers.measure([contender(worker)], lambda answer: None, quick=True)
        assert measured.samples == {} and why in measured.not_run["somebody"]


def test_a_difference_is_told_in_rows():
    assert workers.difference([["b", 1], ["a", 2]], [["a", 2], ["b", 1]], 0) is None
    assert "missing rows" in workers.difference([["a", 2]], [["a", 2], ["b", 1]], 0)
    assert workers.difference([["a", 1]], [["a", 2]], 0) is not None


def test_any_of_the_rows_that_tie_for_the_last_place_is_right():
    right = [["a", 3], ["b", 1], ["c", 1]]
    assert workers.difference([["a", 3], ["b", 1]], right, 2) is None
    assert workers.difference([["a", 3], ["c", 1]], right, 2) is None
    assert workers.difference([["a", 3], ["d", 1]], right, 2) is not None
    assert workers.difference([["a", 3], ["a", 1]], right, 2) is not None
    assert workers.difference([["a", 3]], right, 2) is not None
    assert workers.difference([["b", 1], ["a", 3]], right, 2) is not None


# ---- The guard -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("head, again, is_slower", [
    ([1.00, 1.01, 0.99] * 3, [1.00, 1.01, 0.99] * 3, False),
    ([0.97, 0.98, 0.96] * 3, [1.00, 1.01, 0.99] * 3, False),  # 3 % is allowed
    ([0.85, 0.86, 0.84] * 3, [1.00, 1.01, 0.99] * 3, True),
    ([0.85, 0.86, 0.84] * 3, [0.86, 0.87, 0.88] * 3, False),  # base differs from itself as much
    ([0.85, 1.20, 0.55] * 3, [1.00, 1.20, 0.80] * 3, False),  # nobody can tell
])  # fmt: skip
def test_only_a_loss_beyond_noise_is_a_loss(head, again, is_slower):
    headline = Headline("x", 2, [], head, again)
    assert headline.is_slower is is_slower


def test_a_headline_is_the_geometric_mean_of_base_by_head():
    headline = Headline("x", 2, [])
    headline.add_round({"base": [2.0, 8.0], "head": [1.0, 1.0], "base again": [2.0, 8.0]})
    assert headline.head == [pytest.approx(4)] and headline.again == [pytest.approx(1)]


# ---- Tables ----------------------------------------------------------------------------------------------------------
def a_run():
    questions = {
        f"default/{q}": {"flowlogs": [0.1, 0.1, 0.2], "flowlogs, 1 thread": [0.2], "DuckDB on Parquet": [0.13],
                         "DuckDB on Parquet, 1 thread": [0.1], "DuckDB on the text": [2.5], "Polars on the text": [0.9]}
        for q in report.QUESTIONS
    }  # fmt: skip
    results = {
        "date": "2026-01-02 03:04 UTC", "command": "make bench", "commit": "abc",
        "cpu": "A CPU", "cpus": 2, "load_average": 0.25, "system": "Linux",
        "versions": {"native": "AVX2, kernel k", "DuckDB": "DuckDB 2"}, "not_run": {"VRL": "cargo is not there"},
        "inputs": [{"name": "default", "records": 5000, "fields": 14, "text_bytes": 10**6, "stored_bytes": 10**6}],
        "seconds": {**questions,
                    "default/load": {"flowlogs": [0.2], "pandas": [2.4], "Polars": [1.6]},
                    "starts": {"interpreter": [0.010], "import flowlogs": [0.020], "flowlogs --version": [0.5]}},
        "cost": {"empty process": {"peak_bytes": 1},
                 "file": {"seconds": 0.1, "records": 5000, "peak_bytes": 9 << 20, "above_empty_bytes": 8 << 20}},
    }  # fmt: skip
    results["targets"] = report.targets(results)
    return results


def test_the_targets_are_ratios_of_medians():
    found = {t["work"].strip(): t for t in a_run()["targets"]}
    first = found["six queries, against DuckDB on Parquet, 2 threads each"]
    assert first["value"] == pytest.approx(1.3) and first["verdict"] == "met, aim not"
    assert found["six queries, against DuckDB on the text"]["verdict"] == "aim reached"
    assert found["one thread each"]["verdict"] == "missed"
    assert found["all columns to a pa.Table, against the best loader (Polars)"]["value"] == pytest.approx(8)
    assert found["C++ record loop, against VRL"]["verdict"] == "not run"
    assert found["the same, with mmap"]["value"] is None
    assert found["peak memory above the empty process"]["value"] == 8
    assert found["import flowlogs adds to the interpreter's start"]["value"] == pytest.approx(10)
    assert found["flowlogs --version"]["verdict"] == "missed"


def test_the_text_names_the_machine_the_peers_and_who_did_not_run():
    text = report.text(a_run())
    assert "A CPU, 2 CPUs, Linux; 2026-01-02 03:04 UTC; commit abc; `make bench`, load average 0.2 at" in text
    assert "AVX2, kernel k; DuckDB 2" in text
    assert "not run: VRL: cargo is not there" in text
    assert "100 (100 .. 200)" in text


def test_the_tables_of_the_readme_stand_between_its_markers():
    results = a_run()
    tables = report.markdown(results)
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    written = report.put_between_markers(page, tables)
    assert written == f"before\n{report.BEGIN}\n{tables}\n{report.END}\nafter\n"
    assert report.put_between_markers(written, tables) == written
    for line in tables.splitlines():
        assert not line.startswith("|") or re.fullmatch(r"\|.*\|", line)
    assert "| top sources by bytes | 100 | 130 | 2,500 | 900 |" in tables
    assert "A CPU, 2 CPUs" in tables and "2026-01-02" in tables and "`make bench`" in tables


@pytest.mark.parametrize("page", ["", report.BEGIN, report.END + report.BEGIN, report.BEGIN * 2 + report.END])
def test_a_page_without_its_markers_is_refused(page):
    with pytest.raises(ValueError, match="once and in this order"):
        report.put_between_markers(page, "tables")


def test_the_readme_has_the_markers():
    assert "|" in report.put_between_markers((ROOT / "README.md").read_text(), "|")
