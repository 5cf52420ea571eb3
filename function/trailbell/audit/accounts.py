"""Which accounts there are, and a way into each of them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from trailbell import aws
from trailbell.errors import AwsError, ConfigError

SESSION = "trailbell-audit"
"""How the audited accounts' own trails name us."""
TRIES = 10
READ = 30.0  # seconds that an answer may take
AT_ONCE = 8  # accounts
HOMES = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""Partition -> the region that IAM is run from, and writes its events to.
https://docs.aws.amazon.com/general/latest/gr/iam-service.html
"""
ACTIVE = "ACTIVE"
NO_ROLE = "no --role was named"
ROLE = re.compile(r"(?:[\x21-\x7e]{1,510}/)?[\w+=,.@-]{1,64}", re.ASCII)

T = TypeVar("T")


class Account(NamedTuple):
    """An account, and why it is not looked at, if so."""

    id: str
    name: str
    skipped: str = ""


class Caller(NamedTuple):
    """Who asks."""

    arn: str
    account: str

    @property
    def partition(self) -> str:
        return self.arn.split(":")[1]


@dataclass(slots=True)
class Coverage:
    """What of an account could be read, and what not and why."""

    account: Account
    users: int = 0
    whole: bool = True
    """False where nothing of the account could be read."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """User ("" for the account itself) and what went wrong."""
    notes: list[tuple[str, str]] = field(default_factory=list)
    """The same of what is no failure: a user who was deleted meanwhile."""

    @property
    def status(self) -> str:
        if self.account.skipped:
            return "skipped"
        return "not read" if not self.whole else "partly read" if self.problems else "read"

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A row for the account and one for each user, as COVERAGE names the columns."""
        account = self.account
        own = [text for user, text in (*self.problems, *self.notes) if not user]
        why = "; ".join([account.skipped, *own] if account.skipped else own)
        yield account.id, account.name, "", self.status, str(self.users), why
        for user, text in self.problems:
            if user:
                yield account.id, account.name, user, "not read", "", text
        for user, text in self.notes:
            if user:
                yield account.id, account.name, user, "skipped", "", text


COVERAGE = ("account_id", "account_name", "username", "status", "users", "problem")


class Access:
    """The caller's way into accounts: their own credentials, or a role in each account."""

    def __init__(
        self, session: Any, caller: Caller, *, role: str = "", external_id: str = ""
    ) -> None:
        self.caller = caller
        self.role = role
        self.stopped = threading.Event()
        """Set when nobody waits any longer: who reads users looks at it."""
        self.covered: list[Coverage] = []
        """Of the accounts that were begun; their counts grow while they are read."""
        self._session = session
        self._external_id = external_id
        self._making = threading.Lock()  # a session is not made for two threads at once

    @classmethod
    def enter(cls, profile: str | None = None, *, role: str = "", external_id: str = "") -> Access:
        """
        :raises ConfigError: there are no credentials, AWS refuses them, or the role is no name.
        """
        if role and not ROLE.fullmatch(role):
            raise ConfigError(f"--role {role!r} is no name of a role, such as SecurityAudit")
        session = aws.session(profile)
        region = session.region_name or HOMES["aws"]
        try:
            sts = _client(session, "sts", region)
            said = aws.call(sts, "get_caller_identity")
        except AwsError as error:
            problem = error.code
        else:
            return cls(session, Caller(said["Arn"], said["Account"]), role=role,
                       external_id=external_id)  # fmt: skip
        if problem == "NoCredentialsError":
            raise ConfigError("no AWS credentials were found: `aws configure`, or name --profile")
        raise ConfigError(f"the AWS credentials do not work: {problem}")

    @property
    def home(self) -> str:
        """The region that IAM is run from."""
        return HOMES.get(self.caller.partition) or self._session.region_name or HOMES["aws"]

    def accounts(
        self, only: Sequence[str] = (), names: dict[str, str] | None = None
    ) -> list[Account]:
        """The accounts to look at, by their ids; of the organization's those that are active.

        Without a role it is the caller's own; the others are named as skipped.

        :param only: ids; others are left out, and asked for even where the organization is silent.
        :param names: id -> name, for accounts whose name nobody tells.
        :raises ConfigError: an account needs a role.
        :raises AwsError: the organization cannot be listed, and no account was named.
        """
        names = names or {}
        own = self.caller.account
        if not self.role and (strangers := [one for one in only if one != own]):
            raise ConfigError(
                f"--accounts {strangers[0]} is not the caller's own ({own}): --role is missing"
            )
        found: dict[str, Account] = {}
        try:
            found = self._organization()
        except AwsError as error:
            alone = not self.role or error.code == "AWSOrganizationsNotInUseException"
            if not only and not alone:
                raise
        if own not in found and (not self.role or not found):
            found[own] = Account(own, names.get(own) or self._alias() or own)
        if not self.role:
            found = {
                one.id: one if one.id == own else one._replace(skipped=one.skipped or NO_ROLE)
                for one in found.values()
            }
        if not only:
            return sorted(found.values())
        chosen = [found.get(one) or Account(one, names.get(one, one)) for one in {*only}]
        return sorted(chosen)

    def _organization(self) -> dict[str, Account]:
        """https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html

        ``State`` takes the place of ``Status``, which AWS is taking away.
        """
        client = self._own("organizations")
        found = {}
        for page in aws.pages(client, "list_accounts"):
            for one in page["Accounts"]:
                state = one.get("State") or one.get("Status") or "unknown"
                skipped = "" if state == ACTIVE else f"the account is {state}"
                found[one["Id"]] = Account(one["Id"], one.get("Name") or one["Id"], skipped)
        return found

    def _alias(self) -> str:
        """The name that an account gave itself; "" where it has none, or will not say."""
        try:
            said = aws.call(self._own("iam"), "list_account_aliases")
            return str(next(iter(said["AccountAliases"]), ""))
        except AwsError:
            return ""

    def clients(self, account: Account) -> Callable[[str], Any]:
        """Makes clients with credentials for the account, in the region of IAM.

        The caller's own account is looked at with the caller's own credentials.

        :raises AwsError: STS refused the role.
        """
        session = self._session
        if account.id != self.caller.account:
            arn = f"arn:{self.caller.partition}:iam::{account.id}:role/{self.role}"
            sts = self._own("sts")
            session = aws.assumed(
                sts, arn, SESSION, like=self._session, external_id=self._external_id
            )

        def make(service: str) -> Any:
            with self._making:
                return _client(session, service, self.home)

        return make

    def covering(self, account: Account) -> Coverage:
        """The account is begun: what its reader fills in."""
        coverage = Coverage(account)
        self.covered.append(coverage)
        return coverage

    def _own(self, service: str) -> Any:
        with self._making:
            return _client(self._session, service, self.home)

    def each(
        self, accounts: Sequence[Account], work: Callable[[Account], T]
    ) -> Iterator[tuple[Account, T | str]]:
        """Do the work for each account, several at a time; an account and what came of it.

        A text is why nothing came of it. What goes wrong with one costs no other.
        """
        todo = iter(accounts)
        running: dict[Future[T], Account] = {}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                while True:
                    for account in todo:
                        running[pool.submit(work, account)] = account
                        if len(running) >= AT_ONCE:
                            break
                    if not running:
                        return
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        account = running.pop(future)
                        try:
                            came: T | str = future.result()
                        except AwsError as error:
                            came = str(error)
                        except Exception as error:  # what nobody foresaw is this account's trouble
                            came = f"unforeseen: {type(error).__name__}"
                        yield account, came
            except BaseException:  # nobody waits any longer, as after Ctrl-C
                self.stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _client(session: Any, service: str, region: str) -> Any:
    return aws.client(
        service, tries=TRIES, region=region, read=READ, mode="adaptive", session=session
    )
