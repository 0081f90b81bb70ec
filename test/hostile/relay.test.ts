/** Somebody with keys of its own between two devices that pair by code. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { Window } from "../support/code-pairing.ts";
import type { Device } from "../support/device.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";
import { Arena, reportOf } from "./support/arena.ts";

/** After so many windows in which an attempt failed, pairing by code is locked. */
const WINDOWS = 3;

suiteFor(["hosts"])("Whoever stands between two devices that pair by code", () => {
  let arena: Arena;
  beforeAll(async () => {
    // The real one cannot be heard: only the false one is there for anna.
    arena = await Arena.open({ paired: false, env: { LANXFER_INTERFACES_EXCLUDE: "*" } });
  });
  afterAll(() => arena?.lan.close());

  const window = (device: Device, peer?: string) => new Window({ name: device.name, client: device.control }, peer);

  it("is trusted by neither, has one chance in each window, and three windows", async () => {
    const { anna, bert } = arena;
    const attack = await arena.attack("relay", { ...arena.target, victim: "bert", caller: "anna", count: WINDOWS });
    await eventually("anna sees somebody called bert", async () => {
      const { peers } = await anna.control.call("get", "/v1/peers", {});
      return peers.find(({ name }) => name === "bert");
    });
    for (let n = 0; n < WINDOWS; n++) {
      const atBert = window(bert);
      await atBert.when("waiting");
      const atAnna = window(anna, "bert");
      const [shownByAnna, shownByBert] = [await atAnna.when("comparing"), await atBert.when("comparing")];
      expect([shownByAnna.peer.name, shownByBert.peer.name]).toEqual(["bert", "anna"]);
      // The users type what the other's screen shows.
      expect(await atAnna.type(shownByBert.code)).toBe("wrong");
      expect(await atBert.type(shownByAnna.code)).toBe("wrong");
      for (const each of [atAnna, atBert]) {
        expect(await each.result()).toMatchObject({ state: "failed", error: { code: "E_PAIR_CODE" } });
        await each.over;
      }
    }
    expect(await reportOf(attack)).toEqual({ attempts: WINDOWS, counts: { stood: WINDOWS, trusted: 0 } });
    for (const device of [anna, bert]) {
      expect(await device.control.call("get", "/v1/devices", {})).toEqual({ devices: [] });
      await expect(window(device).over).rejects.toMatchObject({ code: "E_PAIR_LOCKED" });
    }
  });
});
