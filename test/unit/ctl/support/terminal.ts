/** Streams that keep what was written, as a terminal or as pipes. */

import { PassThrough, Writable } from "node:stream";
import { Ui, type UiOptions } from "../../../../src/ctl/ui.ts";
import { ManualClock } from "./clock.ts";

export class Written extends Writable {
  text = "";
  readonly isTTY: boolean;
  columns = 60;
  rows = 10;
  /** Fails every write from now on. */
  failure: Error | undefined;

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    if (this.failure === undefined) this.text += chunk.toString();
    done(this.failure);
  }
}

export interface Screen {
  readonly ui: Ui;
  readonly clock: ManualClock;
  readonly stdin: PassThrough & { isTTY?: boolean };
  readonly stdout: Written;
  readonly stderr: Written;
}

export function screen(terminal: boolean, options: Partial<UiOptions> = {}): Screen {
  const clock = new ManualClock();
  const stdin = Object.assign(new PassThrough(), { isTTY: terminal });
  const stdout = new Written(terminal);
  const stderr = new Written(terminal);
  const ui = new Ui(
    { stdin, stdout, stderr },
    { json: false, verbose: false, env: {}, clock, interrupt: () => {}, ...options },
  );
  return { ui, clock, stdin, stdout, stderr };
}
