/** A thread that is started when it gets its first job, and ended when nobody uses it any more. */

import { Worker } from "node:worker_threads";

interface Reply<Outcome> {
  readonly id: number;
  readonly outcome: Outcome;
}

interface Waiting<Outcome> {
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

interface Running<Outcome> {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting<Outcome>>;
}

export class FileThread<Job, Outcome> {
  readonly #program: URL;
  readonly #setup: unknown;
  #running: Running<Outcome> | undefined;
  #next = 0;

  constructor(program: URL, setup: unknown) {
    this.#program = program;
    this.#setup = setup;
  }

  /** Resolves to the outcome of `job`, after those before it. Rejects when the thread ends before. */
  run(job: Job, transfer: ArrayBuffer[] = []): Promise<Outcome> {
    this.#running ??= this.#start();
    const { worker, waiting } = this.#running;
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      if (waiting.size === 0) worker.ref();
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, job }, transfer);
    });
  }

  /** The next job starts another thread. */
  async end(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.worker.terminate();
  }

  #start(): Running<Outcome> {
    // Its own garbage is little; the content of files is outside of its heap.
    const resourceLimits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 64 };
    const worker = new Worker(this.#program, { workerData: this.#setup, resourceLimits });
    const waiting = new Map<number, Waiting<Outcome>>();
    const running = { worker, waiting };
    let failure: unknown = new Error("the thread for files ended");
    worker.on("message", ({ id, outcome }: Reply<Outcome>) => {
      const job = waiting.get(id);
      waiting.delete(id);
      // An idle thread does not keep the process alive.
      if (waiting.size === 0) worker.unref();
      job?.resolve(outcome);
    });
    worker.on("error", (error) => {
      failure = error;
    });
    worker.on("exit", () => {
      if (this.#running === running) this.#running = undefined;
      for (const { reject } of waiting.values()) reject(failure);
    });
    return running;
  }
}
