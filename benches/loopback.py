"""What a function talks to, on loopback: Lambda's Runtime API, and an AWS that counts and has nothing.

The function is started, timed and ended here, too: `Running`.
"""

import http.client
import http.server
import os
import selectors
import signal
import socket
import tempfile
import threading
import time

NEXT = "/2018-06-01/runtime/invocation/next"
# Longest wait for a request of the function; a start takes milliseconds.
PATIENCE = 30.0


class RuntimeApi:
    """One function's Runtime API: hands its requests over one by one. Single-threaded, so that nothing delays the clock."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.ready = selectors.DefaultSelector()
        self.ready.register(self.listener, selectors.EVENT_READ)

    def request(self):
        """The next request: its connection, "METHOD PATH" and body. Raises TimeoutError if none comes."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for key, _ in self.ready.select(deadline - time.monotonic()):
                if key.fileobj is self.listener:
                    connection, _ = self.listener.accept()
                    self.ready.register(connection, selectors.EVENT_READ, connection.makefile("rb"))
                    continue
                line = key.data.readline().decode()
                if line:
                    return key.fileobj, line.rpartition(" ")[0], read_body(key.data)
                self.ready.unregister(key.fileobj)
                key.data.close()
                key.fileobj.close()
        raise TimeoutError("the function asked for nothing")

    def close(self):
        """Ends every connection."""
        for key in list(self.ready.get_map().values()):
            key.fileobj.close()
            if key.data:
                key.data.close()
        self.ready.close()


def read_body(stream):
    """Reads a request's headers and body."""
    headers = http.client.parse_headers(stream)
    if headers.get("Transfer-Encoding", "").lower() != "chunked":
        return stream.read(int(headers.get("Content-Length", 0)))
    body = b""
    while size := int(stream.readline().split(b";")[0], 16):
        body += stream.read(size)
        stream.readline()
    http.client.parse_headers(stream)
    return body


class Running:
    """A function's process. `start` is the time, in seconds, from its spawn to its first request for work."""

    def __init__(self, command, environment):
        self.api = RuntimeApi()
        self.output = tempfile.TemporaryFile()
        environment = environment | {"AWS_LAMBDA_RUNTIME_API": self.api.address}
        outputs = [(os.POSIX_SPAWN_DUP2, self.output.fileno(), number) for number in (1, 2)]
        began = time.perf_counter()
        self.pid = os.posix_spawn(command[0], command, environment, file_actions=outputs)
        try:
            self.waiting = self.wait_for_next()
        except BaseException as error:
            self.__exit__()
            raise error
        self.start = time.perf_counter() - began

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.api.close()
        self.output.close()

    def wait_for_next(self):
        """Waits until the function asks for work. Returns the connection that waits."""
        try:
            connection, what, body = self.api.request()
        except TimeoutError as error:
            self.output.seek(0)
            raise RuntimeError(f"{error}; it wrote: {self.output.read().decode()}") from error
        if what != f"GET {NEXT}":
            raise RuntimeError(f"{what} instead of a request for work: {body.decode()}")
        return connection

    def resident(self):
        """Resident memory in bytes, once the process has come to rest."""
        time.sleep(0.05)
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))

    def invoke(self, event):
        """Hands one event over, and waits until the function asks for the next. Raises if the function failed."""
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(event)),
            "Lambda-Runtime-Aws-Request-Id": "00000000-0000-4000-8000-000000000000",
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 60_000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:bench",
        }
        self.waiting.sendall(answer("200 OK", headers, event))
        connection, what, body = self.api.request()
        connection.sendall(answer("202 Accepted", {"Content-Length": "0"}))
        if not what.endswith("/response"):
            raise RuntimeError(f"{what}: {body.decode()}")
        self.waiting = self.wait_for_next()


def answer(status, headers, body=b""):
    """An HTTP answer's bytes."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


class EmptyAws(http.server.ThreadingHTTPServer):
    """An AWS that has one empty bucket, as far as the functions ask. It keeps what was asked, in `calls`."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), EmptyBucket)
        self.calls = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """The functions are killed with connections open: nothing to report."""


class EmptyBucket(http.server.BaseHTTPRequestHandler):
    """Lists nothing and has no object."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.calls.append(f"{self.command} {self.path}")
        if "list-type=2" in self.path:
            self.reply(200, "<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>")
        else:
            self.reply(404, "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>")

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def reply(self, status, body):
        """Answers with XML."""
        content = b"" if self.command == "HEAD" else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Nothing: the calls are in the table."""
