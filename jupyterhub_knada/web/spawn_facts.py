"""What the start page says of a team and a profile: size, Python, interface, idle timeout, home, in words.

The facts come from the plan that a start would make, so that the page cannot promise what the server does not
get: bounds, the hub's own configuration and built-in defaults are in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyterhub_knada.servers.offer import is_past_end_of_life
from jupyterhub_knada.servers.plans import INTERFACE_URLS, decide_idle_timeout
from jupyterhub_knada.teams.quantities import format_cpu, format_duration, format_memory

if TYPE_CHECKING:
    from datetime import date

    from jupyterhub_knada.servers.plans import ServerPlan
    from jupyterhub_knada.teams.effective import EffectiveProfile, EffectiveTeam
    from jupyterhub_knada.teams.model import Bounds

_INTERFACES: Final = {
    "lab": "JupyterLab",
    "notebook": "Jupyter Notebook",
    "rstudio": "RStudio",
    "vscode": "VS Code",
}
_INTERFACE_OF_URL: Final = {url: _INTERFACES[interface] for interface, url in INTERFACE_URLS.items()}
_UNITS_OF_TIME: Final = {"d": "day", "h": "hour", "m": "minute", "s": "second"}
_STORAGE_UNITS: Final = {
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate(("k", "M", "G", "T", "P"), start=1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate(("K", "M", "G", "T", "P"), start=1)},
}
_MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a person wants to know before the start."""

    label: str
    value: str
    note: str = ""
    """A few words below the value."""
    is_warning: bool = False


def profile_facts(profile: EffectiveProfile, plan: ServerPlan, today: date) -> tuple[Fact, ...]:
    """Say what a server of this profile has, as the options stand when the page opens."""
    varied = _varied_traits(profile)
    facts = [
        Fact("Memory", memory_in_words(plan.memory_limit), _note("mem_limit" in varied)),
        Fact("CPU", format_cpu(plan.cpu_limit), _note("cpu_limit" in varied)),
    ]
    gpus = sum(int(count) for name, count in plan.resource_limits.items() if is_gpu(name))
    if gpus:
        facts.append(Fact("GPU", str(gpus), _note("extra_resource_limits" in varied)))
    devices = [f"{name}: {count}" for name, count in plan.resource_limits.items() if not is_gpu(name)]
    if devices:
        facts.append(Fact("Devices", ", ".join(devices), _note("extra_resource_limits" in varied)))
    python = _python_fact(profile, plan, today)
    if python is not None:
        facts.append(python)
    facts.append(Fact("Opens with", _INTERFACE_OF_URL.get(plan.default_url, plan.default_url)))
    return tuple(facts)


def team_facts(team: EffectiveTeam, plan: ServerPlan | None, bounds: Bounds | None) -> tuple[Fact, ...]:
    """Say what holds for every server of a team.

    Args:
        team: The team.
        plan: What its selected profile would start; None where that cannot start.
        bounds: The platform's.
    """
    idle = decide_idle_timeout(team, bounds).value
    facts = [Fact("Stops when idle for", "never" if idle == "never" else duration_in_words(idle))]
    if plan is not None and plan.home is not None:
        facts.append(Fact("Home", storage_in_words(plan.home.size), "kept between servers"))
    elif plan is not None:
        facts.append(Fact("Home", "none", "files are gone when the server stops", is_warning=True))
    return tuple(facts)


def is_gpu(resource: str) -> bool:
    """Tell whether people call a resource of Kubernetes a GPU; whatever else there is goes by its own name.

    `nvidia.com/gpu`, `nvidia.com/mig-1g.5gb`, `gpu.intel.com/i915`, or what stands in for one
    (`google.com/tpu`, `habana.ai/gaudi`).
    """
    vendor, _, kind = resource.lower().partition("/")
    return kind.startswith(("gpu", "mig-", "tpu", "gaudi")) or vendor.startswith("gpu.")


def _python_fact(profile: EffectiveProfile, plan: ServerPlan, today: date) -> Fact | None:
    info = profile.image_info
    if info is None or info.python is None or profile.image is None or plan.image != profile.image.value:
        return None
    if info.end_of_life is None:
        return Fact("Python", info.python, _note("image" in _varied_traits(profile)))
    if is_past_end_of_life(profile, today):
        return Fact("Python", info.python, f"end of life {date_in_words(info.end_of_life)}", is_warning=True)
    return Fact("Python", info.python, f"until {date_in_words(info.end_of_life)}")


def _varied_traits(profile: EffectiveProfile) -> set[str]:
    varied: set[str] = set()
    for option in profile.options.values():
        for choice in option.choices.values():
            varied |= choice.kubespawner_override.keys()
        if option.unlisted_choice is not None and option.unlisted_choice.enabled:
            varied |= option.unlisted_choice.kubespawner_override.keys()
    return varied


def _note(is_varied: bool) -> str:  # noqa: FBT001 - the only argument, read where it is called
    return "or as chosen below" if is_varied else ""


def memory_in_words(size: int) -> str:
    """Write bytes of memory as people say them: `10 GB`, `512 MB`."""
    text = format_memory(size)
    return f"{text[:-1]} {text[-1]}" + ("" if text.endswith("B") else "B")


def storage_in_words(size: int) -> str:
    """Write bytes of storage as people say them, exactly and with the shortest number: `10 GiB`, `10 GB`."""
    number, unit = min((size // unit, name) for name, unit in _STORAGE_UNITS.items() if size % unit == 0)
    return f"{number} {unit}"


def duration_in_words(seconds: int) -> str:
    """Write seconds as people say them: `1 hour`, `90 minutes`."""
    text = format_duration(seconds)
    number, unit = text[:-1], _UNITS_OF_TIME[text[-1]]
    return f"{number} {unit}" if number == "1" else f"{number} {unit}s"


def date_in_words(day: date) -> str:
    """Write a date so that nobody mixes up day and month: `31 Oct 2029`."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
