"""Who is let in: those who know the token, by this machine's own name, from our own page.

The server listens on 127.0.0.1 only, but other users of the machine, and every web page that the
user has open, can send requests there. So

* a name that is not this machine's in ``Host`` is refused: somebody else's domain may point to
  127.0.0.1 (DNS rebinding);
* the address with the token in it is good for one thing: it sets a cookie and leads on to an
  address without a token, so that none ends up in a ``Referer``;
* browsers send cookies to all ports of a machine. Ours is for a path that nobody else knows, so
  that other servers on this machine are not told it;
* a foreign ``Origin`` is refused, whatever else is right;
* the page may load nothing from elsewhere, and no script that is not a file of ours.
"""

from __future__ import annotations

import hmac
import secrets

__all__ = ["COOKIE", "HEADERS", "Guard"]

COOKIE = "ptypy-view"
NAMES = ("127.0.0.1", "localhost")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What every answer says."""


class Guard:
    """The secrets of one server."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(32)
        """In the address that is printed."""
        self.cookie = secrets.token_urlsafe(32)
        """What a browser that has shown the token sends from then on."""
        self.room = f"/{secrets.token_urlsafe(9)}/"
        """Path that everything else lies beneath."""

    def knows_host(self, host: str) -> bool:
        """Say whether a request names this machine; any port, for it may come by a tunnel."""
        name, _, port = host.rpartition(":")
        return (name if port.isdigit() and name else host).lower() in NAMES

    def is_own(self, origin: str | None, host: str) -> bool:
        """Say whether a request comes from our own page, or from no page at all."""
        return origin is None or hmac.compare_digest(
            origin.lower().encode(), f"http://{host.lower()}".encode()
        )

    def opens(self, token: str) -> bool:
        """Say whether this is the token, in a time that does not depend on how much is right."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    def admits(self, cookie: str | None) -> bool:
        """Say whether a browser has shown the token before."""
        return cookie is not None and hmac.compare_digest(cookie.encode(), self.cookie.encode())
