"""Who is let in, and what may be asked for."""

import http.client
import re
import socket
import urllib.parse

import pytest

from ptypy.web._preparation import Preparation

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(scope="module")
def server(beamtime):
    from ptypy.web._view import make_server

    subject = Preparation(beamtime[0] / "detector.h5")
    subject.look()
    made = make_server(subject)
    made.start()
    yield made
    made.stop()


def ask(server, path, method="GET", host=None, **headers):
    """Send a request; give the status, the headers and the content."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers={"Host": host or f"127.0.0.1:{server.port}", **named})
    answer = connection.getresponse()
    content = answer.read() if answer.status != 101 else b""
    connection.close()
    return answer.status, answer.headers, content


@pytest.fixture(scope="module")
def entered(server):
    """Show the token as a browser does; give the room and the cookie."""
    status, headers, _ = ask(server, f"/?token={server.guard.token}")
    assert status == 302
    return headers["Location"], headers["Set-Cookie"].partition(";")[0]


def test_nobody_is_let_in_without_the_token(server, entered):
    room, _ = entered
    for path in ("/", room, f"{room}common.js", f"{room}socket", "/?token=", "/anything"):
        assert ask(server, path)[0] == 403
    wrong = server.guard.token[:-1] + ("A" if server.guard.token[-1] != "A" else "B")
    assert ask(server, f"/?token={wrong}")[0] == 403
    assert ask(server, room, Cookie="ptypy-view=guess")[0] == 403


def test_the_address_of_the_page_holds_no_token_that_could_leak(server, entered):
    room, cookie = entered
    status, headers, content = ask(server, room, Cookie=cookie)
    assert status == 200
    assert server.guard.token not in room + cookie + content.decode() + str(headers)
    assert headers["Referrer-Policy"] == "no-referrer"


def test_the_cookie_goes_to_no_other_server_and_to_no_script(server):
    _, headers, _ = ask(server, f"/?token={server.guard.token}")
    given = headers["Set-Cookie"]
    assert f"Path={server.guard.room}" in given
    assert "HttpOnly" in given
    assert "SameSite=Lax" in given


def test_a_foreign_name_that_points_here_is_refused(server, entered):
    room, cookie = entered
    for host in ("evil.example", f"evil.example:{server.port}", "127.0.0.1.evil.example", ""):
        assert ask(server, room, host=host or " ", Cookie=cookie)[0] in (400, 403)
    assert ask(server, f"/?token={server.guard.token}", host="evil.example")[0] == 403
    assert ask(server, room, host=f"localhost:{server.port}", Cookie=cookie)[0] == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"]
)
def test_pages_of_others_may_neither_open_the_socket_nor_post(server, entered, origin):
    room, cookie = entered
    host = f"127.0.0.1:{server.port}"
    assert ask(server, f"{room}socket", Origin=origin, Cookie=cookie, **UPGRADE)[0] == 403
    assert ask(server, room, "POST", Origin=origin, Cookie=cookie)[0] == 403
    own = {"Origin": f"http://{host}", "Cookie": cookie, **UPGRADE}
    assert ask(server, f"{room}socket", **own)[0] == 101


def test_the_socket_needs_the_cookie_from_our_own_page_too(server, entered):
    own = {"Origin": f"http://127.0.0.1:{server.port}", **UPGRADE}
    assert ask(server, f"{entered[0]}socket", **own)[0] == 403


def test_nothing_but_the_files_of_the_page_is_served(server, entered, beamtime):
    room, cookie = entered
    secret = beamtime[0] / "stage.h5"
    assert secret.is_file()
    for path in (
        str(secret),
        f"../{secret.name}",
        "..%2f_guard.py",
        "../_guard.py",
        "vendor/../../_guard.py",
    ):
        status, _, content = ask(server, room + path, Cookie=cookie)
        assert status == 404, path
        assert len(content) < 10
    assert ask(server, room, "PUT", Cookie=cookie)[0] == 405


def test_a_page_can_load_nothing_from_elsewhere(server, entered):
    room, cookie = entered
    _, headers, page = ask(server, room, Cookie=cookie)
    rules = dict(
        rule.strip().partition(" ")[::2] for rule in headers["Content-Security-Policy"].split(";")
    )
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert rules["frame-ancestors"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    for text in (page.decode(), ask(server, f"{room}result.html", Cookie=cookie)[2].decode()):
        assert not re.search(r"https?://", text)
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", text)


def test_it_listens_at_one_address_of_this_machine_alone(server):
    # Whoever listens at all addresses is reached here, too.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", server.port), timeout=5)


def test_two_servers_have_nothing_in_common(server, beamtime, serve):
    other = serve(Preparation(beamtime[0] / "detector.h5"))
    query = urllib.parse.urlencode({"token": server.guard.token})
    assert ask(other, f"/?{query}")[0] == 403
    assert ask(other, other.guard.room, Cookie=f"ptypy-view={server.guard.cookie}")[0] == 403
