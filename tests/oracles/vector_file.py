"""Vector files read in plain Python, as a second opinion on what the compiled parsers accept."""

import re

import numpy as np

NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
SPACE = b" \t\r\n\v\f"


def format_number(value):
    return str(np.float32(value))


def read_text(data, *, header, limit=None):
    """Words and vectors of a text; ValueError for anything that is not one."""
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    declared = None
    if header:
        fields = lines.pop(0).split()
        if len(fields) != 2 or not all(re.fullmatch(rb"[+-]?\d+", field) for field in fields):
            raise ValueError("header")
        declared, dim = map(int, fields)
        if declared < 1 or not 1 <= dim <= 1 << 20:
            raise ValueError("header")
    else:
        dim = _dimensions(lines[0])
    wanted = min(x for x in (limit, declared, len(lines)) if x is not None)
    words, rows = [], []
    for line in lines[:wanted]:
        line = line.rstrip(SPACE)
        if not line:
            break
        word, row = _split(line, dim)
        words.append(word)
        rows.append(row)
    if declared is not None and len(words) < min(declared, limit or declared):
        raise ValueError("too few")
    if limit is None and b"".join(lines[len(words) :]).strip(SPACE):
        raise ValueError("more")
    if not words or len(set(words)) < len(words):
        raise ValueError("words")
    return words, np.array(rows, np.float32)


def read_binary(data):
    """Words and vectors of a binary file; ValueError for anything that is not one."""
    header, _, data = data.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
    fields = header.split()
    if len(fields) != 2 or not all(re.fullmatch(rb"[+-]?\d+", field) for field in fields):
        raise ValueError("header")
    count, dim = map(int, fields)
    if count < 1 or not 1 <= dim <= 1 << 20:
        raise ValueError("header")
    words, rows = [], []
    while len(words) < count:
        word, space, data = data.partition(b" ")
        if not space or len(data) < 4 * dim:
            raise ValueError("cut short")
        row = np.frombuffer(data[: 4 * dim], "<f4")
        if not np.isfinite(row).all():
            raise ValueError("not finite")
        words.append(_decoded(word.lstrip(b"\n")))
        rows.append(row)
        data = data[4 * dim :]
    if data.strip(SPACE) or len(set(words)) < count:
        raise ValueError("more")
    return words, np.array(rows)


def _dimensions(line):
    fields = re.split(rb"[ \t]+", line.rstrip(SPACE))
    if len(fields) == 2 and all(re.fullmatch(rb"[+-]?\d+", field) for field in fields):
        raise ValueError("a word2vec header")
    dim = 0
    while dim + 1 < len(fields) and NUMBER.fullmatch(fields[-1 - dim]):
        dim += 1
    if not dim:
        raise ValueError("dimensions")
    return dim


def _split(line, dim):
    fields = re.split(rb"[ \t]+", line)
    numbers = fields[-dim:]
    if len(fields) <= dim or not fields[0] or not all(map(NUMBER.fullmatch, numbers)):
        raise ValueError("line")
    if len(fields) > dim + 1 and NUMBER.fullmatch(fields[-dim - 1]):
        raise ValueError("too many")
    with np.errstate(over="ignore"):
        row = [np.float32(number.decode()) for number in numbers]
    if not np.isfinite(row).all():
        raise ValueError("infinite")
    word = re.fullmatch(rb"(.*?)" + rb"[ \t]+[^ \t]+" * dim, line, re.DOTALL)
    return _decoded(word[1]), row


def _decoded(word):
    if not word or b"\0" in word or b"\n" in word:
        raise ValueError("word")
    return word.decode()
