import { expect, test } from "vitest";
import type { Source } from "../../api";
import { changeOf, draftOf } from "./change";

const SOURCE: Source = {
  id: "crcs-0123456789abcdef",
  namespace: "team",
  name: "code",
  provider: "GIT",
  url: "https://git.example/team/app.git",
  credential: "password",
  username: null,
  hasSecret: true,
  sshPublicKey: null,
  sshHostKey: null,
  submodules: false,
  depth: 1,
  allowPrivate: false,
  pollSeconds: 300,
  hookUrl: null,
  lastError: null,
  lastLookAt: null,
  createdAt: "2027-01-01T00:00:00Z",
  updatedAt: "2027-01-01T00:00:00Z",
};

test("a draft that nobody touched changes nothing", () => {
  expect(changeOf(SOURCE, draftOf(SOURCE))).toEqual({});
  expect(changeOf(SOURCE, {})).toEqual({});
});

test("only what differs is sent, a secret only when one is typed", () => {
  expect(changeOf(SOURCE, { ...draftOf(SOURCE), depth: 0, secret: "new", username: "mina" })).toEqual({ depth: 0, secret: "new", username: "mina" });
});

test("a new address goes with the credential that was seen", () => {
  const url = "ssh://git.example/team/app.git";
  expect(changeOf(SOURCE, { ...draftOf(SOURCE), url })).toEqual({ url, credential: "password" });
});
