"""Docstrings and density of `src/volant`: public functions document their parameters, and lines do one thing."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from support.modules import MODULES, SOURCE

PACKED = 1  # assignments of several values, per 1,000 lines
Function = ast.FunctionDef | ast.AsyncFunctionDef
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
VAGUE = re.compile(r"(What|Whether|Who|How)\b")
# Typer documents a command's parameters by `help=`; pydantic calls a validator, whose parameters it names.
UNDOCUMENTED = re.compile(r"\b(command|callback|field_validator|model_validator|validator)\b")


@cache
def modules() -> dict[str, ast.Module]:
    package = SOURCE / "volant"
    return {path.relative_to(package).as_posix(): ast.parse(path.read_text("utf-8")) for path in MODULES.values()}


def public(tree: ast.AST) -> Iterator[ast.Module | ast.ClassDef | Function]:
    """Yield a module, and its public classes, functions and methods, except functions inside of functions."""
    if isinstance(tree, ast.Module):
        yield tree
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node)


def parameters(function: Function) -> list[str]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [argument.arg for argument in every if argument.arg not in ("self", "cls")]


def undocumented(tree: ast.Module) -> Iterator[ast.AST]:
    for node in public(tree):
        if not isinstance(node, Function) or len(parameters(node)) < 3:
            continue
        decorators = " ".join(map(ast.unparse, node.decorator_list))
        if not UNDOCUMENTED.search(decorators) and "Args:" not in (ast.get_docstring(node) or ""):
            yield node


def vague(tree: ast.Module) -> Iterator[ast.AST]:
    return (node for node in public(tree) if VAGUE.match(ast.get_docstring(node) or ""))


def nested(tree: ast.Module, kinds: type | tuple[type, ...]) -> Iterator[ast.AST]:
    outer = (node for node in ast.walk(tree) if isinstance(node, kinds))
    return (node for node in outer if sum(isinstance(inner, kinds) for inner in ast.walk(node)) > 1)


def packed(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield assignments of several values to several names; `a, b = b, a` has no other form."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Tuple)
            and isinstance(node.targets[0], ast.Tuple)
        ):
            yield node


RULES: dict[str, Callable[[ast.Module], Iterator[ast.AST]]] = {
    "parameters": undocumented,
    "first word": vague,
    "nested comprehension": lambda tree: nested(tree, COMPREHENSIONS),
    "nested condition": lambda tree: nested(tree, ast.IfExp),
}


def broken(rule: Callable[[ast.Module], Iterator[ast.AST]]) -> list[str]:
    return [f"{name}:{getattr(node, 'lineno', 1)}" for name, tree in modules().items() for node in rule(tree)]


@pytest.mark.parametrize("name", RULES)
def test_no_module_breaks_a_rule(name: str) -> None:
    assert broken(RULES[name]) == []


def test_hardly_any_line_assigns_several_values() -> None:
    places = broken(packed)
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in MODULES.values())
    assert 1000 * len(places) <= PACKED * lines, places
