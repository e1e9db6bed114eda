"""What the pages say: commands exist, settings are the program's, generated pages are current, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
import pytest
from typer import TyperException
from typer.core import TyperGroup
from typer.main import get_command

from tests.command_lines import resolve, to_words
from trendscript.cli.main import app
from trendscript.contracts import load_contracts
from trendscript.contracts.dictionary import to_markdown
from trendscript.errors import TrendscriptError
from trendscript.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parents[1]
_PAGES = [_ROOT / "README.md", _ROOT / "CHANGELOG.md", *sorted((_ROOT / "docs").rglob("*.md"))]
_NAMES = {name.upper() for name in Settings.model_fields}


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Code blocks of a language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [block for written_in, block in found if written_in == language]


def _shell_lines(page: Path) -> Iterator[str]:
    for block in (*blocks(_text(page), "sh"), *blocks(_text(page), "")):
        for line in block.splitlines():
            yield from re.findall(r"(?:^|\s)(trendscript(?: .*)?)$", line)


def _inline_commands(page: Path) -> list[str]:
    """Commands within sentences and tables; `up` · `down` after a command stand for its siblings."""
    found: list[str] = []
    for line in _text(page).splitlines():
        for first, siblings in re.findall(r"`(trendscript(?: [^`…]+)?)`((?: · `[^`]+`)*)", line):
            parent = first.rsplit(" ", 1)[0]
            found += [first, *(f"{parent} {name}" for name in re.findall("`([^`]+)`", siblings))]
    return found


_COMMANDS = sorted({line for page in _PAGES for line in (*_shell_lines(page), *_inline_commands(page))})


@pytest.mark.parametrize("command", _COMMANDS)
def test_commands_in_the_pages_exist(command: str) -> None:
    """Every command of ours, with its options and arguments, is one that the command line takes."""
    resolve(to_words(command))


@pytest.mark.parametrize("command", ["trendscript nope", "trendscript load --nope", "trendscript ask q1 q2"])
def test_commands_that_do_not_exist_are_noticed(command: str) -> None:
    """The test above can fail."""
    with pytest.raises((AssertionError, TyperException)):
        resolve(to_words(command))


def test_commands_are_found() -> None:
    """It has something to look at."""
    assert {"trendscript load", "trendscript ingest channels", "trendscript ask q08 --csv > growth.csv"} <= set(
        _COMMANDS
    )


def test_every_command_is_in_the_readme() -> None:
    """Nobody has to guess what there is."""
    named = {tuple(to_words(command)) for command in _inline_commands(_ROOT / "README.md")}
    for words in _all_commands(get_command(app), ("trendscript",)):
        assert any(name[: len(words)] == words for name in named), f"{' '.join(words)} is not in README.md"


def _all_commands(command: object, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, TyperGroup):
        yield words
        return
    for name, inner in command.commands.items():
        yield from _all_commands(inner, (*words, name))


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_make_targets_in_the_pages_exist(page: Path) -> None:
    """Every `make target` is in the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", _text(_ROOT / "Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", _text(page), re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Links to files of the repository name files that are there, and sections that the file has."""
    for target in re.findall(r"\]\(([^)]+)\)", _text(page)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in _anchors(there), f"{page.name} links to {target}"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _text(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_env_example_has_every_setting_and_no_other() -> None:
    """Copying it shows all that can be set: the program's settings, and what docker-compose.yml asks for."""
    names = re.findall(r"^#?([A-Z][A-Z_]+)=", _text(_ROOT / ".env.example"), re.MULTILINE)
    asked = re.findall(r"\$\{(\w+)", _text(_ROOT / "docker-compose.yml"))
    assert sorted(names) == sorted(_NAMES | set(asked))


def test_env_example_can_be_used_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With every line switched on, each value is one that the setting takes."""
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
    text = re.sub(r"^#([A-Z_]+=)", r"\1", _text(_ROOT / ".env.example"), flags=re.MULTILINE)
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert Settings().youtube_regions == ("FR", "US")


def test_readme_has_every_setting_with_its_default() -> None:
    """The table and the program agree."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", _text(_ROOT / "README.md"), re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(_NAMES)
    for name, shown in rows:
        default = Settings.model_fields[name.lower()].default
        if shown.startswith("`") and shown.endswith("`"):
            assert shown.strip("`") == str(default).replace("False", "false"), name
        else:
            assert default in (None, ()) or name == "TRENDSCRIPT_HOME", name


def test_exit_codes_of_the_pages_are_those_of_the_errors() -> None:
    """README.md lists every code; the failures that docs/operations.md names end with the code it gives."""
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", _text(_ROOT / "README.md"), re.MULTILINE)}
    assert codes == {0, 130} | {kind.exit_code for kind in _kinds(TrendscriptError)}
    known = {kind.__name__: kind.exit_code for kind in _kinds(TrendscriptError)}
    named = re.findall(
        r"^\| ((?:`\w+`(?: \(\d+\))?(?:, )?)+)[^|]*\|", _text(_ROOT / "docs/operations.md"), re.MULTILINE
    )
    pairs = [pair for cell in named for pair in _names_and_codes(cell)]
    assert len(pairs) > 15
    assert [(name, known.get(name)) for name, _ in pairs] == pairs


def _names_and_codes(cell: str) -> list[tuple[str, int]]:
    """`One`, `Other` (78) means that both end with 78."""
    found: list[tuple[str, int]] = []
    waiting: list[str] = []
    for name, code in re.findall(r"`(\w+)`(?: \((\d+))?", cell):
        waiting.append(name)
        if code:
            found += [(each, int(code)) for each in waiting]
            waiting = []
    return found


def test_names_of_failures_are_those_of_the_code() -> None:
    """Whatever reads like the name of a class in the operations guide is one, in prose too."""
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", _text(_ROOT / "docs/operations.md")))
    assert len(named) > 30
    sources = [path for folder in ("trendscript", "ingest", "spark_jobs", "transcriber") for path in _sources(folder)]
    known = {name for path in sources for name in re.findall(r"^class (\w+)", _text(path), re.MULTILINE)}
    assert named - known == set()


def test_metrics_of_the_operations_guide_exist_and_each_alarm_is_explained() -> None:
    """By the names that the collectors give them; what is alerted on has a row that says what it means."""
    guide = _text(_ROOT / "docs/operations.md")
    given = {
        "load": "".join(_text(path) for path in _sources("spark_jobs")),
        "transcriber": _text(_ROOT / "transcriber/service/metrics.py"),
    }
    named = set(re.findall(r"trendscript_(load|transcriber)_([a-z_]+[a-z])", guide))
    table = guide.partition("| Metric, after `trendscript_load_` |")[2].partition("\n\n")[0]
    rows = [line.split(" | ")[0] for line in table.splitlines()[2:]]
    named |= {("load", name) for row in rows for name in re.findall(r"`([a-z_]+)`", row)}
    assert len(named) > 15
    for kind, name in named:
        stem = name.removesuffix("_total")
        assert f'"{stem}"' in given[kind] or f"_{stem}" in given[kind], f"trendscript_{kind}_{name} is not given"

    (alarms,) = blocks(guide, "promql")
    explained = guide.partition("### What each alarm means")[2].partition("\n\n## ")[0]
    rows = [line.split(" | ")[0] for line in explained.splitlines() if line.startswith("| `")]
    in_rows = [set(re.findall(r"`(\w+)`", row)) for row in rows]
    alerted = [set(re.findall(r"(?:trendscript_load_|\b(?=node_))(\w+)", line)) for line in alarms.splitlines()]
    assert in_rows == alerted


def _sources(folder: str) -> list[Path]:
    return sorted((_ROOT / folder).rglob("*.py"))


def _kinds(kind: type[TrendscriptError]) -> Iterator[type[TrendscriptError]]:
    import ingest.commands  # noqa: F401, PLC0415  (only what is imported is a subclass)
    import spark_jobs.accept_gap  # noqa: PLC0415  (as above)
    import spark_jobs.load  # noqa: PLC0415  (as above)
    import spark_jobs.purge  # noqa: PLC0415  (as above)
    import spark_jobs.reconcile  # noqa: F401, PLC0415  (as above)
    import trendscript.migrations.apply  # noqa: F401, PLC0415  (as above)

    yield kind
    for inner in kind.__subclasses__():
        yield from _kinds(inner)


def test_data_dictionary_is_current() -> None:
    """docs/data_dictionary.md is what the contracts say now; `make dictionary` writes it."""
    assert _text(_ROOT / "docs/data_dictionary.md") == to_markdown(load_contracts())


def test_data_dictionary_has_every_column_with_a_meaning() -> None:
    """No row of it ends in an empty cell."""
    text = _text(_ROOT / "docs/data_dictionary.md")
    columns = {column.name for contract in load_contracts().values() for t in contract.tables for column in t.columns}
    assert {name for name in columns if f"| `{name}` |" not in text} == set()
    assert not re.search(r"\|\s*\|$", text, re.MULTILINE)


def test_sql_in_the_pages_runs(database: str) -> None:
    """What an operator is told to type names tables and columns that exist."""
    found = [block for page in _PAGES for block in blocks(_text(page), "sql")]
    assert found
    connection = psycopg2.connect(database)
    try:
        for block in found:
            with connection.cursor() as cursor:
                cursor.execute(re.sub(r"^(begin|commit);$", "", block, flags=re.MULTILINE))
            connection.rollback()
    finally:
        connection.close()


def test_readme_names_the_version_of_python() -> None:
    """README.md, the package and the Makefile ask for the same Python."""
    assert 'requires-python = ">=3.11"' in _text(_ROOT / "pyproject.toml")
    assert "Python 3.11 or newer" in _text(_ROOT / "README.md")


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_pages_hold_no_path_of_one_machine(page: Path) -> None:
    """Nobody else has our folders."""
    assert not re.search(r"/(root|work|home/\w+)/", _text(page))
