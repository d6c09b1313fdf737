"""Which runs are listed, and what is said of those that cannot be shown."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from dashboard.runs import RunError, list_runs, load_run, run_ids
from tests.dashboard.synthetic import write_run


def test_only_complete_runs_are_listed_newest_first(runs: Path) -> None:
    os.utime(runs / "synthetic-7" / "manifest.json", (1, 1))
    assert run_ids(runs) == ["synthetic-8", "synthetic-7"]
    assert [run.id for run in list_runs(runs, 10)] == ["synthetic-8", "synthetic-7"]
    assert [run.id for run in list_runs(runs, 1)] == ["synthetic-8"]


def test_a_folder_that_is_not_there_has_no_runs(tmp_path: Path) -> None:
    assert run_ids(tmp_path / "nowhere") == []


def test_a_run_in_the_making_is_not_listed(tmp_path: Path) -> None:
    write_run(tmp_path, ".tmp-early")
    (tmp_path / "stray.txt").write_text("x")
    assert run_ids(tmp_path) == []


@pytest.mark.parametrize("name", ["nope", "half-written", "../runs/synthetic-7", ".", "", "a\0b"])
def test_an_id_that_is_not_in_the_folder_is_refused(runs: Path, name: str) -> None:
    with pytest.raises(RunError, match="no complete run"):
        load_run(runs, name)


def test_a_deleted_run_is_a_sentence(tmp_path: Path) -> None:
    path = write_run(tmp_path)
    shutil.rmtree(path)
    with pytest.raises(RunError, match="deleted"):
        load_run(tmp_path, path.name)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"start_us": 5, "end_us": 1}'])
def test_a_broken_manifest_is_a_sentence_and_not_listed(tmp_path: Path, text: str) -> None:
    path = write_run(tmp_path)
    (path / "manifest.json").write_text(text)
    with pytest.raises(RunError, match="cannot be read"):
        load_run(tmp_path, path.name)
    assert list_runs(tmp_path, 10) == []


def test_a_listing_of_another_version_is_a_sentence(tmp_path: Path) -> None:
    path = write_run(tmp_path)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["listing"]["novelty"] = 1
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunError, match=r"another version.*novelty"):
        _ = load_run(tmp_path, path.name).units
