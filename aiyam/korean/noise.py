"""Typing as hurried thumbs do it, for training only: keyboard and jamo slips, sound spelling, spaces, initials, tails."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from aiyam.korean.jamo import FINALS, INITIALS, VOWELS, is_syllable, join, parts

INSERTED = -1
"""Origin of a character that stands for none of the clean text: a wrong space, a tail."""


@dataclass(frozen=True)
class Noisy:
    """A noisy copy: ``origin[i]`` is the index in the clean text of what stands at ``i``, or ``INSERTED``.

    Origins never fall. Where two neighbours changed places they stay in order: a place in the copy stands for a place.
    """

    text: str
    origin: tuple[int, ...]

    def moved(self, start: int, end: int) -> tuple[int, int] | None:
        """Return where ``clean[start:end]`` stands in the copy; None when nothing of it is left."""
        inside = [i for i, o in enumerate(self.origin) if start <= o < end]
        return (inside[0], inside[-1] + 1) if inside else None


@dataclass(frozen=True)
class NoiseRates:
    """How likely each habit is; ``syllable`` counts for each syllable, ``word`` for each word known to be misspelt."""

    syllable: float = 0.04
    word: float = 0.12
    initials: float = 0.02
    polite_tail: float = 0.1
    no_spaces: float = 0.22
    fewer_spaces: float = 0.2
    wrong_space: float = 0.05
    longer: float = 0.3
    tail: float = 0.1


RATES = NoiseRates()

# --------------------------------------------------------------------------- what is mistaken for what

_KEYBOARD = (("ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ", 0.0), ("ㅁㄴㅇㄹㅎㅗㅓㅏㅣ", 0.3), ("ㅋㅌㅊㅍㅠㅜㅡ", 0.8))
"""The two-set (두벌식) layout: its three rows, and how far each is shifted to the right, in keys."""
_SHIFTED = {"ㅃ": "ㅂ", "ㅉ": "ㅈ", "ㄸ": "ㄷ", "ㄲ": "ㄱ", "ㅆ": "ㅅ", "ㅒ": "ㅐ", "ㅖ": "ㅔ"}
_STROKES = {"ㅘ": "ㅗㅏ", "ㅙ": "ㅗㅐ", "ㅚ": "ㅗㅣ", "ㅝ": "ㅜㅓ", "ㅞ": "ㅜㅔ", "ㅟ": "ㅜㅣ", "ㅢ": "ㅡㅣ"}
_SOUNDS = (
    "ㅐㅔ", "ㅔㅐ", "ㅒㅖ", "ㅖㅔ", "ㅙㅚ", "ㅚㅙ", "ㅞㅙ", "ㅢㅣ", "ㅢㅡ", "ㅟㅣ", "ㅕㅓ", "ㅝㅓ", "ㅗㅜ", "ㅛㅕ", "ㅓㅗ",
    "ㄱㄲ", "ㄲㄱ", "ㄷㄸ", "ㄸㄷ", "ㅂㅃ", "ㅃㅂ", "ㅅㅆ", "ㅆㅅ", "ㅈㅉ", "ㅉㅈ", "ㅊㅈ", "ㅋㄱ", "ㅌㄷ", "ㅍㅂ", "ㅎㅇ",
)  # fmt: skip
_FINAL_SOUNDS = {
    "ㄲ": "ㄱ", "ㅋ": "ㄱ", "ㄳ": "ㄱ", "ㄺ": "ㄱ", "ㅆ": "ㅅ", "ㅅ": "ㅆㄷ", "ㅈ": "ㅅㄷ", "ㅊ": "ㅅㅈ", "ㅌ": "ㅅㄷ", "ㄷ": "ㅅ", "ㅍ": "ㅂ", "ㅄ": "ㅂ",
    "ㄶ": "ㄴ", "ㄵ": "ㄴ", "ㅀ": "ㄹ", "ㄼ": "ㄹ", "ㄻ": "ㅁ", "ㄱ": "ㄲㅋ", "ㅂ": "ㅍ", "ㄴ": "ㅇ", "ㅇ": "ㄴ", "ㅁ": "ㅂ",
}  # fmt: skip
SPELLINGS: Mapping[str, str] = {
    "되": "돼 대", "돼": "되 대", "안": "않", "않": "안", "맛있": "마싯 맛잇 마싰", "맛집": "맛찝 마찝", "있": "잇", "없": "업 엄", "싶": "십 시", "싶어": "시퍼 싶퍼 시포", "찌개": "찌게", "볶이": "뽀끼 볶기 뽁이",
    "볶음": "뽂음 복음", "돈까스": "돈가스 동까스", "어떻게": "어떡해 어케 어떠케", "같": "갓 가", "같이": "가치", "좋아": "조아", "좋은": "조은", "많이": "마니", "괜찮": "괜찬 갠찮 괜차", "뭐": "머 모", "뭘": "멀 몰", "거": "꺼",
    "데": "대", "에요": "에여 애요", "예요": "에요 예여", "해줘": "해조 해죠 해쥬 해줭", "줘": "조 죠 쥬", "주세요": "주세여 쥬세요 주셈 주세용", "알려": "아려 알랴", "너무": "넘 너므", "그런데": "근데", "진짜": "찐짜 진차 찐", "카드": "까드 카트",
    "햄버거": "햄벅 햄버그", "떡": "떢 덕", "감사": "캄사 감삼", "안녕": "앙녕 안뇽", "싫어": "시러 실어", "얼마": "월마 얼매", "만원": "마넌 만언", "천원": "처넌 천언", "김밥": "김빱 깁밥", "찾아": "차자 찿아", "근처": "근쳐 군처",
    "가까운": "까까운 가까은", "매운": "메운 매은", "배달": "베달", "배고": "베고 배거", "제일": "젤 재일", "가장": "젤", "몇시": "며시 멷시 몃시", "몇": "멷 몃", "먹": "묵 머", "먹을": "머글 무글", "먹어": "머거", "어디": "어듸 오디 어데", "추천": "추쳔 츄천 추첨",
    "학교": "핵교 하꾜", "동생": "동셍", "친구": "칭구 친귀", "할머니": "할무니 할머이", "점심": "즘심 점씸", "저녁": "저녘 져녁", "그냥": "걍 기냥", "지금": "지굼 짐", "빨리": "빨랑 빨이", "이거": "요거 이고", "아니": "아뉘 안이",
    "냉면": "넹면", "짬뽕": "짬봉", "짜장": "자장 짜쟝", "육개장": "육계장", "갈비": "갈삐", "국수": "국슈 국쑤", "국밥": "국빱 굿밥", "치킨": "치낀 칰인", "피자": "핏자 피짜", "토스트": "토스투", "케이크": "케익 케잌", "왜": "웨 외", "어서": "어소",
    "네요": "내요 네여", "나요": "나여 냐요", "을까": "을가 을까나", "할게": "할께", "갈게": "갈께", "급식": "급씩 굽식", "선한": "션한", "착한": "차칸 착칸", "알레르기": "알러지 알래르기", "가게": "가계 가개",
}  # fmt: skip
"""Words often misspelt, and how; the spelling of their sound, a slip of habit, or a shortening."""
INITIAL_FORMS: Mapping[str, str] = {
    "추천": "ㅊㅊ", "어디": "ㅇㄷ", "감사": "ㄱㅅ", "고고": "ㄱㄱ", "안녕": "ㅇㄴ", "오케이": "ㅇㅋ", "가능": "ㄱㄴ", "괜찮": "ㄱㅊ", "인정": "ㅇㅈ", "진짜": "ㄹㅇ ㅈㅉ", "맛집": "ㅁㅈ", "빨리": "ㅃㄹ", "지금": "ㅈㄱ",
    "아니": "ㄴㄴ", "뭐해": "ㅁㅎ", "배고파": "ㅂㄱㅍ", "하이": "ㅎㅇ", "떡볶이": "ㄸㅂㅇ", "마라탕": "ㅁㄹㅌ", "편의점": "ㅍㅇㅈ", "메뉴": "ㅁㄴ", "몰라": "ㅁㄹ",
}  # fmt: skip
"""Words typed by their initials alone."""
_POLITE = ("용", "여", "욤", "염", "유", "욥", "요요")
_TAILS = (
    "ㅋㅋ",
    "ㅋㅋㅋ",
    "ㅋ",
    "ㅠㅠ",
    "ㅠ",
    "ㅜㅜ",
    "ㅎㅎ",
    "~",
    "~~",
    "!",
    "!!",
    "!!!",
    "...",
    "..",
    "?",
    "??",
    " ㅋㅋ",
    " ㅠㅠ",
    " ㅎ",
    "^^",
    ";;",
)
_REPEATED = frozenset("ㅋㅎㅠㅜ!~.?")


def _neighbours() -> dict[str, str]:
    """Return for each jamo those whose key lies beside its own; a shifted jamo has its plain one, a compound its strokes."""
    keys = {jamo: (x + shift, y) for y, (row, shift) in enumerate(_KEYBOARD) for x, jamo in enumerate(row)}
    near = {
        jamo: [
            other
            for other, (u, v) in keys.items()
            if other != jamo and (other in VOWELS) == (jamo in VOWELS) and math.dist((x, y), (u, v)) < 1.3
        ]
        for jamo, (x, y) in keys.items()
    }
    found = {jamo: "".join(others) for jamo, others in near.items()}
    for shifted, plain in _SHIFTED.items():
        found[shifted] = plain + found[plain]
        found[plain] += shifted
    return found | _STROKES


KEY_NEIGHBOURS: Mapping[str, str] = _neighbours()


def _indexes(pairs: Iterable[tuple[str, str]], alphabet: str) -> list[list[int]]:
    table: list[list[int]] = [[] for _ in alphabet]
    for jamo, others in pairs:
        if jamo in alphabet:
            table[alphabet.index(jamo)] += [alphabet.index(o) for o in others if o in alphabet]
    return table


_SOUND_PAIRS = [(s[0], s[1]) for s in _SOUNDS]
_ALL_FINALS = "\0" + "".join(FINALS[1:])
_NEAR = [_indexes(KEY_NEIGHBOURS.items(), a) for a in (INITIALS, VOWELS, _ALL_FINALS)]
_SOUND = [
    _indexes(_SOUND_PAIRS, INITIALS),
    _indexes(_SOUND_PAIRS, VOWELS),
    _indexes(_FINAL_SOUNDS.items(), _ALL_FINALS),
]
_CARRIED = {f: INITIALS.index(j) for f, j in enumerate(FINALS) if j and j in INITIALS and j not in "ㅇㅎ"}
"""Finals that move to a following ㅇ (먹어 → 머거), and back (마시 → 맛이): index of a final → index of an initial."""
_TAKEN_BACK = {initial: final for final, initial in _CARRIED.items()}
_SILENT = INITIALS.index("ㅇ")


def _by_first(table: Mapping[str, str]) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    found: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for word, forms in sorted(table.items(), key=lambda item: -len(item[0])):
        found.setdefault(word[0], []).append((word, tuple(forms.split())))
    return found


_SPELT, _SHORT = _by_first(SPELLINGS), _by_first(INITIAL_FORMS)


# --------------------------------------------------------------------------- typing


def noisy(
    text: str,
    rng: random.Random,
    *,
    rate: float | None = None,
    space_rate: float | None = None,
    rates: NoiseRates = RATES,
) -> Noisy:
    """Type ``text`` the way hurried thumbs do.

    Args:
        text: clean text.
        rng: source of chance; the same seed gives the same copy.
        rate: chance of a slip for each syllable, in place of ``rates.syllable``.
        space_rate: chance that spaces are dropped, half of the time all of them, in place of those in ``rates``.
        rates: the chance of each habit.
    """
    chance = rng.random
    slip_rate = rates.syllable if rate is None else rate
    none, fewer = (rates.no_spaces, rates.fewer_spaces) if space_rate is None else (space_rate / 2, space_rate / 2)
    roll = chance()
    dropped = 1.0 if roll < none else 0.5 if roll < none + fewer else 0.0
    chars: list[str] = []
    origin: list[int] = []
    n = len(text)
    i, next_slip = 0, _gap(slip_rate, chance)
    while i < n:
        char = text[i]
        if char == " ":
            if chance() >= dropped:
                chars.append(" ")
                origin.append(i)
            i += 1
            continue
        if i >= next_slip:
            next_slip = i + 1 + _gap(slip_rate, chance)
            if is_syllable(char):
                following = text[i + 1] if i + 1 < n and is_syllable(text[i + 1]) else ""
                written, used = _slip(char, following, rng)
                chars += written
                origin += [i] * len(written) if used == 1 else [i, *[i + 1] * (len(written) - 1)]
                i += used
                continue
        done = None
        if char in _SPELT and chance() < rates.word:
            done = _respelt(_SPELT[char], text, i, rng)
        if done is None and char in _SHORT and chance() < rates.initials:
            done = _respelt(_SHORT[char], text, i, rng)
        if done is not None:
            word, form = done
        elif char == "요" and (i + 1 == n or not is_syllable(text[i + 1])) and chance() < rates.polite_tail:
            word, form = char, _POLITE[int(chance() * len(_POLITE))]
        else:
            chars.append(char)
            origin.append(i)
            if char in _REPEATED and chance() < rates.longer:
                more = 1 + int(chance() * 3)
                chars += char * more
                origin += [i] * more
            i += 1
            continue
        chars += form
        origin += [i + k * len(word) // len(form) for k in range(len(form))]
        i += len(word)
    if len(chars) > 3 and chance() < rates.wrong_space:
        at = 1 + int(chance() * (len(chars) - 1))
        if " " not in chars[at - 1 : at + 1]:
            chars.insert(at, " ")
            origin.insert(at, INSERTED)
    if chars and chance() < rates.tail:
        tail = _TAILS[int(chance() * len(_TAILS))]
        chars += tail
        origin += [INSERTED] * len(tail)
    return Noisy("".join(chars), tuple(origin))


def _gap(rate: float, chance: Callable[[], float]) -> int:
    """Draw how many syllables are typed right before the next slip (geometric), with one random number."""
    if rate <= 0:
        return 1 << 30
    return 0 if rate >= 1 else int(math.log(1.0 - chance()) / math.log(1.0 - rate))


def _respelt(
    candidates: list[tuple[str, tuple[str, ...]]], text: str, at: int, rng: random.Random
) -> tuple[str, str] | None:
    for word, forms in candidates:
        if text.startswith(word, at):
            return word, forms[int(rng.random() * len(forms))]
    return None


def _slip(char: str, following: str, rng: random.Random) -> tuple[str, int]:
    """Write one syllable wrong, with the one after it where they change together; returns the text and how many it took."""
    roll = rng.random()
    initial, vowel, final = parts(char)
    if following and roll < 0.05 and char != following:
        return following + char, 2
    if following and roll < 0.2:
        after_initial, after_vowel, after_final = parts(following)
        if final in _CARRIED and after_initial == _SILENT:
            return join(initial, vowel) + join(_CARRIED[final], after_vowel, after_final), 2
        if not final and roll < 0.09 and after_initial in _TAKEN_BACK:
            return join(initial, vowel, _TAKEN_BACK[after_initial]) + join(_SILENT, after_vowel, after_final), 2
    elif roll < 0.24:
        return char + char, 1
    elif roll < 0.27:
        return INITIALS[initial] + char, 1
    elif roll < 0.3:
        return (join(initial, vowel) + FINALS[final] if final else INITIALS[initial] + VOWELS[vowel]), 1
    elif final and roll < 0.42:
        return join(initial, vowel), 1
    place = int(rng.random() * (3 if final else 2))
    table = (_NEAR if roll < 0.72 else _SOUND)[place]
    now = [initial, vowel, final]
    others = table[now[place]] or _NEAR[place][now[place]]
    if others:
        now[place] = others[int(rng.random() * len(others))]
    return join(*now), 1
