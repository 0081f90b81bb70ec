/**
 * Who may send to this device, by what the user decided about each device and
 * about all that are not paired. It decides nothing about an offer.
 */

import type { DeviceId } from "../../core/ids.ts";
import type { Device } from "../../identity/trust-file.ts";
import { type Party, stranger } from "../views.ts";

export interface Sender {
  readonly party: Party;
  /** A person has to take each of its offers. */
  readonly asks: boolean;
}

export interface Trust {
  readonly paired: () => readonly Device[];
  /** What the user decided about all others. */
  readonly unpaired: () => "never" | "ask";
}

/** Undefined for a device that is to be turned away. `claims` is what it calls itself. */
export function senderOf(id: DeviceId, claims: string, trust: Trust): Sender | undefined {
  const paired = trust.paired();
  const device = paired.find((one) => one.id === id);
  if (device?.policy === "block") return undefined;
  if (device !== undefined) return { party: { id, name: device.name }, asks: device.policy === "ask" };
  return trust.unpaired() === "ask" ? { party: stranger(id, claims, paired), asks: true } : undefined;
}
