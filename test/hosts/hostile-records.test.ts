/** Somebody on the link who says what he likes by multicast DNS; and what he can learn there of others. */

import { writeFile } from "node:fs/promises";
import { release, userInfo } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cutToBytes } from "../../src/core/text.ts";
import { MAX_PEERS } from "../../src/discovery/room.ts";
import { Device } from "../support/device.ts";
import { type Host, Lan } from "../support/hosts.ts";
import { measured } from "../support/measured.ts";
import { PeerLog } from "../support/peer-log.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";
import { codec, encode, recordsOf, type WireRecord } from "../unit/discovery/support/packets.ts";

const program = (name: string) => fileURLToPath(new URL(`programs/${name}`, import.meta.url));
const LONG = 20_000; // ms
const FIRST = 20; // mallory's addresses are 10.77.0.20 and following
const ADDRESSES = 200;

/** What a terminal would obey, or what makes a text read as another one. */
const OBEYED = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
const NAMES = [
  "\u001b[2J\u001b]52;c;cm0gLXJmIC8=\u0007nas",
  "alice\nbob  abcdefgh  paired  192.0.2.1:1",
  "\u202egnp.exe\u2066",
  "🦊".repeat(15),
  "\u0000\u0001\u007f\u009b31m",
  "   ",
  "a\u0300".repeat(20),
  '"}],{"v":1,"event":"done","ok":true}',
];

interface Saying {
  readonly hex: string;
  readonly port?: number;
  readonly from?: string;
  readonly pause?: number;
}

interface Packet {
  readonly type: "query" | "response";
  readonly questions: readonly { readonly name: string; readonly type: string }[];
  readonly answers: readonly WireRecord[];
  readonly additionals: readonly WireRecord[];
}

suiteFor(["hosts"])("Somebody who says what he likes by multicast DNS", () => {
  let lan: Lan;
  let mallory: Host;
  let anna: Device;
  let bert: Device;
  let sayings = 0;

  beforeAll(async () => {
    lan = await Lan.open();
    [anna, bert] = [new Device(await lan.host("anna")), new Device(await lan.host("bert"))];
    mallory = await lan.host("mallory", { ipv4: "10.77.0.10" });
    const numbers = Array.from({ length: ADDRESSES }, (_, n) => FIRST + n);
    await mallory.namespace.ip(...numbers.map((last) => `addr add 10.77.0.${last}/24 dev eth0`));
    await Promise.all([anna.start(), bert.start()]);
    const atAnna = await PeerLog.open(anna);
    await atAnna.first(({ peer }) => peer.name === "bert", 0, LONG);
    await atAnna.close(); // it could not keep up with what follows
    await anna.pairWith(bert);
  });
  afterAll(() => lan?.close());

  /** Resolves when all is said, or `stop` has ended it. */
  const say = async (lines: readonly Saying[], stop?: AbortSignal): Promise<void> => {
    const file = path.join(mallory.home, `said-${++sayings}.jsonl`);
    await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const saying = mallory.start([process.execPath, program("say.mjs"), file]);
    stop?.addEventListener("abort", () => saying.kill("SIGTERM"), { once: true });
    const { code, stderr } = await saying.finished;
    expect({ code, stderr }).toEqual({ code: stop?.aborted ? null : 0, stderr: "" });
  };
  const announcement = (seed: string, saying: Parameters<typeof recordsOf>[0] = {}): string =>
    encode(recordsOf({ seed, ...saying })).toString("hex");
  const peersAt = async (device: Device) => (await device.control.call("get", "/v1/peers", {})).peers;
  const sendsToBert = async () => {
    const source = path.join(anna.place.home, "steady.txt");
    await writeFile(source, "all the same\n");
    const began = performance.now();
    const { id } = await anna.send(bert, [source]);
    expect(await anna.ended(id)).toMatchObject({ state: "done" });
    return performance.now() - began;
  };

  it("gets no name printed that a terminal would obey, and one row for each", async () => {
    // Again and again: they vanish soon when somebody asks, because nobody answers at their addresses.
    const round = NAMES.map((name, n) => ({ hex: announcement(`name ${n}`, { name, label: cutToBytes(name, 63) }) }));
    const last = { hex: round.at(-1)?.hex ?? "", pause: 250 };
    const talk = new AbortController();
    const talking = say(Array.from({ length: 240 }, () => [...round.slice(0, -1), last]).flat(), talk.signal);
    await eventually("all of them", async () => ((await peersAt(anna)).length === NAMES.length + 1 ? true : undefined));
    const rows = (await anna.tell("peers")).split("\n").slice(0, -1);
    expect(rows).toHaveLength(1 + NAMES.length + 1); // a heading, and bert
    expect(rows.filter((row) => OBEYED.test(row))).toEqual([]);
    const objects = (await anna.tell("peers", "--json"))
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
    expect(
      objects
        .slice(0, -1)
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...NAMES, "bert"].sort());
    expect(objects.at(-1)).toMatchObject({ event: "done" });
    talk.abort();
    await talking;
    expect(anna.daemon.stdout.split("\n").filter((line) => OBEYED.test(line))).toEqual([]);
  });

  it("stops nobody with packets that are none", async () => {
    const header = (questions: number, answers: number) => {
      const bytes = Buffer.alloc(12);
      bytes.writeUInt16BE(0x8400, 2);
      bytes.writeUInt16BE(questions, 4);
      bytes.writeUInt16BE(answers, 6);
      return bytes;
    };
    const whole = encode(recordsOf({ seed: "cut" }));
    const bad = [
      Buffer.concat([header(1, 0), Buffer.from([0xc0, 0x0c, 0, 12, 0, 1])]), // a name that points to itself
      Buffer.concat([header(1, 0), Buffer.from([0xc0, 0x0e, 0xc0, 0x0c, 0, 12, 0, 1])]), // two that point to each other
      Buffer.concat([header(1, 0), Buffer.from([0x41, ...Buffer.alloc(70, 97), 0, 0, 12, 0, 1])]), // a label of 65 bytes
      Buffer.concat([header(0, 65_535), Buffer.alloc(1_400)]), // more records than there is room for
      Buffer.concat([header(0, 280), Buffer.alloc(1_400)]), // as many as there is room for
      Buffer.concat([header(0, 1), Buffer.from([0, 0, 16, 0, 1, 0, 0, 0, 9, 0xff, 0xff, 1])]), // data that is not there
      ...[1, 2, 3, 5, 8, 13, 21, 34, 55, 89].map((cut) => whole.subarray(0, whole.length - cut)),
    ];
    await say(
      Array.from({ length: 30 }, () => bad)
        .flat()
        .map((bytes) => ({ hex: bytes.toString("hex"), pause: 1 })),
    );
    measured("packets that are none → sent to another", await sendsToBert(), "no change");
    expect((await peersAt(anna)).map(({ name }) => name)).toContain("bert");
  });

  it("gets no answer to a flood of questions that come from no responder", async () => {
    const ear = mallory.start([process.execPath, program("ear.mjs"), "eth0"]);
    await ear.line((line) => line === "listening", LONG);
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // what was answered a moment ago is not repeated in any case
    const question = codec.encode({ type: "query", questions: [{ name: "_lanxfer._tcp.local", type: "ANY" }] });
    const before = ear.stdout.split("\n").length;
    await say(Array.from({ length: 500 }, () => ({ hex: question.toString("hex"), port: 12_345, pause: 8 })));
    const heard = ear.stdout
      .split("\n")
      .slice(before - 1, -1)
      .map((line) => JSON.parse(line))
      .filter(({ from }) => from === "10.77.0.1");
    await ear.stop();
    const answers = heard.filter(
      ({ hex }) => (codec.decode(Buffer.from(hex, "hex")) as unknown as Packet).type === "response",
    );
    // What a round and the library's own repeats say meanwhile; an answer a second would be four at least.
    expect(answers.length).toBeLessThanOrEqual(2);
  });

  it("takes the instance name of a device, which then has a longer one and is the same device", async () => {
    const { id } = await bert.control.call("get", "/v1/id", {});
    const ear = mallory.start([process.execPath, program("ear.mjs"), "eth0"]);
    await ear.line((line) => line === "listening", LONG);
    const hex = announcement("thief", { label: `bert (${id.slice(0, 4)})`, name: "bert" });
    await say([{ hex }, { hex }, { hex }]);
    const longer = Buffer.from(`bert (${id.slice(0, 8)})`).toString("hex");
    await ear.line((line) => line.includes(longer), LONG);
    await ear.stop();
    const told = (await peersAt(anna)).find((peer) => peer.id === id);
    expect(told).toMatchObject({ name: "bert", petname: "bert", state: "present" });
    await sendsToBert();
  });

  it("brings in ten thousand devices, of which few are kept, and none of ours is lost", async () => {
    const lines = Array.from({ length: 10_000 }, (_, n): Saying => {
      const from = `10.77.0.${FIRST + (n % ADDRESSES)}`;
      return { hex: announcement(`fake ${n}`), from, ...(n % 20 === 0 && { pause: 1 }) };
    });
    const began = performance.now();
    const flood = say(lines);
    const during = await sendsToBert();
    await flood;
    measured("10,000 devices invented: sent to another meanwhile", during, "no change");
    process.stderr.write(`  10,000 announcements in ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
    const kept = (await anna.control.call("get", "/v1/status", {})).peers; // without asking who is still there
    expect(kept).toBeLessThanOrEqual(MAX_PEERS);
    expect(kept).toBeGreaterThan(100); // otherwise the test would prove nothing
    const peers = await peersAt(anna);
    expect(peers.length).toBeLessThanOrEqual(MAX_PEERS);
    expect(peers.find(({ name }) => name === "bert")).toMatchObject({ paired: true, state: "present" });
    expect(await sendsToBert()).toBeGreaterThan(0);
  });

  it("learns of a device its name, its id, its port and its addresses, and nothing of its user or system", async () => {
    await anna.stop();
    const ear = mallory.start([process.execPath, program("ear.mjs"), "eth0"]);
    await ear.line((line) => line === "listening", LONG);
    const { id } = JSON.parse((await bert.tell("id", "--json")).split("\n")[0] ?? "");
    const local = (await bert.control.call("get", "/v1/status", {})).interfaces.find(({ address }) =>
      address.startsWith("fe80"),
    );
    await bert.tell("peers"); // it asks
    await bert.stop(); // it says goodbye
    await bert.start();
    const packets = () => packetsOf(ear.stdout, ["10.77.0.2", local?.address]);
    const plain = (text: string) =>
      text
        .replaceAll(id, "ID")
        .replace(/ \([a-z2-7]{4}(?:[a-z2-7]{4}){0,3}\)/g, " (ID)")
        .replace(/boot=[a-z2-7]{16}/, "boot=RANDOM")
        .replace(local?.address ?? "?", "LINK-LOCAL");
    const said = () => [...new Set(packets().flatMap(statementsOf).map(plain))].sort();
    await eventually("all that it has to say", () => (said().length >= 7 ? true : undefined), { timeoutMs: LONG });
    await bert.stop();
    await ear.stop();
    expect(said()).toEqual([
      "_lanxfer._tcp.local PTR bert (ID)._lanxfer._tcp.local",
      "_lanxfer._tcp.local PTR?",
      "_services._dns-sd._udp.local PTR _lanxfer._tcp.local",
      'bert (ID)._lanxfer._tcp.local SRV {"priority":0,"weight":0,"port":25726,"target":"lanxfer-ID.local"}',
      "bert (ID)._lanxfer._tcp.local TXT boot=RANDOM id=ID name=bert txtvers=1 v=1",
      "lanxfer-ID.local A 10.77.0.2",
      "lanxfer-ID.local AAAA LINK-LOCAL",
    ]);
    const secrets = [
      userInfo().username,
      bert.place.home,
      path.basename(path.dirname(bert.place.home)),
      release(),
      process.version,
      "linux",
      "LanInbox",
    ];
    for (const bytes of packets()) {
      for (const secret of secrets) expect(bytes.toString("latin1").toLowerCase()).not.toContain(secret.toLowerCase());
    }
  });
});

/** What an ear has heard from one of `addresses`. */
function packetsOf(heard: string, addresses: readonly (string | undefined)[]): Buffer[] {
  const lines = heard.split("\n").filter((line) => line.startsWith("{"));
  const packets = lines.map((line): { from: string; hex: string } => JSON.parse(line)); // our own program's lines
  return packets.filter(({ from }) => addresses.includes(from)).map(({ hex }) => Buffer.from(hex, "hex"));
}

/** Each question and each record of a packet in a line. */
function statementsOf(bytes: Buffer): string[] {
  const { questions, answers, additionals } = codec.decode(bytes) as unknown as Packet; // what the codec decodes has these fields
  const value = ({ data }: WireRecord): string => {
    if (Array.isArray(data)) return data.map(String).sort().join(" ");
    return typeof data === "string" ? data : JSON.stringify(data);
  };
  return [
    ...questions.map(({ name, type }) => `${name} ${type}?`),
    ...[...answers, ...additionals].map((record) => `${record.name} ${record.type} ${value(record)}`),
  ];
}
