import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Clock, systemClock } from "../../../src/core/clock.ts";
import type { LinkAddress } from "../../../src/discovery/interfaces.ts";
import { type Link, openLink } from "../../../src/discovery/link.ts";
import type { Source } from "../../../src/discovery/medium.ts";
import { ownQuestion } from "../../../src/discovery/question.ts";
import { ALL_SERVICES, type Heard, ownRecord, SERVICE } from "../../../src/discovery/record.ts";
import { eventually } from "../../support/process.ts";
import { ManualClock } from "./support/clock.ts";
import { describeOnLoopback, Observer, ownNetwork } from "./support/loopback.ts";
import { codec, encode, idOf, recordsOf } from "./support/packets.ts";

const NETWORK = ownNetwork();
const ADDRESS = `${NETWORK}.1`;
const LO: LinkAddress = {
  interface: "lo",
  family: 4,
  address: ADDRESS,
  cidrs: [`${ADDRESS}/24`],
  mac: "00:00:00:00:00:00",
  index: null,
};
const QUESTION = codec.encode({ type: "query", questions: [{ name: SERVICE, type: "PTR" }] });

const sockets = () => process.getActiveResourcesInfo().filter((name) => name === "UDPWrap").length;

let seed: string;
let own: ReturnType<typeof ownRecord>;
let heard: { heard: Heard; from: Source }[];
let failures: Error[];
let worked: number;
let conflicts: number;
let link: Link | undefined;
let before: number;
let needed: boolean;

beforeEach(() => {
  seed = randomBytes(8).toString("hex"); // not what another test of this machine announces at the same time
  own = ownRecord({ id: idOf(seed), name: "Link", port: 4711 }, "boot1");
  heard = [];
  failures = [];
  worked = 0;
  conflicts = 0;
  before = sockets();
  needed = true;
});

afterEach(async () => {
  await link?.close("silent");
  link = undefined;
  await eventually("all sockets closed", () => (sockets() <= before ? true : undefined));
});

function open(address: LinkAddress = LO, clock: Clock = systemClock): Link {
  const listener = {
    heard: (what: Heard, from: Source) => heard.push({ heard: what, from }),
    up: () => worked++,
    failed: (error: Error) => failures.push(error),
    conflict: () => conflicts++,
  };
  link = openLink(address, own, listener, { clock, random: () => 0, isNeeded: () => needed });
  return link;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describeOnLoopback("a link", () => {
  it("announces this device with its own host name, the address of the link and unique records marked so", async () => {
    await using observer = await Observer.open({ address: ADDRESS });
    open();
    const packet = await eventually("an announcement", () => observer.about(own.id)[0]);
    const records = [...packet.answers, ...packet.additionals];
    const of = (type: string) => records.filter((record) => record.type === type);
    expect(of("PTR").map(({ name, data, flush }) => [name, data, flush])).toEqual([
      [SERVICE, own.instance, false],
      [ALL_SERVICES, SERVICE, false],
    ]);
    expect(of("SRV")).toMatchObject([{ name: own.instance, flush: true, data: { port: 4711, target: own.host } }]);
    expect(of("A")).toMatchObject([{ name: own.host, flush: true, data: ADDRESS }]);
    expect(of("AAAA")).toEqual([]);
    expect(of("TXT")).toMatchObject([{ name: own.instance, flush: true }]);
    expect(String(of("TXT")[0]?.data).split(",").sort()).toEqual([
      "boot=boot1",
      `id=${own.id}`,
      "name=Link",
      "txtvers=1",
      "v=1",
    ]);
    await eventually("a second announcement", () => observer.about(own.id)[1]);
    expect(worked).toBeGreaterThan(0);
    expect(failures).toEqual([]);
  });

  it("says goodbye for itself, and not for the service type that others have too", async () => {
    await using observer = await Observer.open({ address: ADDRESS });
    const started = open();
    await eventually("an announcement", () => observer.about(own.id)[0]);
    const closing = performance.now();
    await started.close("goodbye");
    expect(performance.now() - closing).toBeLessThan(1000);
    const goodbye = await eventually("a goodbye", () =>
      observer.about(own.id).find(({ answers }) => answers.some(({ ttl }) => ttl === 0)),
    );
    const names = goodbye.answers.filter(({ type, ttl }) => type === "PTR" && ttl === 0).map(({ name }) => name);
    expect(names).toEqual([SERVICE]);
  });

  it("hears others with the address they talk from, and never itself", async () => {
    await using observer = await Observer.open({ address: ADDRESS });
    open();
    const other = idOf(`${seed} other`);
    await eventually("a sighting", async () => {
      await observer.say(
        encode(recordsOf({ id: other, addresses: [`${NETWORK}.9`, "192.0.2.9", "fe80::9", "2001:db8::9"] })),
      );
      return heard.find((one) => one.heard.kind === "sighting" && one.heard.id === other);
    });
    const [first] = heard.filter((one) => one.heard.kind === "sighting" && one.heard.id === other);
    expect(first?.from).toEqual({ address: ADDRESS, interface: "lo" });
    // Only what is on this link: a record must not make us connect to anywhere else.
    expect(first?.heard).toMatchObject({ addresses: [`${NETWORK}.9`] });
    expect(heard.some((one) => one.heard.kind === "sighting" && one.heard.id === own.id)).toBe(false);
  });

  it("hears everybody where many answer in the same instant", async () => {
    const EACH = 80; // a source has a hundred packets a second
    await using first = await Observer.open({ address: `${NETWORK}.2` });
    await using second = await Observer.open({ address: `${NETWORK}.3` });
    await using third = await Observer.open({ address: `${NETWORK}.4` });
    open();
    await eventually("an announcement", () => first.about(own.id)[0]);
    const ids = Array.from({ length: 3 * EACH }, (_, n) => idOf(`${seed} ${n}`));
    const packets = ids.map((id) => encode(recordsOf({ id })));
    await Promise.all(packets.map((packet, n) => [first, second, third][Math.floor(n / EACH)]?.say(packet)));
    const known = () => new Set(heard.flatMap((one) => (one.heard.kind === "sighting" ? [one.heard.id] : [])));
    await eventually("all of them", () => (ids.every((id) => known().has(id)) ? true : undefined));
  });

  it("answers a question of another host's responder, and none from an ordinary port", async () => {
    await using observer = await Observer.open({ address: ADDRESS });
    await using stranger = await Observer.open({ port: 0, address: ADDRESS });
    open();
    await eventually("two announcements", () => (observer.about(own.id).length >= 2 ? true : undefined));
    await pause(1100); // what was answered a moment ago is not repeated
    const before = observer.answersAbout(own.id).length;
    for (let n = 0; n < 5; n++) await stranger.say(QUESTION);
    await pause(300);
    expect(observer.answersAbout(own.id)).toHaveLength(before);
    await observer.say(QUESTION);
    await eventually("an answer", () => observer.answersAbout(own.id)[before]);
  });

  it("asks again by itself, and lets the question of somebody it knows do instead", async () => {
    const clock = new ManualClock();
    await using observer = await Observer.open({ address: ADDRESS });
    open(LO, clock);
    const asked = () => observer.questionsOf(own);
    await eventually("its first question", () => (asked() === 1 ? true : undefined));
    await clock.pass(1000);
    await eventually("its second question", () => (asked() === 2 ? true : undefined));
    const other = ownRecord({ id: idOf(`${seed} other`), name: "Other", port: 1 }, "b");
    const theirs = codec.encode({ type: "query", ...ownQuestion(other) });

    // The second one came too soon to be answered: the round goes on from the first.
    await clock.pass(3900);
    await observer.say(theirs); // a stranger's: he is not answered for
    await pause(100);
    await clock.pass(350);
    await eventually("its question all the same", () => (asked() === 3 ? true : undefined));

    await observer.say(encode(recordsOf({ id: other.id, label: other.label })));
    await eventually("a sighting", () => heard.find((one) => one.heard.instance === other.instance.toLowerCase()));
    await clock.pass(4500);
    await observer.say(theirs);
    const question = { kind: "question", instance: other.instance.toLowerCase() };
    await eventually("a sign of life", () => heard.filter((one) => one.heard.kind === "question")[1]);
    expect(heard.at(-1)).toEqual({ heard: question, from: { address: ADDRESS, interface: "lo" } });
    await clock.pass(4900);
    await pause(100);
    expect(asked()).toBe(3);
    await clock.pass(350);
    await eventually("its own question", () => (asked() === 4 ? true : undefined));
  });

  it("lets its own question do that another card of this machine has asked in the same network", async () => {
    const clock = new ManualClock();
    await using observer = await Observer.open({ address: ADDRESS });
    open(LO, clock);
    const asked = () => observer.questionsOf(own);
    await eventually("its first question", () => (asked() === 1 ? true : undefined));
    await clock.pass(1000);
    await eventually("its second question", () => (asked() === 2 ? true : undefined));
    await clock.pass(3900);
    await observer.say(codec.encode({ type: "query", ...ownQuestion(own) }));
    await eventually("the other card's question", () => (asked() === 3 ? true : undefined));
    await pause(100);
    await clock.pass(4900);
    await pause(100);
    expect(asked()).toBe(3);
    await clock.pass(350);
    await eventually("its own question", () => (asked() === 4 ? true : undefined));
  });

  it("asks rarely when nobody is here whom it alone hears", async () => {
    const clock = new ManualClock();
    await using observer = await Observer.open({ address: ADDRESS });
    needed = false;
    open(LO, clock);
    const asked = () => observer.questionsOf(own);
    await eventually("its first question", () => (asked() === 1 ? true : undefined));
    await clock.pass(1000);
    await eventually("its second question", () => (asked() === 2 ? true : undefined));
    await clock.pass(55_000);
    await pause(100);
    expect(asked()).toBe(2);
    await clock.pass(8_000);
    await eventually("a question", () => (asked() === 3 ? true : undefined));
  });

  it("answers a question for its host with the addresses it has now, and announces new ones", async () => {
    await using observer = await Observer.open({ address: ADDRESS });
    const started = open();
    await eventually("an announcement", () => observer.about(own.id)[0]);
    const told = () => observer.about(own.host).flatMap(({ answers }) => answers.filter(({ type }) => type === "AAAA"));
    expect(told()).toEqual([]);
    started.readdress({ ...LO, cidrs: [...LO.cidrs, "2001:db8::1/64"] });
    await eventually("the new address", () => told()[0]);
    const announced = told().length;
    await observer.say(codec.encode({ type: "query", questions: [{ name: own.host, type: "AAAA" }] }));
    const answer = await eventually("an answer", () => told()[announced]);
    expect(answer).toMatchObject({ name: own.host, data: "2001:db8::1", flush: true });
  });

  it("announces another name before it takes back the old one, and not its host", async () => {
    await using observer = await Observer.open({ address: ADDRESS });
    const started = open();
    await eventually("an announcement", () => observer.about(own.id)[0]);
    const renamed = ownRecord({ id: own.id, name: "Renamed", port: 4711 }, "boot1");
    const before = observer.packets.length;
    started.rename(renamed, "goodbye");
    const told = () => observer.packets.slice(before).filter(({ type }) => type === "response");
    const goodbye = await eventually("a goodbye", () =>
      told().find(({ answers }) => answers.some(({ ttl }) => ttl === 0)),
    );
    expect(goodbye.answers.map(({ type, name, ttl }) => [type, name, ttl])).toEqual([
      ["PTR", SERVICE, 0],
      ["SRV", own.instance, 0],
      ["TXT", own.instance, 0],
    ]);
    const [first] = observer.about(renamed.instance);
    expect(first && told().indexOf(first)).toBeLessThan(told().indexOf(goodbye));
    await pause(1100); // what was answered a moment ago is not repeated
    const answered = observer.answersAbout(own.id).length;
    await observer.say(QUESTION);
    const answer = await eventually("an answer", () => observer.answersAbout(own.id)[answered]);
    expect(answer.answers.map(({ data }) => data)).toEqual([renamed.instance]);
    await started.close("goodbye");
    await eventually("a goodbye in the new name", () =>
      told().find(({ answers }) => answers.some(({ ttl, data }) => ttl === 0 && data === renamed.instance)),
    );
  });

  it("can be renamed again and again: what is its name in the end is not taken back", async () => {
    await using observer = await Observer.open({ address: ADDRESS });
    const started = open();
    await eventually("an announcement", () => observer.about(own.id)[0]);
    const other = ownRecord({ id: own.id, name: "Other", port: 4711 }, "boot1");
    for (const each of [other, own, other, own]) started.rename(each, "goodbye");
    const goodbyes = () =>
      observer.packets.flatMap(({ answers }) => answers.filter(({ type, ttl }) => type === "PTR" && ttl === 0));
    await eventually("a goodbye", () => goodbyes().find(({ data }) => data === other.instance));
    await pause(100);
    expect(goodbyes().filter(({ data }) => data === own.instance)).toEqual([]);
  });

  it("says when somebody else has its name, and not when it hears itself", async () => {
    await using observer = await Observer.open({ address: ADDRESS });
    open();
    await eventually("two announcements", () => (observer.about(own.id).length >= 2 ? true : undefined));
    expect(conflicts).toBe(0);
    await observer.say(encode(recordsOf({ id: idOf(`${seed} other`), label: own.label, port: own.port })));
    await eventually("a conflict", () => (conflicts === 1 ? true : undefined));
  });

  it("stands any garbage, and answers afterwards", async () => {
    await using observer = await Observer.open({ address: ADDRESS });
    open();
    await eventually("an announcement", () => observer.about(own.id)[0]);
    const good = encode(recordsOf({ seed: `${seed} other` }));
    for (let n = 0; n < 2000; n++) {
      const bad = Buffer.from(good);
      for (let change = 0; change < 4; change++)
        bad.writeUInt8((n * 7919 + change * 31) & 255, (n * 31 + change * 17) % bad.length);
      await observer.say(n % 3 === 0 ? bad.subarray(0, n % bad.length) : bad);
      if (n % 50 === 0) await pause(5);
    }
    await pause(1100); // the share of this source for the second is used up
    const answered = observer.answersAbout(own.id).length;
    await observer.say(good);
    await observer.say(QUESTION);
    await eventually("an answer", () => observer.answersAbout(own.id)[answered]);
    expect(failures).toEqual([]);
  });

  it("says once that it failed when its address is not one of this machine", async () => {
    const started = open({ ...LO, interface: "eth9", address: "192.0.2.77", cidrs: ["192.0.2.77/24"] });
    await eventually("a failure", () => failures[0]);
    await pause(100);
    expect(failures).toHaveLength(1);
    await started.close("goodbye");
  });

  it("can be closed at once, twice", async () => {
    const started = open();
    await Promise.all([started.close("goodbye"), started.close("silent")]);
    started.query();
  });
});
