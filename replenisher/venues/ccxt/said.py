"""What an exchange said in an error, for people: its code and its words, out of the text that ccxt makes of an answer.

ccxt's text is mostly the exchange's name and the whole answer as JSON, each exchange's in its own shape. Whatever is no
such answer is told as it is.
"""

import json
from collections.abc import Iterator
from json import JSONDecodeError
from typing import Any

SHOWN_MAX = 300  # characters of a sentence; it may be a whole page of HTML
CODES = frozenset({"code", "retcode", "ret_code", "scode", "label", "errorcode", "error_code", "err_code"})
WORDS = frozenset(
    (
        *("message", "msg", "retmsg", "ret_msg", "smsg", "detail", "description", "reason"),
        *("error", "errors", "errormessage", "error_message", "err_msg"),
    )
)
NOTHING_WRONG = ("0", "1", "")  # where the code of a part says what the matter is


def said(text: str) -> str:
    """`13021 forbidden`; or the text, cut between two words if it is long."""
    answer = _answer(text)
    codes = [code for code in _codes(answer) if code not in NOTHING_WRONG]
    words = list(dict.fromkeys(_words(answer, is_told=False)))
    told = " ".join((*codes[-1:], ", ".join(words))) if words else text
    return told if len(told) <= SHOWN_MAX else told[:SHOWN_MAX].rpartition(" ")[0] + " ..."


def _answer(text: str) -> Any:
    begins = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
    if begins < 0:
        return None
    try:
        return json.JSONDecoder().raw_decode(text[begins:])[0]
    except JSONDecodeError:
        return None


def _codes(answer: Any) -> Iterator[str]:
    """The outermost first: the innermost is the one that says most."""
    if isinstance(answer, list):
        for each in answer:
            yield from _codes(each)
    if isinstance(answer, dict):
        for key, value in answer.items():
            if key.lower() in CODES and isinstance(value, str | int):
                yield str(value)
        for value in answer.values():
            yield from _codes(value)


def _words(answer: Any, *, is_told: bool) -> Iterator[str]:
    if isinstance(answer, str) and is_told and answer:
        yield answer
    if isinstance(answer, list):
        for each in answer:
            yield from _words(each, is_told=is_told)
    if isinstance(answer, dict):
        for key, value in answer.items():
            if key.lower() not in CODES:
                yield from _words(value, is_told=is_told or key.lower() in WORDS)
