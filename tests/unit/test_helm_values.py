"""The Helm values against the chart's schema, and the package against the pins of the chart's hub image."""

from __future__ import annotations

import re
import tomllib
from copy import deepcopy
from typing import Any

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement

from tests.support.chart import CHART, CHARTS, ROOT

Z2JH = ROOT / "tests/data/z2jh"
VALUES = ROOT / "helm-values"


def load_values(name: str) -> dict[str, Any]:
    """Read one of our values files as Helm does."""
    values: dict[str, Any] = yaml.safe_load((VALUES / name).read_text(encoding="utf-8"))
    return values


def schema_of_partial_values(chart: str) -> dict[str, Any]:
    """Give the chart's schema without `required`: Helm asks for that with the chart's values below ours."""

    def strip(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: strip(value) for key, value in node.items() if not is_required_list(key, value)}
        return [strip(item) for item in node] if isinstance(node, list) else node

    def is_required_list(key: str, value: object) -> bool:
        return key == "required" and isinstance(value, list)

    text = (Z2JH / chart / "values.schema.yaml").read_text(encoding="utf-8")
    schema: dict[str, Any] = strip(yaml.safe_load(text))
    return schema


on_each_chart = pytest.mark.parametrize("chart", CHARTS)


@on_each_chart
@pytest.mark.parametrize("name", sorted(path.name for path in VALUES.glob("*.yaml")))
def test_values_file_against_the_charts_schema_has_no_fault(name: str, chart: str) -> None:
    """Helm refuses an unknown or mistyped value before it installs anything; ours have none."""
    faults = list(jsonschema.Draft7Validator(schema_of_partial_values(chart)).iter_errors(load_values(name)))
    assert [f"{list(fault.absolute_path)}: {fault.message}" for fault in faults] == []


@on_each_chart
@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("hub", "consecutiveFailurelimit"), 0, id="misspelt key"),
        pytest.param(("singleuser", "cloudMetadata", "blockWithIptables"), "no", id="text for a boolean"),
        pytest.param(("cull", "timeout"), "1h", id="duration for seconds"),
    ],
)
def test_values_schema_with_a_wrong_value_finds_it(path: tuple[str, ...], value: object, chart: str) -> None:
    """The check of the values would see a mistake: it is not blunted by what it leaves out of the schema."""
    values = deepcopy(load_values("base.yaml"))
    node = values
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    assert list(jsonschema.Draft7Validator(schema_of_partial_values(chart)).iter_errors(values)) != []


def pins_of_the_hub_image(chart: str) -> dict[str, str]:
    """Read the image's pins: distribution name (normalised) to version."""
    text = (Z2JH / chart / "hub-image-requirements.txt").read_text(encoding="utf-8")
    found = re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==(\S+)", text, re.MULTILINE)
    return {name.lower().replace("_", "-").replace(".", "-"): version for name, version in found}


def our_requirements(extra: str | None = None) -> list[Requirement]:
    """Read the requirements of the package itself, or of one extra, from pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


@on_each_chart
@pytest.mark.parametrize("requirement", our_requirements(), ids=lambda requirement: requirement.name)
def test_requirement_that_the_hub_image_pins_accepts_the_pin(requirement: Requirement, chart: str) -> None:
    """The package installs into the chart's hub image without moving anything that is there."""
    pin = pins_of_the_hub_image(chart).get(requirement.name.replace(".", "-"))
    assert pin is None or requirement.specifier.contains(pin), f"{requirement} does not accept {pin}"


@on_each_chart
def test_requirements_that_the_hub_image_lacks_are_the_known_ones(chart: str) -> None:
    """What an installation adds to the image is known, so that a new dependency is a decision."""
    pins = pins_of_the_hub_image(chart)
    added = {item.name for item in our_requirements() if item.name.replace(".", "-") not in pins}
    assert added == {"click", "regex", "rich", "tenacity"}


@on_each_chart
def test_culler_extra_is_the_only_one_that_moves_a_pin(chart: str) -> None:
    """The image holds an idle culler of 1.x, so the newer one is an extra and the Dockerfile installs it."""
    (requirement,) = our_requirements("culler")
    assert not requirement.specifier.contains(pins_of_the_hub_image(chart)[requirement.name])


def test_chart_that_is_tested_is_the_one_that_dockerfile_and_docs_name() -> None:
    """Whoever follows a guide installs the chart whose schema and pins are tested, and one alone."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    named = {"Dockerfile": re.findall(r"^ARG Z2JH_VERSION=(\S+)$", dockerfile, re.MULTILINE)}
    for page in sorted((ROOT / "docs/how-to").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        named[page.name] = re.findall(r"jupyterhub/jupyterhub --version (\S+)", text)
    assert len([name for name, versions in named.items() if versions]) >= 4
    assert {version for versions in named.values() for version in versions} == {CHART}


@on_each_chart
def test_page_of_upgrades_names_what_the_chart_holds(chart: str) -> None:
    """Each row says which JupyterHub and KubeSpawner the hub image has."""
    pins = pins_of_the_hub_image(chart)
    page = (ROOT / "docs/explanation/upgrades.md").read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if line.startswith(f"| {chart}"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2:4] == [pins["jupyterhub"], pins["jupyterhub-kubespawner"]]
