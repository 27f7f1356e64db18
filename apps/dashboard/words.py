"""The dashboard's words in Korean and English, and which of the two this visitor reads."""

from __future__ import annotations

import streamlit as st

from aiyam.settings import Settings

LANGUAGES = {"ko": "한국어", "en": "English"}

WORDS: dict[str, tuple[str, str]] = {
    "overview": ("하루 지표", "Day at a glance"),
    "conversations": ("대화", "Conversations"),
    "language": ("언어", "Language"),
    "synthetic": ("합성 데이터: 실제 아이들의 대화가 아닙니다", "Synthetic data: not conversations of real children"),
    "mixed": ("합성 데이터가 섞여 있습니다", "Partly synthetic data"),
    "store_failed": ("저장소를 열 수 없습니다", "The store cannot be opened"),
    "store_failed_next": (
        "파일이 깨졌거나, 더 새로운 버전이 만든 저장소이거나, 주소(`AIYAM_DATABASE_URL`)가 다를 수 있습니다. `aiyam db check`로 살펴보고 백업으로 되돌리세요.",
        "The file may be damaged or made by a newer version, or the address (`AIYAM_DATABASE_URL`) another. Look with `aiyam db check`; restore a backup.",
    ),
    "error_detail": ("프로그램이 남긴 말", "What the program said"),
    "day": ("날짜", "Day"),
    "empty_title": ("아직 저장된 대화가 없습니다", "No conversation is stored yet"),
    "empty_next": (
        "`aiyam demo`로 채팅을 열고 한 마디 건네면 여기에 나타납니다.",
        "Open the chat with `aiyam demo` and say something; it will show up here.",
    ),
    "empty_day": ("이 날에는 대화가 없습니다.", "No conversation on this day."),
    "last_day": ("마지막 대화가 있는 날 보기", "Show the last day with conversations"),
    "total_turns": ("저장된 대화 턴", "Turns stored"),
    "total_feedback": ("저장된 피드백", "Feedback stored"),
    "kept_from": ("기록 기간", "Period on record"),
    "chatbot": ("대화", "Conversation"),
    "recommendation": ("추천", "Suggestions"),
    "system": ("시스템", "System"),
    "safety": ("안전", "Safety"),
    "response_satisfaction": ("평균 만족도", "Mean satisfaction"),
    "response_satisfaction_help": ("별점과 엄지의 평균 (1-5점, 엄지 위 5 · 아래 1)", "Mean of stars and thumbs (1-5; thumb up 5, down 1)"),
    "satisfied_rate": ("만족 비율", "Satisfied"),
    "satisfied_rate_help": ("별점과 엄지 가운데 4점 이상", "Share of stars and thumbs from 4 up"),
    "conversation_success_rate": ("대화 성공률", "Success"),
    "conversation_success_rate_help": (
        "가게를 보여 준 대화 가운데 하나를 고르거나 4점 이상을 준 비율",
        "Share of sessions with shops shown in which one was chosen or a score of 4 given",
    ),
    "click_through_rate": ("클릭률", "Click-through"),
    "click_through_rate_help": (
        "가게를 보여 준 턴 가운데 클릭·찜·주문이 있는 비율",
        "Share of turns with shops shown in which one was clicked, favourited or ordered",
    ),
    "conversion_rate": ("주문 전환율", "Conversion"),
    "conversion_rate_help": ("가게를 보여 준 턴 가운데 주문한 비율", "Share of turns with shops shown that led to an order"),
    "recommendation_diversity": ("추천 다양성", "Diversity"),
    "recommendation_diversity_help": (
        "한 목록의 두 가게가 서로 다른 종류일 확률의 평균 (0-1)",
        "Mean chance that two shops of a list differ in category (0-1)",
    ),
    "avg_recommendation_score": ("평균 추천 점수", "Mean score"),
    "avg_recommendation_score_help": ("보여 준 가게들의 모델 점수 평균", "Mean model score of the shops shown"),
    "daily_active_users": ("이용자", "People"),
    "daily_active_users_help": ("이 날 말을 건 서로 다른 이용자", "Different people who wrote that day"),
    "turns": ("턴", "Turns"),
    "turns_help": ("한 번 묻고 답한 것이 한 턴", "One message and its reply"),
    "p50_response_time_ms": ("응답 시간 중앙값", "Response time, median"),
    "p95_response_time_ms": ("응답 시간 95백분위", "Response time, 95th percentile"),
    "error_rate": ("오류율", "Errors"),
    "error_rate_help": ("사과로 답한 턴의 비율", "Share of turns answered with an apology"),
    "fallback_rate": ("템플릿 대체율", "Fallback"),
    "fallback_rate_help": (
        "답변 생성이 실패하거나 늦어 템플릿으로 바꾼 비율",
        "Share of turns whose reply backend failed or was slow, so a template answered",
    ),
    "blocked": ("거절", "Refused"),
    "blocked_help": ("안전 규칙에 따라 거절한 턴", "Turns the safety screen refused"),
    "escalated": ("어른에게 연결", "Escalated"),
    "escalated_help": ("도움 전화를 안내한 턴", "Turns answered with a help line"),
    "ungrounded": ("근거 없는 답변", "Ungrounded"),
    "ungrounded_help": (
        "데이터에 없는 내용이 들어가 교체된 답변",
        "Replies that stated what the data do not, and were replaced",
    ),
    "no_value": ("값 없음", "no value"),
    "mean_time": ("평균", "mean"),
    "interval_note": (
        "괄호 안은 95 % 구간입니다. 같은 사람이 여러 번 쓴 것을 감안해 넓혔습니다. 피드백은 그 턴의 날짜에 셉니다.",
        "In brackets the 95 % interval, widened for people who count more than once. Feedback counts on its turn's day.",
    ),
    "search": ("찾기", "Search"),
    "search_hint": ("메시지나 답변의 낱말", "Words of the message or the reply"),
    "intent": ("의도", "Intent"),
    "all": ("전체", "All"),
    "since": ("시작일", "From"),
    "until": ("종료일", "To"),
    "previous": ("‹ 이전", "‹ Previous"),
    "next": ("다음 ›", "Next ›"),
    "found": ("턴", "turns"),
    "none_found": ("조건에 맞는 대화가 없습니다.", "No conversation matches."),
    "clear": ("조건 지우기", "Clear filters"),
    "pick": ("표에서 한 줄을 고르면 그 턴의 전체 기록이 아래에 보입니다.", "Pick a row to see the whole turn below."),
    "time": ("시각", "Time"),
    "message": ("메시지", "Message"),
    "reply": ("답변", "Reply"),
    "shown": ("가게", "Shops"),
    "feedback": ("피드백", "Feedback"),
    "turn": ("턴 기록", "Turn"),
    "chosen_time": ("골라 둔 시각", "answered for"),
    "turn_missing": ("이 턴을 찾을 수 없습니다", "This turn cannot be found"),
    "turn_missing_why": (
        "{} 번호로 저장된 턴이 없습니다. 지워졌거나 주소가 잘못되었습니다.",
        "No turn is stored under {}. It was deleted, or the address is wrong.",
    ),
    "turn_unreadable": ("저장된 턴을 읽을 수 없습니다", "The stored turn cannot be read"),
    "understanding": ("이해", "Understanding"),
    "confidence": ("확신도", "Confidence"),
    "filters": ("조건", "Filters"),
    "no_filters": ("조건 없음", "No filters"),
    "funnels": ("후보 찾기", "Candidates"),
    "n_candidates": ("합친 후보", "merged candidates"),
    "relaxed": ("완화한 조건", "Relaxed"),
    "no_candidates": ("이 턴은 가게를 찾지 않았습니다.", "This turn looked for no shops."),
    "cards": ("보여 준 가게", "Shops shown"),
    "no_cards": ("보여 준 가게가 없습니다.", "No shops were shown."),
    "score": ("점수", "score"),
    "stages": ("단계별 시간", "Time by stage"),
    "total": ("전체", "total"),
    "versions": ("버전", "Versions"),
    "no_feedback": ("아직 피드백이 없습니다.", "No feedback yet."),
    "raw": ("원본 JSON", "Raw JSON"),
    "person": ("이용자", "Person"),
    "session": ("대화 묶음", "Session"),
    "backend": ("답변 방식", "Backend"),
    "reader": ("읽은 모델", "Read by"),
    "trained": ("학습한 모델", "trained model"),
    "language_model": ("언어 모델", "language model"),
    "experiment": ("실험", "Experiment"),
    "grounded_yes": ("근거 확인됨", "grounded"),
    "grounded_no": ("근거 없음", "ungrounded"),
    "answer": ("답변함", "answered"),
    "refuse": ("거절함", "refused"),
    "escalate": ("어른에게 연결", "escalated"),
    "mask": ("개인정보 가림", "personal data masked"),
    "good_shop": ("착한가게", "good shop"),
    "meal_card": ("급식카드 가능", "takes the meal card"),
    "open_until": ("{}까지 영업", "open until {}"),
    "collaborative": ("비슷한 취향", "collaborative"),
    "content": ("내용", "content"),
    "contextual": ("상황", "contextual"),
    "popularity": ("인기", "popularity"),
    "understand": ("이해", "understand"),
    "candidates": ("후보", "candidates"),
    "rank": ("순위", "rank"),
    "clicked": ("클릭", "clicked"),
    "ordered": ("주문", "ordered"),
    "favorited": ("찜", "favourited"),
    "rated": ("별점", "rated"),
    "thumb": ("엄지", "thumb"),
    "FOOD_RECOMMENDATION": ("음식 추천", "food"),
    "BUDGET_FOOD_INQUIRY": ("예산 추천", "food on a budget"),
    "GOOD_SHOP_INQUIRY": ("착한가게", "good shops"),
    "LOCATION_INQUIRY": ("근처", "what is near"),
    "OPENING_HOURS_INQUIRY": ("영업시간", "opening hours"),
    "MENU_INQUIRY": ("메뉴", "menu"),
    "SHOP_DETAIL": ("가게 정보", "shop detail"),
    "MEAL_CARD_INQUIRY": ("급식카드", "meal card"),
    "REFINE": ("다시 고르기", "refine"),
    "FEEDBACK": ("후기", "feedback"),
    "GREETING": ("인사", "greeting"),
    "THANKS": ("고마움", "thanks"),
    "HELP": ("도움말", "help"),
    "SMALL_TALK": ("잡담", "small talk"),
    "SAFETY": ("안전", "safety"),
    "OUT_OF_SCOPE": ("범위 밖", "out of scope"),
    "food_type": ("음식 종류", "food type"),
    "menu": ("메뉴", "menu"),
    "shop_name": ("가게 이름", "shop"),
    "budget": ("예산", "budget"),
    "location": ("장소", "place"),
    "companion": ("같이 먹는 사람", "company"),
    "dietary_preference": ("식단", "diet"),
    "taste": ("맛", "taste"),
    "allergy": ("알레르기", "allergy"),
    "time_of_day": ("때", "time of day"),
    "atmosphere": ("분위기", "atmosphere"),
    "payment": ("결제", "payment"),
    "distance": ("거리", "distance"),
    "ordinal": ("순서", "ordinal"),
}  # fmt: skip
"""Key to (Korean, English)."""


def language() -> str:
    """Return the visitor's language: chosen in the sidebar, else the address's (``?lang=en``), else the setting's."""
    chosen = st.session_state.get("language")
    if chosen in LANGUAGES:
        return str(chosen)
    asked = st.query_params.get("lang", "")
    return asked if asked in LANGUAGES else Settings().language


def word(key: str) -> str:
    """Return one word in the visitor's language."""
    korean, english = WORDS[key]
    return english if language() == "en" else korean


def word_of(name: str) -> str:
    """Return the word for a machine name, or the name itself where there is none."""
    return word(name) if name in WORDS else name
