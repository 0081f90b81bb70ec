/** What a user leaves out of what is sent, sees beforehand, and says about it. */

import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { SendRequest } from "../../src/control/requests.ts";
import type { ControlEvent, PreviewLine } from "../../src/control/schema.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { Mallory, Scene } from "../support/mallory.ts";
import { eventually } from "../support/process.ts";
import { readTree } from "../support/tree.ts";

/** A folder of anna with things that are wanted and things that are not; all patterns below leave the same. */
async function project(anna: TestDaemon): Promise<string> {
  for (const name of ["src/a.c", "src/a.o", "build/x/y", "notes.txt"]) await anna.write(`project/${name}`, "12345");
  const folder = path.join(anna.home, "files", "project");
  await symlink("notes.txt", path.join(folder, "link"));
  return folder;
}

const EXCLUDE = ["*.o", "/project/build/"];

async function preview(daemon: TestDaemon, request: SendRequest): Promise<PreviewLine[]> {
  const lines: PreviewLine[] = [];
  for await (const line of daemon.client.preview(request, new AbortController().signal)) lines.push(line);
  return lines;
}

describe("what is excluded", () => {
  it("does not arrive, and is counted", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const sent = await anna.deliver(bert, [await project(anna)], { exclude: EXCLUDE });
    expect(sent).toMatchObject({ state: "done", entries: 4, bytes: 10, excluded: 2, skippedCount: 1 });
    const arrived = [...(await readTree(path.join(bert.inbox, "project"))).keys()].sort();
    expect(arrived).toEqual([".", "notes.txt", "src", "src/a.c"]);
  });

  it("is not everything: then there is nothing to send", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const sent = await anna.deliver(bert, [await project(anna)], { exclude: ["proj*"] });
    expect(sent).toMatchObject({ state: "failed", error: { code: "E_NOTHING", exit: 11 } });
    expect(await readdir(bert.inbox)).toEqual([]);
  });

  it("stays excluded when the transfer goes on after a restart, so that the same is offered again", async () => {
    await using scene = await Scene.open();
    const { anna, bert, mallory } = scene;
    const folder = await project(anna);
    const offered = async () => {
      const peer = await mallory.called();
      peer.send({ ...mallory.hello, features: ["resume"] });
      return { peer, offer: await peer.next("offer") };
    };
    const { id } = await bert.send(mallory.credentials.id, [folder], { exclude: EXCLUDE, note: "take two" });
    const first = await offered();
    first.peer.send({ t: "accept" });
    await first.peer.next("done");
    first.peer.socket.destroy();
    await eventually("the wait for another attempt", async () => {
      const { state } = await bert.client.call("get", "/v1/transfers/:id", { param: { id } });
      return state === "waiting" || undefined;
    });
    await bert.stop();
    await bert.start();
    const again = await offered();
    expect(first.offer).toMatchObject({ id, entries: 4, bytes: 10, note: "take two" });
    expect(again.offer).toEqual(first.offer);
    again.peer.send({ t: "decline", code: "E_DECLINED" });
    expect(await bert.ended(id)).toMatchObject({ state: "failed", note: "take two", excluded: 2 });
    again.peer.end();
    await again.peer.closed();
    await scene.unharmed();
  });
});

describe("what would be sent", () => {
  it("is listed as it would be, with what would not be and why, although nobody is there to take it", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await bert.stop();
    const folder = await project(anna);
    const lines = await preview(anna, { peer: "bert", paths: [folder], exclude: EXCLUDE });
    expect(lines).toMatchObject([
      { is: "folder", path: "project" },
      { is: "excluded", path: path.join(folder, "build"), type: "folder" },
      { is: "skipped", path: path.join(folder, "link"), reason: "symbolic link" },
      { is: "file", path: "project/notes.txt", bytes: 5 },
      { is: "folder", path: "project/src" },
      { is: "file", path: "project/src/a.c", bytes: 5 },
      { is: "excluded", path: path.join(folder, "src", "a.o"), type: "file" },
      { is: "total", peer: { id: bert.id, name: "bert" }, files: 2, folders: 2, bytes: 10, skipped: 1, excluded: 2 },
    ]);
    const { transfers } = await anna.client.call("get", "/v1/transfers", { query: { all: "true" } });
    expect(transfers).toEqual([]);
  });

  it("is told up to what cannot be read, and then why", async () => {
    await using room = await Room.open();
    const [anna] = await room.pair();
    const paths = [await anna.write("a.txt", "a"), path.join(anna.home, "nowhere")];
    expect(await preview(anna, { peer: "bert", paths })).toMatchObject([
      { is: "file", path: "a.txt" },
      { is: "failed", error: { code: "E_SOURCE_MISSING" } },
    ]);
  });

  it("is not told for somebody unknown or unpaired", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    const bert = await room.daemon("bert");
    await anna.sees(bert);
    const paths = [await anna.write("a.txt", "a")];
    await expect(preview(anna, { peer: "nobody", paths })).rejects.toMatchObject({ code: "E_NO_PEER" });
    await expect(preview(anna, { peer: "bert", paths })).rejects.toMatchObject({ code: "E_NOT_PAIRED" });
  });

  it("may be much, and the reader may have seen enough", async () => {
    await using room = await Room.open();
    const [anna] = await room.pair();
    const many = path.join(anna.home, "many");
    await mkdir(many);
    for (let n = 0; n < 1_000; n++) await writeFile(path.join(many, String(n)), "");
    const enough = new AbortController();
    let seen = 0;
    for await (const _ of anna.client.preview({ peer: "bert", paths: [many] }, enough.signal)) {
      if (++seen === 3) enough.abort();
    }
    expect(seen).toBe(3);
  });
});

describe("a note", () => {
  const note = 'signed at last: "yes" \u202eשלום';

  it("is in the offer, in the events and in the history of both ends", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await bert.client.call("patch", "/v1/devices/:device", { param: { device: "anna" }, json: { policy: "ask" } });
    const stop = new AbortController();
    const events: ControlEvent[] = [];
    const watching = (async () => {
      for await (const event of bert.client.events(stop.signal)) events.push(event);
    })();
    await eventually("the snapshot", () => events[0]);
    const { id } = await anna.send(bert, [await anna.write("a.txt", "hello")], { note });
    const offer = await bert.offer();
    expect(offer.note).toBe(note);
    await bert.client.call("post", "/v1/offers/:id/accept", { param: { id: offer.id }, json: {} });
    await anna.ended(id);
    for (const daemon of [anna, bert]) {
      const { history } = await daemon.client.call("get", "/v1/history", { query: {} });
      expect(history).toMatchObject([{ id, note }]);
    }
    await eventually("the end", () => events.find(({ type }) => type === "transfer"));
    stop.abort();
    await watching;
    const noted = events.flatMap((event) => {
      if (event.type === "offer") return [event.offer.note];
      return event.type === "transfer" ? [event.transfer.note] : [];
    });
    expect(new Set(noted)).toEqual(new Set([note]));
  });

  it("is missing where nobody says anything", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const sent = await anna.deliver(bert, [await anna.write("a.txt", "hello")]);
    expect([sent.note, (await bert.ended(sent.id)).note]).toEqual([null, null]);
  });

  it("that could forge a line ends the connection, and nothing is shown of it", async () => {
    await using room = await Room.open();
    const bert = await room.daemon("bert");
    await using mallory = await Mallory.open();
    await mallory.pairWith(bert);
    const peer = await mallory.connect(bert);
    const items = [{ name: "a", type: "file" }];
    const offer = { t: "offer", id: "aaaaaaaaaaaaaaaa", entries: 1, bytes: 0, count: 1, items };
    peer.send(mallory.hello, { ...offer, note: "a\nlanxferctl: error: forged" });
    expect(await peer.next("abort")).toMatchObject({ code: "E_PROTO" });
    await peer.closed();
    expect((await bert.client.call("get", "/v1/transfers", { query: { all: "true" } })).transfers).toEqual([]);
  });
});
