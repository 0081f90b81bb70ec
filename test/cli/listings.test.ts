import { describe, expect, it } from "vitest";
import type { ControlHandlers } from "../../src/control/api.ts";
import type { HistoryQuery, InboxQuery } from "../../src/control/requests.ts";
import { LanxferError, toView } from "../../src/core/errors.ts";
import { differences, untouched } from "../support/tree.ts";
import { ACTIVE, objects, Place, transcript } from "./support/place.ts";
import * as views from "./support/views.ts";

const { HOSTILE } = views;

interface Case {
  readonly golden: string;
  readonly args: readonly string[];
  readonly handlers: Partial<ControlHandlers>;
}

const alice = views.peer();
const several = [
  views.peer({ name: "zoë", id: "z", short: "zzzzzzzz", petname: "zoë", paired: true, state: "suspect" }),
  views.peer({ name: "日本のノート", id: "n", short: "nnnnnnnn", petname: "notebook", paired: true }),
  views.peer({ name: "Box 📦", id: "b", short: "bbbbbbbb", endpoints: [v6("fe80::1%eth0")] }),
  alice,
];

const CASES: readonly Case[] = [
  { golden: "peers", args: ["peers"], handlers: { peers: async () => several } },
  { golden: "peers-json", args: ["peers", "--json"], handlers: { peers: async () => [alice] } },
  {
    golden: "peers-namesake",
    args: ["peers"],
    handlers: {
      peers: async () => [
        views.peer({ paired: true, petname: "alice" }),
        views.peer({ id: "m", short: "mallorya", namesake: { id: alice.id, short: alice.short, name: "alice" } }),
      ],
    },
  },
  { golden: "peers-none", args: ["peers"], handlers: { peers: async () => [] } },
  { golden: "peers-none-json", args: ["peers", "--json"], handlers: { peers: async () => [] } },
  {
    golden: "transfers",
    args: ["transfers"],
    handlers: {
      transfers: (all) =>
        all ? [] : [views.transfer({ moved: 1_000_000_000 }), views.transfer({ direction: "in", state: "asking" })],
    },
  },
  {
    golden: "transfers-all",
    args: ["transfers", "--all"],
    handlers: {
      transfers: (all) => (all ? [views.done(views.transfer()), views.failed(views.transfer(), NO_SPACE())] : []),
    },
  },
  {
    golden: "transfers-waiting",
    args: ["transfers"],
    handlers: {
      transfers: () => [
        views.transfer({ state: "waiting", moved: 1_000_000_000, waitingFor: toView(lost) }),
        views.transfer({ moved: 2_500_000_000, resumed: 1_960_000_000 }),
        views.transfer({ moved: 2_500_000_000, already: { entries: 3, bytes: 1_960_000_000 } }),
      ],
    },
  },
  {
    golden: "transfers-queued",
    args: ["transfers"],
    handlers: {
      transfers: () => [
        views.transfer({ state: "queued", queue: views.queue(), waitingFor: toView(unreachable) }),
        views.transfer({ state: "queued", queue: views.queue({ why: "behind" }) }),
        views.transfer({ state: "queued", queue: views.queue({ why: "turn" }) }),
        views.transfer({ state: "queued", queue: views.queue({ why: "again" }), waitingFor: NO_SPACE() }),
        views.transfer({ state: "paused", moved: 1_000_000_000, queue: views.queue({ why: null, expiresAt: null }) }),
      ],
    },
  },
  { golden: "transfers-none", args: ["transfers"], handlers: { transfers: () => [] } },
  {
    golden: "offers",
    args: ["offers"],
    handlers: { offers: () => [views.offer(), views.offer({ id: "pppp", note: "signed at last" })] },
  },
  {
    golden: "offers-unpaired",
    args: ["offers"],
    handlers: {
      offers: () => [
        views.offer(),
        views.offer({ id: "uuuuuuuuuuuuuuuu", from: views.stranger('bob", paired'), note: '" from bob' }),
        views.offer({ id: "vvvvvvvvvvvvvvvv", from: views.stranger("Bob", "bob") }),
      ],
    },
  },
  {
    golden: "offers-unpaired-json",
    args: ["offers", "--json"],
    handlers: { offers: () => [views.offer({ from: views.stranger("bob") })] },
  },
  { golden: "offers-none", args: ["offers"], handlers: { offers: () => [] } },
  {
    golden: "devices",
    args: ["devices"],
    handlers: { devices: () => [views.device(), views.device({ name: "box", policy: "ask" })] },
  },
  { golden: "devices-none", args: ["devices"], handlers: { devices: () => [] } },
  {
    golden: "inbox",
    args: ["inbox"],
    handlers: {
      inbox: async () => [views.inbox(), views.inbox({ path: "/home/me/LanInbox/-rf", type: "folder", bytes: null })],
    },
  },
  { golden: "inbox-none", args: ["inbox"], handlers: { inbox: async () => [] } },
  { golden: "inbox-none-from", args: ["inbox", "--from", "bob"], handlers: { inbox: async () => [] } },
  { golden: "inbox-latest", args: ["inbox", "--latest"], handlers: { inbox: newest } },
  { golden: "inbox-latest-path", args: ["inbox", "--latest", "--print-path"], handlers: { inbox: newest } },
  { golden: "inbox-latest-json", args: ["inbox", "--latest", "--print-path", "--json"], handlers: { inbox: newest } },
  { golden: "inbox-latest-none", args: ["inbox", "--latest", "-0"], handlers: { inbox: async () => [] } },
  {
    golden: "inbox-latest-none-from",
    args: ["inbox", "--latest", "--from", "bob", "--json"],
    handlers: { inbox: async () => [] },
  },
  { golden: "inbox-paths", args: ["inbox", "--print-path", "--from", "alice"], handlers: { inbox: newest } },
  { golden: "inbox-paths-none", args: ["inbox", "--print-path"], handlers: { inbox: async () => [] } },
  {
    golden: "history",
    args: ["history", "--limit", "5"],
    handlers: {
      history: async ({ limit }) => ({
        damaged: 0,
        history: [
          views.history({ note: "signed at last" }),
          views.history({ direction: "in", result: "failed", error: NO_SPACE() }),
          views.history({ hook: views.hook({ state: "failed", exit: 3 }) }),
          views.history({ already: { entries: 4_997, bytes: 3_099_000_000 } }),
          views.history({ items: [{ ...views.item("report.pdf", "report.pdf"), there: true }], note: "again" }),
        ].slice(0, limit),
      }),
    },
  },
  {
    golden: "history-damaged",
    args: ["history", "--peer", "alice", "--since", "2026-05-01"],
    handlers: { history: async () => ({ history: [], damaged: 2 }) },
  },
  { golden: "history-none", args: ["history"], handlers: { history: async () => ({ history: [], damaged: 0 }) } },
  { golden: "status", args: ["status"], handlers: { status: async () => views.status() } },
  {
    golden: "status-outbox",
    args: ["status"],
    handlers: {
      status: async () =>
        views.status({ queued: 3, outbox: { strangers: [1, 2, 3, 4, 5, 6].map(stranger), strangerCount: 12 } }),
    },
  },
  { golden: "status-json", args: ["status", "--json"], handlers: { status: async () => views.status() } },
  {
    golden: "status-troubled",
    args: ["status"],
    handlers: {
      status: async () =>
        views.status({
          inbox: { path: "/mnt/x", free: null, problem: "no such folder" },
          interfaces: [],
          pairing: "locked",
          refused: {},
          history: { bytes: 9_000_000, damaged: 2 },
          namesakes: 2,
          double: { address: "192.0.2.9", seenAt: "2026-05-01T12:00:00.000Z" },
          otherKeys: 1,
        }),
    },
  },
  { golden: "id", args: ["id"], handlers: { identity: () => views.IDENTITY } },
  { golden: "id-json", args: ["id", "--json"], handlers: { identity: () => views.IDENTITY } },
  {
    golden: "config-list",
    args: ["config", "list"],
    handlers: {
      settings: () => [
        views.setting(),
        views.setting({ name: "port", value: 4000, source: "file" }),
        views.setting({ name: "interfaces.include", value: ["eth0", "wlan0"], source: "environment" }),
      ],
    },
  },
  { golden: "config-get", args: ["config", "get", "name"], handlers: { settings: () => [views.setting()] } },
  {
    golden: "config-get-json",
    args: ["config", "get", "name", "--json"],
    handlers: { settings: () => [views.setting()] },
  },
  { golden: "config-get-unknown", args: ["config", "get", "nmae"], handlers: { settings: () => [views.setting()] } },
];

const INBOX = [views.inbox(), views.inbox({ path: "/home/me/LanInbox/a b", type: "folder", bytes: null })];
async function newest({ from, limit }: InboxQuery) {
  return INBOX.filter((item) => (from ?? item.from.name) === item.from.name).slice(0, limit);
}

const lost = new LanxferError("E_LOST", { peer: "alice", text: "closed by the other end" });
const unreachable = new LanxferError("E_UNREACHABLE", { peer: "alice", text: "no address is known" });
const stranger = (n: number) => ({
  path: `/home/me/.local/state/lanxfer/outbox/${n}`,
  text: `it is not JSON${HOSTILE}`,
});

function NO_SPACE() {
  return {
    code: "E_NO_SPACE" as const,
    message: "no space left at alice (needs 3.1 GB, has 1.0 GB)",
    exit: 9,
    retryable: true,
  };
}

function v6(address: string) {
  return { address, port: 4000, interface: null, source: "static" as const };
}

describe("lanxferctl history", () => {
  it("asks the daemon for what is wanted, times reckoned from now", async () => {
    const place = await Place.open();
    const asked: HistoryQuery[] = [];
    await place.daemon({
      history: async (query) => {
        asked.push(query);
        return { history: [], damaged: 0 };
      },
    });
    const before = Date.now();
    for (const since of ["2026-05-01T12:00Z", "2h"]) {
      await place.ctl(["history", "--peer", "alice & bob", "--since", since, "--limit", "5"]);
    }
    const at = Date.UTC(2026, 4, 1, 12);
    expect(asked[0]).toEqual({ peer: "alice & bob", since: at, limit: 5 });
    expect(asked[1]?.since).toBeGreaterThanOrEqual(before - 2 * 3_600_000);
    expect(asked[1]?.since).toBeLessThan(before - 2 * 3_600_000 + 60_000);
  });
});

describe("lanxferctl shows", () => {
  it.each(CASES)(
    "$golden as people and programs know it, and leaves nothing behind",
    async ({ golden, args, handlers }) => {
      const place = await Place.open();
      await place.daemon(handlers);
      const before = await place.tree();
      const result = await place.ctl(args);
      await expect(transcript(args, result)).toMatchFileSnapshot(`golden/${golden}.txt`);
      expect(differences(before, await place.tree(), untouched)).toEqual([]);
    },
  );
});

it("lanxferctl inbox ends paths with NUL for programs that want it, and gives them unchanged", async () => {
  const place = await Place.open();
  await place.daemon({ inbox: async () => [views.inbox({ path: "/in/\u200e a" }), views.inbox({ path: "/in/b" })] });
  expect(await place.ctl(["inbox", "-0"])).toMatchObject({ code: 0, stdout: "/in/\u200e a\0/in/b\0", stderr: "" });
  const shown = await place.onTerminal(["inbox", "--print-path"]).finished;
  expect(shown).toMatchObject({ code: 0, stdout: "/in/\\u{200e} a\n/in/b\n" });
});

const who = { id: "h", name: HOSTILE };
const hostileItem = {
  name: HOSTILE,
  type: "file" as const,
  as: HOSTILE,
  path: `/in/${HOSTILE}`,
  root: null,
  there: false,
};
const hostileError = { ...NO_SPACE(), message: HOSTILE, hint: HOSTILE };

/** Every command that shows something from elsewhere, with the same name in every place. */
const HOSTILE_CASES: readonly Omit<Case, "golden">[] = [
  {
    args: ["peers"],
    handlers: {
      peers: async () => [
        views.peer({ name: HOSTILE, petname: "x", paired: true, short: HOSTILE, endpoints: [v6(HOSTILE)] }),
        views.peer({ name: "y", petname: HOSTILE, paired: true }),
      ],
    },
  },
  {
    args: ["transfers", "--all"],
    handlers: {
      transfers: () => [
        { ...views.failed(views.transfer({ peer: who, items: [hostileItem] }), hostileError), id: HOSTILE },
      ],
    },
  },
  {
    args: ["offers"],
    handlers: { offers: () => [views.offer({ id: HOSTILE, from: who, items: [hostileItem], note: HOSTILE })] },
  },
  {
    args: ["offers"],
    handlers: { offers: () => [views.offer({ from: views.stranger(HOSTILE, HOSTILE) })] },
  },
  { args: ["devices"], handlers: { devices: () => [views.device({ name: HOSTILE, short: HOSTILE })] } },
  { args: ["inbox"], handlers: { inbox: async () => [views.inbox({ from: who, path: hostileItem.path })] } },
  {
    args: ["history"],
    handlers: {
      history: async () => ({
        history: [views.history({ peer: who, items: [hostileItem], error: hostileError, note: HOSTILE })],
        damaged: 0,
      }),
    },
  },
  {
    args: ["status"],
    handlers: {
      status: async () =>
        views.status({
          name: HOSTILE,
          inbox: { path: HOSTILE, free: 1, problem: HOSTILE },
          interfaces: [{ name: HOSTILE, address: HOSTILE, used: false, reason: HOSTILE }],
          refused: { [HOSTILE]: 1 },
        }),
    },
  },
  { args: ["id"], handlers: { identity: () => ({ ...views.IDENTITY, name: HOSTILE }) } },
  { args: ["config", "list"], handlers: { settings: () => [views.setting({ value: HOSTILE, description: HOSTILE })] } },
  { args: ["config", "get", "name"], handlers: { settings: () => [views.setting({ value: HOSTILE })] } },
];

describe.each(HOSTILE_CASES)("What comes from elsewhere does nothing to a terminal in $args", ({ args, handlers }) => {
  it("when it goes to a pipe", async () => {
    const place = await Place.open();
    await place.daemon(handlers);
    const result = await place.ctl(args);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout).not.toMatch(ACTIVE);
    expect(result.stdout).toContain("\\x1b[2J");
    expect(result.stdout).not.toMatch(/^lanxferctl: error/m);
  });

  it("when it goes to a terminal", async () => {
    const place = await Place.open();
    await place.daemon(handlers);
    const result = await place.onTerminal(args).finished;
    expect(result.code).toBe(0);
    expect(result.stdout).not.toMatch(ACTIVE);
    expect(result.stdout).toContain("\\x1b[2J");
  });

  it("when it is JSON, which says it unchanged", async () => {
    const place = await Place.open();
    await place.daemon(handlers);
    const { stdout, stderr, code } = await place.ctl([...args, "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).not.toMatch(ACTIVE);
    const lines = objects(stdout);
    expect(lines.every((line) => line["v"] === 1)).toBe(true);
    expect(lines.filter((line) => line["event"] === "done")).toEqual([{ v: 1, event: "done", ok: true, exit: 0 }]);
    expect(lines.at(-1)).toMatchObject({ event: "done" });
    expect(JSON.stringify(lines)).toContain(JSON.stringify(HOSTILE).slice(1, -1));
  });
});
