import { describe, expect, it } from "vitest";
import { namesakeOf, namesakesOf } from "../../../src/daemon/namesakes.ts";
import type { Peer } from "../../../src/discovery/types.ts";
import type { Device } from "../../../src/identity/trust-file.ts";
import { idOf } from "../identity/support/ids.ts";

const device = (name: string, key = name): Device => ({ id: idOf(key), name, policy: "auto", since: 0 });
const peer = (name: string, key = name): Peer => ({ id: idOf(key), name, endpoints: [], state: "present", seenAt: 0 });

describe("A device with the name of a paired one", () => {
  it("is not that one", () => {
    expect(namesakeOf(peer("alice", "mallory"), [device("bob"), device("alice")])).toEqual(device("alice"));
    expect(namesakeOf(peer("Ali\u200bce", "mallory"), [device("alice")])).toEqual(device("alice"));
  });

  it("is the one itself when it has the key, whatever either is called", () => {
    expect(namesakeOf(peer("alice"), [device("alice")])).toBeUndefined();
    expect(namesakeOf(peer("bob", "alice"), [device("alice"), device("bob")])).toBeUndefined();
  });

  it("is looked for by our name, not by what the paired one announces", () => {
    expect(namesakeOf(peer("macbook", "mallory"), [device("alice")])).toBeUndefined();
  });

  it("may be one of several", () => {
    const peers = [peer("alice"), peer("alice", "one"), peer("bob", "two"), peer("ALICE", "three")];
    const paired = [device("alice"), device("bob")];
    expect(namesakesOf(idOf("alice"), peers, paired)).toEqual([peers[1], peers[3]]);
    expect(namesakesOf(idOf("bob"), peers, paired)).toEqual([peers[2]]);
  });
});
