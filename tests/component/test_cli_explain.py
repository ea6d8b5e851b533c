"""`jupyterhub-knada explain`: the offer, the choice with its sources, the manifests, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from jupyterhub_knada.cli import cli
from jupyterhub_knada.cli.manifests import to_yaml
from tests.support.team_files import SEED, write_files

if TYPE_CHECKING:
    from click.testing import Result

DATA = Path(__file__).parents[1] / "data" / "cli"
PLATFORM = """\
project: knada-gcp
contact: "#knada"
images:
  - {name: python-3.13, image: "ghcr.io/example/jupyter:2026-11-01", python: "3.13", default: true}
defaults:
  memoryLimit: 2GB
  cpuLimit: 0.5
  culling: {idleTimeout: 1h}
  storage: {size: 10Gi}
bounds: {memoryLimit: 64GB}
"""
BRREG = """\
namespace: brreg
users: [other]
groups: [analysts]
id: brreg-1a2b
displayName: Team [bold]Brreg[/bold]
serviceAccount: brreg
allowlist: []
labels: {cost: "4711"}
env: {HELLO: "{world}"}
profiles:
  - displayName: Small
  - displayName: Big
    resources: {memoryLimit: 32GB, memoryGuarantee: 4G}
    interface: vscode
    options:
      cpus:
        displayName: CPUs
        choices:
          two: {displayName: Two, kubespawnerOverride: {cpu_limit: 2}}
          four: {displayName: Four, kubespawnerOverride: {cpu_limit: 4}}
    kubespawnerOverride:
      extra_pod_config: {dnsPolicy: Default}
"""


def explain(folder: Path, *arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli, ["explain", str(folder), *arguments], prog_name="jupyterhub-knada")


def read_documents(result: Result) -> list[Any]:
    """Read standard output as YAML, as a program would."""
    return list(YAML(typ="safe", pure=True).load_all(result.stdout))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two teams: one as the oldest file, one with everything."""
    return write_files(tmp_path, PLATFORM, kyrre=SEED, brreg=BRREG)


def test_explain_tells_offer_and_choice_with_sources_as_comments(folder: Path) -> None:
    """Who is in which team and why, what would start, and where each value comes from."""
    result = explain(
        folder, "--user", "e1", "--group", "analysts", "--profile", "big", "--option", "cpus=four"
    )

    comments = [line for line in result.stdout.splitlines() if line.startswith("#")]
    assert comments == (DATA / "explain-comments.txt").read_text("utf-8").splitlines()
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("profile", "told"),
    [
        pytest.param(
            "big",
            "Profile 'big' of team 'brreg' has no option 'cpu', which a start leaves out. "
            "Did you mean 'cpus'? There are: 'cpus'.\n",
            id="a near miss",
        ),
        pytest.param(
            "small",
            "Profile 'small' of team 'brreg' has no option 'cpu', which a start leaves out. It has none.\n",
            id="a profile without options",
        ),
    ],
)
def test_explain_with_an_option_that_the_profile_lacks_says_so(folder: Path, profile: str, told: str) -> None:
    """What a start would drop in silence is told beside the manifests, which stay a clean stream."""
    result = explain(
        folder, "--user", "e1", "--group", "analysts", "--profile", profile, "--option", "cpu=four"
    )

    assert (result.exit_code, result.stderr) == (0, told)
    assert [document["kind"] for document in read_documents(result)] == ["Pod", "PersistentVolumeClaim"]


def test_explain_gives_pod_and_claim_of_this_team_as_yaml(folder: Path) -> None:
    """Standard output is a YAML stream of two objects, with the team's own values and without a token."""
    result = explain(folder, "--user", "e152435")

    pod, claim = read_documents(result)
    assert (pod["kind"], claim["kind"]) == ("Pod", "PersistentVolumeClaim")
    assert pod["metadata"]["namespace"] == claim["metadata"]["namespace"] == "kyrre-havik-eriksen"
    assert pod["metadata"]["labels"]["team"] == "kyrre"
    (container,) = pod["spec"]["containers"]
    env = {variable["name"]: variable["value"] for variable in container["env"]}
    assert env["KNADA_TEAM_SECRET"] == "projects/knada-gcp/secrets/kyrre"
    assert env["JUPYTERHUB_API_TOKEN"] == "(made at the start)"
    assert container["resources"]["limits"] == {"cpu": 0.5, "memory": 2 * 1024**3}
    claimed = pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
    assert claimed == claim["metadata"]["name"]


def test_explain_is_the_same_every_time(folder: Path) -> None:
    """Two runs give the same bytes."""
    assert explain(folder, "--user", "e152435").stdout == explain(folder, "--user", "e152435").stdout


def test_explain_of_a_named_server_names_it(folder: Path) -> None:
    """A named server has a pod of its own and the same home."""
    named, default = (
        read_documents(explain(folder, "--user", "e152435", *more)) for more in (("--server", "lab"), ())
    )

    assert named[0]["metadata"]["name"] != default[0]["metadata"]["name"]
    assert named[1]["metadata"]["name"] == default[1]["metadata"]["name"]


def test_explain_takes_the_hubs_configuration_as_the_lowest_layer(folder: Path, tmp_path: Path) -> None:
    """What no file says comes from the hub's own configuration, and is told so."""
    (tmp_path / "config.py").write_text('c.KubeSpawner.mem_guarantee = "1G"\n', "utf-8")

    result = explain(folder, "--user", "e152435", "--hub-config", str(tmp_path / "config.py"))

    (line,) = (line for line in result.stdout.splitlines() if line.startswith("# memoryGuarantee"))
    assert line.split(maxsplit=3) == ["#", "memoryGuarantee", "1G", "the hub's configuration"]


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        pytest.param(
            ["--user", "nobody", "--group", "others"],
            "You are nobody, but no team here lists you. "
            "Ask a team's lead or #knada to add you, then sign in again. [KNADA-A001]",
            id="in no team",
        ),
        pytest.param(
            ["--user", "nobody"],
            "You are nobody, but your sign-in came without the list of your groups, by "
            "which teams are decided here. Sign in again; if this comes back, ask #knada. [KNADA-A002]",
            id="claim unknown",
        ),
        pytest.param(
            ["--user", "e152435", "--team", "brreg"],
            "e152435 is in no team 'brreg' that can start a server. There are: 'kyrre'. [KNADA-S002]",
            id="another team",
        ),
        pytest.param(
            ["--user", "other", "--profile", "bigg"],
            "Team 'brreg' has no profile 'bigg'. Did you mean 'big'? There are: 'big', 'small'. [KNADA-S004]",
            id="no such profile",
        ),
    ],
)
def test_explain_shows_a_refusal_as_the_person_would_see_it(
    folder: Path, arguments: list[str], refusal: str
) -> None:
    """A refusal is on standard error, with exit code 1, and no manifest is written."""
    result = explain(folder, *arguments)

    assert (result.exit_code, result.stderr.splitlines()) == (1, [refusal])
    assert read_documents(result) == []


def test_explain_of_a_closed_team_points_at_check(folder: Path) -> None:
    """Whoever asks why learns that the file is the reason, and which command tells more."""
    write_files(folder, kyrre=SEED + "memorylimit: 2G\n")

    result = explain(folder, "--user", "e152435")

    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == (
        f"2 teams, 1 problem, 1 warning: see `jupyterhub-knada check {folder}`."
    )
    assert "Team kyrre is closed: teams/kyrre.yaml has errors (line 5: " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "Missing option '--user'", id="no user"),
        pytest.param(["--user", ""], "a user name is needed", id="an empty user"),
        pytest.param(["--user", "e1", "--option", "x"], "'x' is not NAME=VALUE", id="no value"),
        pytest.param(["--user", "e1", "--option", "team=x"], "write --team x", id="the team as an option"),
        pytest.param(["--user", "e1", "--hub-config", "/none"], "does not exist", id="no such config"),
    ],
)
def test_explain_wrong_use_is_told_with_exit_code_2(folder: Path, arguments: list[str], message: str) -> None:
    """A wrong call is told before anything slow is done."""
    result = explain(folder, *arguments)

    assert result.exit_code == 2
    assert message in result.stderr


def test_explain_of_a_hub_configuration_that_fails_is_wrong_use(folder: Path, tmp_path: Path) -> None:
    """Somebody's failing code is named, without a traceback."""
    (tmp_path / "config.py").write_text("raise ValueError('no')\n", "utf-8")

    result = explain(folder, "--user", "e152435", "--hub-config", str(tmp_path / "config.py"))

    assert result.exit_code == 2
    assert "config.py failed: ValueError: no" in result.stderr


@pytest.mark.parametrize(
    "text", ["yes", "On", "0.5", "1:30", "010", "null", "~", "", "a: b", "# x", "{x}", "å"]
)
@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_manifests_read_the_same_in_every_version_of_yaml(
    text: str,
    version: str,
    ascii_only: bool,  # noqa: FBT001 - a row of the table
) -> None:
    """A text stays a text for a tool that reads YAML 1.1, as kubectl does."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = version

    assert yaml.load(to_yaml([{"key": text, "list": [text]}], ascii_only=ascii_only)) == {
        "key": text,
        "list": [text],
    }
