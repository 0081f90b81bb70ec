import { describe, expect, it } from "vitest";
import { deviceIdFromHash } from "../../../src/core/ids.ts";
import { senderOf, type Trust } from "../../../src/daemon/incoming/senders.ts";

const [id, other] = [deviceIdFromHash(Buffer.alloc(32, 1)), deviceIdFromHash(Buffer.alloc(32, 2))];
const short = id.slice(0, 8);
const trust = (unpaired: "never" | "ask", paired = id, policy: "auto" | "ask" | "block" = "auto"): Trust => ({
  paired: () => [{ id: paired, name: "alice", policy, since: 0 }],
  unpaired: () => unpaired,
});

describe("A device that wants to send", () => {
  it.each(["never", "ask"] as const)("is what its user made of it once it is paired (others: %s)", (unpaired) => {
    const party = { id, name: "alice" };
    expect(senderOf(id, "bob", trust(unpaired, id, "auto"))).toEqual({ party, asks: false });
    expect(senderOf(id, "bob", trust(unpaired, id, "ask"))).toEqual({ party, asks: true });
    expect(senderOf(id, "bob", trust(unpaired, id, "block"))).toBeUndefined();
  });

  it("is turned away when it is not paired", () => {
    expect(senderOf(id, "bob", trust("never", other))).toBeUndefined();
  });

  it("is asked about when its user wants that, under a name that says what it is", () => {
    expect(senderOf(id, "bob", trust("ask", other))).toEqual({
      party: { id, name: `unpaired ${short} "bob"`, unpaired: { short, claims: "bob", namesake: null } },
      asks: true,
    });
    const hostile = senderOf(id, 'x" is alice\x1b[2J', trust("ask", other));
    expect(hostile?.party.name).toBe(`unpaired ${short} "x\\" is alice\\x1b[2J"`);
  });

  it.each(["alice", "ALICE ", "a\u200blice"])("is told apart from the paired one that is called so: %j", (claims) => {
    expect(senderOf(id, claims, trust("ask", other))?.party.unpaired).toEqual({ short, claims, namesake: "alice" });
  });
});
