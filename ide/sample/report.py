"""Texts that people read: item lines, totals and labels."""

from inventory import is_cooled, stock_value, total_stock


def format_item(item):
    return "{}: {} in stock at {:.2f}".format(item["name"], item["quantity"], item["price"])


def format_lines(items):
    lines = []
    for item in items:
        lines.append(format_item(item))
    return lines


def numbered(lines):
    result = []
    for i in range(len(lines)):
        result.append("{}. {}".format(i + 1, lines[i]))
    return result


def summary(items):
    count = total_stock(items)
    value = stock_value(items)
    return "{} pieces worth {:.2f}".format(count, value)


def stock_level(quantity):
    if quantity == 0:
        return "sold out"
    else:
        if quantity < 5:
            return "low"
        else:
            return "good"


def price_label(item, discount=None):
    price = item["price"]
    if discount != None:
        price = price - price * discount
    return item["name"] + " " + "{:.2f}".format(price)


def cooled_names(items):
    result = []
    for item in items:
        if is_cooled(item) == True:
            result.append(item["name"].upper())
    return result


def average_price(items):
    if len(items) == 0:
        return 0
    total = 0
    for item in items:
        total = total + item["price"]
    return total / len(items)
