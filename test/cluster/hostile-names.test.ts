/** A paired sender that chooses names and attributes with care, and an inbox in which things stand in the way. */

import { execFileSync } from "node:child_process";
import { mkdir, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { offerOf, Scene, type Sent, sendEntries } from "../support/mallory.ts";

let scene: Scene;
let arrived: Record<string, string | null> = {};
beforeAll(async () => {
  scene = await Scene.open();
});
afterEach(async () => {
  const expected = arrived;
  arrived = {};
  await scene.unharmed(expected);
});
afterAll(() => scene[Symbol.asyncDispose]());

const inInbox = (name: string) => path.join(scene.bert.inbox, name);

const REFUSED = [
  "../x",
  "../../.ssh/authorized_keys",
  "a/../../x",
  "/etc/passwd",
  "//tmp/x",
  "a/b",
  "/",
  "C:\\x",
  "\\\\srv\\s",
  "..\\..\\x",
  ".",
  "..",
  "",
  "x".repeat(5_000),
].map((name) => [shown(name), name] as const);

/** For titles. */
function shown(name: string): string {
  return JSON.stringify(name.length > 40 ? `${name.slice(0, 20)}…` : name);
}

describe("a name that climbs, is absolute or is none", () => {
  it.each(REFUSED)("is declined in an offer: %s", async (_, name) => {
    const outcome = await scene.mallory.deliver(scene.bert, [{ path: [name], content: "x" }]);
    expect(outcome).toMatchObject({ t: "decline", code: "E_NAME" });
  });

  it.each(REFUSED)("is refused for a folder, and deep inside one: %s", async (_, name) => {
    const folder = await scene.mallory.deliver(scene.bert, [{ path: [name] }]);
    expect(folder).toMatchObject({ t: "decline", code: "E_NAME" });
    for (const type of ["file", "folder"]) {
      const entries: Sent[] = [{ path: ["d"] }, { path: ["d", "e"] }, { path: ["d", "e", name], type, content: "" }];
      expect(await scene.mallory.deliver(scene.bert, entries)).toMatchObject({ t: "abort", code: "E_NAME" });
    }
  });

  it.each(REFUSED)("is refused behind an honest offer: %s", async (_, name) => {
    const honest = offerOf([{ path: ["a.txt"], content: "x" }]);
    const outcome = await scene.mallory.deliver(scene.bert, [{ path: [name], content: "x" }], honest);
    expect(outcome).toMatchObject({ t: "abort", code: "E_PROTO" });
  });

  it("is refused as a component in the middle of a path", async () => {
    for (const middle of ["..", ".", "", "a/.."]) {
      const entries: Sent[] = [{ path: ["d"] }, { path: ["d", middle, "x"], content: "x" }];
      expect(await scene.mallory.deliver(scene.bert, entries)).toMatchObject({ t: "abort", code: "E_PROTO" });
    }
  });

  it.each(["\\ud800", "a\\udc00", "\\udc00\\ud800"])(
    "is no message when it is half of a character: %s",
    async (half) => {
      const peer = await scene.mallory.greet(scene.bert);
      const json = JSON.stringify(offerOf([{ path: ["NAME"], content: "x" }])).replace("NAME", half);
      const frame = Buffer.alloc(5);
      frame.writeUInt32BE(1 + json.length);
      frame[4] = 1;
      peer.sendBytes(Buffer.concat([frame, Buffer.from(json)]));
      expect(await peer.next("abort")).toMatchObject({ code: "E_PROTO" });
      peer.end();
      await peer.closed();
    },
  );
});

describe("a name that is only unusual", () => {
  const taken = [
    ["a\u0000b", "a_b"],
    ["a\r\nb\tc", "a__b_c"],
    ["\u001b[2J\u001b]52;c;aGk=\u0007", "_[2J_]52;c;aGk=_"],
    ["\u007f\u009b31m", "__31m"],
    ["exe.\u202egpj", "exe._gpj"],
    [".bashrc", "_.bashrc"],
    [".ssh", "_.ssh"],
    [".lanxfer", "_.lanxfer"],
    ["...", "_..."],
    ["   ", "untitled"],
    ["\u200b", "untitled"],
    ["-rf", "-rf"],
    ["--help", "--help"],
    ["~", "~"],
    ["$(reboot)", "$(reboot)"],
    ["CON", "CON"],
    ["nul.txt", "nul.txt"],
    ["a:b", "a:b"],
    ["trailing. ", "trailing. "],
    ['<>"?*|', '<>"?*|'],
    ["__proto__", "__proto__"],
    ["constructor", "constructor"],
    ["a\\b", "a_b"],
    ["x".repeat(255), "x".repeat(255)],
    ["x".repeat(256), "x".repeat(255)],
    [`${"é".repeat(200)}.txt`, `${"é".repeat(125)}.txt`],
    [`${"x".repeat(3_000)}.tar.gz`, `${"x".repeat(248)}.tar.gz`],
    ["archive.zip", "archive.zip"],
  ].map(([name = "", as = ""]) => [shown(name), name, as] as const);

  it.each(taken)("is taken, and told as what it became: %s", async (_, name, as) => {
    // For the last one: an archive that would climb is bytes like any other.
    const content = "PK\u0003\u0004../../evil";
    const peer = await scene.mallory.accepted(scene.bert, offerOf([{ path: [name], content }]));
    sendEntries(peer, [{ path: [name], content }]);
    const { items } = (await peer.next("saved")) as { items: { as?: string }[] }; // checked next
    expect(items[0]?.as ?? name).toBe(as);
    await peer.next("complete");
    peer.end();
    await peer.closed();
    arrived = { [as]: content };
  });

  it("keeps its leading dot inside a folder: a .git must arrive intact", async () => {
    const entries: Sent[] = [
      { path: [".repo"] },
      { path: [".repo", ".git"] },
      { path: [".repo", ".git", "HEAD"], content: "ref" },
    ];
    expect(await scene.mallory.deliver(scene.bert, entries)).toEqual({ t: "complete" });
    arrived = { "_.repo": null, "_.repo/.git": null, "_.repo/.git/HEAD": "ref" };
  });

  it("is a file of its own in either normal form of Unicode, and in either case", async () => {
    for (const name of ["\u00e9", "e\u0301", "README", "readme", "README"]) {
      expect(await scene.mallory.deliver(scene.bert, [{ path: [name], content: name }])).toEqual({ t: "complete" });
    }
    arrived = { "\u00e9": "\u00e9", "e\u0301": "e\u0301", README: "README", readme: "readme", "README (1)": "README" };
  });
});

describe("attributes that a sender chooses", () => {
  it("are a time within bounds and the user's executable bit, nothing else", async () => {
    const attributes = {
      mode: 0o4777,
      executable: true,
      uid: 0,
      gid: 0,
      owner: "root",
      xattr: { "user.x": "1" },
      links: 2,
    };
    for (const [name, mtime, kept] of [
      ["now", 1_767_323_045_123, 1_767_323_045_123],
      ["never", 0, 0],
      ["before", -1_000, 0],
      ["9999", 253_402_300_799_000, 4_294_967_295_000],
      ["end", Number.MAX_SAFE_INTEGER, 4_294_967_295_000],
    ] as const) {
      const sent = { path: [name], content: "x", mtime, ...attributes };
      expect(await scene.mallory.deliver(scene.bert, [sent])).toEqual({ t: "complete" });
      const { mode, mtimeMs, uid } = await stat(inInbox(name));
      expect(mode & 0o7777).toBe((0o666 & ~process.umask()) | 0o100);
      expect(Math.floor(mtimeMs)).toBe(kept);
      expect(uid).toBe(process.getuid?.());
      arrived[name] = "x";
    }
  });

  it("cannot make a folder unreadable, or anybody else's", async () => {
    const entries: Sent[] = [
      { path: ["d"], mode: 0, executable: false },
      { path: ["d", "x"], content: "x" },
    ];
    expect(await scene.mallory.deliver(scene.bert, entries)).toEqual({ t: "complete" });
    expect((await stat(inInbox("d"))).mode & 0o7777).toBe(0o777 & ~process.umask());
    arrived = { d: null, "d/x": "x" };
  });
});

describe("what stands in the way", () => {
  const IN_THE_WAY: readonly [string, (at: string) => unknown][] = [
    ["a file", (at) => writeFile(at, "before")],
    ["a folder with something in it", (at) => mkdir(path.join(at, "inner"), { recursive: true })],
    ["an empty folder", (at) => mkdir(at)],
    ["a dangling link out of the inbox", (at) => symlink("../outside", at)],
    ["a link to a folder outside", (at) => symlink("..", at)],
    ["a pipe", (at) => execFileSync("mkfifo", [at])],
  ];

  it.each(IN_THE_WAY)("is left alone, and the next name taken: %s", async (_, make) => {
    await make(inInbox("a.txt"));
    await make(inInbox("d"));
    await scene.remember();
    expect(await scene.mallory.deliver(scene.bert, [{ path: ["a.txt"], content: "new" }])).toEqual({ t: "complete" });
    const folder: Sent[] = [{ path: ["d"] }, { path: ["d", "x"], content: "x" }];
    expect(await scene.mallory.deliver(scene.bert, folder)).toEqual({ t: "complete" });
    await scene.unharmed({ "a (1).txt": "new", "d (1)": null, "d (1)/x": "x" });
    for (const name of ["a.txt", "d"]) await rm(inInbox(name), { recursive: true });
    await scene.remember();
  });

  it("makes a transfer fail when it is the inbox: a link that took its place is not followed", async () => {
    const { bert, mallory } = scene;
    await rename(bert.inbox, `${bert.inbox}.real`);
    await mkdir(path.join(bert.home, "elsewhere"));
    await symlink("elsewhere", bert.inbox);
    const outcome = await mallory.deliver(bert, [{ path: ["a.txt"], content: "x" }]);
    expect(outcome).toMatchObject({ t: "decline", code: "E_INBOX" });
    expect(await readdir(path.join(bert.home, "elsewhere"))).toEqual([]);
    await rm(bert.inbox);
    await rm(path.join(bert.home, "elsewhere"), { recursive: true });
    await rename(`${bert.inbox}.real`, bert.inbox);
  });

  it.each<[string, (inbox: string) => Promise<void>]>([
    ["a link", async (inbox) => symlink("elsewhere", inbox)],
    ["another folder", async (inbox) => mkdir(inbox).then(() => {})],
    ["nothing", async () => {}],
  ])("makes a running transfer fail when the inbox becomes %s", async (_, replace) => {
    const { bert, mallory } = scene;
    const entries: Sent[] = [{ path: ["d"] }, { path: ["d", "x"], content: "x" }];
    const offer = offerOf(entries);
    const peer = await mallory.accepted(bert, offer);
    await rename(bert.inbox, `${bert.inbox}.real`);
    await mkdir(path.join(bert.home, "elsewhere"));
    await replace(bert.inbox);
    sendEntries(peer, entries);
    expect(await peer.next("abort")).toMatchObject({ code: "E_INBOX" });
    peer.end();
    await peer.closed();
    await bert.ended(String(offer["id"]));
    expect(await readdir(path.join(bert.home, "elsewhere"))).toEqual([]);
    expect(await readdir(bert.inbox).catch(() => [])).toEqual([]);
    await rm(bert.inbox, { recursive: true, force: true });
    await rm(path.join(bert.home, "elsewhere"), { recursive: true });
    await rename(`${bert.inbox}.real`, bert.inbox);
  });

  it.each<[string, (staging: string, elsewhere: string) => Promise<void>]>([
    ["all of staging", async (staging, elsewhere) => symlink(elsewhere, path.dirname(staging))],
    [
      "the directory of the transfer",
      async (staging, elsewhere) => {
        await mkdir(path.dirname(staging));
        await symlink(elsewhere, staging);
      },
    ],
  ])("does not lead a running transfer out when a link takes the place of %s", async (_, replace) => {
    const { bert, mallory } = scene;
    const elsewhere = path.join(bert.home, "elsewhere");
    const entries: Sent[] = [{ path: ["d"] }, { path: ["d", "x"], content: "x" }];
    const offer = offerOf(entries);
    const peer = await mallory.accepted(bert, offer);
    const [name = ""] = await readdir(inInbox(".lanxfer"));
    await mkdir(elsewhere);
    await rename(inInbox(".lanxfer"), path.join(bert.home, "moved"));
    await replace(inInbox(path.join(".lanxfer", name)), elsewhere);
    sendEntries(peer, entries);
    // Its own directories are still the ones that it opened: it ends well, or not at all, but never elsewhere.
    const { t } = await peer.next("complete", "abort");
    peer.end();
    await peer.closed();
    await bert.ended(String(offer["id"]));
    expect(await readdir(elsewhere)).toEqual([]);
    if (t === "complete") arrived = { d: null, "d/x": "x" };
    for (const each of [elsewhere, path.join(bert.home, "moved"), inInbox(".lanxfer")]) {
      await rm(each, { recursive: true, force: true });
    }
  });

  it("is nobody's business when the user moves, renames or removes what has arrived", async () => {
    const { bert, mallory } = scene;
    const entries: Sent[] = ["a", "b", "c"].map((name) => ({ path: [name], content: name }));
    const peer = await mallory.accepted(bert, offerOf([...entries, { path: ["last"], content: "x" }]));
    for (const [index, { path: name, content }] of entries.entries()) {
      peer.send({ t: "entry", index, path: name, type: "file", size: 1, mtime: 0 });
      peer.sendContent(index, Buffer.from(String(content)));
    }
    await expect.poll(() => readdir(bert.inbox)).toEqual(expect.arrayContaining(["a", "b", "c"]));
    await rm(inInbox("a"));
    await rename(inInbox("b"), inInbox("mine"));
    await writeFile(inInbox("c"), "edited");
    peer.send({ t: "entry", index: 3, path: ["last"], type: "file", size: 1, mtime: 0 });
    peer.sendContent(3, Buffer.from("x"));
    peer.send({ t: "done" });
    await peer.next("complete");
    peer.end();
    await peer.closed();
    arrived = { mine: "b", c: "edited", last: "x" };
  });

  it("is told when the user removes what is under way", async () => {
    const { bert, mallory } = scene;
    const entries: Sent[] = [{ path: ["d"] }, { path: ["d", "x"], content: "x" }, { path: ["d", "y"], content: "y" }];
    const offer = offerOf(entries);
    const peer = await mallory.accepted(bert, offer);
    peer.send({ t: "entry", index: 0, path: ["d"], type: "folder", size: 0, mtime: 0 });
    await expect.poll(async () => (await readdir(inInbox(".lanxfer"), { recursive: true })).length).toBe(3);
    await rm(inInbox(".lanxfer"), { recursive: true });
    for (const [index, name] of [
      [1, "x"],
      [2, "y"],
    ] as const) {
      peer.send({ t: "entry", index, path: ["d", name], type: "file", size: 1, mtime: 0 });
      peer.sendContent(index, Buffer.from(name));
    }
    peer.send({ t: "done" });
    expect(await peer.next("abort", "complete")).toMatchObject({ t: "abort", code: "E_INBOX" });
    peer.end();
    await peer.closed();
    expect((await bert.ended(String(offer["id"]))).error?.code).toBe("E_INBOX");
  });
});
