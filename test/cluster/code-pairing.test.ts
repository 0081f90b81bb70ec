/** Pairing by code between real daemons. */

import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { otherThan, typeAcross, Window } from "../support/code-pairing.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { eventually } from "../support/process.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

async function two(clock = new SkippingClock()) {
  const room = await Room.open({ clock });
  const [anna, bert] = [await room.daemon("anna"), await room.daemon("bert")];
  await anna.sees(bert);
  await bert.sees(anna);
  const window = (daemon: TestDaemon, peer?: TestDaemon | string) => room.use(new Window(daemon, peer));
  return { room, clock, anna, bert, window, [Symbol.asyncDispose]: () => room[Symbol.asyncDispose]() };
}

const trusted = async (daemon: TestDaemon) =>
  (await daemon.client.call("get", "/v1/devices", {})).devices.map(({ name }) => name);

async function refused(daemon: TestDaemon): Promise<number> {
  return (await daemon.client.call("get", "/v1/status", {})).refused["pairing"] ?? 0;
}

describe("two users", () => {
  it("pair when the one who waits was first", async () => {
    await using scene = await two();
    const { anna, bert, window } = scene;
    const b = window(bert);
    expect(await b.when("waiting")).toMatchObject({ peer: null, problem: null, failures: 0 });
    const a = window(anna, bert);
    await typeAcross(a, b);
    expect(await a.result()).toMatchObject({ state: "paired", device: { name: "bert" }, mutual: true, again: false });
    expect(await b.result()).toMatchObject({ state: "paired", device: { name: "anna" }, mutual: true, again: false });
    await Promise.all([a.over, b.over]);
    for (const [from, to] of [
      [anna, bert],
      [bert, anna],
    ] as const) {
      expect(await from.deliver(to, [await from.write("a.txt", "hello")])).toMatchObject({ state: "done" });
    }
    expect(await refused(bert)).toBe(0);
  });

  it("pair when the one who calls was first, and is told where it waits", async () => {
    await using scene = await two();
    const { clock, anna, bert, window } = scene;
    const a = window(anna, "bert");
    expect(await a.when("waiting")).toMatchObject({ peer: { id: bert.id, name: "bert" }, problem: null });
    await eventually("bert was called", async () => (await refused(bert)) > 0 || undefined);
    const b = window(bert);
    await b.when("waiting");
    clock.skip(2_000);
    const shown = await b.when("comparing");
    expect(shown).toMatchObject({ peer: { id: anna.id, name: "anna" }, petname: null, namesake: null, typed: false });
    expect(shown.code).toMatch(/^\d{6}$/);
    expect(shown.left).toBeGreaterThan(60_000);
    await typeAcross(a, b);
    expect([(await a.result()).state, (await b.result()).state]).toEqual(["paired", "paired"]);
  });

  it("see when their own code was right, and wait for the other's", async () => {
    await using scene = await two();
    const { anna, bert, window } = scene;
    const [b, a] = [window(bert), window(anna, bert)];
    const { code } = await b.when("comparing");
    await a.when("comparing");
    expect(await a.type((await a.when("comparing")).code)).toBe("own");
    expect(await a.type(`${code.slice(0, 3)} ${code.slice(3)}`)).toBe("right");
    await eventually("it shows", async () => (await a.when("comparing")).typed || undefined);
    await expect(a.type(code)).rejects.toMatchObject({ code: "E_NOT_FOUND" });
    expect([await trusted(anna), await trusted(bert)]).toEqual([[], []]);
  });

  it.each(["anna", "bert"])("who name each other pair once, whoever began: %s", async (first) => {
    await using scene = await two();
    const { clock, anna, bert, window } = scene;
    const open = { anna: () => window(anna, bert), bert: () => window(bert, anna) };
    const [a, b] = first === "anna" ? [open.anna(), open.bert()] : [open.bert(), open.anna()].reverse();
    if (a === undefined || b === undefined) throw new Error("two windows");
    const nudge = setInterval(() => clock.skip(500), 50);
    try {
      await typeAcross(a, b);
      expect(await a.result()).toMatchObject({ state: "paired", mutual: true });
      expect(await b.result()).toMatchObject({ state: "paired", mutual: true });
    } finally {
      clearInterval(nudge);
    }
    expect([await trusted(anna), await trusted(bert)]).toEqual([["bert"], ["anna"]]);
  });

  it("pair again without harm, also when only one side remembers", async () => {
    await using scene = await two();
    const { room, anna, bert, window } = scene;
    await anna.pairWith(bert);
    await anna.client.call("patch", "/v1/devices/:device", {
      param: { device: "bert" },
      json: { name: "nas", policy: "ask" },
    });
    await bert.client.call("delete", "/v1/devices/:device", { param: { device: "anna" } });
    const [b, a] = [window(bert), window(anna, "nas")];
    expect(await a.when("comparing")).toMatchObject({ petname: "nas", peer: { name: "bert" } });
    await typeAcross(a, b);
    expect(await a.result()).toMatchObject({ device: { name: "nas", policy: "ask" }, again: true });
    expect(await b.result()).toMatchObject({ device: { name: "anna" }, again: false });
    expect(room).toBeDefined();
  });

  it("are told that another device has this name already, which keeps it", async () => {
    await using scene = await two();
    const { room, bert, window } = scene;
    const impostor = await room.daemon("impostor", { name: "anna" });
    await bert.pairWith(scene.anna);
    const [b, a] = [window(bert), window(impostor, bert)];
    expect(await b.when("comparing")).toMatchObject({
      peer: { name: "anna", id: impostor.id },
      petname: null,
      namesake: { name: "anna", id: scene.anna.id },
    });
    await typeAcross(a, b);
    expect(await b.result()).toMatchObject({ device: { name: "anna (2)", id: impostor.id } });
    expect(await trusted(bert)).toEqual(["anna", "anna (2)"]);
  });
});

describe("a wrong code", () => {
  it("pairs nobody and ends both windows, and only the one who typed it is told so", async () => {
    await using scene = await two();
    const { anna, bert, window } = scene;
    const [b, a] = [window(bert), window(anna, bert)];
    const codes = [(await a.when("comparing")).code, (await b.when("comparing")).code];
    expect(await a.type(otherThan(...codes))).toBe("wrong");
    expect(await a.result()).toMatchObject({ error: { code: "E_PAIR_CODE", exit: 7 } });
    await eventually("bert is let down", async () => {
      const last = b.seen.at(-1);
      return (last?.state === "waiting" && last.failures === 1) || undefined;
    });
    expect([await trusted(anna), await trusted(bert)]).toEqual([[], []]);
    // Nobody called again by itself.
    scene.clock.skip(30_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(b.seen.at(-1)).toMatchObject({ state: "waiting", failures: 1 });
  });

  it("three times within an hour locks pairing, also after a restart, until it is unlocked", async () => {
    await using scene = await two();
    const { anna, bert, window } = scene;
    for (let i = 0; i < 3; i++) {
      const [b, a] = [window(bert), window(anna, bert)];
      const codes = [(await a.when("comparing")).code, (await b.when("comparing")).code];
      await a.type(otherThan(...codes));
      await a.result();
      await b.gone();
    }
    await expect(window(anna, bert).over).rejects.toMatchObject({ code: "E_PAIR_LOCKED" });
    await anna.stop();
    await anna.start();
    await anna.sees(bert);
    await expect(window(anna).over).rejects.toMatchObject({ code: "E_PAIR_LOCKED" });
    // Pairing by invite is not touched.
    await anna.pairWith(bert);
    await anna.client.call("delete", "/v1/pairing-lock", {});
    expect(await window(anna).when("waiting")).toMatchObject({ peer: null });
  });

  it("is forgiven after an hour", async () => {
    await using scene = await two();
    const { clock, anna, bert, window } = scene;
    for (let i = 0; i < 4; i++) {
      const [b, a] = [window(bert), window(anna, bert)];
      const codes = [(await a.when("comparing")).code, (await b.when("comparing")).code];
      await a.type(otherThan(...codes));
      await a.result();
      await b.gone();
      if (i === 1) clock.skip(3_600_000);
    }
    expect(await window(anna).when("waiting")).toMatchObject({ failures: 0 });
    const kept = JSON.parse(await readFile(path.join(anna.state, "pairing.json"), "utf8"));
    expect(kept).toMatchObject({ locked: false });
  });
});

describe("a window", () => {
  it("closes after two minutes in which nobody came", async () => {
    await using scene = await two();
    const { clock, anna, bert, window } = scene;
    const a = window(anna, bert);
    await a.when("waiting");
    clock.skip(119_000);
    await a.when("waiting");
    clock.skip(2_000);
    expect(await a.result()).toMatchObject({
      error: { code: "E_TIMEOUT", exit: 6, message: "bert did not answer in time (pairing)" },
    });
  });

  it("gives both users two minutes to type", async () => {
    await using scene = await two();
    const { clock, anna, bert, window } = scene;
    const [b, a] = [window(bert), window(anna, bert)];
    await b.when("comparing");
    await a.when("comparing");
    clock.skip(110_000);
    await a.when("comparing");
    clock.skip(11_000);
    expect(await a.result()).toMatchObject({ error: { code: expect.stringMatching(/^E_(TIMEOUT|PAIR_ENDED)$/) } });
    expect(await b.result()).toMatchObject({ state: "failed" });
    expect([await trusted(anna), await trusted(bert)]).toEqual([[], []]);
  });

  it("closes when the user who held it is gone, at once and on both sides", async () => {
    await using scene = await two();
    const { anna, bert, window } = scene;
    const [b, a] = [window(bert, anna), window(anna, bert)];
    await a.when("comparing");
    await b.when("comparing");
    a.close();
    expect(await b.result()).toMatchObject({ error: { code: "E_PAIR_ENDED" } });
    await expect(a.type("000000")).rejects.toMatchObject({ code: "E_NOT_FOUND" });
  });

  it("is one at a time", async () => {
    await using scene = await two();
    const { anna, window } = scene;
    const first = window(anna);
    await first.when("waiting");
    await expect(window(anna).over).rejects.toMatchObject({ code: "E_BUSY" });
    await first.gone();
    await window(anna).when("waiting");
  });

  it("for one device is closed to all others", async () => {
    await using scene = await two();
    const { room, anna, bert, window } = scene;
    const carl = await room.daemon("carl");
    await carl.sees(bert);
    const b = window(bert, anna);
    await b.when("waiting");
    const c = window(carl, bert);
    await c.when("waiting");
    await eventually("carl was turned away", async () => (await refused(bert)) > 0 || undefined);
    expect(b.seen.every(({ state }) => state === "waiting")).toBe(true);
  });

  it("that was never opened asks nobody, and counts who came", async () => {
    await using scene = await two();
    const { clock, anna, bert, window } = scene;
    const a = window(anna, bert);
    await a.when("waiting");
    for (let calls = 1; calls <= 5; calls++) {
      await eventually("a call", async () => (await refused(bert)) >= calls || undefined);
      clock.skip(2_000);
    }
    expect((await bert.client.call("get", "/v1/offers", {})).offers).toEqual([]);
    expect(await trusted(bert)).toEqual([]);
  });

  it("cannot be opened for a name that nobody has, nor typed into when there is none", async () => {
    await using scene = await two();
    const { anna, window } = scene;
    await expect(window(anna, "nobody").over).rejects.toMatchObject({ code: "E_NO_PEER" });
    await expect(window(anna, "nobody").type("123456")).rejects.toMatchObject({ code: "E_NOT_FOUND" });
  });

  it("survives that the other device is away, and goes on when it comes", async () => {
    await using scene = await two();
    const { clock, anna, bert, window } = scene;
    bert.node.unplug();
    await bert.stop();
    const a = window(anna, bert.id);
    await eventually("it was missed", async () => {
      const last = a.seen.at(-1);
      return (last?.state === "waiting" && last.problem?.code === "E_UNREACHABLE") || undefined;
    });
    await bert.start();
    const b = window(bert);
    await b.when("waiting");
    const nudge = setInterval(() => clock.skip(500), 50);
    try {
      await typeAcross(a, b);
      expect(await a.result()).toMatchObject({ state: "paired" });
    } finally {
      clearInterval(nudge);
    }
  });

  it("in which nobody came ends with the daemon, too", async () => {
    await using scene = await two();
    const { anna, window } = scene;
    const a = window(anna);
    await a.when("waiting");
    await anna.stop();
    expect(await a.result()).toMatchObject({ error: { code: "E_STOPPING" } });
  });

  it("ends with the daemon", async () => {
    await using scene = await two();
    const { anna, bert, window } = scene;
    const [b, a] = [window(bert, anna), window(anna, bert)];
    await a.when("comparing");
    await b.when("comparing");
    await anna.stop();
    expect(await b.result()).toMatchObject({ error: { code: "E_PAIR_ENDED" } });
  });
});
