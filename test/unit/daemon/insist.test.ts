import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { insist } from "../../../src/daemon/outgoing/insist.ts";
import { ManualClock } from "../discovery/support/clock.ts";

const shut = () => {
  const cause = Object.assign(new Error("reset"), { code: "ECONNRESET" });
  return new LanxferError("E_UNREACHABLE", { peer: "bert", text: "connection reset" }, { cause });
};
const never = new AbortController().signal;

/** Fails as often as there are failures. */
function door(failures: readonly Error[]) {
  let calls = 0;
  return {
    get calls() {
      return calls;
    },
    async knock() {
      const failure = failures[calls++];
      if (failure !== undefined) throw failure;
      return "in";
    },
  };
}

describe("a door that is shut before anybody looked who it is", () => {
  it("is knocked at again, every 100 ms", async () => {
    const clock = new ManualClock();
    const crowded = door([shut(), new LanxferError("E_LOST", { text: "closed by the other end" }), shut()]);
    const knocking = insist(() => crowded.knock(), clock, never);
    await clock.pass(250);
    expect(crowded.calls).toBe(3);
    await clock.pass(50);
    expect(await knocking).toBe("in");
  });

  it("is left after three seconds, with what it said last", async () => {
    const clock = new ManualClock();
    const crowded = door(Array.from({ length: 100 }, shut));
    const knocking = insist(() => crowded.knock(), clock, never).catch((error: LanxferError) => error);
    await clock.pass(5_000);
    expect(await knocking).toMatchObject({ code: "E_UNREACHABLE", details: { peer: "bert" } });
    expect(crowded.calls).toBe(31);
  });

  it("is left at once when nobody wants in any more", async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    const crowded = door(Array.from({ length: 100 }, shut));
    const knocking = insist(() => crowded.knock(), clock, stop.signal).catch((error: Error) => error);
    await clock.pass(150);
    stop.abort(new LanxferError("E_CANCELLED"));
    await clock.pass(0);
    expect(await knocking).toMatchObject({ code: "E_CANCELLED" });
    expect(crowded.calls).toBe(2);
  });
});

describe("any other answer", () => {
  it.each([
    new LanxferError("E_UNREACHABLE", { peer: "bert", text: "connection refused" }),
    new LanxferError("E_IDENTITY", { peer: "bert" }),
    new LanxferError("E_VERSION"),
  ])("is final: $message", async (error) => {
    const other = door([error]);
    await expect(insist(() => other.knock(), new ManualClock(), never)).rejects.toBe(error);
    expect(other.calls).toBe(1);
  });
});
