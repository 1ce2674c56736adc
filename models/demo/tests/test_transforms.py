"""Transforms: each degradation undoes an idiom, and nothing else changes."""

import ast
import random
import unittest

from demo_model.transforms import KIND_WEIGHT, degrade, find_sites, trigger

PAIRS = {
    "aug_assign": ("def f(x):\n    x.n += 2 * y\n    use(x)", "def f(x):\n    x.n = x.n + (2 * y)\n    use(x)"),
    "is_none": ("def f(x):\n    use(x is None)", "def f(x):\n    use(x == None)"),
    "is_not_none": ("def f(x):\n    use(x is not None)", "def f(x):\n    use(x != None)"),
    "not_in": ("def f(x):\n    if x not in y:\n        use(x)", "def f(x):\n    if not x in y:\n        use(x)"),
    "in_tuple": ("def f(x):\n    y = x in (\"a\", 1)\n    use(y)", "def f(x):\n    y = x == \"a\" or x == 1\n    use(y)"),
    "not_in_tuple": ("def f(x):\n    y = z or x not in (a, 1)", "def f(x):\n    y = z or (x != a and x != 1)"),
    "truthy": ("def f(x):\n    if x.ok:\n        use(x)", "def f(x):\n    if x.ok == True:\n        use(x)"),
    "not_x": ("def f(x):\n    while not x:\n        use(x)", "def f(x):\n    while x == False:\n        use(x)"),
    "return_bool": ("def f(x):\n    return x > 1",
                    "def f(x):\n    if x > 1:\n        return True\n    else:\n        return False"),
    "return_not": ("def f(x):\n    return not x.y",
                   "def f(x):\n    if x.y:\n        return False\n    else:\n        return True"),
    "return_temp": ("def f(x):\n    return g(x)", "def f(x):\n    result = g(x)\n    return result"),
    "list_comp": ("def f(x):\n    # all\n    y = [g(i) for i in x if i]\n    use(y)",
                  "def f(x):\n    # all\n    y = []\n    for i in x:\n        if i:\n            y.append(g(i))\n    use(y)"),
    "return_list_comp": ("def f(x):\n    return [a + b for a, b in x]",
                         "def f(x):\n    result = []\n    for a, b in x:\n        result.append(a + b)\n    return result"),
    "f_string": ("def f(x):\n    use(f\"{x}, {x.y}!\")", "def f(x):\n    use(\"{}, {}!\".format(x, x.y))"),
    "else_after_return": ("def f(x):\n    if x.a:\n        return 1\n    # rest\n    use(x)\n    return 2",
                          "def f(x):\n    if x.a:\n        return 1\n    else:\n        # rest\n        use(x)\n        return 2"),
}


class FirstChoice(random.Random):
    """Random numbers that always take the first choice."""

    def choice(self, sequence):
        return sequence[0]

    def random(self):
        return 0.0


class TransformTests(unittest.TestCase):
    def test_every_kind_has_a_pair(self):
        self.assertEqual(set(PAIRS), set(KIND_WEIGHT))

    def test_pairs(self):
        for kind, (good, bad) in PAIRS.items():
            with self.subTest(kind):
                sites = [site for site in find_sites(good, FirstChoice()) if site.kind == kind]
                self.assertEqual(len(sites), 1)
                self.assertEqual(sites[0].apply(good), bad)

    def test_good_code_has_no_trigger_and_degraded_code_has_one(self):
        for kind, (good, bad) in PAIRS.items():
            with self.subTest(kind):
                self.assertIsNone(trigger(good))
                if kind != "return_not":
                    self.assertIsNotNone(trigger(bad))

    def test_degraded_code_parses_and_tells_its_kinds(self):
        for good, _ in PAIRS.values():
            for seed in range(5):
                bad, kinds = degrade(good, random.Random(seed), 1.0)
                ast.parse(bad)
                self.assertEqual(bad != good, bool(kinds))

    def test_look_alikes_are_left_alone(self):
        for code in ("def f(x):\n    x = y + x", "def f(x):\n    return x == 1", "def f(x):\n    '{}'.join(x)",
                     "def f(x):\n    y = [1]\n    for i in x:\n        y.append(i)",
                     "def f(x):\n    if x == 1 and y == 1:\n        return x"):
            self.assertIsNone(trigger(code))


if __name__ == "__main__":
    unittest.main()
