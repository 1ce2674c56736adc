"""Evaluation records from code outside the standard library, for figures only.

Does: cut functions out of an installed package (pip's own sources by default), drop
what resembles training functions, and write records into the work folder.
Does not: train or tune on them, or put them into the project.
Called by: `python -m demo_model.other_packages --work DIR [--folder PACKAGE]`.
"""

import argparse
import hashlib
import json
import random
from pathlib import Path

from .prepare import SEED, write_json
from .samples import make_records
from .sources import drop_near_duplicates, functions_of
from .transforms import trigger


def collect_package(folder):
    """The usable functions of one package."""
    functions = []
    for path in sorted(folder.rglob("*.py")):
        relative = path.relative_to(folder).as_posix()
        if "_vendor" in relative or "test" in relative:
            continue
        raw = path.read_bytes()
        try:
            found = functions_of(raw.decode("utf-8"), relative, hashlib.sha256(raw).hexdigest())
        except (UnicodeDecodeError, SyntaxError):
            continue
        functions += [{**function, "split": "sealed"} for function in found if trigger(function["code"]) is None]
    return functions


def main():
    """Write the records."""
    import pip
    parser = argparse.ArgumentParser(prog="other_packages", description="Make records from another package.")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--folder", type=Path, default=Path(pip.__file__).parent / "_internal")
    options = parser.parse_args()
    data = json.loads((options.work / "train-functions.json").read_text(encoding="utf-8"))
    kept, dropped = drop_near_duplicates(data["functions"] + collect_package(options.folder))
    functions = [function for function in kept if function["split"] == "sealed"]
    records = make_records(functions, random.Random(SEED), 100, 50, data["words"])
    write_json(options.work / "other.json", records)
    print(f"{len(functions)} functions, {len(records)} records, dropped {dropped}")


if __name__ == "__main__":
    main()
