"""Data: functions, splits, evaluation records, tokenizer and packed training rows.

Does: everything that comes before training, once, and the shards of training rows.
Does not: train.
Called by: `__main__.py`.
"""

import difflib
import hashlib
import json
import multiprocessing
import random
import re
from collections import Counter
from pathlib import Path

import numpy

from .prompts import PROMPTS_FILE, load_prompts
from .samples import SampleMaker, make_records
from .sources import collect
from .tokenizer import encode, encode_pieces, load_tokenizer, train_tokenizer
from .warm_start import keep_tokenizer

HOME = Path(__file__).resolve().parents[1]
DATA_MODULES = ("prompts", "sources", "transforms", "variation", "templates", "explain", "samples", "tokenizer", "prepare")
EDIT_MARK = 4
SHORT_ROW, LONG_ROW = 480, 704
SEED = 20260101
# Of the shards alone; another number makes other samples of the same functions and records.
SHARDS_SEED = 20261122
# (level, samples): how hard the samples of each shard are; the early ones are short.
SHARDS = ((0, 16000), (1, 12000), (2, 12000), (1, 12000), (2, 12000), (0, 16000), (1, 12000), (2, 12000), (1, 12000), (2, 12000))


def write_json(path, value):
    """Write JSON in one go."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")
    temporary.replace(path)


def frequent_words(functions):
    """Words that identifiers are made of, from the training functions."""
    counts = Counter()
    for function in functions:
        counts.update(sorted(set(re.findall(r"[a-z]{2,11}", function["code"]))))
    return [word for word, _ in counts.most_common(3000)]


def fingerprint():
    """A digest of what the training data depends on: the prompts and this package's data modules."""
    digest = hashlib.sha256(PROMPTS_FILE.read_bytes())
    for name in DATA_MODULES:
        digest.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return digest.hexdigest()


def start_over_when_changed(work):
    """Discard data and checkpoint when they were made from other prompts or by other code."""
    mark = work / "fingerprint"
    if mark.exists() and mark.read_text(encoding="utf-8").strip() == fingerprint():
        return
    for pattern in ("shard-*.npz", "part-*.npz", "tokenizer.json", "train-functions.json", "checkpoint.pkl"):
        for path in work.glob(pattern):
            print("discarding", path.name, "(made from other prompts or code)", flush=True)
            path.unlink()
    mark.write_text(fingerprint() + "\n", encoding="utf-8")


def prepare(work, start_from=None):
    """Make everything up to the tokenizer, or take that of a model to start from; skip what exists."""
    work.mkdir(parents=True, exist_ok=True)
    start_over_when_changed(work)
    if (work / "tokenizer.json").exists():
        return
    functions, provenance = collect()
    by_split = {name: [item for item in functions if item["split"] == name] for name in ("train", "choose", "sealed")}
    words = frequent_words(by_split["train"])
    write_json(HOME / "provenance.json", provenance)
    for name, with_edit, without_edit in (("choose", 150, 75), ("sealed", 200, 120)):
        records = make_records(by_split[name], random.Random(SEED), with_edit, without_edit, words)
        write_json(HOME / f"{name}.json", records)
        print(name, len(records), sum(bool(record["transforms"]) for record in records), flush=True)
    write_json(work / "train-functions.json", {"functions": by_split["train"], "words": words})
    print("functions", {name: len(items) for name, items in by_split.items()}, provenance["dropped_because_not_idiomatic"])
    if start_from:
        keep_tokenizer(start_from, work / "tokenizer.json")
        return
    maker = SampleMaker(by_split["train"], words, random.Random(SEED))
    texts = []
    for _ in range(6000):
        pieces, answer, _, _ = maker.sample(1)
        texts += [text for text, parse_special in pieces + answer if not parse_special]
    texts += ["system\n", "user\n", "assistant\n"] * 3000
    train_tokenizer(texts, work / "tokenizer.json")


def make_shard(work, number):
    """Make one shard of packed rows; skip it when it exists."""
    path = work / f"shard-{number:02}.npz"
    if path.exists():
        return
    level, count = SHARDS[number]
    tokenizer = load_tokenizer(work / "tokenizer.json")
    data = json.loads((work / "train-functions.json").read_text(encoding="utf-8"))
    maker = SampleMaker(data["functions"], data["words"], random.Random(SHARDS_SEED + number), load_prompts())
    pools = {SHORT_ROW: [], LONG_ROW: []}
    dropped, tasks = 0, Counter()
    for _ in range(count):
        pieces, answer, task, source = maker.sample(level)
        prompt, reply = encode_pieces(tokenizer, pieces), encode_pieces(tokenizer, answer)
        marks = edit_marks(encode(tokenizer, source, False), reply)
        length = len(prompt) + len(reply)
        if length > LONG_ROW:
            dropped += 1
            continue
        tasks[task] += 1
        pools[SHORT_ROW if length <= SHORT_ROW else LONG_ROW].append((prompt, reply, marks))
    arrays = {}
    for row, samples in pools.items():
        # Long rows are filled up with short samples, so that little is wasted.
        if row == LONG_ROW:
            extra = pools[SHORT_ROW][:len(samples) // 4]
            samples = samples + extra
        rows = pack(samples, row)
        arrays.update({f"tokens_{row}": rows[0], f"segments_{row}": rows[1], f"answers_{row}": rows[2]})
    temporary = work / f"part-{number:02}.npz"
    numpy.savez(temporary, **arrays)
    temporary.replace(path)
    print("shard", number, "level", level, {row: len(pool) for row, pool in pools.items()},
          {row: len(arrays[f"tokens_{row}"]) for row in pools}, "dropped", dropped, dict(tasks), flush=True)


def edit_marks(source, reply):
    """Mark the tokens of an answer: 1, or `EDIT_MARK` where it departs from the code that was given."""
    marks = [1] * len(reply)
    if not source:
        return marks
    matcher = difflib.SequenceMatcher(None, source, reply[:-2], autojunk=False)
    for kind, _, _, start, end in matcher.get_opcodes():
        if kind != "equal":
            for place in range(start, min(end + 1, len(reply))):
                marks[place] = EDIT_MARK
    return marks


def pack(samples, row):
    """Pack samples into rows, longest first; return tokens, segment numbers and answer marks."""
    rows, space = [], []
    open_from = 0
    for prompt, reply, marks in sorted(samples, key=lambda sample: -len(sample[0]) - len(sample[1])):
        length = len(prompt) + len(reply)
        for index in range(open_from, len(rows)):
            if space[index] >= length:
                break
        else:
            rows.append([])
            space.append(row)
            index = len(rows) - 1
        rows[index].append((prompt, reply, marks))
        space[index] -= length
        while open_from < len(rows) and (space[open_from] < 40 or len(rows) - open_from > 2000):
            open_from += 1
    tokens = numpy.zeros((len(rows), row), numpy.int16)
    segments = numpy.zeros((len(rows), row), numpy.int8)
    answers = numpy.zeros((len(rows), row), numpy.int8)
    for index, members in enumerate(rows):
        place = 0
        for number, (prompt, reply, marks) in enumerate(members, 1):
            middle, end = place + len(prompt), place + len(prompt) + len(reply)
            tokens[index, place:end] = prompt + reply
            segments[index, place:end] = number
            answers[index, middle:end] = marks
            place = end
    return tokens, segments, answers


def make_shards(work, processes=1):
    """Make all shards."""
    if processes == 1:
        for number in range(len(SHARDS)):
            make_shard(work, number)
        return
    with multiprocessing.Pool(processes) as pool:
        pool.starmap(make_shard, [(work, number) for number in range(len(SHARDS))], chunksize=1)
