"""Answers of the dialect: a status, a word or nothing, and the id of the request."""

from __future__ import annotations

from collections.abc import Mapping

from litestar.response.base import ASGIResponse

from query_api.answers import plain
from query_api.errors import RefusalError


class WordError(RefusalError):
    """A refusal by status and word."""

    def __init__(self, status: int, word: str = "") -> None:
        super().__init__(word)
        self.status = status


def word(text: str, headers: Mapping[str, str], status: int = 200) -> ASGIResponse:
    """A word, or nothing, without a media type, as the original answers."""
    answer = plain(text.encode("utf-8", "replace"), headers, status)
    del answer.headers["content-type"]
    return answer
