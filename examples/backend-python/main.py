"""A web backend that the gateway asks what is to become of its clients, with Python's standard library alone.

    export BACKEND_SECRET=a-secret-of-16-bytes-or-more
    python3 examples/backend-python/main.py &
    SERVICE=backend BACKEND_URL=http://localhost:4000/events go run ./cmd/gateway

It does what examples/backend-go does. docs/BACKEND.md says what is asked and what may be answered. In production
the functions below belong in Django's or FastAPI's views: what is here of HTTP is there for the example.
"""

import hashlib
import hmac
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SKEW = 300  # seconds that the gateway's clock and this one may differ
MAX_BODY = 4 << 20
SECRET = os.environ.get("BACKEND_SECRET", "").encode()


def handle(kind, event, body):
    """Says what becomes of a request. Nothing is kept here: any number of these processes may run."""
    data = body.get("data") or {}
    rooms = data.get("rooms", [])
    args = body.get("args", [])
    if kind == "socketio.connect":
        name = (body.get("auth") or {}).get("name")
        if not isinstance(name, str) or not name:
            return {"refuse": {"message": "who are you?"}}
        return {"user": name, "data": {"name": name}}
    if kind == "socketio.disconnect":
        return rooms and {"emit": [{"event": "left", "args": [data["name"]], "to": rooms}]}
    room = args[0] if args and isinstance(args[0], str) else ""
    if event == "join":
        if not room:
            return {"error": {"message": "which room?"}}
        if room not in rooms:
            rooms = rooms + [room]
        return {"join": [room], "data": {"rooms": rooms}, "ack": [len(rooms)]}
    if event == "say":
        if room not in rooms or len(args) < 2:
            return {"error": {"message": "you are not there"}}
        said = {"event": "said", "args": [room, data["name"], args[1]], "to": [room]}
        if "/1" in body.get("binary", []):  # what has come as base64 text goes out as bytes
            said["binary"] = ["/2"]
        return {"ack": ["said"], "emit": [said]}
    if event == "echo":
        return {"ack": [args]}
    return None


def is_signed(headers, body, now):
    """Whether a request is signed with the secret, and not long ago: "t=<seconds>,v1=<hex>"."""
    stamp, *signatures = headers.get("gateway-signature", "").split(",")
    seconds = stamp.removeprefix("t=")
    if not stamp.startswith("t=") or not seconds.isascii() or not seconds.isdigit() or len(seconds) > 12:
        return False
    if abs(now - int(seconds)) > SKEW:
        return False
    # The time, the ce- headers by name, the content type, an empty line, the body.
    lines = [seconds]
    attributes = [(n.lower(), v) for n, v in headers.items() if n.lower().startswith("ce-")]
    lines += [f"{name}:{value}" for name, value in sorted(attributes)]
    lines += [f"content-type:{headers.get('content-type', '')}", "", ""]
    signed = "\n".join(lines).encode("latin-1") + body
    expected = hmac.new(SECRET, signed, hashlib.sha256).hexdigest().encode()
    # While a secret is replaced there are two signatures, of which one is enough.
    return any(hmac.compare_digest(s.removeprefix("v1=").encode("latin-1"), expected) for s in signatures)


class Recent:
    """The ids of the last while: what is older is refused for its time. Several processes would need one in common."""

    def __init__(self):
        self.lock = threading.Lock()
        self.now, self.before, self.turned = set(), set(), time.time()

    def add(self, id):
        """Reports whether an id is new."""
        with self.lock:
            if time.time() - self.turned > 2 * SKEW:
                self.before, self.now, self.turned = self.now, set(), time.time()
            new = id not in self.now and id not in self.before
            self.now.add(id)
            return new


seen = Recent()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept
    timeout = 60
    wbufsize = -1  # an answer in one piece

    def do_POST(self):
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            return self.answer(413)
        body = self.rfile.read(int(length))
        if self.path != "/events":
            return self.answer(404)
        if not is_signed(self.headers, body, time.time()):
            return self.answer(401)
        if not seen.add(self.headers["ce-id"]):
            return self.answer(409)
        if self.headers["content-type"] == "application/octet-stream":  # an event whose only argument is binary
            return self.answer(200, body, "application/octet-stream")
        try:
            result = handle(self.headers["ce-type"], self.headers.get("ce-event"), json.loads(body))
        except (ValueError, AttributeError, KeyError, TypeError) as error:  # a body that is not as it should be
            print("refused:", repr(error), file=sys.stderr)
            return self.answer(400)
        if not result:
            return self.answer(204)
        return self.answer(200, json.dumps(result).encode(), "application/json")

    def answer(self, status, body=b"", content_type="text/plain"):
        self.send_response(status)
        if status != 204:
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    if not SECRET:
        sys.exit("BACKEND_SECRET is not set: anybody could sign")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Server((os.environ.get("HOST", "localhost"), int(os.environ.get("PORT", "4000"))), Handler) as server:
        print("listening on", server.server_address, flush=True)
        server.serve_forever()
