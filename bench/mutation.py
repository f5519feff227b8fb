"""Would a test notice each small change of the alarm system? ``make campaign-mutation``; on a copy, never in place.

Every comparison, operator, number, condition, return and word of gateway/alarms is changed, one at a time
(bench/mutants.py), and the tests of the alarm system run against it, in a copy of the project. Each change is made in
the memory of a process of its own. A change that no test notices is a survivor: it stands in
bench/mutation_survivors.toml with the reason why it makes no difference, or the campaign fails.

    python bench/mutation.py                              all of them, on one processor
    python bench/mutation.py --module hold --processes 2  one module
"""

import argparse
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
from collections import Counter, defaultdict, deque
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.mutants import EXCLUDED, Changes  # noqa: E402  # of the clone, wherever this is started

PACKAGE = Path("gateway/alarms")
SURVIVORS = ROOT / "bench" / "mutation_survivors.toml"
NOTICED_BY = ROOT / "build" / "mutation.json"  # the test that has noticed a change; it only makes the next run faster
LEAST_SHARE = 0.95
LIMIT_S = 40  # of processor time for one change, four times what all tests take: one that hangs has been noticed
FOLDER = "tests/gateway/alarms"
MODEL = "test_model.py"
PAGES = [f"tests/test_docs.py::test_{page}_is_what_the_code_makes_of_it" for page in ("alarms_md", "asyncapi_yaml")]
COSTLY = {  # only for these modules; without them a change may only look unnoticed
    "test_selfcheck.py": ("selfcheck",),
    MODEL: ("engine", "hold", "signals", "watch"),
}
FIRST = {"types": "catalogue"}  # the tests that know a module best, where they have another name
OPTIONS = ["-q", "-o", "addopts=--import-mode=importlib"]
OPTIONS += [f"-pno:{name}" for name in ("cacheprovider", "unraisableexception", "threadexception", "faulthandler")]
SURVIVED, NOTICED, NOT_HERE, BROKEN = 0, 1, 2, 255  # how a process ends that tries a change
BELOW_PROFILES = ("catalogue", "profile", "tier", "types")  # what a profile is read and judged with
USED_AT_IMPORT = {"_limit", "_technical"}  # functions that have done their work before a change of them could be made


def modules():
    return [path.stem for path in sorted((ROOT / PACKAGE).glob("*.py")) if path.stem != "__init__"]


@functools.cache
def source(module):
    """Read once: who works on it meanwhile does not disturb the campaign."""
    return (ROOT / PACKAGE / f"{module}.py").read_text()


@functools.cache
def test_files():
    """Names and sizes, those of when it began."""
    return {path.name: path.stat().st_size for path in (ROOT / FOLDER).glob("test_*.py")}


def code_of(mutant, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a change may well look odd to the compiler
        return compile(Changes(mutant.module, source(mutant.module), mutant.number).tree, path, "exec")


def tests_for(module):
    """All of them: those that know the module, the broad ones, then the short ones; of the long model one course."""
    first = [f"test_{name}.py" for name in (FIRST.get(module, module), "engine", "evidence")]
    sizes = {name: size for name, size in test_files().items() if module in ("", *COSTLY.get(name, [module]))}
    names = sorted(sizes, key=lambda name: (*(name != one for one in first), name == MODEL, sizes[name]))
    files = [f"{FOLDER}/{name}" + ("::test_a_course_reaches_every_state" if name == MODEL else "") for name in names]
    return [*files[:1], *PAGES, *files[1:]]


# Processes


def fork(function, *arguments):
    child = os.fork()
    if child == 0:
        code = BROKEN
        try:
            code = function(*arguments)
        finally:
            os._exit(code)
    return child


class Trials:
    """Tries changes, each in a process of its own, some at a time, and notes what became of them."""

    def __init__(self, directory, processes):
        self.directory, self.processes = directory, processes
        self.noticed_by = json.loads(NOTICED_BY.read_text()) if NOTICED_BY.exists() else {}
        self.survivors, self.left, self.tried = [], [], 0
        self.lately = defaultdict(lambda: deque(maxlen=6))  # what noticed the last changes of a function

    def run(self, mutants, attempt):
        """``attempt(mutant, note)`` runs in the new process; ``note`` takes the name of the test that notices."""
        waiting, running = list(reversed(mutants)), {}
        while waiting or running:
            while waiting and len(running) < self.processes:
                mutant = waiting.pop()
                running[fork(attempt, mutant, self._note)] = mutant
            child, status = os.wait()
            self._end(running.pop(child), child, os.waitstatus_to_exitcode(status))

    def _note(self, test):
        (self.directory / f"noticed-{os.getpid()}").write_text(test)

    def _end(self, mutant, child, code):
        if code == BROKEN:
            raise SystemExit(f"mutation: could not be tried: {mutant}")
        if code == SURVIVED:
            print(f"survived: {mutant}", file=sys.stderr, flush=True)
            self.survivors.append(mutant)
        elif code == NOT_HERE:
            self.left.append(mutant)
        elif code == NOTICED:  # else it was stopped at its limit
            note = self.directory / f"noticed-{child}"
            test = self.noticed_by[str(mutant.name)] = note.read_text()
            if test not in (lately := self.lately[mutant.module, mutant.function]):
                lately.append(test)
            note.unlink()
        self.tried += 1
        if self.tried % 50 == 0:
            self.remember()
            print(f"{self.tried} tried, {len(self.survivors)} survived", file=sys.stderr, flush=True)

    def remember(self):
        NOTICED_BY.parent.mkdir(parents=True, exist_ok=True)
        NOTICED_BY.write_text(json.dumps(self.noticed_by, indent=0))


def enter(directory):
    """Go to the copy, quietly."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.chdir(directory)
    sys.path.insert(0, str(directory))


# A change outside of functions: in a process that has not loaded the alarm system yet


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads a module from changed code instead of its file."""

    code = None

    def get_code(self, _):
        return self.code


class _Finder:
    """First in the list of finders, for the one module that is changed."""

    def __init__(self, mutant, directory):
        self.name = f"gateway.alarms.{mutant.module}"
        path = str(directory / PACKAGE / f"{mutant.module}.py")
        self.loader = _Changed(self.name, path)
        self.loader.code = code_of(mutant, path)

    def find_spec(self, name, *_):
        return importlib.util.spec_from_loader(name, self.loader) if name == self.name else None


def run_files(tests, directory, mutant, note):
    import pytest

    enter(directory)
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))
    sys.meta_path.insert(0, _Finder(mutant, directory))
    for test in tests:
        if not Path(test.split("::")[0]).exists():
            return BROKEN
        # Tests that cannot be loaded any more have noticed; a file without any would be missed by nobody.
        if pytest.main([*OPTIONS, "-x", test]) not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            note(test)
            return NOTICED
    return SURVIVED


# A change in a function: in a process in which everything is loaded already and every test is found


class _Prepared:
    """A pytest plugin: instead of running the tests once, runs them for each change."""

    def __init__(self, trials, mutants):
        self.trials, self.mutants = trials, mutants

    def pytest_runtestloop(self, session):
        sys.modules["tests.gateway.alarms.chair"].adult()  # read once, here
        gc.freeze()
        if os.waitpid(fork(self._attempt, session, None, print), 0)[1]:
            print("mutation: the tests fail without any change", file=sys.stderr)
            os._exit(BROKEN)
        self.trials.run(self.mutants, functools.partial(self._attempt, session))
        return True

    def _attempt(self, session, mutant, note):
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))
        if mutant is not None and not change_function(mutant):
            return NOT_HERE
        if mutant and mutant.module in BELOW_PROFILES:
            sys.modules["tests.gateway.alarms.chair"].adult.cache_clear()
        order = tests_for(mutant.module if mutant else "")
        last = self.trials.noticed_by.get(str(mutant.name), "") if mutant else ""
        lately = self.trials.lately[mutant.module, mutant.function] if mutant else ()

        def rank(item):
            return item.nodeid != last, item.nodeid not in lately, _place(order, item.nodeid)

        for item in sorted((item for item in session.items if _place(order, item.nodeid) is not None), key=rank):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if session.testsfailed:
                note(item.nodeid)
                return NOTICED
        return SURVIVED


def _place(order, nodeid):
    return next((place for place, test in enumerate(order) if nodeid.startswith(test)), None)


def change_function(mutant):
    """Give the function its changed code; False where that cannot be done any more."""
    module = sys.modules[f"gateway.alarms.{mutant.module}"]
    codes = [code_of(mutant, module.__file__)]
    functions = [one for one in _functions(module, vars(module)) if one.__code__.co_qualname == mutant.function]
    while codes:
        code = codes.pop()
        if code.co_qualname == mutant.function and len(functions) == 1:
            [function] = functions
            if code.co_freevars == function.__code__.co_freevars:
                function.__code__ = code
                return True
        codes += [one for one in code.co_consts if hasattr(one, "co_qualname")]
    return False


def _functions(module, names):
    """Those of a module and of its classes."""
    for value in list(names.values()):
        function = getattr(value, "fget", None) or getattr(value, "__func__", value)
        if isinstance(value, type) and value.__module__ == module.__name__:
            yield from _functions(module, {**vars(value)})
        elif hasattr(function, "__code__") and function.__module__ == module.__name__:
            yield function


def run_prepared(trials, mutants):
    import pytest

    enter(trials.directory)
    pytest.main([*OPTIONS, "-s", f"--rootdir={trials.directory}", *tests_for("")], plugins=[_Prepared(trials, mutants)])
    found = {"survivors": trials.survivors, "left": trials.left}
    numbers = {name: [mutants.index(mutant) for mutant in of] for name, of in found.items()}
    (trials.directory / "found").write_text(json.dumps({**numbers, "noticed_by": trials.noticed_by}))
    return SURVIVED


def survivors_of(mutants, directory, processes):
    """Those that no test notices. What noticed a change the last time is tried first."""
    trials = Trials(directory, processes)
    inside = [one for one in mutants if one.function and one.function not in USED_AT_IMPORT]
    if os.waitpid(fork(run_prepared, trials, inside), 0)[1]:
        raise SystemExit("mutation: the tests cannot be run")
    found = json.loads((directory / "found").read_text())
    trials.noticed_by = found["noticed_by"]
    trials.survivors = [inside[number] for number in found["survivors"]]
    left = {inside[number] for number in found["left"]}

    def attempt(mutant, note):
        last = trials.noticed_by.get(str(mutant.name), " ")
        return run_files(
            sorted(tests_for(mutant.module), key=lambda test: not last.startswith(test)), directory, mutant, note
        )

    trials.run([one for one in mutants if one not in inside or one in left], attempt)
    trials.remember()
    return sorted(trials.survivors, key=mutants.index)


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

    dsp.kernels.load()
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


def report(mutants, survivors, left_out, reasons, share):
    """Lines of the page."""
    if share < 1:
        yield f"A sample: {100 * share:g} % of the changes, by a fixed seed."
        yield ""
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
    test_files()
    every = [Changes(module, source(module)) for module in args.module or modules()]
    mutants = [mutant for one in every for mutant in one.found]
    left_out = sum((one.left_out for one in every), Counter())
    if args.share < 1:
        mutants = sorted(random.Random(1).sample(mutants, round(args.share * len(mutants))), key=str)
    load_what_does_not_change()
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        copied(directory)
        survivors = survivors_of(mutants, directory, args.processes)
    reasons = listed()
    print("\n".join(report(mutants, survivors, left_out, reasons, args.share)))
    faults = sorted(faults_of_list(mutants, survivors, reasons, is_whole=args.share == 1))
    for fault in faults:
        print(f"mutation: {fault}", file=sys.stderr)
    return int(bool(faults) or len(survivors) > (1 - LEAST_SHARE) * len(mutants))


if __name__ == "__main__":
    sys.exit(main())
