"""Prompts: rendering, pieces and golden cases."""

import json
import unittest

from demo_model.golden import GOLDEN_FILE, golden_cases
from demo_model.prompts import conversation_pieces, fence_for, fill, load_prompts, render, request_pieces


class PromptTests(unittest.TestCase):
    def setUp(self):
        self.prompts = load_prompts()

    def test_fence(self):
        self.assertEqual(fence_for("a `b` ``c``"), "```")
        self.assertEqual(fence_for("x", "```"), "````")
        self.assertEqual(fence_for("`````"), "``````")

    def test_values_are_not_expanded(self):
        self.assertEqual(fill("{file} {text}", file="{text}", text="x"), "{text} x")

    def test_empty_surroundings_are_left_out(self):
        user = render(self.prompts, {"command": "improve", "file": "a.py", "selection": "x = 1"})["user"]
        self.assertTrue(user.startswith("File: a.py\n\nSelected code:\n```python\nx = 1\n```\n\nImprove"))

    def test_pieces(self):
        pieces = conversation_pieces([("system", "S"), ("user", "U")], "P")
        self.assertEqual(pieces, [
            ("<|im_start|>system\n", True), ("S", False),
            ("<|im_end|>\n<|im_start|>user\n", True), ("U", False),
            ("<|im_end|>\n<|im_start|>assistant\n", True), ("P", False),
        ])

    def test_explain_has_no_prefill(self):
        pieces, rendered = request_pieces(
            self.prompts, {"command": "explain", "file": "a.py", "selection": "x = 1"})
        self.assertEqual((rendered["prefill"], rendered["stop"]), ("", ""))
        self.assertEqual(pieces[-1], ("<|im_end|>\n<|im_start|>assistant\n", True))

    def test_golden_prompts_are_up_to_date(self):
        self.assertEqual(json.loads(GOLDEN_FILE.read_text(encoding="utf-8")), golden_cases())


if __name__ == "__main__":
    unittest.main()
