"""The tokenizer: byte-level BPE with Qwen2's pre-tokenizer pattern.

Does: train the vocabulary, save and load it, encode pieces with or without special
tokens.
Does not: render prompts (see `prompts.py`).
Called by: `prepare.py`, `export.py`, `decode.py`.
"""

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

VOCABULARY = 2048
SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>",
)
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)


def make_tokenizer(model):
    """A byte-level tokenizer around a BPE model."""
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train_tokenizer(texts, path):
    """Train the vocabulary on texts and save it."""
    tokenizer = make_tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(SPECIAL), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(path))
    return tokenizer


def save_tokenizer(tokens, merges, path):
    """Save the tokenizer of an earlier training, given its tokens in order and its merges."""
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = make_tokenizer(models.BPE(vocabulary, [tuple(merge.split(" ")) for merge in merges]))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.save(str(path))


def load_tokenizer(path):
    """Load a saved tokenizer."""
    return Tokenizer.from_file(str(path))


def encode(tokenizer, text, parse_special):
    """Encode one piece; special tokens are only seen where they are asked for."""
    if parse_special:
        return tokenizer.encode(text, add_special_tokens=False).ids
    tokens, rest = [], text
    while rest:
        place, mark = min(((rest.find(mark), mark) for mark in SPECIAL if mark in rest), default=(-1, ""))
        if place < 0:
            return tokens + tokenizer.encode(rest, add_special_tokens=False).ids
        # Cut inside the marker, so that it cannot be read as a special token.
        cut = place + 2
        tokens += tokenizer.encode(rest[:cut], add_special_tokens=False).ids
        rest = rest[cut:]
    return tokens


def encode_pieces(tokenizer, pieces):
    """Encode pieces one by one and join the tokens."""
    tokens = []
    for text, parse_special in pieces:
        tokens += encode(tokenizer, text, parse_special)
    return tokens
