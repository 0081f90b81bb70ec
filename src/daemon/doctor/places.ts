/** Places on the disk: settings, key, control socket, inbox. Nothing is changed but one file that is made and removed. */

import { constants, type Stats } from "node:fs";
import { access, link, lstat, mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemCode, toLanxferError } from "../../core/errors.ts";
import type { Places } from "../../core/places.ts";
import { formatSize, safe } from "../../core/text.ts";
import { type Check, type Judged, ok, problem, unchecked, warning } from "./finding.ts";

/** Group and others. */
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

export interface PlaceFacts {
  readonly places: Places;
  readonly uid: number;
  readonly inbox: string;
  /** Nobody chose it: lanxferd makes it. */
  readonly isDefaultInbox: boolean;
  /** Bytes that no transfer may use. */
  readonly reserve: number;
  /** Settings in the file that mean nothing to this version. */
  readonly unknownSettings: readonly string[];
}

export function placeChecks(facts: PlaceFacts): Check[] {
  const { places, uid } = facts;
  return [
    { name: "settings", look: () => lookAtSettings(facts) },
    { name: "key", look: () => lookAtKey(places.state, uid) },
    { name: "control socket", look: () => lookAtControl(dirname(places.socket), uid) },
    { name: "inbox", look: () => lookAtInbox(facts) },
  ];
}

async function lookAtSettings({ places, uid, unknownSettings }: PlaceFacts): Promise<Judged[]> {
  const path = join(places.config, "config.json");
  const stats = await statsOf(path);
  if (stats === undefined) return [ok(`no settings were changed (${safe(path)})`)];
  if (stats.uid !== uid)
    return [problem(`${safe(path)} belongs to another user`, `run: sudo chown ${uid} ${safe(path)}`)];
  const judged: Judged[] = [];
  if ((stats.mode & OTHERS_WRITE) !== 0) {
    judged.push(warning(`others may change ${safe(path)}`, `run: chmod 600 ${safe(path)}`));
  }
  for (const name of unknownSettings) {
    judged.push(
      warning(
        `the setting ${safe(name)} means nothing to this version`,
        `it is ignored: correct its name in ${safe(path)}, or remove it`,
      ),
    );
  }
  return judged.length > 0 ? judged : [ok(safe(path))];
}

async function lookAtKey(state: string, uid: number): Promise<Judged[]> {
  const path = join(state, "key.pem");
  const [directory, key] = [await statsOf(state), await statsOf(path)];
  if (directory === undefined || key === undefined) {
    return [ok("this device has no key yet: lanxferd makes one when it starts")];
  }
  const judged: Judged[] = [];
  for (const [name, stats, mode] of [
    [state, directory, "700"],
    [path, key, "600"],
  ] as const) {
    const shown = safe(name);
    if (stats.uid !== uid) judged.push(problem(`${shown} belongs to another user`, `run: sudo chown ${uid} ${shown}`));
    else if ((stats.mode & OTHERS) !== 0) {
      judged.push(problem(`${shown} is open to other users of this machine`, `run: chmod ${mode} ${shown}`));
    }
  }
  return judged.length > 0 ? judged : [ok(`only this user can read ${safe(path)}`)];
}

async function lookAtControl(directory: string, uid: number): Promise<Judged[]> {
  const stats = await statsOf(directory);
  const shown = safe(directory);
  if (stats === undefined) return [ok(`${shown} is made when lanxferd starts`)];
  if (!stats.isDirectory()) return [problem(`${shown} is not a directory`, `remove it, then start lanxferd`)];
  if (stats.uid !== uid) return [problem(`${shown} belongs to another user`, `remove it, then start lanxferd`)];
  if ((stats.mode & OTHERS) !== 0) return [problem(`${shown} is open to other users`, `run: chmod 700 ${shown}`)];
  return [ok(`only this user can reach ${shown}`)];
}

async function lookAtInbox({ inbox, isDefaultInbox, uid, reserve }: PlaceFacts): Promise<Judged[]> {
  const shown = safe(inbox);
  const choose = 'choose another with "lanxferctl config set inbox PATH", then restart lanxferd';
  try {
    const stats = await statsOf(inbox);
    if (stats === undefined && isDefaultInbox) return [ok(`${shown} is made when lanxferd starts`)];
    if (stats === undefined) return [problem(`${shown} is not there`, `make it, or ${choose}`)];
    if (stats.isSymbolicLink()) return [ok(`${shown} is a link; where it led at the start counts`)];
    if (!stats.isDirectory()) return [problem(`${shown} is not a folder`, choose)];
    const judged: Judged[] = [];
    if (stats.uid !== uid) judged.push(warning(`${shown} belongs to another user`, `run: sudo chown ${uid} ${shown}`));
    if ((stats.mode & 0o002) !== 0) judged.push(warning(`everybody may write to ${shown}`, `run: chmod o-w ${shown}`));
    await access(inbox, constants.W_OK | constants.X_OK);
    const { bavail, bsize } = await statfs(inbox);
    const free = bavail * bsize;
    if (free <= reserve) {
      const kept = `${formatSize(reserve)} are kept free (limits.reserve)`;
      judged.push(problem(`no room for files: ${formatSize(free)} are left, and ${kept}`, "free some space"));
    }
    const links = (await hasHardLinks(inbox)) ? "" : "; its disk has no hard links, so names are reserved first";
    if (judged.length === 0) judged.push(ok(`${shown}, ${formatSize(free)} free${links}`));
    return judged;
  } catch (error) {
    const code = systemCode(error);
    if (code === "EACCES" || code === "EROFS") {
      const why = code === "EROFS" ? "its disk is read-only" : "permission denied";
      return [problem(`cannot write to ${shown}: ${why}`, choose)];
    }
    return [unchecked(`${shown} could not be looked at: ${toLanxferError(error).message}`)];
  }
}

/** Tries it, out of sight. */
async function hasHardLinks(inbox: string): Promise<boolean> {
  const place = await mkdtemp(join(inbox, ".lanxfer-doctor-"));
  try {
    await writeFile(join(place, "a"), "");
    await link(join(place, "a"), join(place, "b"));
    return true;
  } catch (error) {
    if (["EPERM", "ENOTSUP", "EOPNOTSUPP", "EMLINK", "ENOSYS"].includes(systemCode(error) ?? "")) return false;
    throw error;
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}
