import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiyam.safety.folding import fold
from aiyam.safety.privacy import PLACEHOLDERS, mask

HANGUL = dict(zip("0123456789", "공일이삼사오육칠팔구", strict=True))
digits = st.text("0123456789", min_size=8, max_size=8)


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@given(digits, st.sampled_from(["-", "", " ", ".", "–", " - ", "－", "·"]), st.booleans())
def test_a_mobile_number_is_masked_in_any_writing(rest: str, separator: str, full_width: bool) -> None:
    number = f"010{separator}{rest[:4]}{separator}{rest[4:]}"
    number = wide(number) if full_width else number
    masked = mask(f"내 번호 {number} 이야")
    assert masked.text == f"내 번호 {PLACEHOLDERS['phone']} 이야"
    assert masked.kinds == ("phone",)


@given(digits)
def test_a_mobile_number_in_hangul_digits_is_masked(rest: str) -> None:
    spoken = "".join(HANGUL[c] for c in "010" + rest)
    assert spoken not in mask(f"번호는 {spoken} 이요").text


@given(
    st.dates(), st.integers(1, 8), st.text("0123456789", min_size=6, max_size=6), st.sampled_from(["-", "", " ", "–"])
)
def test_a_resident_or_foreigner_number_is_masked(day: object, sex: int, rest: str, separator: str) -> None:
    number = f"{day:%y%m%d}{separator}{sex}{rest}"
    masked = mask(f"주민번호 {number} 맞아?")
    assert number not in masked.text
    assert "resident_number" in masked.kinds


@given(st.text("0123456789", min_size=12, max_size=12), st.sampled_from(["-", "", " ", "."]))
def test_a_card_number_is_masked(rest: str, separator: str) -> None:
    number = separator.join(["9410", rest[:4], rest[4:8], rest[8:]])
    assert mask(f"카드 {number} 잔액").text == f"카드 {PLACEHOLDERS['card']} 잔액"


@given(
    st.from_regex(r"[a-z][a-z0-9._]{2,10}[a-z0-9]", fullmatch=True),
    st.sampled_from(["naver.com", "gmail.com", "sen.go.kr", "school.sen.go.kr"]),
)
def test_an_address_of_mail_is_masked(name: str, host: str) -> None:
    assert f"{name}@{host}" not in mask(f"메일은 {name}@{host} 예요").text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("서울 관악구 봉천로 12길 3 101동 202호 살아", "[주소] 살아"),
        ("우리집 신림동 1523-4 반지하 102호야", "우리집 [주소]야"),
        ("관악로 145 근처", "[주소] 근처"),
        ("봉천초등학교 3학년 2반 김민수", "[학교] [이름]"),
        ("김민수 봉천초 4학년", "[이름] [학교]"),
        ("내 이름은 김하늘이야", "내 이름은 [이름]이야"),
        ("국민은행 123456-01-123456", "국민은행 [계좌번호]"),
        ("abc123 골뱅이 네이버 점 컴", "[이메일]"),
        ("공일공에 1234에 5678", "[전화번호]"),
        ("+82 10-1234-5678", "[전화번호]"),
    ],
)
def test_free_text_is_masked(text: str, expected: str) -> None:
    assert mask(text).text == expected


@given(
    st.sampled_from(
        [
            "{n}원으로 먹을 데", "{n:,}원 이하", "{n}m 안에", "평점 4.{d}", "{h}시 {m}분에 갈게", "{h}:{m:02d}까지", "{d}번째 가게", "{d}명이서 {n}원",
            "김밥 {n}원 라면 {n}원", "{d}인분", "{n}원~{n}원", "걸어서 {m}분", "서울대입구역 {d}번 출구", "종로{d}가 맛집", "떡볶이로 {d}개", "편의점으로 {n}m 안",
        ]
    ),
    st.integers(100, 99_999),
    st.integers(1, 9),
    st.integers(0, 23),
    st.integers(0, 59),
)  # fmt: skip
def test_prices_times_counts_and_distances_are_not_masked(frame: str, n: int, d: int, h: int, m: int) -> None:
    text = frame.format(n=n, d=d, h=h, m=m)
    assert mask(text).text == text


@given(st.text(max_size=120))
def test_masking_any_text_is_safe_and_settles(text: str) -> None:
    once = mask(text)
    assert mask(once.text).text == once.text or mask(mask(once.text).text).text == mask(once.text).text


@given(st.text(max_size=60))
def test_folding_keeps_the_way_back(text: str) -> None:
    folded = fold(text)
    for i in range(len(folded.text)):
        start, end = folded.span(i, i + 1)
        assert 0 <= start < end <= len(text)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("배달 주문할게 02-345-6789 여기로 전화해줘", "345-6789"),
        ("나 02-345-6789인데 치킨 주문", "345-6789"),
        ("예약자 02-345-6789", "345-6789"),
        ("마트 옆 행복아파트 101동 1203호", "1203"),
        ("우리집은 시장 뒤 은천로 35 302호", "은천로 35"),
        ("바코드 110302-3123456", "3123456"),
        ("352,0044,9183,73 농협", "9183"),
        ("번호 뒷자리 3400이야", "3400"),
        ("나 박성구라고 해", "박성구"),
        ("할아버지 정봉구 할아버지가 짜장면 사준대", "정봉구"),
        ("급식카드에 이하율 이라고 이름 써있는데", "이하율"),
        ("친구할래? 카톡 아이디 알려줄게 minsu0101", "minsu0101"),
        ("라인 아이디 줄게 happyday", "happyday"),
        ("카톡 추가해 minsu0101", "minsu0101"),
    ],
)
def test_a_shop_word_or_a_market_elsewhere_in_the_message_excuses_no_personal_data(text: str, secret: str) -> None:
    assert secret not in mask(text).text


@pytest.mark.parametrize(
    "text",
    [
        "서울김밥 02-123-4567 여기 전화하면 돼?",
        "분식집 전화번호 02-345-6789 맞아?",
        "시장 A동 12호 순대집",
        "바코드 8801234567890 이거 무슨 과자야",
        "체크카드로 8000 이하 되는 데 알려줘",
        "통장에 12000 있어 뭐 먹지",
        "번호 붙여서 보여줘 8000 이하로",
        "국민은행 옆에 7000~9000",
        "급식카드 뒷면이 긁혔는데 되나? 한도 9500",
        "나 강서구인데 밥집 추천해줘",
        "나 강동구인데요",
        "나 금천구인데",
        "나 연희동인데",
        "나 옥수동인데",
        "나 홍제동인데",
        "나 우장산인데",
        "나 남태령인데",
        "나 김치전인데",
        "김말이라고 써 있는 데",
    ],
)
def test_budgets_districts_dishes_and_shops_are_not_personal_data(text: str) -> None:
    assert mask(text).text == text
