import { createSecretKey } from "node:crypto";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { base32Encode, parseDeviceId } from "../../../src/core/ids.ts";
import { decodeInvite, encodeInvite } from "../../../src/identity/invite.ts";
import { acceptMac, EXPORTER_LABEL, redeemMac, type Session, sessionKey } from "../../../src/identity/invite-proof.ts";
import vectors from "../../vectors/invite.json" with { type: "json" };
import { idOf } from "./support/ids.ts";

const hex = (text: string) => Buffer.from(text, "hex");

const secret = createSecretKey(hex(vectors.secret));
const redeemer = { name: vectors.redeemer.name, port: vectors.redeemer.port };
const inviter = { name: vectors.inviter.name, port: vectors.inviter.port };
const session: Session = {
  redeemer: parseDeviceId(vectors.redeemer.id),
  inviter: parseDeviceId(vectors.inviter.id),
  sid: hex(vectors.sid),
  exported: hex(vectors.exported),
};
const key = sessionKey(secret, session);

describe("the published values of an invite", () => {
  it.each(vectors.refused)("refuse a text with $because", ({ text }) => {
    expect(() => decodeInvite(text)).toThrow(new LanxferError("E_INVITE"));
  });

  it.each(vectors.texts)("give its text, and back, with address $address", ({ address, text }) => {
    const invite = { id: session.inviter, secret, expiresAt: vectors.expiresAt, address: address ?? undefined };
    expect(encodeInvite(invite)).toBe(text);
    const { secret: read, ...rest } = decodeInvite(text);
    expect(read.equals(secret)).toBe(true);
    expect(rest).toEqual({ id: invite.id, expiresAt: invite.expiresAt, address: invite.address });
  });

  it("give the key and both proofs", () => {
    expect(EXPORTER_LABEL).toBe(vectors.exporterLabel);
    expect(key.toString("hex")).toBe(vectors.key);
    expect(base32Encode(redeemMac(key, session, redeemer))).toBe(vectors.messages.redeem.mac);
    expect(base32Encode(acceptMac(key, session, redeemer, inviter))).toBe(vectors.messages.accept.mac);
  });
});

describe("a proof", () => {
  const proofs = (changed: Session, a = redeemer, b = inviter, by = secret) => {
    const own = sessionKey(by, changed);
    return [redeemMac(own, changed, a), acceptMac(own, changed, a, b)].map((mac) => mac.toString("hex"));
  };
  const [redeem, accept] = proofs(session);

  it.each<[string, () => (string | undefined)[]]>([
    ["secret", () => proofs(session, redeemer, inviter, createSecretKey(Buffer.alloc(16)))],
    ["connection", () => proofs({ ...session, exported: Buffer.alloc(32) })],
    ["session id", () => proofs({ ...session, sid: Buffer.alloc(16) })],
    ["redeemer", () => proofs({ ...session, redeemer: idOf("other") })],
    ["inviter", () => proofs({ ...session, inviter: idOf("other") })],
    ["direction", () => proofs({ ...session, redeemer: session.inviter, inviter: session.redeemer })],
    ["redeemer's name", () => proofs(session, { ...redeemer, name: "x" })],
    ["redeemer's port", () => proofs(session, { ...redeemer, port: 1 })],
  ])("is another one with another %s", (_, other) => {
    const [otherRedeem, otherAccept] = other();
    expect(otherRedeem).not.toBe(redeem);
    expect(otherAccept).not.toBe(accept);
  });

  it("of the inviter is another one with another name or port of its own", () => {
    expect(proofs(session, redeemer, { ...inviter, name: "x" })[1]).not.toBe(accept);
    expect(proofs(session, redeemer, { ...inviter, port: 1 })[1]).not.toBe(accept);
  });

  it("of one side is never that of the other, even when both introduce themselves alike", () => {
    expect(redeem).not.toBe(accept);
    const [a, b] = proofs(session, inviter, inviter);
    expect(a).not.toBe(b);
  });

  it("does not depend on how names and fields would run together", () => {
    // Written one after another without lengths, both would read "abcde".
    const [, one] = proofs(session, { name: "ab", port: 0x6364 }, { name: "e", port: 1 });
    const [, two] = proofs(session, { name: "abc", port: 0x6465 }, { name: "", port: 1 });
    expect(one).not.toBe(two);
  });
});
