"""What an instance tells its administrators of itself: version, disk, what is stored, the settings that count."""
import json
import os

from conftest import KILN, Service, run
from test_registry_auth import manifest, put_blob, put_manifest

PASSWORD = "a good password"


def settings_of(server):
    r = server.api("GET", "/api/v1/instance")
    assert r.status == 200, r
    return {s["name"]: s["value"] for s in r.json["settings"]}


def test_version_and_disk(tmp_path):
    data = tmp_path / "data"
    server = Service(data, "127.0.0.1:1", slots=0)
    try:
        told = server.api("GET", "/api/v1/instance").json
        assert told["version"] == run([KILN, "--version"]).out.split()[-1]
        disk = os.statvfs(data)
        assert told["storage"]["directory"] == str(data) and told["storage"]["totalBytes"] == disk.f_blocks * disk.f_frsize
        assert 0 < told["storage"]["availableBytes"] <= told["storage"]["totalBytes"]
        assert told["storage"]["blobs"] == 0 and told["storage"]["blobBytes"] == 0
        admin = ("admin", server.admin_password)
        server.namespace("held")
        for name in ("held/one", "held/two"):  # the same bytes are counted once
            server.repository(name)
            put_blob(server, name, b"{}", admin)
            put_blob(server, name, name.encode(), admin)
            assert put_manifest(server, name, "1", login=admin).status == 201
        told = server.api("GET", "/api/v1/instance").json
        assert told["storage"]["blobs"] == 3 and told["storage"]["blobBytes"] == 2 + 2 * len("held/one")
    finally:
        assert server.close() == 0


def test_only_administrators_are_told(tmp_path):
    server = Service(tmp_path / "data", "127.0.0.1:1", slots=0)
    try:
        server.user("ann", PASSWORD)
        r = server.api("GET", "/api/v1/instance", basic=("ann", PASSWORD))
        assert r.status == 403 and r.json["code"] == "FORBIDDEN", r
        assert server.api("GET", "/api/v1/instance", basic=None).status == 401
    finally:
        assert server.close() == 0


def test_settings_are_those_that_count(tmp_path):
    """The command line wins over the file; what was not given has its default; no secret is among them."""
    config = tmp_path / "kiln.json"
    config.write_text(json.dumps({"lease": 60, "anonymous": "none", "trusted-proxy": ["10.0.0.0/8", "::1/128"]}))
    server = Service(tmp_path / "data", "127.0.0.1:1", slots=0,
                     options=["--config", str(config), "--lease", "90", "--utc-offset", "-03:30", "--external-url", "https://kiln.example/x/"])
    try:
        assert settings_of(server) == settings_of(server) | {
            "config": str(config), "lease": "90", "anonymous": "none", "trusted-proxy": "10.0.0.0/8, ::1/128", "utc-offset": "-03:30",
            "external-url": "https://kiln.example/x", "session-idle": "604800", "slots": "0", "no-emulation": "no",
            "listen": "127.0.0.1:0"}
        assert server.admin_password not in json.dumps(settings_of(server))
    finally:
        assert server.close() == 0
