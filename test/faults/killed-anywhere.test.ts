/** One large transfer during which either daemon is killed again and again, at random moments. */

import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { expect, it } from "vitest";
import { Duo } from "../support/duo.ts";
import { suiteFor } from "../support/privilege.ts";
import { MiB } from "../support/sizes.ts";

const KILLS = 20;
/** What one kill may cost at most, sent again: what was on its way and in memory. */
const AGAIN = 8 * MiB;

suiteFor(["hosts"])("a transfer whose ends are killed at random moments", () => {
  it("goes on each time where it was, and arrives once", async () => {
    await using duo = await Duo.open({ bytes: 120 * MiB, megabits: 200 });
    const { anna, bert } = duo;
    const seed = randomInt(2 ** 31);
    const moments = fc.sample(fc.record({ victim: fc.constantFrom(anna, bert), ms: fc.nat(400) }), {
      seed,
      numRuns: KILLS,
    });
    process.stderr.write(`  killed ${KILLS} times, seed ${seed}\n`);
    const before = await duo.sent();
    const id = await duo.begin();
    let kills = 0;
    for (const { victim, ms } of moments) {
      await sleep(ms);
      if ((await anna.transfer(id))?.endedAt !== null) break;
      await victim.kill();
      kills++;
      await victim.start();
      await duo.running(id);
    }
    const sent = await duo.arrives(id);
    const again = (await duo.sent()) - before - duo.bytes;
    process.stderr.write(
      `  ${kills} kills, ${(again / MiB).toFixed(1)} MiB sent again, ${(sent.resumed / MiB).toFixed(1)} MiB taken up by the last attempt\n`,
    );
    expect(kills, `seed ${seed}`).toBeGreaterThanOrEqual(5);
    expect(again, `seed ${seed}`).toBeLessThan(duo.bytes * 0.1 + kills * AGAIN);
  });
});
