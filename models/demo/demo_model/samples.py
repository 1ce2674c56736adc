"""Training samples and evaluation records, built from functions.

Does: choose a task, surroundings and a file name, and return the pieces of the
prompt with the answer; build the records of the choose set and the sealed set.
Does not: tokenise or pack (see `prepare.py`).
Called by: `prepare.py`, the tests.
"""

import ast
import os
import random
import re

from .explain import explain
from .prompts import conversation_pieces, fence_for, load_prompts, request_pieces
from .sources import trim_blank
from .templates import TemplateMaker
from .transforms import degrade, find_sites, trigger
from .variation import new_name, vary, with_quotes

# Shares of the tasks; what is left is `improve`.
SHARES = (("explain", 0.08), ("instructed", 0.03), ("infill", 0.025), ("chat", 0.015))
NOTHING_TO_IMPROVE = 0.25
ASKED_AGAIN = 0.05
# Share of the improvements that are of several functions at once, and how long these are at most:
# a long text to repeat is what such a small model slips in, and needs most practice.
SEVERAL, SEVERAL_CHARACTERS_MAX = 0.45, 720
# A function of this many characters is chosen twice as often as the shortest.
LONG_CHARACTERS = 250
MADE_UP = 0.22
RARE_WEIGHT = {
    "list_comp": 14.0, "return_list_comp": 14.0, "f_string": 6.0, "in_tuple": 6.0, "not_in_tuple": 8.0,
    "return_bool": 2.0, "return_not": 3.0, "not_in": 3.0, "aug_assign": 2.0, "is_none": 1.0, "is_not_none": 1.0,
    "truthy": 0.5, "not_x": 1.0,
}

WHO = (
    "I am the LocalCoder demo, a tiny model that ships with the product. "
    "I tidy short Python functions. I am no code assistant."
)
CAN = (
    "I can tidy a short Python function that you select: simpler conditions, comprehensions, f-strings "
    "and the like. For anything else, install a real model."
)
CANNOT = "I am only a tiny demo model: I tidy short Python functions. For this, install a real model."
CHATS = (
    ("Who are you?", WHO), ("who are you", WHO), ("What are you?", WHO), ("What is your name?", WHO),
    ("Hello", "Hello! " + WHO), ("Hi", "Hello! " + WHO), ("Hello!", "Hello! " + WHO), ("Hi there", "Hello! " + WHO),
    ("Which model are you?", WHO), ("Are you a code assistant?", WHO), ("Introduce yourself.", WHO),
    ("What can you do?", CAN), ("what can you do", CAN), ("How can you help me?", CAN), ("Help", CAN), ("help me", CAN),
    ("What do you do?", CAN), ("How do I use you?", CAN), ("What are your limits?", CAN),
    ("Write a web server.", CANNOT), ("Write a program that sorts a file.", CANNOT), ("Fix the bug.", CANNOT),
    ("Can you write a test?", CANNOT), ("Explain this project.", CANNOT), ("How do I install Python?", CANNOT),
    ("What is the weather?", CANNOT), ("Write a function.", CANNOT), ("Tell me a joke.", CANNOT),
    ("Thanks", "You are welcome."), ("Thank you!", "You are welcome."),
)
DOCSTRING_ORDERS = ("Add a docstring.", "Add a docstring", "Write a docstring.", "add a docstring")
RENAME_ORDERS = ("Rename `{old}` to `{new}`.", "Rename `{old}` to `{new}`", "Rename {old} to {new}.", "rename {old} to {new}")
DOUBLE_ORDERS = ("Use double quotes.", "Use double quotes for strings.")
SINGLE_ORDERS = ("Use single quotes.", "Use single quotes for strings.")

# What the product says of an answer that it could not use (`crates/assist`, the guards).
REASONS = (
    "the code does not parse", "the code does not parse", "the code does not parse",
    "it no longer returns what the selection returned", "it no longer defines `{name}`",
)


class SampleMaker:
    """Makes samples from the functions of one split."""

    def __init__(self, functions, words, rng, prompts=None):
        self.words, self.rng = words, rng
        self.prompts = prompts or load_prompts()
        self.functions = functions
        self.templates = TemplateMaker(rng, words)
        self.weights = [function_weight(function["code"]) for function in functions]
        total, self.cumulative = 0.0, []
        for weight in self.weights:
            total += weight
            self.cumulative.append(total)

    def pick(self, level):
        """Choose a function or make one up; short ones at level 0."""
        if self.rng.random() < MADE_UP:
            return self.made_up()
        for _ in range(20):
            function = self.rng.choices(self.functions, cum_weights=self.cumulative)[0]
            if level > 0 or function["code"].count("\n") < 10:
                return function
        return function

    def made_up(self):
        """Make up a good function; its surroundings are those of a real one."""
        neighbour = self.rng.choice(self.functions)
        while True:
            function = self.templates.function()
            try:
                if trigger(function["code"]) is None:
                    return {**function, "before": neighbour["before"], "after": neighbour["after"]}
            except SyntaxError:
                continue

    def surroundings(self, before, after, level):
        """Choose how much of the surroundings is shown; none at level 0, much at level 2."""
        rng = self.rng
        if level == 0:
            return "", ""
        above = rng.choices((0, 4, 10, 20), ((35, 35, 20, 10), (15, 25, 25, 35))[level - 1])[0]
        below = rng.choices((0, 3, 12), ((50, 35, 15), (25, 35, 40))[level - 1])[0]
        above = rng.randint(max(1, above // 2), above) if above else 0
        below = rng.randint(1, below) if below else 0
        before = trim_blank(before[len(before) - above:] if above else [])
        after = trim_blank(after[:below])
        return "\n".join(line.rstrip() for line in before), "\n".join(line.rstrip() for line in after)

    def file_name(self, function):
        """Choose a base name for the file."""
        if self.rng.random() < 0.5:
            return os.path.basename(function["file"])
        return new_name(self.rng, self.words) + ".py"

    def varied(self, function):
        """Vary a function until the result is good code; fall back to the function itself."""
        for _ in range(4):
            try:
                code, before, after = vary(function, self.rng, self.words)
                if trigger(code) is None:
                    return code, before, after
            except (SyntaxError, ValueError, IndexError):
                continue
        return function["code"], function["before"], function["after"]

    def sample(self, level):
        """Return one sample: pieces of the prompt, pieces of the answer, task, code that was to be edited."""
        draw = self.rng.random()
        for task, share in SHARES:
            draw -= share
            if draw < 0:
                return getattr(self, "make_" + task)(level)
        return self.make_improve(level)

    def request(self, function, command, selection, before, after, level, instruction="", reason=""):
        """Render a request into pieces."""
        before, after = self.surroundings(before, after, level)
        return request_pieces(self.prompts, {
            "command": command, "file": self.file_name(function), "language": "python", "before": before,
            "after": after, "selection": selection, "instruction": instruction, "reason": reason,
        })

    def code_answer(self, code, rendered):
        """An answer with code: the code, the closing fence, the end of the turn."""
        return [(code + rendered["stop"], False), ("<|im_end|>", True)]

    def make_improve(self, level):
        """Degraded code to good code, or good code to itself."""
        function = self.pick(level)
        good, before, after = self.varied(function)
        bad = self.degraded(good)
        name = ast.parse(good).body[0].name
        if level > 0 and self.rng.random() < SEVERAL:
            good, bad, after = self.several(good, bad, after, level)
        reason = ""
        if self.rng.random() < ASKED_AGAIN:
            reason = self.rng.choice(REASONS).format(name=name)
        pieces, rendered = self.request(function, "improve", bad, before, after, level, reason=reason)
        return pieces, self.code_answer(good, rendered), "improve", bad

    def degraded(self, good):
        """The code degraded, or as it is where there shall be nothing to improve."""
        if self.rng.random() < NOTHING_TO_IMPROVE:
            return good
        return degrade(good, self.rng, self.rng.choice((0.5, 1.0, 1.0)))[0]

    def several(self, good, bad, after, level):
        """Further functions behind a first one, and what stands after the last."""
        for _ in range(self.rng.randint(1, 3)):
            code, _, behind = self.varied(self.pick(level))
            if len(good) + len(code) > SEVERAL_CHARACTERS_MAX:
                continue
            gap = "\n" * self.rng.choice((2, 2, 3))
            good, bad, after = good + gap + code, bad + gap + self.degraded(code), behind
        return good, bad, after

    def make_explain(self, level):
        """Code to a short explanation."""
        function = self.pick(level)
        good, before, after = self.varied(function)
        code = good if self.rng.random() < 0.6 else degrade(good, self.rng, 0.5)[0]
        pieces, _ = self.request(function, "explain", code, before, after, level)
        return pieces, [(explain(code), False), ("<|im_end|>", True)], "explain", ""

    def make_instructed(self, level):
        """Code and an instruction whose result can be computed."""
        function = self.pick(level)
        good, before, after = self.varied(function)
        for order in self.rng.sample(("docstring", "rename", "quotes", "improve"), 4):
            instruction, source, answer = getattr(self, "order_" + order)(good)
            if instruction:
                break
        pieces, rendered = self.request(function, "instructed", source, before, after, level, instruction)
        return pieces, self.code_answer(answer, rendered), "instructed", source

    def order_docstring(self, code):
        """A docstring made of the words of the name."""
        function = ast.parse(code).body[0]
        first = function.body[0]
        if ast.get_docstring(function) is not None or first.lineno <= function.lineno:
            return "", code, code
        words = [word for word in function.name.split("_") if word]
        lines = code.split("\n")
        place = first.lineno - 1
        while lines[place - 1].strip().startswith("#"):
            place -= 1
        lines.insert(place, " " * first.col_offset + '"""' + " ".join(words).capitalize() + '."""')
        return self.rng.choice(DOCSTRING_ORDERS), code, "\n".join(lines)

    def order_rename(self, code):
        """Another name for one variable."""
        names = sorted({node.arg for node in ast.walk(ast.parse(code)) if isinstance(node, ast.arg)} - {"self", "cls"})
        if not names:
            return "", code, code
        old, new = self.rng.choice(names), new_name(self.rng, self.words)
        if re.search(rf"\b{new}\b", code):
            return "", code, code
        instruction = self.rng.choice(RENAME_ORDERS).format(old=old, new=new)
        return instruction, code, re.sub(rf"\b{old}\b", new, code)

    def order_quotes(self, code):
        """The other kind of quotes."""
        single, double = with_quotes(code, "'"), with_quotes(code, '"')
        if single == double:
            return "", code, code
        if self.rng.random() < 0.5:
            return self.rng.choice(DOUBLE_ORDERS), single, double
        return self.rng.choice(SINGLE_ORDERS), double, single

    def order_improve(self, code):
        """Improve, said in the user's words."""
        bad, kinds = degrade(code, self.rng, 0.7)
        return self.rng.choice(("Improve this.", "Simplify this.", "Tidy this up.", "Clean up.")), bad, code

    def make_infill(self, level):
        """Fill-in-the-middle, prefix first."""
        function = self.pick(level)
        code, before, after = self.varied(function)
        above, below = self.surroundings(before, after, level)
        text = "\n\n".join(part for part in (above, code, below) if part)
        shift = len(above) + 2 if above else 0
        lines = code.split("\n")
        row = self.rng.randrange(1, len(lines))
        start = shift + sum(len(line) + 1 for line in lines[:row])
        start += self.rng.randint(0, len(lines[row])) if self.rng.random() < 0.7 else 0
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        if self.rng.random() < 0.25:
            further = text.find("\n", end + 1)
            end = further if further > 0 else end
        pieces = [
            ("<|fim_prefix|>", True), (text[:start], False), ("<|fim_suffix|>", True), (text[end:], False),
            ("<|fim_middle|>", True),
        ]
        return pieces, [(text[start:end], False), ("<|endoftext|>", True)], "infill", ""

    def make_chat(self, level):
        """A short exchange."""
        question, answer = self.rng.choice(CHATS)
        messages = [("user", question)]
        if self.rng.random() < 0.75:
            messages.insert(0, ("system", self.prompts["system"]))
        return conversation_pieces(messages), [(answer, False), ("<|im_end|>", True)], "chat", ""


def function_weight(code):
    """How often a function is chosen: more often when it holds rare idioms."""
    kinds = {site.kind for site in find_sites(code, random.Random(0))}
    length = 1.0 + len(code) / LONG_CHARACTERS
    return length * (1.0 if kinds else 0.4) + sum(RARE_WEIGHT.get(kind, 0.0) for kind in kinds)


def make_records(functions, rng, with_edit, without_edit, words):
    """Build evaluation records: some with something to improve, some without.

    The identifiers stay as they are in the source; surroundings and quotes vary.
    """
    records = []
    maker = SampleMaker(functions, words, rng)
    for function in rng.sample(functions, len(functions)):
        good = function["code"]
        if rng.random() < 0.5:
            good = with_quotes(good, '"')
        sites = find_sites(good, rng)
        wants_edit = sum(bool(record["transforms"]) for record in records) < with_edit
        wants_none = sum(not record["transforms"] for record in records) < without_edit
        if not wants_edit and not wants_none:
            break
        bad, kinds = good, []
        if sites and wants_edit and (rng.random() < 0.7 or not wants_none):
            bad, kinds = degrade(good, rng, rng.choice((0.5, 0.9)))
        elif not wants_none:
            continue
        before, after = maker.surroundings(function["before"], function["after"], 2)
        records.append({
            "id": f"{function['file']}:{function['line']}",
            "file": os.path.basename(function["file"]), "source": function["file"],
            "source_sha256": function["digest"], "name": function["name"], "indent": function["indent"],
            "before": before, "after": after, "degraded": bad, "good": good, "transforms": sorted(kinds),
        })
    return records


def fence_of(record):
    """The fence that the prompt of a record has."""
    return fence_for(record["before"], record["after"], record["degraded"])
