import { describe, expect, it } from "vitest";
import { Company } from "../../../src/discovery/company.ts";
import { ManualClock } from "./support/clock.ts";

describe("the company on a link", () => {
  it("is who was heard within half a minute", async () => {
    const clock = new ManualClock();
    const company = new Company(clock);
    company.hear("anna");
    await clock.pass(20_000);
    company.hear("bert");
    expect(company.all()).toEqual(["anna", "bert"]);
    await clock.pass(20_000);
    expect(company.all()).toEqual(["bert"]);
    expect([company.has("anna"), company.has("bert")]).toEqual([false, true]);
    company.hear("anna");
    expect(company.has("anna")).toBe(true);
  });

  it("has a bounded size, whoever is invented, and forgets first who was heard the longest ago", () => {
    const company = new Company(new ManualClock());
    company.hear("anna");
    for (let n = 0; n < 10_000; n++) {
      company.hear(`fake${n}`);
      if (n % 100 === 0) company.hear("anna");
    }
    expect(company.all()).toHaveLength(512);
    expect(company.has("anna")).toBe(true);
    expect(company.has("fake9000")).toBe(false);
  });
});
