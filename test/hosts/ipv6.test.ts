import { writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Device } from "../support/device.ts";
import { Lan } from "../support/hosts.ts";
import { measured } from "../support/measured.ts";
import { PeerLog } from "../support/peer-log.ts";
import { suiteFor } from "../support/privilege.ts";

const LINK_LOCAL = /^fe80::[0-9a-f:]+%eth0$/;

suiteFor(["hosts"])("Devices on a link with IPv6", () => {
  let lan: Lan;
  let anna: Device; // IPv6 only, and no router: what it has is link-local
  let bert: Device; // both
  let cora: Device; // IPv4 only

  beforeAll(async () => {
    lan = await Lan.open();
    anna = new Device(await lan.host("anna", {}));
    bert = new Device(await lan.host("bert", { ipv4: "10.77.0.2", ipv6: "fd77::2" }));
    cora = new Device(await lan.host("cora", { ipv4: "10.77.0.3", withoutIpv6: true }));
    // Started before the kernel knows that anna's address is hers alone.
    await Promise.all([anna.start(), bert.start(), cora.start()]);
  });
  afterAll(() => lan?.close());

  const seen = async (at: Device, who: Device, sinceMs = 20_000) => {
    const log = await PeerLog.open(at);
    const { peer } = await log.first(({ change, peer }) => change !== "down" && peer.name === who.name, 0, sinceMs);
    await log.close();
    return peer;
  };
  const addressesOf = (peer: Awaited<ReturnType<typeof seen>>) => peer.endpoints.map(({ address }) => address);

  it("see each other when they have nothing but link-local addresses, and names of interfaces tell the links apart", async () => {
    const began = performance.now();
    expect(addressesOf(await seen(bert, anna))).toEqual([expect.stringMatching(LINK_LOCAL)]);
    expect(addressesOf(await seen(anna, bert))[0]).toMatch(LINK_LOCAL);
    measured("IPv6 only: ready → seen", performance.now() - began, "2 s for the kernel's check of a new address");
    expect(await bert.tell("peers")).toMatch(/^anna .*\[fe80::[0-9a-f:]+%eth0\]:25726$/m);
  });

  it("are seen by whoever has a family in common with them, and by nobody else", async () => {
    expect(addressesOf(await seen(cora, bert))).toEqual(["10.77.0.2"]);
    expect(addressesOf(await seen(bert, cora))).toEqual(["10.77.0.3"]);
    const names = (await cora.control.call("get", "/v1/peers", {})).peers.map(({ name }) => name);
    expect(names).toEqual(["bert"]);
  });

  it("say which addresses they use", async () => {
    const { interfaces } = await bert.control.call("get", "/v1/status", {});
    expect(interfaces.filter(({ used }) => used)).toEqual([
      { name: "eth0", address: "10.77.0.2", used: true, reason: null },
      { name: "eth0", address: expect.stringMatching(/^fe80::/), used: true, reason: null },
    ]);
  });

  it("pair and send over a link-local address", async () => {
    await anna.pairWith(bert);
    const source = path.join(anna.place.home, "six.txt");
    await writeFile(source, "over IPv6\n");
    expect(await anna.tell("send", "bert", source)).toContain("sent six.txt to bert");
    await writeFile(path.join(bert.place.home, "back.txt"), "and back\n");
    await bert.tell("send", "anna", path.join(bert.place.home, "back.txt"));
  });

  it("are reached by an address that a user gave, link-local or not", async () => {
    const { port } = await bert.control.call("get", "/v1/status", {});
    const [local] = addressesOf(await seen(anna, bert));
    for (const address of [`[${local}]:${port}`, `[fd77::2]:${port}`]) {
      await anna.tell("peers", "add", "bert-by-hand", address);
      // Without a router anna has no way to fd77::/64; that is no reason to lose bert.
      const sent = await anna.tell("send", "bert", path.join(anna.place.home, "six.txt"), "--always");
      expect(sent).toContain("sent six.txt");
      await anna.tell("peers", "rm", "bert-by-hand");
    }
  });
});
