/**
 * What a hook is told, as environment variables (docs/automation.md), and the few
 * of our own that it inherits: nothing that changes how programs are loaded or
 * run gets through. Pure.
 */

import type { HistoryView } from "../../control/schema.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Who and where the user is, in which language, and on which desktop. */
export const INHERITED: ReadonlySet<string> = new Set([
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "TMPDIR",
  "TZ",
  "LANG",
  "LANGUAGE",
  "DISPLAY",
  "WAYLAND_DISPLAY",
  "XAUTHORITY",
  "DBUS_SESSION_BUS_ADDRESS",
  "XDG_RUNTIME_DIR",
  "XDG_CONFIG_HOME",
  "XDG_DATA_HOME",
  "XDG_STATE_HOME",
  "XDG_CACHE_HOME",
  "XDG_CURRENT_DESKTOP",
]);
const LOCALE = /^LC_[A-Z]+$/;

/** Where programs are when nobody says. */
const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";

/** Linux takes no variable of 128 KiB (MAX_ARG_STRLEN); this leaves room (bytes). */
const MAX_PATHS = 96 * 1024;

/** What is the same for every hook of a run. `socket` is our control socket, for a hook that calls lanxferctl. */
export function inherited(env: Environment, home: string, socket: string): Record<string, string> {
  const kept: Record<string, string> = { PATH: DEFAULT_PATH, HOME: home };
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && (INHERITED.has(name) || LOCALE.test(name))) kept[name] = value;
  }
  return { ...kept, LANXFER_SOCKET: socket };
}

/** What a hook is told of the transfer that arrived. */
export function toldOf(line: HistoryView): Record<string, string> {
  const { id, peer, items, entries, bytes, note } = line;
  const paths = items.flatMap(({ path, there }) => (path === null || there ? [] : [path]));
  const count = line.count - items.filter(({ there }) => there).length;
  const list = paths.join("\n");
  // Half a list would be taken for all of it; and names have no line feeds, but the path of the inbox may.
  const whole = paths.length === count && list.split("\n").length === count && Buffer.byteLength(list) <= MAX_PATHS;
  return {
    LANXFER_PATH: paths[0] ?? "",
    ...(whole && { LANXFER_PATHS: list }),
    LANXFER_ITEMS: String(count),
    LANXFER_ENTRIES: String(entries),
    LANXFER_BYTES: String(bytes),
    LANXFER_SENDER_ID: peer.id,
    // A script may well go by the name: one that nobody gave must not look like any.
    LANXFER_SENDER_NAME: peer.unpaired === undefined ? peer.name : "",
    LANXFER_TRANSFER: id,
    LANXFER_NOTE: note ?? "",
  };
}
