/** Two hosts of which one was copied from the other, and hosts that only hear themselves. */

import { cp, rm } from "node:fs/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Device } from "../support/device.ts";
import { type Host, Lan } from "../support/hosts.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";

const ALARM = "another machine has the key of this device";

suiteFor(["hosts"])("A device on a real link", () => {
  let lan: Lan;
  let hosts: readonly [Host, Host];
  let anna: Device;
  let bert: Device;

  beforeEach(async () => {
    lan = await Lan.open();
    hosts = [await lan.host("anna"), await lan.host("bert")];
    [anna, bert] = [new Device(hosts[0]), new Device(hosts[1])];
  });
  afterEach(() => lan?.close());

  const double = async (device: Device) => (await device.control.call("get", "/v1/status", {})).double;

  it("meets its double, whichever of the two was first, and says where", async () => {
    await anna.start();
    await cp(anna.state, bert.state, { recursive: true });
    await bert.start();
    for (const [device, other] of [
      [anna, hosts[1]],
      [bert, hosts[0]],
    ] as const) {
      const found = await eventually("the double", async () => (await double(device)) ?? undefined, {
        timeoutMs: 15_000,
      });
      expect(found.address).toMatch(new RegExp(`^(${other.address}|fe80::[0-9a-f:]+%eth0)$`));
      expect(device.daemon.stdout.split(ALARM)).toHaveLength(2);
    }
    expect(await anna.ctl(["pair", "--invite", "-"], { stdin: "lanxfer-x" })).toMatchObject({ code: 8 });
    const { stdout } = await anna.ctl(["status"]);
    expect(stdout).toMatch(/another machine, seen at .*, has the key of this device/);
    expect(stdout).toContain(`has the key of this device: ${anna.state} was copied`);

    // What it is told to do helps.
    await bert.stop();
    await rm(bert.state, { recursive: true });
    await bert.start();
    await eventually("two devices", async () => (await anna.tell("peers")).includes("bert") || undefined);
  });

  it("does not take itself for one: on two cards of one link, after restarts, at a new address, after a kill", async () => {
    await lan.plugIn(hosts[0], "eth1", { ipv4: "10.77.0.9" });
    await anna.start();
    await bert.start();
    const seen = () =>
      eventually("bert sees anna", async () => (await bert.tell("peers")).includes("anna") || undefined);
    await seen();
    const said = [(await anna.stop()).stdout];
    await anna.start();
    await seen();
    said.push((await anna.kill()).stdout);
    await anna.start();
    await hosts[0].changeAddress("10.77.0.33");
    await seen();
    expect(await double(anna)).toBeNull();
    expect([...said, anna.daemon.stdout].join("")).not.toContain(ALARM);
    expect((await anna.control.call("get", "/v1/status", {})).refused).toEqual({});
    expect(await double(bert)).toBeNull();
  });
});
