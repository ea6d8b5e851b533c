"""What one process costs, measured from inside: its event loop's blocks, CPU, memory and requests.

The loop is not asked now and then, which would cost more than what is measured here: each stretch between two
looks at its selector is timed. That is how long everything else had to wait, whether it was one callback or
many in a row.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kubernetes_asyncio.client.rest import RESTClientObject

if TYPE_CHECKING:
    import selectors

_WINDOW_SECONDS: Final = 10
"""A stock reflector lists anew after ten seconds without an event."""
_COLLECTION = re.compile(r"/(?P<collection>[a-z]+)$")


class Meter:
    """Takes measurements of this process until they are read."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._requests: Counter[str] = Counter()
        self._time_selector(selector)
        self._count_requests()
        self.reset()

    def reset(self) -> None:
        """Begin anew; the memory's peak, too."""
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        self._requests.clear()
        self._worst_by_window: dict[int, float] = {}
        self._worst_cpu = 0.0
        self._busy = 0.0
        self._began = self._woken = time.perf_counter()
        self._woken_cpu = time.thread_time()
        self._began_cpu = time.process_time()

    def read(self) -> dict[str, Any]:
        """Give what was measured since the beginning, as plain JSON; times in seconds, memory in bytes."""
        self._note()
        seconds = time.perf_counter() - self._began
        worst = self._worst_by_window
        windows = range(max(1, round(seconds / _WINDOW_SECONDS)))
        return {
            "seconds": seconds,
            "worst_block": max(worst.values(), default=0.0),
            "worst_block_cpu": self._worst_cpu,
            "worst_blocks_by_10_s": [worst.get(window, 0.0) for window in windows],
            "loop_busy": self._busy,
            "cpu": time.process_time() - self._began_cpu,
            "cpu_per_10_s": (time.process_time() - self._began_cpu) / seconds * 10,
            "requests": dict(sorted(self._requests.items())),
            **read_memory(),
        }

    def _note(self) -> None:
        now = time.perf_counter()
        block = now - self._woken
        window = int((self._woken - self._began) / _WINDOW_SECONDS)
        if block > self._worst_by_window.get(window, 0.0):
            self._worst_by_window[window] = block
        self._worst_cpu = max(self._worst_cpu, time.thread_time() - self._woken_cpu)
        self._busy += block

    def _time_selector(self, selector: selectors.BaseSelector) -> None:
        original = selector.select

        def select(timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            self._note()
            found = original(timeout)
            self._woken, self._woken_cpu = time.perf_counter(), time.thread_time()
            return found

        selector.select = select  # type: ignore[method-assign]

    def _count_requests(self) -> None:
        original = RESTClientObject.request
        requests = self._requests

        async def request(
            client: RESTClientObject, method: str, url: str, query_params: Any = None, **more: Any
        ) -> Any:
            requests[name_request(method, url, dict(query_params or ()))] += 1
            return await original(client, method, url, query_params=query_params, **more)

        # Of all that the client offers, the one place that each of its requests goes through.
        RESTClientObject.request = request  # type: ignore[method-assign, assignment]


def name_request(method: str, url: str, query: dict[str, Any]) -> str:
    """Name a request as Kubernetes does: `list pods`, `watch events`, `create pods`.

    Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb.
    """
    parts = url.partition("?")[0].rstrip("/").split("/")
    start = parts.index("v1") + 1 if "v1" in parts else len(parts)
    named = parts[start:]
    if named[:1] == ["namespaces"] and len(named) > 2:
        named = named[2:]
    what, has_name = (named[0] if named else "/"), len(named) > 1
    if method == "GET" and not has_name:
        return f"{'watch' if query.get('watch') else 'list'} {what}"
    verbs = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
    return f"{verbs.get(method, method.lower())} {what}"


def read_memory() -> dict[str, int]:
    """Give this process' resident memory now and at its highest since the last reset, in bytes.

    Source: proc(5), VmRSS and VmHWM of /proc/self/status.
    """
    text = Path("/proc/self/status").read_text(encoding="ascii")
    found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", text, re.MULTILINE))
    return {"memory": int(found["VmRSS"]) * 1024, "memory_peak": int(found["VmHWM"]) * 1024}


def write_line(file: Path, measured: dict[str, Any]) -> None:
    """Add measurements to a file, a line each."""
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(measured) + "\n")
