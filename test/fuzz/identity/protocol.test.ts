import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LanxferError, toLanxferError } from "../../../src/core/errors.ts";
import { base32Encode } from "../../../src/core/ids.ts";
import { decodeInvite } from "../../../src/identity/invite.ts";
import { createInviteBook } from "../../../src/identity/invite-book.ts";
import { answerRedeem, redeemInvite } from "../../../src/identity/invite-protocol.ts";
import { connect } from "../../unit/identity/support/channel.ts";
import { movableClock } from "../../unit/identity/support/clock.ts";
import { idOf } from "../../unit/identity/support/ids.ts";

const laptop = idOf("laptop");
const nas = idOf("nas");
const random = (bytes: number) => randomBytes(bytes);

const base32 = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map(base32Encode);
const field = fc.oneof(base32(16), base32(32), fc.string({ maxLength: 70 }), fc.integer(), fc.anything());
const message = fc.oneof(
  fc.record(
    {
      t: fc.oneof(fc.constantFrom("invite-redeem", "invite-accept", "invite-refuse", "invite-done"), fc.anything()),
      sid: field,
      name: field,
      port: field,
      mac: field,
    },
    { requiredKeys: [] },
  ),
  fc.anything(),
);

describe("whoever does not know the secret", () => {
  it("is never trusted by an inviter, whatever it sends, and the invite stays open", async () => {
    await fc.assert(
      fc.asyncProperty(message, async (hostile) => {
        const book = createInviteBook({ clock: movableClock(), random });
        const { secret } = decodeInvite(book.issue({ self: nas }).text);
        const [, channel] = connect(laptop, nas);
        let trusted = false;
        const pin = async () => {
          trusted = true;
        };
        const error = await answerRedeem(channel, hostile, book, { name: "nas", port: 1, pin }).catch(toLanxferError);
        expect(error).toBeInstanceOf(LanxferError);
        expect(["E_INVITE", "E_PROTO"]).toContain((error as LanxferError).code); // just checked
        expect(trusted).toBe(false);
        expect(channel.sent).toEqual([{ t: "invite-refuse" }]);
        expect(book.spend((open) => open.equals(secret))).toBeDefined();
      }),
      { numRuns: 3_000 },
    );
  });

  it("is never trusted by a redeemer, whatever it answers", async () => {
    const { text } = createInviteBook({ clock: movableClock(), random }).issue({ self: nas });
    const invite = decodeInvite(text);
    await fc.assert(
      fc.asyncProperty(message, async (hostile) => {
        const [open] = connect(laptop, nas);
        const channel = { ...open, receive: async () => hostile };
        let trusted = false;
        const pin = async () => {
          trusted = true;
        };
        const error = await redeemInvite(channel, invite, { name: "laptop", port: 1, random, pin }).catch(
          toLanxferError,
        );
        expect(error).toBeInstanceOf(LanxferError);
        expect(["E_INVITE", "E_PROTO"]).toContain((error as LanxferError).code); // just checked
        expect(trusted).toBe(false);
      }),
      { numRuns: 3_000 },
    );
  });
});
