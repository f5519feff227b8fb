"""The source of a module in, every small change that might be a mistake in it out; for ``bench/mutation.py``."""

import ast
import copy
from collections import Counter
from dataclasses import dataclass

# What cannot make a difference to anybody, whatever the tests are.
EXCLUDED = {
    "imports, __all__ and what only TYPE_CHECKING sees": "a wrong one does not start, or is never run",
    "docstrings": "read by people only",
    "annotations, but for the calls in them": "mypy reads them; msgspec's Meta(...) in them is changed",
    "assert": "tells mypy what a checked profile has made sure of; none of them decides anything",
    "slots=, frozen=, kw_only=": "of a dataclass or struct: what they forbid, mypy forbids",
}

_COMPARE = {
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
_BINARY = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult}


def changes(node):  # noqa: C901, PLR0912 - a table of cases
    """Every other node that this one might have been by mistake."""
    match node:
        case ast.Compare():
            for place, op in enumerate(node.ops):
                for other in _COMPARE[type(op)]:
                    yield _with(node, ops=[*node.ops[:place], other(), *node.ops[place + 1 :]])
        case ast.BoolOp(op=ast.And()):
            yield _with(node, op=ast.Or())
        case ast.BoolOp(op=ast.Or()):
            yield _with(node, op=ast.And())
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.BinOp(op=op) if type(op) in _BINARY:
            yield _with(node, op=_BINARY[type(op)]())
        case ast.AugAssign(op=ast.Add()):
            yield _with(node, op=ast.Sub())
            yield ast.Pass()
        case ast.IfExp():
            yield node.body
            yield node.orelse
        case ast.Constant(value=bool()):
            yield ast.Constant(value=not node.value)
        case ast.Constant(value=int() | float()):
            yield ast.Constant(value=node.value + 1)
        case ast.Constant(value=str()) if node.value:
            yield ast.Constant(value=node.value + "x")
        case ast.Constant(value=None):
            yield ast.Constant(value=0)
        case ast.If() | ast.While():
            yield _with(node, test=ast.Constant(value=True))
            yield _with(node, test=ast.Constant(value=False))
        case ast.Assign() | ast.AnnAssign(value=ast.expr()) | ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(value=ast.Constant(value=None))


def _with(node, **fields):
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


@dataclass(frozen=True)
class Mutant:
    """One change of one module; ``code`` is its line as it was written, ``number`` the change's own in the module."""

    module: str
    number: int
    line: int
    function: str  # whose body it is in, "" where it is in none
    code: str
    before: str
    after: str

    @property
    def name(self):
        """What it is listed by: no line number, so that it is the same when others move it."""
        return self.module, self.code, f"{self.before} -> {self.after}"

    def __str__(self):
        return f"{self.module}.py:{self.line}: {self.code}: {self.before} -> {self.after}"


class Changes(ast.NodeTransformer):
    """Replaces the node of one number by one of its changes; counts them all, and what is left out, on the way."""

    def __init__(self, module, text, wanted=None):
        self.module, self.lines, self.wanted = module, text.splitlines(), wanted
        self.found = []  # where none is wanted
        self._number = -1
        self.left_out = Counter()
        self._scope = []  # names of the classes and the function around
        self._function = ""
        self.tree = ast.fix_missing_locations(self.visit(ast.parse(text)))

    def visit(self, node):
        reason = _excluded(node)
        if reason:
            self.left_out[reason] += 1
            return node
        for other in changes(node):
            self._number += 1
            if self._number == self.wanted:
                return ast.copy_location(other, node)
            if self.wanted is None:
                self.found.append(self._mutant(node, other))
        return self._inside(node)

    def _inside(self, node):
        """Annotations are passed by, but for the calls in them."""
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns"):
                if value is not None:
                    self._annotation(value)
            elif name == "body" and isinstance(node, ast.FunctionDef | ast.ClassDef):
                self._body(node)
            elif isinstance(value, list):
                setattr(node, name, [self.visit(one) if isinstance(one, ast.AST) else one for one in value])
            elif isinstance(value, ast.AST):
                setattr(node, name, self.visit(value))
        return node

    def _body(self, node):
        outer = self._function
        self._scope.append(node.name)
        if isinstance(node, ast.FunctionDef):
            self._function = self._function or ".".join(self._scope)
        node.body = [self.visit(one) for one in node.body]
        self._function = outer
        self._scope.pop()

    def _annotation(self, node):
        self.left_out["annotations, but for the calls in them"] += 1
        for one in ast.walk(node):
            if isinstance(one, ast.Call):
                one.keywords = [self.visit(keyword) for keyword in one.keywords]

    def _mutant(self, node, other):
        code = self.lines[node.lineno - 1].strip()
        before, after = (" ".join(ast.unparse(one).split()) for one in (_head(node), _head(other)))
        return Mutant(self.module, self._number, node.lineno, self._function, code, before, after)


def _head(node):
    """Of a statement with a body only its first line."""
    return _with(node, body=[ast.Pass()], orelse=[]) if isinstance(node, ast.If | ast.While) else node


def _excluded(node):
    """Of ``EXCLUDED`` the one that this node is, "" if it is to be changed."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return "docstrings"
        case ast.Import() | ast.ImportFrom() | ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return "imports, __all__ and what only TYPE_CHECKING sees"
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return "imports, __all__ and what only TYPE_CHECKING sees"
        case ast.Assert():
            return "assert"
        case ast.keyword(arg="slots" | "frozen" | "kw_only", value=ast.Constant()):
            return "slots=, frozen=, kw_only="
    return ""
