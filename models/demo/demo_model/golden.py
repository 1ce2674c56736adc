"""Golden prompts: rendered cases that other renderers of the same data file must match.

Does: write `golden_prompts.json` from the renderer of this package.
Does not: check other renderers; their own tests do.
Called by: `python -m demo_model.golden`, the tests.
"""

from pathlib import Path

from .prepare import write_json
from .prompts import load_prompts, render

HOME = Path(__file__).resolve().parents[1]
GOLDEN_FILE = HOME / "golden_prompts.json"

PLAIN = {"command": "improve", "file": "totals.py", "language": "python", "before": "", "after": "",
         "selection": "def total(items):\n    result = 0\n    for item in items:\n        result = result + item\n"
                      "    return result"}
CASES = (
    ("alone", PLAIN),
    ("before only", {**PLAIN, "before": "import os\nimport re"}),
    ("after only", {**PLAIN, "after": "def other():\n    pass"}),
    ("method between others", {
        **PLAIN, "file": "shop.py", "before": "class Shop:\n    def close(self):\n        self.open = False",
        "after": "    def name(self):\n        return self._name",
        "selection": "def is_open(self):\n    if self.open == True:\n        return True\n    else:\n        return False"}),
    ("instructed", {**PLAIN, "command": "instructed", "instruction": "Add a docstring."}),
    ("instruction with braces", {
        **PLAIN, "command": "instructed", "instruction": "Rename `{file}` to `{text}`.", "before": "{selection}"}),
    ("explain", {**PLAIN, "command": "explain", "after": "print(total([1, 2]))"}),
    ("asked again", {**PLAIN, "reason": "the code does not parse"}),
    ("fence in the selection", {**PLAIN, "selection": "TEXT = \"\"\"\n```\ncode\n```\n\"\"\""}),
    ("longer fence in the surroundings", {**PLAIN, "before": "# `````python\n# x = ``1``", "after": "y = 2"}),
    ("other language, not ASCII", {
        **PLAIN, "file": "größe.rs", "language": "rust", "selection": "fn größe() -> usize {\n    \"日本\".len()\n}"}),
)


def golden_cases():
    """All cases with what they render to."""
    prompts = load_prompts()
    return [{"name": name, "request": request, "rendered": render(prompts, request)} for name, request in CASES]


if __name__ == "__main__":
    write_json(GOLDEN_FILE, golden_cases())
