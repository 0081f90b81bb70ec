/**
 * Whom we trust: the paired devices, in memory and, at every moment, the same
 * on disk. Only the local user changes it, through pairing and the control
 * API; nothing that comes from the network does.
 *
 * One process at a time owns a directory (the daemon's single instance).
 */

import path from "node:path";
import type { Clock } from "../core/clock.ts";
import { LanxferError } from "../core/errors.ts";
import { type DeviceId, shortId } from "../core/ids.ts";
import { checkPetname, foldPetname, freePetname, petnameFrom } from "./petname.ts";
import {
  DEVICES_FILE,
  type Device,
  MAX_DEVICES,
  type Policy,
  readDevices,
  replaceDevices,
  settleDevices,
} from "./trust-file.ts";

export type TrustEvent = { readonly change: "paired" | "unpaired" | "changed"; readonly device: Device };

/**
 * Every change resolves when it will survive a power cut, and rejects with
 * E_STATE when it could not be written: then nothing has changed, unless only
 * the last flush failed. `list`, `get` and the file agree in either case.
 */
export interface TrustStore {
  /** In the order of pairing. */
  list(): readonly Device[];
  get(id: DeviceId): Device | undefined;
  /**
   * Trusts a device under a petname made of the name it announced. A device
   * that is paired already keeps its petname and its policy.
   */
  pair(device: { readonly id: DeviceId; readonly name: string }): Promise<Device>;
  /** Rejects with E_NO_DEVICE for one that is not paired, as do the next two. */
  unpair(id: DeviceId): Promise<Device>;
  /** Rejects with E_USAGE for a name that is taken or unusable. */
  rename(id: DeviceId, name: string): Promise<Device>;
  setPolicy(id: DeviceId, policy: Policy): Promise<Device>;
  /** Calls `listener`, which must not throw, at each change until the returned function is called. */
  subscribe(listener: (event: TrustEvent) => void): () => void;
}

/** Reads the list in `dir`. Throws E_STATE when there is one that cannot be read. */
export async function openTrustStore(dir: string, clock: Clock): Promise<TrustStore> {
  let devices: ReadonlyMap<DeviceId, Device> = new Map((await readDevices(dir)).map((device) => [device.id, device]));
  const listeners = new Set<(event: TrustEvent) => void>();

  // Changes go one after another: each is decided on what the one before left.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };

  const commit = async (change: TrustEvent["change"], device: Device): Promise<Device> => {
    const next = new Map(devices);
    if (change === "unpaired") next.delete(device.id);
    else next.set(device.id, device);
    const list = [...next.values()];
    await replaceDevices(dir, list);
    devices = next;
    for (const listener of listeners) listener({ change, device });
    await settleDevices(dir, list);
    return device;
  };

  const paired = (id: DeviceId): Device => {
    const device = devices.get(id);
    if (device === undefined) throw new LanxferError("E_NO_DEVICE", { name: shortId(id) });
    return device;
  };

  return {
    list: () => [...devices.values()],
    get: (id) => devices.get(id),

    pair: ({ id, name: announced }) =>
      inTurn(async () => {
        const known = devices.get(id);
        if (known !== undefined) return known;
        if (devices.size >= MAX_DEVICES) {
          const text = `it holds ${MAX_DEVICES} devices already`;
          throw new LanxferError("E_STATE", {
            path: path.join(dir, DEVICES_FILE),
            text,
            hint: "unpair one that is not needed",
          });
        }
        const taken = [...devices.values()].map((device) => device.name);
        const name = freePetname(petnameFrom(announced, id), taken);
        return commit("paired", { id, name, policy: "auto", since: clock.now() });
      }),

    unpair: (id) => inTurn(async () => commit("unpaired", paired(id))),

    rename: (id, name) =>
      inTurn(async () => {
        const device = paired(id);
        if (device.name === name) return device;
        checkPetname(name);
        const holder = [...devices.values()].find((other) => foldPetname(other.name) === foldPetname(name));
        if (holder !== undefined && holder.id !== id) {
          throw new LanxferError("E_USAGE", { text: `the name "${name}" is taken by device ${shortId(holder.id)}` });
        }
        return commit("changed", { ...device, name });
      }),

    setPolicy: (id, policy) =>
      inTurn(async () => {
        const device = paired(id);
        return device.policy === policy ? device : commit("changed", { ...device, policy });
      }),

    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
