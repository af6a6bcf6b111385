// A kiln serve of its own, the API as an administrator, and git pushes to it.
import { execFile, spawn } from "node:child_process";
import { createServer } from "node:net";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { waitFor } from "./check.mjs";

const exec = promisify(execFile);
const ROOT = join(dirname(new URL(import.meta.url).pathname), "../..");
export const PASSWORD = "console-test-password";

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

export class Server {
  /** `hub` is asked in place of Docker Hub: itself, unless told. Without a password the server makes one up and prints it. */
  constructor(kiln, { hub, password = PASSWORD } = {}) {
    this.kiln = kiln;
    this.hub = hub;
    this.password = password;
    this.work = mkdtempSync(join(tmpdir(), "kiln-console-"));
    this.config = join(this.work, "login.json");
    this.output = "";
  }

  async start() {
    this.port ??= await freePort();
    this.host = `127.0.0.1:${this.port}`;
    this.url = `http://${this.host}`;
    const args = ["serve", "--data", join(this.work, "data"), "--listen", this.host, "--registry-mirror", `docker.io=${this.hub ?? this.url}`];
    args.push("--endpoint-private");
    const env = { ...process.env, ...(this.password ? { KILN_ADMIN_PASSWORD: this.password } : {}) };
    this.child = spawn(this.kiln, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    this.ended = new Promise((resolve) => this.child.once("exit", resolve));
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on("data", (bytes) => (this.output += bytes));
    await waitFor("the server answers", async () => (await fetch(`${this.url}/healthz`).catch(() => null))?.ok);
  }

  async stop() {
    this.child.kill("SIGTERM");
    await this.ended;
  }

  async remove() {
    await this.stop();
    // Layers hold files of other ids, which belong to their owner inside a user namespace only.
    await exec("unshare", ["--map-root-user", "--map-auto", "rm", "-rf", this.work]).catch(() => rmSync(this.work, { recursive: true }));
  }

  run(...args) {
    return exec(this.kiln, args, { env: { ...process.env, KILN_CONFIG: this.config } });
  }

  /** The header Authorization of this user. */
  basic(user = "admin", password = this.password) {
    return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  }

  async api(method, path, body) {
    const response = await fetch(`${this.url}/api/v1/${path}`, {
      method,
      headers: {
        Authorization: this.basic(),
        "Content-Type": "application/json",
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** The status of a request as this user. */
  async statusAs(user, password, path = "users") {
    const headers = { Authorization: this.basic(user, password) };
    return (await fetch(`${this.url}/api/v1/${path}`, { headers })).status;
  }

  /** library/alpine, a small image for all architectures. */
  async makeBase() {
    const login = spawn(this.kiln, ["login", this.host, "--username", "admin", "--password-stdin"], {
      env: { ...process.env, KILN_CONFIG: this.config },
      stdio: ["pipe", "ignore", "inherit"],
    });
    login.stdin.end(PASSWORD);
    await new Promise((resolve) => login.once("exit", resolve));
    await this.api("POST", "namespaces", { name: "library", defaultType: "PUBLIC" });
    const cache = process.env.KILN_STANDINS ?? join(dirname(this.kiln), "stand-ins");
    const args = ["--alpine", this.kiln, cache, this.host, join(this.work, "hub")];
    await exec(join(ROOT, "tools/stand-ins"), args, { env: { ...process.env, KILN_CONFIG: this.config }, maxBuffer: 1 << 26 });
  }

  /** Pushes `files` as a new commit of `refs` (names of branches) to kiln's own remote of `repository`. */
  async push(repository, files, ...refs) {
    const tree = join(this.work, "trees", repository);
    const git = (...args) =>
      exec("git", ["-C", tree, "-c", "user.name=Tester", "-c", "user.email=t@example.org", ...args], {
        env: { ...process.env, GIT_TERMINAL_PROMPT: "0" },
      });
    mkdirSync(tree, { recursive: true });
    await git("init", "-q", "-b", "main");
    for (const [name, text] of Object.entries(files)) writeFileSync(join(tree, name), text);
    await git("add", "-A");
    await git("commit", "-q", "--allow-empty", "-m", "A commit");
    const remote = `http://admin:${encodeURIComponent(this.password)}@${this.host}/git/${repository}.git`;
    await git("push", "-q", "-f", remote, ...refs.map((ref) => `HEAD:refs/heads/${ref}`));
  }

  async newest(repository) {
    return (await this.api("GET", `builds?repository=${encodeURIComponent(repository)}&limit=1`)).items[0];
  }

  async built(repository) {
    return waitFor(`${repository} is built`, async () => {
      const build = await this.newest(repository);
      return build && !["PENDING", "BUILDING"].includes(build.status) ? build : null;
    });
  }
}
