/** Whoever takes part in a pairing by code and has something else in mind. */

import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { base32Encode } from "../../src/core/ids.ts";
import { loadDeviceKey } from "../../src/identity/device-key.ts";
import { ALPN_PAIR } from "../../src/transfer/wire.ts";
import type { TestDaemon } from "../support/daemons.ts";
import { falseListener, pairingScene, who } from "../support/pairing-scene.ts";
import { Posing } from "../support/posing.ts";
import { eventually } from "../support/process.ts";
import { controlFrame, RawPeer } from "../support/raw-peer.ts";

type Message = Readonly<Record<string, unknown>>;

const trusted = async (daemon: TestDaemon) =>
  (await daemon.client.call("get", "/v1/devices", {})).devices.map(({ name }) => name);

describe("whoever stands between two devices", () => {
  it("is trusted by neither: the codes do not fit", async () => {
    await using all = await pairingScene();
    const { room, bert, window } = all;
    const anna = await room.daemon("anna");
    bert.node.unplug(); // anna is to find the false one
    const falseBert = await falseListener(room, anna, "bert");
    const atBert = window(bert);
    await atBert.when("waiting");
    const atAnna = window(anna, falseBert.self.id);
    const towardsAnna = new Posing("listener", await falseBert.called(), falseBert.self, who(anna));
    const towardsBert = await all.pose();
    await towardsAnna.until("comparing");
    await towardsBert.until("comparing");
    const [shownByAnna, shownByBert] = [(await atAnna.when("comparing")).code, (await atBert.when("comparing")).code];
    expect(towardsAnna.machine.comparing.codes.shown).not.toBe(shownByBert);
    expect(towardsBert.machine.comparing.codes.shown).not.toBe(shownByAnna);
    // It confirms both, as if its users had agreed; the users type what they see.
    towardsAnna.agree();
    towardsBert.agree();
    expect(await atAnna.type(shownByBert)).toBe("wrong");
    expect(await atBert.type(shownByAnna)).toBe("wrong");
    for (const window of [atAnna, atBert]) {
      expect(await window.result()).toMatchObject({ error: { code: "E_PAIR_CODE" } });
    }
    expect([await trusted(anna), await trusted(bert)]).toEqual([[], []]);
    await towardsAnna.end();
    await towardsBert.end();
  });
});

describe("a listener", () => {
  it.each<[string, (peer: RawPeer) => Promise<void>, string]>([
    [
      "that changes its nonce when it has seen the other one",
      async (peer) => {
        peer.send({ t: "pair-commit", name: "bert", port: 1, commit: base32Encode(randomBytes(32)) });
        await peer.next("pair-nonce");
        peer.send({ t: "pair-reveal", nonce: base32Encode(randomBytes(32)) });
      },
      "E_PAIR_FORGED",
    ],
    [
      "that sends back what it was sent",
      async (peer) => {
        const hello = await peer.next("pair-hello");
        peer.send(hello);
      },
      "E_PROTO",
    ],
    [
      "that reveals before it was asked to",
      async (peer) => {
        const nonce = base32Encode(randomBytes(32));
        peer.send({ t: "pair-commit", name: "bert", port: 1, commit: nonce }, { t: "pair-reveal", nonce });
      },
      "E_PAIR_FORGED",
    ],
    ["that is done before it has begun", async (peer) => peer.send({ t: "pair-done" }), "E_PROTO"],
    [
      "that leaves after its commitment",
      async (peer) => {
        peer.send({ t: "pair-commit", name: "bert", port: 1, commit: base32Encode(randomBytes(32)) });
        await peer.next("pair-nonce");
        peer.end();
      },
      "E_PAIR_ENDED",
    ],
  ])("ends the pairing, is not trusted and not called again: %s", async (_, act, code) => {
    await using all = await pairingScene();
    const { room, clock, bert, window } = all;
    const { self, called, calls } = await falseListener(room, bert, "false");
    const open = window(bert, self.id);
    const peer = await called();
    await act(peer);
    expect(await open.result()).toMatchObject({ state: "failed", error: { code } });
    await peer.closed();
    clock.skip(30_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(calls()).toBe(1);
    expect(await trusted(bert)).toEqual([]);
  });

  it("that is silent after its commitment is left after 10 s, and not called again", async () => {
    await using all = await pairingScene();
    const { room, clock, bert, window } = all;
    const { self, called, calls } = await falseListener(room, bert, "silent");
    const open = window(bert, self.id);
    const peer = await called();
    peer.send({ t: "pair-commit", name: "bert", port: 1, commit: base32Encode(randomBytes(32)) });
    await peer.next("pair-nonce");
    clock.skip(10_500);
    expect(await open.result()).toMatchObject({ error: { code: "E_TIMEOUT" } });
    clock.skip(30_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(calls()).toBe(1);
  });

  it("that is silent is left after 10 s, and called again while nothing was promised", async () => {
    await using all = await pairingScene();
    const { room, clock, bert, window } = all;
    const { self, called } = await falseListener(room, bert, "silent");
    const open = window(bert, self.id);
    const first = await called();
    await first.next("pair-hello");
    clock.skip(10_500);
    await first.closed();
    clock.skip(2_500);
    const second = await called();
    await second.next("pair-hello");
    expect(open.seen.every(({ state }) => state === "waiting")).toBe(true);
  });
});

describe("a dialler", () => {
  it("that leaves after the commitment three times has closed the window, and the fourth time is turned away", async () => {
    await using all = await pairingScene();
    const { bert, window, pose } = all;
    const open = window();
    await open.when("waiting");
    for (let failures = 1; failures <= 3; failures++) {
      const posing = await pose();
      if (failures === 2) await posing.until("revealing");
      else await posing.until("comparing");
      await posing.end();
      await eventually("it is counted", () => {
        const last = open.seen.at(-1);
        return last?.state === "failed" || (last?.state === "waiting" && last.failures === failures) || undefined;
      });
    }
    expect(await open.result()).toMatchObject({ error: { code: "E_PAIR_ENDED" } });
    const fourth = await all.connect();
    fourth.send({ t: "pair-hello", sid: "a".repeat(26), name: "anna", port: 1 });
    expect(await fourth.next("pair-refuse")).toEqual({ t: "pair-refuse" });
    await fourth.closed();
    expect(await trusted(bert)).toEqual([]);
  });

  const nonce = { t: "pair-nonce", nonce: base32Encode(Buffer.alloc(32, 1)) };
  const confirm = { t: "pair-confirm", mac: base32Encode(Buffer.alloc(32, 1)) };
  it.each<[string, readonly Message[]]>([
    ["says the same twice", [nonce, nonce]],
    ["leaves a step out", [confirm]],
    ["says hello again", [{ t: "pair-hello", sid: "a".repeat(26), name: "anna", port: 1 }]],
    ["confirms what it cannot know", [nonce, confirm]],
    ["is done without having agreed", [nonce, { t: "pair-done" }]],
    ["says more than there is room for", [{ ...nonce, x: "x".repeat(1_024) }]],
    ["says nothing that is known", [{ t: "pair" }]],
    ["says too much", Array.from({ length: 20 }, () => nonce)],
  ])("ends only its own attempt when it %s", async (_, messages) => {
    await using all = await pairingScene();
    const { bert, connect, window } = all;
    const open = window();
    await open.when("waiting");
    const peer = await connect();
    peer.send({ t: "pair-hello", sid: "a".repeat(26), name: "anna", port: 1 });
    await peer.next("pair-commit");
    for (const message of messages) peer.sendBytes(controlFrame(message));
    await peer.closed();
    await eventually("it is counted", () => {
      const last = open.seen.at(-1);
      return (last?.state === "waiting" && last.failures === 1) || undefined;
    });
    expect(await trusted(bert)).toEqual([]);
  });

  it("that stops after the commitment is left after 10 s", async () => {
    await using all = await pairingScene();
    const { clock, connect, window } = all;
    const open = window();
    await open.when("waiting");
    const peer = await connect();
    peer.send({ t: "pair-hello", sid: "a".repeat(26), name: "anna", port: 1 });
    await peer.next("pair-commit");
    clock.skip(10_500);
    await peer.closed();
    await eventually("it is counted", () => {
      const last = open.seen.at(-1);
      return (last?.state === "waiting" && last.failures === 1) || undefined;
    });
  });

  it("that never agrees gets no more time because the user here did", async () => {
    await using all = await pairingScene();
    const { bert, clock, pose, window } = all;
    const open = window();
    await open.when("waiting");
    const posing = await (await pose()).until("comparing");
    await open.when("comparing");
    clock.skip(110_000);
    expect(await open.type(posing.machine.comparing.codes.shown)).toBe("right");
    clock.skip(11_000);
    expect(await open.result()).toMatchObject({ error: { code: "E_TIMEOUT" } });
    await posing.end();
    expect(await trusted(bert)).toEqual([]);
  });

  it("cannot take part while another one is being paired", async () => {
    await using all = await pairingScene();
    const { connect, pose, window } = all;
    const open = window();
    await open.when("waiting");
    const first = await (await pose()).until("comparing");
    const second = await connect();
    second.send({ t: "pair-hello", sid: "a".repeat(26), name: "other", port: 1 });
    await second.next("pair-refuse");
    expect(await open.when("comparing")).toMatchObject({ peer: { name: "anna" } });
    await first.end();
  });

  it("that shows the listener's own key, stolen or copied, is turned away", async () => {
    await using all = await pairingScene();
    const { bert, window } = all;
    const credentials = await loadDeviceKey(bert.state, process.getuid?.() ?? 0);
    const open = window();
    await open.when("waiting");
    await using peer = await RawPeer.connect(bert.port, { credentials, alpn: [ALPN_PAIR] });
    peer.send({ t: "pair-hello", sid: "a".repeat(26), name: "bert", port: 1 });
    expect(await peer.next("pair-refuse")).toEqual({ t: "pair-refuse" });
    expect(open.seen).toHaveLength(1);
    // And its user is told that somebody has the key.
    expect((await bert.client.call("get", "/v1/status", {})).double).toMatchObject({ address: "127.0.0.1" });
  });

  it("floods a device without a window, and nobody is asked; the window opens all the same", async () => {
    await using all = await pairingScene();
    const { bert, connect, pose, window } = all;
    const CALLS = 40;
    for (let i = 0; i < CALLS; i++) {
      const peer = await connect();
      peer.send({ t: "pair-hello", sid: "a".repeat(26), name: "anna", port: 1 });
      await peer.next("pair-refuse");
      await peer.closed();
    }
    const status = await bert.client.call("get", "/v1/status", {});
    expect(status).toMatchObject({ refused: { pairing: CALLS }, offers: 0, pairing: "closed" });
    const open = window();
    await open.when("waiting");
    const posing = await (await pose()).until("comparing");
    await posing.end();
  });

  it("that never says it is done is trusted, as both users agreed, and the user is told; pairing again heals it", async () => {
    await using all = await pairingScene();
    const { bert, pose, window } = all;
    for (const again of [false, true]) {
      const open = window();
      await open.when("waiting");
      const posing = await (await pose()).until("comparing");
      const { code } = await open.when("comparing");
      expect(await open.type(posing.machine.comparing.codes.shown)).toBe("right");
      expect(posing.machine.comparing.codes.wanted).toBe(code);
      posing.agree();
      await posing.until("pinning");
      if (again) {
        posing.machine.feed({ kind: "pinned" });
        await posing.until("ended");
      }
      await posing.end();
      expect(await open.result()).toMatchObject({ state: "paired", device: { name: "anna" }, mutual: again, again });
      await open.over;
    }
    expect(await trusted(bert)).toEqual(["anna"]);
  });
});
