"""Pages as components: what they say, and that nothing of a broken run reaches a stack trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from plotly.utils import PlotlyJSONEncoder

from dashboard import HOST, serve
from dashboard.app import create_app
from dashboard.cursor import Cursor
from dashboard.headline import cards
from dashboard.pages.account import account_view
from dashboard.pages.library import library
from dashboard.pages.run import run_view
from dashboard.runs import Run, list_runs, load_run
from dashboard.server import local_only
from tests.dashboard.synthetic import write_run


def text(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def test_headline_comes_from_the_files(run: Run) -> None:
    shown = {card.key: f"{card.value} {card.unit}".strip() for card in cards(run)}
    assert shown["scenario"] == "synthetic"
    assert shown["seed"] == "7"
    assert shown["liquidated_accounts"] == "3 accounts"
    assert shown["book_usd"] == "550,000 USD"
    assert shown["adl_usd"] == "39,000 USD"
    assert shown["socialised_usd"] == "120.25 USD"


def test_without_a_report_the_parquet_is_enough(tmp_path: Path) -> None:
    path = write_run(tmp_path)
    manifest = json.loads((path / "manifest.json").read_text())
    del manifest["report"]
    (path / "manifest.json").write_text(json.dumps(manifest))
    shown = {card.key: card.value for card in cards(load_run(tmp_path, path.name))}
    assert (shown["book_usd"], shown["liquidated_accounts"]) == ("550,000", "3")
    assert shown["insurance_usd"] == "1,900"


def test_a_run_that_measured_nothing_shows_dashes(tmp_path: Path) -> None:
    path = write_run(tmp_path)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["report"] = {"metrics": {"bad_debt_usd": {"value": None, "unit": "USD"}}}
    (path / "manifest.json").write_text(json.dumps(manifest))
    for name in ("funds.parquet", "metrics.parquet", "book.parquet", "series.parquet"):
        (path / name).unlink()
    run = load_run(tmp_path, path.name)
    assert {card.value for card in cards(run)[3:]} == {"—"}


def test_no_runs_says_what_to_do(tmp_path: Path) -> None:
    assert "windtunnel run oct-2025" in text(library(tmp_path, []))


def test_the_library_links_every_run(runs: Path) -> None:
    page = text(library(runs, list_runs(runs, 10)))
    assert "/?run=synthetic-7" in page
    assert "/?run=synthetic-8" in page
    assert "half-written" not in page


def test_an_invariant_that_was_not_checked_is_not_called_held(run: Run) -> None:
    page = text(run_view(run, Cursor(run.id), "light"))
    assert "not checked" in page
    assert "4, 1 not held" in page


def test_an_account_that_does_not_exist(run: Run) -> None:
    assert "has no account 999" in text(account_view(run, Cursor(run.id, None, 999), "light"))


def test_an_account_without_holdings(run: Run) -> None:
    assert "never flagged" in text(account_view(run, Cursor(run.id, None, 0), "light"))


@pytest.mark.parametrize("host", ["0.0.0.0", "", "localhost", "192.168.0.2", "::"])
def test_no_other_address_is_served(tmp_path: Path, host: str) -> None:
    with pytest.raises(ValueError, match=HOST):
        serve(tmp_path, 0, host)


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_port_is_a_port(tmp_path: Path, port: int) -> None:
    with pytest.raises(ValueError, match="port"):
        serve(tmp_path, port)


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8050", 200), ("localhost:8050", 200), ("evil.example:8050", 403), ("", 403)],
)
def test_only_requests_to_this_machine_are_answered(tmp_path: Path, host: str, status: int) -> None:
    server = create_app(tmp_path).server
    server.wsgi_app = local_only(server.wsgi_app, frozenset({HOST, "localhost"}))
    assert server.test_client().get("/", headers={"Host": host}).status_code == status


def test_nothing_comes_from_elsewhere(tmp_path: Path) -> None:
    page = create_app(tmp_path).server.test_client().get("/").get_data(as_text=True)
    assert "https://" not in page
    assert 'src="//' not in page
