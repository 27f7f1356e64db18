"""Slang, typing slips and odd characters brought to plain Korean, with a map back to the text as it was typed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from aiyam.korean.letter_scan import LetterScan
from aiyam.korean.numerals import parse_number

IN_LATIN: dict[str, str] = {
    "pizza": "피자", "chicken": "치킨", "fried chicken": "치킨", "burger king": "버거킹", "hamburger": "햄버거", "burger": "햄버거", "ramen": "라면", "ramyeon": "라면", "ramyun": "라면",
    "pasta": "파스타", "spaghetti": "스파게티", "sushi": "초밥", "noodle": "국수", "noodles": "국수", "udon": "우동", "curry": "카레", "salad": "샐러드", "sandwich": "샌드위치", "toast": "토스트",
    "hotdog": "핫도그", "hot dog": "핫도그", "tteokbokki": "떡볶이", "topokki": "떡볶이", "kimbap": "김밥", "gimbap": "김밥", "bibimbap": "비빔밥", "bulgogi": "불고기", "dumpling": "만두", "dumplings": "만두",
    "mandu": "만두", "jjajangmyeon": "짜장면", "jajangmyeon": "짜장면", "jjamppong": "짬뽕", "tonkatsu": "돈가스", "donkatsu": "돈가스", "cake": "케이크", "ice cream": "아이스크림", "steak": "스테이크", "bunsik": "분식",
    "guro": "구로구", "gangnam": "강남구", "gangdong": "강동구", "gangbuk": "강북구", "gangseo": "강서구", "gwanak": "관악구", "gwangjin": "광진구", "geumcheon": "금천구", "nowon": "노원구", "dobong": "도봉구", "dongdaemun": "동대문구",
    "dongjak": "동작구", "mapo": "마포구", "seodaemun": "서대문구", "seocho": "서초구", "seongdong": "성동구", "seongbuk": "성북구", "songpa": "송파구", "yangcheon": "양천구", "yeongdeungpo": "영등포구", "yongsan": "용산구", "eunpyeong": "은평구", "jongno": "종로구", "jungnang": "중랑구",
}  # fmt: skip
"""Foods and districts as people write them who type in English; each stands as a word of its own."""
REPLACEMENTS: dict[str, str] = {
    # the card
    "급카": "급식카드", "꿈나무 카드": "꿈나무카드", "급식 카드": "급식카드", "급식까드": "급식카드", "밥카드": "급식카드", "급식카트": "급식카드",
    # initials
    "ㅊㅊ": "추천", "ㅊㅈ": "추천", "ㅎㅇ": "하이", "ㅇㄷ": "어디", "ㄱㅅ": "감사", "ㄳ": "감사", "ㅂㅇ": "바이", "ㅂㅂ": "바이",
    "ㅇㅋ": "오케이", "ㄴㄴ": "노노", "ㅇㅇ": "응응", "ㄱㄱ": "고고", "ㄱㅊ": "괜찮", "ㅈㅅ": "죄송", "ㅁㅇ": "뭐임", "ㄹㅇ": "레알", "ㅁㄹ": "몰라",
    "ㅁㅎ": "뭐해", "ㅇㄸ": "어때", "ㅈㅁㅌ": "존맛탱", "ㅃㅃ": "바이", "ㅃㅇ": "바이", "ㄷㄷ": "덜덜", "ㅇㅈ": "인정", "ㄱㅁ": "그만",
    # dishes by their initials, and as pictures
    "ㄸㅂㅇ": "떡볶이", "ㄸㅃㅇ": "떡볶이", "ㅁㄹㅌ": "마라탕", "ㅁㄹㅅㄱ": "마라샹궈", "ㅌㅎㄹ": "탕후루", "ㅎㅂㄱ": "햄버거", "ㄷㄲㅅ": "돈가스", "ㄷㄱㅅ": "돈가스", "ㅌㅅㅇ": "탕수육", "ㅉㅈㅁ": "짜장면", "ㅉㅃ": "짬뽕", "ㅍㅈ": "피자", "ㄱㅂㅊㄱ": "김밥천국", "ㅍㅇㅈ": "편의점",
    "🍕": "피자", "🍗": "치킨", "🍔": "햄버거", "🍜": "라면", "🍣": "초밥", "🍦": "아이스크림", "🍰": "케이크", "🌭": "핫도그", "🍝": "파스타", "🍛": "카레", "🥗": "샐러드", "🍩": "도넛", "🥟": "만두", "🥪": "샌드위치", "🍟": "감자튀김",
    # slang
    "jmt": "존맛탱", "jonmattang": "존맛탱", "존맛": "존맛", "핵맛": "꿀맛", "머꼬": "뭐꼬", "머먹": "뭐 먹", "모먹": "뭐 먹", "뭐묵": "뭐 먹", "머묵": "뭐 먹",
    "무글": "먹을", "묵을": "먹을", "묵고": "먹고", "먹고싶": "먹고 싶", "먹고시퍼": "먹고 싶어", "먹구": "먹고", "먹꼬": "먹고", "가고시퍼": "가고 싶어",
    "시퍼": "싶어", "시픈": "싶은", "십어": "싶어", "싶퍼": "싶어", "알려조": "알려줘", "알려죠": "알려줘", "알려줘여": "알려줘요", "추천좀여": "추천 좀요",
    "추천해조": "추천해줘", "추천해죠": "추천해줘", "추쳔": "추천", "츄천": "추천", "추천점": "추천좀", "춫천": "추천", "차자줘": "찾아줘", "찾아조": "찾아줘", "차자조": "찾아줘",
    "갠찮": "괜찮", "괜춘": "괜찮은", "갠춘": "괜찮은", "괜찬": "괜찮", "갠차": "괜찮아", "개안은": "괜찮은", "갠적": "개인적", "어딨": "어디 있", "오디": "어디", "어디써": "어디 있어",
    "이써": "있어", "이수과": "있나요", "잇어": "있어", "잇나": "있나", "잇음": "있음", "잇는": "있는", "있써": "있어", "업어": "없어", "업서": "없어", "없서": "없어", "읎": "없",
    "마싯": "맛있", "마시써": "맛있어", "마싰": "맛있", "맛잇": "맛있", "맜있": "맛있", "마시있": "맛있", "마시따": "맛있다", "마싯따": "맛있다", "맛나는": "맛있는", "맛난": "맛있는", "마난": "맛난", "맛업": "맛없",
    "조은": "좋은", "조아": "좋아", "조타": "좋다", "만은": "많은", "마니": "많이", "만이 주": "많이 주", "시러": "싫어", "실어요": "싫어요", "가튼": "같은", "가치": "같이", "갓이": "같이",
    "쩜": "좀", "졈": "좀", "모야": "뭐야", "머야": "뭐야", "머 ": "뭐 ", "머있": "뭐 있", "뭐잇": "뭐 있", "머팔": "뭐 팔", "몰 팔": "뭘 팔", "며시": "몇시", "멷시": "몇시", "몃시": "몇시", "며씨": "몇시", "몆시": "몇시",
    "얼만": "얼만", "얼마에여": "얼마예요", "얼마임": "얼마야", "월마": "얼마", "어케": "어떻게", "어떡게": "어떻게", "어뜨케": "어떻게", "어뜩케": "어떻게", "안뇽": "안녕", "안뇨": "안녕", "앙뇽": "안녕", "하위": "하이", "헬로": "하이", "hi": "하이", "hello": "하이",
    "고마오": "고마워", "고마어": "고마워", "곰마워": "고마워", "고마버": "고마워", "감사함당": "감사합니다", "감사함니다": "감사합니다", "감삼다": "감사합니다", "땡큐": "고마워", "땡스": "고마워", "thx": "고마워", "thanks": "고마워", "thank you": "고마워", "쌩유": "고마워", "땡쓰": "고마워",
    "급처": "근처", "근쳐": "근처", "군처": "근처", "갑싼": "값싼", "쌘": "센", "ㅅㅐ우": "새우", "가까은": "가까운", "가까이": "가까이", "가까븐": "가까운", "가차운": "가까운", "걸어가": "걸어가", "거러서": "걸어서", "거러가": "걸어가",
    "매은": "매운", "메운": "매운", "맵은": "매운", "매웅": "매운", "메콤": "매콤", "안메운": "안매운", "달콤": "달콤", "담배칸": "담백한", "담백칸": "담백한", "시언한": "시원한", "뜨신": "뜨거운", "뜨뜻한": "따뜻한", "따듯한": "따뜻한", "따땃한": "따뜻한",
    "혼자서": "혼자서", "혼쟈": "혼자", "칭구": "친구", "친귀": "친구", "친그": "친구", "췬구": "친구", "동셍": "동생", "할무니": "할머니", "할매": "할매", "울엄마": "우리 엄마", "울아빠": "우리 아빠", "울 ": "우리 ",
    "점씸": "점심", "즘심": "점심", "전심": "점심", "쩜심": "점심", "저늑": "저녁", "저녘": "저녁", "저녂": "저녁", "져녁": "저녁", "아칠": "아침", "야쉭": "야식",
    "만언": "만원", "처넌": "천원", "천언": "천원", "마넌": "만원", "만넌": "만원", "마눤": "만원", "만눤": "만원", "쳐넌": "천원", "쳔넌": "천원", "쳔언": "천원", "처눤": "천원", "쳐눤": "천원", "쳔": "천", "오배권": "오백원", "육배권": "육백원", "칠배권": "칠백원", "팔배권": "팔백원", "구배권": "구백원", "백언": "백원",
    "차칸": "착한", "착칸": "착한", "착헌": "착한", "선항영": "선한영", "선항 영": "선한 영", "영향녁": "영향력", "착한가계": "착한가게", "착한 가계": "착한 가게", "머니": "머니", "배고파여": "배고파요", "배거파": "배고파", "베고파": "배고파", "배고퐈": "배고파", "배곱": "배고", "알러지": "알레르기", "알레르지": "알레르기", "알래르기": "알레르기", "앨러지": "알레르기", "알르레기": "알레르기",
    # dishes
    "떢볶이": "떡볶이", "떢뽁이": "떡볶이", "떡뽁이": "떡볶이", "떡볶기": "떡볶이", "떡복이": "떡볶이", "떡복기": "떡볶이", "떡뽂이": "떡볶이", "떡뽀끼": "떡볶이", "떡보끼": "떡볶이", "떡뽁기": "떡볶이", "떡볶의": "떡볶이", "떡볶 ": "떡볶이 ", "떡뽀이": "떡볶이", "덕볶이": "떡볶이",
    "찌게": "찌개", "찌계": "찌개", "찌깨": "찌개", "육계장": "육개장", "돈까스": "돈가스", "돈까쓰": "돈가스", "돈카츠": "돈가스", "돈가쓰": "돈가스", "동까스": "돈가스", "짜장면": "짜장면", "자장면": "짜장면", "짜쟝면": "짜장면", "짜장먼": "짜장면", "짬봉": "짬뽕", "짬뽀": "짬뽕", "잠뽕": "짬뽕", "탕슉": "탕수육", "탕수욕": "탕수육", "탕슈육": "탕수육",
    "마라땅": "마라탕", "말라탕": "마라탕", "마라탱": "마라탕", "마라턍": "마라탕", "마라샹거": "마라샹궈", "마라상궈": "마라샹궈", "치키": "치킨", "칰인": "치킨", "치낀": "치킨", "칰힌": "치킨", "치긴": "치킨", "치큰": "치킨", "치킹": "치킨", "통닭": "치킨", "핏자": "피자", "피짜": "피자", "핏짜": "피자", "피쟈": "피자", "핏쟈": "피자", "피챠": "피자",
    "햄버그": "햄버거", "햄벅": "햄버거", "햄버가": "햄버거", "함버거": "햄버거", "햄버ㄱㅓ": "햄버거", "버거": "버거", "샌드위취": "샌드위치", "쌘드위치": "샌드위치", "김빱": "김밥", "깁밥": "김밥", "긴밥": "김밥", "김반": "김밥", "쌀국슈": "쌀국수", "칼국슈": "칼국수", "칼국시": "칼국수", "칼궁수": "칼국수", "순대꾹": "순대국", "순댓국": "순대국", "국빱": "국밥", "굿밥": "국밥", "비빔빱": "비빔밥", "비빕밥": "비빔밥", "비빕밤": "비빔밥", "제육뽁음": "제육볶음", "재육": "제육", "재육볶음": "제육볶음", "불고게": "불고기", "삼겹쌀": "삼겹살", "삼겹삽": "삼겹살",
    "라멩": "라멘", "우둥": "우동", "카래": "카레", "스빠게티": "스파게티", "스파게리": "스파게티", "파스다": "파스타", "초빱": "초밥", "쵸밥": "초밥", "스시": "초밥", "토스투": "토스트", "케잌": "케이크", "케익": "케이크", "빙쑤": "빙수", "볶음빱": "볶음밥", "뽂음밥": "볶음밥", "뽁음밥": "볶음밥", "오무라이스": "오므라이스", "계란말이": "계란말이", "순두브": "순두부", "순뒤부": "순두부", "모밀": "메밀", "꼬치어묵": "어묵", "오뎅": "어묵", "만뚜": "만두", "낵면": "냉면", "넹면": "냉면", "라묜": "라면", "나면": "라면", "핫또그": "핫도그", "핫독": "핫도그",
    **IN_LATIN,
}  # fmt: skip
"""Typed form -> plain form, applied longest first on lower-case text."""

_WORD_ONLY = frozenset({"이수과", "hi", "hello", "thx", "thanks", "thank you", "jmt", "나면", "가치", "실어요", "전심", "스시", "머니", "만은", "긴밥", "김반", "오디", "치키", "울 ", "머 ", "떡볶 ", "재육", "존맛", "만이 주", "업어", "쩜", "할매"})  # fmt: skip
_ALONE = r"(?<![가-힣a-z])"
_COUNTED = r"(?:(?<![가-힣])|(?<=[일이삼사오육칠팔구십백천만]))"
_NO_WON = r"(?![덕니론어])"
"""Not won: 언덕, 언니, 언론, 언어."""
_AROUND: dict[str, tuple[str, str]] = {
    **dict.fromkeys(IN_LATIN, (r"(?<![a-z])", r"(?![a-z])")),
    **dict.fromkeys(_WORD_ONLY, (_ALONE, r"(?![가-힣a-z])")),
    **dict.fromkeys(("만언", "천언", "쳔언", "백언"), (_COUNTED, _NO_WON)),
    **dict.fromkeys(("마넌", "마눤"), (_COUNTED, "")),
    "차칸": (_ALONE, r"(?=\s?(?:가게|가계|까게|식당|음식|분식|밥|빵|집|사장|가격|데|곳))"),
    "착칸": (_ALONE, ""),
    "선항영": ("", "(?=[향양])"),
    "선항 영": ("", "(?=[향양])"),
    **dict.fromkeys(("착한가계", "착한 가계"), (r"(?<![정집밀])", r"(?!\s?(?:부|대출|소득|빚))")),
}
"""What must stand before and after a typed form that other words hold too (주차칸, 담백언니, 가계부)."""
_FIXED = {typed: plain for typed, plain in REPLACEMENTS.items() if typed != plain}


def _form(typed: str) -> str:
    """Return the pattern of one typed form; a picture may be repeated."""
    if ord(typed[0]) >= 0x1F000:
        return f"(?:{typed})+"
    before, after = _AROUND.get(typed, ("", ""))
    return before + re.escape(typed) + ("" if typed.endswith(" ") else after)


_SLANG = LetterScan({"slang": {typed: _form(typed) for typed in sorted(_FIXED, key=len, reverse=True)}})
_CLUSTER = re.compile("[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?|.", re.DOTALL)
_INVISIBLE = frozenset("\u200b\u200c\u200d\u2060\ufeff\u00ad\ufe0f")
_PLAIN = re.compile(r"[가-힣ㄱ-ㅣa-z0-9 ,.?!~]*")
_REPEAT = "ㅋㅎㅠㅜㅡ!?.~ ^;"
_REPEATED = re.compile(r"([ㅋㅎㅠㅜㅡ!?.~])\1\1|  ")
MAX_CHARS = 400
"""Longest text that is read; what follows is ignored (a child's message is rarely over 60 characters)."""


@dataclass(frozen=True)
class Normalised:
    """Plain text; character ``i`` stands for ``original[starts[i]:ends[i]]``."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the code-point offsets in the original of ``text[start:end]`` (end exclusive, not empty)."""
        return self.starts[start], max(self.ends[start:end])


def normalise(text: str) -> Normalised:
    """Bring typed text to plain Korean: composed, lower-case, slang and frequent slips replaced, repeats shortened.

    Any string is safe, lone surrogates and control characters too; at most ``MAX_CHARS`` characters are read.

    >>> normalise("급카되는 떢볶이 ㅊㅊㅋㅋㅋㅋ").text
    '급식카드되는 떡볶이 추천ㅋㅋ'
    """
    chars, starts, ends = _characters(text[:MAX_CHARS])
    plain = "".join(chars)
    out: list[str] = []
    new_starts: list[int] = []
    new_ends: list[int] = []
    at = 0
    for _, typed, first, last in _SLANG.find(plain):
        out.append(plain[at:first])
        new_starts += starts[at:first]
        new_ends += ends[at:first]
        replacement = _FIXED[typed]
        out.append(replacement)
        if len(replacement) == last - first:
            new_starts += starts[first:last]
            new_ends += ends[first:last]
        else:
            new_starts += [starts[first]] * len(replacement)
            new_ends += [ends[last - 1]] * len(replacement)
        at = last
    if not out:
        return Normalised(plain, tuple(starts), tuple(ends))
    out.append(plain[at:])
    return Normalised("".join(out), (*new_starts, *starts[at:]), (*new_ends, *ends[at:]))


def _characters(text: str) -> tuple[Sequence[str], Sequence[int], Sequence[int]]:
    simple = _PLAIN.fullmatch(text) is not None
    if simple and not _REPEATED.search(text):
        return text, range(len(text)), range(1, len(text) + 1)
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for match in _CLUSTER.finditer(text):
        piece = match.group()
        if not simple:
            piece = _plain_piece(piece)
        for char in piece:
            if char in _REPEAT and len(chars) >= 2 and chars[-1] == char and (char == " " or chars[-2] == char):
                continue
            if char == " " and chars and chars[-1] == " ":
                continue
            chars.append(char)
            starts.append(match.start())
            ends.append(match.end())
    return chars, starts, ends


def _plain_piece(piece: str) -> str:
    if piece in _INVISIBLE:
        return ""
    code = ord(piece[0])
    if code < 128:
        return piece.lower() if code >= 32 and code != 127 else " "
    if 0xAC00 <= code <= 0xD7A3:
        return piece
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    if 0x3131 <= code <= 0x3163:  # NFKC would turn loose keyboard jamo into half syllables
        return piece
    composed = unicodedata.normalize("NFKC", piece).lower()
    if len(composed) > 4:
        return "\ufffd"
    return "".join(" " if unicodedata.category(c)[0] in "CZ" and c != "\ufffd" else c for c in composed)


def same_spelling(left: str, right: str) -> bool:
    """Tell whether two surface forms are the same once normalised, spaces aside.

    >>> same_spelling("떢볶이", "떡볶이"), same_spelling("만 원", "10,000원")
    (True, True)
    """
    a, b = (normalise(t).text.replace(" ", "") for t in (left, right))
    if a == b:
        return True
    x, y = parse_number(a.removesuffix("원")), parse_number(b.removesuffix("원"))
    return x is not None and x == y
