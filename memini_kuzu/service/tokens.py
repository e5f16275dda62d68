"""Who a request comes from: one token for one memory, or a signed token for each of many users.

A user's token is a JSON Web Token (RFC 7519), signed with HMAC-SHA256 by the server's key. It says who the
user is (``sub``) and until when it holds (``exp``). One that holds only from later on (``nbf``), or is for
somebody in particular (``aud``), is refused; nothing else is looked at. `memini token` makes one; an
application with users of its own makes them with any JWT library.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import jwt

from memini_kuzu.errors import InputError, StoreError
from memini_kuzu.service.places import check_user

if TYPE_CHECKING:
    from jwt.types import Options

__all__ = ["SHORTEST_TOKEN", "Admission", "Anyone", "OneToken", "SignedTokens"]

ALGORITHM = "HS256"
"""The only one that is taken, whatever a token's head says."""

CLAIMS: Options = {"require": ["sub", "exp"], "verify_iat": False}
"""When a token was made (``iat``) decides nothing: the clock of who made it may be ahead of this one."""

SHORTEST_TOKEN = 16
"""Characters; `python -c "import secrets; print(secrets.token_urlsafe())"` makes 43."""

SHORTEST_KEY = 32
"""Bytes: as many as the signature has (RFC 7518, section 3.2)."""

DAY = timedelta(days=1)


class Admission(Protocol):
    """Says who a request comes from."""

    def user(self, token: str | None) -> str:
        """The user whom a token stands for.

        Parameters
        ----------
        token : str or None
            What the request brought as ``Authorization: Bearer …``.

        Returns
        -------
        str
            Empty where there are no users.

        Raises
        ------
        StoreError
            If it stands for nobody.
        """


class Anyone:
    """Lets every request in."""

    def user(self, token: str | None) -> str:  # noqa: ARG002 - see Admission
        """Nobody in particular."""
        return ""


class OneToken:
    """Lets in who brings one token.

    Parameters
    ----------
    token : str
        At least `SHORTEST_TOKEN` characters.

    Raises
    ------
    InputError
        If it is shorter.
    """

    def __init__(self, token: str) -> None:
        # as of a request: a header has no space around what it holds
        token = token.strip()
        if len(token) < SHORTEST_TOKEN:
            raise InputError(
                f"the token has {len(token)} characters; use {SHORTEST_TOKEN} or more random ones"
            )
        self._expected = token.encode()

    def user(self, token: str | None) -> str:
        """Nobody in particular; see `Admission`."""
        if token is None or not hmac.compare_digest(token.encode(), self._expected):
            raise StoreError("a bearer token is required: set MEMINI_TOKEN")
        return ""


class SignedTokens:
    """Tokens of users, all signed with one key.

    Parameters
    ----------
    key : str
        At least `SHORTEST_KEY` bytes, known to those who make tokens and to the server.

    Raises
    ------
    InputError
        If the key is shorter.

    Examples
    --------
    >>> tokens = SignedTokens("a key of thirty-two bytes or more")
    >>> tokens.user(tokens.issue("ada", days=30))
    'ada'
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        if len(self._key) < SHORTEST_KEY:
            raise InputError(
                f"the key has {len(self._key)} bytes; set MEMINI_KEY to {SHORTEST_KEY} or more random ones: "
                'python -c "import secrets; print(secrets.token_urlsafe(32))"'
            )

    def issue(self, user: str, *, days: float) -> str:
        """Make a token.

        Parameters
        ----------
        user : str
            Whose memory it opens.
        days : float
            How long it holds, from now; above 0.

        Returns
        -------
        str
            To be sent as ``Authorization: Bearer …``.

        Raises
        ------
        InputError
            If the user's name is empty or too long, or the time is none.
        """
        check_user(user)
        try:
            end = datetime.now(UTC) + days * DAY
        except (OverflowError, ValueError):
            end = None
        if end is None or days <= 0:
            raise InputError(f"days = {days:g}; pass how long the token holds, a number of days above 0")
        return jwt.encode({"sub": user, "exp": end}, self._key, ALGORITHM)

    def user(self, token: str | None) -> str:
        """The user whom a token names; see `Admission`."""
        if token is None:
            raise StoreError("a bearer token is required: set MEMINI_TOKEN to one that `memini token` makes")
        try:
            claims = jwt.decode(token, self._key, [ALGORITHM], options=CLAIMS)
        except jwt.ExpiredSignatureError:
            raise StoreError("the token has expired; get a new one") from None
        except jwt.MissingRequiredClaimError as error:
            raise StoreError(
                f"the token has no {error.claim!r}; it must say who it is for, and until when"
            ) from None
        # the other two: JSON that is nested deeply, numbers without end
        except (jwt.InvalidTokenError, RecursionError, OverflowError):
            # the reason may repeat what the token holds
            raise StoreError("the token is not one that this server's key has signed") from None
        user: str = claims["sub"]
        try:
            check_user(user)
        except InputError as error:
            raise StoreError(f"the token's user cannot be served: {error}") from None
        return user
