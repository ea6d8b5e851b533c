"""The documentation against the code: nothing undocumented, nothing shown that does not work.

Blocks are known by their caption: `teams/<slug>.yaml`, `platform.yaml` and `values.yaml`. Commands of this
package in `console` blocks are run; other commands are only shown.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from docs.generator import PAGES
from docs.generator.commands import commands
from docs.generator.entry_points import SETTINGS, our_entry_points
from docs.generator.files import keys_of
from docs.generator.traits import CLASSES, heading_of, own_traits
from jupyterhub_knada.access.roles import CUSTOM_SCOPES
from jupyterhub_knada.cli import cli, demo
from jupyterhub_knada.cli.demo.welcome import PEOPLE
from jupyterhub_knada.errors import Code, Severity
from jupyterhub_knada.teams.loading import load_files
from jupyterhub_knada.teams.model import PlatformFile, TeamFile
from tests.support.chart import CHARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(
    r"^(?P<fence>`{3,})(?:\{code-block\} )?(?P<language>[a-z]+)\n"
    r"(?P<options>(?::[^\n]*\n)*)(?P<text>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
TUTORIAL = DOCS / "tutorial/first-team-file.md"


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: str
    line: int
    language: str
    caption: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """Find the code blocks of one page, in their order."""
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        caption = re.search(r":caption: (.+)", found["options"])
        line = text.count("\n", 0, found.start()) + 1
        name = page.relative_to(DOCS).as_posix()
        yield Block(name, line, found["language"], caption[1] if caption else "", found["text"])


def pages() -> list[Path]:
    """Give the pages that people write."""
    generated = {DOCS / f"reference/{name}.md" for name in PAGES}
    return [
        page for page in sorted(DOCS.rglob("*.md")) if "_build" not in page.parts and page not in generated
    ]


BLOCKS = [block for page in pages() for block in blocks_of(page)]


def having(language: str, caption: str = "") -> Callable[[Any], Any]:
    """Parametrize over the blocks of a language, and a caption that matches a pattern."""
    chosen = [
        block
        for block in BLOCKS
        if block.language == language and re.fullmatch(caption or ".*", block.caption)
    ]
    assert chosen, f"no {language} block with caption {caption!r}"
    return pytest.mark.parametrize("block", chosen, ids=str)


def headings(text: str) -> set[str]:
    """Give the headings of a page, without their inline markup."""
    return {found.strip("`") for found in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("code", Code, ids=str)
def test_error_code_has_a_heading_in_the_reference(code: Code) -> None:
    """Whoever searches the docs for a code finds it."""
    assert str(code) in headings(PAGES["error-codes"]())


@pytest.mark.parametrize(("page", "model"), [("team-file", TeamFile), ("platform-file", PlatformFile)])
def test_every_key_of_a_file_has_a_heading_and_a_description(page: str, model: Any) -> None:
    """No key is undocumented, however deep it lies."""
    keys = keys_of(model)
    assert {key.path for key in keys} <= headings(PAGES[page]())
    assert [key.path for key in keys if not key.schema.get("description")] == []
    assert {key.path for key in keys} >= {field.alias for field in model.model_fields.values()}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_setting_of_a_class_has_a_heading_and_a_complete_help(cls: Any) -> None:
    """Each trait says what it does, when it is read, an example and since when it is there."""
    shown = headings(PAGES["settings"]())
    for name, trait in own_traits(cls).items():
        assert heading_of(cls, name) in shown
        assert re.search("Read|Called|Asked", trait.help), f"{name}: when does it count?"
        assert "Example" in trait.help, f"{name}: an example"
        assert "versionadded" in trait.help, f"{name}: since when?"


def test_every_public_class_with_settings_is_in_the_reference() -> None:
    """A new authenticator or spawner cannot be forgotten."""
    named = {value.partition(":")[2] for group in SETTINGS for _, value in our_entry_points(group)}
    assert named <= {cls.__name__ for cls in CLASSES}
    assert len(named) == 4


@pytest.mark.parametrize("scope", CUSTOM_SCOPES)
def test_custom_scope_has_a_heading_in_the_reference(scope: str) -> None:
    """Each scope of our own is described."""
    assert scope in headings(PAGES["roles"]())


def test_reference_of_commands_covers_the_whole_program() -> None:
    """Each subcommand has a heading, help and examples."""
    assert set(commands()) <= headings(PAGES["commands"]())
    for call, context in commands().items():
        assert context.command.help, call
        assert "Example" in (context.command.epilog or ""), call


@having("yaml", r"teams/[a-z-]+\.yaml|platform\.yaml")
def test_shown_file_loads_without_a_problem(block: Block, tmp_path: Path) -> None:
    """Whatever the docs show as a team or platform file can be used as it is."""
    (tmp_path / "teams").mkdir()
    (tmp_path / block.caption).write_text(block.text, encoding="utf-8")
    platform = tmp_path / "platform.yaml"
    if not platform.exists():
        platform.write_text(platform_beside(block), encoding="utf-8")
    problems = load_files(tmp_path / "teams", platform).problems
    assert [str(problem) for problem in problems if problem.severity is Severity.ERROR] == []


def platform_beside(block: Block) -> str:
    """Give the platform file that the same page shows, for the image names in it; else an empty one."""
    shown = [other.text for other in BLOCKS if other.page == block.page and other.caption == "platform.yaml"]
    return shown[0] if shown else "contact: nobody\n"


@pytest.mark.parametrize("chart", CHARTS)
@having("yaml", r"values\.yaml")
def test_shown_helm_values_are_ones_that_the_chart_takes(block: Block, chart: str) -> None:
    """Whatever the docs show as Helm values passes the chart's schema."""
    file = ROOT / "tests/data/z2jh" / chart / "values.schema.yaml"
    schema = yaml.safe_load(file.read_text(encoding="utf-8"))
    faults = [
        fault.message
        for fault in jsonschema.Draft7Validator(schema).iter_errors(yaml.safe_load(block.text))
        if fault.validator != "required"
    ]
    assert faults == []


@having("yaml")
def test_shown_yaml_is_marked_by_what_it_is(block: Block) -> None:
    """A YAML block without a caption would be checked by nothing."""
    assert re.fullmatch(r"(config/)?(teams/[a-z-]+\.yaml|platform\.yaml)|values\.yaml", block.caption)


@having("python")
def test_shown_python_compiles(block: Block) -> None:
    """No block of Python has a syntax error."""
    compile(block.text, str(block), "exec")


def commands_of(block: Block) -> list[str]:
    """Give the commands of a console block."""
    return [line.removeprefix("$ ") for line in block.text.splitlines() if line.startswith("$ ")]


def run(command: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[int, str]:
    """Run one command of this package in a folder; gives its exit code and what it printed."""
    monkeypatch.chdir(folder)
    program, *arguments = shlex.split(command)
    assert program == "jupyterhub-knada"
    result = CliRunner().invoke(cli, arguments, prog_name="jupyterhub-knada")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


OURS = [
    block
    for block in BLOCKS
    if block.language == "console"
    and any(line.startswith("jupyterhub-knada") for line in commands_of(block))
    and block.page != TUTORIAL.relative_to(DOCS).as_posix()
]


@pytest.mark.parametrize("block", OURS, ids=str)
def test_shown_command_runs_in_a_folder_of_team_files(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands of the how-to guides work on the files that their page shows."""
    (tmp_path / "teams").mkdir()
    for shown in (other for other in BLOCKS if other.page == block.page and other.caption != "values.yaml"):
        if shown.language == "yaml":
            (tmp_path / shown.caption).write_text(shown.text, encoding="utf-8")
    if not list((tmp_path / "teams").iterdir()):
        (tmp_path / "teams/kyrre.yaml").write_text(
            "namespace: team-kyrre\nusers: [e152435]\n", encoding="utf-8"
        )
    for command in commands_of(block):
        if command.startswith("jupyterhub-knada"):
            code, output = run(command, monkeypatch, tmp_path)
            assert code == 0, output


def test_tutorial_gives_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first lesson, block by block: files are written, commands run, outputs compared."""
    for block in blocks_of(TUTORIAL):
        if block.language == "yaml":
            target = tmp_path / block.caption
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            (command,) = commands_of(block)
            _, output = run(command, monkeypatch, tmp_path)
            expected = block.text.split("\n", 1)[1]
            before, _, after = expected.partition("…\n")
            assert output.startswith(before), f"{block}: {output}"
            assert output.endswith(after), f"{block}: {output}"


def test_lesson_on_the_demo_names_its_people_teams_and_profiles() -> None:
    """The second lesson speaks of the demo's own files; a renamed person or profile would leave it wrong."""
    lesson = (DOCS / "tutorial/the-demo.md").read_text(encoding="utf-8")
    files = Path(demo.__file__).parent / "files"
    teams = load_files(files / "teams", files / "platform.yaml").teams.values()
    shown = {name for loaded in teams for name in [loaded.team.display_name, *names_of(loaded.team)]}
    assert {name for name, _ in PEOPLE} >= set(re.findall(r"[Ss]ign in (?:again )?as `(\w+)`", lesson))
    assert shown >= set(re.findall(r"\*(Team \w+|Small|GPU)\*", lesson))
    assert "teams/analyse.yaml" in lesson


def names_of(team: TeamFile) -> list[str]:
    """Give what a team's profiles are shown as."""
    return [profile.display_name for profile in team.profiles]


@pytest.mark.parametrize(
    "page", ["index", "tutorial/index", "how-to/index", "reference/index", "explanation/index"]
)
def test_list_of_pages_names_what_the_built_site_has(page: str) -> None:
    """An index shows its pages by links, which a repository page can follow; its toctree is hidden."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    links, _, tree = text.partition("```{toctree}\n:hidden:\n")
    assert re.findall(r"\]\(([a-z0-9/-]+)\.md\)", links) == re.findall(r"^[a-z0-9/-]+$", tree, re.MULTILINE)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(DOCS).as_posix())
def test_page_has_one_sentence_a_line(page: Path) -> None:
    """Changes of one sentence are changes of one line."""
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    prose = re.sub(r"`[^`]*`|^\|.*$|^```.*?^```", "", prose, flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"^[^#\n].*[a-z)][.?!] [A-Z].*$", prose, re.MULTILINE) == []
