import { describe, expect, it } from "vitest";
import type { ControlHandlers } from "../../src/control/api.ts";
import { LanxferError } from "../../src/core/errors.ts";
import { differences, untouched } from "../support/tree.ts";
import { Place, transcript } from "./support/place.ts";
import * as views from "./support/views.ts";

interface Case {
  readonly golden: string;
  readonly args: readonly string[];
  /** Handlers, each of which notes what it was called with. */
  readonly handlers: (note: (...called: unknown[]) => void) => Partial<ControlHandlers>;
  readonly called: readonly unknown[];
}

const UNPAIRED = views.offer({ from: views.stranger("bob") });

const CASES: readonly Case[] = [
  {
    golden: "peers-add",
    args: ["peers", "add", "nas", "nas.example"],
    handlers: (note) => ({ addPeer: async (request) => note(request) }),
    called: [{ name: "nas", host: "nas.example", port: 25_726 }],
  },
  {
    golden: "peers-add-port",
    args: ["peers", "add", "nas", "[fe80::1%eth0]:4000"],
    handlers: (note) => ({ addPeer: async (request) => note(request) }),
    called: [{ name: "nas", host: "fe80::1%eth0", port: 4000 }],
  },
  {
    golden: "peers-rm",
    args: ["peers", "rm", "a name/with a slash"],
    handlers: (note) => ({ removePeer: async (name) => note(name) }),
    called: ["a name/with a slash"],
  },
  {
    golden: "cancel",
    args: ["cancel", "tttt"],
    handlers: (note) => ({
      cancel: async (id) => {
        note(id);
        return views.transfer({ state: "cancelled" });
      },
    }),
    called: ["tttt"],
  },
  {
    golden: "retry",
    args: ["retry", "tttt"],
    handlers: (note) => ({
      retry: async (id) => {
        note(id);
        return views.transfer({ state: "preparing" });
      },
    }),
    called: ["tttt"],
  },
  {
    golden: "retry-queued",
    args: ["retry", "tttt"],
    handlers: (note) => ({
      retry: async (id) => {
        note(id);
        return views.transfer({ state: "queued", queue: views.queue() });
      },
    }),
    called: ["tttt"],
  },
  {
    golden: "pause",
    args: ["pause", "tttt", "nas"],
    handlers: (note) => ({
      pause: async (target) => {
        note(target);
        const paused = views.transfer({ state: "paused", queue: views.queue({ why: null, expiresAt: null }) });
        return target === "nas" ? [paused, paused] : [paused];
      },
    }),
    called: ["tttt", "nas"],
  },
  {
    golden: "resume",
    args: ["resume", "tttt"],
    handlers: (note) => ({
      resume: async (target) => {
        note(target);
        return [views.transfer({ state: "queued", queue: views.queue() })];
      },
    }),
    called: ["tttt"],
  },
  {
    golden: "resume-none",
    args: ["resume", "nas"],
    handlers: (note) => ({
      resume: async (target) => {
        note(target);
        return [];
      },
    }),
    called: ["nas"],
  },
  {
    golden: "accept",
    args: ["accept", "oooo"],
    handlers: (note) => ({
      acceptOffer: async (id, request) => {
        note(id, request);
        return { offer: views.offer(), device: null, again: false };
      },
    }),
    called: ["oooo", { pair: false }],
  },
  {
    golden: "accept-unpaired",
    args: ["accept", "oooo"],
    handlers: () => ({ acceptOffer: async () => ({ offer: UNPAIRED, device: null, again: false }) }),
    called: [],
  },
  {
    golden: "accept-pair",
    args: ["accept", "--pair", "oooo"],
    handlers: (note) => ({
      acceptOffer: async (id, request) => {
        note(id, request);
        return { offer: UNPAIRED, device: views.device({ name: "bob (2)" }), again: false };
      },
    }),
    called: ["oooo", { pair: true }],
  },
  {
    golden: "accept-pair-again",
    args: ["accept", "oooo", "--pair"],
    handlers: () => ({
      acceptOffer: async () => ({ offer: views.offer(), device: views.device({ name: "bob" }), again: true }),
    }),
    called: [],
  },
  {
    golden: "decline-unpaired",
    args: ["decline", "oooo"],
    handlers: () => ({ declineOffer: () => UNPAIRED }),
    called: [],
  },
  {
    golden: "decline",
    args: ["decline", "oooo"],
    handlers: (note) => ({
      declineOffer: (id) => {
        note(id);
        return views.offer();
      },
    }),
    called: ["oooo"],
  },
  {
    golden: "unpair",
    args: ["unpair", "alice"],
    handlers: (note) => ({
      unpair: async (device) => {
        note(device);
        return { ...views.device(), givenUp: 0 };
      },
    }),
    called: ["alice"],
  },
  {
    golden: "unpair-queued",
    args: ["unpair", "alice"],
    handlers: (note) => ({
      unpair: async (device) => {
        note(device);
        return { ...views.device(), givenUp: 3 };
      },
    }),
    called: ["alice"],
  },
  {
    golden: "policy",
    args: ["policy", "alice", "ask"],
    handlers: (note) => ({
      changeDevice: async (device, patch) => {
        note(device, patch);
        return views.device({ policy: "ask" });
      },
    }),
    called: ["alice", { policy: "ask" }],
  },
  {
    golden: "rename",
    args: ["rename", "alice", "big box"],
    handlers: (note) => ({
      changeDevice: async (device, patch) => {
        note(device, patch);
        return views.device({ name: "big box" });
      },
    }),
    called: ["alice", { name: "big box" }],
  },
  {
    golden: "config-set",
    args: ["config", "set", "port", "4000"],
    handlers: (note) => ({
      changeSetting: async (name, value) => {
        note(name, value);
        return views.setting({ name, value: 4000, source: "file" });
      },
    }),
    called: ["port", "4000"],
  },
  {
    golden: "config-set-overruled",
    args: ["config", "--json", "set", "port", "4000"],
    handlers: () => ({
      changeSetting: async (name) => views.setting({ name, value: 5000, source: "environment" }),
    }),
    called: [],
  },
  {
    golden: "config-unset",
    args: ["config", "unset", "port"],
    handlers: (note) => ({
      unsetSetting: async (name) => {
        note(name);
        return views.setting({ name, value: 25_726 });
      },
    }),
    called: ["port"],
  },
  {
    golden: "refused",
    args: ["unpair", "al"],
    handlers: () => ({
      unpair: async () => {
        throw new LanxferError("E_AMBIGUOUS", { name: "al", candidates: "alice, albert\u202e" });
      },
    }),
    called: [],
  },
];

describe("lanxferctl changes what it is told to with", () => {
  it.each(CASES)("$golden, says so, and leaves nothing behind", async ({ golden, args, handlers, called }) => {
    const place = await Place.open();
    const notes: unknown[] = [];
    await place.daemon(handlers((...what) => notes.push(...what)));
    const before = await place.tree();
    const result = await place.ctl(args);
    await expect(transcript(args, result)).toMatchFileSnapshot(`golden/${golden}.txt`);
    expect(notes).toEqual(called);
    expect(differences(before, await place.tree(), untouched)).toEqual([]);
  });
});
