"""All single changes of a module's source that a good test notices."""

import ast
import copy
from collections.abc import Iterator
from typing import NamedTuple

OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
PAIRS = (("min", "max"), ("minimum", "maximum"), ("argmin", "argmax"), ("any", "all"))
NAMES = {a: b for pair in (*PAIRS, ("left", "right")) for a, b in (pair, pair[::-1])}
# Their first two arguments may stand in either order.
SYMMETRIC = (
    *("min", "max", "minimum", "maximum", "clip", "array_equal"),
    *("weighted_rmse", "_dot", "_add_products"),
)
# Messages, assertions and types are no numbers.
SKIPPED = (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)
FIELDS = ("annotation", "returns", "decorator_list", "bases")
# Progress bars, and keywords that no number depends on.
CALLS = ("tqdm",)
KEYWORDS = ("overwrite_a", "overwrite_c", "check_finite", "copy", "indent", "strict")


class Change(NamedTuple):
    """A changed module: where, what, and its whole source."""

    line: int
    before: str
    after: str
    source: str


def find_changes(source: str) -> list[Change]:
    tree = ast.parse(source)
    return list(_change(tree, tree))


def _change(node: ast.AST, tree: ast.AST) -> Iterator[Change]:
    """The changes below a node; each is undone in the tree before the next."""
    for field, value in ast.iter_fields(node):
        if field in FIELDS:
            continue
        children = value if isinstance(value, list) else [value]
        for place, child in enumerate(children):
            if _is_skipped(child):
                continue
            for variant in variants(child):
                _put(node, field, place, variant)
                before, after = (ast.unparse(code).split("\n")[0] for code in (child, variant))
                yield Change(child.lineno, before, after, ast.unparse(tree))
                _put(node, field, place, child)
            yield from _change(child, tree)


def _is_skipped(node: object) -> bool:
    match node:
        case ast.Call(func=func):
            return _name(func) in CALLS
        case ast.keyword(arg=name):
            return name in KEYWORDS
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
    return isinstance(node, SKIPPED) or not isinstance(node, ast.AST)


def _put(node: ast.AST, field: str, place: int, child: ast.AST) -> None:
    if isinstance(getattr(node, field), list):
        getattr(node, field)[place] = child
    else:
        setattr(node, field, child)


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node."""
    match node:
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op) if type(op) in OPERATORS:
            yield _with(node, op=OPERATORS[type(op)]())
        case ast.Compare(ops=[op, *others]):
            yield _with(node, ops=[OPERATORS[type(op)](), *others])
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.IfExp(body=body, orelse=orelse):
            yield _with(node, body=orelse, orelse=body)
        case ast.If(test=test):
            yield _with(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.Constant(value=bool(value)):
            yield _with(node, value=not value)
        case ast.Constant(value=int(value) | float(value)):
            yield _with(node, value=value + 1)
        case ast.Constant(value=str(value)) if value in NAMES:
            yield _with(node, value=NAMES[value])
        case ast.Name(id=name) if name in NAMES:
            yield _with(node, id=NAMES[name])
        case ast.Attribute(attr=name) if name in NAMES:
            yield _with(node, attr=NAMES[name])
        case ast.Call(func, [first, second, *others]) if _name(func) not in SYMMETRIC:
            if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred):
                yield _with(node, args=[second, first, *others])


def _name(function: ast.AST) -> str:
    """The last part of a dotted name."""
    return getattr(function, "attr", getattr(function, "id", ""))


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed
