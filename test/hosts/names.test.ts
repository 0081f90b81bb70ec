/** What devices are called, and that changing it while they run changes nothing else. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { Device } from "../support/device.ts";
import { Lan } from "../support/hosts.ts";
import { measured } from "../support/measured.ts";
import { PeerLog } from "../support/peer-log.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";

const NAME = "Cora's Büro. 🦊 #1";

suiteFor(["hosts"])("Devices that change their names", () => {
  let lan: Lan;
  let anna: Device;
  let bert: Device;
  let cora: Device;
  let atAnna: PeerLog;

  beforeAll(async () => {
    lan = await Lan.open();
    // A name from the environment would be stronger than the setting; without it the host's name is taken.
    const device = async (name: string) => new Device(await lan.host(name), { LANXFER_NAME: undefined });
    [anna, bert, cora] = [await device("anna"), await device("bert"), await device("cora")];
    await Promise.all([anna.start(), bert.start(), cora.start()]);
    atAnna = await PeerLog.open(anna);
    for (const { name } of [bert, cora]) await atAnna.first(({ peer }) => peer.name === name, 0, 20_000);
  });
  afterAll(async () => {
    await atAnna?.close();
    await lan?.close();
  });

  const rename = (device: Device, value: string) =>
    device.control.call("put", "/v1/settings/:name", { param: { name: "name" }, json: { value } });

  it("are seen under the new one at once, as the same device and without a doubt that it is there", async () => {
    const { id } = await cora.control.call("get", "/v1/id", {});
    const renamed = performance.now();
    await rename(cora, NAME);
    const told = await atAnna.first(({ peer }) => peer.name === NAME, 0, 20_000);
    measured("renamed → seen", told.at - renamed, "0.5 s");
    expect(told).toMatchObject({ change: "changed", peer: { id, state: "present" } });
    await anna.pairWith(cora);
    expect((await anna.control.call("get", "/v1/devices", {})).devices).toMatchObject([{ id, name: NAME }]);
  });

  it("keep what the other has called them once", async () => {
    const unset = performance.now();
    await cora.tell("config", "unset", "name");
    await atAnna.first(({ peer }) => peer.name === "cora" && peer.petname === NAME, 0, 20_000);
    expect(await anna.tell("peers")).toMatch(/^cora +[a-z2-7]{8} +paired as Cora's Büro\. 🦊 #1 /m);
    // A goodbye to the old name that looked like cora's would make her suspect at once, and a round unheard only later.
    const changes = atAnna.changes.filter(({ at, peer }) => peer.petname === NAME && at >= unset && at < unset + 2_000);
    expect(changes.filter(({ change, peer }) => change === "down" || peer.state === "suspect")).toEqual([]);
  });

  it("are two when two have the same one, and nobody guesses which one is meant", async () => {
    const renamed = performance.now();
    await rename(cora, "bert");
    const names = () => [...new Map(atAnna.changes.map(({ peer }) => [peer.id, peer.name])).values()];
    await eventually("two of one name", () => (names().every((name) => name === "bert") ? true : undefined));
    measured("same name twice → both seen", performance.now() - renamed, "0.5 s");
    const { code, stderr } = await anna.ctl(["send", "bert", process.execPath]);
    expect({ code, stderr }).toEqual({
      code: 4,
      stderr: expect.stringMatching(/"bert" is ambiguous: .+ \([a-z2-7]{8}\), .+ \([a-z2-7]{8}\)$/m),
    });
  });
});
