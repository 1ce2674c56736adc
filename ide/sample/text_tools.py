"""Small helpers for text."""


def is_blank(text):
    if text.strip() == "":
        return True
    else:
        return False


def is_yes(answer):
    return answer == "y" or answer == "yes" or answer == "ok"


def clean_lines(text):
    result = []
    for line in text.split("\n"):
        if not is_blank(line):
            result.append(line.strip())
    return result


def join_words(words):
    text = ""
    for word in words:
        if text == "":
            text = word
        else:
            text = text + ", " + word
    return text


def longest(words):
    best = ""
    for word in words:
        if len(word) > len(best):
            best = word
    return best


def shorten(text, width):
    if len(text) <= width:
        return text
    else:
        return text[: width - 3] + "..."


def count_vowels(text):
    count = 0
    for letter in text:
        if letter == "a" or letter == "e" or letter == "i" or letter == "o" or letter == "u":
            count = count + 1
    return count


def read_lines(path):
    file = open(path)
    lines = clean_lines(file.read())
    file.close()
    return lines
