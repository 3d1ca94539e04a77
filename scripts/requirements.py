"""What setup.py declares to be required, read without running it: that would need setuptools."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path


class SetupError(Exception):
    """Why the environment could not be made and what to do about it."""


def requirements(setup: Path, extras: Sequence[str] = ()) -> list[str]:
    """The requirements that a setup.py declares, core first, then those of the extras.

    Raises SetupError where setup.py does not say them as plain lists.
    """
    tree = ast.parse(setup.read_text("utf-8"), str(setup))
    values: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            values[node.target.id] = node.value
    for call in ast.walk(tree):
        if isinstance(call, ast.Call):
            keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
            if "install_requires" in keywords:
                core = _literal(keywords["install_requires"], values)
                optional = _literal(keywords.get("extras_require", ast.Dict([], [])), values)
                if not isinstance(core, list) or not isinstance(optional, dict):
                    break
                missing = [extra for extra in extras if extra not in optional]
                if missing:
                    raise SetupError(f"{setup.name} declares no extra named {', '.join(missing)}")
                return list(dict.fromkeys([*core, *(name for extra in extras for name in optional[extra])]))
    raise SetupError(f"{setup.name} declares no install_requires that can be read as a plain list")


def _literal(node: ast.expr, values: dict[str, ast.expr]) -> object:
    """The value of a literal in which module constants may be named."""
    if isinstance(node, ast.Name) and node.id in values:
        return _literal(values[node.id], values)
    if isinstance(node, ast.List | ast.Tuple):
        items: list[object] = []
        for element in node.elts:
            if isinstance(element, ast.Starred):
                inner = _literal(element.value, values)
                items.extend(inner if isinstance(inner, list) else [])
            else:
                items.append(_literal(element, values))
        return items
    if isinstance(node, ast.Dict):
        return {
            _literal(key, values): _literal(value, values)
            for key, value in zip(node.keys, node.values, strict=True)
            if key
        }
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _literal(node.left, values), _literal(node.right, values)
        return [*left, *right] if isinstance(left, list) and isinstance(right, list) else None
    return ast.literal_eval(node)
