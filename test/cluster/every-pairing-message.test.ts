/**
 * Every message of both ways to pair, and some that belong elsewhere, at every
 * point of a pairing, said to a real daemon over a real connection: what is not
 * expected ends the attempt, is counted where somebody may have had a chance, and
 * trusts nobody.
 */

import { createSecretKey, randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { base32Encode } from "../../src/core/ids.ts";
import { encodeInvite } from "../../src/identity/invite.ts";
import { ALPN_PAIR } from "../../src/transfer/wire.ts";
import type { Window } from "../support/code-pairing.ts";
import { newCredentials } from "../support/credentials.ts";
import { offerOf } from "../support/mallory.ts";
import { falseListener, pairingScene, who } from "../support/pairing-scene.ts";
import { Posing } from "../support/posing.ts";
import { eventually } from "../support/process.ts";
import { type RawPeer, RawServer } from "../support/raw-peer.ts";

type Message = Readonly<Record<string, unknown>>;

const sid = base32Encode(Buffer.alloc(16, 1));
const bytes = base32Encode(Buffer.alloc(32, 7));
const own = { name: "mallory", port: 1 };

/** A good one of each, but for what only the right end can know. */
const MESSAGES: Readonly<Record<string, Message>> = Object.fromEntries(
  [
    { t: "pair-hello", sid, ...own },
    { t: "pair-commit", ...own, commit: bytes },
    { t: "pair-refuse" },
    { t: "pair-nonce", nonce: bytes },
    { t: "pair-reveal", nonce: bytes },
    { t: "pair-confirm", mac: bytes },
    { t: "pair-done" },
    { t: "invite-redeem", sid, ...own, mac: bytes },
    { t: "invite-accept", ...own, mac: bytes },
    { t: "invite-refuse" },
    { t: "invite-done" },
    { t: "hello", v: 1, features: [], ...own },
    offerOf([{ path: ["a.txt"], content: "x" }]),
    { t: "abort", code: "E_INTERNAL" },
    { t: "pair-please" },
  ].map((message) => [String(message["t"]), message]),
);
const NAMES = Object.keys(MESSAGES);
const message = (name: string): Message => MESSAGES[name] ?? {};

let all: Awaited<ReturnType<typeof pairingScene>>;
beforeAll(async () => {
  all = await pairingScene();
});
afterAll(() => all[Symbol.asyncDispose]());

let window: Window | undefined;
afterEach(async () => {
  const { client } = all.bert;
  await window?.gone();
  window = undefined;
  await client.call("delete", "/v1/pairing-lock", {});
  const { devices } = await client.call("get", "/v1/devices", {});
  for (const { id } of devices) await client.call("delete", "/v1/devices/:device", { param: { device: id } });
});

const trusted = async () => (await all.bert.client.call("get", "/v1/devices", {})).devices.length;

async function over(peer: RawPeer): Promise<void> {
  peer.end();
  await peer.closed();
}

/** A stand of bert's, and who stands there with him. */
interface Standing {
  readonly peer: RawPeer;
  readonly window: Window;
}
type Reach = Readonly<Record<string, () => Promise<Standing>>>;

/** Where the codes are compared: nobody has agreed, one of both, or both. */
function comparing(pose: () => Promise<{ readonly posing: Posing; readonly window: Window }>): Reach {
  const stand = async (who: "nobody" | "here" | "there" | "both"): Promise<Standing> => {
    const { posing, window } = await pose();
    await posing.until("comparing");
    await window.when("comparing");
    if (who === "there" || who === "both") posing.agree();
    if (who === "here" || who === "both") expect(await window.type(posing.machine.comparing.codes.shown)).toBe("right");
    return { peer: posing.peer, window };
  };
  return {
    comparing: () => stand("nobody"),
    "agreed here": () => stand("here"),
    "agreed there": () => stand("there"),
  };
}

describe("a listener", () => {
  const open = async () => {
    const opened = all.window();
    window = opened;
    await opened.when("waiting");
    return opened;
  };
  const reach: Reach = {
    listening: async () => ({ window: await open(), peer: await all.connect() }),
    async committed() {
      const opened = await open();
      const peer = await all.connect();
      peer.send(message("pair-hello"));
      await peer.next("pair-commit");
      return { window: opened, peer };
    },
    ...comparing(async () => ({ window: await open(), posing: await all.pose() })),
  };
  /** What is expected, and how it is answered. */
  const ANSWERS: Readonly<Record<string, string>> = {
    "listening pair-hello": "pair-commit",
    "committed pair-nonce": "pair-reveal",
  };
  const cases = Object.keys(reach).flatMap((stand) => NAMES.map((name) => ({ stand, name })));

  it.each(cases)("that is $stand and hears $name", async ({ stand, name }) => {
    const { peer, window: opened } = await (reach[stand] ?? fail)();
    peer.send(message(name));
    const answer = ANSWERS[`${stand} ${name}`];
    if (answer !== undefined) {
      await peer.next(answer);
      return over(peer);
    }
    await over(peer);
    expect(await trusted()).toBe(0);
    if (stand === "listening") {
      expect(peer.messages).toEqual([{ t: "invite-refuse" }]); // the first message chose that way
      expect(opened.seen.at(-1)).toMatchObject({ state: "waiting", failures: 0 });
    } else {
      await eventually("it is counted", () => {
        const last = opened.seen.at(-1);
        return (last?.state === "waiting" && last.failures === 1) || undefined;
      });
    }
  });
});

describe("a dialler", () => {
  const call = async () => {
    const { self, called } = await falseListener(all.room, all.bert, "false");
    const opened = all.window(all.bert, self.id);
    window = opened;
    return { self, window: opened, peer: await called() };
  };
  const reach: Reach = {
    async greeting() {
      const { peer, window: opened } = await call();
      await peer.next("pair-hello");
      return { peer, window: opened };
    },
    async revealing() {
      const { peer, window: opened } = await call();
      await peer.next("pair-hello");
      peer.send(message("pair-commit"));
      await peer.next("pair-nonce");
      return { peer, window: opened };
    },
    ...comparing(async () => {
      const { self, peer, window: opened } = await call();
      return { window: opened, posing: new Posing("listener", peer, self, who(all.bert)) };
    }),
  };
  /** What only the right end can say is told apart from what nobody may say. */
  const FORGED = ["revealing pair-reveal", "comparing pair-confirm", "agreed here pair-confirm"];
  const cases = Object.keys(reach).flatMap((stand) => NAMES.map((name) => ({ stand, name })));

  it.each(cases)("that is $stand and hears $name", async ({ stand, name }) => {
    const { peer, window: opened } = await (reach[stand] ?? fail)();
    peer.send(message(name));
    const at = `${stand} ${name}`;
    if (at === "greeting pair-commit") {
      await peer.next("pair-nonce");
      return over(peer);
    }
    await over(peer);
    expect(await trusted()).toBe(0);
    if (at === "greeting pair-refuse") {
      expect(opened.seen.at(-1)).toMatchObject({ state: "waiting", failures: 0 }); // to be called again
    } else {
      const code = FORGED.includes(at) ? "E_PAIR_FORGED" : "E_PROTO";
      expect(await opened.result()).toMatchObject({ state: "failed", error: { code } });
    }
  });
});

describe("whoever has agreed with the other end", () => {
  it.each(NAMES)("trusts it whatever it says then, and says so when that is not that it is done: %s", async (name) => {
    const opened = all.window();
    window = opened;
    await opened.when("waiting");
    const posing = await (await all.pose()).until("comparing");
    await opened.when("comparing");
    posing.agree();
    expect(await opened.type(posing.machine.comparing.codes.shown)).toBe("right");
    await posing.peer.next("pair-done");
    posing.peer.send(message(name));
    expect(await opened.result()).toMatchObject({ state: "paired", mutual: name === "pair-done" });
    await over(posing.peer);
    expect(await trusted()).toBe(1);
  });
});

describe("an inviter", () => {
  it.each(NAMES)("that hears %s first refuses, whoever it is", async (name) => {
    await all.bert.invite();
    const peer = await all.connect();
    peer.send(message(name));
    await over(peer);
    const refusal = name === "pair-hello" ? "pair-refuse" : "invite-refuse"; // nobody pairs by code now
    expect(peer.messages).toEqual([{ t: refusal }]);
    expect(await trusted()).toBe(0);
    all.clock.skip(3_600_000); // that invite is over, and so is the penalty for a wrong proof
  });
});

describe("a redeemer", () => {
  it.each(NAMES)("that hears %s trusts nobody", async (name) => {
    const server = all.room.use(await RawServer.listen(newCredentials(), { alpn: [ALPN_PAIR] }));
    const secret = createSecretKey(randomBytes(16));
    const address = { host: "127.0.0.1", port: server.port };
    const invite = encodeInvite({ id: server.id, secret, expiresAt: all.clock.now() + 60_000, address });
    const redeeming = all.bert.client.call("post", "/v1/pairings", { json: { invite } }).catch((error) => error);
    const peer = await server.next();
    await peer.next("invite-redeem");
    peer.send(message(name));
    await over(peer);
    const code = name === "invite-accept" || name === "invite-refuse" ? "E_INVITE" : "E_PROTO";
    expect(await redeeming).toMatchObject({ code });
    expect(await trusted()).toBe(0);
  });
});

function fail(): never {
  throw new Error("a stand without a way to it");
}
