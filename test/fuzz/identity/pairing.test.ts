import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { base32Decode, base32Encode } from "../../../src/core/ids.ts";
import { NONCE_BYTES } from "../../../src/identity/pairing-proof.ts";
import type { Input } from "../../../src/identity/pairing-state.ts";
import { between, dial, exchange, STANDS, stand } from "../../unit/identity/support/pairing.ts";

const RUNS = 10_000;

/**
 * One try of whoever stands between: first all of one pairing, then the other
 * one, in which it uses the nonce of its first victim as far as it may choose.
 */
function relay(first: "alice" | "bob") {
  let learned: Uint8Array | undefined;
  const choose = (bytes: number) => (bytes === NONCE_BYTES && learned) || randomBytes(bytes);
  const { alice, toAlice, toBob, bob } = between({ toAlice: choose, toBob: choose });
  const withAlice = { dialler: alice, listener: toAlice };
  const withBob = { dialler: toBob, listener: bob };
  exchange(first === "alice" ? withAlice : withBob);
  const { heard } = first === "alice" ? toAlice : toBob;
  learned = base32Decode(String(heard.find(({ nonce }) => nonce !== undefined)?.["nonce"]));
  if (learned?.length !== NONCE_BYTES) throw new Error("the first victim revealed a nonce");
  exchange(first === "alice" ? withBob : withAlice);
  return [
    { wanted: alice.comparing.codes.wanted, shown: bob.comparing.codes.shown },
    { wanted: bob.comparing.codes.wanted, shown: alice.comparing.codes.shown },
  ];
}

describe("whoever stands between two devices", () => {
  it.each(["alice", "bob"] as const)(`has no better luck than chance in ${RUNS} tries, beginning with %s`, (first) => {
    const codes = Array.from({ length: RUNS }, () => relay(first)).flat();
    // A hit in the first three digits is a thousand times as likely as one in all six: bias would show there.
    const near = codes.filter(({ wanted, shown }) => wanted.slice(0, 3) === shown.slice(0, 3));
    const hits = codes.filter(({ wanted, shown }) => wanted === shown);
    // Poisson with mean 20 and 0.02: above 50, and above 2, lies about one in a million.
    expect(near.length).toBeLessThanOrEqual(50);
    expect(hits.length).toBeLessThanOrEqual(2);
    // 120,000 digits: 12,000 of each, standard deviation 104.
    const all = codes.map(({ wanted }) => wanted).join("");
    for (const digit of "0123456789") {
      expect(Math.abs(all.split(digit).length - 1 - RUNS * 1.2)).toBeLessThan(6 * 104);
    }
  });
});

const base32 = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map(base32Encode);
const field = fc.oneof(base32(16), base32(32), fc.string({ maxLength: 70 }), fc.integer(), fc.anything());
const types = ["pair-hello", "pair-commit", "pair-refuse", "pair-nonce", "pair-reveal", "pair-confirm", "pair-done"];
const message = fc.oneof(
  fc.record(
    {
      t: fc.oneof(fc.constantFrom(...types), fc.anything()),
      sid: field,
      name: field,
      port: field,
      commit: field,
      nonce: field,
      mac: field,
    },
    { requiredKeys: [] },
  ),
  fc.anything(),
);
const input: fc.Arbitrary<Input> = fc.oneof(
  { weight: 4, arbitrary: message.map((message): Input => ({ kind: "message", message })) },
  { weight: 1, arbitrary: fc.stringMatching(/^\d{6}$/).map((code): Input => ({ kind: "code", code })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Input>(
      { kind: "timeout" },
      { kind: "hangup" },
      { kind: "pinned" },
      { kind: "unpinned", error: new LanxferError("E_STATE", { path: "x", text: "y" }) },
      { kind: "cancel", error: new LanxferError("E_CANCELLED") },
    ),
  },
);

describe("one end of a pairing", () => {
  it("never throws, never asks for trust, and stays ended, whatever comes", () => {
    const role = fc.constantFrom("dialler" as const, "listener" as const);
    const before = fc.constantFrom(...STANDS.filter((at) => at !== "agreed here" && !at.startsWith("pinning")));
    fc.assert(
      fc.property(role, before, fc.array(input, { maxLength: 6 }), (as, at, inputs) => {
        const machine = stand(as, at)?.machine;
        if (machine === undefined) return;
        const asked = machine.pins.length;
        let ended = false;
        for (const each of inputs) {
          machine.feed(each);
          expect(ended && machine.state.phase !== "ended").toBe(false);
          ended = machine.state.phase === "ended";
        }
        expect(machine.pins).toHaveLength(asked);
      }),
      { numRuns: 3_000 },
    );
  });

  it("ends well with the honest other end however often it was asked for a code too early", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^\d{6}$/), { maxLength: 3 }), (codes) => {
        const both = dial();
        for (const code of codes) both.listener.feed({ kind: "code", code });
        exchange(both);
        expect([both.dialler.state.phase, both.listener.state.phase]).toEqual(["comparing", "comparing"]);
      }),
      { numRuns: 200 },
    );
  });
});
