import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { Device } from "../support/device.ts";
import { measured } from "../support/measured.ts";
import { type PeerChange, PeerLog } from "../support/peer-log.ts";
import { suiteFor } from "../support/privilege.ts";
import { openTrio, type Trio } from "../support/trio.ts";

// Several times what is promised: a busy machine is no fault.
const LONG = 30_000; // ms

suiteFor(["hosts"])("Devices on one link", () => {
  let trio: Trio;
  let hosts: Trio["hosts"];
  let anna: Device;
  let bert: Device;
  let cora: Device;
  const logs: PeerLog[] = [];

  beforeAll(async () => {
    trio = await openTrio();
    hosts = trio.hosts;
    ({ anna, bert, cora } = trio.devices);
  });
  afterEach(async () => {
    await Promise.all(logs.splice(0).map((log) => log.close()));
  });
  afterAll(() => trio?.lan.close());

  const watch = async (device: Device): Promise<PeerLog> => {
    const log = await PeerLog.open(device);
    logs.push(log);
    return log;
  };
  const is = (change: PeerChange["change"], device: Device) => (told: PeerChange) =>
    told.change === change && told.peer.name === device.name;

  it("see each other soon after their start", async () => {
    await anna.start();
    const atAnna = await watch(anna);
    for (const device of [bert, cora]) {
      await device.start();
      const ready = performance.now();
      const atDevice = await watch(device);
      const there = await atAnna.first(is("up", device), 0, LONG);
      const back = await atDevice.first(is("up", anna), 0, LONG);
      measured(`${device.name} ready → seen by anna`, there.at - ready, "0.5 s");
      measured(`${device.name} ready → sees anna`, back.at - ready, "0.5 s, 1.2 s when another one came just before");
      expect(there.peer.endpoints[0]).toMatchObject({ interface: "eth0", source: "mdns" });
    }
    const atBert = await watch(bert);
    await atBert.first(is("up", cora), 0, LONG);
    const listed = await bert.tell("peers", "--json");
    expect(listed).toContain('"anna"');
    expect(listed).toContain('"cora"');
    expect(listed).not.toContain('"bert"');
  });

  it("miss one that was killed, and see it again when it is back", async () => {
    const [atAnna, atCora] = [await watch(anna), await watch(cora)];
    await bert.kill();
    const killed = performance.now();
    for (const log of [atAnna, atCora]) {
      const gone = await log.first(is("down", bert), killed, LONG);
      measured("kill -9 → gone", gone.at - killed, "8 s");
    }
    await bert.start();
    const ready = performance.now();
    for (const log of [atAnna, atCora]) {
      const back = await log.first(is("up", bert), killed, LONG);
      measured("started again → seen", back.at - ready, "0.5 s");
    }
  });

  it("miss one that was killed soon when somebody asks", async () => {
    const atAnna = await watch(anna);
    await bert.kill();
    const asked = performance.now();
    await anna.control.call("get", "/v1/peers", {}); // as lanxferctl does
    const gone = await atAnna.first(is("down", bert), asked, LONG);
    measured("kill -9, a user asks → gone", gone.at - asked, "1.5 s");
    await bert.start();
    await atAnna.first(is("up", bert), gone.at, LONG);
  });

  it("know at once when one was stopped", async () => {
    const atAnna = await watch(anna);
    const asked = performance.now();
    expect(await bert.stop()).toMatchObject({ code: 0, signal: null });
    const gone = await atAnna.first(is("down", bert), asked, LONG);
    measured("SIGTERM → gone", gone.at - asked, "0.5 s, the time of a probe");
    await bert.start();
    await atAnna.first(is("up", bert), asked, LONG);
  });

  it("miss one whose cable was pulled, and see it again when it is back", async () => {
    const [atAnna, atBert] = [await watch(anna), await watch(bert)];
    await atBert.first(is("up", anna), 0, LONG);
    const pulled = performance.now();
    await hosts.bert.unplug();
    const gone = await atAnna.first(is("down", bert), pulled, LONG);
    measured("cable out → gone", gone.at - pulled, "8 s");
    const alone = await atBert.first(is("down", anna), pulled, LONG);
    measured("cable out → the others gone", alone.at - pulled, "8 s");
    await hosts.bert.plug();
    const plugged = performance.now();
    const back = await atAnna.first(is("up", bert), pulled, LONG);
    const again = await atBert.first(is("up", anna), pulled, LONG);
    measured("cable back → seen", back.at - plugged, "1 s");
    measured("cable back → sees the others", again.at - plugged, "1 s");
  });

  it("follow one to its new address", async () => {
    const atAnna = await watch(anna);
    const changed = performance.now();
    await hosts.bert.changeAddress("10.77.0.60");
    const followed = await atAnna.first(
      ({ change, peer }) => change !== "down" && peer.name === "bert" && peer.endpoints[0]?.address === "10.77.0.60",
      changed,
      LONG,
    );
    measured("address changed → followed", followed.at - changed, "2 s");
  });

  it("find one again whose network card was taken out and put back", async () => {
    const atAnna = await watch(anna);
    const removed = performance.now();
    await hosts.bert.removeInterface();
    const gone = await atAnna.first(is("down", bert), removed, LONG);
    await hosts.bert.addInterface();
    const there = performance.now();
    const back = await atAnna.first(is("up", bert), gone.at, LONG);
    measured("card back → seen", back.at - there, "2 s");
    const atBert = await watch(bert);
    await atBert.first(is("up", anna), 0, LONG);
  });
});
