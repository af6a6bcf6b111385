"""A registry whose every answer a test can spoil: small, over plain HTTP on a loopback port, read only.

    with Hostile() as r:
        name = r.image("app", layers=[tar(file("hello", b"hi"))])      # 127.0.0.1:PORT/app:latest
        r.spoil("/blobs/", lambda h: h.answer(200, b"other bytes"))    # instead of what it would answer
"""
import gzip
import hashlib
import http.server
import io
import json
import socket
import tarfile
import threading

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def entry(name, data=b"", kind=tarfile.REGTYPE, **more):
    """One member of tar(): (TarInfo, bytes)."""
    t = tarfile.TarInfo(name)
    t.type, t.size, t.mode = kind, len(data), 0o755 if kind == tarfile.DIRTYPE else 0o644
    for key, value in more.items():
        setattr(t, key, value)
    return t, data


def tar(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for info, data in entries:
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", media_type="application/octet-stream", **headers):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        fields = {"Content-Type": media_type, "Content-Length": str(len(body))}
        fields.update({k.replace("_", "-"): v for k, v in headers.items()})
        for key, value in fields.items():
            if value is not None:
                self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def endless(self, piece=b"x" * 65536, status=200, **headers):
        """Bytes without an end, until the client goes."""
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.close_connection = True
        if self.command == "HEAD":
            return
        while not self.server.closing:
            self.wfile.write(piece)
            self.server.sent += len(piece)

    def raw(self, data):
        """Whatever, instead of HTTP."""
        self.wfile.write(data)
        self.close_connection = True

    def usual(self):
        r = self.server.registry
        if self.path in ("/v2/", "/v2"):
            return self.answer(200, "{}", "application/json")
        where, _, what = self.path.rpartition("/")
        if where.endswith("/manifests"):
            found = r.manifests.get((where[len("/v2/"):-len("/manifests")], what))
            if found:
                return self.answer(200, found[1], found[0], Docker_Content_Digest=digest(found[1]))
        elif where.endswith("/blobs") and what in r.blobs:
            return self.answer(200, r.blobs[what])
        self.answer(404, json.dumps({"errors": [{"code": "NOT_FOUND", "message": "it is not here"}]}), "application/json")

    def do_GET(self):
        self.server.registry.asked.append((self.command, self.path))
        for part, spoiled in self.server.registry.spoiled:
            if part in self.path:
                return spoiled(self)
        self.usual()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_GET


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    closing, sent = False, 0

    def handle_error(self, request, client_address):
        pass  # a client that goes away is what many tests are about


class Hostile:
    def __enter__(self):
        self.manifests, self.blobs, self.spoiled, self.asked = {}, {}, [], []
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.registry = self
        self.host = "127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.closing = True
        self.server.shutdown()
        self.server.server_close()

    def spoil(self, part, how):
        """Requests whose path contains `part` are answered by how(handler)."""
        self.spoiled.insert(0, (part, how))

    def blob(self, data):
        self.blobs[digest(data)] = data
        return digest(data)

    def descriptor(self, data, media_type, **more):
        return {"mediaType": media_type, "digest": self.blob(data), "size": len(data), **more}

    def config(self, diff_ids, platform="linux/amd64", **more):
        os, arch, *variant = platform.split("/")
        c = {"os": os, "architecture": arch, "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}, **more}
        if variant:
            c["variant"] = variant[0]
        return json.dumps(c).encode()

    def manifest(self, layers=(), platform="linux/amd64", diff_ids=None, config=None, packed=None, media_type=LAYER, **more):
        """Bytes of a manifest. `layers` are tars, `packed` overrides their compressed bytes."""
        layers = list(layers)
        packed = packed or [gzip.compress(l, 1) for l in layers]
        config = config or self.config(diff_ids if diff_ids is not None else [digest(l) for l in layers], platform)
        m = {"schemaVersion": 2, "mediaType": MANIFEST, "config": self.descriptor(config, CONFIG),
             "layers": [self.descriptor(p, media_type) for p in packed], **more}
        return json.dumps(m).encode()

    def put(self, repository, tag, data, media_type=MANIFEST):
        for what in (tag, digest(data)):
            self.manifests[repository, what] = (media_type, data)
        return f"{self.host}/{repository}:{tag}"

    def image(self, repository, tag="latest", **more):
        return self.put(repository, tag, self.manifest(**more))

    def index(self, repository, platforms, tag="latest", **more):
        entries = []
        for p in platforms:
            m = self.manifest(platform=p, **more)
            self.put(repository, digest(m), m)
            os, arch, *variant = p.split("/")
            known = {"os": os, "architecture": arch, **({"variant": variant[0]} if variant else {})}
            entries.append({"mediaType": MANIFEST, "digest": digest(m), "size": len(m), "platform": known})
        data = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
        return self.put(repository, tag, data, INDEX)


def closed_port():
    """An address where nobody listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % s.getsockname()[1]
