"""`make references`, which is `python -m docs.generator`: writes the pages and says which changed."""

from __future__ import annotations

import sys
from pathlib import Path

from docs.generator import write_pages

changed = write_pages(Path(__file__).parents[1] / "reference")
sys.stdout.write(f"docs/reference: {', '.join(changed) or 'nothing'} changed\n")
