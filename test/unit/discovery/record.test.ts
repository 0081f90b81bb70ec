import { describe, expect, it } from "vitest";
import { safe } from "../../../src/core/text.ts";
import { contradicts, decodeResponse, MAX_INSTANCES, ownRecord, SERVICE } from "../../../src/discovery/record.ts";
import { codec, encode, idOf, recordsOf, response, type Saying } from "./support/packets.ts";

const own = { id: idOf("own"), boot: "boot1" };
const anna = idOf("anna");
const decode = (saying: Saying = {}) => decodeResponse(response(recordsOf(saying)), own);

describe("our own record", () => {
  it("tells the id, the name and a number of this start, and nothing about user or system", () => {
    const { txt, label, host, instance } = ownRecord({ id: anna, name: "Anna's laptop", port: 25726 }, "abcdefgh");
    expect(txt).toEqual({ txtvers: "1", v: "1", id: anna, name: "Anna's laptop", boot: "abcdefgh" });
    expect(label).toBe(`Anna's laptop (${anna.slice(0, 4)})`);
    expect(instance).toBe(`${label}.${SERVICE}`);
    expect(host).toBe(`lanxfer-${anna}.local`);
    expect(host.split(".")[0]?.length).toBeLessThanOrEqual(63);
  });

  it.each([
    ["63 bytes of emoji", `${"🦊".repeat(15)}abc`],
    ["a name that is far too long", "ü".repeat(500)],
    ["a name of one byte", "a"],
  ])("fits %s into a DNS label without cutting a character", (_, name) => {
    const { label, txt } = ownRecord({ id: anna, name, port: 1 }, "b");
    expect(Buffer.byteLength(label)).toBeLessThanOrEqual(63);
    expect(label).toMatch(new RegExp(` \\(${anna.slice(0, 4)}\\)$`));
    expect(label).not.toContain("\ufffd");
    expect(Buffer.byteLength(txt["name"] ?? "")).toBeLessThanOrEqual(63);
    expect(name.startsWith(txt["name"] ?? "?")).toBe(true);
  });

  it("keeps dots and control characters out of the instance name, and in the announced one", () => {
    const { label, txt } = ownRecord({ id: anna, name: "dr.\u001b[2J\nwho", port: 1 }, "b");
    expect(label).toBe(`dr- [2J who (${anna.slice(0, 4)})`);
    expect(txt["name"]).toBe("dr.\u001b[2J\nwho");
  });

  it("is composed, however the name was typed", () => {
    const { label, txt } = ownRecord({ id: anna, name: "Zoe\u0308", port: 1 }, "b");
    expect(txt["name"]).toBe("Zo\u00eb");
    expect(label).toBe(`Zo\u00eb (${anna.slice(0, 4)})`);
  });

  it("has more of the id in its instance name with each conflict, up to a quarter of it, and the same identity", () => {
    const records = [0, 1, 2, 3, 4, 99].map((n) => ownRecord({ id: anna, name: "ü".repeat(40), port: 1 }, "b", n));
    const suffixes = records.map(({ label }) => /\((.*)\)$/.exec(label)?.[1]);
    expect(suffixes).toEqual([4, 8, 12, 16, 16, 16].map((length) => anna.slice(0, length)));
    for (const { label, txt, host } of records) {
      expect(Buffer.byteLength(label)).toBeLessThanOrEqual(63);
      expect([txt, host]).toEqual([records[0]?.txt, records[0]?.host]);
    }
  });

  it("has a name even when the setting leaves nothing of one", () => {
    expect(ownRecord({ id: anna, name: "\u0007", port: 1 }, "b").label).toBe(`lanxfer (${anna.slice(0, 4)})`);
    expect(ownRecord({ id: anna, name: "", port: 1 }, "b").txt["name"]).toBe("lanxfer");
    expect(ownRecord({ id: anna, name: "a\ud800", port: 1 }, "b").txt["name"]).toBe("a\ufffd");
  });

  it("is read back as it was written", () => {
    const record = ownRecord({ id: anna, name: "Zoë.local\t🦊", port: 25726 }, "abcdefgh");
    const [pointer, service, , ...rest] = recordsOf({ label: record.label, port: record.port });
    const text = {
      name: record.instance,
      type: "TXT",
      ttl: 9,
      data: Object.entries(record.txt).map((pair) => pair.join("=")),
    };
    const packet = codec.decode(encode([pointer, service, text, ...rest].flatMap((each) => each ?? [])));
    expect(decodeResponse(packet, own)).toEqual([
      {
        kind: "sighting",
        id: anna,
        name: "Zoë.local\t🦊",
        boot: "abcdefgh",
        port: 25726,
        instance: record.instance.toLowerCase(),
        addresses: [],
      },
    ]);
  });
});

describe("a response of another device", () => {
  it("gives a sighting with the addresses of its host name, wherever in the packet they stand", () => {
    const [pointer, ...others] = recordsOf({ addresses: ["192.0.2.7", "fe80::7"] });
    const [sighting] = decodeResponse(
      response(
        [pointer].flatMap((each) => each ?? []),
        others,
      ),
      own,
    );
    expect(sighting).toMatchObject({ id: anna, name: "Anna", port: 4711, addresses: ["192.0.2.7", "fe80::7"] });
  });

  it("compares DNS names without regard to case", () => {
    const shouting = recordsOf({ addresses: ["192.0.2.7"] }).map((record) => ({
      ...record,
      name: record.name.toUpperCase(),
    }));
    expect(decodeResponse(response(shouting), own)).toMatchObject([{ id: anna, addresses: ["192.0.2.7"] }]);
  });

  it("is a goodbye when its pointer has no time left to live", () => {
    const instance = `anna (${anna.slice(0, 4)}).${SERVICE}`;
    expect(decode({ ttl: 0 })).toEqual([{ kind: "goodbye", instance }]);
    expect(decodeResponse(response(recordsOf({ ttl: 0 }).slice(0, 1)), own)).toEqual([{ kind: "goodbye", instance }]);
  });

  it("takes no more instances from one packet than a source may bring", () => {
    const many = Array.from({ length: 40 }, (_, n) => recordsOf({ seed: `n${n}`, label: `n${n}` })).flat();
    expect(decodeResponse(response(many), own)).toHaveLength(MAX_INSTANCES);
  });

  it("ignores keys of later versions, empty strings and keys without a name", () => {
    const txt = [
      "txtvers=1",
      "",
      "=x",
      "colour=red",
      "colour=blue",
      "flag",
      "v=1",
      `id=${anna}`,
      "name=Anna",
      "boot=b",
    ];
    expect(decode({ txt })).toMatchObject([{ id: anna, name: "Anna" }]);
  });

  // What a terminal would do with such a name is the printer's business; ours is that it stays one row of data.
  it.each([
    ["an escape sequence", "\u001b[2J\u001b]52;c;aGk=\u0007"],
    ["a newline", "a\nb"],
    ["a reversed reading direction", "exe.\u202egpj"],
    ["63 bytes of emoji", `${"🦊".repeat(15)}abc`],
    ["a byte order mark", "\ufeffanna"],
  ])("keeps %s in a name as it came", (_, name) => {
    const [sighting] = decode({ name });
    expect(sighting).toMatchObject({ name });
    expect(safe(name)).not.toMatch(/[\p{Cc}\u202e\ufeff]/u);
  });
});

describe("a response that is not as we would write it", () => {
  const without = (key: string) => standard().filter((item) => !item.startsWith(`${key}=`));
  const standard = () => ["txtvers=1", "v=1", `id=${anna}`, "name=Anna", "boot=b"];
  const replaced = (item: string | Buffer) => [...without(String(item).split("=")[0] ?? ""), item];

  it.each<[string, Saying]>([
    ["has an empty TXT record", { txt: [] }],
    ["does not tell its version", { txt: without("v") }],
    ["is of another version", { txt: replaced("v=2") }],
    ["is of another version of the TXT format", { txt: replaced("txtvers=2") }],
    ["has no id", { txt: without("id") }],
    ["has something else for an id", { txt: replaced("id=../../etc/passwd") }],
    ["has an id in upper case", { txt: replaced(`id=${anna.toUpperCase()}`) }],
    ["has an id with bits that no hash has", { txt: replaced(`id=${"a".repeat(51)}b`) }],
    ["has no name", { txt: without("name") }],
    ["has an empty name", { txt: replaced("name=") }],
    ["has a name of 64 bytes", { txt: replaced(`name=${"x".repeat(64)}`) }],
    ["has a name that is not UTF-8", { txt: replaced(Buffer.from([...Buffer.from("name="), 0xc0, 0xaf])) }],
    [
      "has half of a surrogate pair in its name",
      { txt: replaced(Buffer.from([...Buffer.from("name="), 0xed, 0xa0, 0x80])) },
    ],
    ["does not tell its start", { txt: without("boot") }],
    ["has spaces in the number of its start", { txt: replaced("boot=a b") }],
    ["says one thing twice", { txt: [...standard(), `id=${idOf("bert")}`] }],
    ["says the same thing twice", { txt: [...standard(), "v=1"] }],
    ["says one thing twice in another case", { txt: [...standard(), `ID=${anna}`] }],
    ["has a key without a value", { txt: ["v", ...without("v")] }],
    ["has keys of the object prototype for a start", { txt: ["__proto__=1", "constructor=2", ...without("id")] }],
    ["says too much", { txt: [...standard(), "a=".padEnd(200, "x"), "b=".padEnd(200, "x")] }],
    ["listens on port 0", { port: 0 }],
  ])("gives nothing when it %s", (_, saying) => {
    expect(decode(saying)).toEqual([]);
  });

  it("gives nothing when it is about this start of this very device", () => {
    expect(decodeResponse(response(recordsOf({ seed: "own", boot: own.boot })), own)).toEqual([]);
  });

  it("tells of this device's id in the mouth of somebody else", () => {
    const [heard] = decodeResponse(response(recordsOf({ seed: "own", boot: "boot2", name: "copy" })), own);
    expect(heard).toMatchObject({ kind: "sighting", id: own.id, boot: "boot2", name: "copy" });
  });

  it.each([
    ["no TXT record", (type: string) => type !== "TXT"],
    ["no SRV record", (type: string) => type !== "SRV"],
    ["no pointer", (type: string) => type !== "PTR"],
  ])("gives nothing when it has %s", (_, keep) => {
    expect(decodeResponse(response(recordsOf().filter(({ type }) => keep(type))), own)).toEqual([]);
  });

  it.each(["SRV", "TXT"])("gives nothing when it has two %s records, of which one must be wrong", (type) => {
    const again = recordsOf({ port: 9, name: "Bert" }).filter((record) => record.type === type);
    expect(decodeResponse(response(recordsOf(), again), own)).toEqual([]);
  });

  it("gives nothing when only the pointer is still valid", () => {
    const expired = recordsOf().map((record) => (record.type === "PTR" ? record : { ...record, ttl: 0 }));
    expect(decodeResponse(response(expired), own)).toEqual([]);
  });

  it("gives nothing when it has an error code or another operation", () => {
    const packet = response(recordsOf());
    expect(decodeResponse({ ...packet, rcode: "NXDOMAIN" }, own)).toEqual([]);
    expect(decodeResponse({ ...packet, opcode: "UPDATE" }, own)).toEqual([]);
  });

  it("gives nothing when it has more records than a device could need", () => {
    const many = Array.from({ length: 300 }, () => ({ name: "x.local", type: "A", ttl: 1, data: "192.0.2.1" }));
    expect(decodeResponse(response([...recordsOf(), ...many]), own)).toEqual([]);
  });

  it("gives nothing when it is about another service, or about none", () => {
    const other = recordsOf().map((record) => ({ ...record, name: record.name.replace("_lanxfer", "_ipp") }));
    expect(decodeResponse(response(other), own)).toEqual([]);
    expect(
      decodeResponse(response([{ name: SERVICE, type: "PTR", ttl: 1, data: "_services._dns-sd._udp.local" }]), own),
    ).toEqual([]);
    expect(decodeResponse(response([{ name: SERVICE, type: "PTR", ttl: 1, data: `.${SERVICE}` }]), own)).toEqual([]);
  });
});

describe("somebody else's record of our instance name", () => {
  const mine = ownRecord({ id: anna, name: "Anna", port: 4711 }, "b");
  const said = (saying: Saying) => contradicts(response(recordsOf({ label: mine.label, ...saying })), mine);

  it("contradicts us when it is a service of another host or port", () => {
    expect(said({ id: idOf("mallory"), port: 4711 })).toBe(true);
    expect(said({ id: anna, port: 4712 })).toBe(true);
    expect(said({ id: idOf("mallory"), port: 4711, label: mine.label.toUpperCase() })).toBe(true);
  });

  it("does not when it is our own, a goodbye, or of another name", () => {
    expect(said({ id: anna, port: 4711 })).toBe(false);
    expect(said({ id: idOf("mallory"), port: 1, ttl: 0 })).toBe(false);
    expect(said({ id: idOf("mallory"), port: 1, label: "Anna (aaaa)" })).toBe(false);
    expect(contradicts({}, mine)).toBe(false);
    expect(contradicts({ answers: [{ name: mine.instance, type: "SRV", ttl: 1, data: null }] }, mine)).toBe(true);
  });
});
