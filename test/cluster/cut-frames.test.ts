/** The other end hangs up between any two frames of a transfer, whichever end of it it is. */

import { mkdir, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { atRest, Invariants } from "../support/invariants.ts";
import { entryFrames, offerOf, Scene, type Sent } from "../support/mallory.ts";
import { eventually } from "../support/process.ts";
import type { RawPeer } from "../support/raw-peer.ts";
import { KiB } from "../support/sizes.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
});
afterAll(() => scene[Symbol.asyncDispose]());

const ENTRIES: readonly Sent[] = [
  { path: ["a.bin"], content: Buffer.alloc(3 * KiB, 1) },
  { path: ["d"] },
  { path: ["d", "b.bin"], content: Buffer.alloc(2 * KiB, 2) },
  { path: ["d", "empty"], content: "" },
];

/** The same as files and folders on the disk; resolves to the paths of the top-level ones. */
async function materialize(root: string): Promise<string[]> {
  for (const { path: components, content } of ENTRIES) {
    const at = path.join(root, ...components);
    if (content === undefined) await mkdir(at, { recursive: true });
    else await writeFile(at, content);
  }
  for (const { path: components } of ENTRIES.toReversed()) await utimes(path.join(root, ...components), 0, 0);
  return ENTRIES.filter(({ path: components }) => components.length === 1).map(({ path: [name = ""] }) =>
    path.join(root, name),
  );
}

const HANG_UPS: readonly [string, (peer: RawPeer) => void][] = [
  ["says goodbye", (peer) => peer.end()],
  ["is gone", (peer) => peer.socket.destroy()],
];

describe("a sender that hangs up after any frame", () => {
  it.each(HANG_UPS)("and %s leaves nothing unfinished in sight", async (_, hangUp) => {
    const { bert, mallory } = scene;
    const sources = await materialize(await mkdirIn(scene.room.directory, "sent"));
    const invariants = await Invariants.watch(bert, ...sources);
    const length = entryFrames(ENTRIES).length;
    for (let sent = 0; sent <= length; sent++) {
      const peer = await mallory.accepted(bert, offerOf(ENTRIES));
      for (const frame of entryFrames(ENTRIES).slice(0, sent)) peer.sendBytes(frame);
      await new Promise((resolve) => peer.socket.write("", resolve));
      hangUp(peer);
      await peer.closed();
      await atRest(bert.client);
      await invariants.check();
      await invariants.nothingStaged();
      await invariants.clear();
    }
    expect(await mallory.deliver(bert, ENTRIES)).toMatchObject({ t: "complete" });
    expect([...(await invariants.check()).values()]).toEqual([["a.bin"], ["d"]]);
    await invariants.clear();
  });
});

/** What an honest receiver does, a step for each frame that it hears or says. */
function honestReceiver(peer: RawPeer): readonly (() => unknown)[] {
  const heard = () =>
    peer.blocks.length + peer.messages.filter(({ t }) => t === "entry" || t === "end" || t === "done").length;
  const hears = (frames: number) => () =>
    eventually(`frame ${frames}`, () => heard() >= frames || undefined, { everyMs: 1 });
  const saves = (index: number) => () => {
    const end = peer.messages.find((message) => message["t"] === "end" && message["index"] === index);
    peer.send({ t: "saved", items: [{ index, ...(end && { root: end["root"] }) }] });
  };
  return [
    () => peer.send(scene.mallory.hello),
    () => peer.next("offer"),
    () => peer.send({ t: "accept" }),
    ...entryFrames(ENTRIES).map((_, i) => hears(i + 1)),
    ...[0, 2, 3, 1].map(saves),
    () => peer.send({ t: "complete" }),
  ];
}

describe("a receiver that hangs up after any frame", () => {
  it.each(HANG_UPS)("and %s is not taken for one that has everything", async (how, hangUp) => {
    const { bert, mallory } = scene;
    const sources = await materialize(await mkdirIn(bert.home, "files"));
    for (let steps = 0, done = false; !done; steps++) {
      const { id } = await bert.send(mallory.credentials.id, sources);
      // Where nothing was said it is knocked at again.
      const again = setInterval(() => steps === 0 && mallory.server.peers.forEach(hangUp), 10);
      const peer = await (steps === 0 ? mallory.server.next() : mallory.called());
      const script = honestReceiver(peer);
      for (const step of script.slice(0, steps)) await step();
      hangUp(peer);
      const sent = await eventually(`the end of ${id}, or an interruption`, async () => {
        const view = await bert.client.call("get", "/v1/transfers/:id", { param: { id } });
        return view.endedAt !== null || view.state === "waiting" ? view : undefined;
      });
      clearInterval(again);
      await peer.closed();
      // Of one that was accepted there would be another attempt.
      if (sent.state === "waiting") await bert.client.call("delete", "/v1/transfers/:id", { param: { id } });
      await bert.ended(id);
      done = steps === script.length;
      if (!done) expect(sent.error ?? sent.waitingFor).toMatchObject({ exit: 5 });
      else if (how === "says goodbye") expect(sent.state).toBe("done");
    }
    await atRest(bert.client);
  });
});

async function mkdirIn(directory: string, name: string): Promise<string> {
  const made = path.join(directory, name);
  await mkdir(made, { recursive: true });
  return made;
}
