"""Would a test notice each small change of the alarm system? ``make campaign-mutation``; on a copy, never in place.

Every comparison, operator, number, condition, return and word of gateway/alarms is changed, one at a time, and the
tests of the alarm system run against it, in a copy of the project. The signal processing is loaded once; each change
is made in the memory of a process of its own, forked from there. A change that no test notices is a survivor: it
stands in bench/mutation_survivors.toml with the reason why it makes no difference, or the campaign fails.

    python bench/mutation.py                              all of them, on one processor
    python bench/mutation.py --module hold --processes 2  one module
"""

import argparse
import ast
import copy
import functools
import gc
import importlib.util
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import tomllib
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("gateway/alarms")
SURVIVORS = ROOT / "bench" / "mutation_survivors.toml"
NOTICED_BY = ROOT / "build" / "mutation.json"  # the test that has noticed a change; it only makes the next run faster
LEAST_SHARE = 0.95
LIMIT_S = 40  # of processor time for one change, four times what all tests take: one that hangs has been noticed
FOLDER = "tests/gateway/alarms"
MODEL = "test_model.py"
PAGES = [f"tests/test_docs.py::test_{page}_is_what_the_code_makes_of_it" for page in ("alarms_md", "asyncapi_yaml")]
FIRST = {"types": "catalogue"}  # the tests that know a module best, where they have another name

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
    code: str
    before: str
    after: str

    @property
    def name(self):
        """What it is listed by: no line number, so that it is the same when others move it."""
        return self.module, self.code, f"{self.before} -> {self.after}"

    def __str__(self):
        return f"{self.module}.py:{self.line}: {self.code}: {self.before} -> {self.after}"


class _Changes(ast.NodeTransformer):
    """Replaces the node of one number by one of its changes; counts them all, and what is left out, on the way."""

    def __init__(self, module, text, wanted=None):
        self.module, self.lines, self.wanted = module, text.splitlines(), wanted
        self.found = []
        self.left_out = Counter()
        self._in_annotation = False
        self.tree = ast.fix_missing_locations(self.visit(ast.parse(text)))

    def visit(self, node):
        reason = _excluded(node)
        if reason:
            self.left_out[reason] += 1
            return node
        if not self._in_annotation:
            for other in changes(node):
                if len(self.found) == self.wanted:
                    self.wanted = None
                    return ast.copy_location(other, node)
                self.found.append(self._mutant(node, other))
        return self._inside(node)

    def _inside(self, node):
        """Annotations are passed by, but for the calls in them."""
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns"):
                if value is not None:
                    self._annotation(value)
            elif isinstance(value, list):
                setattr(node, name, [self.visit(one) if isinstance(one, ast.AST) else one for one in value])
            elif isinstance(value, ast.AST):
                setattr(node, name, self.visit(value))
        return node

    def _annotation(self, node):
        self.left_out["annotations, but for the calls in them"] += 1
        for one in ast.walk(node):
            if isinstance(one, ast.Call):
                one.keywords = [self.visit(keyword) for keyword in one.keywords]

    def _mutant(self, node, other):
        code = self.lines[node.lineno - 1].strip()
        before, after = (" ".join(ast.unparse(one).split()) for one in (_head(node), _head(other)))
        return Mutant(self.module, len(self.found), node.lineno, code, before, after)


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


def modules():
    return [path.stem for path in sorted((ROOT / PACKAGE).glob("*.py")) if path.stem != "__init__"]


@functools.cache
def source(module):
    """Read once: who works on it meanwhile does not disturb the campaign."""
    return (ROOT / PACKAGE / f"{module}.py").read_text()


# Running


class _Mutated(importlib.machinery.SourceFileLoader):
    """Loads a module from a changed tree instead of its file."""

    tree = None

    def get_code(self, fullname):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a change may well look odd to the compiler
            return compile(self.tree, self.get_filename(fullname), "exec")


class _Finder:
    """First in the list of finders, for the one module that is changed."""

    def __init__(self, mutant, directory):
        self.name = f"gateway.alarms.{mutant.module}"
        path = str(directory / PACKAGE / f"{mutant.module}.py")
        self.loader = _Mutated(self.name, path)
        self.loader.tree = _Changes(mutant.module, source(mutant.module), mutant.number).tree

    def find_spec(self, name, *_):
        return importlib.util.spec_from_loader(name, self.loader) if name == self.name else None


def tests_for(module):
    """All of them, those that know the module first, then the short ones; of the long model one course."""
    first = f"test_{FIRST.get(module, module)}.py"
    sizes = {path.name: path.stat().st_size for path in (ROOT / FOLDER).glob("test_*.py")}
    names = sorted(sizes, key=lambda name: (name != first, name == MODEL, sizes[name]))
    files = [f"{FOLDER}/{name}" + ("::test_a_course_reaches_every_state" if name == MODEL else "") for name in names]
    return [*files[:1], *PAGES, *files[1:]]


def run_tests(tests, directory, mutant=None):
    """In a process of its own: 0 where every test passes, else the number of the file in which one does not."""
    import pytest

    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))
    os.chdir(directory)
    sys.path.insert(0, str(directory))
    if mutant is not None:
        sys.meta_path.insert(0, _Finder(mutant, directory))
    unneeded = ("cacheprovider", "unraisableexception", "threadexception", "faulthandler", "doctest", "junitxml")
    options = ["-x", "-q", "-o", "addopts=--import-mode=importlib", *(f"-pno:{name}" for name in unneeded)]
    for number, test in enumerate(tests, 1):
        if pytest.main([*options, test]):
            return number
    return 0


def fork(function, *arguments):
    child = os.fork()
    if child == 0:
        code = 255
        try:
            code = function(*arguments)
        finally:
            os._exit(code)
    return child


def survivors_of(mutants, directory, processes):
    """Those that no test notices. What noticed a change the last time is tried first."""
    noticed_by = json.loads(NOTICED_BY.read_text()) if NOTICED_BY.exists() else {}
    waiting, running = list(reversed(mutants)), {}
    while waiting or running:
        while waiting and len(running) < processes:
            mutant = waiting.pop()
            last = noticed_by.get(str(mutant.name))
            tests = sorted(tests_for(mutant.module), key=lambda test: test != last)
            running[fork(run_tests, tests, directory, mutant)] = mutant, tests
        child, status = os.wait()
        mutant, tests = running.pop(child)
        number = os.waitstatus_to_exitcode(status)
        if number == 0:
            print(f"survived: {mutant}", file=sys.stderr, flush=True)
            yield mutant
        elif number > len(tests):
            raise SystemExit(f"mutation: could not be tried: {mutant}")
        elif number > 0:  # else it was stopped at its limit
            noticed_by[str(mutant.name)] = tests[number - 1]
    NOTICED_BY.parent.mkdir(parents=True, exist_ok=True)
    NOTICED_BY.write_text(json.dumps(noticed_by, indent=0))


def copied(directory):
    for folder in ("gateway", "dsp", "tests", "docs", "bench"):
        shutil.copytree(ROOT / folder, directory / folder, ignore=shutil.ignore_patterns("__pycache__"))


def load_what_does_not_change():
    """Once, here, for all the processes to come: what does not know of the alarms."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # none is needed, and finding them takes longer than the tests
    sys.dont_write_bytecode = False  # of the copy: its tests are compiled once
    import hypothesis.strategies
    import msgspec.toml
    import pytest

    import dsp.monitor

    gc.disable()  # the processes to come are short
    gc.freeze()
    return hypothesis, msgspec, pytest, dsp


# What came out


def listed():
    """The survivors that make no difference: reason by name."""
    entries = tomllib.loads(SURVIVORS.read_text())["survivor"] if SURVIVORS.exists() else []
    return {(one["module"], one["code"], one["change"]): one["reason"] for one in entries}


def table(mutants, survivors):
    yield "| module | changes | noticed | % |"
    yield "|---|---|---|---|"
    for module in [*dict.fromkeys(mutant.module for mutant in mutants), ""]:
        of_all = sum(module in ("", mutant.module) for mutant in mutants)
        noticed = of_all - sum(module in ("", mutant.module) for mutant in survivors)
        yield f"| {module or 'all'} | {of_all} | {noticed} | {100 * noticed / of_all:.1f} |"


def report(mutants, survivors, left_out, reasons):
    """Lines of the page."""
    yield from table(mutants, survivors)
    yield ""
    yield "Not noticed, and why it makes no difference:"
    yield ""
    yield "| module | line | change | why |"
    yield "|---|---|---|---|"
    for mutant in survivors:
        cells = (mutant.module, f"`{mutant.code}`", f"`{mutant.before}` to `{mutant.after}`")
        why = reasons.get(mutant.name, "**not explained**")
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in (*cells, why)) + " |"
    yield ""
    yield "Not changed:"
    yield ""
    yield "| what | places | why |"
    yield "|---|---|---|"
    for what, why in EXCLUDED.items():
        yield f"| {what} | {left_out[what]} | {why} |"


def faults_of_list(mutants, survivors, reasons, *, is_whole):
    """Survivors without a reason, and reasons without a survivor."""
    surviving, tried = {one.name for one in survivors}, {one.name for one in mutants}
    for name in surviving - set(reasons):
        yield f"survived without a reason: {' | '.join(name)}"
    for name in set(reasons) - surviving:
        if name in tried or (is_whole and name[0] in {one.module for one in mutants}):
            yield f"listed as a survivor, but {'noticed' if name in tried else 'gone'}: {' | '.join(name)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the changes, chosen by a fixed seed")
    parser.add_argument("--module", action="append", choices=modules(), help="only this one, or these")
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args()
    every = [_Changes(module, source(module)) for module in args.module or modules()]
    mutants = [mutant for one in every for mutant in one.found]
    left_out = sum((one.left_out for one in every), Counter())
    if args.share < 1:
        mutants = sorted(random.Random(1).sample(mutants, round(args.share * len(mutants))), key=str)
    load_what_does_not_change()
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        copied(directory)
        if os.waitpid(fork(run_tests, tests_for("hold"), directory), 0)[1]:
            raise SystemExit("mutation: the tests fail without any change")
        survivors = sorted(survivors_of(mutants, directory, args.processes), key=mutants.index)
    reasons = listed()
    print("\n".join(report(mutants, survivors, left_out, reasons)))
    faults = sorted(faults_of_list(mutants, survivors, reasons, is_whole=args.share == 1))
    for fault in faults:
        print(f"mutation: {fault}", file=sys.stderr)
    return int(bool(faults) or len(survivors) > (1 - LEAST_SHARE) * len(mutants))


if __name__ == "__main__":
    sys.exit(main())
