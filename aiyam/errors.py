"""The error tree: what was expected, what came, what to do; plus the tables for HTTP codes and for a child's eyes."""

from __future__ import annotations


class AiyamError(Exception):
    """Base of every error this project raises on purpose.

    Args:
        message: what was expected and what came, in one sentence.
        hint: the next step for the person who reads it.
    """

    code = "internal"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InvalidInput(AiyamError):
    """A value from outside breaks its contract."""

    code = "invalid_input"


class NotFound(AiyamError):
    """A named thing (user, shop, turn, file, version) does not exist."""

    code = "not_found"


class Conflict(AiyamError):
    """The request contradicts what is already stored."""

    code = "conflict"


class StoreError(AiyamError):
    """The database cannot be opened, is newer than this code, or refused a write."""

    code = "store"


class ModelError(AiyamError):
    """A model folder is missing, damaged, or does not fit this code."""

    code = "model"


class DataError(AiyamError):
    """A data file cannot be read as what it claims to be."""

    code = "data"


class NotReady(AiyamError):
    """The service has not finished loading, or nothing has been trained yet."""

    code = "not_ready"


class TooManyRequests(AiyamError):
    """One caller sends more than the limit allows."""

    code = "rate_limited"


HTTP_STATUS: dict[type[AiyamError], int] = {
    InvalidInput: 422,
    NotFound: 404,
    Conflict: 409,
    DataError: 422,
    TooManyRequests: 429,
    NotReady: 503,
    StoreError: 503,
    ModelError: 503,
    AiyamError: 500,
}

CHILD_MESSAGE_KO: dict[type[AiyamError], str] = {
    InvalidInput: "앗, 그 말은 제가 읽기 어려워요. 조금 다르게 적어 줄래요?",
    NotFound: "찾는 게 지금은 안 보여요. 다른 걸로 물어봐 줄래요?",
    TooManyRequests: "잠깐 쉬었다가 다시 말 걸어 줘요!",
    NotReady: "아직 준비하고 있어요. 조금만 기다려 줘요!",
    AiyamError: "미안해요, 잠깐 문제가 생겼어요. 조금 뒤에 다시 말해 줄래요?",
}


def http_status(error: AiyamError) -> int:
    """Return the HTTP status code for an error, walking up its class tree.

    >>> http_status(NotFound("no shop s-1"))
    404
    """
    return next(HTTP_STATUS[cls] for cls in type(error).__mro__ if cls in HTTP_STATUS)


def child_message_ko(error: AiyamError) -> str:
    """Return the kind Korean sentence a child sees instead of this error."""
    return next(CHILD_MESSAGE_KO[cls] for cls in type(error).__mro__ if cls in CHILD_MESSAGE_KO)
