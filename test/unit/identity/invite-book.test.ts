import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { decodeInvite } from "../../../src/identity/invite.ts";
import { createInviteBook, type InviteBook } from "../../../src/identity/invite-book.ts";
import { movableClock } from "./support/clock.ts";
import { idOf } from "./support/ids.ts";

const self = idOf("nas");
const MINUTE = 60_000;

function opened() {
  const clock = movableClock();
  return { clock, book: createInviteBook({ clock, random: (n) => randomBytes(n) }) };
}

/** Tries to spend the invite with this text, as its holder would. */
function redeem(book: InviteBook, text: string): boolean {
  const { secret } = decodeInvite(text);
  return book.spend((open) => open.equals(secret)) !== undefined;
}

const never = () => false;

describe("an open invite", () => {
  it("can be spent once", () => {
    const { book } = opened();
    const { text } = book.issue({ self });
    expect(redeem(book, text)).toBe(true);
    expect(redeem(book, text)).toBe(false);
  });

  it("gives its own secret to whoever proved it, among others that are open", () => {
    const { book } = opened();
    const texts = Array.from({ length: 5 }, () => book.issue({ self }).text);
    for (const text of texts.reverse()) {
      const { secret } = decodeInvite(text);
      expect(book.spend((open) => open.equals(secret))?.equals(secret)).toBe(true);
    }
  });

  it("tells its expiry to the holder, and when it was made", () => {
    const { book, clock } = opened();
    const { text, expiresAt } = book.issue({ self, ttlMs: 90_000, address: { host: "192.0.2.7", port: 4000 } });
    expect(expiresAt).toBe(clock.now() + 90_000);
    expect(decodeInvite(text)).toMatchObject({ id: self, expiresAt, address: { host: "192.0.2.7", port: 4000 } });
  });

  it("lives ten minutes, or as long as it was given", () => {
    const { book, clock } = opened();
    const standard = book.issue({ self }).text;
    const short = book.issue({ self, ttlMs: 1_000 }).text;
    const long = book.issue({ self, ttlMs: 24 * 60 * MINUTE }).text;
    clock.pass(999);
    expect(redeem(book, short)).toBe(true);
    clock.pass(10 * MINUTE - 999);
    expect(redeem(book, standard)).toBe(false);
    clock.pass(24 * 60 * MINUTE - 10 * MINUTE - 1);
    expect(redeem(book, long)).toBe(true);
  });

  it("expires although the wall clock was set back, and when only the wall clock tells that time passed", () => {
    const { book, clock } = opened();
    const first = book.issue({ self }).text;
    clock.setWall(clock.now() - 60 * MINUTE);
    clock.pass(10 * MINUTE);
    expect(redeem(book, first)).toBe(false);
    const second = book.issue({ self }).text;
    clock.setWall(clock.now() + 10 * MINUTE); // a laptop slept
    expect(redeem(book, second)).toBe(false);
  });

  it("is refused a life that is longer than a day, or none", () => {
    const { book } = opened();
    for (const ttlMs of [24 * 60 * MINUTE + 1, 0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => book.issue({ self, ttlMs })).toThrow(LanxferError);
    }
  });

  it("is one of sixteen at most; spent and expired ones make room", () => {
    const { book, clock } = opened();
    const texts = Array.from({ length: 16 }, () => book.issue({ self }).text);
    expect(() => book.issue({ self })).toThrow(/16 invites are open/);
    expect(redeem(book, texts[3] ?? "")).toBe(true);
    book.issue({ self });
    expect(() => book.issue({ self })).toThrow(LanxferError);
    clock.pass(10 * MINUTE);
    book.issue({ self });
  });
});

describe("wrong proofs", () => {
  it("are tried against every open secret, right or wrong", () => {
    const { book } = opened();
    const texts = Array.from({ length: 16 }, () => book.issue({ self }).text);
    let tried = 0;
    const { secret } = decodeInvite(texts[0] ?? "");
    book.spend((open) => {
      tried++;
      return open.equals(secret);
    });
    expect(tried).toBe(16);
    book.spend(() => {
      tried++;
      return false;
    });
    expect(tried).toBe(31);
  });

  it("beyond ten a minute are refused unseen, and a good one with them, which is not spent", () => {
    const { book, clock } = opened();
    const { text } = book.issue({ self });
    for (let n = 0; n < 10; n++) expect(book.spend(never)).toBeUndefined();
    let looked = false;
    book.spend(() => {
      looked = true;
      return true;
    });
    expect(looked).toBe(false);
    expect(redeem(book, text)).toBe(false);
    clock.pass(6_000); // one more of ten a minute
    expect(redeem(book, text)).toBe(true);
  });

  it("do not add up over hours of silence", () => {
    const { book, clock } = opened();
    clock.pass(5 * 60 * MINUTE);
    let looked = 0;
    for (let n = 0; n < 100; n++) {
      book.issue({ self, ttlMs: 1 }); // one is open each time, so that there is something to look at
      book.spend(() => {
        looked++;
        return false;
      });
      clock.pass(1);
    }
    expect(looked).toBe(10);
  });

  it("are not counted for those who prove an invite", () => {
    const { book } = opened();
    for (let n = 0; n < 50; n++) expect(redeem(book, book.issue({ self }).text)).toBe(true);
  });
});
