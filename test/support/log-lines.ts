/** A log that keeps its lines, for tests that ask what was said, or that nothing was. */

import type { DaemonLog } from "../../src/daemon/host/log.ts";

export interface LogLine {
  readonly level: "trace" | "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export class LogLines implements DaemonLog {
  readonly lines: LogLine[] = [];

  readonly trace = this.#writer("trace");
  readonly debug = this.#writer("debug");
  readonly info = this.#writer("info");
  readonly warn = this.#writer("warn");
  readonly error = this.#writer("error");

  /** Everything is kept, whatever the level. */
  setLevel(): void {}

  /** The lines of a level, as text. */
  at(level: LogLine["level"]): string[] {
    return this.lines.filter((line) => line.level === level).map(({ message, fields }) => `${message} ${show(fields)}`);
  }

  #writer(level: LogLine["level"]) {
    return (fields: object, message: string) => void this.lines.push({ level, message, fields: { ...fields } });
  }
}

function show(fields: LogLine["fields"]): string {
  return JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? value.stack : value));
}
