import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { type DeviceId, formatDeviceId, shortId } from "../../../src/core/ids.ts";
import { type KnownDevice, resolve, tellsKey } from "../../../src/discovery/resolve.ts";
import type { Peer } from "../../../src/discovery/types.ts";
import { idOf } from "./support/packets.ts";

const peer = (name: string, id: DeviceId = idOf(name)): Peer => {
  return {
    id,
    name,
    endpoints: [{ address: "192.0.2.7", port: 1, interface: "eth0", source: "mdns" }],
    state: "present",
    seenAt: 0,
  };
};
const device = (name: string, id: DeviceId = idOf(name)): KnownDevice => ({ id, name });

/** Another id with the same first characters, as an attacker finds it by trying keys. */
const twin = (id: DeviceId, characters: number) => {
  const rest = [...id.slice(characters, 51)].map((char) => (char === "a" ? "b" : "a")).join("");
  return `${id.slice(0, characters)}${rest}q` as DeviceId; // 52 characters of the alphabet, a valid last one
};

const failure = (target: string, devices: readonly KnownDevice[], peers: readonly Peer[]) => {
  try {
    return resolve(target, devices, peers);
  } catch (error) {
    return error instanceof LanxferError ? [error.code, error.details["candidates"]] : error;
  }
};

describe("resolving a target", () => {
  it("finds a paired device by the user's name for it, with its peer when it is here", () => {
    const here = peer("alices-macbook", idOf("alice"));
    expect(resolve("alice", [device("alice")], [here])).toEqual({ id: idOf("alice"), name: "alice", peer: here });
  });

  it("finds a paired device that is not here", () => {
    expect(resolve("nas", [device("nas")], [])).toEqual({ id: idOf("nas"), name: "nas" });
  });

  it("finds a stranger by the name that it announces", () => {
    expect(resolve("bob", [], [peer("bob")])).toMatchObject({ id: idOf("bob"), name: "bob" });
  });

  it.each([
    ["its id", (id: DeviceId) => id],
    ["its id in groups", formatDeviceId],
    ["its id in upper case", (id: DeviceId) => id.toUpperCase()],
    ["its short id", shortId],
    ["four characters", (id: DeviceId) => id.slice(0, 4)],
  ])("finds a device by %s", (_, write) => {
    const target = write(idOf("bob"));
    expect(resolve(target, [], [peer("bob"), peer("carol")])).toMatchObject({ id: idOf("bob") });
    expect(resolve(target, [device("bob")], [])).toMatchObject({ id: idOf("bob"), name: "bob" });
  });

  it("does not find a device by three characters of its id, nor by none", () => {
    expect(failure(idOf("bob").slice(0, 3), [], [peer("bob")])).toEqual(["E_NO_PEER", undefined]);
    expect(failure("", [device("bob")], [peer("bob")])).toEqual(["E_NO_PEER", undefined]);
  });

  it("finds a name in another case, or in another Unicode form, when that is unique", () => {
    expect(resolve("NAS", [device("nas")], [])).toMatchObject({ id: idOf("nas") });
    expect(resolve("BOB", [], [peer("bob")])).toMatchObject({ id: idOf("bob") });
    expect(resolve("zoe\u0308", [device("zoë")], [])).toMatchObject({ id: idOf("zoë") });
    expect(failure("BOB", [], [peer("bob"), peer("Bob")])).toEqual(["E_AMBIGUOUS", expect.stringContaining("Bob")]);
    expect(resolve("Bob", [], [peer("bob"), peer("Bob")])).toMatchObject({ id: idOf("Bob") });
  });

  it("refuses a name that two strangers announce, and tells them apart", () => {
    const [one, two] = [idOf("one"), idOf("two")];
    const expected = `printer (${shortId(one)}), printer (${shortId(two)})`;
    expect(failure("printer", [], [peer("printer", one), peer("printer", two)])).toEqual(["E_AMBIGUOUS", expected]);
  });

  it("says when there is nobody", () => {
    expect(failure("zoe", [device("alice")], [peer("bob")])).toEqual(["E_NO_PEER", undefined]);
  });
});

describe("an impostor", () => {
  const alice = device("alice");

  it.each(["alice", "ALICE", "Alice"])(
    "that announces the name of a paired device as %s neither catches nor blurs it",
    (name) => {
      const impostor = peer(name, idOf("mallory"));
      for (const target of ["alice", "ALICE", "Alice"]) {
        expect(resolve(target, [alice], [impostor])).toMatchObject({ id: alice.id });
      }
    },
  );

  it("that found a key with the short id of a paired device does not catch it", () => {
    expect(resolve(shortId(alice.id), [alice], [peer("x", twin(alice.id, 8))])).toMatchObject({ id: alice.id });
  });

  it("that announces the id of a paired device as its name does not catch it", () => {
    for (const target of [alice.id, shortId(alice.id)]) {
      expect(resolve(target, [alice], [peer(target, idOf("mallory"))])).toMatchObject({ id: alice.id });
    }
  });

  it("that found a key beginning with what another device announces makes the user say which", () => {
    const named = peer("bobby", idOf("bob"));
    const found = peer("mallory", `bobby${idOf("m").slice(5)}` as DeviceId); // 52 characters of the alphabet
    expect(failure("bobby", [], [named, found])).toEqual(["E_AMBIGUOUS", expect.any(String)]);
  });

  it("among the paired devices does not catch what is meant for another one", () => {
    const devices = [alice, device("mallory")];
    expect(resolve("alice", devices, [peer("alice", idOf("mallory"))])).toMatchObject({ id: alice.id });
    const guests = [peer("bob", idOf("mallory")), peer("bob", idOf("bob"))];
    expect(failure("bob", devices, guests)).toEqual(["E_AMBIGUOUS", expect.stringContaining("mallory (")]);
  });
});

describe("a key", () => {
  const id = idOf("alice");

  it.each([id, shortId(id), formatDeviceId(id), shortId(id).toUpperCase()])("is told by %s", (text) => {
    expect(tellsKey(text, id)).toBe(true);
  });

  it.each(["alice", "", id.slice(0, 7), `${id}a`, idOf("bob")])("is not told by %j", (text) => {
    expect(tellsKey(text, id)).toBe(false);
  });
});
