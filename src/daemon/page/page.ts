/**
 * The page of lanxferd in a browser of this machine. Nothing listens until
 * somebody who may use the control socket asks for it, and no longer than ten
 * minutes after the last page went away.
 */

import type { IncomingMessage } from "node:http";
import type { PageView } from "../../control/schema.ts";
import { coalesce } from "../../core/ahead.ts";
import type { Cancel, Clock } from "../../core/clock.ts";
import { toLanxferError } from "../../core/errors.ts";
import type { Log } from "../../core/log.ts";
import { httpServer, type Listener } from "../http.ts";
import { readPage } from "./files.ts";
import { handle } from "./handle.ts";
import { readKept, removeKept, writeKept } from "./kept.ts";
import { listenLocally } from "./listener.ts";
import { Sessions } from "./sessions.ts";

/** How long the listener outlives the last page (milliseconds): a browser that starts again, a machine that sleeps. */
const LINGER_MS = 10 * 60_000;
/** How long a text of the page may take to come (milliseconds). */
const BODY_MS = 10_000;
/** Content may take as long as it takes; headers may not. Looked at every second (milliseconds). */
const TIMEOUTS = { requestTimeout: 0, headersTimeout: 5_000, connectionsCheckingInterval: 1_000 };
/** A browser opens six; pages that wait keep one each. */
const MOST_CONNECTIONS = 64;
const PATH_BYTES = 16;

export interface PageDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly random: (bytes: number) => Uint8Array;
  /** Where the files of the page are. */
  readonly directory: string;
  /** What is kept between two runs. */
  readonly stateFile: string;
  readonly api: Listener;
  readonly isForeign: (asked: IncomingMessage) => Promise<boolean>;
}

interface Open {
  readonly port: number;
  readonly path: string;
  readonly sessions: Sessions;
  readonly close: () => Promise<void>;
}

export class Page {
  readonly #deps: PageDeps;
  #open: Promise<Open> | undefined;
  #inUse = 0;
  #lingering: Cancel = () => {};
  #closed = false;

  constructor(deps: PageDeps) {
    this.#deps = deps;
  }

  /** Lets one browser in. Listens from now on, if it did not. Throws E_PAGE. */
  async open(): Promise<PageView> {
    const { port, path, sessions } = await this.#opened();
    const { text, expiresAt } = sessions.issue();
    // A fragment is not sent anywhere: not to a server, not as a referrer.
    return { url: `http://127.0.0.1:${port}${path}#${text}`, expiresAt: new Date(expiresAt).toISOString() };
  }

  /** Where the last run ended while it was open, listens there again: the pages of then come back by themselves. */
  async restore(): Promise<void> {
    const { stateFile, log } = this.#deps;
    const kept = await readKept(stateFile);
    if (kept === undefined) return;
    this.#open = this.#listen(kept.path, new Sessions(this.#deps, kept.keys), kept.port);
    await this.#open.catch(async (error) => {
      this.#open = undefined;
      log.info({ reason: toLanxferError(error).message }, "page not opened again");
      await removeKept(stateFile).catch(() => {}); // then the next start tries in vain once more
    });
  }

  /** For this run. Pages that are open find the next one. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#lingering();
    const open = await this.#open?.catch(() => undefined);
    await open?.close();
  }

  #opened(): Promise<Open> {
    const { random } = this.#deps;
    const path = `/${Buffer.from(random(PATH_BYTES)).toString("base64url")}/`;
    this.#open ??= this.#listen(path, new Sessions(this.#deps)).catch((error) => {
      this.#open = undefined;
      throw error;
    });
    return this.#open;
  }

  async #listen(path: string, sessions: Sessions, wanted?: number): Promise<Open> {
    const { log, directory, stateFile, api, isForeign, clock } = this.#deps;
    const files = await readPage(directory);
    let port = 0;
    const changed = coalesce(() => writeKept(stateFile, { v: 1, port, path, keys: sessions.keys }));
    const inUse = () => this.#use();
    const limit = (asked: IncomingMessage) => {
      const stop = clock.after(BODY_MS, () => {
        if (!asked.complete) asked.destroy();
      });
      asked.once("close", stop);
    };
    const server = () => {
      const made = httpServer(TIMEOUTS, (asked, answer) => {
        const deps = { path, port, files, sessions, api, isForeign, changed, inUse, limit };
        handle(asked, answer, deps).catch((error) => {
          log.error({ err: error }, "page request failed");
          answer.destroy();
        });
      });
      made.maxConnections = MOST_CONNECTIONS;
      return made;
    };
    const listening = await listenLocally(server, wanted);
    port = listening.port;
    await changed();
    log.info({ port }, "page opened");
    this.#linger();
    return { port, path, sessions, close: () => listening.close() };
  }

  /** A page asks something; most of the time that is for events, and ends when the page goes. */
  #use(): () => void {
    this.#inUse++;
    this.#lingering();
    return () => {
      this.#inUse--;
      if (this.#inUse === 0) this.#linger();
    };
  }

  #linger(): void {
    this.#lingering();
    if (this.#closed) return;
    this.#lingering = this.#deps.clock.after(LINGER_MS, () => void this.#forget());
  }

  /** Nobody has come back: all sessions end. */
  async #forget(): Promise<void> {
    const { log, stateFile } = this.#deps;
    const open = this.#open;
    this.#open = undefined;
    try {
      await (await open)?.close();
      await removeKept(stateFile);
      log.info({}, "page closed");
    } catch (error) {
      log.error({ err: error }, "page not closed in good order");
    }
  }
}
