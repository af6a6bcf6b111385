"""Other people's Git servers: git's own http-backend behind a small HTTP server, and Debian's sshd.

    with GitHttp(tmp_path / "srv") as remote:
        tree = remote.tree("app", {"Dockerfile": ...})     # a bare repository, and a work tree that pushes to it by path
        remote.url("app")                                  # http://127.0.0.1:PORT/app.git
        remote.asked                                       # [(method, path, headers), ...]
"""
import base64
import getpass
import http.server
import os
import pathlib
import socket
import ssl
import subprocess
import threading

import conftest
from conftest import Tree, run, start, stop

BACKEND = "/usr/lib/git-core/git-http-backend"


class Repositories:
    """Bare repositories in a directory."""

    def __init__(self, top):
        self.top = pathlib.Path(top)
        self.top.mkdir(parents=True, exist_ok=True)

    def tree(self, name, files=None):
        bare = self.top / f"{name}.git"
        run(["git", "init", "-q", "--bare", "-b", "main", bare])
        tree = Tree(self.top / f"{name}.tree", str(bare))
        tree.bare = bare
        if files:
            tree.commit(files)
            tree.push("main")
        return tree


class GitHttp(Repositories):
    """git-http-backend. `login` is (name, password) that it wants; `redirect` an address where it sends everybody; `advertise` changes
    what it tells of itself (bytes -> bytes); `certificate` is (certificate, key) for https."""

    def __init__(self, top, login=None, redirect=None, advertise=None, certificate=None, host="127.0.0.1"):
        super().__init__(top)
        self.login, self.redirect, self.advertise, self.asked = login, redirect, advertise, []
        self.scheme = "https" if certificate else "http"
        remote = self

        class Handler(http.server.BaseHTTPRequestHandler):
            do_GET = do_POST = lambda self: remote.answer(self)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        self.server = Server((host, 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.host = f"[{host}]" if ":" in host else host
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *args):
        self.server.shutdown()
        self.server.server_close()

    def url(self, name):
        return f"{self.scheme}://{self.host}:{self.port}/{name}.git"

    def answer(self, h):
        self.asked.append((h.command, h.path, dict(h.headers)))
        if self.redirect:
            h.send_response(302)
            h.send_header("Location", self.redirect + h.path)
            h.end_headers()
            return
        wanted = self.login and "Basic " + base64.b64encode(":".join(self.login).encode()).decode()
        if wanted and h.headers.get("Authorization") != wanted:
            h.send_response(401)
            h.send_header("WWW-Authenticate", 'Basic realm="x"')
            h.end_headers()
            return
        self.backend(h)

    def backend(self, h):
        path, _, query = h.path.partition("?")
        body = h.rfile.read(int(h.headers.get("Content-Length", 0)))
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.top), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
               "QUERY_STRING": query, "REQUEST_METHOD": h.command, "CONTENT_TYPE": h.headers.get("Content-Type", ""),
               "CONTENT_LENGTH": str(len(body)), "HTTP_CONTENT_ENCODING": h.headers.get("Content-Encoding", ""),
               "GIT_PROTOCOL": h.headers.get("Git-Protocol", ""), "REMOTE_ADDR": "127.0.0.1", "GIT_CONFIG_NOSYSTEM": "1",
               "GIT_CONFIG_GLOBAL": "/dev/null"}
        out = subprocess.run([BACKEND], input=body, env=env, capture_output=True, check=False).stdout
        head, _, content = out.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        if self.advertise and "/info/refs" in path:
            content = self.advertise(content)
        h.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            h.send_header(name, value)
        h.send_header("Content-Length", str(len(content)))
        h.end_headers()
        h.wfile.write(content)


class GitSsh(Repositories):
    """sshd for whoever runs the tests, on a port of its own. allow(KEY) lets a key in."""

    def __init__(self, top):
        super().__init__(top)
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.keys, self.process = self.top / "authorized_keys", None
        self.keys.write_text("")
        self.new_host_key()

    def new_host_key(self):
        key = self.top / "host_key"
        key.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])

    def __enter__(self):
        config = self.top / "sshd_config"
        config.write_text(f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {self.top}/host_key\nPidFile none\nUsePAM no\n"
                          f"AuthorizedKeysFile {self.keys}\nStrictModes no\nPasswordAuthentication no\n"
                          "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n")
        self.process = start(["/usr/sbin/sshd", "-D", "-e", "-f", config], stdout=subprocess.DEVNULL,
                             stderr=open(self.top / "sshd.log", "ab"))
        conftest.wait_for(self.answers)
        return self

    def answers(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def __exit__(self, *args):
        stop(self.process)

    def allow(self, key):
        with open(self.keys, "a") as f:
            f.write(key + "\n")

    def url(self, name):
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{self.top}/{name}.git"
