/**
 * Who this device is: its private key, from which its id follows, and the
 * certificate that carries the key into TLS.
 *
 * The key is made once, at the first start. Nothing here ever replaces or
 * repairs one: a new key is a new device to all that paired with the old one,
 * and only the user may decide that.
 */

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import type { Stats } from "node:fs";
import { lstat } from "node:fs/promises";
import path from "node:path";
import { invariant } from "../core/assert.ts";
import { LanxferError, systemCode } from "../core/errors.ts";
import { type DeviceId, deviceIdFromHash } from "../core/ids.ts";
import { carriesKey, createCertificate, SERIAL_BYTES } from "./certificate.ts";
import {
  createStateFile,
  ensurePrivateDirectory,
  readStateFile,
  refuseOthers,
  replaceStateFile,
  syncDirectory,
} from "./state-file.ts";
import { BACKUP_FILE, DEVICES_FILE } from "./trust-file.ts";

const KEY_FILE = "key.pem";
const CERTIFICATE_FILE = "cert.pem";

/** What is only there when there was a key before. */
const TRACES = [CERTIFICATE_FILE, DEVICES_FILE, BACKUP_FILE];

const RESTORE = "restore it from a backup";
const NEEDED = "lanxferd needs a regular file of its own here, with mode 600, that holds its private key";

export interface DeviceKey {
  readonly id: DeviceId;
  /** PKCS#8. */
  readonly keyPem: string;
  readonly certPem: string;
}

/**
 * The key kept in `dir`, which belongs to the user `uid`; made at the first
 * start, also when several processes start at once. Throws E_STATE, and changes
 * nothing, when the directory or a key that is there cannot be relied on, or
 * when a key is missing that was there before.
 */
export async function loadDeviceKey(dir: string, uid: number): Promise<DeviceKey> {
  await ensurePrivateDirectory(dir, uid);
  // Looked for before the key: another process that starts now writes the key first.
  const traces = await existing(dir, TRACES);
  const file = path.join(dir, KEY_FILE);
  const key = (await readKey(file, uid)) ?? (await createKey(file, uid, traces));
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  return {
    id: deviceIdFromHash(createHash("sha256").update(spki).digest()),
    keyPem: key.export({ type: "pkcs8", format: "pem" }).toString(),
    certPem: await loadCertificate(dir, key),
  };
}

async function readKey(file: string, uid: number): Promise<KeyObject | undefined> {
  const accept = (found: Stats) => refuseOthers(file, found, uid, "600");
  const pem = await readStateFile(file, { accept, hint: NEEDED });
  if (pem === undefined) return undefined;
  const refuse = (text: string, cause?: unknown) =>
    new LanxferError("E_STATE", { path: file, text, hint: RESTORE }, { cause });
  if (pem.trim() === "") throw refuse("it is empty");
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw refuse("it holds no private key", error);
  }
  if (key.asymmetricKeyType !== "ec" || key.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw refuse("it holds a key of another kind than ECDSA P-256");
  }
  if (!isSound(key)) throw refuse("its private and its public half do not belong together");
  return key;
}

async function createKey(file: string, uid: number, traces: readonly string[]): Promise<KeyObject> {
  if (traces.length > 0) {
    const text = `it is missing, but ${traces.join(", ")} beside it tells that there was one`;
    const hint = `${RESTORE}; or remove ${traces.join(", ")} as well to become a new device that has to be paired again`;
    throw new LanxferError("E_STATE", { path: file, text, hint });
  }
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  if (await createStateFile(file, pem, 0o600)) return privateKey;
  const winner = await readKey(file, uid); // of another process, a moment ago
  invariant(winner !== undefined, "a key file that exists can be read");
  return winner;
}

/** The certificate on disk; a new one when that is missing or is not of this key. */
async function loadCertificate(dir: string, key: KeyObject): Promise<string> {
  const file = path.join(dir, CERTIFICATE_FILE);
  const found = await readStateFile(file, { hint: RESTORE }).catch(() => undefined); // it can be made again
  if (found !== undefined && carriesKey(found, createPublicKey(key))) return found;
  const made = createCertificate(key, randomBytes(SERIAL_BYTES));
  await replaceStateFile(file, made, 0o644);
  await syncDirectory(dir);
  return made;
}

/** A damaged file can parse and hold a public key that is not the private one's: nobody could connect. */
function isSound(key: KeyObject): boolean {
  const probe = Buffer.from("lanxfer");
  return verify("sha256", probe, createPublicKey(key), sign("sha256", probe, key));
}

async function existing(dir: string, names: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) {
    const missing = await lstat(path.join(dir, name)).then(
      () => false,
      (error: unknown) => systemCode(error) === "ENOENT",
    );
    if (!missing) found.push(name);
  }
  return found;
}
