"""Small made-up functions around idioms that are rare in the standard library.

Does: compose short, good functions with comprehensions, f-strings, membership
tests, boolean returns and running totals, under random names.
Does not: make evaluation records; those come from real functions only.
Called by: `samples.py`.
"""

import re

from .variation import new_name

PLURALS = ("items", "values", "names", "lines", "rows", "orders", "users", "words", "numbers", "entries", "files",
           "records", "prices", "points", "parts", "nodes", "keys", "scores", "paths", "messages")
VERBS = ("get", "find", "make", "list", "collect", "count", "sum", "read", "check", "is", "has", "build", "format",
         "load", "parse", "select", "filter", "describe", "show", "total", "compute")


class TemplateMaker:
    """Composes functions."""

    def __init__(self, rng, words):
        self.rng, self.words = rng, words

    def name(self):
        """A variable name."""
        return new_name(self.rng, self.words) if self.rng.random() < 0.7 else self.rng.choice(self.words)

    def pair(self):
        """The name of a collection and of its element."""
        if self.rng.random() < 0.5:
            plural = self.rng.choice(PLURALS)
            single = plural[:-1] if self.rng.random() < 0.7 else self.rng.choice("xynvki")
            return plural, single
        return self.name(), self.rng.choice((self.name(), "item", "x", "value", "name", "line", "row", "i"))

    def atom(self, name):
        """An expression that uses a name."""
        word, other = self.rng.choice(self.words), self.name()
        return self.rng.choice((
            name, name, f"{name}.{word}", f"{name}.{other}", f"{name}.{word}()", f"{other}({name})", f"{name}[0]",
            f"{name}['{word}']", f"len({name})", f"str({name})", f"{name} * {self.rng.randint(2, 99)}",
            f"{name} + {other}", f"{name}.strip()", f"{name}.upper()", f"int({name})", f"self.{word}({name})",
            f"{name}.get('{word}')", f"{name}.{word}.{other}", f"{other}({name}, {word})", f"{name}.{word} * {name}.{other}",
        ))

    def test(self, name):
        """A condition on a name."""
        word, number = self.rng.choice(self.words), self.rng.randint(0, 99)
        return self.rng.choice((
            f"{name} > {number}", f"{name} < {number}", f"{name} == {number}", f"{name} is not None", f"{name} is None",
            f"{name}.{word}", f"not {name}.{word}", f"{name} in ({number}, {number + 1})", f"{name} == '{word}'",
            f"{name} not in {self.name()}", f"{name}.startswith('{word}')", f"{name}.{word} == '{self.name()}'",
            f"{name} % {number + 2} == 0", f"{name}", f"not {name}", f"{name}.{word} >= {number}",
            f"{name} in ('{word}', '{self.name()}')", f"{name} != '{word}'", f"{name}.{word} is None",
            f"{name} not in ('{word}', '{self.name()}')", f"{name}.{word} is not None",
        ))

    def f_string(self, *names):
        """An f-string with the names in it."""
        parts = []
        for name in names:
            parts += self.rng.choices(self.words, k=self.rng.randint(0, 3))
            atom = self.atom(name)
            parts.append("{" + (atom if "'" not in atom else name) + "}")
        text = self.rng.choice((" ", " ", ": ", ", ", "/", "-")).join(parts) + self.rng.choice(("", "", ".", "!", ":"))
        return f"f'{text}'"

    def simple(self, name):
        """A statement of one line."""
        return self.rng.choice((
            f"{self.name()} = {self.atom(name)}", f"{self.name()}({name})", f"print({self.f_string(name)})",
            f"self.{self.rng.choice(self.words)} = {self.atom(name)}", f"{name}.{self.rng.choice(self.words)}()",
        ))

    def comprehension(self):
        """A function around a list comprehension."""
        plural, single = self.pair()
        condition = f" if {self.test(single)}" if self.rng.random() < 0.5 else ""
        iterable = self.rng.choice((plural, plural, plural, f"self.{plural}", f"{plural}.{self.name()}", f"sorted({plural})"))
        if self.rng.random() < 0.2:
            other = self.name()
            single_target, iterable = f"{other}, {single}", self.rng.choice((f"enumerate({plural})", f"{plural}.items()"))
        else:
            single_target = single
        element = self.f_string(single) if self.rng.random() < 0.15 else self.atom(single)
        made = f"[{element} for {single_target} in {iterable}{condition}]"
        name = self.rng.choice(("result", "found", "matches", self.name()))
        last = self.rng.choice((f"return {name}", f"return {name}, {self.name()}", f"return len({name})",
                                f"return sorted({name})", f"self.{self.name()}({name})", f"return ', '.join({name})"))
        body = [f"return {made}"] if last == f"return {name}" or self.rng.random() < 0.4 else [f"{name} = {made}", last]
        return [plural], body

    def total(self):
        """A function around a running total."""
        plural, single = self.pair()
        name = self.rng.choice(("total", "count", "result", "size", "text", self.name()))
        operator = self.rng.choice(("+", "+", "+", "-", "*", "|"))
        step = f"{name} {operator}= {self.rng.choice(('1', self.atom(single), self.atom(single)))}"
        body = [f"{name} = {self.rng.choice(('0', '0', '1', repr('')))}", f"for {single} in {plural}:"]
        if self.rng.random() < 0.4:
            body += [f"    if {self.test(single)}:", f"        {step}"]
        else:
            body.append(f"    {step}")
        return [plural], body + [f"return {name}"]

    def boolean(self):
        """A function that returns a condition."""
        name = self.name()
        condition = self.test(name)
        if not re.search(r" (==|!=|<|>|>=|is|is not|in|not in) |startswith|^not ", condition):
            condition = f"{name}.{self.rng.choice(self.words)} == {self.name()}"
        return [name], [f"return {condition}"]

    def text(self):
        """A function around an f-string."""
        first, second = self.name(), self.name()
        made = self.f_string(*self.rng.choice(((first,), (first, second), (first, second))))
        name = self.rng.choice(("message", "text", "line", self.name()))
        body = self.rng.choice((
            [f"return {made}"], [f"print({made})"], [f"{name} = {made}", f"self.{self.name()}({name})"],
            [f"{name} = {made}", f"print({name})"], [f"raise ValueError({made})"],
            [f"{name} = {made}", f"return {name}.strip()"],
        ))
        return [first, second], body

    def choice(self):
        """A function around a condition."""
        name, other = self.name(), self.name()
        body = self.rng.choice((
            [f"if {self.test(name)}:", f"    {self.simple(other)}"],
            [f"if {self.test(name)}:", f"    return {self.atom(other)}", f"return {self.atom(name)}"],
            [f"if {self.test(name)} and {self.test(other)}:", f"    return {self.atom(name)}", f"return {self.f_string(other)}"],
            [f"if {self.test(name)}:", f"    return {self.atom(other)}", self.simple(other), f"return {self.atom(name)}"],
            [f"if {name} is None:", f"    {name} = {other}", f"return {self.atom(name)}"],
        ))
        return [name, other], body

    def function(self):
        """One function, as a record like those of the sources."""
        kind = self.rng.choices(
            (self.comprehension, self.total, self.boolean, self.text, self.choice), (35, 20, 13, 17, 20))[0]
        parameters, body = kind()
        if self.rng.random() < 0.3:
            body = [self.simple(parameters[0])] + body
        if self.rng.random() < 0.2:
            body = [f"if {self.test(parameters[-1])}:", f"    return {self.rng.choice(('None', '[]', '0', 'False'))}"] + body
        extra = [self.name()] if self.rng.random() < 0.2 else []
        first = ["self"] if self.rng.random() < 0.3 else []
        name = f"{self.rng.choice(VERBS)}_{self.name().strip('_')}" if self.rng.random() < 0.6 else self.name()
        parameters = list(dict.fromkeys(first + parameters + extra))
        lines = [f"def {name}({', '.join(parameters)}):"] + ["    " + line for line in body]
        return {"file": "sample.py", "name": name, "code": "\n".join(lines), "before": [], "after": []}
