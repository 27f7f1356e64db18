"""Every sentence of the chat screen in Korean and English, in one table."""

from __future__ import annotations

import re
from typing import Literal

Language = Literal["ko", "en"]

TEXTS: dict[str, tuple[str, str]] = {
    # page
    "name": ("나비얌", "Naviyam"),
    "tagline": ("오늘 뭐 먹을지 같이 골라요", "Let's find you something good to eat"),
    "ai_notice": ("저는 사람이 아니라 AI예요", "I am an AI, not a person"),
    "ai_more": (
        "틀릴 수 있으니 가기 전에 가게에 한 번 확인해 주세요. 이름·전화번호·집 주소는 적지 않아도 돼요.",
        "I can be wrong, so check with the shop before you go. You never need to give your name, phone or address.",
    ),
    "synthetic": ("연습용 가상 데이터", "Synthetic demo data"),
    "synthetic_title": (
        "여기 나오는 가게와 사람은 모두 지어낸 것이에요",
        "Every shop and person here is made up",
    ),
    "welcome": (
        "안녕하세요! 저는 나비얌이에요. 먹고 싶은 것, 가고 싶은 곳, 쓸 수 있는 돈을 편하게 말해 주세요.",
        "Hi! I am Naviyam and I speak Korean. Tell me what you feel like eating, where, and for how much.",
    ),
    "try": ("이렇게 물어볼 수 있어요", "You can ask like this"),
    "settings": ("체험 설정", "Demo settings"),
    "persona": ("누구로 이야기할까요?", "Who is talking?"),
    "place": ("지금 어디에 있나요?", "Where are you?"),
    "place_profile": ("이 사람의 동네", "This person's neighbourhood"),
    "districts": ("구", "Districts"),
    "stations": ("역", "Stations"),
    "time": ("몇 시인가요?", "What time is it?"),
    "time_now": ("지금 시각", "Right now"),
    "time_breakfast": ("아침 8시", "Breakfast, 08:00"),
    "time_lunch": ("점심 12시 30분", "Lunch, 12:30"),
    "time_snack": ("오후 3시 30분", "Snack time, 15:30"),
    "time_dinner": ("저녁 6시 30분", "Dinner, 18:30"),
    "time_late": ("밤 10시", "Late, 22:00"),
    "new_chat": ("새 대화", "New chat"),
    "conversation": ("나비얌과 나눈 대화", "Conversation with Naviyam"),
    # composer
    "message": ("하고 싶은 말", "Your message"),
    "placeholder": ("먹고 싶은 걸 적어 주세요", "Write in Korean, please"),
    "send": ("보내기", "Send"),
    "stop": ("멈추기", "Stop"),
    "keys": ("Enter 보내기 · Shift+Enter 줄바꿈", "Enter sends · Shift+Enter starts a new line"),
    "too_long": (
        "조금 길어요! {max}자까지 읽을 수 있어요 (지금 {n}자). 적은 글은 그대로 두었어요.",
        "That is a bit long: I can read {max} characters (now {n}). Your text is still here.",
    ),
    # answer
    "you": ("나", "You"),
    "thinking": ("생각하고 있어요…", "Thinking…"),
    "looking": ("가게를 찾고 있어요…", "Looking for shops…"),
    "ranking": ("딱 맞는 순서로 고르는 중이에요…", "Putting them in order…"),
    "stopped": ("여기서 멈췄어요.", "Stopped here."),
    "lost": (
        "서버와 연결이 끊겼어요. 적은 글은 아래에 그대로 있으니 잠시 뒤 다시 보내 주세요.",
        "The server does not answer. Your text is still below; please send it again in a moment.",
    ),
    "broken": (
        "미안해요, 잠깐 문제가 생겼어요. 조금 뒤에 다시 말해 줄래요?",
        "Sorry, something went wrong. Please try again in a moment.",
    ),
    "again": ("다시 답해 줘", "Answer again"),
    "rejected": ("다른 답을 부탁했어요", "You asked for another answer"),
    "announce": ("나비얌이 답했어요. {text}", "Naviyam answered. {text}"),
    "more": ("가게 {n}곳 더 보기", "{n} more shops"),
    # card
    "why": ("왜 골랐어?", "Why this one?"),
    "won": ("{n}원", "₩{n}"),
    "open": ("영업 중", "Open"),
    "open_until": ("{time}까지 영업", "Open until {time}"),
    "break": ("쉬는 시간", "On a break"),
    "break_until": ("쉬는 시간, {time}에 다시 열어요", "On a break until {time}"),
    "closed": ("지금은 닫았어요", "Closed now"),
    "opens_at": ("{time}에 열어요", "opens {time}"),
    "open_unknown": ("영업시간 확인 필요", "Opening hours not known"),
    "card_yes": ("급식카드 돼요", "Meal card: yes"),
    "card_no": ("급식카드 안 돼요", "Meal card: no"),
    "card_unknown": ("급식카드 확인 필요", "Meal card: please check"),
    "good_shop": ("착한가게", "Good-influence shop"),
    "no_distance": ("거리 모름", "Distance unknown"),
    "no_price": ("가격 확인 필요", "Price not known"),
    "go": ("갈래요", "I'll go"),
    "ordered": ("주문했어요", "I ordered"),
    "favorite": ("♡ 찜", "♡ Save"),
    "saved": ("저장했어요", "Saved"),
    "stars_waiting": (
        "별 {n}개는 아직 저장하지 않았어요. '별점 보내기'를 눌러 주세요.",
        "Your {n} stars are not saved yet: press “Send stars”.",
    ),
    "not_saved": ("저장하지 못했어요. 다시 눌러 주세요.", "Not saved. Please try again."),
    # map
    "map": ("지도로 보기", "Map"),
    "map_about": (
        "가게 {n}곳의 위치. 숫자는 위 카드의 번호예요.",
        "Where the {n} shops are. The numbers are those of the cards.",
    ),
    "you_are_here": ("내 위치", "You"),
    "north": ("북", "N"),
    # feedback
    "was_it_good": ("이 답 어땠어요?", "How was this answer?"),
    "thumb_up": ("좋아요", "Good"),
    "thumb_down": ("별로예요", "Not good"),
    "stars": ("별점", "Stars"),
    "star_n": ("별 {n}개", "{n} stars"),
    "reason": ("이유 (안 골라도 돼요)", "Reason (optional)"),
    "reason_none": ("이유 고르기", "Choose a reason"),
    "reason_fits": ("내가 원한 거예요", "It was what I wanted"),
    "reason_near": ("가까워서 좋아요", "It is near"),
    "reason_price": ("가격이 안 맞아요", "The price does not fit"),
    "reason_far": ("너무 멀어요", "Too far"),
    "reason_taste": ("먹고 싶은 게 아니에요", "Not what I feel like eating"),
    "reason_wrong": ("정보가 틀렸어요", "Something is wrong"),
    "reason_words": ("말이 어려워요", "Hard to understand"),
    "give_stars": ("별점 보내기", "Send stars"),
    # turn panel
    "panel": ("어떻게 답했는지 보기", "How this answer came about"),
    "intent": ("의도", "Intent"),
    "confidence": ("확신", "confidence"),
    "reader": ("읽은 모델", "Read by"),
    "reader_trained": ("학습한 모델", "the trained model"),
    "reader_language_model": ("언어 모델", "the language model"),
    "reader_instead": ("언어 모델을 쓰지 않은 까닭: {why}", "not the language model: {why}"),
    "reader_why_safety": ("위험한 말은 밖에 묻지 않음", "danger is not sent elsewhere"),
    "reader_why_resting": ("거듭 실패해서 잠시 쉬는 중", "left alone after failures in a row"),
    "reader_why_unreachable": ("서버에 연결되지 않음", "server unreachable"),
    "reader_why_timeout": ("시간 안에 답이 없음", "no answer in time"),
    "reader_why_refused": ("서버가 거절함", "refused by the server"),
    "reader_why_not_json": ("정한 모양의 답이 아님", "not an answer of the agreed shape"),
    "reader_why_cut_off": ("답이 중간에 끊김", "answer cut off"),
    "reader_why_too_long": ("글이 너무 김", "text too long"),
    "reader_why_broken": ("언어 모델이 고장남", "language model broken"),
    "spans": ("알아들은 말", "What was understood"),
    "no_spans": ("따로 표시할 말이 없어요", "No spans"),
    "filters": ("조건", "Filters"),
    "none": ("없음", "none"),
    "funnels": ("후보", "Candidates"),
    "candidates_n": ("모두 {n}곳", "{n} in all"),
    "relaxed": ("늦춘 조건", "Relaxed"),
    "ranked": ("순위", "Ranking"),
    "shop": ("가게", "Shop"),
    "score": ("점수", "Score"),
    "times": ("걸린 시간", "Time"),
    "ms": ("{n} ms", "{n} ms"),
    "stage_understand": ("이해", "understand"),
    "stage_candidates": ("후보", "candidates"),
    "stage_rank": ("순위", "rank"),
    "stage_reply": ("답", "reply"),
    "stage_total": ("전체", "total"),
    "safety": ("안전", "Safety"),
    "grounding": ("사실 확인", "Grounding"),
    "grounded": ("모두 데이터와 같아요", "every fact stands in the data"),
    "ungrounded": ("데이터에 없는 말: {what}", "not in the data: {what}"),
    "versions": ("버전", "Versions"),
    "turn_id": ("턴 번호", "Turn id"),
    "when": ("시각", "When"),
    "chosen_time": ("답할 때 쓴 시각은 골라 둔 {time}", "answered for the chosen time {time}"),
    "copy": ("복사", "Copy"),
    "copied": ("복사했어요", "Copied"),
    "funnel_collaborative": ("비슷한 사람", "similar people"),
    "funnel_content": ("말과 메뉴", "words and menus"),
    "funnel_contextual": ("때와 장소", "time and place"),
    "funnel_popularity": ("인기", "popular"),
}

EXAMPLES = (
    "아이랑 갈만한 건강한 저녁 식당 추천해줘",
    "급식카드 되는 치킨집 추천해줘",
    "만원으로 먹을 수 있는 떡볶이",
    "지금 연 데 중에 가까운 곳",
)
"""What the first screen offers; Korean in both languages, since the bot speaks Korean."""

REASONS = ("fits", "near", "price", "far", "taste", "wrong", "words")
"""Keys of the reason menu; the Korean text is what is stored."""


def say(language: Language, key: str, **values: object) -> str:
    """Return one text with its values filled in.

    >>> say("ko", "won", n="8,000")
    '8,000원'
    """
    return TEXTS[key][0 if language == "ko" else 1].format(**values)


_WHEN_EN = (
    ("월요일", "Monday"), ("화요일", "Tuesday"), ("수요일", "Wednesday"), ("목요일", "Thursday"), ("금요일", "Friday"),
    ("토요일", "Saturday"), ("일요일", "Sunday"), ("내일", "tomorrow"), ("다음 날", "the next day"),
)  # fmt: skip
_HOUR_KO = re.compile(r"(?:밤|새벽) (\d{1,2})시(?: (\d{1,2})분)?|(?<!\d)0시(?: (\d{1,2})분)?")


def when(words: str, language: Language) -> str:
    """Return a time of ``aiyam.korean.clock`` in the language of the screen.

    >>> when("새벽 1시 30분", "en"), when("내일 11:00", "en"), when("밤 12시", "ko")
    ('01:30', 'tomorrow 11:00', '밤 12시')
    """
    if language == "ko":
        return words
    for korean, english in _WHEN_EN:
        words = words.replace(korean, english)
    return _HOUR_KO.sub(lambda m: f"{int(m[1] or 0) % 12:02d}:{int(m[2] or m[3] or 0):02d}", words)
