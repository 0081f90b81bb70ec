/**
 * Every message in every phase of a transfer, said to a real daemon over a real
 * connection, to the one that receives and to the one that sends: what the table
 * of PROTOCOL 4.6 allows goes on in the phase that it names, anything else ends
 * the connection with E_PROTO.
 */

import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Input, next, type Phase } from "../../src/transfer/machine.ts";
import { CONTENT, EVERY_INPUT, frameOfInput } from "../support/every-message.ts";
import { offerOf, Scene, sendEntries } from "../support/mallory.ts";
import type { RawPeer } from "../support/raw-peer.ts";
import { MiB } from "../support/sizes.ts";

const hello = { path: ["a.txt"], content: CONTENT };

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
});
afterAll(async () => {
  const { inbox } = scene.bert;
  for (const name of await readdir(inbox)) if (name !== ".lanxfer") await rm(path.join(inbox, name));
  await scene.unharmed();
  await scene[Symbol.asyncDispose]();
});

const policy = (value: "auto" | "ask") =>
  scene.bert.client.call("patch", "/v1/devices/:device", { param: { device: "mallory" }, json: { policy: value } });

/** With what bert ends the connection. */
async function ending(peer: RawPeer): Promise<{ readonly code: unknown; readonly text: string }> {
  const { code, details } = await peer.next("abort");
  peer.end();
  await peer.closed();
  return { code, text: String((details as { text?: unknown } | undefined)?.text ?? "") }; // what a message may carry
}

const cases = (phases: readonly Phase[]) => phases.flatMap((phase) => EVERY_INPUT.map((input) => ({ phase, input })));

describe("a receiver", () => {
  afterEach(() => policy("auto"));

  /** How to bring bert's end to each phase in which a message can be waited for. */
  const reach: Readonly<Partial<Record<Phase, () => Promise<RawPeer>>>> = {
    opening: () => scene.mallory.connect(scene.bert),
    ready: () => scene.mallory.greet(scene.bert),
    async asked() {
      await policy("ask");
      const peer = await scene.mallory.greet(scene.bert);
      peer.send(offerOf([hello]));
      await peer.next("ask");
      return peer;
    },
    sending: () => scene.mallory.accepted(scene.bert, offerOf([hello])),
    async content() {
      const peer = await scene.mallory.accepted(scene.bert, offerOf([hello]));
      peer.sendBytes(frameOfInput("entry-file"));
      return peer;
    },
  };
  /** Right at that moment, and yet not what was offered. */
  const FALSE: Readonly<Record<string, string>> = {
    "sending done": "E_LENGTH",
    "content end": "E_LENGTH",
    "sending entry-folder": "E_PROTO",
  };
  /** What no sender may ever say: the answer tells the phase that it met. */
  const PROBE: Input = "accept";

  it.each(cases(["opening", "ready", "asked", "sending", "content"]))(
    "that is $phase and hears $input does what the table says",
    async ({ phase, input }) => {
      const peer = await (reach[phase] ?? fail)();
      const after = next(phase, "sender", input);
      const wrong = FALSE[`${phase} ${input}`];
      peer.sendBytes(frameOfInput(input));
      if (input === "abort") {
        await peer.closed();
        expect(peer.messages.filter(({ t }) => t === "abort")).toEqual([]);
      } else if (wrong !== undefined) {
        expect(await ending(peer)).toEqual({ code: wrong, text: expect.stringMatching(/offered|announced/) });
      } else if (after === undefined) {
        expect(await ending(peer)).toEqual({ code: "E_PROTO", text: `${input} from the sender while ${phase}` });
      } else {
        peer.sendBytes(frameOfInput(PROBE));
        expect(await ending(peer)).toEqual({ code: "E_PROTO", text: `${PROBE} from the sender while ${after}` });
      }
    },
  );

  it.each(EVERY_INPUT.filter((input) => input !== "heartbeat" && input !== "abort"))(
    "that decides on an offer and hears %s ends the connection, unless it has just accepted",
    async (input) => {
      const peer = await scene.mallory.greet(scene.bert);
      peer.sendBytes(Buffer.concat([frameOfInput("offer"), frameOfInput(input), frameOfInput(PROBE)]));
      const { code, text } = await ending(peer);
      expect(["E_PROTO", "E_LENGTH"]).toContain(code);
      if (next("sending", "sender", input) === undefined) expect(text).toMatch(new RegExp(`^${input} from the sender`));
    },
  );

  it.each(EVERY_INPUT)("that flushes hears %s when it is done, as if it came then", async (input) => {
    const peer = await scene.mallory.accepted(scene.bert, offerOf([hello]));
    sendEntries(peer, [hello]);
    peer.sendBytes(frameOfInput(input));
    await peer.next("complete");
    if (next("ready", "sender", input) === undefined) {
      expect(await ending(peer)).toEqual({ code: "E_PROTO", text: `${input} from the sender while ready` });
    } else if (input === "offer") {
      await peer.next("accept");
    }
    peer.end();
    await peer.closed();
  });

  it("that has ended the connection answers nothing any more", async () => {
    const peer = await scene.mallory.greet(scene.bert);
    peer.send({ t: "accept" });
    await peer.next("abort");
    for (const input of EVERY_INPUT) peer.sendBytes(frameOfInput(input));
    peer.end();
    await peer.closed();
    expect(peer.messages.at(-1)).toMatchObject({ t: "abort" });
    expect(peer.messages.filter(({ t }) => t === "abort")).toHaveLength(1);
  });
});

describe("a sender", () => {
  interface Sending {
    readonly id: string;
    readonly peer: RawPeer;
  }

  let large: string;
  beforeAll(async () => {
    large = await scene.anna.write("large.bin", Buffer.alloc(32 * MiB));
  });

  async function called(file?: string): Promise<Sending> {
    const source = file ?? (await scene.anna.write("a.txt", CONTENT));
    const { id } = await scene.bert.send(scene.mallory.credentials.id, [source]);
    return { id, peer: await scene.mallory.called() };
  }

  async function offered(file?: string): Promise<Sending> {
    const sending = await called(file);
    sending.peer.sendBytes(frameOfInput("hello"));
    await sending.peer.next("offer");
    return sending;
  }

  const said = async (...inputs: readonly Input[]): Promise<Sending> => {
    const sending = await offered();
    for (const input of inputs) sending.peer.sendBytes(frameOfInput(input));
    return sending;
  };

  /** How to bring bert's end to each phase in which something can be said to it. */
  const reach: Readonly<Partial<Record<Phase, () => Promise<Sending>>>> = {
    opening: () => called(),
    offered: () => offered(),
    asked: () => said("ask"),
    landed: () => said("landed"),
    async content() {
      const sending = await offered(large);
      sending.peer.sendBytes(frameOfInput("accept"));
      await sending.peer.next("entry");
      sending.peer.pause(); // so that it stays in the middle of the file
      return sending;
    },
    async finishing() {
      const sending = await said("accept");
      await sending.peer.next("done");
      return sending;
    },
  };
  /** Right at that moment, and yet not true. */
  const FALSE: Readonly<Record<string, RegExp>> = {
    "content saved": /^saved what was not sent$/,
    "finishing complete": /^complete before everything was saved$/,
    "landed landed": /^landed: an item twice/,
  };
  /** What no receiver may ever say. */
  const PROBE: Input = "done";
  /** Where what it says itself moves it on, in the same moment. */
  const MEANWHILE: Readonly<Record<string, string>> = { ready: "ready|offered", sending: "sending|content|finishing" };
  const failed = (code: string) => ({ state: "failed", error: { code } });

  /** Entries and blocks are refused before it matters when they come. */
  const refusal = (input: Input, phase: string): RegExp => {
    const isContent = input === "block" || input.startsWith("entry");
    return isContent
      ? /^(block|entry) from the receiver$/
      : new RegExp(`^${input} from the receiver while (${MEANWHILE[phase] ?? phase})$`);
  };
  const PHASES = ["opening", "offered", "asked", "landed", "content", "finishing"] as const;
  const isLast = ({ input }: { readonly input: Input }) => input === "abort" || input === "decline";

  it.each(cases(PHASES).filter((each) => !isLast(each)))(
    "that is $phase and hears $input does what the table says",
    async ({ phase, input }) => {
      const { id, peer } = await (reach[phase] ?? fail)();
      const after = next(phase, "receiver", input);
      const wrong = FALSE[`${phase} ${input}`];
      peer.sendBytes(frameOfInput(input));
      if (phase === "landed" && input === "complete") {
        expect(await scene.bert.ended(id)).toMatchObject({ state: "done" });
        return over(peer);
      }
      if (after !== undefined && wrong === undefined) peer.sendBytes(frameOfInput(PROBE));
      await readAgain(peer);
      expect(await scene.bert.ended(id)).toMatchObject(failed("E_PROTO"));
      const expected = wrong ?? (after === undefined ? refusal(input, phase) : refusal(PROBE, after));
      expect(await ending(peer)).toEqual({ code: "E_PROTO", text: expect.stringMatching(expected) });
    },
  );

  it.each(cases(PHASES).filter(isLast))("that is $phase takes $input for the end", async ({ phase, input }) => {
    const { id, peer } = await (reach[phase] ?? fail)();
    peer.sendBytes(frameOfInput(input));
    const allowed = next(phase, "receiver", input) !== undefined;
    const code = input === "abort" ? "E_PEER" : "E_DECLINED";
    await readAgain(peer);
    expect(await scene.bert.ended(id)).toMatchObject(failed(allowed ? code : "E_PROTO"));
    await over(peer);
    if (allowed) expect(peer.messages.filter(({ t }) => t === "abort")).toEqual([]);
  });
});

/** Once what was said has been heard; otherwise the daemon would wait until it has said all itself. */
async function readAgain(peer: RawPeer): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20));
  peer.resume();
}

async function over(peer: RawPeer): Promise<void> {
  peer.end();
  await peer.closed();
}

function fail(): never {
  throw new Error("a phase without a way to it");
}
