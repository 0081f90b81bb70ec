import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isDeviceId } from "../../../src/core/ids.ts";
import { type Answered, decodeResponse, MAX_INSTANCES, ownRecord, SERVICE } from "../../../src/discovery/record.ts";
import { codec, encode, idOf, recordsOf } from "../../unit/discovery/support/packets.ts";

const own = { id: idOf("own"), boot: "boot1" };

function expectLawful(heard: readonly Answered[]): void {
  expect(heard.length).toBeLessThanOrEqual(MAX_INSTANCES);
  for (const one of heard) {
    expect(one.instance.endsWith(`.${SERVICE}`)).toBe(true);
    if (one.kind === "goodbye") continue;
    expect(isDeviceId(one.id) && one.id !== own.id).toBe(true);
    expect(one.name.isWellFormed()).toBe(true);
    expect(Buffer.byteLength(one.name)).toBeGreaterThan(0);
    expect(Buffer.byteLength(one.name)).toBeLessThanOrEqual(63);
    expect(Number.isInteger(one.port) && one.port >= 1 && one.port <= 65_535).toBe(true);
    expect(one.addresses.length).toBeLessThanOrEqual(8);
  }
}

describe("reading responses", () => {
  const good = encode(recordsOf({ addresses: ["192.0.2.7", "fe80::7"] }));

  it("gives only lawful sightings for any damage to a packet that the library still reads", () => {
    const damage = fc.record({ at: fc.nat(good.length - 1), byte: fc.nat(255) });
    let read = 0;
    fc.assert(
      fc.property(fc.array(damage, { maxLength: 6 }), fc.nat(good.length), (changes, cutAt) => {
        const bytes = Buffer.from(good);
        for (const { at, byte } of changes) bytes[at] = byte;
        let packet: ReturnType<typeof codec.decode>;
        try {
          packet = codec.decode(changes.length % 3 === 0 ? bytes.subarray(0, cutAt) : bytes);
        } catch {
          return; // the library reports what it cannot read
        }
        read++;
        expectLawful(decodeResponse(packet, own));
      }),
      { numRuns: 20_000, verbose: true },
    );
    expect(read).toBeGreaterThan(1000);
  });

  it("gives only lawful sightings for anything that looks like a packet", () => {
    const name = fc.oneof(fc.constantFrom(SERVICE, `a.${SERVICE}`, "h.local", "__proto__"), fc.string());
    const text = fc.constantFrom("v=1", "txtvers=1", "name=x", "boot=b", `id=${idOf("a")}`, "__proto__=1", "=", "v");
    const txt = fc.array(
      fc.oneof(
        text.map((item) => Buffer.from(item)),
        fc.uint8Array().map((raw) => Buffer.from(raw)),
      ),
    );
    const data = fc.oneof(
      name,
      txt,
      fc.record({ port: fc.oneof(fc.integer(), fc.double()), target: name }),
      fc.anything(),
    );
    const record = fc.record({
      name,
      type: fc.oneof(fc.constantFrom("PTR", "SRV", "TXT", "A", "AAAA"), fc.string()),
      ttl: fc.oneof(fc.constantFrom(0, 120), fc.anything()),
      data,
    });
    const records = fc.oneof(fc.array(fc.oneof(record, fc.anything())), fc.anything());
    const packet = fc.record({
      opcode: fc.constant("QUERY"),
      rcode: fc.constant("NOERROR"),
      answers: records,
      additionals: records,
    });
    fc.assert(
      fc.property(packet, (raw) => expectLawful(decodeResponse(raw, own))),
      { numRuns: 5000, verbose: true },
    );
  });

  it("reads back every name that can be announced", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 80 }), (name) => {
        const record = ownRecord({ id: idOf("anna"), name, port: 1 }, "b");
        const txt = Object.entries(record.txt).map(([key, value]) => `${key}=${value}`);
        const [sighting] = decodeResponse(codec.decode(encode(recordsOf({ label: record.label, txt }))), own);
        expect(sighting).toMatchObject({ name: record.txt["name"], instance: record.instance.toLowerCase() });
      }),
      { numRuns: 5000, verbose: true },
    );
  });
});
