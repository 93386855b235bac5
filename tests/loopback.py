"""A server on this machine that has files, and faults."""

import re
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Serves `files` (bytes by name) and commits `faults`, one per request, before it is honest.

    A fault is one of the functions of this module, called with the handler, the whole file and the
    first byte that was asked for. `asked` has (name, Range or None) of every request, `at_once` the
    most requests that it answered at the same time, `pace` the bytes that it sends per 10 ms.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.faults, self.asked = {}, [], []
        self.pace, self.at_once, self.now, self.lock = None, 0, 0, threading.Lock()
        self.going = True

    def url(self, name):
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def handle_error(self, request, client_address):  # a client that went away
        pass


@contextmanager
def serving():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.going = False
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, name = self.server, self.path.strip("/").split("/")[-1]
        with server.lock:
            server.asked.append((name, self.headers.get("Range")))
            fault = server.faults.pop(0) if server.faults else honest
            server.now += 1
            server.at_once = max(server.at_once, server.now)
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "bytes=0-")
        try:
            fault(self, server.files[name], int(start[1]))
        finally:
            with server.lock:
                server.now -= 1
        self.close_connection = True

    def answer(self, status, body, **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), str(value))
        self.end_headers()
        step = self.server.pace or len(body) or 1
        for begin in range(0, len(body), step):
            self.wfile.write(body[begin : begin + step])
            if self.server.pace:
                time.sleep(0.01)

    def log_message(self, *_):
        pass


def honest(handler, content, start):
    if not start:
        return handler.answer(200, content, Content_Length=len(content))
    if start >= len(content):
        return beyond(handler, content, start)
    rest = content[start:]
    span = f"bytes {start}-{len(content) - 1}/{len(content)}"
    return handler.answer(206, rest, Content_Length=len(rest), Content_Range=span)


def cut_off(handler, content, start):
    """Ends in the middle of what it promised."""
    rest = content[start:]
    span = f"bytes {start}-{len(content) - 1}/{len(content)}"
    headers = {"Content_Range": span} if start else {}
    half = rest[: (len(rest) + 1) // 2]
    handler.answer(206 if start else 200, half, Content_Length=len(rest), **headers)


def stalled(handler, content, start):
    """Sends half of it and then nothing, without an end."""
    cut_off(handler, content, start)
    handler.wfile.flush()
    while handler.server.going:
        time.sleep(0.01)


def without_length(handler, content, start):
    """Does not say how much there is, and sends half of it."""
    handler.answer(200, content[: len(content) // 2])


def chunked(handler, content, start):
    """Sends the whole file in chunks, without its length."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (content[:9], content[9:]))
    handler.protocol_version = "HTTP/1.1"
    handler.answer(200, body + b"0\r\n\r\n", Transfer_Encoding="chunked", Connection="close")


def without_ranges(handler, content, start):
    handler.answer(200, content, Content_Length=len(content))


def wrong_bytes(handler, content, start):
    honest(handler, bytes(byte ^ 1 for byte in content), start)


def another_range(handler, content, start):
    span = f"bytes {start + 1}-{len(content) - 1}/{len(content)}"
    handler.answer(206, content[start + 1 :], Content_Range=span)


def beyond(handler, content, start):
    handler.answer(416, b"", Content_Range=f"bytes */{len(content)}")


def web_page(handler, content, start, kind="text/html; charset=utf-8"):
    body = b"<!doctype html><html>Please sign in</html>"
    handler.answer(200, body, Content_Type=kind, Content_Length=len(body))


def loud_page(handler, content, start):
    web_page(handler, content, start, "TEXT/HTML")


def disguised_page(handler, content, start):
    """A page that does not say that it is one."""
    body = b"<!doctype html><html>Please sign in</html>"
    handler.answer(200, body, Content_Length=len(body))


def broken(handler, content, start):
    """Answers with an error of its own."""
    handler.answer(500, b"oops", Content_Length=4)


def busy(handler, content, start):
    handler.answer(429, b"", Retry_After=7)


def impatient(handler, content, start):
    """Is busy, and asks to be asked again at once."""
    handler.answer(503, b"", Retry_After="Mon, 01 Jan 2001 00:00:00 GMT")


def senseless(handler, content, start):
    """Is busy, with a pause that no integer holds."""
    handler.answer(503, b"", Retry_After="9" * 5000)


def odd_length(handler, content, start):
    """Sends half of it, and a length of digits that are no number."""
    handler.answer(200, content[: len(content) // 2], Content_Length="\xb2\xb3")


def lost(handler, content, start):
    """Redirects to what is no address."""
    handler.answer(302, b"", Location="http://[::1", Content_Length=0)


def absent(handler, content, start):
    handler.answer(404, b"", Content_Length=0)


def forbidden(handler, content, start):
    """Refuses, with colours for the terminal."""
    handler.send_response(403, "\x1b[31mNo")
    handler.end_headers()


def hung_up(handler, content, start):
    """Closes the connection without an answer."""


def moved(handler, content, start):
    """Redirects, as Box does to a signed address."""
    name = handler.path.strip("/").split("/")[-1]
    handler.answer(302, b"", Location=f"/signed/{name}", Content_Length=0)


def late(handler, content, start):
    """Takes its time, so that others come meanwhile."""
    time.sleep(1.5)
    honest(handler, content, start)


FAULTS = [
    honest,
    cut_off,
    without_length,
    chunked,
    without_ranges,
    wrong_bytes,
    another_range,
    beyond,
    web_page,
    loud_page,
    disguised_page,
    broken,
    busy,
    impatient,
    senseless,
    odd_length,
    lost,
    absent,
    forbidden,
    hung_up,
    moved,
]
