/**
 * Where settings come from: defaults, then the file, then the environment, then
 * flags. The only importer of conf, which keeps the file: written whole and
 * moved into place, readable by its owner only.
 *
 * The file is read at the start only. conf would read it for every value, so a
 * half-finished edit, or a want of descriptors, would break a daemon that runs.
 */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
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
  set(name: string, value: unknown): SettingName;
  /** Goes back to the default. Throws E_SETTING for an unknown name. */
  unset(name: string): SettingName;
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
  const file = await openFile(options.directory, path);
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
    if (file.has(name)) {
      const value = file.get(name);
      const problem = problemOf(name, value);
      if (problem !== undefined) throw new LanxferError("E_CONFIG", { path, text: `${name}: ${problem}` });
      kept.set(name, value);
    }
  }
  const unknown = leaves(file.store).filter((name) => !isSettingName(name));

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
    set(name, value) {
      const setting = known(name);
      const given = typeof value === "string" ? fromText(value, defaults[setting]) : value;
      const good = checked(setting, given, name);
      write(path, () => file.set(setting, good));
      kept.set(setting, good);
      return setting;
    },
    unset(name) {
      const setting = known(name);
      write(path, () => file.delete(setting));
      kept.delete(setting);
      return setting;
    },
  };
}

async function openFile(directory: string, path: string): Promise<Conf<Record<string, unknown>>> {
  const ConfFile = await importConf();
  try {
    return new ConfFile({
      cwd: directory,
      configName: "config",
      projectName: "lanxfer",
      projectSuffix: "",
      configFileMode: 0o600,
      clearInvalidConfig: false,
    });
  } catch (error) {
    const code = systemCode(error);
    const text = error instanceof SyntaxError ? "not valid JSON" : (code ?? String(error));
    throw new LanxferError("E_CONFIG", { path, text }, { cause: error });
  }
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

function write(path: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (error instanceof LanxferError) throw error;
    throw new LanxferError("E_CONFIG", { path, text: systemCode(error) ?? String(error) }, { cause: error });
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
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? leaves(value as Record<string, unknown>, `${prefix}${key}.`) // a plain object: it came from JSON
      : [`${prefix}${key}`],
  );
}
