"""What the OpenAPI page shows: example bodies, and the error answers every route shares."""

from __future__ import annotations

from typing import Any

from apps.api.problems import MEDIA_TYPE

CHAT: dict[str, Any] = {
    "question": {
        "summary": "아이랑 갈 건강한 저녁 식당",
        "value": {"user_id": "demo-1", "message": "아이랑 갈만한 건강한 저녁 식당 추천해줘"},
    },
    "place and time": {
        "summary": "장소와 시각을 함께 보내기",
        "value": {
            "user_id": "demo-1",
            "message": "만원으로 먹을 수 있는 떡볶이",
            "context": {"district": "관악구", "now": "2026-03-02T18:30:00+09:00"},
        },
    },
}

RECOMMENDATIONS: dict[str, Any] = {
    "chicken": {
        "summary": "급식카드 되는 치킨집",
        "value": {
            "user_id": "demo-1",
            "chatbot_output": {
                "original_query": "급식카드 되는 치킨집 추천해줘",
                "intent": "FOOD_RECOMMENDATION",
                "confidence": 0.95,
                "entities": [{"entity": "food_type", "value": "치킨", "text": "치킨집", "start": 8, "end": 11}],
                "semantic_query": "급식카드 치킨",
                "filters": {"category": "치킨", "meal_card": True},
            },
            "top_k": 5,
        },
    }
}

FEEDBACK: dict[str, Any] = {
    "favourite": {
        "summary": "찜",
        "value": {"turn_id": "t-0123", "user_id": "demo-1", "shop_id": "s-1", "feedback_type": "favorited"},
    },
    "stars": {
        "summary": "별점과 이유",
        "value": {
            "turn_id": "t-0123",
            "user_id": "demo-1",
            "feedback_type": "rated",
            "satisfaction_score": 4,
            "reason": "가까워서 좋아요",
        },
    },
}

EVENT_STREAM: dict[str, Any] = {
    "description": "The turn's events",
    "content": {
        "text/event-stream": {
            "schema": {
                "type": "object",
                "description": "One event; data is JSON of the event's record, or of a problem for error.",
                "properties": {
                    "event": {"enum": ["understood", "candidates", "ranked", "text", "done", "error"]},
                    "data": {"type": "string"},
                },
                "required": ["event", "data"],
            },
            "example": 'event: text\ndata: {"kind":"text","text":"관악구에서 "}\n\n',
        }
    },
}

_WHY = {
    400: "The body is not JSON",
    403: "Not open to this caller",
    404: "No such turn, shop or session for this user",
    405: "The route does not take this method",
    413: "The body is over 64 kB",
    415: "The body is not declared as JSON",
    422: "A value breaks the contract; the detail says what was expected and what came",
    429: "Too many messages in a minute; Retry-After says how long to wait",
    500: "An error of ours, in the log",
    503: "Not loaded yet, or the store is busy",
}
_EVERYWHERE = (400, 413, 415, 422)


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI entries for the errors of a route, with those every route with a body has."""
    return {
        status: {
            "description": _WHY[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*_EVERYWHERE, *statuses})
    }
