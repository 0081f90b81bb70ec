/** Three hosts on one link with a device each: what every suite of hosts begins with. */

import { Device } from "./device.ts";
import { type Host, Lan } from "./hosts.ts";
import { PeerLog } from "./peer-log.ts";

const NAMES = ["anna", "bert", "cora"] as const;
export type Name = (typeof NAMES)[number];

export interface Trio {
  readonly lan: Lan;
  readonly hosts: Readonly<Record<Name, Host>>;
  readonly devices: Readonly<Record<Name, Device>>;
}

/** The devices are not started. Close `lan` in the end. */
export async function openTrio(): Promise<Trio> {
  const lan = await Lan.open();
  const hosts = { anna: await lan.host("anna"), bert: await lan.host("bert"), cora: await lan.host("cora") };
  const devices = { anna: new Device(hosts.anna), bert: new Device(hosts.bert), cora: new Device(hosts.cora) };
  return { lan, hosts, devices };
}

/** Starts all three, waits until everybody sees everybody, and pairs each with each. */
export async function openPairedTrio(): Promise<Trio> {
  const trio = await openTrio();
  const { anna, bert, cora } = trio.devices;
  try {
    await Promise.all([anna.start(), bert.start(), cora.start()]);
    await Promise.all(NAMES.map((name) => seesOthers(trio.devices[name])));
    await anna.pairWith(bert);
    await anna.pairWith(cora);
    await bert.pairWith(cora);
    return trio;
  } catch (error) {
    await trio.lan.close();
    throw error;
  }
}

async function seesOthers(device: Device): Promise<void> {
  const log = await PeerLog.open(device);
  for (const name of NAMES) {
    if (name !== device.name) await log.first(({ peer }) => peer.name === name, 0, 20_000);
  }
  await log.close();
}
