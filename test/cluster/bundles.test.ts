import { readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { answerOf, BrowserLike } from "../support/browser-like.ts";
import { bundleOf, type Entry } from "../support/bundles.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { eventually } from "../support/process.ts";

const QUEUE = encodeURIComponent("{}");

async function sent(page: BrowserLike, to: TestDaemon, entries: readonly Entry[], more = `&queue=${QUEUE}`) {
  return page.ask("POST", `v1/bundles?peer=${to.id}${more}`, {}, bundleOf(entries));
}
const contents = (daemon: TestDaemon) =>
  readdir(daemon.inbox, { recursive: true }).then((names) =>
    names.filter((name) => !name.startsWith(".lanxfer")).sort(),
  );
const nothingLeft = (daemon: TestDaemon) =>
  eventually("an empty outbox", async () => {
    const left = await readdir(path.join(daemon.state, "outbox")).catch(() => []);
    return left.length === 0 || undefined;
  });

describe("files and folders from a browser", () => {
  it("arrive as one transfer, with their folders, their times and nothing else", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const page = await BrowserLike.letIn(anna);
    const many = Array.from({ length: 200 }, (_, i) => ({
      path: ["photos", "2026", `${i}.jpg`],
      content: `photo ${i}`,
    }));
    const answer = await sent(page, bert, [
      { path: ["a.txt"], content: "first", mtime: 1_700_000_000_000 },
      { path: ["a.txt"], content: "second" },
      { path: ["photos"] },
      { path: ["photos", "empty"] },
      { path: ["photos", "2026"] },
      ...many,
    ]);
    const { id } = JSON.parse(answer.text);
    expect(await anna.ended(id)).toMatchObject({ state: "done", count: 3, entries: 205, queue: { copied: true } });
    expect(await contents(bert)).toEqual(
      ["a (1).txt", "a.txt", "photos", "photos/2026", "photos/empty", ...many.map(({ path }) => path.join("/"))].sort(),
    );
    expect(await readFile(path.join(bert.inbox, "photos", "2026", "199.jpg"), "utf8")).toBe("photo 199");
    expect((await stat(path.join(bert.inbox, "a.txt"))).mtimeMs).toBe(1_700_000_000_000);
    await nothingLeft(anna);
  });

  it("wait for a device that is away, also across a restart", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await bert.stop();
    const page = await BrowserLike.letIn(anna);
    const { id } = JSON.parse((await sent(page, bert, [{ path: ["x"] }, { path: ["x", "y"], content: "z" }])).text);
    await anna.stop();
    await anna.start();
    await bert.start();
    expect(await anna.ended(id)).toMatchObject({ state: "done" });
    expect(await contents(bert)).toEqual(["x", "x/y"]);
    await nothingLeft(anna);
  });

  it.each([
    ["without the folder", [{ path: ["x", "y"], content: "" }], "E_USAGE"],
    ["of another folder", [{ path: ["a"] }, { path: ["b", "y"], content: "" }], "E_USAGE"],
    ["without a folder in between", [{ path: ["a"] }, { path: ["a", "b", "c"], content: "" }], "E_USAGE"],
    [
      "in a file",
      [
        { path: ["a"], content: "" },
        { path: ["a", "b"], content: "" },
      ],
      "E_USAGE",
    ],
    ["twice", [{ path: ["a"] }, { path: ["a", "b"], content: "" }, { path: ["a", "b"], content: "" }], "E_NAME"],
    ["with a name that climbs", [{ path: ["a"] }, { path: ["a", "..", "b"], content: "" }], "E_NAME"],
    ["with nothing in it", [], "E_USAGE"],
  ] as const)("are refused %s, and nothing of them is kept", async (_, entries, code) => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const page = await BrowserLike.letIn(anna);
    const answer = await sent(page, bert, entries);
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code } });
    await nothingLeft(anna);
    expect(await contents(bert)).toEqual([]);
  });

  it("are refused by the room they need, before they come", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await anna.client.call("put", "/v1/settings/:name", { param: { name: "queue.space" }, json: { value: 1_000 } });
    const page = await BrowserLike.letIn(anna);
    const headers = { ...page.ours("POST"), "content-length": "10000000" };
    const asked = page.begin("POST", `v1/bundles?peer=${bert.id}&queue=${QUEUE}`, headers);
    asked.write(`${JSON.stringify({ path: ["large"], size: 9_000_000, mtime: 0 })}\n`);
    const answer = await answerOf(asked);
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code: "E_SPOOL_FULL" } });
    asked.destroy();
    await nothingLeft(anna);
  });

  it("that are broken off leave nothing", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const page = await BrowserLike.letIn(anna);
    const headers = { ...page.ours("POST"), "content-length": "10000" };
    const asked = page.begin("POST", `v1/bundles?peer=${bert.id}&queue=${QUEUE}`, headers);
    asked.on("error", () => {});
    asked.write(bundleOf([{ path: ["a"] }, { path: ["a", "b"], content: "half" }], ""));
    await eventually("a copy", async () => (await readdir(path.join(anna.state, "outbox"))).length > 0 || undefined);
    asked.destroy();
    await nothingLeft(anna);
    expect((await anna.client.call("get", "/v1/history", { query: {} })).history).toEqual([]);
  });
});

describe("what was received", () => {
  async function arrived(room: Room) {
    const [anna, bert] = await room.pair();
    const files = [await anna.write("ü'(1).html", "<script>"), path.dirname(await anna.write("folder/x", "x"))];
    const { id } = await anna.deliver(bert, files);
    return { bert, id, page: await BrowserLike.letIn(bert) };
  }

  it("is given to the page as a file to keep, which no browser shows", async () => {
    await using room = await Room.open();
    const { page, id } = await arrived(room);
    const { items } = (await page.call("GET", "v1/inbox")) as { items: { transfer: string; item: number }[] };
    expect(items.map(({ transfer, item }) => [transfer, item])).toEqual([
      [id, 0],
      [id, 1],
    ]);
    const file = await page.ask("GET", `v1/received/${id}/0`);
    expect([file.status, file.text]).toEqual([200, "<script>"]);
    expect(file.headers).toMatchObject({
      "content-type": "application/octet-stream",
      "content-length": "8",
      "content-disposition": "attachment; filename*=UTF-8''%C3%BC%27%281%29.html",
      "x-content-type-options": "nosniff",
    });
  });

  it("is only what came, is a file and is there", async () => {
    await using room = await Room.open();
    const { page, id, bert } = await arrived(room);
    for (const target of [`${id}/1`, `${id}/2`, `${id}/-1`, `${id}/01x`, "x/0", `${id}/00000`]) {
      const answer = await page.ask("GET", `v1/received/${target}`);
      expect([target, answer.status, answer.text]).toEqual([target, 400, expect.stringContaining("E_NOT_FOUND")]);
    }
    expect((await page.ask("GET", `v1/received/${id}/..`)).status).toBe(403);
    const file = path.join(bert.inbox, "ü'(1).html");
    await rm(file);
    await writeFile(path.join(bert.home, "secret"), "secret");
    await symlink(path.join(bert.home, "secret"), file);
    expect((await page.ask("GET", `v1/received/${id}/0`)).text).toContain("E_NOT_FOUND");
    await rm(file);
    expect((await page.ask("GET", `v1/received/${id}/0`)).text).toContain("E_NOT_FOUND");
  });
});
