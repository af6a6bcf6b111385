// Builds for the checks of the log and of the build page: repositories of their own, steps that wait, a connection that can be cut.
import { connect, createServer } from "node:net";

export const TWO = ["linux/amd64", "linux/arm64"];

/** A repository with a rule for main that has been pushed to: its newest build, not waited for. */
export async function start(server, repository, dockerfile, platforms, files = {}) {
  const [namespace, name] = repository.split("/");
  const id = encodeURIComponent(repository);
  await server.api("POST", "namespaces", { name: namespace }).catch(() => null); // of an earlier call
  await server.api("POST", "repositories", { namespace, name });
  await server.api("PUT", `repositories/${id}/source`, { provider: "KILN" });
  await server.api("POST", `repositories/${id}/rules`, { pattern: "main", imageTags: ["main"], platforms });
  await server.push(repository, { Dockerfile: dockerfile, ...files }, "main");
  return server.newest(repository);
}

export const pathOf = (repository, build, more = "") => `/repositories/${repository}/-/builds/${build.id}${more}`;

/** A step that says `pass` waits until the gate is open; one for each architecture may. */
export class Gate {
  async start() {
    const probe = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => probe.once("listening", resolve));
    this.port = probe.address().port;
    await new Promise((resolve) => probe.close(resolve));
    this.pass = `until nc 127.0.0.1 ${this.port} </dev/null 2>/dev/null; do sleep 0.1; done`;
    return this;
  }

  open() {
    this.server = createServer((socket) => socket.end()).listen(this.port, "127.0.0.1");
  }

  close() {
    this.server?.close();
  }
}

/** Stands between the browser and the server, and can hang up. */
export class Wire {
  async start(port) {
    this.pairs = new Set();
    this.broken = false;
    this.listener = createServer((socket) => this.join(socket, port)).listen(0, "127.0.0.1");
    await new Promise((resolve) => this.listener.once("listening", resolve));
    this.url = `http://127.0.0.1:${this.listener.address().port}`;
    return this;
  }

  join(socket, port) {
    if (this.broken) return socket.destroy();
    const other = connect(port, "127.0.0.1");
    const pair = [socket, other];
    this.pairs.add(pair);
    for (const [from, to] of [pair, [other, socket]]) {
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        this.pairs.delete(pair);
      });
    }
  }

  cut() {
    this.broken = true;
    for (const pair of this.pairs) for (const socket of pair) socket.destroy();
  }

  mend() {
    this.broken = false;
  }

  close() {
    this.cut();
    this.listener.close();
  }
}
