/** The log: JSON lines on stdout, readable text where stdout is a terminal. The only importer of pino. */

import { destination, type Logger, pino } from "pino";
import type { Log } from "../../core/log.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface DaemonLog extends Log {
  setLevel(level: LogLevel): void;
}

/** `pretty` is for people at a terminal; a service manager wants the JSON lines. */
export async function createLog(level: LogLevel, pretty: boolean): Promise<DaemonLog> {
  const logger: Logger = pretty
    ? pino({ level }, (await import("pino-pretty")).default({ ignore: "pid,hostname", translateTime: "SYS:HH:MM:ss" }))
    : pino({ level }, destination({ fd: 1, sync: true })); // sync: the last line before an exit is not lost
  return {
    trace: (fields, message) => logger.trace(fields, message),
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    setLevel(next) {
      logger.level = next;
    },
  };
}
