import { describe, expect, it } from "vitest";
import type { HistoryView } from "../../../src/control/schema.ts";
import { inherited, toldOf } from "../../../src/daemon/incoming/hook-environment.ts";

const item = (path: string | null): HistoryView["items"][number] => ({
  name: "a",
  type: "file",
  as: "a",
  path,
  root: null,
  there: false,
});

function line(change: Partial<HistoryView> = {}): HistoryView {
  return {
    v: 1,
    at: "2026-05-01T12:00:00.000Z",
    id: "aaaaaaaaaaaaaaaa",
    direction: "in",
    peer: { id: "anna-id", name: "anna" },
    result: "done",
    items: [item("/inbox/a b")],
    count: 1,
    entries: 3,
    bytes: 5,
    already: { entries: 0, bytes: 0 },
    ms: 12,
    error: null,
    note: "signed at last",
    sourceChanged: false,
    hook: null,
    ...change,
  };
}

describe("what a hook is told", () => {
  it("is where everything is, who sent it, and how much it is", () => {
    expect(toldOf(line())).toEqual({
      LANXFER_PATH: "/inbox/a b",
      LANXFER_PATHS: "/inbox/a b",
      LANXFER_ITEMS: "1",
      LANXFER_ENTRIES: "3",
      LANXFER_BYTES: "5",
      LANXFER_SENDER_ID: "anna-id",
      LANXFER_SENDER_NAME: "anna",
      LANXFER_TRANSFER: "aaaaaaaaaaaaaaaa",
      LANXFER_NOTE: "signed at last",
    });
    expect(toldOf(line({ note: null }))["LANXFER_NOTE"]).toBe("");
  });

  it("is no name of a sender that is not paired, as it may have chosen one that a script goes by", () => {
    const peer = { id: "x", name: 'unpaired x "anna"', unpaired: { short: "x", claims: "anna", namesake: "anna" } };
    expect(toldOf(line({ peer }))).toMatchObject({ LANXFER_SENDER_ID: "x", LANXFER_SENDER_NAME: "" });
  });

  it("are all paths, a line each, or none: half a list could be taken for the whole", () => {
    const two = [item("/inbox/a"), item("/inbox/b")];
    expect(toldOf(line({ items: two, count: 2 }))["LANXFER_PATHS"]).toBe("/inbox/a\n/inbox/b");
    const partial = toldOf(line({ items: two, count: 3 }));
    expect(partial).toMatchObject({ LANXFER_PATH: "/inbox/a", LANXFER_ITEMS: "3" });
    expect(partial).not.toHaveProperty("LANXFER_PATHS");
    expect(toldOf(line({ items: [item(null)] }))).not.toHaveProperty("LANXFER_PATHS");
    const long = Array.from({ length: 1_000 }, (_, n) => item(`/inbox/${"x".repeat(200)}${n}`));
    expect(toldOf(line({ items: long, count: 1_000 }))).not.toHaveProperty("LANXFER_PATHS");
    expect(toldOf(line({ items: [item("/in\nbox/a")] }))).not.toHaveProperty("LANXFER_PATHS");
  });
});

describe("what a hook inherits", () => {
  it("is who and where the user is, and nothing that changes how programs run", () => {
    const kept = { PATH: "/opt/bin", HOME: "/home/me", LANG: "de_DE.UTF-8", LC_TIME: "C", DISPLAY: ":0", TZ: "UTC" };
    const dropped = {
      NODE_OPTIONS: "--require=/tmp/x",
      NODE_PATH: "/tmp",
      LD_PRELOAD: "/tmp/x.so",
      LD_LIBRARY_PATH: "/tmp",
      DYLD_INSERT_LIBRARIES: "/tmp/x",
      BASH_ENV: "/tmp/x",
      ENV: "/tmp/x",
      IFS: "x",
      PYTHONPATH: "/tmp",
      NOTIFY_SOCKET: "/run/x",
      LANXFER_NAME: "x",
      LANXFER_PATH: "/forged",
      LC_: "x",
      lc_time: "x",
      UNSET: undefined,
    };
    expect(inherited({ ...kept, ...dropped }, "/home/me", "/run/s")).toEqual({ ...kept, LANXFER_SOCKET: "/run/s" });
  });

  it("has a path to programs and a home in any case", () => {
    expect(inherited({}, "/home/me", "/run/s")).toEqual({
      PATH: "/usr/local/bin:/usr/bin:/bin",
      HOME: "/home/me",
      LANXFER_SOCKET: "/run/s",
    });
  });
});
