"""Personal data as people say it: numbers in words, broken up, without a form; accounts of messengers and games; passwords."""

from __future__ import annotations

import re
from collections.abc import Iterator

_UNITS = "일이삼사오육륙칠팔구"
_NUMBER_WORD = rf"(?:[0-9{_UNITS}공영빵]|하나|둘|셋|넷|다섯|여섯|일곱|여덟|아홉|열)"
_FILLER = r"(?:[\s.,/\-·_ㅡ]{0,4}(?:이고요?|이구요?|이에요?|에다가?|에|다시|의|그\s?다음(?:은)?|그\s?뒤(?:는|에)?|마지막(?:은)?|은?\s?알지\??|하이픈|작대기|점)?[\s.,/\-·_ㅡ]{0,3})"
_RUN = re.compile(rf"{_NUMBER_WORD}(?:{_FILLER}{_NUMBER_WORD}){{6,20}}")
_MOBILE_START = re.compile(r"(?:0|공|영|빵|o)\W*(?:1|일|하나)\W?(?:0|공|영|빵|o|육|칠|6|7)")
_ASKED_FOR = re.compile(r"번호|전화|폰|연락|계좌|카드|주민|집전화|뱅크|은행")
_WON = re.compile(r"\s*(?:원|만|천\s?원|개|명|시|분|층|인분|번째|번\s?출구)")

_PLACE_NAME = r"[가-힣a-z0-9]{1,12}"
_HOME = r"(?:아파트|빌라|휴먼빌|빌|오피스텔|하이츠|타운|마을|하임|하우스|고시텔|고시원|원룸텔|원룸|맨션|연립|주택|레지던스|주공|캐슬|자이|푸르지오|래미안|힐스테이트|단지|모텔|여관|장(?=\s?\d))"
_COUNT = rf"(?:\d[\d\s]{{0,6}}\d|\d|[{_UNITS}십백천공영]{{1,6}}|[a-z]\s?\d{{0,3}}|[가-라])"
_NUMBER = rf"(?:\d[\d\s]{{0,6}}\d|\d|[a-z]\s?-?\s?\d{{1,4}}|[{_UNITS}십백천공영]{{2,6}}|[{_UNITS}])"
_ADDRESSES = (
    re.compile(
        rf"{_PLACE_NAME}{_HOME}\s?(?:{_COUNT}\s?동(?:에|\s)?\s?,?\s?)?(?:(?:반지하|지하|옥탑)\s?)?(?:\d{{1,3}}\s?층\s?)?{_NUMBER}\s?호(?!선|점|텔|프)"
    ),
    re.compile(rf"{_PLACE_NAME}{_HOME}\s?\d{{2,4}}\s?-\s?\d{{3,4}}"),
    re.compile(rf"(?<![가-힣\d]){_COUNT}\s?동(?:에|\s)?\s?,?\s?(?:\d{{1,3}}\s?층\s?)?{_NUMBER}\s?호(?!선|점|텔|프)"),
    re.compile(
        r"(?:(?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충청|전라|경상|제주)[가-힣]{0,5}\s)?(?:[가-힣]{1,4}[시군구]\s)[가-힣]{1,6}(?:로|길)\s?"
        rf"[{_UNITS}십백]{{1,5}}(?:번?길\s?[{_UNITS}십백]{{1,4}})?(?:\s{_COUNT}동)?(?:\s?{_NUMBER}호)?(?![가-힣])"
    ),
    re.compile(
        r"[a-z]+\s?(?:apt|apartment|villa|officetel)\.?\s?\d{1,4}(?:-?dong)?(?:[\s,]+\d{1,4}-?ho)?|\d{1,4}-?dong\s?\d{1,4}-?ho"
    ),
    re.compile(
        r"(?:#?\d{1,4},\s?)?\d{1,4}(?:-\d{1,4})?,?\s?[a-z]+(?:-ro|-gil|-daero)\b(?:,?\s?[a-z]+-(?:gu|si|do|dong))*"
    ),
)
_MARKET = re.compile(
    r"(?:시장|상가|푸드코트|푸드트럭|매대|백화점|마트|터미널|휴게소|전시장)(?:\s?(?:안|내|지하))?(?:에|의)?\s?$"
)
_MARKET_STALL = re.compile(
    r"(?:시장|상가|푸드코트|푸드트럭|매대|백화점|마트|터미널|휴게소)\s?[a-z0-9가-라]{0,3}\s?동?\s?\d"
)
_SOMEBODYS_HOME = re.compile(rf"\d\s?동[에\s,]*(?:\d{{1,3}}\s?층\s?)?{_NUMBER}\s?호|아파트")

_MAIL_WORDS = re.compile(
    r"(?:[a-z0-9._%+\-]+|[가-힣0-9]{2,12}|(?:[a-z0-9가-힣]\s){2,15}[a-z0-9가-힣]?|[a-z0-9])\s?(?:골뱅이|골뱅|@|\bat\b)\s?"
    r"(?:네이버|다음|한메일|지메일|구글|카카오|핫메일|아웃룩|naver|gmail|daum|hanmail|kakao|[a-z]{3,12})\s?(?:(?:점|닷|쩜|dot|\.)\s?(?:컴|넷|com|net|케이알|kr|co\s?kr))?"
)
_HANDLE = r"[@#]?[a-z0-9가-힣][a-z0-9가-힣._#\-!]{2,28}"
_PLATFORM = r"(?:카카오톡|카톡|ㅋㅌ|인스타그램|인스타|인별|insta|카아|ㅇㅅㅌ|페이스북|페메|페북|엑스|트위터|스냅챗|스냅|디스코드|디코|위챗|라인|텔레그램|텔레|로블록스|롤|발로란트|피파|닌텐도|제페토|스팀|밴드|블로그|틱톡|유튜브|마크|마인크래프트|배그|메이플|오버워치|브롤|게임|네이버|구글|학원앱|이클래스|당근)"
_ACCOUNT_WORD = r"(?:아이디|아디|아뒤|(?<![a-z])id(?![a-z])|계정|부계정|부계|본계|닉네임|닉|친구\s?코드|친코|젤리코드|구단주명|캐릭터?|유저명|캐릭터명|태그)"
_GIVES = r"\s?(?:는|은|이|가|를|을|좀|:)?\s?(?:[가-힣]{1,4}\s?){0,2}(?:줄\s?게|줄\s?께|주께|할\s?게|추가해|추가|친추|검색해|찾아|보내|걸어|여기|이거)(?:줘|요|여)?[\s:,.!~]*"
_IDS = (
    re.compile(r"(?<![a-z0-9._%+\-])@[a-z0-9_][a-z0-9_.]{2,29}"),
    re.compile(r"(?<![a-z0-9])[a-z0-9._]*[a-z][a-z0-9.]*_[a-z0-9._]*|(?<![a-z0-9])_[a-z0-9._]{3,}"),
    re.compile(r"(?<!\S)[a-z0-9가-힣]{2,16}#[0-9a-z]{3,5}(?![0-9a-z])"),
    re.compile(r"(?:blog|instagram|tiktok|youtube|facebook|x|cafe|open\.kakao|t)\.(?:naver\.)?(?:com|me)?/\S{3,40}"),
    re.compile(r"(?<![a-z])sw[\s\-]?\d{4}[\s\-]\d{4}[\s\-]\d{4}"),
    re.compile(
        rf"(?:{_PLATFORM}\s?)?(?:내\s)?{_ACCOUNT_WORD}\s?(?:는|은|가|이|:|=)?\s?(?P<n>[@]?(?=[^\s]*[a-z0-9_.#])(?=[^\s]*[a-z가-힣])[a-z0-9가-힣_][a-z0-9가-힣._#\-]{{2,28}})"
    ),
    re.compile(rf"{_PLATFORM}\s?(?:은|는|:)?\s?(?P<n>@?(?=[a-z0-9._]*[0-9_.])(?=[a-z0-9._]*[a-z])[a-z0-9._]{{4,30}})"),
    re.compile(rf"{_ACCOUNT_WORD}{_GIVES}(?P<n>@?[a-z][a-z0-9._\-]{{3,28}})"),
    re.compile(rf"{_PLATFORM}{_GIVES}(?P<n>@?(?=[a-z0-9._\-]*[0-9_.])[a-z][a-z0-9._\-]{{3,28}})"),
    re.compile(r"(?:인스타|카톡|디코|틱톡)\s(?P<n>(?:언더바|[a-z가-힣]{1,6})(?:\s?언더바\s?[가-힣a-z0-9]{1,8})+)"),
)
_SECRETS = (
    re.compile(
        r"(?:현관|공동\s?현관|도어락|자물쇠|집)\s?(?:비밀\s?번호|비번|번호)?\s?(?:는|은|이|가|:)?\s?(?P<n>[0-9]{4,8}\s?[*#별샵]?)"
    ),
    re.compile(
        r"(?:비밀\s?번호|비번|패스워드|(?<![a-z])pw|password)\s?(?:는|은|이|가|:|=)?\s?(?P<n>(?=[^\s]*[0-9a-z])[0-9a-z!@#$%^&*]{4,20})"
    ),
)
_PAPERS = (
    re.compile(
        r"(?:면허|보험증?|보험|여권|등록증?|학번|수험|학생증|회원|외국인\s?등록)\s?(?:번호)?\s?(?:는|은|이|가|:)?\s?(?P<n>[a-z]?\d[\d\-\s]{4,16}\d[a-z]?)"
    ),
    re.compile(r"(?<![a-z0-9])[mspgrd]\d{7,8}[a-z]?(?![a-z0-9])"),
)
_BIRTH_CONTEXT = re.compile(r"주민|민번|앞자리|뒷자리|뒤는|생년월일|외국인등록")
_SIX_OR_SEVEN = re.compile(r"(?<![0-9])(?:\d{6}\s?(?:-|ㅡ|다시|에)\s?\d{1,7}|\d{6,7})(?![0-9])(?!\s?원)")
_BIRTHDAY = re.compile(
    r"(?<![0-9])(?:19|20)?\d{2}\s?[.\-/년]\s?\d{1,2}\s?[.\-/월]\s?\d{1,2}\s?일?\s?(?=생)|(?:생일|생년월일)\s?(?:은|는|이|:)?\s?(?P<n>(?:19|20)\d{2}\s?[.\-/년]?\s?\d{1,2}\s?[.\-/월]?\s?\d{1,2})"
)
_FOUR_FOURS = re.compile(rf"(?<![0-9])\d{{4}}(?:{_FILLER}\d{{4}}){{3}}(?![0-9])")
_REST_OF_NUMBER = re.compile(
    r"(?:010|공일공)[^0-9]{1,12}(?P<n>\d{3,4}[\s.\-]{1,3}\d{4})(?![0-9])|01[016789][\s.\-]{1,3}(?P<m>\d{2}[\d\s.\-…]{6,14}\d)(?![0-9])"
)
_BANK = r"(?:카카오뱅크|카뱅|토스뱅크|토뱅|토스|케이뱅크|케뱅|국민|신한|우리|하나|농협|기업|제일|씨티|새마을금고|우체국|수협|신협|부산|대구|광주)\s?(?:은행|뱅크)?"
_ACCOUNTS = (
    re.compile(
        rf"{_BANK}\s?(?:계좌)?\s?(?:번호)?\s?(?:는|은|:)?\s?(?P<n>\d{{2,6}}(?:[\-\sㅡ]\d{{1,7}}){{1,4}}|\d{{10,14}})(?![0-9])"
    ),
)


_GIVEN_OUT = re.compile(
    r"번호|뒷자리|앞자리|자리만|자리\s?\d|cvc|씨브이씨|핀번호|카뱅|뱅크|계좌|뒤는|앞은|그\s?다음|공일공|호수|호는|코드|좌표|신용카드|여권|뒷면"
)
_PIECE = re.compile(
    r"(?<![0-9])(?:[a-z]\s)?\d(?:[\d\s.,/\-]{1,22}\d)(?![0-9])(?!\s?(?:원|명|개|시|분|층|인분|번째|번\s?출구|만|천|km|m\b|살|년|월|일|%|퍼))"
)
_BANK_NAMED = re.compile(r"체크카드|은행|농협|통장|유효기간")
_ACCOUNT_DIGITS = 10
"""Digits from which a number beside a bank's name is an account or a card; fewer are mostly money."""
_ROUND = re.compile(r"\d{1,4}00")
_SUM_AFTER = re.compile(r"\s?(?:이하|이상|정도|있|남|안쪽|원|~|까지|미만)")
_PART_NAMED_BEFORE = re.compile(r"(?:자리|뒤|앞|그\s?다음|번호|cvc|씨브이씨)\s?(?:는|은|가|이|:)?\s?$")
_SPOKEN_PIECE = re.compile(
    rf"(?<![가-힣])(?:[{_UNITS}공영빵둘셋]|하나){{4,9}}(?=로|에|이|이야|요|\s|$)(?:\s?에?\s?[{_UNITS}공영빵]{{4}})*"
)
_OF_PLACES = re.compile(
    r"버스|지하철|대기|주문|가게|식당|매장|와이파이|메뉴|번호표|호선|출구|바코드|쿠폰|제품|무슨|대표|[가-힣]집|분식|김밥|국밥|치킨|피자|전단|스티커|영업"
)
_HOUSE_PIECE = re.compile(
    r"(?<![0-9])\d{1,4}\s?(?:동|호)(?!선|점|텔)|[가-힣]{2,8}(?:아파트|빌라|마을|맨션|오피스텔)(?:\s?\d{1,4}\s?동)?"
)
_TAG = re.compile(r"(?<!\S)#[0-9a-z]{6,12}(?![0-9a-z])")
_SPELT = re.compile(
    r"(?:아이디|아뒤|계정|카톡|인스타)\s?(?:는|은|불러줄게|한글로)?\s?(?P<n>(?!아이디)(?:언더바\s?)?(?:(?:에이|비|씨|디|이|에프|쥐|에이치|아이|제이|케이|엘|엠|엔|오|피|큐|알|에스|티|유|브이|더블유|엑스|와이|제트|언더바|하루|점|쩜)\s?){3,}[공영일이삼사오육칠팔구\s]*|[가-힣]{2,8}[공영일이삼사오육칠팔구]{3,6})"
)
_MAIL_LIKE = re.compile(
    r"[a-z0-9._\-]{3,}\s?(?:앳|골뱅이|#|샵)\s?(?:네이버|다음|지메일|카카오|naver|gmail|daum|kakao)\s?(?:(?:쩜|점|닷|\.)\s?(?:컴|넷|com|net))?|(?:메일|지메일|네이버)\s?(?:앞부분|아이디|주소)?\s?(?:은|는)?\s?(?P<n>[a-z][a-z0-9._\-]*\d[a-z0-9._\-]*)|(?:주소는?\s)(?P<m>[a-z0-9\-]+\s?(?:쩜|점|\.)\s?(?:티스토리|tistory|네이버)(?:\s?(?:쩜|점|\.)\s?(?:컴|com))?)"
)


def _given_out(text: str) -> Iterator[tuple[str, int, int]]:
    """Pieces of a number in a message that says it gives one out, however it is cut up."""
    given_out = _GIVEN_OUT.search(text) is not None
    if not (given_out or _BANK_NAMED.search(text)) or _OF_PLACES.search(text):
        return
    kind = "phone"
    if re.search(r"카드|cvc|씨브이씨|핀번호|뒷면|유효", text):
        kind = "card"
    elif re.search(r"계좌|뱅|통장|농협|은행|미니", text):
        kind = "account"
    elif re.search(r"호수|호는|좌표", text):
        kind = "address"
        for match in _HOUSE_PIECE.finditer(text):
            yield kind, *match.span()
    for pattern in (_PIECE, _SPOKEN_PIECE):
        for match in pattern.finditer(text):
            if _is_a_sum(text, match) or not (given_out or sum(c.isdigit() for c in match.group()) >= _ACCOUNT_DIGITS):
                continue
            if len(re.sub(r"[^0-9가-힣]", "", match.group())) > 3 or "카드" in text or "cvc" in text:
                yield kind, *match.span()


def _is_a_sum(text: str, match: re.Match[str]) -> bool:
    """Whether three to six digits are money: said as a limit or round, and not named as part of a number."""
    digits = match.group().replace(",", "")
    if not (digits.isdecimal() and 3 <= len(digits) <= 6):
        return False
    if _PART_NAMED_BEFORE.search(text[: match.start()]):
        return False
    return _SUM_AFTER.match(text, match.end()) is not None or _ROUND.fullmatch(digits) is not None


def in_a_market(text: str, start: int, end: int) -> bool:
    """Whether what looks like an address is a stall (시장 A동 12호): the market's word is part of it or directly before."""
    found = text[start:end]
    if _SOMEBODYS_HOME.search(found):
        return False
    return _MARKET.search(text[:start]) is not None or _MARKET_STALL.search(found) is not None


def spans_of(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield (kind, start, end) of what is found in a folded text; spans of different kinds may overlap, first ones count.

    Kinds are those of ``privacy.PLACEHOLDERS``.
    """
    if "비번" in text or "비밀" in text or "현관" in text or "도어락" in text or "pw" in text:
        yield from _named("password", _SECRETS, text)
    n_ascii = sum("0" <= c <= "9" for c in text)
    if n_ascii >= 6:
        yield from _named("document", _PAPERS, text)
        if _BIRTH_CONTEXT.search(text) or "ㅡ" in text or "다시" in text:
            for match in _SIX_OR_SEVEN.finditer(text):
                if len(match.group()) > 7 or _BIRTH_CONTEXT.search(text):
                    yield "resident_number", *match.span()
        yield from _named("birthday", (_BIRTHDAY,), text)
        yield from _named("account", _ACCOUNTS, text)
        for match in _FOUR_FOURS.finditer(text):
            yield "card", *match.span()
        for match in _REST_OF_NUMBER.finditer(text):
            yield "phone", *match.span("n" if match["n"] else "m")
    yield from _runs(text)
    yield from _named("id", (_SPELT, _TAG), text)
    for match in _MAIL_LIKE.finditer(text):
        yield "email", *match.span("n" if match["n"] else "m" if match["m"] else 0)
    if "골뱅" in text or "@" in text or " at " in text:
        for match in _MAIL_WORDS.finditer(text):
            if "골뱅" in match.group() or "." in match.group() or "dot" in match.group() or "점" in match.group():
                yield "email", *match.span()
    if re.search(r"[a-z0-9_#]", text) or "언더바" in text:
        yield from _named("id", _IDS, text)
    if "호" in text or "-" in text or "길" in text or "로" in text or "dong" in text or "-ro" in text:
        for kind, start, end in _named("address", _ADDRESSES, text):
            if not in_a_market(text, start, end):
                yield kind, start, end
    yield from _given_out(text)


def _runs(text: str) -> Iterator[tuple[str, int, int]]:
    """Long runs of number words: seven or more that start like a mobile number, or that the message calls a number."""
    if sum(c in _UNITS or c in "공영빵0123456789" for c in text) < 7 and "섯" not in text:
        return
    for match in _RUN.finditer(text):
        found = match.group()
        if _WON.match(text[match.end() :]):
            continue
        n_ascii = sum("0" <= c <= "9" for c in found)
        starts = (
            _MOBILE_START.match(found) is not None
            or found[:2] in ("공이", "영이")
            or re.match(r"0\s?[2-6]", found) is not None
            or len(re.findall(_NUMBER_WORD, found)) >= 14
        )
        if not starts and (n_ascii or not _ASKED_FOR.search(text)):
            continue
        kind = "phone"
        if re.search(r"카드", text) and len(re.findall(_NUMBER_WORD, found)) >= 14:
            kind = "card"
        elif re.search(r"계좌|뱅크|은행|뱅\b", text):
            kind = "account"
        yield kind, match.start(), match.end()


def _named(kind: str, patterns: tuple[re.Pattern[str], ...], text: str) -> Iterator[tuple[str, int, int]]:
    for pattern in patterns:
        for match in pattern.finditer(text):
            group = "n" if "n" in pattern.groupindex and match["n"] else 0
            start, end = match.span(group)
            end -= len(match.group(group)) - len(match.group(group).rstrip(" .,-"))
            if end > start:
                yield kind, start, end
