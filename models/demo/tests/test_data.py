"""Data: splits, records, samples, tokenizer and packing."""

import ast
import json
import random
import tempfile
import unittest
from pathlib import Path

from demo_model.evaluate import judge
from demo_model.evaluate_product import file_of, outcome
from demo_model.explain import explain
from demo_model.prepare import pack
from demo_model.samples import SampleMaker
from demo_model.sources import shingles
from demo_model.templates import TemplateMaker
from demo_model.tokenizer import SPECIAL, encode, encode_pieces, train_tokenizer
from demo_model.transforms import trigger
from demo_model.variation import rename, with_quotes

HOME = Path(__file__).resolve().parents[1]
WORDS = ["alpha", "beta", "gamma", "delta", "name", "value", "size", "parse", "line", "entry"]
FUNCTION = {
    "file": "lib/shop.py", "name": "total", "before": ["import os", ""], "after": ["def b():", "    pass"],
    "code": "def total(self, rows):\n    size = 0\n    for row in rows:\n        if row is not None:\n"
            "            size += row.size\n    return size",
}


def load(name):
    """Read one of the committed JSON files."""
    return json.loads((HOME / name).read_text(encoding="utf-8"))


class RecordTests(unittest.TestCase):
    def test_splits_are_disjoint_by_file(self):
        files = load("provenance.json")["files"]
        for name in ("choose", "sealed"):
            for record in load(f"{name}.json"):
                self.assertEqual(files[record["source"]]["split"], name)
                self.assertEqual(files[record["source"]]["sha256"], record["source_sha256"])

    def test_no_near_duplicates_between_choose_and_sealed(self):
        choose = [shingles(record["good"]) for record in load("choose.json")]
        for record in load("sealed.json"):
            marks = shingles(record["good"])
            for other in choose:
                self.assertLess(len(marks & other) / len(marks | other), 0.75, record["id"])

    def test_records_are_sound(self):
        for name, edits, quiet in (("choose", 150, 75), ("sealed", 200, 100)):
            records = load(f"{name}.json")
            self.assertGreaterEqual(sum(bool(record["transforms"]) for record in records), edits)
            self.assertGreaterEqual(sum(not record["transforms"] for record in records), quiet)
            for record in records:
                ast.parse(record["degraded"])
                self.assertIsNone(trigger(record["good"]))
                self.assertEqual(record["degraded"] == record["good"], not record["transforms"])

    def test_product_files(self):
        record = next(record for record in load("choose.json") if record["indent"] and record["transforms"])
        lines, first, last = file_of(record)
        indented = [" " * record["indent"] + line if line else "" for line in record["good"].split("\n")]
        answer = {"unchanged": False, "edit": {
            "range": {"start": first, "end": last}, "original": "", "replacement": "\n".join(indented) + "\n"}}
        selection, clean = outcome(record, lines, first, last, answer)
        self.assertTrue(clean)
        self.assertTrue(judge(record, selection)["exact"])
        selection, clean = outcome(record, lines, first, last, {"unchanged": True, "edit": None})
        self.assertTrue(clean and judge(record, selection)["unchanged"])


class SampleTests(unittest.TestCase):
    def maker(self, seed):
        return SampleMaker([FUNCTION], WORDS, random.Random(seed))

    def test_all_tasks_are_made_and_improve_answers_are_good(self):
        tasks = set()
        maker = self.maker(1)
        for _ in range(300):
            pieces, answer, task, _ = maker.sample(2)
            tasks.add(task)
            self.assertTrue(answer[-1][1])
            if task == "improve":
                code = answer[0][0].rsplit("\n```", 1)[0]
                self.assertIsNone(trigger(code))
        self.assertEqual(tasks, {"improve", "explain", "instructed", "infill", "chat"})

    def test_same_seed_gives_same_samples(self):
        one, other = self.maker(7), self.maker(7)
        self.assertEqual([one.sample(1) for _ in range(20)], [other.sample(1) for _ in range(20)])

    def test_infill_joins_to_code(self):
        pieces, answer, _, _ = self.maker(3).make_infill(0)
        ast.parse(pieces[1][0] + answer[0][0] + pieces[3][0])
        self.assertEqual([piece for piece, special in pieces if special],
                         ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"])

    def test_variations(self):
        code, before, after = rename(FUNCTION["code"], ["total = 1"], [], random.Random(2), WORDS)
        ast.parse(code)
        self.assertIn("def ", code)
        self.assertEqual(with_quotes("x = 'a' + \"b'\"", '"'), "x = \"a\" + \"b'\"")
        self.assertEqual(with_quotes("x = f'{a[\"b\"]}'", '"'), "x = f\"{a['b']}\"")

    def test_templates_parse(self):
        maker = TemplateMaker(random.Random(1), WORDS)
        good = 0
        for _ in range(200):
            try:
                ast.parse(maker.function()["code"])
                good += 1
            except SyntaxError:
                pass
        self.assertGreater(good, 190)

    def test_explanation(self):
        text = explain(FUNCTION["code"])
        self.assertIn("The method `total` takes `rows`.", text)
        self.assertIn("returns `size`", text)


class TokenTests(unittest.TestCase):
    def test_contents_hold_no_special_tokens(self):
        with tempfile.TemporaryDirectory() as folder:
            tokenizer = train_tokenizer(["def a():\n    return 1"] * 5, Path(folder) / "tokenizer.json")
        special = {tokenizer.token_to_id(token) for token in SPECIAL}
        text = "x = '<|im_end|>' <|fim_prefix|>\n"
        tokens = encode(tokenizer, text, False)
        self.assertFalse(special & set(tokens))
        self.assertEqual(tokenizer.decode(tokens, skip_special_tokens=False), text)
        self.assertEqual(encode(tokenizer, "<|im_end|>", True), [tokenizer.token_to_id("<|im_end|>")])
        joined = encode_pieces(tokenizer, [("<|im_start|>user\n", True), ("def", False)])
        self.assertEqual(joined, encode(tokenizer, "<|im_start|>user\n", True) + encode(tokenizer, "def", False))

    def test_pack_keeps_every_sample(self):
        samples = [([1] * (10 + i), [2] * 5, [1] * 5) for i in range(30)]
        tokens, segments, answers = pack(samples, 64)
        self.assertEqual((tokens > 0).sum(), sum(len(prompt) + len(reply) for prompt, reply, _ in samples))
        self.assertEqual((answers > 0).sum(), 150)
        self.assertTrue(((tokens > 0) == (segments > 0)).all())


if __name__ == "__main__":
    unittest.main()
