import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { base32Encode, type DeviceId, shortId } from "../../../src/core/ids.ts";
import { decodeInvite } from "../../../src/identity/invite.ts";
import { createInviteBook, type InviteBook } from "../../../src/identity/invite-book.ts";
import { EXPORTER_BYTES, EXPORTER_LABEL, redeemMac, sessionKey } from "../../../src/identity/invite-proof.ts";
import { answerRedeem, type Party, type Pin, redeemInvite } from "../../../src/identity/invite-protocol.ts";
import type { Partner } from "../../../src/identity/pairing-message.ts";
import { openTrustStore } from "../../../src/identity/trust-store.ts";
import { connect, type MemoryChannel } from "./support/channel.ts";
import { movableClock } from "./support/clock.ts";
import { directories, failure } from "./support/directory.ts";
import { idOf } from "./support/ids.ts";

const directory = directories();
const laptop = idOf("laptop");
const nas = idOf("nas");
const mallory = idOf("mallory");
const random = (bytes: number) => randomBytes(bytes);

/** A device at one end: what it tells, and whom it came to trust. */
function device(name: string, port: number) {
  const pinned: { id: DeviceId; name: string }[] = [];
  const pin: Pin = async (other) => pinned.push(other);
  return { name, port, pinned, random, pin };
}

/** The nas, with one open invite. */
function inviter(ttlMs?: number) {
  const clock = movableClock();
  const book = createInviteBook({ clock, random });
  const { text } = book.issue({ self: nas, ttlMs });
  return { clock, book, text, invite: decodeInvite(text), party: device("nas", 4000) };
}

/** Answers on `channel` as the daemon does: the first message decides what the connection is for. */
async function answer(channel: MemoryChannel, book: InviteBook, party: Party): Promise<Partner> {
  return answerRedeem(channel, await channel.receive(), book, party);
}

describe("an invite that is redeemed", () => {
  it("makes both trust each other, with name and port, and is spent", async () => {
    const { book, invite, party } = inviter();
    const own = device("laptop", 25_726);
    const [a, b] = connect(laptop, nas);
    const [redeemed, answered] = await Promise.all([redeemInvite(a, invite, own), answer(b, book, party)]);
    expect(redeemed).toEqual({ id: nas, name: "nas", port: 4000 });
    expect(answered).toEqual({ id: laptop, name: "laptop", port: 25_726 });
    expect(own.pinned).toEqual([{ id: nas, name: "nas" }]);
    expect(party.pinned).toEqual([{ id: laptop, name: "laptop" }]);
    expect(a.sent.map(({ t }) => t)).toEqual(["invite-redeem", "invite-done"]);
    expect(b.sent.map(({ t }) => t)).toEqual(["invite-accept"]);

    const [c, d] = connect(laptop, nas);
    const again = [failure(redeemInvite(c, invite, own)), failure(answer(d, book, party))];
    expect((await Promise.all(again)).map(({ code }) => code)).toEqual(["E_INVITE", "E_INVITE"]);
    expect(party.pinned).toHaveLength(1);
  });

  it("is on the disk of both before either says so", async () => {
    const { clock, book, invite, party } = inviter();
    const order: string[] = [];
    const [a, b] = connect(laptop, nas);
    const watched = (who: string, channel: MemoryChannel): MemoryChannel => ({
      ...channel,
      send: (message) => {
        order.push(`${who} ${String(message["t"])}`);
        return channel.send(message);
      },
    });
    const pinTo = async (who: string) => {
      const store = await openTrustStore(await directory(), clock);
      return async (other: { id: DeviceId; name: string }) => {
        await store.pair(other);
        order.push(`${who} pinned`);
      };
    };
    await Promise.all([
      redeemInvite(watched("laptop", a), invite, { ...device("laptop", 1), pin: await pinTo("laptop") }),
      answer(watched("nas", b), book, { ...party, pin: await pinTo("nas") }),
    ]);
    expect(order).toEqual([
      "laptop invite-redeem",
      "nas pinned",
      "nas invite-accept",
      "laptop pinned",
      "laptop invite-done",
    ]);
  });

  it("by two devices at once is won by one", async () => {
    const { book, invite, party } = inviter();
    const racers = [idOf("one"), idOf("two"), idOf("three")].map(async (id) => {
      const [a, b] = connect(id, nas);
      const [redeemed] = await Promise.allSettled([
        redeemInvite(a, invite, device("racer", 1)),
        answer(b, book, party),
      ]);
      return redeemed.status === "fulfilled" ? "paired" : (redeemed.reason as LanxferError).code; // only ours are thrown
    });
    expect((await Promise.all(racers)).sort()).toEqual(["E_INVITE", "E_INVITE", "paired"]);
    expect(party.pinned).toHaveLength(1);
  });
});

describe("an invite that is not good any more", () => {
  type Made = ReturnType<typeof inviter>;
  const ends: readonly (readonly [string, (made: Made) => unknown])[] = [
    ["expired", ({ clock }) => clock.pass(600_000)],
    ["spent", ({ book, invite }) => book.spend((open) => open.equals(invite.secret))],
    [
      "unknown, as after a restart",
      (made) => {
        made.book = inviter().book;
      },
    ],
  ];

  it.each(ends)("is refused in the same way: %s", async (_, end) => {
    const made = inviter();
    end(made);
    const [a, b] = connect(laptop, nas);
    const own = device("laptop", 1);
    const [there, here] = await Promise.all([
      failure(redeemInvite(a, made.invite, own)),
      failure(answer(b, made.book, made.party)),
    ]);
    expect([there.message, here.message]).toEqual([new LanxferError("E_INVITE").message, there.message]);
    expect(b.sent).toEqual([{ t: "invite-refuse" }]);
    expect([...own.pinned, ...made.party.pinned]).toEqual([]);
  });

  it("by the redeemer's wrong clock alone is still good: only the inviter's clock counts", async () => {
    const { book, text, party } = inviter();
    const invite = { ...decodeInvite(text), expiresAt: 0 };
    const [a, b] = connect(laptop, nas);
    await Promise.all([redeemInvite(a, invite, device("laptop", 1)), answer(b, book, party)]);
    expect(party.pinned).toHaveLength(1);
  });

  it("after ten wrong ones is refused for a while, but not spent", async () => {
    const { book, clock, invite, party } = inviter();
    const attempt = async (presented = invite) => {
      const [a, b] = connect(laptop, nas);
      const both = [redeemInvite(a, presented, device("laptop", 1)), answer(b, book, party)];
      return (await Promise.allSettled(both)).every(({ status }) => status === "fulfilled");
    };
    for (let n = 0; n < 10; n++) expect(await attempt(inviter().invite)).toBe(false);
    expect(await attempt()).toBe(false);
    clock.pass(60_000);
    expect(await attempt()).toBe(true);
  });
});

describe("a redeemer", () => {
  it("sends nothing to a device that did not make the invite", async () => {
    const { invite } = inviter();
    const [a, b] = connect(laptop, mallory);
    const own = device("laptop", 1);
    const error = await failure(redeemInvite(a, invite, own));
    expect(error.code).toBe("E_IDENTITY");
    expect(error.message).toContain(`expected ${shortId(nas)}, got ${shortId(mallory)}`);
    expect(a.sent).toEqual([]);
    b.close();
    expect(own.pinned).toEqual([]);
  });

  it("does not redeem its own invite", async () => {
    const { invite } = inviter();
    const [a] = connect(nas, nas);
    expect((await failure(redeemInvite(a, invite, device("nas", 1)))).code).toBe("E_USAGE");
    expect(a.sent).toEqual([]);
  });

  /** Redeems with an inviter that is played by the test, given what was sent to it. */
  async function redeemWith(reply: (request: Record<string, unknown>) => unknown) {
    const { invite } = inviter();
    const own = device("laptop", 1);
    const [a, b] = connect(laptop, nas);
    const played = b.receive().then(async (request) => {
      await b.send(reply(request as Record<string, unknown>) as Record<string, unknown>); // as told; may be anything
    });
    const error = await failure(redeemInvite(a, invite, own));
    await played;
    expect(own.pinned).toEqual([]);
    expect(a.sent.map(({ t }) => t)).toEqual(["invite-redeem"]);
    return error.code;
  }

  it("does not trust a device that cannot prove the secret, also when it sends the redeemer's own proof back", async () => {
    const accept = { t: "invite-accept", name: "nas", port: 4000 };
    expect(await redeemWith(() => ({ ...accept, mac: base32Encode(randomBytes(32)) }))).toBe("E_INVITE");
    expect(await redeemWith(({ mac }) => ({ ...accept, mac }))).toBe("E_INVITE");
    expect(await redeemWith((request) => ({ ...request, t: "invite-accept" }))).toBe("E_INVITE");
  });

  it.each([
    ["a message out of turn", { t: "invite-done" }],
    ["an unknown message", { t: "invite-welcome" }],
    ["an acceptance without a proof", { t: "invite-accept", name: "nas", port: 4000 }],
    [
      "an acceptance with half a proof",
      { t: "invite-accept", name: "nas", port: 4000, mac: base32Encode(randomBytes(16)) },
    ],
    ["a list", ["invite-accept"]],
    ["nothing", null],
    ["a text", "invite-accept"],
  ])("takes %s for a violation of the protocol", async (_, message) => {
    expect(await redeemWith(() => message)).toBe("E_PROTO");
  });

  it("fails when it cannot write down whom it trusts, and does not say that it is done", async () => {
    const { book, invite, party } = inviter();
    const [a, b] = connect(laptop, nas);
    const full = new LanxferError("E_STATE", { path: "/x", text: "ENOSPC" });
    const own = { ...device("laptop", 1), pin: () => Promise.reject(full) };
    const redeemed = redeemInvite(a, invite, own).finally(() => a.close());
    const [here, there] = await Promise.all([failure(redeemed), failure(answer(b, book, party))]);
    expect(here).toBe(full);
    expect(there.code).toBe("E_LOST");
    expect(a.sent.map(({ t }) => t)).toEqual(["invite-redeem"]);
  });
});

describe("an inviter", () => {
  const good = {
    t: "invite-redeem",
    sid: base32Encode(randomBytes(16)),
    name: "laptop",
    port: 1,
    mac: base32Encode(randomBytes(32)),
  };

  it.each([
    ["no object", "invite-redeem"],
    ["nothing", null],
    ["an unknown message", { ...good, t: "pair-hello" }],
    ["no session id", { ...good, sid: undefined }],
    ["a short session id", { ...good, sid: base32Encode(randomBytes(15)) }],
    ["a session id that is a number", { ...good, sid: 7 }],
    ["a proof in upper case", { ...good, mac: good.mac.toUpperCase() }],
    ["a long proof", { ...good, mac: base32Encode(randomBytes(33)) }],
    ["no name", { ...good, name: "" }],
    ["a name of 64 bytes", { ...good, name: "é".repeat(32) }],
    ["a name with half a character", { ...good, name: "\ud800" }],
    ["port 0", { ...good, port: 0 }],
    ["a port that is too large", { ...good, port: 65_536 }],
    ["a port that is a text", { ...good, port: "1" }],
    ["a port with a fraction", { ...good, port: 1.5 }],
  ])("refuses %s without looking at an invite", async (_, message) => {
    const { book, invite, party } = inviter();
    const [a, b] = connect(laptop, nas);
    expect((await failure(answerRedeem(b, message, book, party))).code).toBe("E_PROTO");
    expect(await a.receive()).toEqual({ t: "invite-refuse" });
    expect(party.pinned).toEqual([]);
    expect(book.spend((open) => open.equals(invite.secret))).toBeDefined();
  });

  it("refuses who has the inviter's own key, and spends nothing", async () => {
    const { book, invite, party } = inviter();
    const [a, b] = connect(nas, nas);
    const sid = randomBytes(16);
    const exported = a.exportKey(EXPORTER_LABEL, sid, EXPORTER_BYTES);
    const session = { redeemer: nas, inviter: nas, sid, exported };
    const who = { name: "copy", port: 1 };
    const mac = base32Encode(redeemMac(sessionKey(invite.secret, session), session, who));
    const message = { t: "invite-redeem", sid: base32Encode(sid), ...who, mac };
    expect((await failure(answerRedeem(b, message, book, party))).code).toBe("E_INVITE");
    expect(await a.receive()).toEqual({ t: "invite-refuse" });
    expect(party.pinned).toEqual([]);
    expect(book.spend((open) => open.equals(invite.secret))).toBeDefined();
  });

  it("does not trust a man in the middle who passes on what the redeemer sent to him", async () => {
    const { book, invite, party } = inviter();
    // The laptop was led to believe in him (it would have stopped before): he relays to the real nas.
    const [a, m1] = connect(laptop, nas);
    const [m2, b] = connect(mallory, nas);
    const redeemed = failure(redeemInvite(a, invite, device("laptop", 1)).finally(() => a.close()));
    const answered = failure(answer(b, book, party));
    await m2.send((await m1.receive()) as Record<string, unknown>); // the redeemer's request, as it came
    expect((await answered).code).toBe("E_INVITE");
    await m1.send((await m2.receive()) as Record<string, unknown>); // the refusal, as it came
    expect((await redeemed).code).toBe("E_INVITE");
    expect(party.pinned).toEqual([]);
  });

  it("does not take a proof twice, not even on a connection between the same two", async () => {
    const { book, invite, party } = inviter();
    const [a, b] = connect(laptop, nas);
    const listener = a.send;
    let recorded: unknown;
    const tapped: MemoryChannel = {
      ...a,
      send: (message) => {
        recorded ??= message;
        return listener(message);
      },
    };
    const [c, d] = connect(laptop, nas);
    const redeemed = redeemInvite(tapped, invite, device("laptop", 1));
    const request = await b.receive();
    expect((await failure(answerRedeem(d, recorded, book, party))).code).toBe("E_INVITE");
    expect(await c.receive()).toEqual({ t: "invite-refuse" });
    await Promise.all([redeemed, answerRedeem(b, request, book, party)]);
    expect(party.pinned).toHaveLength(1);
  });

  it("spends the invite first: when it cannot write down whom it trusts, the invite is gone and refused", async () => {
    const { book, invite, party } = inviter();
    const [a, b] = connect(laptop, nas);
    const full = new LanxferError("E_STATE", { path: "/x", text: "ENOSPC" });
    const failing = { ...party, pin: () => Promise.reject(full) };
    const own = device("laptop", 1);
    const [here, there] = await Promise.all([failure(redeemInvite(a, invite, own)), failure(answer(b, book, failing))]);
    expect(here.code).toBe("E_INVITE");
    expect(there).toBe(full);
    expect(own.pinned).toEqual([]);
    expect(book.spend((open) => open.equals(invite.secret))).toBeUndefined();
  });

  it("keeps its trust and says so when the redeemer leaves before it is done; the same two can pair again", async () => {
    const { book, invite, party } = inviter();
    const [a, b] = connect(laptop, nas);
    const own = { ...device("laptop", 1), pin: () => Promise.reject(new LanxferError("E_CANCELLED")) };
    const redeemed = failure(redeemInvite(a, invite, own).finally(() => a.close()));
    expect((await failure(answer(b, book, party))).code).toBe("E_LOST");
    await redeemed;
    expect(party.pinned).toEqual([{ id: laptop, name: "laptop" }]);
    const again = decodeInvite(book.issue({ self: nas }).text);
    const [c, d] = connect(laptop, nas);
    await Promise.all([redeemInvite(c, again, device("laptop", 1)), answer(d, book, party)]);
  });

  it("takes something else than done for a violation of the protocol", async () => {
    const { book, invite, party } = inviter();
    const [a, b] = connect(laptop, nas);
    const misspoken: MemoryChannel = {
      ...a,
      send: (message) => a.send(message["t"] === "invite-done" ? { t: "invite-redeem" } : message),
    };
    const [, there] = await Promise.all([
      redeemInvite(misspoken, invite, device("laptop", 1)),
      failure(answer(b, book, party)),
    ]);
    expect(there.code).toBe("E_PROTO");
  });

  it("is left by a redeemer that hung up without a second error", async () => {
    const { book, party } = inviter();
    const [a, b] = connect(laptop, nas);
    a.close();
    expect((await failure(answerRedeem(b, good, book, party))).code).toBe("E_INVITE");
  });
});

describe("the secret", () => {
  it("and the text of an invite are in no error and in no message on the wire", async () => {
    const { book, text, invite, party } = inviter();
    const secret = invite.secret.export();
    const said: string[] = [];
    const keep = (error: LanxferError) => said.push(JSON.stringify(error), error.message, String(error.stack));
    for (const wrong of [text.slice(0, -1), `${text}a`, text.replace("lanxfer-", "")]) {
      try {
        decodeInvite(wrong);
      } catch (error) {
        keep(error as LanxferError); // the only kind that is thrown
      }
    }
    const [x] = connect(laptop, mallory);
    keep(await failure(redeemInvite(x, invite, device("laptop", 1))));
    const [a, b] = connect(laptop, nas);
    await Promise.all([redeemInvite(a, invite, device("laptop", 1)), answer(b, book, party)]);
    const [c, d] = connect(laptop, nas);
    const refused = [failure(redeemInvite(c, invite, device("laptop", 1))), failure(answer(d, book, party))];
    for (const error of await Promise.all(refused)) keep(error);
    for (const channel of [a, b, c, d]) said.push(JSON.stringify(channel.sent));
    for (const words of said) {
      for (const form of [
        text.slice(8, 40),
        base32Encode(secret).slice(0, 20),
        secret.toString("hex"),
        secret.toString("base64"),
      ]) {
        expect(words).not.toContain(form);
      }
    }
    expect(said.length).toBeGreaterThan(15);
  });
});
