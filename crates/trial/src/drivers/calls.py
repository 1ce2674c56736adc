"""Calls functions of a module with values of its own choice, and compares two texts of the module
by what these calls give.

    calls.py plan DOCUMENT PLAN NAME...   chooses calls, and writes down what they give
    calls.py all DOCUMENT PLAN            calls again, and says what gives something else
    calls.py values DOCUMENT PLAN         the same, where errors may come that were swallowed before

NAME is a function, a class, or CLASS.METHOD. It ends with 0 if all is as before, with 1 if not, and
with 5 if there is nothing that can be called.
"""

import contextlib
import dataclasses
import enum
import importlib
import importlib.util
import inspect
import io
import json
import os
import random
import re
import signal
import sys
import time
import types
import typing

# Enough to tell most wrong edits from right ones, and done in a second or two.
SCENARIOS_MAX = 100
SHARE_MIN = 12
TRIED_MAX = 600
SECONDS_MAX = 2.0
STEP_SECONDS = 0.3
# Calls that all give the same say little.
SAME_MAX = 4
TEXT_MAX = 400

NOTHING = inspect.Parameter.empty


class TooLong(BaseException):
    """A call did not end."""


def load(path):
    """The module, under the name that it has in its package."""
    folder, name = os.path.split(os.path.abspath(path))
    parts = [os.path.splitext(name)[0]]
    while os.path.exists(os.path.join(folder, "__init__.py")):
        folder, part = os.path.split(folder)
        parts.insert(0, part)
    sys.path.insert(0, folder)
    if parts[-1] == "__init__":
        parts.pop()
    if len(parts) > 1:
        return importlib.import_module(".".join(parts))
    spec = importlib.util.spec_from_file_location(parts[0], path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[parts[0]] = module
    spec.loader.exec_module(module)
    return module


def shown(value, depth=0):
    """A value as text: equal values have equal texts, in whatever order sets and keys come."""
    if depth > 6:
        return "..."
    inner = lambda it: shown(it, depth + 1)
    if value is None or isinstance(value, (bool, int, str, bytes)):
        return repr(value)
    if isinstance(value, float):
        return repr(float("%.9g" % value))
    if isinstance(value, dict):
        return "{" + ", ".join(sorted(f"{inner(k)}: {inner(v)}" for k, v in value.items())) + "}"
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(sorted(map(inner, value))) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inner, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(inner, value)) + ("," if len(value) == 1 else "") + ")"
    if inspect.iscoroutine(value):
        import asyncio

        return inner(asyncio.run(value))
    if isinstance(value, (types.GeneratorType, map, filter, zip, range, enumerate, reversed)):
        items = [item for item, _ in zip(value, range(50))]
        return "iterator of " + inner(items)
    if callable(value):
        return "a callable"
    kind = type(value).__name__
    if type(value).__repr__ is not object.__repr__ and not dataclasses.is_dataclass(value):
        return re.sub(r"0x[0-9a-f]+", "0x", repr(value))
    public = {k: v for k, v in getattr(value, "__dict__", {}).items() if not k.startswith("_")}
    return kind + "(" + ", ".join(sorted(f"{k}={inner(v)}" for k, v in public.items())) + ")"


def step(code, space):
    """What a line of code gives, with what it prints; None if it ends in an error."""
    printed = io.StringIO()
    signal.setitimer(signal.ITIMER_REAL, STEP_SECONDS)
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            try:
                compiled = compile(code, "<call>", "eval")
            except SyntaxError:
                exec(compile(code, "<call>", "exec"), space)
                text = ""
            else:
                text = shown(eval(compiled, space))
    except (TooLong, Exception, SystemExit, KeyboardInterrupt, RecursionError) as error:
        return None, error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if printed.getvalue():
        text += " and prints " + repr(printed.getvalue())
    return text[:TEXT_MAX], None


def stop(*_):
    raise TooLong("it did not end")


class Values:
    """Texts of values for parameters."""

    def __init__(self, module, source):
        self.random = random.Random(0)
        self.module = module
        texts = re.findall(r"""(?<![\w'"])(?:'([^'\\\n]{1,40})'|"([^"\\\n]{1,40})")(?!['"])""", source)
        self.texts = sorted({a or b for a, b in texts})[:24]
        numbers = {int(it) for it in re.findall(r"(?<![\w.])\d{1,6}(?![\w.])", source)}
        self.numbers = sorted({n + d for n in numbers for d in (-1, 0, 1)} | {0, 1, 2, 3, 5, 10, -1})
        keys = re.findall(r"""\w\[["'](\w+)["']\]|\.(?:get|pop|setdefault)\(["'](\w+)["']""", source)
        self.keys = list(dict.fromkeys(a or b for a, b in keys))[:8]
        self.classes = {
            name: it
            for name, it in vars(module).items()
            if inspect.isclass(it) and it.__module__ == module.__name__
        }

    def pick(self, items):
        return self.random.choice(items)

    def integer(self):
        return str(self.pick(self.numbers if self.random.random() < 0.6 else range(-3, 13)))

    def number(self):
        return self.pick(["0.0", "1.0", "2.5", "-1.5", "10.0", "0.1"] + [self.integer()])

    def text(self):
        own = self.texts if self.texts and self.random.random() < 0.6 else None
        plain = ["", "a", "b", "abc", "Hello World", "x=1", "a,b,c", " two  words ", "12", "A-b_c"]
        made = " ".join(self.pick(self.texts or plain) for _ in range(self.random.randint(1, 3)))
        return repr(self.pick(own or plain + [made]))

    def sized(self, make, most=5):
        return [make() for _ in range(self.pick([0, 1, 2, 2, 3, 3, 4, most]))]

    def list_of(self, make):
        return "[" + ", ".join(self.sized(make)) + "]"

    def dict_of(self, key, value):
        return "{" + ", ".join(f"{key()}: {value()}" for _ in range(self.pick([0, 1, 2, 3]))) + "}"

    def record(self):
        """A dictionary with the keys that the module uses."""
        items = [f"{key!r}: {self.of_key(key)}" for key in self.keys]
        return "{" + ", ".join(items) + "}"

    def of_key(self, key):
        if re.search(r"name|text|title|path|label|kind|id$|email|date", key):
            return self.text()
        # Numbers are read from texts as often as not.
        return self.pick([self.integer(), self.integer(), repr(self.integer()), self.text()])

    KINDS = ("integer", "text", "integers", "texts", "number", "matrix", "pairs", "counts", "words", "record", "records")

    def of_kind(self, kind):
        """A value of a kind, for a parameter of which nothing else is known."""
        integers = lambda: self.list_of(self.integer)
        if kind in ("integer", "text", "number"):
            return getattr(self, kind)()
        if kind == "integers":
            return integers()
        if kind == "texts":
            return self.list_of(self.text)
        if kind == "matrix":
            width = self.pick([1, 2, 3])
            row = lambda: "[" + ", ".join(self.integer() for _ in range(width)) + "]"
            return "[" + ", ".join(row() for _ in range(self.pick([1, 2, 3]))) + "]"
        if kind == "pairs":
            return self.list_of(lambda: f"({self.text()}, {self.integer()})")
        if kind == "counts":
            return self.dict_of(self.text, self.integer)
        if kind == "words":
            return self.dict_of(self.text, self.text)
        if kind == "record":
            return self.record()
        if kind == "records":
            return self.list_of(self.record)
        if kind == "flag":
            return self.pick(["True", "False"])
        return self.instance(kind) or "None"

    def instance(self, name, depth=0):
        """A call that makes an object of a class of the module."""
        made = self.classes.get(name)
        if made is None or depth > 3:
            return None
        if issubclass(made, enum.Enum):
            members = list(made.__members__)
            return f"{name}.{self.pick(members)}" if members else None
        arguments = self.arguments(made, depth + 1)
        return None if arguments is None else f"{name}({arguments})"

    def of_hint(self, hint, depth=0):
        """A value for an annotation; None if there is no idea."""
        origin, inner = typing.get_origin(hint), typing.get_args(hint)
        item = lambda at: (lambda: self.of_hint(inner[at], depth + 1) or "None")
        if isinstance(hint, str):
            hint = vars(self.module).get(hint, hint)
        if hint is bool:
            return self.pick(["True", "False"])
        if hint is int:
            return self.integer()
        if hint is float:
            return self.number()
        if hint is str:
            return self.text()
        if hint is bytes:
            return "b" + self.text()
        if hint is type(None):
            return "None"
        if hint in (list, typing.Sequence, typing.Iterable):
            return self.list_of(self.integer)
        if hint is dict:
            return self.dict_of(self.text, self.integer)
        if inspect.isclass(hint) and hint.__name__ in self.classes:
            return self.instance(hint.__name__, depth)
        if origin is typing.Union or isinstance(hint, getattr(types, "UnionType", ())):
            return self.of_hint(self.pick(inner), depth + 1)
        if origin is typing.Literal:
            return repr(self.pick(inner))
        if origin is tuple:
            if len(inner) == 2 and inner[1] is Ellipsis:
                return "(" + "".join(it + ", " for it in self.sized(item(0))) + ")"
            return "(" + "".join(item(at)() + ", " for at in range(len(inner))) + ")"
        name = getattr(origin, "__name__", "")
        if name in ("set", "frozenset", "AbstractSet", "Set"):
            return name.lower().replace("abstract", "") + "(" + self.list_of(item(0)) + ")"
        if name in ("dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict") and inner:
            return self.dict_of(item(0), item(1))
        if name in ("list", "Sequence", "Iterable", "Collection", "MutableSequence") and inner:
            return self.list_of(item(0))
        if name == "Iterator" and inner:
            return "iter(" + self.list_of(item(0)) + ")"
        if name == "Callable" or hint in (typing.Callable, callable):
            return self.pick(["(lambda *a: a[0] if a else None)", "(lambda *a: len(a))", "str", "bool"])
        return None

    def parameters(self, function):
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):
            return None
        try:
            hints = typing.get_type_hints(function.__init__ if inspect.isclass(function) else function)
        except Exception:
            hints = {}
        return [(it, hints.get(it.name, it.annotation)) for it in signature.parameters.values()]

    def arguments(self, function, depth=0):
        """The text of arguments: by annotation, else by default, else by name."""
        parameters = self.parameters(function)
        if parameters is None:
            return None
        texts = []
        for parameter, hint in parameters:
            if parameter.kind is parameter.VAR_KEYWORD or parameter.name in ("self", "cls"):
                continue
            optional = parameter.default is not NOTHING
            if optional and self.random.random() < 0.5:
                break
            if hint is NOTHING and optional and parameter.default is not None:
                hint = type(parameter.default)
            value = None if hint is NOTHING else self.of_hint(hint, depth)
            value = value or self.of_kind(self.guess(parameter.name))
            if parameter.kind is parameter.KEYWORD_ONLY:
                texts.append(f"{parameter.name}={value}")
            else:
                texts.append(value)
        return ", ".join(texts)

    def guess(self, name):
        """A kind for a parameter by its name."""
        if name in ("n", "i", "k", "count", "size", "index", "limit", "width", "height", "x", "y"):
            return "integer"
        if re.search(r"name|text|word|line|key|title|path|string|prefix|pattern|label|^s$", name):
            return "texts" if name.endswith("s") and name != "s" else "text"
        if re.search(r"^(rows|items|orders|users|entries|records|events)$", name) and self.keys:
            return self.pick(("records", "records", "records", "integers", "matrix"))
        if re.search(r"^(row|item|order|user|entry|record|event|options|config)$", name) and self.keys:
            return self.pick(("record", "record", "text"))
        if re.search(r"matrix|grid|rows|table", name):
            return "matrix"
        if re.search(r"flag|^is_|^has_|enabled|reverse|strict", name):
            return "flag"
        if re.search(r"^(values|items|numbers|nums|xs|ys|prices|scores|counts|data|arr|lst|list\w*)$", name):
            return self.pick(("integers", "integers", "texts"))
        classes = [it for it in self.classes if it.lower() == name.replace("_", "")]
        if classes:
            return classes[0]
        return self.pick(self.KINDS)


class Planner:
    """Chooses scenarios: lines of code that are run one after another in a copy of the module."""

    def __init__(self, module, source):
        self.module = module
        self.values = Values(module, source)
        self.ends = time.monotonic() + SECONDS_MAX
        self.kept = []
        self.given = {}
        self.shares = {}

    def plan(self, names):
        targets = [target for name in names for target in self.targets(name)]
        # In turn, so that each has its share of the time.
        share = max(SHARE_MIN, SCENARIOS_MAX // max(len(targets), 1))
        for tried in range(TRIED_MAX):
            open_targets = [it for it in targets if self.shares.get(it, 0) < share]
            if not open_targets or time.monotonic() > self.ends:
                break
            self.attempt(open_targets[tried % len(open_targets)])
        return self.kept

    def targets(self, name):
        owner, _, method = name.rpartition(".")
        if owner:
            return [(owner, method)] if owner in self.values.classes else []
        if name in self.values.classes:
            methods = self.methods(name)
            return [(name, method) for method in methods] or [(name, None)]
        function = vars(self.module).get(name)
        return [(None, name)] if inspect.isroutine(function) else []

    def methods(self, owner):
        made = self.values.classes[owner]
        return [
            name
            for name, it in vars(made).items()
            if not name.startswith("_") and (inspect.isfunction(it) or isinstance(it, property))
        ]

    def attempt(self, target):
        owner, name = target
        lines = self.of_function(name) if owner is None else self.of_object(owner, name)
        if not lines:
            return
        results = run(self.module, lines)
        called = f"{name}(" if owner is None else f"it.{name}" if name else "it"
        # What it is about has to have an end once at least.
        if results is None or not any(
            result is not None and line.startswith(called) for line, result in zip(lines, results)
        ):
            return
        pairs = [(line, result) for line, result in zip(lines, results) if result is not None]
        lines, results = [line for line, _ in pairs], [result for _, result in pairs]
        # What differs by itself says nothing.
        if run(self.module, lines) != results:
            return
        same = (target, tuple(results))
        self.given[same] = self.given.get(same, 0) + 1
        if self.given[same] <= SAME_MAX and lines not in [it["lines"] for it in self.kept]:
            self.kept.append({"lines": lines, "gives": results})
            self.shares[target] = self.shares.get(target, 0) + 1

    def of_function(self, name):
        function = vars(self.module)[name]
        text = self.values.arguments(function)
        return None if text is None else self.with_variables(name, text)

    def with_variables(self, callee, text):
        """A call, and a look at a list or dictionary that was given: it may have been changed."""
        if text[:1] in "[{" and text.count(text[0]) == 1 and text[-1] in "]}":
            return [f"given = {text}", f"{callee}(given)", "given"]
        return [f"{callee}({text})"]

    def of_object(self, owner, name):
        made = self.values.instance(owner)
        if made is None:
            return None
        lines: list[str | None] = [f"it = {made}"]
        methods = self.methods(owner)
        before = [self.values.pick(methods) for _ in range(self.values.pick([0, 1, 2, 3]))] if methods else []
        for method in before + ([name] if name else []):
            lines.append(self.call_of(owner, method))
        lines.extend(self.call_of(owner, self.values.pick(methods)) for _ in range(2 if methods else 0))
        if name:
            lines.append(self.call_of(owner, name))
        return [line for line in lines if line] + ["it"]

    def call_of(self, owner, method):
        it = inspect.getattr_static(self.values.classes[owner], method, None)
        if isinstance(it, property):
            return f"it.{method}"
        function = it.__func__ if isinstance(it, (staticmethod, classmethod)) else it
        if not inspect.isfunction(function):
            return None
        text = self.values.arguments(function)
        return None if text is None else f"it.{method}({text})"


def run(module, lines):
    """What each line gives; None for one that ends in an error, and for all if the first does."""
    space = dict(vars(module))
    results = []
    for line in lines:
        text, error = step(line, space)
        if error is not None and not results:
            return None
        results.append(text)
    return results


def replay(module, plan, errors_count):
    for scenario in plan:
        space = dict(vars(module))
        for at, (line, expected) in enumerate(zip(scenario["lines"], scenario["gives"])):
            # A name that is gone was renamed, which is not for us to judge.
            text, error = step(line, space)
            if isinstance(error, (NameError, AttributeError)) and is_renamed(module, error, line):
                break
            if error is not None and not errors_count and not isinstance(error, NameError):
                break
            if error is not None:
                said = f"raises {type(error).__name__}: {error}"
            elif text != expected:
                said = f"gives {text}" if text else "gives nothing"
            else:
                continue
            print(difference(scenario["lines"], at, said, expected or "nothing"))
            return 1
    print(len(plan))
    return 0


def difference(lines, at, said, expected):
    """What differs, with what was called before."""
    line, first = lines[at], lines[0]
    if first.startswith("given = "):
        given = first[len("given = ") :]
        call = lines[1].replace("(given)", f"({given})")
        if line == "given":
            now = said.replace("gives ", "", 1)
            return f"`{call}` leaves what it is given as {now}, and left it as {expected} before"
        return f"`{call}` {said}, and gave {expected} before"
    before = "; ".join(lines[:at])
    after = f" after `{before}`" if before else ""
    return f"`{line}` {said}{after}, and gave {expected} before"


def is_renamed(module, error, line):
    """Whether the name that is missing is what the line calls."""
    name = getattr(error, "name", None)
    return name is not None and re.match(rf"(it\s*=\s*|it\.)?{re.escape(name)}\b", line) is not None


def main():
    mode, document, plan_path, *names = sys.argv[1:]
    signal.signal(signal.SIGALRM, stop)
    sys.setrecursionlimit(2_000)
    with open(document, encoding="utf-8") as file:
        source = file.read()
    with contextlib.redirect_stdout(io.StringIO()):
        module = load(document)
    if mode == "plan":
        plan = Planner(module, source).plan(names)
        with open(plan_path, "w", encoding="utf-8") as file:
            json.dump(plan, file)
        return 0 if plan else 5
    with open(plan_path, encoding="utf-8") as file:
        return replay(module, json.load(file), mode == "all")


if __name__ == "__main__":
    sys.stdout.flush()
    code = main()
    sys.stdout.flush()
    os._exit(code)
