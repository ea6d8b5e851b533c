"""The page of measurements: the tables of the published run of `benchmarks/watching.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from benchmarks.tables import to_markdown
from docs.generator.markdown import page

RESULTS: Final = Path(__file__).parents[1] / "_static/benchmarks/watching.json"


def render_measurements() -> str:
    """Render every table of the run."""
    return page(
        "Measurements of watching pods",
        "[What watching pods costs](../explanation/benchmarks.md) says what is measured, and how to read it.",
        to_markdown(json.loads(RESULTS.read_text(encoding="utf-8"))),
    )
