"""Numbers as people type them: amounts of won, ordinals, walking times and distances, found with their offsets."""

from __future__ import annotations

import re
from typing import NamedTuple

WALKING_M_PER_MIN = 80
"""Everyday walking speed; property listings in Korea use the same figure."""
RUNNING_M_PER_MIN = 150
CYCLING_M_PER_MIN = 250
DRIVING_M_PER_MIN = 400

_DIGITS = {"영": 0, "공": 0, "일": 1, "이": 2, "삼": 3, "사": 4, "오": 5, "육": 6, "륙": 6, "칠": 7, "팔": 8, "구": 9}
_SMALL_UNITS = {"십": 10, "백": 100, "천": 1000}
_LARGE_UNITS = {"만": 10_000, "억": 100_000_000}
_NATIVE = {"하나": 1, "한": 1, "첫": 1, "둘": 2, "두": 2, "셋": 3, "세": 3, "넷": 4, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8,
           "아홉": 9, "열": 10}  # fmt: skip
_TOKEN = re.compile(r"\d+(?:,\d{3})+|\d+(?:\.\d+)?|[영공일이삼사오육륙칠팔구]|[십백천만억]")


class Amount(NamedTuple):
    """An amount of won in a text, ``text[start:end]``; ``low == high`` unless it is a range or a band (만원대)."""

    start: int
    end: int
    low: int
    high: int


class Distance(NamedTuple):
    """A distance or travel time in a text, as metres."""

    start: int
    end: int
    metres: int


class Ordinal(NamedTuple):
    """Which of the things just shown; ``number`` counts from 1, and -1 is the last."""

    start: int
    end: int
    number: int


def parse_number(text: str) -> int | None:
    """Read a number in digits, in Korean, or mixed; None when it is not one.

    >>> parse_number("1만2천"), parse_number("육천오백"), parse_number("만오천"), parse_number("10,000")
    (12000, 6500, 15000, 10000)
    """
    text = text.replace(" ", "")
    tokens = _TOKEN.findall(text)
    if not tokens or "".join(tokens) != text or len(text) > 24:
        return None
    total = section = 0.0
    current: float | None = None
    for token in tokens:
        if token in _SMALL_UNITS:
            section += (1 if current is None else current) * _SMALL_UNITS[token]
            current = None
        elif token in _LARGE_UNITS:
            section += current or 0
            total += (section or 1) * _LARGE_UNITS[token]
            section, current = 0.0, None
        elif token in _DIGITS:
            current = (current * 10 if current is not None else 0) + _DIGITS[token]
        elif current is None:
            current = float(token.replace(",", ""))
        else:
            return None
    return round(total + section + (current or 0))


def to_korean(number: int) -> str:
    """Write a number from 0 up to 99,999,999 in Korean words, as people say it (만, not 일만).

    >>> to_korean(12000), to_korean(6500)
    ('만이천', '육천오백')
    """
    if number == 0:
        return "영"
    high, low = divmod(number, 10_000)
    words = "" if not high else ("" if high == 1 else _below_ten_thousand(high)) + "만"
    return words + _below_ten_thousand(low)


def _below_ten_thousand(number: int) -> str:
    names = "영일이삼사오육칠팔구"
    words = ""
    for unit, name in ((1000, "천"), (100, "백"), (10, "십"), (1, "")):
        digit, number = divmod(number, unit)
        if digit:
            words += ("" if digit == 1 and name else names[digit]) + name
    return words


def to_mixed(number: int) -> str:
    """Write a number the way prices are typed: digits with 만 and 천.

    >>> to_mixed(12000), to_mixed(6500), to_mixed(900)
    ('1만2천', '6천5백', '9백')
    """
    words = ""
    for unit, name in ((10_000, "만"), (1000, "천"), (100, "백"), (1, "")):
        digit, number = divmod(number, unit)
        if digit:
            words += f"{digit}{name}"
    return words or "0"


def band(low: int) -> int:
    """Return the top of the band an amount opens (만원대): its lowest non-zero unit decides.

    >>> band(10_000), band(5000), band(15_000)
    (19999, 5999, 15999)
    """
    unit = 1
    while low and low % (unit * 10) == 0:
        unit *= 10
    return low + unit - 1


_NEIGHBOURS = "일이|이삼|삼사|사오|오륙|오육|육칠|칠팔|팔구"
_ABOUT = re.compile(
    rf"(?P<before>만\s?)?(?:(?P<pair>{_NEIGHBOURS})|(?P<a>\d)\s?,\s?(?P<b>\d))(?P<unit>[만천백])(?:\s?원)?(?![가-힣]*\s?명)"
)
_THOUSANDS = re.compile(r"(?<![\d.a-z])(?P<n>\d{1,3}(?:\.\d)?)\s?k(?![a-z0-9])")
_NUMBER = (
    r"(?:(?:\d{1,3}(?:,\d{3})+|\d{4,})(?=만(?!\s?원))"  # 만 after so many digits is the particle (5000만 있어)
    r"|(?:\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?|[일이삼사오육륙칠팔구십백천만])"
    r"(?:[\d십백천만]|[일이삼사오육륙칠팔구](?=\s?[십백천만원])|\s(?=[\d일이삼사오육륙칠팔구]?[천백십])|\s(?=\d{3,4}\s?원))*)"
)
"""A digit said in words goes on only before its unit: the last letter of 8000이하, 칠천이요 is no two."""
_RANGE = r"\s*(?:~|-|〜|에서|부터|–)\s*"
_MONEY = re.compile(
    rf"(?P<half>반\s?만\s?원)|(?:(?P<low>{_NUMBER})\s?(?P<low_won>원)?{_RANGE})?(?P<high>{_NUMBER})\s?(?P<won>원|냥|won|₩)?(?P<band>\s?대(?![학기구로전신]))?"
)
_BARE_AFTER = re.compile(
    r"\s?(?:으로|로(?!만)|이하|미만|이상|초과|넘|안넘|정도|쯤|짜리|까지|안(?:에|으로|쪽|팎)|밖에|박에|바께|있|이내|내(?:로|외|에서)|언더|언저리|아래|선(?:에|으로|이|$)|컷|가지고|갖고|이면|으론|인데|뿐|밑|들고|이야|이요|이에요|이니|이라|임(?![가-힣])"
    r"|만\s?(?:있|남|들|가지|갖|$)|한도|남(?:았|은|아|음|네|더|는데|[지짐])|한\s?장|$|[,.?!~])"
)
_NOT_MONEY_AFTER = re.compile(
    r"\s?(?:명(?!동|란|태)|번(?!화)|보(?!다|쌈|리)|개(?!맛|꿀)|인분|년|월|일(?!\s|식|본)|시(?!켜|킬|장|원|청)|분(?!식)|초(?!밥|등|코)|m|km|미터|킬로|키로|점(?!심)|살|학년|호(?!떡|두)|층"
    r"|동(?!안|네)|가(?!지|까|게|격|성)|역(?!\s?(?:근처|앞))|배(?!고|달|불)|%|퍼|도(?=[가-힣])(?!시락|넛|토리|착)|대(?:학|기|구)|두(?!부|유|루)|화(?!덕)|세(?![가-힣]))"
)
"""Units of other things; 점심, 분식 or 시켜 only begin like one."""
_NOT_MONEY_BEFORE = re.compile(
    r"(?:번호|전화|연락처|비번|암호|비밀번호|토익|점수|팔로워|구독자?|조회수|레벨|전투력|버스|노선|모델|번지|걸음|반경|시속|칼로리)(?:는|은|가|이|도|만)?\s?$"
)
_AFTER_A_NUMBER = re.compile(r"\d-$")
"""Goes on a telephone number (010-1234-5000); a range is read from its first number."""
_OTHER_UNIT = re.compile(r"\s?(?:[kg](?![a-z])|칼로리|그램|년생|페이지|걸음)")
_HANGUL = re.compile(r"[가-힣]")
_MAY_BE_MONEY = re.compile(
    r"\d{3}|(?<!추)천|만(?!두|나|한(?!도)|들(?!고))|백|\d\s?k|[영공일이삼사오육륙칠팔구십]\s?(?:원|냥|won|₩)"
)
_PLAIN_WORDS = re.compile(
    r"(?:만[일이삼사오육칠팔구]천(?:[일이삼사오육칠팔구]?백)?|[일이삼사오육칠팔구]만[일이삼사오육칠팔구]?천|[오육칠팔구]천(?:[일이삼사오육칠팔구]?백)?)"
)
"""Words that are an amount even where neither won nor a particle follows."""


def find_amounts(text: str) -> list[Amount]:
    """Find amounts of won: 만원, 만 원, 10,000원, 1만2천원, 오천원, 만원대, 5천~8천, 반만원, 8000으로.

    >>> [(a.low, a.high) for a in find_amounts("5천~8천원이나 만원대")]
    [(5000, 8000), (10000, 19999)]
    """
    if not _MAY_BE_MONEY.search(text):
        return []
    found = _spoken_ranges(text)
    left = text
    for a in found:
        left = left[: a.start] + "\0" * (a.end - a.start) + left[a.end :]
    return _added_up(text, sorted([*found, *_amounts(left)], key=lambda a: a.start))


def counts_other_things(text: str, start: int, end: int) -> bool:
    """Tell whether the number ``text[start:end]`` is of something else than won: its unit, or the word before, says so.

    >>> counts_other_things("번호 7000", 3, 7), counts_other_things("9500 남음", 0, 4)
    (True, False)
    """
    before = _NOT_MONEY_BEFORE.search(text, max(0, start - 8), start)
    return bool(before or _NOT_MONEY_AFTER.match(text, end) or _OTHER_UNIT.match(text, end))


def _added_up(text: str, amounts: list[Amount]) -> list[Amount]:
    """Multiply notes and coins by how many there are, and add up those said together (천원짜리 두 장이랑 오백원 동전 네 개)."""
    if not amounts or not _PIECES.search(text):
        return amounts
    out: list[Amount] = []
    counted_to = -1
    for amount in amounts:
        pieces = _PIECES.match(text, amount.end) if amount.low == amount.high else None
        if pieces is None or (pieces["unit"] == "개" and not pieces["piece"].strip()):
            out.append(amount)
            counted_to = -1
            continue
        n = _NATIVE.get(pieces["n"]) or _NATIVE_BEFORE_NOUNS.get(pieces["n"]) or int(pieces["n"])
        total = Amount(amount.start, pieces.end() if n > 1 else amount.end, amount.low * n, amount.high * n)
        if counted_to >= 0 and _AND.fullmatch(text, counted_to, amount.start):
            before = out.pop()
            total = Amount(before.start, pieces.end(), before.low + total.low, before.high + total.high)
        out.append(total)
        counted_to = pieces.end()
    return out


_NATIVE_BEFORE_NOUNS = {"스무": 20, "서너": 3, "두세": 2}
_PIECES = re.compile(
    r"\s?(?P<piece>(?:짜리|동전|지폐)?\s?(?:동전|지폐)?)\s?(?P<n>\d{1,2}|한|두|세|네|다섯|여섯|일곱|여덟|아홉|열|스무)\s?(?P<unit>장|닢|개)"
)
_AND = re.compile(r"\s?(?:이랑|랑|하고|과|와|에다|에|,|그리고)?\s?")


def _spoken_ranges(text: str) -> list[Amount]:
    """Find what is said between two thousands (오륙천 원, 만 이삼천원, 5,6천원) and thousands written with a k (10k)."""
    found: list[Amount] = []
    for match in _ABOUT.finditer(text):
        before = text[match.start() - 1] if match.start() else " "
        after = text[match.end() : match.end() + 1]
        won = match.group().endswith("원")
        if (
            "가" <= before <= "힣"
            or before.isdigit()
            or before in ",."
            or (not won and "가" <= after <= "힣" and after not in "대짜정쯤으이안에만")
        ):
            continue
        low, high = (_DIGITS[d] for d in match["pair"]) if match["pair"] else (int(match["a"]), int(match["b"]))
        if low + 1 != high:
            continue
        unit, base = {"만": 10_000, "천": 1000, "백": 100}[match["unit"]], 10_000 if match["before"] else 0
        if not (base and unit == 10_000):
            found.append(Amount(match.start(), match.end(), base + low * unit, base + high * unit))
    for match in _THOUSANDS.finditer(text):
        won_k = round(float(match["n"]) * 1000)
        found.append(Amount(match.start(), match.end(), won_k, won_k))
    return found


def _amounts(text: str) -> list[Amount]:
    found: list[Amount] = []
    position = 0
    while match := _MONEY.search(text, position):
        amount = _amount(text, match)
        if amount is None:
            position = match.start() + 1
            if text[match.start()].isdigit():  # skip the whole run of digits: no "000원" out of "10-000원"
                position = max(position, match.end("high") if match.group("high") else position)
        else:
            found.append(amount)
            position = amount.end
    return found


def _amount(text: str, match: re.Match[str]) -> Amount | None:
    if match.group("half"):
        return Amount(match.start(), match.end(), 5000, 5000)
    high = parse_number(match.group("high"))
    if high is None:
        return None
    start, end, won = match.start(), match.end(), match.group("won")
    before = text[start - 1] if start else " "
    starts_with_digit = text[start].isdigit()
    if before.isdigit() or before in ".," or (_HANGUL.match(before) and not starts_with_digit and not won):
        return None
    if _HANGUL.match(before) and not starts_with_digit and before not in "은는이가도만랑고데":
        return None
    low = high
    if starts_with_digit and not won and _AFTER_A_NUMBER.search(text, max(0, start - 2), start):
        return None
    if match.group("low"):
        read = parse_number(match.group("low"))
        if read is None:
            return None
        low = read
        if low < 100 <= high:  # 5~8천: the unit is said once
            low *= 10_000 if match.group("high").rstrip().endswith("만") else 1000 if "천" in match.group("high") else 1
        if not low <= high or low < 100 or (low % 100 and not won):
            return None
    written = match.group("high")
    if not won:
        after = text[end:]
        if _NOT_MONEY_AFTER.match(after):
            return None
        units = sum(c in "만천" for c in written)
        if starts_with_digit and not units:
            if not (500 <= high <= 200_000 and _BARE_AFTER.match(after)) or high % 100:
                return None
            if _NOT_MONEY_BEFORE.search(text, max(0, start - 8), start):
                return None
        elif (
            not units
            or written in ("만", "천")
            or (
                not starts_with_digit
                and not _BARE_AFTER.match(after)
                and not ((not after or text[end - 1] == " ") and _PLAIN_WORDS.fullmatch(written.rstrip()))
            )
        ):
            return None
    if high < 100 or high > 10_000_000:
        return None
    if match.group("band"):
        high = band(high)
    return Amount(start, end - (len(text[start:end]) - len(text[start:end].rstrip())), low, high)


WALKABLE_M = 15 * WALKING_M_PER_MIN
"""A quarter of an hour on foot: farther is not called near enough to walk to."""
_MINUTES = re.compile(
    r"(?:(?P<how>걸어서|걸어|도보(?:로)?|뛰어서|뛰어가면|자전거(?:로)?|차로|차\s?타고)\s?(?:한\s)?)?(?P<n>\d{1,3}|[일이삼사오육칠팔구십]{1,3})\s?분(?P<far>\s?(?:(?:정도|쯤|내외)의?\s?)?거리|\s?컷)?(?P<walk>만?\s?(?:걸어|걸으|걸리는\s?(?:데|곳|거리)))?"
)
_SOON = re.compile(
    r"\s?(?:안(?:에|쪽|으로|(?=\s(?!걸[리려]|되|된|될|돼|됐|하[는고면]|해[서요]|했|자[고요]|먹|가[는고서요면]|갈|갔|왔|있|남[았은]|늦|넘|기다|쉬|매운|매워|맵|짠|느끼)[가-힣]{2}))|안\s?되는\s?거리|안\s?(?:걸리는|걸려서?\s?갈|넘는|넘게\s?걸리는)\s?(?:거리|데|곳|[가-힣]{0,4}(?:집|점|가게|식당))|이내|이하|미만|내로|내외)(?!.{0,9}(?:먹고|먹어야|끝|나와|들어가|주문))"
)
_METRES = re.compile(
    r"반경\s?(?P<around>\d{2,4})(?![\d,.]|\s?(?:k?m(?![a-z])|k(?![a-z])|미터|[킬키]로|분(?!식)|초|시간|정거장|정류장|블[록럭]|걸음|보(?!다)))"
    r"|(?P<n>\d[\d,]*(?:\.\d+)?|[일이삼사오육칠팔구십백천]{1,5}|반)\s?(?P<unit>km|킬로미터|킬로|키로|m(?![a-z])|미터)",
    re.I,
)
_MAY_BE_FAR = re.compile(r"[분m]|미터|[킬키]로|반경")


def find_distances(text: str) -> list[Distance]:
    """Find walking times and distances, as metres.

    >>> [d.metres for d in find_distances("걸어서 5분, 500미터, 1km, 10분 거리")]
    [400, 500, 1000, 800]
    """
    if not _MAY_BE_FAR.search(text):
        return []
    found = []
    for match in _MINUTES.finditer(text):
        how, minutes = match.group("how"), parse_number(match.group("n"))
        if minutes is None or not (how or match["far"] or match["walk"] or _SOON.match(text, match.end())):
            continue
        speed = WALKING_M_PER_MIN
        if how and how.startswith("뛰"):
            speed = RUNNING_M_PER_MIN
        elif how and how.startswith("자전거"):
            speed = CYCLING_M_PER_MIN
        elif how and how.startswith("차"):
            speed = DRIVING_M_PER_MIN
        end = match.start("far") if how and match["far"] else match.start("walk") if match["walk"] else match.end()
        found.append(Distance(match.start(), end, minutes * speed))
    for match in _METRES.finditer(text):
        if around := match.group("around"):  # a circle said without its unit is one of metres
            found.append(Distance(match.start(), match.end(), int(around)))
            continue
        kilo = match.group("unit").lower() not in ("m", "미터")
        written = match.group("n")
        if written == "반":
            if kilo:
                found.append(Distance(match.start(), match.end(), 500))
            continue
        if match.start() and _HANGUL.match(text[match.start() - 1]) and not written[0].isdigit():
            continue
        try:
            number = float(written.replace(",", "")) if written[0].isdigit() else float(parse_number(written) or 0)
        except ValueError:
            continue
        metres = int(number * (1000 if kilo else 1))
        if 10 <= metres <= 100_000:
            found.append(Distance(match.start(), match.end(), metres))
    return sorted(found, key=lambda d: d.start)


_ORDINAL = re.compile(
    r"(?P<native>첫|두|둘|세|셋|네|넷|다섯|여섯|일곱|여덟|아홉|열)\s?(?:번\s?째|째)|(?P<digit>\d{1,2})\s?(?:번\s?째|번(?!\s?(?:출구|먹|갔|가봤|가\s?봤|이나|정도|연속|버스|마을)))"
    r"|(?P<sino>일|삼|사|오)\s?번(?:째|(?=\s?(?:가게|집|식당|은|이|에|거|걸)))|(?P<first>맨\s?(?:처음|위|앞)(?:에?\s?(?:거|꺼|것))?)|(?P<last>마지막(?!\s?(?:으로|주문|인사))|맨\s?(?:끝|아래|밑|뒤))"
)
_MAY_BE_ORDINAL = re.compile(r"[번째맨막]")


def find_ordinals(text: str) -> list[Ordinal]:
    """Find which of the shown things is meant: 첫번째, 두 번째, 1번, 마지막.

    >>> [o.number for o in find_ordinals("두 번째 말고 3번, 아니 마지막")]
    [2, 3, -1]
    """
    if not _MAY_BE_ORDINAL.search(text):
        return []
    found = []
    for match in _ORDINAL.finditer(text):
        if match.start() and text[match.start() - 1].isdigit():
            continue
        if native := match.group("native"):
            number = _NATIVE[native]
        elif digit := match.group("digit"):
            number = int(digit)
        elif sino := match.group("sino"):
            number = _DIGITS[sino]
        else:
            number = 1 if match.group("first") else -1
        if number:
            found.append(Ordinal(match.start(), match.end(), number))
    return found
