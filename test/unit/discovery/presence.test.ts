import { expect, it } from "vitest";
import { silentLog } from "../../../src/core/log.ts";
import type { Medium, MediumListener } from "../../../src/discovery/medium.ts";
import { Presence } from "../../../src/discovery/presence.ts";
import { ManualClock } from "./support/clock.ts";
import { idOf } from "./support/packets.ts";

const id = idOf("own");

async function started() {
  const clock = new ManualClock();
  const renamed: string[] = [];
  const warned: string[] = [];
  let listener: MediumListener | undefined;
  const medium: Medium = {
    open: (_, given) => {
      listener = given;
    },
    rename: ({ label }, former) => renamed.push(`${label} ${former}`),
    query: () => {},
    interfaces: () => [],
    close: async () => {},
  };
  const log = { ...silentLog, warn: (_: object, message: string) => warned.push(message) };
  const presence = new Presence(medium, { clock, log, probe: async () => undefined, isPaired: () => false });
  await presence.start({ id, name: "Own", port: 1 });
  const conflict = () => listener?.conflict();
  return { clock, presence, renamed, warned, conflict };
}

it("gives way to another that has its instance name, ever more slowly and three times at most", async () => {
  const { clock, renamed, warned, conflict } = await started();
  for (let second = 0; second < 600; second++) {
    for (let n = 0; n < 10; n++) conflict();
    await clock.pass(1000);
    if (second === 5) expect(renamed).toHaveLength(1);
  }
  expect(renamed).toEqual([8, 12, 16].map((length) => `Own (${id.slice(0, length)}) silent`));
  expect(warned).toHaveLength(3);
});

it("announces a new name with a goodbye for the old one, and nothing when it is closed", async () => {
  const { presence, renamed } = await started();
  presence.rename("Other");
  expect(renamed).toEqual([`Other (${id.slice(0, 4)}) goodbye`]);
  await presence.close();
  presence.rename("Third");
  expect(renamed).toHaveLength(1);
});
