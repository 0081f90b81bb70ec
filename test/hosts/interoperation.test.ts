/** Other implementations of multicast DNS: what they make of our records, and what we make of theirs. */

import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { deviceIdFromHash } from "../../src/core/ids.ts";
import { Avahi } from "../support/avahi.ts";
import { addContainerBridge } from "../support/container-bridge.ts";
import { Device } from "../support/device.ts";
import { type Host, Lan } from "../support/hosts.ts";
import { measured } from "../support/measured.ts";
import { PeerLog } from "../support/peer-log.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";

const ZEROCONF = fileURLToPath(new URL("programs/zeroconf_peer.py", import.meta.url));
const LONG = 20_000; // ms

const idOf = (byte: number) => deviceIdFromHash(new Uint8Array(32).fill(byte));

suiteFor(["hosts", "mounts", "avahi", "zeroconf"])("Beside other programs for multicast DNS, devices", () => {
  let lan: Lan;
  let hosts: { anna: Host; bert: Host; cora: Host };
  let avahi: { anna: Avahi; bert: Avahi; cora: Avahi };
  let anna: Device;
  let bert: Device;
  let atAnna: PeerLog;

  beforeAll(async () => {
    lan = await Lan.open();
    hosts = { anna: await lan.host("anna"), bert: await lan.host("bert"), cora: await lan.host("cora") };
    // An address that every machine with containers has, and that no resolver shall get to see.
    await addContainerBridge(hosts.bert);
    [anna, bert] = [new Device(hosts.anna), new Device(hosts.bert, { LANXFER_NAME: "Bert. Büro" })];
    // On one host Avahi comes first, on the other one we do.
    const first = await Avahi.open(hosts.anna);
    await Promise.all([anna.start(), bert.start()]);
    avahi = { anna: first, bert: await Avahi.open(hosts.bert), cora: await Avahi.open(hosts.cora) };
    atAnna = await PeerLog.open(anna);
    await atAnna.first(({ peer }) => peer.name === "Bert. Büro", 0, LONG);
  });
  afterAll(async () => {
    await atAnna?.close();
    await lan?.close();
  });

  const browsed = async (by: Avahi) => {
    const { stdout } = await by.run(["avahi-browse", "--resolve", "--parsable", "--terminate", "_lanxfer._tcp"]);
    const rows = stdout.split("\n").filter((line) => line.startsWith("="));
    return rows.map((line) => {
      const [, card, family, name = "", , , host, address, port, ...text] = line.split(";");
      return { card, family, name, host, address, port, text: text.join(";") };
    });
  };
  const resolvesBoth = async (by: Avahi) => {
    const ids = { anna: (await anna.control.call("get", "/v1/id", {})).id, bert: "" };
    ids.bert = (await bert.control.call("get", "/v1/id", {})).id;
    const began = performance.now();
    await eventually(
      "both devices for Avahi",
      async () => {
        const rows = await browsed(by);
        const found = (id: string, family: string) =>
          rows.find((row) => row.host === `lanxfer-${id}.local` && row.family === family);
        for (const [name, address] of [
          ["anna", "10.77.0.1"],
          ["bert", "10.77.0.2"],
        ] as const) {
          const four = found(ids[name], "IPv4");
          const six = found(ids[name], "IPv6");
          if (four === undefined || six === undefined) return undefined;
          expect(four).toMatchObject({
            card: "eth0",
            address,
            port: "25726",
            text: expect.stringContaining(`"id=${ids[name]}"`),
          });
          expect(six).toMatchObject({ card: "eth0", port: "25726" });
          expect(six.address).toMatch(/^(fe80::|10\.77\.0\.)/);
        }
        return true;
      },
      { timeoutMs: LONG },
    );
    return performance.now() - began;
  };

  it("are resolved by Avahi to the right addresses, also on their own hosts", async () => {
    measured("avahi-browse → both resolved", await resolvesBoth(avahi.cora), "2 s, half of it its own patience");
    await Promise.all([resolvesBoth(avahi.anna), resolvesBoth(avahi.bert)]);
  });

  it("do not notice that it is killed and started again", async () => {
    await Promise.all([avahi.anna.restart(), avahi.bert.restart()]);
    measured("Avahi restarted → both resolved", await resolvesBoth(avahi.anna), "2 s");
    expect(atAnna.changes.filter(({ change }) => change === "down")).toEqual([]);
  });

  it("say who else uses the port", async () => {
    const shared = /^ok +mdns +shares UDP 5353 with avahi-daemon \(process \d+\)$/m;
    expect((await anna.ctl(["doctor"], { timeoutMs: 30_000 })).stdout).toMatch(shared);
  });

  it("see what Avahi publishes as they see each other, and miss it when it is taken back", async () => {
    const id = idOf(7);
    const text = ["txtvers=1", "v=1", `id=${id}`, "name=Zoë's shelf", "boot=1", "more=of a later version"];
    const began = performance.now();
    const publisher = avahi.cora.start([
      "avahi-publish",
      "--service",
      "Zoë. (shelf) #1",
      "_lanxfer._tcp",
      "4711",
      ...text,
    ]);
    const there = await atAnna.first(({ peer }) => peer.id === id, 0, LONG);
    measured("avahi-publish → seen", there.at - began, "1 s, its own checks included");
    expect(there.peer).toMatchObject({ name: "Zoë's shelf", state: "present" });
    expect(there.peer.endpoints[0]).toMatchObject({ address: "10.77.0.3", port: 4711, interface: "eth0" });
    const taken = performance.now();
    await publisher.stop();
    const gone = await atAnna.first(({ change, peer }) => change === "down" && peer.id === id, 0, LONG);
    measured("taken back → gone", gone.at - taken, "0.5 s");
  });

  it("and python-zeroconf see each other", async () => {
    const id = idOf(8);
    const began = performance.now();
    const python = hosts.cora.start(["/usr/bin/python3", ZEROCONF, "py", id, "10.77.0.3"]);
    const there = await atAnna.first(({ peer }) => peer.id === id, 0, LONG);
    measured("python-zeroconf registers → seen", there.at - began, "2 s, its own checks included");
    expect(there.peer).toMatchObject({ name: "py" });
    expect(there.peer.endpoints[0]).toMatchObject({ address: "10.77.0.3", port: 25_726 });
    for (const [device, address] of [
      [anna, "10.77.0.1"],
      [bert, "10.77.0.2"],
    ] as const) {
      const own = await device.control.call("get", "/v1/id", {});
      const line = await python.line((text) => text.includes('"found"') && text.includes(own.id), LONG);
      expect(JSON.parse(line)).toMatchObject({
        host: `lanxfer-${own.id}.local.`,
        port: 25_726,
        addresses: [address],
        text: { txtvers: "1", v: "1", id: own.id, name: own.name },
      });
    }
    expect(python.stdout).not.toContain("unresolved");
    await bert.stop();
    await python.line((text) => text.includes('"removed"') && text.includes("Bert- B"), LONG);
    await python.stop();
  });
});
