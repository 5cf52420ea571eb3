"""The recipes of docs/audits.md find what is there, run as they are written."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pytest
from moto.organizations.models import organizations_backends

from audit.cloud import K, P, audit, event, organization, the, virtual

PAGE = Path(__file__).parents[2] / "docs" / "audits.md"
RECIPE = re.compile(r"<!-- recipe: (sql )?(\w+) -->\n```(python|sql)\n(.*?)```", re.DOTALL)
RECIPES = {
    (bool(sql), name): code for sql, name, _, code in RECIPE.findall(PAGE.read_text("utf-8"))
}
NAME = 'Team "Ü", Inc'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A real run's files, by the names that the page uses."""
    out = tmp_path_factory.mktemp("recipes")
    with organization(3) as (cloud, ids):
        backend = organizations_backends[ids[0]]["aws"]
        backend.get_account_by_id(ids[1]).name = NAME
        device = [virtual(ids[1], "a")]
        cloud.account(
            ids[1],
            P("fine", 3, [K(made=10, used=1)], device),
            P("no-mfa", 3),
            P("no-mfa-two-keys", -1, [K(made=120, used=50), K(False, 300)]),
            P("robot", None, [K(made=91, used=2)]),
            P("unused", None, [K(made=46)]),
            P("newest", None, [K(made=44)]),
            P("denied", 3, [K(made=400, used=100)]),
        )
        cloud.denied.add(("ListMFADevices", "denied"))
        cloud.account(ids[2], P("elsewhere", -1, [K(made=100), K(made=95, used=1)]))
        cloud.events[ids[1]] = [
            event("DeleteUser", 3, 1),
            event("DeleteAccessKey", 2, 2, "AccessDenied"),
            event("CreateUser", 2, 3),
        ]
        audit("inventory", "--role", "A", "--output", str(out))
    shutil.copy(the(out, "iam_audit_report_*.csv"), out / "audit.csv")
    shutil.copy(the(out, "cloudtrail_events_*.csv"), out / "events.csv")
    yield out


@pytest.fixture
def frames(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Every variable after all recipes of the page were run, one after the other."""
    monkeypatch.chdir(folder)
    found: dict[str, Any] = {}
    for (sql, _), code in RECIPES.items():
        if not sql:
            exec(code, found)  # noqa: S102 - it is what a reader of the page does
    return found


USERS = {  # by recipe
    "old": ["denied", "elsewhere", "elsewhere", "no-mfa-two-keys", "robot"],
    "no_mfa": ["elsewhere", "no-mfa", "no-mfa-two-keys"],
    "never": ["elsewhere", "newest", "unused"],
    "console_never": ["elsewhere", "no-mfa-two-keys"],
    "idle": ["denied", "elsewhere", "no-mfa-two-keys", "unused"],
    "unread": ["denied"],
}


@pytest.mark.parametrize("recipe", USERS)
def test_pandas(recipe: str, frames: dict[str, Any]) -> None:
    """Each list has those whom it should, and no others."""
    assert sorted(frames[recipe]["username"]) == USERS[recipe]


def test_pandas_counts(frames: dict[str, Any]) -> None:
    """Keys by account, ids with their zeros; and only calls that succeeded."""
    assert frames["by_account"].to_dict() == {
        ("012345600002", NAME): 5,
        ("012345600003", "team 02"): 2,
    }
    assert list(frames["removed"]["eventName"]) == ["DeleteUser"]
    assert isinstance(frames["df"], pandas.DataFrame)


@pytest.fixture
def tables(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file as Athena's table: all columns text, quotes and commas read."""
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TABLE iam_audit AS FROM read_csv('{folder}/audit.csv', all_varchar = true,"
            " nullstr = '\x01')"
        )
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


@pytest.mark.parametrize("recipe", ["old", "no_mfa", "never", "idle"])
def test_sql(recipe: str, tables: duckdb.DuckDBPyConnection) -> None:
    """The same lists by SQL."""
    found = tables.execute(RECIPES[True, recipe]).fetchall()
    names = {user for users in USERS.values() for user in users}

    assert sorted(cell for row in found for cell in row if cell in names) == USERS[recipe]
    assert {row[0] for row in found} <= {"012345600002", "012345600003"}


def test_sql_counts(tables: duckdb.DuckDBPyConnection) -> None:
    """Old keys by account, the most first."""
    assert tables.execute(RECIPES[True, "by_account"]).fetchall() == [
        ("012345600002", NAME, 3),
        ("012345600003", "team 02", 2),
    ]


def test_table_of_athena(folder: Path) -> None:
    """The DDL names the file's columns in their order, all of them text, and skips the header."""
    (ddl,) = re.findall(r"CREATE EXTERNAL TABLE.*?(?=```)", PAGE.read_text("utf-8"), re.DOTALL)
    columns = re.findall(r"(\w+) string", ddl)

    assert columns == (folder / "audit.csv").read_text("utf-8").splitlines()[0].split(",")
    assert "OpenCSVSerde" in ddl and "'skip.header.line.count' = '1'" in ddl


def test_every_recipe_is_run() -> None:
    """No code of the section goes untested, but what is said not to be run."""
    section = PAGE.read_text("utf-8").partition("## Recipes")[2]
    blocks = re.findall(r"```(?:python|sql)\n", section)

    assert len(blocks) == len(RECIPES) + section.count("<!-- not run")
    assert {name for sql, name in RECIPES if not sql} == {
        *USERS, "load", "by_account", "removed",
    }  # fmt: skip


def test_excel(folder: Path) -> None:
    """The formula's column is the one that it says."""
    header = (folder / "audit.csv").read_text("utf-8").split(",")

    assert header["ABCDEFGH".index("H")] == "created_date"
    assert "DATEVALUE(LEFT(H2,10))" in PAGE.read_text("utf-8")
