"""Finds where the package touches what upstream calls private: by reading both sources."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import jupyterhub_knada

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

UPSTREAM = ("jupyterhub", "kubespawner", "oauthenticator", "jupyterhub_idle_culler", "kubernetes_asyncio")
_APART = "jupyterhub_knada.devcluster"
"""Knows none of them."""
_BY_NAME = ("getattr", "setattr", "hasattr", "delattr", "getattr_static", "default", "observe", "validate")
"""What takes the name of an attribute as a string."""

_PUBLIC = {"_", "_replace", "_asdict", "_fields"}
"""Of every named tuple, the last three: documented, and so called only to be no name of a field."""


@dataclass(frozen=True, order=True)
class Use:
    """One private name of upstream in one module of ours."""

    name: str
    module: str
    line: int


def uses() -> list[Use]:
    """Give every use of a private name that is upstream's.

    That is: `self._x` or a method `_x` in a class that has such a name from upstream; `x._y` where nothing of
    ours is called `_y`; `_x` in a string that names an attribute; `_x` in an import.
    """
    modules = list(_modules())
    trees = {module.__name__: ast.parse(inspect.getsource(module)) for module in modules}
    own = {name for tree in trees.values() for name in _defined(tree)}
    found: set[Use] = set()
    for module in modules:
        tree = trees[module.__name__]
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                found |= set(_in_class(node, module))
        found |= {
            Use(name, module.__name__, line)
            for name, line in (*_elsewhere(tree, own), *_imported(tree))
            if is_private(name)
        }
    return sorted(found)


def is_private(name: str) -> bool:
    """Tell whether a name is one that its author keeps for himself."""
    return name.startswith("_") and not name.startswith("__") and name not in _PUBLIC


def _modules() -> Iterator[ModuleType]:
    prefix = f"{jupyterhub_knada.__name__}."
    for found in pkgutil.walk_packages(jupyterhub_knada.__path__, prefix):
        if not found.name.startswith(_APART) and not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def _in_class(node: ast.ClassDef, module: ModuleType) -> Iterator[Use]:
    upstream = _private_names_of_bases(getattr(module, node.name))
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and _is_self(inner.value):
            name = inner.attr
        elif isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            name = inner.name
        else:
            continue
        if is_private(name) and name in upstream:
            yield Use(name, module.__name__, inner.lineno)


def _is_self(value: ast.expr) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id == "super"
    return isinstance(value, ast.Name) and value.id in ("self", "cls")


def _private_names_of_bases(cls: type) -> set[str]:
    found: set[str] = set()
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] in UPSTREAM:
            found |= _names_of_class(base)
    return found


@cache
def _names_of_class(cls: type) -> frozenset[str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    return frozenset({*vars(cls), *_defined(tree)})


def _defined(tree: ast.AST) -> Iterator[str]:
    """Give the names that a source gives to something."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.attr if isinstance(node, ast.Attribute) else node.id


def _elsewhere(tree: ast.AST, own: set[str]) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr not in own:
            yield node.attr, node.lineno
        if isinstance(node, ast.Call) and _called(node.func) in _BY_NAME:
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value, node.lineno


def _called(function: ast.expr) -> Any:
    return getattr(function, "id", getattr(function, "attr", None))


def _imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in UPSTREAM:
            for part in (*(node.module or "").split("."), *(alias.name for alias in node.names)):
                yield part, node.lineno
