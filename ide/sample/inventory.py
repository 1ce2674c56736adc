"""The stock of a small shop. An item is a dict: name, price, quantity, shelf."""


def total_stock(items):
    total = 0
    for item in items:
        total = total + item["quantity"]
    return total


def stock_value(items):
    value = 0
    for item in items:
        value = value + item["price"] * item["quantity"]
    return value


def find_item(items, name):
    for item in items:
        if item["name"] == name:
            return item
    return None


def is_available(items, name):
    item = find_item(items, name)
    if item == None:
        return False
    if item["quantity"] > 0:
        return True
    else:
        return False


def needs_restock(item, minimum):
    if item["quantity"] < minimum:
        return True
    else:
        return False


def items_to_restock(items, minimum):
    result = []
    for item in items:
        if needs_restock(item, minimum) == True:
            result.append(item)
    return result


def names(items):
    result = []
    for item in items:
        result.append(item["name"])
    return result


def is_cooled(item):
    return item["shelf"] == "fridge" or item["shelf"] == "freezer"


def count_by_shelf(items):
    counts = {}
    for item in items:
        if item["shelf"] in counts.keys():
            counts[item["shelf"]] = counts[item["shelf"]] + 1
        else:
            counts[item["shelf"]] = 1
    return counts


def restock(items, name, amount):
    item = find_item(items, name)
    if item == None:
        raise KeyError(name)
    item["quantity"] = item["quantity"] + amount
    return item["quantity"]
