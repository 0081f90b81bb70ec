import { createSecretKey } from "node:crypto";
import { describe, expect, it } from "vitest";
import { base32Encode, deviceIdFromHash } from "../../../src/core/ids.ts";
import { encodeInvite } from "../../../src/identity/invite.ts";
import { spellingsIn } from "../../support/spellings.ts";

const secret = Buffer.from("f1e2d3c4b5a69788796a5b4c3d2e1f00", "hex");
const inviteWith = (bytes: Uint8Array) =>
  encodeInvite({
    id: deviceIdFromHash(Buffer.alloc(32, 7)),
    secret: createSecretKey(bytes),
    expiresAt: 1_800_000_000_000,
    address: undefined,
  });
const invite = inviteWith(secret);

describe("The search for the secret of an invite", () => {
  it.each([
    ["text", invite],
    ["text", `x ${invite.toUpperCase().replace(/(.{5})/g, "$1-")} y`],
    ["text", JSON.stringify({ path: invite.slice(4, 30) })],
    ["base32", base32Encode(secret)],
    ["hex", secret.toString("hex").toUpperCase()],
    ["base64", Buffer.concat([Buffer.from("{"), secret, Buffer.from("}")]).toString("base64")],
    ["base64url", secret.toString("base64url")],
    ["numbers", JSON.stringify(secret)],
    ["numbers", `<${[...secret].join(", ")}>`],
    ["bytes", Buffer.concat([Buffer.alloc(100), secret])],
  ])("finds it as %s (%#)", (spelling, where) => {
    expect(spellingsIn(where, invite)).toContain(spelling);
  });

  it("does not take another invite of the same device for it", () => {
    expect(spellingsIn(inviteWith(Buffer.alloc(16, 0x5a)), invite)).toEqual([]);
  });
});
