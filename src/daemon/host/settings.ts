/** The settings: their names, meanings, bounds and defaults. Where they are kept is config.ts. */

import { z } from "zod";
import { DEFAULT_PORT } from "../../core/places.ts";
import { LOG_LEVELS } from "./log.ts";

const deviceName = z
  .string()
  .refine((name) => name.trim() !== "" && name.isWellFormed() && !/\p{Cc}/u.test(name), "must be printable text")
  .refine((name) => Buffer.byteLength(name) <= 63, "must be at most 63 bytes of UTF-8");
const bytes = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const names = z.array(z.string().min(1).max(64)).max(64);
const command = z
  .array(
    z
      .string()
      .max(4096)
      .refine((text) => !text.includes("\0"), "a program takes no NUL"),
  )
  .max(64)
  .refine(([program]) => program === undefined || program.startsWith("/"), "begins with the full path of a program");
const absolutePath = z.string().max(4096).startsWith("/", "must be an absolute path");

const UNPAIRED = ["never", "ask"] as const;

export interface Settings {
  readonly name: string;
  readonly port: number;
  readonly inbox: string;
  readonly "interfaces.include": readonly string[];
  readonly "interfaces.exclude": readonly string[];
  readonly "limits.reserve": number;
  readonly "limits.transfer": number;
  readonly "limits.entries": number;
  readonly "limits.parallel": number;
  readonly "limits.rate.send": number;
  readonly "limits.rate.receive": number;
  readonly notify: boolean;
  readonly "queue.ttl": number;
  readonly "queue.space": number;
  readonly "hooks.received": readonly string[];
  readonly "hooks.timeout": number;
  readonly unpaired: (typeof UNPAIRED)[number];
  readonly "log.level": (typeof LOG_LEVELS)[number];
}

export type SettingName = keyof Settings;

interface Setting {
  readonly schema: z.ZodType;
  readonly description: string;
  /** Takes effect at once, not only at the next start. */
  readonly live: boolean;
}

export const SETTINGS: Readonly<Record<SettingName, Setting>> = {
  name: { schema: deviceName, live: true, description: "how this device is called on the network" },
  port: {
    schema: z.number().int().min(1).max(65_535),
    live: false,
    description: "TCP port; when it is taken, another one is used",
  },
  inbox: { schema: absolutePath, live: false, description: "folder in which received files appear" },
  "interfaces.include": {
    schema: names,
    live: false,
    description: "network interfaces to use although they look virtual",
  },
  "interfaces.exclude": { schema: names, live: false, description: "network interfaces not to use" },
  "limits.reserve": {
    schema: bytes,
    live: true,
    description: "bytes of a disk that no transfer may use, here and where copies of what is to be sent are kept",
  },
  "limits.transfer": {
    schema: bytes,
    live: true,
    description: "largest transfer that is taken, in bytes; 0 for no limit",
  },
  "limits.entries": { schema: bytes, live: true, description: "most files and folders that one transfer may have" },
  "limits.parallel": {
    schema: z.number().int().min(1).max(1024),
    live: true,
    description: "transfers received at the same time; one device gets half of the places at most",
  },
  "limits.rate.send": {
    schema: bytes,
    live: true,
    description: "bytes a second that all transfers from here may take together; 0 for no limit",
  },
  "limits.rate.receive": {
    schema: bytes,
    live: true,
    description: "bytes a second that all transfers to here may take together; 0 for no limit",
  },
  notify: { schema: z.boolean(), live: true, description: "tell the desktop of offers and of what has arrived" },
  "queue.ttl": {
    schema: z.number().int().min(1_000).max(31_536_000_000),
    live: true,
    description: "milliseconds that a queued transfer may wait to begin",
  },
  "queue.space": {
    schema: bytes,
    live: true,
    description: "bytes that all copies of what is to be sent may take, such as of standard input; 0 for no limit",
  },
  "hooks.received": {
    schema: command,
    live: true,
    description: "program to run for what was received, with its arguments, as a JSON array; [] for none",
  },
  "hooks.timeout": {
    schema: z.number().int().min(1_000).max(604_800_000),
    live: true,
    description: "milliseconds after which that program is ended",
  },
  unpaired: {
    schema: z.enum(UNPAIRED),
    live: true,
    description: "what devices that are not paired may send: never anything, or what you accept when you are asked",
  },
  "log.level": { schema: z.enum(LOG_LEVELS), live: true, description: "trace, debug, info, warn, error or silent" },
};

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}

/** The only values of a setting, as text; null where there are too many to be listed. */
export function choicesOf(name: SettingName): string[] | null {
  const { schema } = SETTINGS[name];
  if (schema instanceof z.ZodEnum) return schema.options.map(String);
  return schema instanceof z.ZodBoolean ? ["true", "false"] : null;
}

export function defaultSettings(home: string, hostname: string): Settings {
  return {
    name: defaultName(hostname),
    port: DEFAULT_PORT,
    inbox: `${home}/LanInbox`,
    "interfaces.include": [],
    "interfaces.exclude": [],
    "limits.reserve": 256_000_000,
    "limits.transfer": 0,
    "limits.entries": 1_000_000,
    "limits.parallel": 128,
    "limits.rate.send": 0,
    "limits.rate.receive": 0,
    notify: true,
    "queue.ttl": 7 * 24 * 60 * 60 * 1_000,
    "queue.space": 100_000_000_000,
    "hooks.received": [],
    "hooks.timeout": 600_000,
    unpaired: "never",
    "log.level": "info",
  };
}

/** The first label of the host name, where that is a name that may be announced. */
function defaultName(hostname: string): string {
  const label = hostname.split(".")[0] ?? "";
  return deviceName.safeParse(label).success ? label : "lanxfer";
}

/** The environment variable of a setting: `limits.reserve` is LANXFER_LIMITS_RESERVE. */
export function variableOf(name: SettingName): string {
  return `LANXFER_${name.toUpperCase().replaceAll(".", "_")}`;
}

/** Reads a value written as text (environment, flags) in the form that the setting's default has. */
export function fromText(text: string, like: Settings[SettingName]): unknown {
  if (typeof like === "number") return /^\d+$/.test(text) ? Number(text) : text;
  if (typeof like === "boolean") return ["true", "false"].includes(text) ? text === "true" : text;
  if (typeof like === "object") return listFrom(text);
  return text;
}

/** Parts with commas between, or, where a part may hold a comma, a JSON array. */
function listFrom(text: string): unknown {
  if (text === "") return [];
  if (!text.startsWith("[")) return text.split(",");
  try {
    return JSON.parse(text);
  } catch {
    return text; // which is no list, and is told so
  }
}
