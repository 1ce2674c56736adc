"""Prints a report of the shop's stock: python3 main.py"""

from inventory import items_to_restock, names
from report import format_lines, numbered, summary
from text_tools import join_words

ITEMS = [
    {"name": "apples", "price": 0.4, "quantity": 120, "shelf": "fruit"},
    {"name": "bread", "price": 2.8, "quantity": 3, "shelf": "bakery"},
    {"name": "milk", "price": 1.2, "quantity": 24, "shelf": "fridge"},
    {"name": "peas", "price": 1.9, "quantity": 0, "shelf": "freezer"},
]


def main():
    for line in numbered(format_lines(ITEMS)):
        print(line)
    print(summary(ITEMS))
    print("Restock: " + join_words(names(items_to_restock(ITEMS, 5))))


if __name__ == "__main__":
    main()
