"""A proxy before a registry: it remembers what was asked, and can ask for passwords or tokens as registries do.

    with Proxy(registry.host, user="u", password="p") as proxy:
        kiln.build(..., tag=f"{proxy.host}/name:1")
        proxy.asked        # [("GET", "/v2/"), ...]
"""
import base64
import http.client
import http.server
import json
import threading
import urllib.parse


class Proxy:
    def __init__(self, to, user=None, password=None, token=False):
        """With `user` requests must carry the password; with `token` they must carry a token that /token gives for it. A token is good for
        the repository and the actions that it was asked for, and no others."""
        self.to, self.password, self.token = to, user and f"{user}:{password}", token
        self.asked, self.tokens = [], {}
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = lambda self: proxy.handle(self)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *args):
        self.server.shutdown()
        self.server.server_close()

    def uploads(self):
        return sum(1 for method, path in self.asked if method == "POST" and "/blobs/uploads/" in path)

    def handle(self, h):
        self.asked.append((h.command, h.path))
        allowed, challenge = self.allows(h)
        if self.token and h.path.startswith("/token"):
            return self.give_token(h)
        if h.headers.get("Expect", "").lower() == "100-continue" and allowed:
            h.send_response_only(100)
            h.end_headers()
        body = read_body(h) if allowed or not h.headers.get("Expect") else b""
        if not allowed:
            return answer(h, 401, b'{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}',
                          {"WWW-Authenticate": challenge})
        c = http.client.HTTPConnection(self.to)
        skipped = ("transfer-encoding", "content-length", "expect", "host", "authorization")
        c.request(h.command, h.path, body, {k: v for k, v in h.headers.items() if k.lower() not in skipped})
        r = c.getresponse()
        bytes_ = r.read()
        dropped = ("transfer-encoding", "connection", "date", "server")
        headers = {k: v.replace(self.to, self.host) for k, v in r.headers.items() if k.lower() not in dropped}
        c.close()
        answer(h, r.status, bytes_, headers)

    def basic(self, h):
        kind, _, value = h.headers.get("Authorization", "").partition(" ")
        return kind.lower() == "basic" and base64.b64decode(value).decode() == self.password

    def allows(self, h):
        if not self.token:
            return not self.password or self.basic(h), 'Basic realm="the proxy"'
        repository = h.path[len("/v2/"):].split("/blobs/")[0].split("/manifests/")[0].split("/tags/")[0]
        action = "pull" if h.command in ("GET", "HEAD") else "push"
        wants = f"repository:{repository}:{'pull' if action == 'pull' else 'pull,push'}" if repository else ""
        challenge = f'Bearer realm="http://{self.host}/token",service="the proxy"' + (f',scope="{wants}"' if wants else "")
        scopes = self.tokens.get(h.headers.get("Authorization", "").removeprefix("Bearer "))
        if scopes is None:
            return False, challenge
        return not repository or any(s.split(":")[1] == repository and action in s.split(":")[2].split(",") for s in scopes), challenge

    def give_token(self, h):
        query = urllib.parse.parse_qs(urllib.parse.urlparse(h.path).query)
        scopes = [s for given in query.get("scope", []) for s in given.split()]
        if self.password and not self.basic(h) or query.get("service") != ["the proxy"]:
            return answer(h, 401, b'{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}', {})
        token = f"t{len(self.tokens)}"
        self.tokens[token] = scopes
        answer(h, 200, json.dumps({"token": token, "expires_in": 300}).encode(), {"Content-Type": "application/json"})


def read_body(h):
    if h.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return h.rfile.read(int(h.headers.get("Content-Length") or 0))
    pieces = []
    while size := int(h.rfile.readline(), 16):
        pieces.append(h.rfile.read(size))
        h.rfile.readline()
    h.rfile.readline()
    return b"".join(pieces)


def answer(h, status, body, headers):
    h.send_response(status)
    for k, v in headers.items():
        if h.command == "HEAD" or k.lower() != "content-length":
            h.send_header(k, v)
    if h.command != "HEAD":
        h.send_header("Content-Length", str(len(body)))
    elif not any(k.lower() == "content-length" for k in headers):
        h.send_header("Content-Length", "0")
    h.end_headers()
    h.wfile.write(b"" if h.command == "HEAD" else body)
