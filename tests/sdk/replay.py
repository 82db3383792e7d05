"""A provider on a loopback port that answers every request with what it was last told to, and remembers what it was asked."""

import http.server
import json
import sys
import threading

# Sizes of the writes of a body, taken in turn, so that events come whole, in pieces and several at once.
WRITES = (1, 7, 64, 1024, 16384, 3, 4096)
PATIENCE_SECONDS = 10


class Answer:
    """What is sent: a status, headers, and a body as text or as JSON, as recorded responses have them; `rest` waits until it is let go."""

    def __init__(self, response):
        self.status = response["status"]
        self.headers = response.get("headers", {})
        text = response.get("body_text")
        self.body = (json.dumps(response.get("body")) if text is None else text).encode()
        self.rest = response.get("rest", "").encode()
        self.go_on = threading.Event()

    def pieces(self):
        start, turn = 0, 0
        while start < len(self.body):
            size = WRITES[turn % len(WRITES)]
            yield self.body[start:start + size]
            start, turn = start + size, turn + 1
        if self.rest and self.go_on.wait(PATIENCE_SECONDS):
            yield self.rest


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Replay:
    """Use as a context manager. `answer` is what is sent next and from then on; `asked` is what came in since it was set."""

    def __enter__(self):
        replay = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                replay.asked.append({"path": self.path, "headers": dict(self.headers), "body": json.loads(body)})
                self.give(replay._answer)

            def do_GET(self):
                self.give(Answer({"status": 404, "body": {}}))

            def give(self, answer):
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                        self.send_header(name, value)
                if not any(name == "content-type" for name in answer.headers):
                    self.send_header("content-type", "application/json")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                try:
                    for piece in answer.pieces():
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    # The reader had seen enough.
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.asked = []
        self._answer = None
        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def set(self, response):
        """What is sent from now on, as a recording has it."""
        self._answer = Answer(response)
        self.asked.clear()

    def go_on(self):
        """The reader has what it waited for: the rest of the answer may come."""
        self._answer.go_on.set()
