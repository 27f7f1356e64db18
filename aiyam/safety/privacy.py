"""Personal data found and masked before anything else sees a message: numbers, addresses, school with name, e-mail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from aiyam.safety.folding import Folded, fold
from aiyam.safety.person_names import names_in
from aiyam.safety.said_data import in_a_market, spans_of

PLACEHOLDERS = {
    "resident_number": "[주민번호]",
    "card": "[카드번호]",
    "phone": "[전화번호]",
    "account": "[계좌번호]",
    "email": "[이메일]",
    "address": "[주소]",
    "school": "[학교]",
    "name": "[이름]",
    "passport": "[여권번호]",
    "document": "[서류번호]",
    "birthday": "[생년월일]",
    "id": "[아이디]",
    "password": "[비밀번호]",
}
"""Kind → what stands in the text instead."""

_OF_A_SHOP = re.compile(
    r"(?:가게|식당|매장|본점|지점|고객센터|상담|대표번호|간판|전단지?|스티커|떡볶이|반점|[가-힣]{2}점|[가-힣]\s?(?:김밥|분식|치킨|피자|국밥|족발|카페|빵집)|(?:죽|만두|도시락|짜장면|국수|냉면|고기|떡|횟|빵|피자|치킨|국밥|분식|밥|찻|맛)집)"
    r"\s?(?:대표\s?)?(?:번호|전화)?\s?(?:번호)?(?:에|가|는|은|이)?\s?[:\s(]{0,3}$"
)
_READ_OFF_A_SIGN = re.compile(r"\s?(?:이?라고)\s?(?:써\s?있|써져|쓰여|적혀|붙어|나와)")
_FOR_ME = re.compile(
    r"(?:^|[\s,.!?])(?:나|내|난|저|전|제|나는|저는|내가|제가|나도|저희)(?=[\s,\d])|예약자|주문자|(?:여기|이리|이\s?번호)로\s?(?:전화|연락|문자|배달)|(?:전화|연락|문자)\s?(?:해\s?)?(?:줘|주세요|주라|좀)"
)
_OF_A_PERSON = re.compile(
    r"(?:내|제|우리|엄마|아빠|할머니|할아버지|이모|보호자|친구|동생)\s?(?:집|번호|전화|폰|핸드폰|연락처)|(?<![죽두락면밥스식킨자빵떡기국횟찻맛])집\s?전화|핸드폰|휴대폰|폰번호"
)
_MOBILE_NUMBER = re.compile(
    r"(?:\+?\s?82\W{0,3})?(?:0|공|영|빵|o)?\W{0,3}(?:1|일|하나)\W{0,3}[016789공영빵일육륙칠팔구]"
)
_HANGUL_DIGIT = {c: d for d, c in enumerate("영일이삼사오육칠팔구")} | {"공": 0, "륙": 6, "빵": 0, "하나": 1, "둘": 2}
_H = "공영빵일이삼사오육륙칠팔구"
_D = rf"[0-9{_H}]"
_SEP = r"(?:[\s.\-_/,·•()]{0,3}|\s?(?:에|다시|의|하이픈|대시|작대기)\s?)"
_NO_DIGIT_BEFORE = r"(?<![0-9])"
_SURNAMES = "김이박최정강조윤장임한오서신권황안송류유전홍고문양손배백허남심노하곽성차주우구민진지엄채원천방공현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국어은편용"
_NOT_A_NAME = re.compile(
    r"^(?:이름|이거|이건|이제|이번|이따|이미|이런|그런|우리|친구|오늘|오전|오후|한식|한번|한끼|한테|전화|전부|정말|진짜|지금|지난|주변|주문|주말|배고|배달|고기|고마|하고|하지|하나"
    r"|어디|여기|거기|저기|근처|맛집|급식|매점|학교|선생|학생|추천|도시|도착|인데|이고|이랑|인근|정문|후문|앞에|옆에|다니|다녀|이야|이에|입니|나와|나왔|마라|김밥|국수|우동|모두|모임|선배|반장"
    r"|안녕|안매|강추|서울|장소|방금|방학|조금|조용|신나|고등|남자|여자|남학|여학|노래|문제|문방|공부|공원|구내|차타|천천|현재|소풍|명이|금요|원래|용돈|은데|성적|민원|기분|기말|기억|생각|이쁜|이쁘|특이|어떻|어떤|유명|유치|양이|손님|임시|제일|제가)"
)
_NOT_A_ROAD = re.compile(
    r"^[가-힣]*?(?:으로|(?:^|[가-힣])(?:걸|거|카드|카|데|위주|별|따|새|바|서|그대|진짜|이|메뉴|볶이|하나|이하|짜리|자리|치즈|콜라|국수|최대|최소|제|그|절대|정도|순서|인분|마라|피자|버거|고기|라로|세트)로)\s?\d{1,5}$"
)


@dataclass(frozen=True)
class Masked:
    """A text with placeholders instead of personal data, and the kinds found, sorted."""

    text: str
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Rule:
    kind: str
    pattern: re.Pattern[str]
    group: int | str = 0


def _spaced(count: str) -> str:
    return rf"(?:{_D}{_SEP}){{{count}}}"


_MOBILE = rf"(?:0|공|영|빵)\s?{_SEP}(?:1|일|하나){_SEP}[016789공영빵일육륙칠팔구]{_SEP}(?:{_D}{_SEP}){{6,7}}{_D}"
_LEVEL = r"(?:초등학교|중학교|고등학교|대학교|특수학교|여고|여중|남고|남중|(?<=[가-힣]{2})초(?=\s|\d)|(?<=[가-힣]{2})중(?=\s|\d)|(?<=[가-힣]{2})고(?=\s|\d))"
_GRADE = (
    r"(?:[1-6일이삼사오육]\s?학년(?:\s?[0-9가-힣]{1,3}\s?반)?(?:\s?\d{1,2}\s?번)?|[1-6]\s?-\s?\d{1,2}(?!\d)(?:\s?반)?)"
)
_NAME = rf"[{_SURNAMES}][가-힣]{{1,3}}?"
_NAME_END = r"(?=(?:이라고|라고|이에요|예요|이야|야|입니다|이고요|이고|인데요|인데|이요|이라|이구|임|인)?(?:[\s,.!?~)\]]|$|[ㅋㅎㅠ]))"

_RULES = (
    _Rule("email", re.compile(r"[a-z0-9][a-z0-9._%+\-]*\s?(?:@|\(at\)|\[at\]|골뱅이)\s?[a-z0-9\-]+(?:\.[a-z0-9\-]+)*?(?:\s?(?:\.|점|닷|\(dot\))\s?(?:com|net|org|kr|co\s?\.\s?kr|ac\s?\.\s?kr|go\s?\.\s?kr|edu|io|me|컴|넷))+")),
    _Rule("email", re.compile(r"[a-z0-9][a-z0-9._%+\-]{2,}\s?골뱅이\s?(?:네이버|다음|지메일|한메일|카카오|[a-z]+)\s?(?:(?:점|닷|\.)\s?(?:컴|com|넷|net))?")),
    # 생년월일 + 성별 자리: 6 digits, 1-8, 6 digits (spaced, dashed, or Hangul)
    _Rule("resident_number", re.compile(
        rf"{_NO_DIGIT_BEFORE}{_D}{_SEP}{_D}{_SEP}[01공영빵일]{_SEP}{_D}{_SEP}[0-3공영빵일이삼]{_SEP}{_D}{_SEP}[1-8일이삼사오육륙칠팔]{_SEP}(?:{_D}{_SEP}){{5}}{_D}(?![0-9])"
    )),
    _Rule("resident_number", re.compile(rf"{_NO_DIGIT_BEFORE}\d{{2}}[01]\d[0-3]\d\s?-\s?[1-8](?:\d{{0,5}}\*{{1,6}}|\*{{6}}|x{{6}})")),
    _Rule("card", re.compile(rf"{_NO_DIGIT_BEFORE}(?:{_D}{{4}}{_SEP}){{3}}{_D}{{3,4}}(?![0-9])")),
    _Rule("card", re.compile(rf"{_NO_DIGIT_BEFORE}(?:{_D}{_SEP}){{15}}{_D}(?![0-9])")),
    _Rule("card", re.compile(rf"{_NO_DIGIT_BEFORE}3[47]\d{{2}}{_SEP}\d{{6}}{_SEP}\d{{5}}(?![0-9])")),
    _Rule("phone", re.compile(rf"(?:\+?\s?82{_SEP}0?\s?|{_NO_DIGIT_BEFORE})1[016789]{_SEP}\d{{3,4}}{_SEP}\d{{4}}(?![0-9])(?<=\d)")),
    _Rule("phone", re.compile(rf"\+?\s?82{_SEP}\(?0?\)?{_SEP}1[016789]{_SEP}(?:\d{_SEP}){{6,7}}\d(?![0-9])")),
    _Rule("phone", re.compile(rf"{_NO_DIGIT_BEFORE}(?<![{_H}]){_MOBILE}(?![0-9])")),
    _Rule("phone", re.compile(rf"{_NO_DIGIT_BEFORE}0(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|50\d?)\s?[)\-.\s]{{0,3}}\d{{3,4}}[\-.\s]{{0,3}}\d{{4}}(?![0-9])")),
    _Rule("phone", re.compile(rf"(?<![가-힣])(?:공|영|빵)\s?(?:이|삼일|삼이|삼삼|오일|칠공)\s?[에다\-]?\s?(?:[{_H}]{_SEP}){{7,8}}")),
    _Rule("phone", re.compile(rf"(?:폰|전화|핸드폰|휴대폰|연락처|내\s?번호)\s?번호?\s?(?:는|은|가|:)?\s?(?:{_D}{{3,4}}{_SEP}{_D}{{4}})(?![0-9])")),
    _Rule("account", re.compile(
        r"(?:계좌|통장|국민|신한|우리|하나|농협|기업|카카오(?:뱅크)?|토스(?:뱅크)?|새마을(?:금고)?|우체국|케이뱅크|수협|신협|은행)\s?(?:은행|뱅크)?\s?(?:계좌)?\s?(?:번호)?\s?(?:는|은|:)?\s?"
        r"(?P<n>\d{2,6}(?:[\-\s]\d{1,7}){1,4}\d|\d{10,14})(?![0-9])"
    ), "n"),
    _Rule("passport", re.compile(r"(?<![a-z0-9])[mspgrd]\d{8}(?![0-9])")),
    _Rule("address", re.compile(
        r"(?:(?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충북|충남|전북|전남|경북|경남|제주)[가-힣]{0,6}\s?)?(?:[가-힣]{1,5}(?:시|군|구)\s?)?(?:[가-힣0-9]{1,6}(?:읍|면|동)\s?)?"
        r"[가-힣0-9]{1,9}(?:로|길|대로)\s?(?:\d{1,4}\s?번?\s?(?:가|나|다|라|마|바)?길\s?)?(?:지하\s?)?\d{1,4}(?:\s?-\s?\d{1,4})?(?!\s?(?:분|원|시|명|개|번째|만|천|점|km|m|킬로|미터|이하|까지|인분|도\b)|가(?![가-힣]*길)|\d|[.,]\d)"
        r"(?:\s?번지)?(?:\s?,?\s?\(?[가-힣]{1,8}(?:동|아파트|빌라|맨션|타워)\)?)?(?:\s?,?\s?[가-힣a-z0-9]{1,10}(?:아파트|빌라|맨션|오피스텔|빌딩|타운|캐슬|자이|푸르지오|래미안))?"
        r"(?:\s?,?\s?(?:\d{1,4}|[가-하a-z])\s?동)?(?:\s?,?\s?(?:지하|반지하|b)?\s?\d{1,3}\s?층)?(?:\s?,?\s?[a-z]?\d{1,4}\s?호)?"
    )),
    _Rule("address", re.compile(r"(?:[가-힣a-z0-9]{1,12}(?:아파트|아파트먼트|빌라|맨션|오피스텔|주공|캐슬|자이|푸르지오|래미안|힐스테이트|단지)\s?(?:\d{1,2}\s?단지\s?)?)?(?:\d{1,4}|[가-하a-z])\s?동\s?,?\s?\d{1,4}\s?호(?!점|선)")),
    _Rule("address", re.compile(r"(?:[가-힣]{1,5}(?:시|군|구)\s?)?[가-힣]{1,5}\d{0,2}(?:동|리|가)\s?(?:산\s?)?\d{1,4}\s?-\s?\d{1,4}(?:\s?번지)?(?![0-9])(?:\s?(?:지하|반지하)?\s?\d{1,3}\s?(?:층|호))*")),
    _Rule("address", re.compile(r"(?:[가-힣]{1,5}(?:시|군|구)\s?)?[가-힣]{1,5}\d{0,2}(?:동|리)\s?\d{1,4}\s?번지(?:\s?(?:지하|반지하)?\s?\d{1,3}\s?(?:층|호))*")),
    _Rule("address", re.compile(r"[가-힣a-z0-9]{1,12}(?:아파트|빌라|오피스텔|맨션|주공|래미안|푸르지오|자이|힐스테이트|캐슬)\s?\d{2,4}\s?(?:동|-)\s?\d{3,4}\s?호?")),
    _Rule("school", re.compile(rf"(?<![가-힣])(?!(?:저는|나는|난|전|제가|내가|나|저|선생님|안녕하세요|안녕|동생은?|나눗셈을|지금|올해|이제|우리|언니는?|형은?|누나는?|오빠는?)\s)[가-힣]{{1,8}}\s?{_LEVEL}\s?(?:에서\s|에\s|다니는\s|다녀요?\s|의\s|\s)?{_GRADE}")),
    _Rule("name", re.compile(rf"(?:(?:내|제|저의|나의|우리\s?애|아이|딸|아들|동생|친구|본명)\s?)?(?<!가게 )(?<!식당 )(?<!메뉴 )(?<!음식 )(?<!동네 )(?<!가게)(?<!메뉴)(?:이름|성함|본명)\s?(?:(?:은|는|:)?\s?(?P<n>[{_SURNAMES}][가-힣]{{2}}(?=(?:이라고|라고|이에요|예요|에요|이야|야|입니다|이고요|이고|인데요|인데|이요|임)?(?:[\s,.!?~)\]]|$))|[{_SURNAMES}][가-힣](?=이야|입니다|이에요|예요)|[가-힣]{{2,3}}(?=(?:이)?(?:라고|야$|에요|예요)|입니다)))(?=(?:이라고|라고|이에요|예요|에요|이야|야|입니다|이고요|이고|인데요|인데|이요|임)?(?:[\s,.!?~)\]]|$))"), "n"),
    _Rule("name", re.compile(rf"(?:저는|나는|난|전)\s(?P<n>[{_SURNAMES}][가-힣]{{2}})(?=이라고|라고|입니다|이에요|예요|이야)"), "n"),
)  # fmt: skip

_AFTER_SCHOOL = re.compile(
    rf"\[학교\][\s,]*(?:에?\s?다니는\s?|학생\s?|인\s?|의\s?|이고\s?|이고요\s?)?(?:(?:저는|나는|난|이름은|이름)\s?)?(?P<n>[{_SURNAMES}][가-힣]{{1,2}}?)(?=(?:이라고|라고|이에요|예요|이야|야|입니다|이고요|이고|인데요|인데|이요|임|한테|이가|가|이는|는|이|은)?(?:[\s,.!?~)]|$))"
)
_SCHOOL_THEN_NAME = re.compile(
    rf"(?P<s>[가-힣]{{2,8}}(?:초등학교|중학교|고등학교|여고|여중))\s?(?:에?\s?다니는\s|학생\s|의\s)?(?P<n>[{_SURNAMES}][가-힣]{{2}})(?=(?:이라고|라고|이에요|예요|이야|야|입니다|이고요|이고|인데요|인데|임)(?:[\s,.!?~)]|$))"
)
_NAME_THEN_SCHOOL = re.compile(rf"(?<![가-힣])(?P<n>[{_SURNAMES}][가-힣]{{2}})\s?(?:은|는|이|가|,)?\s?(?=\[학교\])")


def mask(text: str) -> Masked:
    """Replace personal data with placeholders.

    Search runs on the folded text (width, dashes, invisible characters), replacement on the original, so that what is
    not personal data stays character for character. Prices, times, counts and menus are not touched.

    >>> mask("내 번호는 공일공 1234-5678이야").text
    '내 번호는 [전화번호]이야'
    >>> mask("만원으로 1시 30분에 먹을래").kinds
    ()
    """
    kinds: set[str] = set()
    folded = _with_digits_for_letters(fold(text))
    present = _hints(folded.text)
    for rule in _RULES:
        if present[rule.kind]:
            masked = _apply(rule, text, folded, kinds)
            if masked != text:
                text, folded = masked, _with_digits_for_letters(fold(masked))
    text = _mask_said(text, folded, kinds)
    for pattern in (_SCHOOL_THEN_NAME, _AFTER_SCHOOL, _NAME_THEN_SCHOOL):
        text = _mask_school_name(pattern, text, kinds)
    text = _mask_names(text, kinds)
    return Masked(text, tuple(sorted(kinds)))


def _mask_said(text: str, folded: Folded, kinds: set[str]) -> str:
    """Mask what is said without a form; of overlapping finds the first stands."""
    taken: list[tuple[int, int, str]] = []
    for kind, start, end in spans_of(folded.text):
        found = folded.text[start:end]
        if "[" in found or "]" in found or any(start < e and s < end for s, e, _ in taken):
            continue
        if kind == "phone" and _of_a_shop(folded.text, start, end):
            continue
        taken.append((start, end, kind))
    for start, end, kind in sorted(taken, reverse=True):
        first, last = folded.span(start, end)
        if text[first - 1 : first] == "[":
            continue
        text = text[:first] + PLACEHOLDERS[kind] + text[last:]
        kinds.add(kind)
    return text


def _mask_names(text: str, kinds: set[str]) -> str:
    found = sorted(set(names_in(text)), reverse=True)
    before = len(text)
    for start, end in found:
        if end > before:  # inside one that was masked already
            continue
        text = text[:start] + PLACEHOLDERS["name"] + text[end:]
        before = start
        kinds.add("name")
    return text


_LIKE_DIGITS = re.compile(
    r"(?<=[0-9ㅡ\-])[ol]+(?=[0-9ㅡ\-])|\bo1o(?=[\s\-.0-9o])|(?<=[\s\-])o(?=[0-9]{3})|(?<=[0-9]{4})ㅡ(?=[0-9])|(?<=[0-9]{6})ㅡ(?=[0-9])"
)


def _with_digits_for_letters(folded: Folded) -> Folded:
    """Read O1O-O667 as the number it is meant for, and ㅡ between digits as a dash; nothing moves."""
    letters = {"o": "0", "l": "1", "ㅡ": "-"}
    return Folded(
        _LIKE_DIGITS.sub(lambda m: "".join(letters.get(c, c) for c in m.group()), folded.text), folded.offsets
    )


def _hints(text: str) -> dict[str, bool]:
    """Which kinds can be there at all; most messages hold no digit, and then most rules need not run."""
    n_ascii = sum("0" <= c <= "9" for c in text)
    n_digits = n_ascii + sum(c in _H for c in text)
    return {
        "email": "@" in text or "골뱅이" in text or "at)" in text or "at]" in text,
        "resident_number": n_digits >= 7,
        "card": n_digits >= 14,
        "phone": n_digits >= 7,
        "account": n_ascii >= 9,
        "passport": n_ascii >= 8,
        "address": n_ascii >= 1,
        "school": "학년" in text or n_ascii >= 1,
        "name": any(word in text for word in ("이름", "성함", "본명", "저는 ", "나는 ", "난 ", "전 ")),
    }


def _apply(rule: _Rule, text: str, folded: Folded, kinds: set[str]) -> str:
    spans = []
    for match in rule.pattern.finditer(folded.text):
        start, end = match.span(rule.group)
        end = start + len(match.group(rule.group).rstrip(" .,-/()·•_"))
        if end > start and _plausible(rule.kind, folded.text, start, end):
            spans.append(folded.span(start, end))
    for start, end in reversed(spans):
        text = text[:start] + PLACEHOLDERS[rule.kind] + text[end:]
        kinds.add(rule.kind)
    return text


def _plausible(kind: str, text: str, start: int, end: int) -> bool:
    found = text[start:end]
    if "[" in found and "]" in found:  # never into a placeholder
        return False
    n_digits = len(re.findall(_D, found))
    n_ascii = sum(c.isdigit() for c in found)
    if kind == "phone" and _of_a_shop(text, start, end):
        return False
    if kind == "resident_number" and "바코드" in text and _is_bar_code(found):
        return False
    if kind == "address" and in_a_market(text, start, end):
        return False
    if kind == "phone":
        return (
            n_digits >= 7 and (n_ascii >= 3 or _hangul_share(found) >= 0.9) and not text[end:].lstrip().startswith("원")
        )
    if kind in ("card", "resident_number"):
        return n_ascii >= 6 or _hangul_share(found) >= 0.9
    if kind == "name":
        return not _NOT_A_NAME.match(found) and 2 <= len(found) <= 4
    if kind == "address":
        return n_ascii >= 1 and not _NOT_A_ROAD.match(found)
    return True


def _of_a_shop(text: str, start: int, end: int) -> bool:
    """Whether a number is a shop's: its name or sign stands directly before it; no mobile number, and nobody's own."""
    if _FOR_ME.search(text) or _OF_A_PERSON.search(text) or _MOBILE_NUMBER.match(text[start:end]):
        return False
    if "바코드" in text and _is_bar_code(text[start:end].rstrip(" 이")):
        return True
    before = text[:start].rstrip("0123456789-(). ") + " "
    return _OF_A_SHOP.search(before) is not None or _READ_OFF_A_SIGN.match(text, end) is not None


def _is_bar_code(found: str) -> bool:
    """Whether thirteen digits are no resident number: they begin with no day, or with Korea's 880 and are unbroken."""
    digits = re.sub(r"\D", "", found)
    if found == digits and digits.startswith("880"):
        return True
    try:
        date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return len(digits) == 13
    return False


def _hangul_share(found: str) -> float:
    letters = [c for c in found if c.isalnum()]
    return sum(c in _H or c.isdigit() for c in letters) / max(1, len(letters))


def _mask_school_name(pattern: re.Pattern[str], text: str, kinds: set[str]) -> str:
    for match in reversed(list(pattern.finditer(text))):
        if _NOT_A_NAME.match(match["n"]):
            continue
        start, end = match.span("n")
        text = text[:start] + PLACEHOLDERS["name"] + text[end:]
        kinds.add("name")
        if "s" in pattern.groupindex:
            start, end = match.span("s")
            text = text[:start] + PLACEHOLDERS["school"] + text[end:]
            kinds.add("school")
    return text
