"""A real nginx before a server.

    with Nginx(tmp_path, "location / { proxy_pass http://HOST; }") as nginx:
        nginx.host         # 127.0.0.1:PORT
"""
import os
import pathlib
import socket
import time

from conftest import SLOW, start, stop

CONFIG = """
daemon off; master_process off; pid {at}/pid; error_log {at}/error.log warn;
events {{ worker_connections 200; }}
http {{
    access_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy;
    fastcgi_temp_path {at}/fastcgi; uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;
    proxy_http_version 1.1; proxy_buffering off;
    server {{ listen 127.0.0.1:{port}; {server} }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nginx:
    def __init__(self, tmp_path, server):
        self.at, self.server = pathlib.Path(tmp_path), server
        self.at.mkdir(parents=True, exist_ok=True)

    def __enter__(self):
        for _ in range(5):  # somebody else may take the port meanwhile
            if self.begin():
                return self
        raise AssertionError((self.at / "error.log").read_text())

    def begin(self):
        port = free_port()
        self.host = f"127.0.0.1:{port}"
        (self.at / "nginx.conf").write_text(CONFIG.format(at=self.at, port=port, server=self.server))
        self.process = start(["/usr/sbin/nginx", "-p", self.at, "-e", self.at / "error.log", "-c", self.at / "nginx.conf"])
        end = time.monotonic() + 30 * SLOW
        while self.process.poll() is None and time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                if (self.at / "pid").exists() and int((self.at / "pid").read_text() or 0) == self.process.pid:
                    return True
            except OSError:
                pass
            time.sleep(0.02)
        stop(self.process)
        return False

    def __exit__(self, *args):
        stop(self.process)
        os.unlink(self.at / "nginx.conf")
