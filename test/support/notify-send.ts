/** A program called notify-send that writes down what it is called with, for daemons that find it first in PATH. */

import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { eventually } from "./process.ts";

export class NotifySend {
  readonly #record: string;
  /** What a daemon needs in its environment to find it and to think that there is a desktop. */
  readonly env: Readonly<Record<string, string>>;

  private constructor(directory: string, record: string) {
    this.#record = record;
    this.env = { PATH: `${directory}:${process.env["PATH"]}`, DISPLAY: ":0" };
  }

  /** `script` is what it does besides, once it has written. */
  static async install(directory: string, script = ""): Promise<NotifySend> {
    const record = path.join(directory, "record");
    const program = path.join(directory, "notify-send");
    await mkdir(directory, { recursive: true });
    await writeFile(program, `#!/bin/sh\nprintf '%s\\0' "$#" "$@" >> '${record}'\n${script}\n`);
    await chmod(program, 0o755);
    return new NotifySend(directory, record);
  }

  /** The arguments of each call. */
  async calls(): Promise<string[][]> {
    const words = (await readFile(this.#record, "utf8").catch(() => "")).split("\0").slice(0, -1);
    const calls: string[][] = [];
    for (let count = words.shift(); count !== undefined; count = words.shift()) {
      calls.push(words.splice(0, Number(count)));
    }
    return calls;
  }

  /** The calls when there are so many. */
  called(count: number, timeoutMs = 20_000): Promise<string[][]> {
    const look = async () => {
      const calls = await this.calls();
      return calls.length >= count ? calls : undefined;
    };
    return eventually(`${count} notifications`, look, { timeoutMs });
  }
}
