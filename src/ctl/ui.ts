/**
 * The rules of output. Data goes to stdout; progress, prompts, notices and
 * errors to stderr. A status line is drawn only when stderr is a terminal. With
 * --json, stdout has one object a line, the last of them `done`, and nothing
 * else. No colour is used but for what a camera has to read, and there none
 * with NO_COLOR.
 *
 * Whatever a line is made of, no control character gets out: names are made
 * safe by whoever lays out a line, and here once more for those who forgot.
 */

import { addAbortSignal, type Readable } from "node:stream";
import type { DoneLine } from "../control/lines.ts";
import type { Clock } from "../core/clock.ts";
import type { ExitCode } from "../core/errors.ts";
import { type Details, type ErrorView, LanxferError, toLanxferError, toView } from "../core/errors.ts";
import { safe } from "../core/text.ts";
import { errorLines, shown } from "./render/error.ts";
import { jsonLine } from "./render/json.ts";

/** What is known of the streams; process.stdout and process.stderr fit. */
export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
}

export interface UiOptions {
  readonly json: boolean;
  /** Also say what led to an error. */
  readonly verbose: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Does what Ctrl-C does: while a question is open, the terminal leaves that to us. */
  readonly interrupt: () => void;
}

const INTERRUPTED = new Set([130, 143]); // by Ctrl-C, by SIGTERM
const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;
const SECOND = 1_000;
// Of the fixed part of 256 colours: themes change the first 16.
const BLACK_ON_WHITE = "\x1b[38;5;16;48;5;231m";
const PLAIN = "\x1b[0m";

export class Ui {
  readonly json: boolean;
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  readonly #streams: Streams;
  readonly #verbose: boolean;
  readonly #canRedraw: boolean;
  readonly #interrupt: () => void;
  readonly #gone = new AbortController();
  #statusShown = false;
  #screenLines = 0;
  #error: Pick<ErrorView, "code" | "message" | "details"> | undefined;
  #finished = false;
  #outputProblem: Error | undefined;

  constructor(streams: Streams, options: UiOptions) {
    this.#streams = streams;
    this.json = options.json;
    this.clock = options.clock;
    this.#verbose = options.verbose;
    this.#interrupt = options.interrupt;
    this.env = options.env;
    this.#canRedraw = options.env["TERM"] !== "dumb";
    streams.stdout.on("error", (error: NodeJS.ErrnoException) => {
      // `| head` has seen enough: not our error, and nothing more is to be said.
      if (error.code !== "EPIPE") this.#outputProblem ??= error;
      this.#gone.abort();
    });
    streams.stderr.on("error", () => {}); // there is nowhere left to say it
  }

  /** Aborts when nobody reads stdout any more. What only prints can end then. */
  get readerGone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Data for people, each text a line of its own. Left out with --json. */
  print(...lines: readonly string[]): void {
    if (!this.json) this.#toStdout(lines.map((line) => `${clean(line)}\n`).join(""));
  }

  /**
   * A path for a program that opens it, and so unchanged, except on a terminal,
   * where nobody does. Left out with --json.
   */
  path(path: string, end: "\n" | "\0"): void {
    if (!this.json) this.#toStdout(`${this.#streams.stdout.isTTY === true ? clean(path) : path}${end}`);
  }

  /** Data for programs: one line. Left out without --json. */
  object(value: object): void {
    if (this.json) this.#toStdout(jsonLine({ v: 1, ...value }));
  }

  /** Something that is not data: what goes on, or what to do next. */
  notice(...lines: readonly string[]): void {
    this.clearStatus();
    for (const line of lines) this.#streams.stderr.write(`${clean(line)}\n`);
  }

  /** Whether a status line can be drawn. */
  get hasStatus(): boolean {
    return this.#streams.stderr.isTTY === true && this.#canRedraw && !this.json;
  }

  /** Columns that a status line may take; one is left free, as some terminals wrap when the last is written. */
  get statusColumns(): number {
    return (this.#streams.stderr.columns ?? DEFAULT_COLUMNS) - 1;
  }

  /** Draws the status line, in place of the one before. */
  status(line: string): void {
    if (!this.hasStatus) return;
    this.#streams.stderr.write(`\r${clean(line)}\x1b[K`);
    this.#statusShown = true;
  }

  clearStatus(): void {
    if (this.#statusShown) this.#streams.stderr.write("\r\x1b[K");
    this.#statusShown = false;
  }

  /** Size of the screen, when stdout is a terminal that can be redrawn. */
  get screen(): { readonly columns: number; readonly rows: number } | undefined {
    const { isTTY, columns, rows } = this.#streams.stdout;
    if (isTTY !== true || !this.#canRedraw || this.json) return undefined;
    return { columns: columns ?? DEFAULT_COLUMNS, rows: rows ?? DEFAULT_ROWS };
  }

  /** Draws `lines` in place of those drawn before. No line may be wider than the screen. */
  redraw(lines: readonly string[]): void {
    const up = this.#screenLines > 0 ? `\x1b[${this.#screenLines}A` : "";
    this.#toStdout(`${up}\r\x1b[J${lines.map((line) => `${clean(line)}\n`).join("")}`);
    this.#screenLines = lines.length;
  }

  /** Whether `paint` can choose its colours; else the terminal's are taken, which are mostly light on dark. */
  get paints(): boolean {
    return this.screen !== undefined && !this.env["NO_COLOR"];
  }

  /** Lines in black on white, whatever the colours of the terminal. Left out with --json. */
  paint(...lines: readonly string[]): void {
    if (!this.paints) this.print(...lines);
    else this.#toStdout(lines.map((line) => `${BLACK_ON_WHITE}${clean(line)}${PLAIN}\n`).join(""));
  }

  /** Whether the terminal was told to expect UTF-8 (POSIX: the first of these that is set counts). */
  get hasUnicode(): boolean {
    return /utf-?8/i.test(this.env["LC_ALL"] || this.env["LC_CTYPE"] || this.env["LANG"] || "");
  }

  /** Says what went wrong and remembers it for the last line of --json. Returns the exit status. */
  failed(thrown: unknown): ExitCode {
    const error = toLanxferError(thrown);
    return this.failedAs(toView(error), error.cause);
  }

  /** The same for an error that lanxferd told of. */
  failedAs(view: Omit<ErrorView, "retryable">, cause?: unknown): ExitCode {
    const person = this.#streams.stderr.isTTY === true && !this.json;
    this.notice(...errorLines(view, cause, { person, verbose: this.#verbose }));
    const { code, message, details } = view;
    this.#error = { code, message: shown(message), ...(details && { details }) };
    return view.exit;
  }

  /** What is piped in. Throws E_USAGE when that is what a person types. */
  get piped(): Readable {
    const { stdin } = this.#streams;
    if (stdin.isTTY === true)
      throw new LanxferError("E_USAGE", { text: "nothing is piped in: standard input is a terminal" });
    return stdin;
  }

  /**
   * What standard input has, up to `limit` characters: from a person at a
   * terminal, who is shown the prompt, one line; else all. It cannot be read
   * again afterwards, as left open it would keep the program running.
   */
  async read(prompt: string, limit: number, signal: AbortSignal): Promise<string> {
    const input = this.#streams.stdin;
    const person = input.isTTY === true;
    if (person) this.#streams.stderr.write(prompt);
    let text = "";
    for await (const chunk of addAbortSignal(signal, input)) {
      text += String(chunk);
      if (text.length > limit || (person && text.includes("\n"))) break;
    }
    return text.slice(0, limit);
  }

  /** Whether a person can be asked something and answer it. */
  get hasPerson(): boolean {
    return this.#streams.stdin.isTTY === true && this.#streams.stderr.isTTY === true && !this.json;
  }

  /**
   * The line that a person types. The prompt is asked for again every second, as
   * it may tell how long there is, and what was typed so far stays. Rejects with
   * the signal's reason.
   */
  async ask(prompt: () => string, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    this.clearStatus();
    const { createInterface } = await import("node:readline");
    const { stdin: input, stderr: output } = this.#streams;
    const lines = createInterface({ input, output, terminal: true, historySize: 0 });
    const draw = () => {
      lines.setPrompt(clean(prompt()));
      lines.prompt(true);
    };
    const tick = this.clock.every(SECOND, draw);
    const close = () => lines.close();
    let answered = false;
    try {
      return await new Promise((resolve, reject) => {
        signal.addEventListener("abort", close, { once: true });
        lines.once("SIGINT", this.#interrupt);
        lines.once("line", (line) => {
          answered = true;
          resolve(line);
        });
        lines.once("close", () => {
          if (answered) return;
          this.#streams.stderr.write("\n"); // what follows is not to stand behind the prompt
          if (!signal.aborted) this.#interrupt(); // the end of input is a way to leave, too
          reject(signal.reason ?? new LanxferError("E_CANCELLED"));
        });
        draw();
      });
    } finally {
      tick();
      signal.removeEventListener("abort", close);
      lines.close();
    }
  }

  /** Writes what is due at the very end. Calling it again does nothing. */
  finish(exit: ExitCode): void {
    if (this.#finished) return;
    this.#finished = true;
    this.clearStatus();
    const error = this.#error ?? (INTERRUPTED.has(exit) ? { code: "E_CANCELLED", message: "cancelled" } : undefined);
    const done: DoneLine = { event: "done", ok: exit === 0, exit, ...(exit !== 0 && error && { error }) };
    this.object(done);
  }

  /** Resolves when stdout has taken everything. Throws E_STATE when it did not, for another reason than a reader who left. */
  async flushed(): Promise<void> {
    await new Promise<void>((resolve) => this.#streams.stdout.write("", () => resolve()));
    const problem = this.#outputProblem;
    if (problem === undefined) return;
    const details: Details = { path: "standard output", text: problem.message };
    throw new LanxferError("E_STATE", details, { cause: problem });
  }

  #toStdout(text: string): void {
    this.clearStatus();
    if (!this.#gone.signal.aborted && text !== "") this.#streams.stdout.write(text);
  }
}

function clean(line: string): string {
  return safe(line, Number.POSITIVE_INFINITY);
}
