/** Networks that are not as they should be. Each case has switches and hosts of its own, so they run side by side. */

import { writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import type { PeerView, TransferView } from "../../src/control/schema.ts";
import { addContainerBridge } from "../support/container-bridge.ts";
import { Device } from "../support/device.ts";
import { drop } from "../support/firewall.ts";
import { type Host, Lan } from "../support/hosts.ts";
import { measured } from "../support/measured.ts";
import { type PeerChange, PeerLog } from "../support/peer-log.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually, must } from "../support/process.ts";

// Limits are several times what is promised: a busy machine is no fault.
const LONG = 20_000; // ms

const is = (change: "here" | "gone", device: Device) => (told: PeerChange) =>
  (told.change === "down") === (change === "gone") && told.peer.name === device.name;

async function seen(at: Device, who: Device): Promise<PeerView> {
  const log = await PeerLog.open(at);
  const { peer } = await log.first(is("here", who), 0, LONG);
  await log.close();
  return peer;
}

const addressesOf = ({ endpoints }: PeerView) => endpoints.map(({ address }) => address);

async function ended(from: Device, to: Device): Promise<TransferView> {
  const source = path.join(from.place.home, `from ${from.name}.txt`);
  await writeFile(source, `from ${from.name} to ${to.name}\n`);
  return from.ended((await from.send(to, [source])).id);
}

async function sends(from: Device, to: Device): Promise<void> {
  expect(await ended(from, to)).toMatchObject({ state: "done", error: null });
}

async function namesAt(device: Device): Promise<string[]> {
  return (await device.control.call("get", "/v1/peers", {})).peers.map(({ name }) => name).sort();
}

const ip = (host: Host, ...commands: string[]) => host.namespace.ip(...commands);
const ip6 = (host: Host, command: string) => must(host.namespace.enter(["ip", "-6", ...command.split(" ")]));

suiteFor(["hosts", "firewall"])("On a difficult network, devices", () => {
  it.concurrent("start where there is no network, and find each other as soon as there is", async () => {
    await using lan = await Lan.open();
    const host = await lan.aside("anna");
    const [anna, bert] = [new Device(host), new Device(await lan.host("bert"))];
    await Promise.all([anna.start(), bert.start()]);
    expect(await namesAt(anna)).toEqual([]);
    const log = await PeerLog.open(anna);
    await lan.plugIn(host, "eth0", { ipv4: "10.77.0.20" });
    const plugged = performance.now();
    const found = await log.first(is("here", bert), 0, LONG);
    measured("no network at start: network there → others seen", found.at - plugged, "1 s");
    await log.close();
  });

  it.concurrent("with two networks and a bridge of containers are reached by the networks only, and by one when the other fails", async () => {
    await using one = await Lan.open();
    await using two = await Lan.open();
    const hosts = [await one.host("anna"), await one.host("bert")] as const;
    for (const [n, host] of hosts.entries()) {
      await addContainerBridge(host);
      await two.plugIn(host, "eth1", { ipv4: `10.78.0.${n + 1}` });
    }
    const [anna, bert] = [new Device(hosts[0]), new Device(hosts[1])];
    await Promise.all([anna.start(), bert.start()]);
    const both = [/^10\.77\.0\.2$/, /^10\.78\.0\.2$/, /^fe80::.*%eth0$/, /^fe80::.*%eth1$/];
    const peer = await eventually("all addresses of bert", async () => {
      const addresses = addressesOf(await seen(anna, bert));
      return both.every((wanted) => addresses.some((address) => wanted.test(address))) ? addresses : undefined;
    });
    expect(peer.filter((address) => !both.some((wanted) => wanted.test(address)))).toEqual([]);
    const { interfaces } = await anna.control.call("get", "/v1/status", {});
    const left = interfaces.filter(({ used }) => !used).map(({ name, reason }) => `${name}: ${reason}`);
    expect(left).toContain("docker0: virtual; the setting interfaces.include would use it");

    await anna.pairWith(bert);
    await hosts[1].cards.get("eth0")?.unplug();
    const pulled = performance.now();
    await sends(anna, bert);
    measured("one of two networks fails: sent by the other", performance.now() - pulled, "1 s");
    await hosts[1].cards.get("eth0")?.plug();
    await hosts[1].cards.get("eth1")?.unplug();
    await sends(bert, anna);
  });

  it.concurrent("on two networks that only one of them joins are seen by it, and not by each other", async () => {
    await using one = await Lan.open();
    await using two = await Lan.open();
    const middle = await one.host("bert");
    await two.plugIn(middle, "eth1", { ipv4: "10.78.0.1" });
    const [anna, bert] = [new Device(await one.host("anna")), new Device(middle)];
    const cora = new Device(await two.host("cora", { ipv4: "10.78.0.3" }));
    await Promise.all([anna.start(), bert.start(), cora.start()]);
    const began = performance.now();
    const [left, right] = [await seen(bert, anna), await seen(bert, cora)];
    measured("two networks: ready → the middle sees both sides", performance.now() - began, "0.5 s");
    await Promise.all([seen(anna, bert), seen(cora, bert)]);
    expect(new Set(left.endpoints.map((endpoint) => endpoint.interface))).toEqual(new Set(["eth0"]));
    expect(new Set(right.endpoints.map((endpoint) => endpoint.interface))).toEqual(new Set(["eth1"]));
    expect([await namesAt(anna), await namesAt(cora)]).toEqual([["bert"], ["bert"]]);
    for (const side of [anna, cora]) {
      await side.pairWith(bert);
      await sends(bert, side);
      await sends(side, bert);
    }
  });

  it.concurrent("on two networks with the same addresses are told apart by interface", async () => {
    await using one = await Lan.open();
    await using two = await Lan.open();
    const middle = await one.host("bert", { ipv4: "10.77.0.1" });
    await two.plugIn(middle, "eth1", { ipv4: "10.77.0.101" });
    const [anna, bert] = [new Device(await one.host("anna", { ipv4: "10.77.0.2" })), new Device(middle)];
    const cora = new Device(await two.host("cora", { ipv4: "10.77.0.3" }));
    await Promise.all([anna.start(), bert.start(), cora.start()]);
    for (const side of [anna, cora]) {
      await seen(side, bert);
      await side.pairWith(bert);
      const began = performance.now();
      await sends(bert, side);
      measured(`same addresses on two networks: sent to ${side.name}`, performance.now() - began, "2 s");
    }
  });

  it.concurrent("that lose their routes are still seen, and reached by IPv6 as long as that is left", async () => {
    await using lan = await Lan.open();
    const host = await lan.host("anna");
    const [anna, bert] = [new Device(host), new Device(await lan.host("bert"))];
    await Promise.all([anna.start(), bert.start()]);
    await seen(anna, bert);
    await anna.pairWith(bert);
    await ip(host, "route flush dev eth0");
    const began = performance.now();
    await sends(anna, bert);
    measured("IPv4 route removed: sent by IPv6", performance.now() - began, "1 s");
    await ip6(host, "route flush dev eth0");
    expect(await ended(anna, bert)).toMatchObject({ state: "failed", error: { code: "E_UNREACHABLE" } });
    const restored = performance.now();
    await ip(host, "route add 10.77.0.0/24 dev eth0");
    await ip6(host, "route add fe80::/64 dev eth0");
    await eventually("a transfer", async () => ((await ended(anna, bert)).state === "done" ? true : undefined));
    measured("routes back → sent", performance.now() - restored, "2 s");
    expect(bert.daemon.ended).toBe(false);
  });

  it.concurrent("whose port 5353 is held by another program say so, send by address, and recover", async () => {
    await using lan = await Lan.open();
    const host = await lan.host("anna");
    const [anna, bert] = [new Device(host), new Device(await lan.host("bert"))];
    const holder = host.start([process.execPath, "-e", HOLD_5353]);
    await holder.line((line) => line === "held", 5_000);
    await Promise.all([anna.start(), bert.start()]);
    const linksOf = async (device: Device) =>
      (await device.control.call("get", "/v1/status", {})).interfaces.filter(({ name }) => name === "eth0");
    const reason = "another program holds UDP port 5353 for itself";
    await eventually("both links given up", async () => {
      const links = await linksOf(anna);
      return (links.length === 2 && links.every((link) => !link.used && link.reason === reason)) || undefined;
    });
    const { code, stdout } = await anna.ctl(["doctor"], { timeoutMs: 30_000 });
    expect(code).toBe(23);
    const held = `UDP 5353 is held by node (process ${holder.pid}), which does not share it`;
    expect(stdout).toMatch(/^problem +mdns /m);
    expect(stdout).toContain(held);
    await anna.tell("peers", "add", "bert", "10.77.0.2");
    await seen(anna, bert);
    await anna.pairWith(bert, "10.77.0.2");
    await sends(anna, bert);
    await sends(bert, anna);
    await anna.tell("peers", "rm", "bert");

    await holder.stop();
    const released = performance.now();
    await eventually("a link", async () => (await linksOf(anna)).some(({ used }) => used) || undefined, {
      timeoutMs: LONG,
    });
    measured("5353 released → used", performance.now() - released, "10 s");
    await seen(bert, anna);
    expect(await anna.tell("status")).toMatch(/^network +eth0 10\.77\.0\.1, used$/m);
  });

  it.concurrent("without multicast find each other at their last addresses, and at those that were added", async () => {
    await using lan = await Lan.open();
    const hosts = { anna: await lan.host("anna"), bert: await lan.host("bert"), cora: await lan.host("cora") };
    const [anna, bert, cora] = [new Device(hosts.anna), new Device(hosts.bert), new Device(hosts.cora)];
    await Promise.all([anna.start(), bert.start(), cora.start()]);
    await Promise.all([seen(anna, bert), seen(bert, anna)]);
    await anna.pairWith(bert);
    await sends(anna, bert);
    for (const host of Object.values(hosts)) await drop(host, "udp dport 5353");
    await Promise.all([anna.stop(), bert.stop()]);

    await anna.start();
    const atAnna = await PeerLog.open(anna);
    await bert.start();
    const ready = performance.now();
    const there = await atAnna.first(is("here", bert), 0, LONG);
    measured("no multicast: ready → seen by a paired device", there.at - ready, "0.5 s");
    await seen(bert, anna);
    await sends(bert, anna);

    const added = performance.now();
    await anna.tell("peers", "add", "cora", "10.77.0.3");
    const found = await atAnna.first(is("here", cora), added, LONG);
    measured("no multicast: added → seen", found.at - added, "0.5 s");
    await anna.pairWith(cora, "10.77.0.3");
    await sends(anna, cora);
    await sends(cora, anna);

    await bert.kill();
    const asked = performance.now();
    await anna.control.call("get", "/v1/peers", {}); // as lanxferctl does
    const gone = await atAnna.first(is("gone", bert), asked, LONG);
    measured("no multicast: kill -9, a user asks → gone", gone.at - asked, "1.5 s");
    await bert.start();
    const again = performance.now();
    const back = await atAnna.first(is("here", bert), gone.at, LONG);
    measured("no multicast: started again → seen", back.at - again, "0.5 s");
    await atAnna.close();
  });

  it.concurrent("that were asleep are back at once", async () => {
    await using lan = await Lan.open();
    const host = await lan.host("bert");
    const [anna, bert] = [new Device(await lan.host("anna")), new Device(host)];
    await Promise.all([anna.start(), bert.start()]);
    const atAnna = await PeerLog.open(anna);
    await atAnna.first(is("here", bert), 0, LONG);
    bert.daemon.kill("SIGSTOP");
    const asleep = performance.now();
    const gone = await atAnna.first(is("gone", bert), asleep, LONG);
    measured("asleep → gone", gone.at - asleep, "8 s");
    await host.changeAddress("10.77.0.77"); // woken up elsewhere
    bert.daemon.kill("SIGCONT");
    const awake = performance.now();
    const isBack = ({ peer }: PeerChange) => peer.name === "bert" && addressesOf(peer).includes("10.77.0.77");
    const back = await atAnna.first(isBack, gone.at, LONG);
    measured("awake with another address → seen there", back.at - awake, "1 s");
    await atAnna.close();
  });

  it.concurrent("whose cable is loose are found when it is in at last", async () => {
    await using lan = await Lan.open();
    const host = await lan.host("bert");
    const [anna, bert] = [new Device(await lan.host("anna")), new Device(host)];
    await Promise.all([anna.start(), bert.start()]);
    await Promise.all([seen(anna, bert), seen(bert, anna)]);
    for (let n = 0; n < 5; n++) {
      await host.unplug();
      await host.plug();
      await host.removeInterface();
      await host.addInterface();
    }
    await anna.pairWith(bert);
    await sends(anna, bert);
    await sends(bert, anna);
  });
});

/** As a program does that wants nobody beside it. */
const HOLD_5353 = `
  const { createSocket } = require("node:dgram");
  const bind = (type, address) => new Promise((done) => {
    createSocket({ type, ipv6Only: type === "udp6" }).bind(5353, address, done);
  });
  bind("udp4", "0.0.0.0").then(() => bind("udp6", "::")).then(() => console.log("held"));`;
