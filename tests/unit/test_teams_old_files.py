"""Files that people already have: the old configuration repository's, and profiles of zero-to-jupyterhub."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyterhub_knada.teams.loading import LoadedFiles, load_files
from jupyterhub_knada.teams.trees import thawed

DATA = Path(__file__).parents[1] / "data" / "teams"
MINIMAL = """\
namespace: kyrre-havik-eriksen
ingress: kyrre
users:
  - e152435
"""


def load(folder: Path, text: str) -> LoadedFiles:
    """Load one team file, `kyrre.yaml`."""
    teams = folder / "teams"
    teams.mkdir()
    (teams / "kyrre.yaml").write_text(text, encoding="utf-8")
    return load_files(teams, None)


def test_minimal_old_file_loads_and_says_nothing_else(tmp_path: Path) -> None:
    """The smallest file of the old repository holds, and leaves all else to the platform and the hub."""
    loaded = load(tmp_path, MINIMAL)
    team = loaded.teams["kyrre"].team
    assert team.model_fields_set == {"namespace", "ingress", "users"}
    assert (team.namespace, team.ingress, team.users) == ("kyrre-havik-eriksen", "kyrre", ("e152435",))
    assert (team.memory_limit, team.cpu_limit, team.interface) == (None, None, None)
    assert not loaded.closed


@pytest.mark.parametrize(
    ("option", "attribute", "expected"),
    [
        pytest.param(
            'extraEnvs:\n  - "hello: world"\n', "extra_envs", (("hello", "world"),), id="own variables"
        ),
        pytest.param("jupyterLabs: false\n", "jupyter_labs", False, id="classic notebook"),
        pytest.param("jupyterLabs: true\n", "jupyter_labs", True, id="lab by name"),
        pytest.param("memoryLimit: 10GB\n", "memory_limit", 10 * 1024**3, id="memory"),
        pytest.param("cpuLimit: 1\n", "cpu_limit", 1000, id="CPU"),
    ],
)
def test_old_file_with_an_option_loads(tmp_path: Path, option: str, attribute: str, expected: object) -> None:
    """Each option that the old repository documents is read as it was meant."""
    loaded = load(tmp_path, MINIMAL + option)
    assert not loaded.closed
    assert getattr(loaded.teams["kyrre"].team, attribute) == expected


def test_profiles_of_the_chart_load_verbatim(tmp_path: Path) -> None:
    """Profiles in KubeSpawner's spelling keep their meaning, and get the slugs that it would give."""
    chart = (DATA / "four-profiles.yaml").read_text(encoding="utf-8")
    loaded = load(tmp_path, MINIMAL + chart.replace("profileList:", "profiles:"))
    assert not loaded.closed
    profiles = loaded.teams["kyrre"].team.profiles
    assert [profile.slug for profile in profiles] == [
        "minimal-environment",
        "datascience-environment",
        "spark-environment",
        "learning-data-science",
    ]
    assert [profile.default for profile in profiles] == [True, False, False, False]
    assert profiles[0].description == "To avoid too much bells and whistles: Python."
    assert thawed(profiles[2].kubespawner_override) == {"image": "jupyter/all-spark-notebook:2343e33dec46"}
    hook = thawed(profiles[3].kubespawner_override)["lifecycle_hooks"]
    assert hook["postStart"]["exec"]["command"] == [
        "sh",
        "-c",
        "gitpuller https://github.com/data-8/materials-fa17 master materials-fa;\n",
    ]


def test_profiles_of_fancy_lists_load_verbatim(tmp_path: Path) -> None:
    """What jupyterhub-fancy-profiles and its hubs add to a profile is taken; one warning says what is not."""
    fancy = (DATA / "fancy-profiles.yaml").read_text(encoding="utf-8")
    loaded = load(tmp_path, MINIMAL + fancy.replace("profileList:", "profiles:"))
    [warning] = [problem for problem in loaded.problems if problem.file == "teams/kyrre.yaml"]
    assert str(warning) == (
        "teams/kyrre.yaml:13:9: warning: profiles[0].profile_options.image.dynamic_image_building: without "
        "effect; no image is built at a start; what else the option offers is offered (in 2 places of this "
        "file); set 'enabled: false', or name images that are built already [KNADA-C045]"
    )
    profile = loaded.teams["kyrre"].team.profiles[0]
    assert (profile.slug, profile.allowed_groups) == ("env", ("researchers", "staff"))
    option = profile.options["image"]
    assert list(option.choices) == ["pangeo", "gpu"]
    assert option.choices["pangeo"].description == "Python with scientific, dask and geospatial tools"
    assert option.choices["gpu"].allowed_groups == ("staff",)
    assert option.unlisted_choice is not None
    assert option.unlisted_choice.description_in_choices == "From a public registry"
