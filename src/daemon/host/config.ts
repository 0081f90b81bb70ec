/**
 * Where settings come from: defaults, then the file, then the environment, then
 * flags. The only importer of conf, which writes the file: whole and moved into
 * place, readable by its owner only.
 *
 * The file is read at the start only. conf would read it for every value, so a
 * half-finished edit, or a want of descriptors, would break a daemon that runs;
 * and it takes a fifth of a start and 10 MB to load, which only a change is worth.
 */

import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type Conf from "conf";
import { LanxferError, systemCode } from "../../core/errors.ts";
import {
  defaultSettings,
  fromText,
  isSettingName,
  SETTINGS,
  type SettingName,
  type Settings,
  variableOf,
} from "./settings.ts";

export type SettingSource = "default" | "file" | "environment" | "flag";

export interface Config {
  readonly path: string;
  get<N extends SettingName>(name: N): Settings[N];
  source(name: SettingName): SettingSource;
  /** Names in the file that mean nothing to this version. They are kept. */
  unknown(): readonly string[];
  /** Writes to the file. Throws E_SETTING for an unknown name or a bad value. */
  set(name: string, value: unknown): Promise<SettingName>;
  /** Goes back to the default. Throws E_SETTING for an unknown name. */
  unset(name: string): Promise<SettingName>;
}

export interface ConfigOptions {
  readonly directory: string;
  readonly home: string;
  readonly hostname: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Settings given on the command line, as text. */
  readonly flags: Readonly<Partial<Record<SettingName, string>>>;
}

const NAMES = Object.keys(SETTINGS) as SettingName[]; // the record's own keys

/** Throws E_CONFIG for a file that is not JSON or holds a bad value, E_SETTING for a bad variable or flag. */
export async function openConfig(options: ConfigOptions): Promise<Config> {
  const path = join(options.directory, "config.json");
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const store = await readStore(path);
  const defaults = defaultSettings(options.home, options.hostname);

  const kept = new Map<SettingName, unknown>();
  const fixed = new Map<SettingName, { readonly value: unknown; readonly source: SettingSource }>();
  for (const name of NAMES) {
    const variable = options.env[variableOf(name)];
    const flag = options.flags[name];
    if (variable !== undefined)
      fixed.set(name, {
        value: checked(name, fromText(variable, defaults[name]), variableOf(name)),
        source: "environment",
      });
    if (flag !== undefined)
      fixed.set(name, { value: checked(name, fromText(flag, defaults[name]), name), source: "flag" });
    const value = valueAt(store, name.split("."));
    if (value !== undefined) {
      const problem = problemOf(name, value);
      if (problem !== undefined) throw new LanxferError("E_CONFIG", { path, text: `${name}: ${problem}` });
      kept.set(name, value);
    }
  }
  const unknown = leaves(store).filter((name) => !isSettingName(name));

  const known = (name: string): SettingName => {
    if (!isSettingName(name)) throw new LanxferError("E_SETTING", { name, text: "there is no such setting" });
    return name;
  };
  return {
    path,
    get: <N extends SettingName>(name: N) => {
      const value = fixed.get(name)?.value ?? kept.get(name) ?? defaults[name];
      return value as Settings[N]; // each source was checked against the setting's schema
    },
    source: (name) => fixed.get(name)?.source ?? (kept.has(name) ? "file" : "default"),
    unknown: () => unknown,
    async set(name, value) {
      const setting = known(name);
      const given = typeof value === "string" ? fromText(value, defaults[setting]) : value;
      const good = checked(setting, given, name);
      await write(path, (file) => file.set(setting, good));
      kept.set(setting, good);
      return setting;
    },
    async unset(name) {
      const setting = known(name);
      await write(path, (file) => file.delete(setting));
      kept.delete(setting);
      return setting;
    },
  };
}

async function readStore(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const store: unknown = JSON.parse(await readFile(path, "utf8"));
    if (isGroup(store)) return store;
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT") return {};
    const text = error instanceof SyntaxError ? "not valid JSON" : (code ?? String(error));
    throw new LanxferError("E_CONFIG", { path, text }, { cause: error });
  }
  throw new LanxferError("E_CONFIG", { path, text: "not an object with settings" });
}

/** The value of a dotted name; JSON has no undefined of its own. */
function valueAt(store: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return store;
  return isGroup(store) && Object.hasOwn(store, key) ? valueAt(store[key], rest) : undefined;
}

function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * A dependency of conf listens for every signal and, once it has tidied up,
 * sends it to the process again: an orderly end on SIGTERM would look like two
 * requests to stop. What it tidies up is also done at exit, so its listeners go.
 */
async function importConf(): Promise<typeof Conf> {
  const isSignal = (name: string | symbol): name is NodeJS.Signals => String(name).startsWith("SIG");
  const signals = () => process.eventNames().filter(isSignal);
  const before = new Set(signals().flatMap((signal) => process.listeners(signal)));
  const { default: imported } = await import("conf");
  for (const signal of signals()) {
    for (const listener of process.listeners(signal)) {
      if (!before.has(listener)) process.removeListener(signal, listener);
    }
  }
  return imported;
}

/** What else is in the file, another hand's edit included, stays. */
async function write(path: string, change: (file: Conf<Record<string, unknown>>) => void): Promise<void> {
  const ConfFile = await importConf();
  try {
    const file = new ConfFile<Record<string, unknown>>({
      cwd: dirname(path),
      configName: "config",
      projectName: "lanxfer",
      projectSuffix: "",
      configFileMode: 0o600,
      clearInvalidConfig: false,
    });
    change(file);
  } catch (error) {
    const text = error instanceof SyntaxError ? "not valid JSON" : (systemCode(error) ?? String(error));
    throw new LanxferError("E_CONFIG", { path, text }, { cause: error });
  }
}

function problemOf(name: SettingName, value: unknown): string | undefined {
  const parsed = SETTINGS[name].schema.safeParse(value);
  return parsed.success ? undefined : (parsed.error.issues[0]?.message ?? "not understood");
}

function checked(name: SettingName, value: unknown, shown: string): unknown {
  const problem = problemOf(name, value);
  if (problem !== undefined) throw new LanxferError("E_SETTING", { name: shown, text: problem });
  return value;
}

/** The dotted names of what an object holds; an array is one value. */
function leaves(store: Readonly<Record<string, unknown>>, prefix = ""): string[] {
  return Object.entries(store).flatMap(([key, value]) =>
    isGroup(value) ? leaves(value, `${prefix}${key}.`) : [`${prefix}${key}`],
  );
}
