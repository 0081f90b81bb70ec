/**
 * The list of paired devices on disk: one JSON file and a copy of it. Knows the
 * format and how to write it so that it survives; trust-store.ts knows what may
 * be in it.
 *
 * A list that cannot be read is never taken for an empty one, and never
 * overwritten: whoever pairs again would not notice what was lost.
 */

import { rm } from "node:fs/promises";
import path from "node:path";
import { assertNever } from "../core/assert.ts";
import { LanxferError } from "../core/errors.ts";
import { type DeviceId, isDeviceId } from "../core/ids.ts";
import { foldPetname, petnameProblem } from "./petname.ts";
import { readStateFile, replaceStateFile, syncDirectory } from "./state-file.ts";

export const DEVICES_FILE = "devices.json";
export const BACKUP_FILE = "devices.json.bak";

/** Paired devices that one list holds. */
export const MAX_DEVICES = 1_000;

const VERSION = 1;
const MODE = 0o600;

/** What a paired device may do: send without a question, send when asked and answered, or nothing. */
export type Policy = "auto" | "ask" | "block";

const POLICIES: readonly unknown[] = ["auto", "ask", "block"] satisfies Policy[];

export interface Device {
  readonly id: DeviceId;
  /** Our own name for it, unique among the paired devices. */
  readonly name: string;
  readonly policy: Policy;
  /** When it was paired; wall clock, milliseconds since 1970. */
  readonly since: number;
}

type Contents =
  | { readonly kind: "none" }
  | { readonly kind: "devices"; readonly devices: readonly Device[] }
  | { readonly kind: "newer"; readonly version: number }
  | { readonly kind: "damaged" };

/** The devices listed in `dir`; none when there never was a list. Throws E_STATE for one that cannot be read. */
export async function readDevices(dir: string): Promise<readonly Device[]> {
  const file = path.join(dir, DEVICES_FILE);
  const backup = path.join(dir, BACKUP_FILE);
  const copy = await readStateFile(backup, { hint: "" }).then(decode, (): Contents => ({ kind: "damaged" }));
  const restore =
    copy.kind === "devices" ? `copy back ${BACKUP_FILE} beside it, the last good list` : "restore it from a backup";
  const contents = decode(await readStateFile(file, { hint: restore }));
  if (contents.kind === "devices") return contents.devices;
  if (contents.kind === "none" && copy.kind === "none") return [];
  throw new LanxferError("E_STATE", { path: file, ...refusal(contents, restore) });
}

function refusal(contents: Exclude<Contents, { kind: "devices" }>, restore: string) {
  switch (contents.kind) {
    case "none":
      return {
        text: "the list of paired devices is gone",
        hint: `${restore}; or remove ${BACKUP_FILE} to start with none`,
      };
    case "newer":
      return {
        text: `it was written by a newer lanxfer (format ${contents.version})`,
        hint: `update lanxfer; or ${restore}`,
      };
    case "damaged":
      return {
        text: "it is not a list of paired devices",
        hint: `${restore}; or remove both to start with none`,
      };
    default:
      return assertNever(contents);
  }
}

/** Puts the list in its place. When it throws (E_STATE), the old one stands. */
export async function replaceDevices(dir: string, devices: readonly Device[]): Promise<void> {
  await replaceStateFile(path.join(dir, DEVICES_FILE), encode(devices), MODE);
}

/** Copies the list that replaceDevices has put in place, and makes both last. Throws E_STATE when they may not. */
export async function settleDevices(dir: string, devices: readonly Device[]): Promise<void> {
  const backup = path.join(dir, BACKUP_FILE);
  // No copy is better than an old one, which could bring back a device that was unpaired.
  await replaceStateFile(backup, encode(devices), MODE).catch(() => rm(backup, { force: true }).catch(() => undefined));
  await syncDirectory(dir);
}

function encode(devices: readonly Device[]): string {
  return `${JSON.stringify({ version: VERSION, devices }, null, 2)}\n`;
}

function decode(text: string | undefined): Contents {
  if (text === undefined) return { kind: "none" };
  const list = parseJson(text);
  if (!isRecord(list)) return { kind: "damaged" };
  const { version, devices } = list;
  if (typeof version === "number" && version > VERSION) return { kind: "newer", version };
  if (version !== VERSION || !Array.isArray(devices) || devices.length > MAX_DEVICES || !devices.every(isDevice)) {
    return { kind: "damaged" };
  }
  const ids = new Set(devices.map(({ id }) => id));
  const names = new Set(devices.map(({ name }) => foldPetname(name)));
  if (ids.size !== devices.length || names.size !== devices.length) return { kind: "damaged" };
  return { kind: "devices", devices: devices.map(({ id, name, policy, since }) => ({ id, name, policy, since })) };
}

function isDevice(value: unknown): value is Device {
  if (!isRecord(value)) return false;
  const { id, name, policy, since } = value;
  return (
    isDeviceId(id) &&
    typeof name === "string" &&
    petnameProblem(name) === undefined &&
    POLICIES.includes(policy) &&
    Number.isSafeInteger(since)
  );
}

function isRecord(value: unknown): value is Partial<Record<"version" | "devices" | keyof Device, unknown>> {
  return typeof value === "object" && value !== null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
