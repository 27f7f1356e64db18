"""The peer of the understanding: a linear support vector machine for the intent, a conditional random field over words."""

from __future__ import annotations

import pickle
import re
from collections.abc import Sequence
from pathlib import Path

from aiyam.evaluation.row_counts import Answer
from aiyam.nlu.decoding import spans_of_tags
from aiyam.nlu.examples import Example

_INTENTS, _SPANS = "intents.pickle", "spans.crfsuite"
_WORD = re.compile(r"\S+")


def train_peer(rows: Sequence[Example], folder: Path) -> None:
    """Train on rows: tf-idf of characters (1-4, inside words) and words (1-2), and word features with their neighbours."""
    import pycrfsuite
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    texts = [row.text for row in rows]
    vectorizers = [
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True),
        TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True),
    ]
    table = hstack([v.fit_transform(texts) for v in vectorizers]).tocsr()
    machine = LinearSVC(C=1.0, random_state=0).fit(table, [row.intent for row in rows])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _INTENTS).write_bytes(pickle.dumps((vectorizers, machine)))
    trainer = pycrfsuite.Trainer("lbfgs", verbose=False)
    for row in rows:
        places, features = _features(row.text)
        trainer.append(features, _tags(places, row))
    trainer.set_params({"c1": 0.1, "c2": 0.01, "max_iterations": 80})
    trainer.train(str(folder / _SPANS))


class Peer:
    """A trained peer."""

    def __init__(self, folder: Path) -> None:
        """Open what ``train_peer`` wrote."""
        import pycrfsuite

        self._vectorizers, self._machine = pickle.loads((folder / _INTENTS).read_bytes())
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open(str(folder / _SPANS))

    def answer(self, texts: Sequence[str]) -> list[Answer]:
        """Answer many texts; the confidence means nothing, since the machine gives none."""
        from scipy.sparse import hstack

        table = hstack([v.transform(texts) for v in self._vectorizers]).tocsr()
        intents = self._machine.predict(table)
        return [Answer(str(i), 1.0, self._spans(t), None) for i, t in zip(intents, texts, strict=True)]

    def _spans(self, text: str) -> frozenset[tuple[str, int, int]]:
        places, features = _features(text)
        words = spans_of_tags(self._tagger.tag(features), "." * len(places))
        return frozenset((kind, places[first][0], places[last - 1][1]) for kind, first, last in words)


def _tags(places: Sequence[tuple[int, int]], row: Example) -> list[str]:
    tags = []
    for start, end in places:
        tag = "O"
        for kind, first, last, _ in row.spans:
            if start < last and end > first:
                tag = f"{'B' if start <= first else 'I'}-{kind}"
                break
        tags.append(tag)
    return tags


def _features(text: str) -> tuple[list[tuple[int, int]], list[list[str]]]:
    places = [m.span() for m in _WORD.finditer(text)]
    words = [text[start:end] for start, end in places]
    return places, [_word_features(words, i) for i in range(len(words))]


def _word_features(words: Sequence[str], i: int) -> list[str]:
    word = words[i]
    found = ["bias", f"w={word}", f"len={min(len(word), 6)}", f"digit={any(c.isdigit() for c in word)}"]
    found += [f"p{n}={word[:n]}" for n in (1, 2, 3)] + [f"s{n}={word[-n:]}" for n in (1, 2, 3)]
    for d in (-2, -1, 1, 2):
        other = words[i + d] if 0 <= i + d < len(words) else "<>"
        found.append(f"w{d}={other}")
        if abs(d) == 1:
            found += [f"p{d}={other[:2]}", f"s{d}={other[-2:]}", f"ww{d}={word}|{other}"]
    return found


def peer_files(folder: Path) -> list[Path]:
    """Return the files the peer needs to answer."""
    return [folder / _INTENTS, folder / _SPANS]
