import type { NetworkInterfaceInfo } from "node:os";
import { beforeEach, describe, expect, it } from "vitest";
import { silentLog } from "../../../src/core/log.ts";
import { Company } from "../../../src/discovery/company.ts";
import type { Interfaces, LinkAddress } from "../../../src/discovery/interfaces.ts";
import type { LinkListener, OpenLink } from "../../../src/discovery/link.ts";
import { Links } from "../../../src/discovery/links.ts";
import type { Heard } from "../../../src/discovery/record.ts";
import { type OwnRecord, ownRecord } from "../../../src/discovery/record.ts";
import { ManualClock } from "./support/clock.ts";
import { idOf } from "./support/packets.ts";
import { sighting } from "./support/table.ts";

const own = ownRecord({ id: idOf("own"), name: "Own", port: 1 }, "b");

function card(address: string, mac = "02:00:00:00:00:01"): NetworkInterfaceInfo[] {
  return [{ address, cidr: `${address}/24`, family: "IPv4", netmask: "255.255.255.0", mac, internal: false }];
}

function local(scopeid: number): NetworkInterfaceInfo {
  const mac = "02:00:00:00:00:01";
  return { address: "fe80::2", cidr: "fe80::2/64", family: "IPv6", netmask: "ffff::", mac, internal: false, scopeid };
}

let clock: ManualClock;
let interfaces: Record<string, NetworkInterfaceInfo[]>;
let list: () => Interfaces;
let happened: string[];
let warned: string[];
let open: Map<string, LinkListener>;
let opened: OwnRecord[];
let needed: Map<string, () => boolean>;
let companies: Map<string, Company>;
let refuse: Error | null;
let links: Links;
let heard: Heard[];
let joined: number;

const openLink: OpenLink = ({ interface: name, address }: LinkAddress, announced, listener, { isNeeded }) => {
  if (refuse) throw refuse;
  happened.push(`open ${name} ${address}`);
  open.set(address, listener);
  opened.push(announced);
  needed.set(address, isNeeded);
  const company = new Company(clock);
  companies.set(address, company);
  return {
    company,
    query: () => happened.push(`query ${name}`),
    rename: ({ label }, former) => happened.push(`rename ${name} ${label} ${former}`),
    readdress: ({ cidrs }) => happened.push(`readdress ${name} ${cidrs.join(" ")}`),
    close: async (how) => void happened.push(`close ${name} ${address} ${how}`),
  };
};

beforeEach(() => {
  clock = new ManualClock();
  interfaces = { eth0: card("192.0.2.2") };
  list = () => interfaces;
  happened = [];
  warned = [];
  open = new Map();
  opened = [];
  needed = new Map();
  companies = new Map();
  refuse = null;
  heard = [];
  joined = 0;
  links = new Links({
    clock,
    log: { ...silentLog, warn: (_, message) => warned.push(message) },
    random: () => 0,
    networkInterfaces: () => list(),
    include: [],
    exclude: [],
    openLink,
  });
});

const start = () =>
  links.open(own, {
    heard: (what) => heard.push(what),
    lost: (name) => happened.push(`lost ${name}`),
    joined: () => joined++,
    conflict: () => happened.push("conflict"),
  });
const system = (code: string) => Object.assign(new Error(code), { code });

describe("the links", () => {
  it("are one for each usable address, and pass on what is heard", () => {
    interfaces = { ...interfaces, wlan0: card("198.51.100.2"), docker0: card("172.17.0.1") };
    start();
    expect(happened).toEqual(["open eth0 192.0.2.2", "open wlan0 198.51.100.2"]);
    open.get("192.0.2.2")?.heard(sighting("anna"), { address: "192.0.2.7", interface: "eth0" });
    expect(heard).toEqual([sighting("anna")]);
    links.query();
    expect(happened.slice(2)).toEqual(["query eth0", "query wlan0"]);
    expect(links.interfaces().map(({ name, used }) => [name, used])).toEqual([
      ["eth0", true],
      ["wlan0", true],
      ["docker0", false],
    ]);
  });

  it("are left alone as long as nothing changes", async () => {
    start();
    await clock.pass(60_000);
    expect(happened).toEqual(["open eth0 192.0.2.2"]);
  });

  it("wait for a network that is not there yet", async () => {
    interfaces = {};
    start();
    await clock.pass(5000);
    expect(links.interfaces()).toEqual([]);
    interfaces = { eth0: card("192.0.2.2") };
    await clock.pass(1000);
    expect(happened).toEqual(["open eth0 192.0.2.2"]);
  });

  it("follow an address that changes, within a second and without a goodbye from an address that is gone", async () => {
    start();
    interfaces = { eth0: card("192.0.2.3") };
    await clock.pass(1000);
    expect(happened.slice(1)).toEqual(["close eth0 192.0.2.2 silent", "lost eth0", "open eth0 192.0.2.3"]);
    expect(joined).toBe(2);
  });

  it("follow a card that is taken out and put back in, also between two scans when it is another one", async () => {
    start();
    interfaces = {};
    await clock.pass(1000);
    interfaces = { eth0: card("192.0.2.2") };
    await clock.pass(1000);
    interfaces = { eth0: card("192.0.2.2", "02:00:00:00:00:99") };
    await clock.pass(1000);
    const gone = ["close eth0 192.0.2.2 silent", "lost eth0"];
    expect(happened).toEqual(["open eth0 192.0.2.2", ...gone, "open eth0 192.0.2.2", ...gone, "open eth0 192.0.2.2"]);
  });

  it("see by the number of an interface that the card was changed", async () => {
    interfaces = { eth0: [...card("192.0.2.2"), local(4)] };
    start();
    for (const state of [[...card("192.0.2.2"), local(4)], card("192.0.2.2")]) {
      interfaces = { eth0: state };
      await clock.pass(1000);
    }
    const opened = ["open eth0 192.0.2.2", "open eth0 fe80::2"];
    const withoutSix = ["close eth0 fe80::2 silent", "lost eth0", "readdress eth0 192.0.2.2/24"];
    expect(happened.splice(0)).toEqual([...opened, ...withoutSix]);
    interfaces = { eth0: [...card("192.0.2.2"), local(5)] };
    await clock.pass(1000);
    expect(happened).toEqual(["close eth0 192.0.2.2 silent", "lost eth0", ...opened]);
  });

  it("go on with addresses that come and go beside theirs, and announce them", async () => {
    interfaces = { eth0: [...card("192.0.2.2"), local(4)] };
    start();
    happened.splice(0);
    const other = { ...local(0), address: "2001:db8::2", cidr: "2001:db8::2/64" };
    interfaces = { eth0: [other, ...card("192.0.2.2"), local(4)] };
    await clock.pass(10_000);
    expect(happened).toEqual([
      "readdress eth0 192.0.2.2/24 fe80::2/64 2001:db8::2/64",
      "readdress eth0 fe80::2/64 2001:db8::2/64 192.0.2.2/24",
    ]);
  });

  it("of IPv6 are needed as long as somebody is heard there and not by IPv4 on the same interface", async () => {
    interfaces = { eth0: [...card("192.0.2.2"), local(4)], wlan0: card("198.51.100.2") };
    start();
    const isNeeded = (address: string) => needed.get(address)?.();
    const hear = (address: string, who: string) => companies.get(address)?.hear(who);
    expect([isNeeded("192.0.2.2"), isNeeded("fe80::2")]).toEqual([true, false]);
    hear("fe80::2", "anna");
    expect(isNeeded("fe80::2")).toBe(true);
    hear("198.51.100.2", "anna"); // another network: she may leave it
    expect(isNeeded("fe80::2")).toBe(true);
    hear("192.0.2.2", "anna");
    expect(isNeeded("fe80::2")).toBe(false);
    hear("fe80::2", "bert");
    await clock.pass(25_000);
    hear("192.0.2.2", "anna");
    expect(isNeeded("fe80::2")).toBe(true);
    await clock.pass(10_000); // bert was not heard for half a minute
    expect(isNeeded("fe80::2")).toBe(false);
    hear("fe80::2", "anna");
    open.get("192.0.2.2")?.failed(system("ENETUNREACH"));
    expect(isNeeded("fe80::2")).toBe(true);
  });

  it.each([
    ["the wall clock jumped, as after a suspend", () => clock.suspend(600_000)],
    ["the wall clock was set back", () => clock.suspend(-600_000)],
  ])("are opened anew when %s", async (_, jump) => {
    start();
    jump();
    await clock.pass(1000);
    expect(happened.slice(1)).toEqual(["close eth0 192.0.2.2 silent", "lost eth0", "open eth0 192.0.2.2"]);
    await clock.pass(10_000);
    expect(happened).toHaveLength(4);
  });

  it("are all renamed, and so are those that are opened later", async () => {
    const renamed = ownRecord({ id: idOf("own"), name: "Renamed", port: 1 }, "b");
    start();
    links.rename(renamed, "goodbye");
    expect(happened.slice(1)).toEqual([`rename eth0 ${renamed.label} goodbye`]);
    interfaces = { eth0: card("192.0.2.2"), wlan0: card("198.51.100.2") };
    await clock.pass(1000);
    expect(opened.map(({ label }) => label)).toEqual([own.label, renamed.label]);
  });

  it("pass on that somebody else has our name", () => {
    start();
    open.get("192.0.2.2")?.conflict();
    expect(happened.slice(1)).toEqual(["conflict"]);
  });

  it("that cannot be opened are tried again ever more rarely, with one line in the log", async () => {
    refuse = system("EADDRINUSE");
    start();
    const reason = "another program holds UDP port 5353 for itself";
    expect(links.interfaces()).toEqual([{ name: "eth0", address: "192.0.2.2", chosen: true, used: false, reason }]);
    expect(warned).toEqual([]);
    await clock.pass(120_000);
    expect(warned).toEqual(["link does not work"]);
    refuse = null;
    await clock.pass(30_000);
    expect(happened).toEqual(["open eth0 192.0.2.2"]);
  });

  it("say in words that an address is still being checked", () => {
    start();
    open.get("192.0.2.2")?.failed(system("EADDRNOTAVAIL"));
    expect(links.interfaces()).toMatchObject([{ used: false, reason: "the address cannot be used yet" }]);
  });

  it("that fail later stay open until they are replaced, since they may still hear", async () => {
    start();
    open.get("192.0.2.2")?.failed(system("ENETUNREACH"));
    expect(links.interfaces()).toMatchObject([{ used: false, reason: "ENETUNREACH" }]);
    expect(happened).toHaveLength(1);
    await clock.pass(1000);
    expect(happened.slice(1)).toEqual(["close eth0 192.0.2.2 silent", "open eth0 192.0.2.2"]);
    open.get("192.0.2.2")?.up();
    expect(links.interfaces()).toMatchObject([{ used: true, reason: null }]);
    expect(warned).toEqual([]); // an address that is being checked cannot be used yet, which is no news
  });

  it("that work for a moment only are not opened every second", async () => {
    start();
    for (let second = 0; second < 60; second++) {
      open.get("192.0.2.2")?.failed(system("EPERM"));
      await clock.pass(1000);
    }
    expect(happened.filter((line) => line.startsWith("open")).length).toBeLessThan(9);
    expect(warned).toHaveLength(1);
  });

  it("stay as they are when the system does not list its interfaces", async () => {
    start();
    list = () => {
      throw system("EPERM");
    };
    await clock.pass(5000);
    expect(happened).toEqual(["open eth0 192.0.2.2"]);
    expect(warned).toEqual(["cannot list the network interfaces"]);
  });

  it("say goodbye when they are closed, and are not opened again", async () => {
    start();
    await links.close();
    await clock.pass(5000);
    expect(happened).toEqual(["open eth0 192.0.2.2", "close eth0 192.0.2.2 goodbye"]);
    expect(clock.timers).toBe(0);
  });
});
