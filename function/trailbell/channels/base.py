"""The shape of a channel, and what all channels need to render and to post.

``render`` is pure and keeps the vendor's limits; ``send`` posts one body and raises a ChannelError
that says whether to try again. Text that comes from an event is data: cleaned here, and set in
literal spans by each channel.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from time import time
from types import ModuleType
from typing import Annotated, Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

import urllib3
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo
from pydantic_core import from_json, to_json

from trailbell.deadline import TimeUp, deadline
from trailbell.errors import ChannelError, Verdict
from trailbell.model import Link, Message, Severity, Text, say
from trailbell.text import EMPTY

MARKS = {
    Severity.CRITICAL: "🟥",
    Severity.HIGH: "🟧",
    Severity.MEDIUM: "🟨",
    Severity.LOW: "⬜",
    Severity.INFO: "🟦",
}
LINE_LIMIT = 1000  # characters of one sentence: a title, a line
VALUE_LIMIT = 300  # characters of one value; a name in IAM ends at 64, an ARN at 2,048
COMMANDS_LIMIT = 900  # characters of all commands of a message
MORE = "…"
UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
"""What shows as nothing or turns the text around it: zero width, bidi controls, fillers, tags."""
CONTROL = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029]+")
SURROGATE = re.compile("[\ud800-\udfff]")

KEY = re.compile(r"[\x21-\x7e]{0,255}")

LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")
REFERENCES = ("env:", "ssm:", "secretsmanager:")


def resolved(value: object, info: ValidationInfo) -> object:
    """A secret that is named (``env:NAME``, ...) becomes its value, where somebody can look it up.

    A command that posts nothing gives no ``secret`` in the context, and looks nothing up.
    """
    look_up = (info.context or {}).get("secret")
    if look_up and isinstance(value, str) and value.startswith(REFERENCES):
        return look_up(value)
    return value


Secret = Annotated[SecretStr, BeforeValidator(resolved)]


def literal(secret: SecretStr) -> str | None:
    """The secret's value; None while it is only a name that nobody has looked up."""
    value = secret.get_secret_value()
    return None if value.startswith(REFERENCES) else value


def web_address(secret: SecretStr) -> SecretStr:
    """The form of a webhook's URL: https with a path, or http to this machine."""
    url = literal(secret)
    if url is None:
        return secret
    if not re.fullmatch(r"[\x21-\x5b\x5d-\x7e]+", url):  # printable ASCII, no backslash
        raise ValueError("is no URL: it holds spaces or other characters that a URL cannot")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port  # a wrong port raises
    except ValueError:
        raise ValueError("is no URL") from None
    local = parts.scheme == "http" and bool(LOOPBACK.fullmatch(host))
    if not host or (parts.scheme != "https" and not local):
        raise ValueError("must begin with https:// (plain http only to this machine)")
    if len(parts.path) < 2:
        raise ValueError("has no path: copy the whole webhook URL")
    return secret


def api_address(url: str) -> str:
    """The beginning of an API's URLs: https, or http to this machine."""
    web_address(SecretStr(f"{url.rstrip('/')}/method"))
    return url.rstrip("/")


def _severity(value: object) -> object:
    names = [str(severity) for severity in Severity]
    if isinstance(value, Severity):
        return value
    if not isinstance(value, str) or value.lower() not in names:
        raise ValueError(f"must be one of {', '.join(names)}")
    return Severity[value.upper()]


Receipt = dict[str, Any]
"""What a channel says of a message that it took, as JSON can hold it: for Message.reply_to."""


class Channel(BaseModel, ABC):
    """Somewhere to send messages. Fields are its settings; secrets are SecretStr."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: str
    name: str = ""
    min_severity: Annotated[Severity, BeforeValidator(_severity)] = Severity.INFO
    rules: tuple[str, ...] = ("*",)
    """Globs of rule ids."""
    accounts: tuple[str, ...] = ()
    """Account ids; empty means every account."""
    pace: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    """Seconds between posts from the sixth post of an invocation on; 0 switches it off."""
    fallback: str = ""
    """The name of the channel that gets what this one refuses for good."""

    help: ClassVar[str]
    """One line on what it takes, for the end of an error."""

    @abstractmethod
    def render(self, message: Message) -> dict[str, Any]:
        """The body to post. Pure: what is shown is what goes over the wire."""

    @abstractmethod
    def render_plain(self, message: Message) -> dict[str, Any]:
        """The same message without formatting, for a channel that refused the formatted one."""

    @abstractmethod
    def send(
        self, body: dict[str, Any], http: urllib3.PoolManager, timeout: urllib3.Timeout
    ) -> Receipt | None:
        """Post one body, or raise ChannelError.

        :returns: what a later message needs to answer this one; None where a channel has no
            threads.
        """


def find(package: ModuleType) -> dict[str, Callable[[], type[Channel]]]:
    """The types of channels and what loads each: a cold start loads only what it posts to."""
    names = [info.name for info in pkgutil.iter_modules(package.__path__) if info.name != "base"]
    return {name: partial(_load, f"{package.__name__}.{name}") for name in names}


def _load(module_name: str) -> type[Channel]:
    module = importlib.import_module(module_name)
    return next(
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Channel) and item is not Channel
    )


NO_RETRIES = urllib3.Retry(False, redirect=False)  # what urllib3 makes of False, made once
NEVER_SENT = (  # no connection came about
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.SSLError,
    urllib3.exceptions.LocationValueError,
)


class Answer(NamedTuple):
    """What a server said."""

    status: int
    text: str
    """At most 64 kB of it."""
    retry_after: float | None
    """Seconds, from the header."""

    @property
    def said(self) -> dict[str, Any]:
        """The object that the text is; empty where it is none."""
        try:
            said = from_json(self.text)
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}

    def refusal(
        self,
        word: str = "",
        verdict: Verdict | None = None,
        *,
        retry_after: float | None = None,
        change: dict[str, Any] | None = None,
        in_doubt: bool | None = None,
    ) -> ChannelError:
        """The error that this answer is.

        :param word: what of the answer's text may be told: never the text itself.
        :param verdict: what the status alone means, if it is not given.
        :param retry_after: seconds, where they stand in the body.
        :param in_doubt: whether it may have been posted, if the status alone does not say it.
        """
        return ChannelError(
            f"HTTP {self.status} {word}".rstrip(),
            verdict or by_status(self.status),
            retry_after=self.retry_after if retry_after is None else retry_after,
            change=change,
            in_doubt=self.status < 300 or self.status >= 500 if in_doubt is None else in_doubt,
        )


def post_json(
    url: str,
    body: dict[str, Any],
    http: urllib3.PoolManager,
    timeout: urllib3.Timeout,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Post a body as JSON, once, following no redirect. No error shows the URL.

    :param headers: more than the type of the content.
    :raises ChannelError: transient, where no answer came.
    """
    return post_bytes(url, encoded(body), http, timeout, headers)


def encoded(body: dict[str, Any]) -> bytes:
    """The body as JSON, as it goes over the wire."""
    try:
        return to_json(body)
    except ValueError:  # half a character, in a word of a user's own rule
        return json.dumps(body).encode()


def post_bytes(
    url: str,
    data: bytes,
    http: urllib3.PoolManager,
    timeout: urllib3.Timeout,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Post JSON that is encoded already; else as post_json."""
    problem, in_doubt = "", False
    try:
        with deadline(timeout.total):
            response = http.request(
                "POST",
                url,
                body=data,
                headers={"Content-Type": "application/json", **(headers or {})},
                timeout=timeout,
                retries=NO_RETRIES,
                redirect=False,
            )
    except (urllib3.exceptions.HTTPError, TimeUp) as error:
        problem = type(error).__name__  # its text and its context hold the URL
        in_doubt = not isinstance(error, NEVER_SENT)
    if problem:  # raised out here, where no context hangs on it
        raise ChannelError(f"no answer ({problem})", Verdict.TRANSIENT, in_doubt=in_doubt)
    text = response.data[: 1 << 16].decode("utf-8", "replace")
    return Answer(response.status, text, retry_after(response.headers.get("Retry-After")))


def by_status(status: int) -> Verdict:
    """What a status means where the body says nothing better."""
    transient = status in (408, 425, 429) or status >= 500
    return Verdict.TRANSIENT if transient else Verdict.PERMANENT


def retry_after(header: str | None, now: float | None = None) -> float | None:
    """Seconds to wait, from a Retry-After header in either of its forms.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after

    >>> retry_after("30"), retry_after("soon"), retry_after(None)
    (30.0, None, None)
    >>> retry_after("Thu, 01 Jan 1970 00:01:00 GMT", now=45)
    15.0
    """
    if not header:
        return None
    if re.fullmatch(r"\s*\d{1,9}(\.\d+)?\s*", header):
        return float(header)
    try:
        date = parsedate_to_datetime(header).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, date - (time() if now is None else now))


def seconds(value: object) -> float | None:
    """Seconds to wait, from the body of an answer; None where it names none."""
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e6 else None


def short_key(key: str) -> str:
    """A message's key as a header and a vendor's field can hold it.

    >>> short_key("a-key"), len(short_key("a key\\n"))
    ('a-key', 64)
    """
    return key if KEY.fullmatch(key) else hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def clean(value: str, limit: int = VALUE_LIMIT) -> str:
    """A value as it may be shown: on one line, nothing invisible in it, cut to the limit.

    >>> clean("admin\\u202egnp.exe\\x00")
    'admingnp.exe'
    """
    value = value[: 4 * limit]  # a document of 90 KB is not worth cleaning whole
    if not (value.isascii() and value.isprintable()):  # nearly always it is
        value = CONTROL.sub(" ", SURROGATE.sub("�", UNSEEN.sub("", value)))
    return cut(value.strip(), limit) or "(empty)"


def utc(time: datetime | None) -> str:
    """A time for machines: ``2026-03-17T16:09:52Z``; "" where there is none."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}" if time else ""


def cut(text: str, limit: int) -> str:
    """
    >>> cut("trail", 4)
    'tra…'
    """
    return text if len(text) <= limit else text[: limit - 1].rstrip() + MORE


def spans(
    text: Text, limit: int = VALUE_LIMIT, total: int = LINE_LIMIT
) -> Iterator[tuple[str, bool]]:
    """The pieces of a sentence and whether each is a value; no piece is empty.

    :param limit: characters of one value.
    :param total: characters of all pieces; what is beyond is cut.
    """
    for words, value in zip(text.words, (*text.values, None), strict=True):
        if words and total > 0:
            shown = words if len(words) <= total else cut(words, total)
            total -= len(shown)
            yield shown, False
        if value is not None and total > 0:
            shown = clean(value, min(limit, total))
            total -= len(shown)
            yield shown, True


def command_lines(message: Message) -> str:
    """The commands that fit, each on a line of its own: whole, as half of one is another."""
    shown = ""
    for command in message.commands:
        if len(shown) + len(command) < COMMANDS_LIMIT:
            shown += f"\n{command}" if shown else command
    return shown


def headline(message: Message) -> str:
    """Mark, severity and count: how bad, in a sign and a word. "" where nothing happened."""
    if message.severity is None:
        return ""
    # A message of counts has no rule, and says its number in the title; a run says it in the place.
    counted = message.count > 1 and message.rule and not message.follows
    times = f" ×{message.count:,}" if counted else ""
    return f"{MARKS[message.severity]} {str(message.severity).upper()}{times}"


def one_line(message: Message) -> Text:
    """Headline, place and title in a sentence: what a notification shows."""
    place = say(" ") + message.place + say(":") if message.place else EMPTY
    start = say(headline(message)) + place
    return start + say(" ") + message.title if start else message.title


def plain(text: Text) -> str:
    """A sentence as a terminal may show it."""
    return "".join(piece for piece, _ in spans(text))


def unlinked(text: Text) -> str:
    """The same for a reader that makes links by itself, such as a mail program.

    >>> unlinked(say("{} signed in", "https://evil.example"))
    'https[:]//evil.example signed in'
    """
    pieces = [
        piece.replace("://", "[:]//") if is_value else piece for piece, is_value in spans(text)
    ]
    return "".join(pieces)


def in_words(message: Message) -> str:
    """What a notification says, without the mark: for a subject, and for a voice on the phone."""
    line = CONTROL.sub(" ", unlinked(one_line(message)))
    return line.removeprefix(MARKS[message.severity]).strip() if message.severity else line


def link_label(link: Link) -> str:
    """The label where it stands alone: a group's links are labelled by their numbers."""
    return f"Event {link.label}" if link.label.isdecimal() else link.label
